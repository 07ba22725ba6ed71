package main

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// smallDisk mounts a file system of its own, so that a test can fill it up.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("lieciba-test", dir, "tmpfs", 0, "size="+size+",mode=0700"),
		"this test mounts a tmpfs: run the tests as root, as deploy/dev/install.sh wants it")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill takes all the space that is left on the disk of dir. It returns what gives
// it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	size := int64(0)
	for _, step := range []int64{1 << 20, 4096} { // a step that does not fit takes nothing
		for err = nil; err == nil; size += step {
			err = syscall.Fallocate(int(f.Fd()), 0, size, step)
		}
		size -= step
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.NoError(t, f.Close())
	return func() { require.NoError(t, os.Remove(path)) }
}

// TestFullDisk fills the disk with catalogue, spool and media in mid-recording.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t, smallDisk(t, "400m"), nil)
	_, cam := h.camera(small("Priekša", lieciba.PCMA))
	id := h.push("full", 20*time.Second)
	h.grown(id, 1, 1)
	filled := time.Now()
	free := fill(t, h.dir)
	until(t, "the camera's state says that the disk is full", patience, func() bool {
		s := h.state(cam).Status
		return s.GapOpenSince != nil && s.GapCause == lieciba.CauseDiskFull
	})
	res, err := h.http.Get(h.server.url + "/healthz")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode, "the server stays up")
	free()
	until(t, "it records again", patience, func() bool {
		s := h.state(cam).Status
		return s.Recording && s.GapOpenSince == nil
	})
	rec := h.complete(id, 1)[0]
	g := h.oneGap(rec, lieciba.CauseDiskFull)
	require.Less(t, filled.Sub(g.From), time.Second+5*frameTime, "what was on disk is kept")
	h.playable(rec)
	require.True(t, h.server.alive())
	h.clean()
}
