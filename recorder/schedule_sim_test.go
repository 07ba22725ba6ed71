package recorder

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/ingest"
)

// at sleeps until a time of the bubble.
func at(t time.Time) { time.Sleep(time.Until(t)) }

// sim runs f in simulated time with a house of n rooms.
func sim(t *testing.T, n int, f func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newHouse(t, n)) })
}

// only returns the one recording of a session, after checking that it is exact.
func (h *house) only(id lieciba.SessionID) held {
	h.t.Helper()
	list := h.recordings(id)
	require.Len(h.t, list, 1)
	list[0].exact(h.t)
	return list[0]
}

func causes(x held) []lieciba.GapCause {
	var out []lieciba.GapCause
	for _, g := range x.gaps {
		out = append(out, g.Cause)
	}
	return out
}

var margins = lieciba.Margins{Before: time.Minute, After: 30 * time.Second}

func TestSessionIsRecordedExactly(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.margins = lieciba.Margins{Before: 2 * time.Minute, After: time.Minute}
		h.start()
		begin := time.Now().Add(5*time.Minute + 123456*time.Microsecond)
		id := h.session(h.rooms[0], begin, begin.Add(10*time.Minute), nil)
		at(begin.Add(time.Minute))
		s, err := h.catalog.Session(ctxb, id)
		require.NoError(t, err)
		require.Equal(t, lieciba.SessionRunning, s.State)
		at(begin.Add(12 * time.Minute))
		x := h.only(id)
		require.Empty(t, x.gaps)
		require.Equal(t, 13*time.Minute, x.cover.Recorded)
		require.Equal(t, x.Window.To, x.segments[len(x.segments)-1].To)
		require.False(t, x.segments[0].From.After(x.Window.From), "the GOP before the window is the pre-roll")
		require.Less(t, x.Window.From.Sub(x.segments[0].From), 2*time.Second)
		require.InDelta(t, 13*60/30, len(x.segments), 1)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		s, err = h.catalog.Session(ctxb, id)
		require.NoError(t, err)
		require.Equal(t, lieciba.SessionFinished, s.State)
	})
}

func TestOutageIsOneGapWithItsCause(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.start()
		cam := h.sims[h.cameras[0].Streams[0].URL]
		begin := time.Now().Add(30 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
		cut := begin.Add(45 * time.Second)
		at(cut)
		cam.fail(&ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("refused")})
		time.Sleep(3 * time.Second)
		cam.fail(nil)
		at(begin.Add(3 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseNetworkLoss}, causes(x))
		require.WithinDuration(t, cut, x.gaps[0].From, 50*time.Millisecond)
		require.InDelta(t, 3.2, x.gaps[0].To.Sub(x.gaps[0].From).Seconds(), 0.4)
	})
}

func TestCameraThatIsDownOrRefusesFromTheStart(t *testing.T) {
	for _, cause := range []lieciba.GapCause{lieciba.CauseCameraOffline, lieciba.CauseAuthFailed} {
		sim(t, 1, func(t *testing.T, h *house) {
			cam := h.sims[h.cameras[0].Streams[0].URL]
			cam.fail(&ingest.Error{Cause: cause, Err: errors.New("no")})
			h.start()
			begin := time.Now().Add(time.Minute)
			id := h.session(h.rooms[0], begin, begin.Add(10*time.Minute), nil)
			at(begin.Add(11 * time.Minute))
			x := h.only(id)
			require.Equal(t, []lieciba.GapCause{cause}, causes(x))
			require.Equal(t, lieciba.Interval{From: x.Window.From, To: x.Window.To}, x.gaps[0].Span(time.Time{}))
			require.Equal(t, lieciba.RecordingComplete, x.State)
			if cause == lieciba.CauseAuthFailed {
				require.LessOrEqual(t, cam.attempts(), 7, "no lock-out loop")
			} else {
				require.Greater(t, cam.attempts(), 30)
			}
		})
	}
}

