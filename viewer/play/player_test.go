package play

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// film is what one camera has on record.
type film struct {
	chunks []*Chunk
}

// newFilm makes chunks of 1 s, key frames every 2 s, 25 frames a second, from
// zero on; the seconds in skip are missing, a whole GOP at a time.
func newFilm(zero time.Time, seconds int, skip ...int) film {
	var f film
	missing := map[int]bool{}
	for _, s := range skip {
		missing[s-s%2], missing[s-s%2+1] = true, true
	}
	for s := range seconds {
		if missing[s] {
			continue
		}
		from := zero.Add(time.Duration(s) * time.Second)
		c := &Chunk{From: from, To: from.Add(time.Second), Key: s%2 == 0, Bytes: 25_000}
		for k := range 25 {
			at := from.Add(time.Duration(k) * 40 * time.Millisecond)
			c.Video = append(c.Video, lieciba.Frame{Key: c.Key && k == 0, Time: at, Units: [][]byte{make([]byte, 1000)}})
		}
		for k := range 50 {
			c.Audio = append(c.Audio, lieciba.Frame{Track: lieciba.TrackAudio, Time: from.Add(time.Duration(k) * 20 * time.Millisecond)})
		}
		f.chunks = append(f.chunks, c)
	}
	return f
}

// shownAt is the frame that a camera shows at t; false in a gap.
func (f film) shownAt(t time.Time) (time.Time, bool) {
	for _, c := range f.chunks {
		if !t.Before(c.From) && t.Before(c.To) {
			at := c.From
			for _, v := range c.Video {
				if !v.Time.After(t) {
					at = v.Time
				}
			}
			return at, true
		}
	}
	return time.Time{}, false
}

// script is what a feeder delivers for a fetch: the real one does the same from
// a catalogue (reader_test.go, and the browser tests of package viewer).
func (f film) script(cam int, want Fetch) (out []Delivery) {
	add := func(d Delivery) { d.Camera, d.Gen = cam, want.Gen; out = append(out, d) }
	i := len(f.chunks)
	for k, c := range f.chunks {
		if c.To.After(want.At) {
			i = k
			break
		}
	}
	from, inside := want.At, i < len(f.chunks) && !f.chunks[i].From.After(want.At)
	if inside && want.Burst {
		key := i
		for !f.chunks[key].Key {
			key--
		}
		for ; key <= i; key++ {
			add(Delivery{Kind: Media, Chunk: f.chunks[key], Lead: true})
		}
	}
	if want.Mode == KeysReverse {
		if !inside {
			i--
		}
		for ; i >= 0; i-- {
			c := f.chunks[i]
			if from.Sub(c.To) > 0 {
				add(Delivery{Kind: GapAhead, Gap: lieciba.Interval{From: c.To, To: from}, Cause: "x"})
			}
			from = c.From
			if c.Key {
				add(Delivery{Kind: Media, Chunk: keyOnly(c)})
			}
		}
		add(Delivery{Kind: AtEnd})
		return out
	}
	if inside {
		from = f.chunks[i].To
		i++
	}
	for ; i < len(f.chunks); i++ {
		c := f.chunks[i]
		if c.From.After(from) {
			add(Delivery{Kind: GapAhead, Gap: lieciba.Interval{From: from, To: c.From}, Cause: "x"})
		}
		from = c.To
		if want.Mode == AllFrames {
			add(Delivery{Kind: Media, Chunk: c})
		} else if c.Key {
			add(Delivery{Kind: Media, Chunk: keyOnly(c)})
		}
	}
	add(Delivery{Kind: AtEnd})
	return out
}

// sim runs a player against films in its own time.
type sim struct {
	t       *testing.T
	p       *Player
	films   []film
	now     time.Time
	queue   [][]Delivery // by camera
	room    []int
	maps    []Map
	lastTS  []uint32
	any     []bool
	screen  []time.Time // frame on screen
	screenT []uint32    // and its timestamp
	replies map[int64]error
	sent    []Send // since the last look
	sound   []PlaySound
	gaps    []GapNote
	mutes   int
	ended   int
	manual  bool          // deliveries are made by hand
	slack   time.Duration // how far a map may be off
}

func newSim(t *testing.T, films ...film) *sim {
	s := &sim{t: t, films: films, now: epoch.Add(24 * time.Hour), replies: map[int64]error{}}
	n := len(films)
	s.queue, s.room = make([][]Delivery, n), make([]int, n)
	s.lastTS, s.any, s.screen, s.screenT = make([]uint32, n), make([]bool, n), make([]time.Time, n), make([]uint32, n)
	last := films[0].chunks[len(films[0].chunks)-1].To
	s.p = NewPlayer(Config{Cameras: n, Window: lieciba.Interval{From: epoch, To: last}, Sound: 0,
		BurstRate: 20_000_000, Base: 0xfffff000, Start: s.now}) // wraps soon
	return s
}

