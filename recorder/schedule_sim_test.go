package recorder

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// at sleeps until a time of the bubble.
func at(t time.Time) { time.Sleep(time.Until(t)) }

func TestSessionIsRecordedExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1)
		h.margins = lieciba.Margins{Before: 5 * time.Minute, After: 2 * time.Minute}
		_, stop := h.start()
		begin := time.Now().Add(10*time.Minute + 123456*time.Microsecond)
		id := h.session(h.rooms[0], begin, begin.Add(30*time.Minute), nil)
		at(begin.Add(time.Minute))
		s, err := h.catalog.Session(ctxb, id)
		require.NoError(t, err)
		require.Equal(t, lieciba.SessionRunning, s.State)
		at(begin.Add(33 * time.Minute))
		list := h.recordings(id)
		require.Len(t, list, 1)
		x := list[0]
		x.exact(t)
		require.Empty(t, x.gaps)
		require.Equal(t, 37*time.Minute, x.cover.Recorded)
		require.Equal(t, x.Window.To, x.segments[len(x.segments)-1].To)
		require.False(t, x.segments[0].From.After(x.Window.From), "the GOP before the window is the pre-roll")
		require.Less(t, x.Window.From.Sub(x.segments[0].From), 2*time.Second)
		require.InDelta(t, 37*60/30, len(x.segments), 3)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		s, err = h.catalog.Session(ctxb, id)
		require.NoError(t, err)
		require.Equal(t, lieciba.SessionFinished, s.State)
		stop()
	})
}