func TestAttemptAfterCredentialsChange(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		cam := h.sims[h.cameras[0].Streams[0].URL]
		cam.fail(&ingest.Error{Cause: lieciba.CauseAuthFailed, Err: errors.New("no")})
		secrets := &secretBox{password: "wrong"}
		h.tune = func(c *Config) { c.Secrets = secrets.get }
		h.start()
		begin := time.Now().Add(time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(2 * time.Minute))
		cam.fail(nil)
		secrets.set("right")
		at(begin.Add(6 * time.Minute))
		x := h.only(id)
		last := x.gaps[len(x.gaps)-1]
		require.Equal(t, lieciba.CauseAuthFailed, last.Cause)
		require.Less(t, last.To.Sub(begin.Add(2*time.Minute)), 8*time.Second)
	})
}

func TestExtensionDoesNotCut(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.margins = margins
		h.start()
		begin := time.Now().Add(2 * time.Minute)
		id := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
		at(begin.Add(2*time.Minute + 25*time.Second)) // 5 s before the window's end
		h.change(id, func(s *lieciba.ExamSession) { s.EndsAt = s.EndsAt.Add(3 * time.Minute) })
		at(begin.Add(6*time.Minute + 10*time.Second))
		x := h.only(id)
		require.Empty(t, x.gaps)
		require.Equal(t, 6*time.Minute+30*time.Second, x.cover.Recorded)
		require.Equal(t, x.segments[0].RunID, x.segments[len(x.segments)-1].RunID)
	})
}

func TestShorteningEndsEarlier(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(10*time.Minute), nil)
		at(begin.Add(time.Minute))
		h.change(id, func(s *lieciba.ExamSession) { s.EndsAt = begin.Add(90 * time.Second) })
		at(begin.Add(2 * time.Minute))
		x := h.only(id)
		require.Empty(t, x.gaps)
		require.Equal(t, 90*time.Second, x.cover.Recorded)
		require.Equal(t, x.Window.To, x.segments[len(x.segments)-1].To, "nothing is kept beyond the window")
	})
}

func TestRescheduleMovesTheWindow(t *testing.T) {
	// Before it is made ready, and when it has been.
	for _, ahead := range []time.Duration{time.Minute, 3 * time.Second} {
		for _, by := range []time.Duration{2 * time.Minute, -30 * time.Second} {
			if by < 0 && ahead < -by {
				continue
			}
			sim(t, 1, func(t *testing.T, h *house) {
				h.start()
				begin := time.Now().Add(2 * time.Minute)
				id := h.session(h.rooms[0], begin, begin.Add(time.Minute), nil)
				at(begin.Add(-ahead))
				h.change(id, func(s *lieciba.ExamSession) { s.StartsAt, s.EndsAt = s.StartsAt.Add(by), s.EndsAt.Add(by) })
				at(begin.Add(4 * time.Minute))
				x := h.only(id)
				require.Empty(t, x.gaps)
				require.True(t, begin.Add(by).Truncate(time.Microsecond).Equal(x.Window.From), "%s %s", ahead, by)
				require.Equal(t, time.Minute, x.cover.Recorded)
			})
		}
	}
}

// twoComplete is the session's two recordings, each complete and exact.
func (h *house) twoComplete(id lieciba.SessionID) []held {
	h.t.Helper()
	list := h.recordings(id)
	require.Len(h.t, list, 2)
	for _, x := range list {
		x.exact(h.t)
		require.Equal(h.t, lieciba.RecordingComplete, x.State)
	}
	return list
}

func TestRoomChangeClosesOneAndOpensAnother(t *testing.T) {
	sim(t, 2, func(t *testing.T, h *house) {
		h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
		at(begin.Add(time.Minute))
		h.change(id, func(s *lieciba.ExamSession) { s.RoomID = h.rooms[1].ID })
		at(begin.Add(4 * time.Minute))
		list := h.twoComplete(id)
		require.WithinDuration(t, begin.Add(time.Minute), list[0].Window.To, 2*time.Second)
		require.Equal(t, list[0].Window.To, list[1].Window.From)
		require.True(t, begin.Add(3*time.Minute).Truncate(time.Microsecond).Equal(list[1].Window.To))
		require.Equal(t, h.rooms[1].ID, list[1].RoomID)
		require.Empty(t, list[0].gaps)
	})
}