// do carries actions out and feeds until nothing more happens.
func (s *sim) do(actions []Action) {
	s.t.Helper()
	for {
		for _, a := range actions {
			s.one(a)
		}
		actions = nil
		for i := range s.queue {
			if len(s.queue[i]) > 0 && s.room[i] > 0 {
				d := s.queue[i][0]
				s.queue[i] = s.queue[i][1:]
				if d.Kind == Media && !d.Lead {
					s.room[i]--
				}
				actions = append(actions, s.p.Deliver(s.now, d)...)
				break
			}
		}
		if actions == nil && !s.feeding() {
			return
		}
	}
}

func (s *sim) feeding() bool {
	for i := range s.queue {
		if len(s.queue[i]) > 0 && s.room[i] > 0 {
			return true
		}
	}
	return false
}

func (s *sim) one(a Action) {
	s.t.Helper()
	switch a := a.(type) {
	case Refetch:
		for i, f := range s.films {
			if s.manual {
				continue
			}
			s.queue[i], s.room[i] = f.script(i, a.Fetch), 4
		}
	case Consume:
		if a.Gen == s.p.gen {
			s.room[a.Camera]++
		}
	case Send:
		if s.any[a.Camera] {
			require.Positive(s.t, int32(a.TS-s.lastTS[a.Camera]), "timestamps rise")
		}
		s.any[a.Camera], s.lastTS[a.Camera] = true, a.TS
		s.screen[a.Camera], s.screenT[a.Camera] = a.Frame.Time, a.TS
		s.sent = append(s.sent, a)
	case Map:
		s.maps = append(s.maps, a)
	case Reply:
		s.replies[a.ID] = a.Err
	case Cut:
		s.replies[a.ID] = nil
	case PlaySound:
		s.sound = append(s.sound, a)
	case Mute:
		s.mutes++
	case GapNote:
		s.gaps = append(s.gaps, a)
	case Ended:
		s.ended++
	case Find:
		t, ok := s.nth(a)
		var err error
		if !ok {
			err = lieciba.Errorf(lieciba.CodeNotFound, "none")
		}
		s.do(s.p.Found(s.now, a.ID, t, err))
	}
}

func (s *sim) nth(a Find) (time.Time, bool) {
	var times []time.Time
	for _, c := range s.films[a.Camera].chunks {
		for _, v := range c.Video {
			times = append(times, v.Time)
		}
	}
	at := -1
	for i, v := range times {
		if !v.After(a.From) {
			at = i
		}
	}
	at += a.Frames
	if at < 0 || at >= len(times) {
		return time.Time{}, false
	}
	return times[at], true
}

// pass lets time pass, calling Advance when it asked to be called.
func (s *sim) pass(d time.Duration) {
	s.t.Helper()
	end := s.now.Add(d)
	for {
		actions, wake := s.p.Advance(s.now)
		s.do(actions)
		_, wake2 := s.p.Advance(s.now)
		if wake = earlier(wake, wake2); !wake.Before(end) {
			s.now = end
			actions, _ := s.p.Advance(s.now)
			s.do(actions)
			return
		}
		require.True(s.t, wake.After(s.now), "the player asks for a time that has passed")
		s.now = wake
	}
}

// wall is what a page computes for a timestamp (PROTOCOL.md).
func (s *sim) wall(cam int, ts uint32) time.Time {
	for i := len(s.maps) - 1; i >= 0; i-- {
		for _, tr := range s.maps[i].Tracks {
			if tr.Camera == cam && int32(ts-tr.First) >= 0 {
				ticks := float64(int32(ts - tr.RTP))
				return s.maps[i].At.Add(time.Duration(ticks / tick * s.maps[i].Rate * float64(time.Second)))
			}
		}
	}
	return time.Time{}
}

// check compares every screen with what ought to be there at the clock.
func (s *sim) check(why string) {
	s.t.Helper()
	pos := s.p.Status(s.now).At
	for i, f := range s.films {
		want, ok := f.shownAt(pos)
		if !ok {
			continue
		}
		require.Equal(s.t, want.Sub(epoch), s.screen[i].Sub(epoch), "%s: camera %d at %s", why, i, pos.Sub(epoch))
		require.InDelta(s.t, 0, s.wall(i, s.screenT[i]).Sub(want).Seconds(), 0.0005+s.slack.Seconds(), "%s: map of camera %d", why, i)
	}
}

