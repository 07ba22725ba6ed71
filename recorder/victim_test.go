package recorder

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam"
	"lieciba/storage/localfs"
	"lieciba/storage/segment"
	"lieciba/storage/sqlite"
)

const victimEnv = "LIECIBA_TEST_VICTIM"

// victim is a recording server in a process of its own that a test kills. It
// never returns.
func victim(spec string) {
	dir, node, _ := strings.Cut(spec, "|")
	err := func() error {
		cat, err := sqlite.Open(ctxb, filepath.Join(dir, "catalogue.db"))
		if err != nil {
			return err
		}
		media, err := localfs.Open(filepath.Join(dir, "media"))
		if err != nil {
			return err
		}
		r, err := New(Config{Catalog: cat, Media: media, Node: lieciba.NodeID(node), SpoolDir: filepath.Join(dir, "spool"),
			SegmentLength: 3 * time.Second, MinFreeBytes: 1 << 20, Log: quiet()})
		if err != nil {
			return err
		}
		return r.Run(ctxb)
	}()
	fmt.Fprintln(os.Stderr, "the victim ended by itself:", err)
	os.Exit(3)
}

// grown waits until the spool holds a growing segment of some size.
func (h *house) grown(t *testing.T, bytes int64) string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		list, err := filepath.Glob(filepath.Join(h.dir, "spool", "*", "*"+segment.PartSuffix))
		require.NoError(t, err)
		for _, p := range list {
			if info, err := os.Stat(p); err == nil && info.Size() > bytes {
				return p
			}
		}
		require.True(t, time.Now().Before(deadline), "no segment grows")
		time.Sleep(20 * time.Millisecond)
	}
}

func TestKilledServerLosesAtMostTheLastFragment(t *testing.T) {
	t.Parallel()
	h, _ := realHouse(t, small(rtspcam.Config{Audio: lieciba.PCMA}))
	begin := h.now().Add(3 * time.Second)
	id := h.session(h.rooms[0], begin, begin.Add(16*time.Second), nil)
	require.NoError(t, h.media.Close()) // the folder belongs to one process at a time
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+h.dir+"|"+string(h.node))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	time.Sleep(time.Until(begin.Add(4 * time.Second))) // some segments are stored by then
	part := h.grown(t, 6000)
	require.NoError(t, cmd.Process.Kill())
	killed := h.now()
	require.Error(t, cmd.Wait())
	// The power cut may tear the last write too.
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 1234))
	require.NoError(t, err)
	require.NoError(t, f.Close())

	media, err := localfs.Open(filepath.Join(h.dir, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	h.media = media
	time.Sleep(2 * time.Second)
	r, stop := h.start()
	x := h.settled(r, id, 1)[0]
	require.Len(t, x.gaps, 1)
	g := x.gaps[0]
	require.Equal(t, lieciba.CauseServerDown, g.Cause)
	require.Less(t, killed.Sub(g.From), 2*time.Second, "at most the last fragment is lost")
	require.False(t, g.From.After(killed))
	require.Less(t, g.To.Sub(killed), 5*time.Second)
	ends := map[time.Time]bool{}
	for _, s := range x.segments {
		ends[s.To] = true
	}
	require.True(t, ends[g.From], "the gap starts where the recovered segment ends")
	h.checkFiles(t, x)
	stop()
}