// A session that is moved to another room by mistake and back is filmed all the
// while, where it was.
func TestRoomChangeAndBack(t *testing.T) {
	sim(t, 2, func(t *testing.T, h *house) {
		h.start()
		begin := lieciba.Micro(time.Now().Add(20 * time.Second))
		id := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
		at(begin.Add(time.Minute))
		h.change(id, func(s *lieciba.ExamSession) { s.RoomID = h.rooms[1].ID })
		at(begin.Add(90 * time.Second))
		h.change(id, func(s *lieciba.ExamSession) { s.RoomID = h.rooms[0].ID })
		at(begin.Add(4 * time.Minute))
		list := h.twoComplete(id)
		first, other := list[0], list[1]
		require.Equal(t, lieciba.Interval{From: begin, To: begin.Add(3 * time.Minute)}, first.Window)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseNotAssigned}, causes(first), "it was in the other room")
		require.WithinDuration(t, begin.Add(time.Minute), first.gaps[0].From, 2*time.Second)
		require.WithinDuration(t, begin.Add(90*time.Second), first.gaps[0].To, 3*time.Second)
		require.Empty(t, other.gaps)
		require.WithinDuration(t, first.gaps[0].From, other.Window.From, time.Second)
		require.WithinDuration(t, first.gaps[0].To, other.Window.To, 3*time.Second, "a GOP earlier at most")
	})
}

func TestCancelBeforeAndWhileRunning(t *testing.T) {
	for _, after := range []time.Duration{-time.Minute, -5 * time.Second, 40 * time.Second} {
		sim(t, 1, func(t *testing.T, h *house) {
			h.start()
			begin := time.Now().Add(2 * time.Minute)
			id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
			at(begin.Add(after))
			h.change(id, func(s *lieciba.ExamSession) { s.State = lieciba.SessionCancelled })
			at(begin.Add(6 * time.Minute))
			list := h.recordings(id)
			if after < 0 {
				require.Empty(t, list)
			} else {
				x := h.only(id)
				require.InDelta(t, after.Seconds(), x.cover.Recorded.Seconds(), 2)
				require.Empty(t, x.gaps)
				require.Equal(t, lieciba.RecordingComplete, x.State)
			}
		})
	}
}

func TestSessionPushedLateStartsWithAGap(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		r, _ := h.start()
		time.Sleep(time.Minute)
		now := time.Now()
		id := h.session(h.rooms[0], now.Add(-30*time.Second), now.Add(time.Minute), nil)
		r.Refresh()
		at(now.Add(2 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerStart}, causes(x))
		require.Equal(t, x.Window.From, x.gaps[0].From)
		require.InDelta(t, 29, x.gaps[0].To.Sub(x.gaps[0].From).Seconds(), 1.1, "up to the pre-roll's key frame")
	})
}

func TestAssignmentInMidSession(t *testing.T) {
	sim(t, 2, func(t *testing.T, h *house) {
		h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(4*time.Minute), nil)
		at(begin.Add(time.Minute))
		h.assign(h.cameras[1], h.rooms[0], begin.Add(70*time.Second)) // joins from the other room, 10 s ahead
		at(begin.Add(2 * time.Minute))
		h.assign(h.cameras[0], h.rooms[1], begin.Add(2*time.Minute)) // leaves
		at(begin.Add(5 * time.Minute))
		list := h.recordings(id)
		require.Len(t, list, 2)
		for _, x := range list {
			x.exact(t)
			require.Equal(t, []lieciba.GapCause{lieciba.CauseNotAssigned}, causes(x))
			g := x.gaps[0]
			if x.CameraID == h.cameras[0].ID {
				require.True(t, g.From.Equal(begin.Add(2*time.Minute).Truncate(time.Microsecond)) || g.From.Sub(begin.Add(2*time.Minute)) < 2*time.Second)
				require.Equal(t, x.Window.To, g.To)
			} else {
				require.Equal(t, x.Window.From, g.From)
				require.InDelta(t, 70, g.To.Sub(begin).Seconds(), 2.1)
				require.False(t, g.To.Before(begin.Add(70*time.Second).Truncate(time.Microsecond)))
			}
		}
	})
}

