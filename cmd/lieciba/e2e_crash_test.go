package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/segment"
)

// TestKillInMidRecording pulls the plug of a recording server and starts it again.
func TestKillInMidRecording(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	h.camera(small("Priekša", lieciba.PCMA))
	h.camera(small("Durvis", lieciba.AAC))
	id := h.push("kill", 20*time.Second)
	h.grown(id, 2, 2)
	killed := h.server.kill(t)
	h.serve()
	back := time.Now()
	code, r := h.fsck() // beside the server, while it records again
	require.Zero(t, code, "%+v", r.Violations)
	for _, rec := range h.complete(id, 2) {
		g := h.oneGap(rec, lieciba.CauseServerDown)
		// The last fragment (1 s) and the frame that waited for its successor.
		require.Less(t, killed.Sub(g.From), time.Second+5*frameTime, "at most the last part is lost")
		require.False(t, g.From.After(killed), "nothing is claimed that was not recorded")
		require.Less(t, g.To.Sub(back), 10*time.Second, "it records again")
		ends, starts := map[time.Time]bool{}, map[time.Time]bool{}
		for _, s := range rec.Segments {
			ends[s.To], starts[s.From] = true, true
		}
		require.True(t, ends[g.From], "the gap starts where the recovered segment ends")
		require.True(t, starts[*g.To], "and ends where the next one starts")
		h.playable(rec)
	}
	h.clean()
}

// TestGracefulStopClosesSegments stops a recording server in order.
func TestGracefulStopClosesSegments(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	h.camera(small("Priekša", ""))
	id := h.push("stop", 14*time.Second)
	h.grown(id, 1, 1)
	asked := time.Now()
	h.server.stop(t)
	left, err := filepath.Glob(filepath.Join(h.dir, "spool", "*", "*"+segment.PartSuffix))
	require.NoError(t, err)
	require.Empty(t, left, "every segment was closed")
	h.clean()
	h.serve()
	rec := h.complete(id, 1)[0]
	g := h.oneGap(rec, lieciba.CauseServerDown)
	require.Less(t, asked.Sub(g.From), 5*frameTime, "it records until it is asked to stop")
	h.playable(rec)
	h.clean()
}

// TestSecondServerIsRefused starts another server on data that one has.
func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	second, _ := startChild(t, nil, "serve", "--config", h.config)
	select {
	case <-second.ended:
	case <-time.After(patience):
		require.FailNow(t, "two servers on one folder")
	}
	require.Equal(t, 1, second.cmd.ProcessState.ExitCode())
	require.Contains(t, second.said(), "in use by another lieciba process")
	require.Contains(t, second.said(), h.dir)
	require.True(t, h.server.alive())
}