func TestStartsPlayingInStep(t *testing.T) {
	s := newSim(t, newFilm(epoch, 60), newFilm(epoch.Add(-713*time.Millisecond), 60))
	s.do(s.p.Seek(s.now, 0, epoch.Add(10*time.Second)))
	for range 200 {
		s.pass(17 * time.Millisecond)
		s.check("playing")
	}
	require.InDelta(t, 13.2, s.p.Status(s.now).At.Sub(epoch).Seconds(), 0.3)
	require.NotEmpty(t, s.sound)
	for _, a := range s.sound {
		require.Zero(t, a.Camera)
	}
	require.Zero(t, s.mutes)
}

func TestSeekBurstIsTight(t *testing.T) {
	s := newSim(t, newFilm(epoch, 60))
	s.do(s.p.Pause(s.now, 1))
	s.do(s.p.Seek(s.now, 2, epoch.Add(11500*time.Millisecond)))
	require.Contains(t, s.replies, int64(2))
	require.Len(t, s.sent, 38, "the GOP from its key frame to the frame")
	require.True(t, s.sent[0].Frame.Key)
	for i := 1; i < len(s.sent); i++ {
		require.Equal(t, uint32(burstStep), s.sent[i].TS-s.sent[i-1].TS)
	}
	s.check("seek")
	before := len(s.sent)
	s.pass(10 * time.Second)
	require.Len(t, s.sent, before, "a pause sends nothing")
}

func TestStepsAreExact(t *testing.T) {
	s := newSim(t, newFilm(epoch, 30), newFilm(epoch.Add(-500*time.Millisecond), 30))
	at := epoch.Add(9960 * time.Millisecond)
	s.do(s.p.Seek(s.now, 1, at))
	for id, n := range []int{1, 1, -1, -1, -1, 5, -26, 60, -250} {
		s.pass(30 * time.Millisecond)
		before := s.p.Status(s.now)
		shown, _ := s.films[0].shownAt(before.At)
		s.do(s.p.Step(s.now, int64(id+10), n, 0))
		require.NoError(t, s.replies[int64(id+10)])
		require.Equal(t, shown.Add(time.Duration(n)*40*time.Millisecond), s.screen[0])
		s.check("step")
	}
	s.do(s.p.Step(s.now, 99, -250, 0))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(s.replies[99]), "before the start there is nothing")
}

func TestReverseShowsKeyFramesDescending(t *testing.T) {
	s := newSim(t, newFilm(epoch, 40), newFilm(epoch, 40))
	s.do(s.p.Seek(s.now, 1, epoch.Add(20500*time.Millisecond)))
	s.pass(time.Second)
	s.do(s.p.Speed(s.now, 2, -4))
	s.sent = nil
	s.pass(8 * time.Second)
	require.GreaterOrEqual(t, s.ended, 1)
	last := epoch.Add(time.Hour)
	n := 0
	for _, x := range s.sent {
		if x.Camera == 0 {
			require.True(t, x.Frame.Key)
			require.True(t, x.Frame.Time.Before(last))
			require.InDelta(t, 0, s.wall(0, x.TS).Sub(x.Frame.Time).Seconds(), 0.001)
			last = x.Frame.Time
			n++
		}
	}
	require.Equal(t, 11, n)
	require.Equal(t, epoch, s.p.Status(s.now).At)
}

func TestGapsOfAllAreSkippedAndOfOneAreNot(t *testing.T) {
	s := newSim(t, newFilm(epoch, 40, 10, 20, 22), newFilm(epoch, 40, 20, 22))
	s.do(s.p.Seek(s.now, 1, epoch.Add(9*time.Second)))
	s.pass(2 * time.Second)
	require.Len(t, s.gaps, 1)
	require.True(t, s.gaps[0].Entered)
	require.Equal(t, 0, s.gaps[0].Camera)
	require.InDelta(t, 11, s.p.Status(s.now).At.Sub(epoch).Seconds(), 0.2)
	s.pass(2 * time.Second)
	require.Len(t, s.gaps, 2)
	s.do(s.p.Seek(s.now, 2, epoch.Add(19500*time.Millisecond)))
	s.pass(1200 * time.Millisecond)
	require.InDelta(t, 24.7, s.p.Status(s.now).At.Sub(epoch).Seconds(), 0.2, "the hole of both is skipped")
	s.check("behind the hole")
	s.do(s.p.Gaps(s.now, 3, true))
	s.do(s.p.Seek(s.now, 4, epoch.Add(19500*time.Millisecond)))
	s.pass(2 * time.Second)
	require.InDelta(t, 21.5, s.p.Status(s.now).At.Sub(epoch).Seconds(), 0.2, "the clock runs through it")
}