func TestSessionsThatOverlapByTheirMargins(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.margins = lieciba.Margins{Before: time.Minute, After: time.Minute}
		h.start()
		begin := time.Now().Add(2 * time.Minute)
		a := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
		b := h.session(h.rooms[0], begin.Add(2*time.Minute), begin.Add(4*time.Minute), nil)
		at(begin.Add(6 * time.Minute))
		for _, id := range []lieciba.SessionID{a, b} {
			x := h.only(id)
			require.Empty(t, x.gaps)
			require.Equal(t, 4*time.Minute, x.cover.Recorded)
			require.Equal(t, lieciba.RecordingComplete, x.State)
		}
	})
}

func TestRestartDeclaresTheTimeItWasDown(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		_, stop := h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
		at(begin.Add(time.Minute))
		stop()
		at(begin.Add(100 * time.Second))
		h.start()
		at(begin.Add(4 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerDown}, causes(x))
		require.WithinDuration(t, begin.Add(time.Minute), x.gaps[0].From, 50*time.Millisecond)
		require.WithinDuration(t, begin.Add(100*time.Second), x.gaps[0].To, 1200*time.Millisecond)
		require.Equal(t, lieciba.RecordingComplete, x.State)
	})
}

func TestCameraDownWhenTheServerStops(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		cam := h.sims[h.cameras[0].Streams[0].URL]
		_, stop := h.start()
		begin := time.Now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(time.Minute))
		cam.fail(&ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("refused")})
		at(begin.Add(2 * time.Minute))
		stop()
		at(begin.Add(3 * time.Minute))
		h.start()
		at(begin.Add(4 * time.Minute))
		cam.fail(nil)
		at(begin.Add(6 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseNetworkLoss, lieciba.CauseServerDown, lieciba.CauseCameraOffline}, causes(x))
		for i, from := range []time.Duration{60, 120, 180} {
			require.InDelta(t, from, x.gaps[i].From.Sub(begin).Seconds(), 1.2)
		}
	})
}

func TestSessionThatPassedWhileTheServerWasDown(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		begin := time.Now().Add(20 * time.Second)
		never := h.session(h.rooms[0], begin, begin.Add(time.Minute), nil)
		half := h.session(h.rooms[0], begin.Add(2*time.Minute), begin.Add(4*time.Minute), nil)
		at(begin.Add(130 * time.Second))
		_, stop := h.start()
		at(begin.Add(3 * time.Minute))
		stop()
		at(begin.Add(5 * time.Minute))
		h.start()
		time.Sleep(10 * time.Second)
		x := h.only(never)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerDown}, causes(x))
		require.Zero(t, x.cover.Recorded)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		y := h.only(half)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerStart, lieciba.CauseServerDown}, causes(y))
		require.InDelta(t, 50, y.cover.Recorded.Seconds(), 1)
		require.Equal(t, lieciba.RecordingComplete, y.State)
		for _, id := range []lieciba.SessionID{never, half} {
			s, err := h.catalog.Session(ctxb, id)
			require.NoError(t, err)
			require.Equal(t, lieciba.SessionFinished, s.State)
		}
	})
}

