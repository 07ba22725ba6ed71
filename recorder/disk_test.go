package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam"
	"lieciba/recorder/ingest"
)

// tmpfs mounts a small file system at dir.
func tmpfs(t *testing.T, dir, size string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o750))
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	require.NoError(t, err, "a full disk is tested on a small tmpfs: run the tests as root, with the right to mount")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
}

// fill writes ballast until the disk at dir is full.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err = f.Write(block); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			block = block[:len(block)/2]
		}
	}
	require.NoError(t, f.Close())
	return path
}

func TestFullDisk(t *testing.T) {
	// Seen ahead by its free space, and met by surprise in mid-write.
	for name, reserve := range map[string]int64{"seen ahead": 2 << 20, "by surprise": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := realHouse(t, small(rtspcam.Config{}))
			tmpfs(t, filepath.Join(h.dir, "spool"), "8m")
			h.tune = func(c *Config) { c.SegmentLength, c.MinFreeBytes = 3*time.Second, reserve }
			r, stop := h.start()
			begin := h.now().Add(3 * time.Second)
			id := h.session(h.rooms[0], begin, begin.Add(18*time.Second), nil)
			time.Sleep(time.Until(begin.Add(5 * time.Second)))
			ballast := fill(t, filepath.Join(h.dir, "spool"))
			time.Sleep(5 * time.Second)
			st, _ := r.CameraStatus(h.cameras[0].ID)
			require.Equal(t, lieciba.CauseDiskFull, st.GapCause)
			require.True(t, st.Connected, "the camera is pulled on, and can be watched")
			require.NoError(t, os.Remove(ballast))
			x := h.settled(r, id, 1)[0]
			require.NotEmpty(t, x.gaps)
			for _, g := range x.gaps {
				require.Equal(t, lieciba.CauseDiskFull, g.Cause)
			}
			// A disk that is nearly full may take a fragment now and then.
			require.Greater(t, x.cover.Missing, time.Second)
			require.Less(t, x.cover.Missing, 9*time.Second)
			h.checkFiles(t, x)
			stop()
		})
	}
}

func TestWrongPasswordIsNoLoopAndNoLeak(t *testing.T) {
	t.Parallel()
	h, _ := realHouse(t, small(rtspcam.Config{Username: "admin", Password: "right"}))
	secrets := &secretBox{password: "wr%ng pass/ā"}
	var attempts countingDialer
	h.tune = func(c *Config) { c.Secrets, c.Dial = secrets.get, attempts.dial }
	r, stop := h.start()
	begin := h.now().Add(2 * time.Second)
	id := h.session(h.rooms[0], begin, begin.Add(16*time.Second), nil)
	time.Sleep(time.Until(begin.Add(6 * time.Second)))
	require.EqualValues(t, 1, attempts.n.Load(), "a refused password is not tried again and again")
	st, _ := r.CameraStatus(h.cameras[0].ID)
	require.True(t, strings.HasPrefix(st.Trouble, string(lieciba.CauseAuthFailed)), st.Trouble)
	require.NotEmpty(t, st.Advice)
	require.NotContains(t, st.Trouble, "wr")
	secrets.set("right")
	x := h.settled(r, id, 1)[0]
	for _, g := range x.gaps {
		require.NotContains(t, g.Detail, "pass/")
	}
	require.Equal(t, lieciba.CauseAuthFailed, x.gaps[len(x.gaps)-1].Cause)
	require.Positive(t, x.cover.Recorded)
	stop()
}

func TestErrorsNeverHoldCredentials(t *testing.T) {
	_, err := ingest.Open(t.Context(), ingest.Options{URL: "rtsp://127.0.0.1:1/x", User: "admin", Password: "s3cret/ā", Timeout: time.Second,
		Now: time.Now}, nil)
	require.Error(t, err)
	require.Equal(t, lieciba.CauseCameraOffline, ingest.CauseOf(err))
	for e := err; e != nil; e = errors.Unwrap(e) {
		require.NotContains(t, e.Error(), "s3cret")
	}
}