func TestNewerSeekOvertakes(t *testing.T) {
	s := newSim(t, newFilm(epoch, 30))
	s.p.Seek(s.now, 1, epoch.Add(5*time.Second)) // nothing is delivered yet
	s.do(s.p.Seek(s.now, 2, epoch.Add(7*time.Second)))
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(s.replies[1]))
	require.NoError(t, s.replies[2])
	s.check("second seek")
}

func TestWaitsAtTheLiveEdge(t *testing.T) {
	s := newSim(t, newFilm(epoch, 10))
	s.do(s.p.Pause(s.now, 1))
	more := func(d Delivery) { d.Gen = s.p.gen; s.do(s.p.Deliver(s.now, d)) }
	f := s.films[0]
	s.manual = true
	s.do(s.p.Seek(s.now, 2, epoch.Add(4500*time.Millisecond)))
	more(Delivery{Kind: Media, Chunk: f.chunks[4], Lead: true})
	more(Delivery{Kind: AtEdge})
	s.do(s.p.Play(s.now, 3))
	s.pass(2 * time.Second)
	require.Equal(t, WaitEdge, s.p.Status(s.now).Waiting)
	require.Equal(t, epoch.Add(4500*time.Millisecond), s.p.Status(s.now).At, "half a second is not worth starting for")
	more(Delivery{Kind: Media, Chunk: f.chunks[5]})
	more(Delivery{Kind: AtEdge})
	s.pass(time.Second)
	require.Equal(t, WaitNothing, s.p.Status(s.now).Waiting)
	require.InDelta(t, 5.5, s.p.Status(s.now).At.Sub(epoch).Seconds(), 0.05)
	s.pass(time.Second)
	require.Equal(t, epoch.Add(6*time.Second), s.p.Status(s.now).At, "never beyond what is durable")
	require.Equal(t, WaitEdge, s.p.Status(s.now).Waiting)
}

func TestAgainKeepsThePicture(t *testing.T) {
	s := newSim(t, newFilm(epoch, 30), newFilm(epoch, 30))
	s.do(s.p.Seek(s.now, 1, epoch.Add(5500*time.Millisecond)))
	s.pass(300 * time.Millisecond)
	s.do(s.p.Again(s.now, 0)) // while playing
	s.slack = 40 * time.Millisecond
	s.check("the burst")
	s.slack = 0
	s.pass(100 * time.Millisecond)
	s.check("after the burst")
	s.do(s.p.Pause(s.now, 2))
	s.check("paused")
	for range 3 {
		s.pass(600 * time.Millisecond)
		s.do(s.p.Again(s.now, 0))
		s.check("sent again in a pause")
	}
}

// Any sequence of commands leaves every screen with the frame that belongs to
// the clock, and a map that says so.
func TestAnyCommandsKeepScreensAndMapsTrue(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := newSim(t, newFilm(epoch, 60, 14), newFilm(epoch.Add(-431*time.Millisecond), 61, 30), newFilm(epoch.Add(-time.Second), 61))
		s.do(s.p.Seek(s.now, 0, epoch.Add(time.Second)))
		rate := 1.0
		for id := int64(1); id < 60; id++ {
			switch r.IntN(7) {
			case 0:
				s.do(s.p.Pause(s.now, id))
			case 1:
				s.do(s.p.Play(s.now, id))
			case 2:
				s.do(s.p.Seek(s.now, id, epoch.Add(time.Duration(r.IntN(60_000))*time.Millisecond)))
			case 3:
				rate = []float64{0.25, 0.5, 1, 2, 4, 8, 16, -1, -8}[r.IntN(9)]
				s.do(s.p.Speed(s.now, id, rate))
			case 4:
				s.do(s.p.Step(s.now, id, r.IntN(60)-30, r.IntN(3)))
			case 5:
				s.do(s.p.Again(s.now, r.IntN(3)))
			}
			s.pass(time.Duration(r.IntN(900)) * time.Millisecond)
			st := s.p.Status(s.now)
			s.slack = 40 * time.Millisecond // a GOP that was sent again
			if !st.KeysOnly && st.Waiting == WaitNothing && s.ended == 0 {
				s.check("playing")
			}
			s.ended = 0
		}
		s.do(s.p.Speed(s.now, 100, 1))
		s.do(s.p.Pause(s.now, 101))
		s.do(s.p.Seek(s.now, 102, epoch.Add(40*time.Second)))
		s.slack = 0
		s.check("at the end")
	}
}