// Whose fault it was that nobody recorded: a server that runs cannot record what
// it is told of when it is over, and one that was down could have.
func TestSessionToldWhenItIsOver(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		_, stop := h.start()
		time.Sleep(10 * time.Minute)
		now := lieciba.Micro(time.Now())
		over := h.session(h.rooms[0], now.Add(-8*time.Minute), now.Add(-6*time.Minute), nil)
		time.Sleep(10 * time.Second)
		stop()
		begin := lieciba.Micro(time.Now())
		time.Sleep(time.Minute)
		told := lieciba.Micro(time.Now())
		midway := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
		time.Sleep(10 * time.Minute)
		h.start()
		time.Sleep(10 * time.Second)
		x, y := h.only(over), h.only(midway)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseToldLate}, causes(x))
		require.Equal(t, x.Window, x.gaps[0].Span(now))
		require.Contains(t, x.gaps[0].Detail, "told at "+now.Format(time.RFC3339))
		require.Equal(t, []lieciba.GapCause{lieciba.CauseToldLate, lieciba.CauseServerDown}, causes(y))
		require.Equal(t, lieciba.Interval{From: begin, To: told}, y.gaps[0].Span(now))
		require.Equal(t, lieciba.Interval{From: told, To: begin.Add(3 * time.Minute)}, y.gaps[1].Span(now))
		for _, z := range []held{x, y} {
			z.exact(t)
			require.Equal(t, lieciba.RecordingComplete, z.State)
		}
	})
}

func TestNightOfTheClockChange(t *testing.T) {
	// Riga goes from UTC+3 to UTC+2 at 2026-10-25T01:00Z; the recorder must not notice.
	sim(t, 1, func(t *testing.T, h *house) {
		bubble := time.Now()
		wall := time.Date(2026, 10, 25, 0, 50, 0, 0, time.UTC)
		h.clock = func() clock.Instant {
			d := time.Since(bubble)
			return clock.Instant{Wall: wall.Add(d), Mono: clock.Mono(d)}
		}
		h.now = func() time.Time { return h.clock().Wall }
		h.start()
		from, err := lieciba.ParseRigaTime("", "2026-10-25T03:55:00+03:00")
		require.NoError(t, err)
		to, err := lieciba.ParseRigaTime("", "2026-10-25T03:05:00+02:00")
		require.NoError(t, err)
		id := h.session(h.rooms[0], from, to, nil)
		time.Sleep(20 * time.Minute)
		x := h.only(id)
		require.Empty(t, x.gaps)
		require.Equal(t, 10*time.Minute, x.cover.Recorded)
	})
}

func TestStepsOfTheServersClock(t *testing.T) {
	for _, step := range []time.Duration{20 * time.Second, -20 * time.Second} {
		sim(t, 1, func(t *testing.T, h *house) {
			bubble := time.Now()
			var offset atomic.Int64
			h.clock = func() clock.Instant {
				d := time.Since(bubble)
				return clock.Instant{Wall: bubble.Add(d + time.Duration(offset.Load())).Round(0), Mono: clock.Mono(d)}
			}
			h.now = func() time.Time { return h.clock().Wall }
			r, _ := h.start()
			begin := h.now().Add(20 * time.Second)
			id := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
			time.Sleep(80 * time.Second)
			offset.Store(int64(step))
			time.Sleep(10 * time.Second)
			if step < 0 {
				require.InDelta(t, step.Seconds(), r.Stats().ClockStep.Seconds(), 0.1, "not followed while recording, and said")
			}
			time.Sleep(4 * time.Minute)
			x := h.only(id)
			if step > 0 {
				require.Equal(t, []lieciba.GapCause{lieciba.CauseCameraRestarted}, causes(x))
				require.InDelta(t, step.Seconds(), x.gaps[0].To.Sub(x.gaps[0].From).Seconds(), 2)
			} else {
				require.Empty(t, x.gaps)
				require.Equal(t, lieciba.ClockUnreliable, x.segments[len(x.segments)-1].ClockQuality)
			}
			require.InDelta(t, 0, r.Stats().ClockStep.Seconds(), 0.01, "followed when nothing records")
		})
	}
}
