package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/ingest"
)

var unreachable = &ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("no route to host")}

// beganAt checks that the window is lost to its end: first because nobody knew
// of the recording, up to known and not to when an attempt had failed, then for cause.
func (x held) beganAt(t *testing.T, known time.Time, cause lieciba.GapCause) {
	t.Helper()
	require.Equal(t, []lieciba.GapCause{lieciba.CauseServerStart, cause}, causes(x))
	require.Equal(t, x.Window.From, x.gaps[0].From)
	require.Equal(t, x.gaps[0].To, x.gaps[1].From, "they meet")
	require.Equal(t, lieciba.Micro(known).UTC(), x.gaps[0].To.UTC())
	require.Equal(t, x.Window.To, x.gaps[1].To)
	require.Equal(t, lieciba.RecordingComplete, x.State)
}

func TestCameraAwayWhenASessionIsPushedLate(t *testing.T) {
	for _, cause := range []lieciba.GapCause{lieciba.CauseCameraOffline, lieciba.CauseAuthFailed, lieciba.CauseNotAllowed} {
		sim(t, 1, func(t *testing.T, h *house) {
			h.margins = lieciba.Margins{Before: 5 * time.Minute, After: 30 * time.Second}
			h.sims[h.cameras[0].Streams[0].URL].fail(&ingest.Error{Cause: cause, Err: errors.New("no")})
			r, _ := h.start()
			time.Sleep(3500 * time.Millisecond)
			now := time.Now()
			id := h.session(h.rooms[0], now.Add(time.Minute), now.Add(2*time.Minute), nil)
			r.Refresh()
			at(now.Add(4 * time.Minute))
			x := h.only(id)
			x.beganAt(t, x.CreatedAt, cause)
			require.Equal(t, lieciba.Micro(now).UTC(), x.gaps[0].To.UTC())
		})
	}
}

// The first attempt takes its time, to fail or to succeed; the session is known
// before the server starts.
func TestServerStartedInsideTheWindow(t *testing.T) {
	for _, fails := range []bool{true, false} {
		sim(t, 1, func(t *testing.T, h *house) {
			cam := h.sims[h.cameras[0].Streams[0].URL]
			cam.delay = 3300 * time.Millisecond
			if fails {
				cam.fail(unreachable)
			}
			begin := time.Now()
			id := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
			at(begin.Add(time.Minute))
			h.start()
			at(begin.Add(4 * time.Minute))
			x := h.only(id)
			if fails {
				x.beganAt(t, begin.Add(time.Minute), lieciba.CauseCameraOffline)
				return
			}
			require.Equal(t, []lieciba.GapCause{lieciba.CauseServerStart}, causes(x))
			require.Equal(t, x.segments[0].From, x.gaps[0].To, "up to the first key frame")
			require.True(t, x.gaps[0].To.After(begin.Add(63*time.Second)))
		})
	}
}

// A camera that is away when the server comes back is away from then on, not
// from the end of the first attempt.
func TestCameraAwayWhenTheServerComesBack(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		cam := h.sims[h.cameras[0].Streams[0].URL]
		_, stop := h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(time.Minute))
		stop()
		cam.fail(unreachable)
		cam.delay = 3300 * time.Millisecond
		back := begin.Add(2 * time.Minute)
		at(back)
		h.start()
		at(begin.Add(6 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerDown, lieciba.CauseCameraOffline}, causes(x))
		require.Equal(t, lieciba.Micro(back).UTC(), x.gaps[0].To.UTC())
		require.Equal(t, x.gaps[0].To, x.gaps[1].From)
	})
}

// The current GOP covers the end of what the recorder did not know of: the gap
// ends where the picture begins, before the session was pushed.
func TestGOPInMemoryShortensTheGapOfALateSession(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		r, _ := h.start()
		time.Sleep(61500 * time.Millisecond)
		now := time.Now()
		id := h.session(h.rooms[0], now.Add(-30*time.Second), now.Add(time.Minute), nil)
		r.Refresh()
		at(now.Add(2 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerStart}, causes(x))
		require.Equal(t, x.segments[0].From, x.gaps[0].To)
		require.True(t, x.gaps[0].To.Before(x.CreatedAt))
	})
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range what {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		n++
	}
	return n
}

func TestCameraThatStaysAwayIsLoggedOnceAMinute(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		log := &lines{}
		h.tune = func(c *Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }
		cam := h.sims[h.cameras[0].Streams[0].URL]
		cam.fail(unreachable)
		h.start()
		ended := func(cause lieciba.GapCause) int { return log.count("stream ended", fmt.Sprintf("cause=%s", cause)) }
		time.Sleep(50 * time.Second)
		require.Greater(t, cam.attempts(), 25)
		require.Equal(t, 1, ended(lieciba.CauseCameraOffline))
		time.Sleep(3 * time.Minute)
		require.Equal(t, 4, ended(lieciba.CauseCameraOffline))
		cam.fail(&ingest.Error{Cause: lieciba.CauseDecodeError, Err: errors.New("no video")}) // another fault is told at once
		time.Sleep(12 * time.Second)
		require.Equal(t, 1, ended(lieciba.CauseDecodeError))
		cam.fail(nil)
		time.Sleep(20 * time.Second)
		cam.fail(unreachable) // it was there in between: both are told again
		time.Sleep(5 * time.Second)
		require.Equal(t, 1, ended(lieciba.CauseNetworkLoss))
		require.Equal(t, 5, ended(lieciba.CauseCameraOffline))
	})
}
