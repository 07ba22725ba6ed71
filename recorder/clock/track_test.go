package clock

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC)

// camera simulates a source: frames at true times, an RTP clock that is off by
// ppm, and delays on the way.
type camera struct {
	fps  float64
	ppm  float64
	rtp0 uint32
	n    int
}

// next returns the true time of the next frame and its RTP timestamp.
func (c *camera) next() (time.Time, uint32) {
	at := time.Duration(float64(c.n) / c.fps * float64(time.Second))
	c.n++
	ticks := at.Seconds() * 90_000 * (1 + c.ppm/1e6)
	return start.Add(at), c.rtp0 + uint32(uint64(ticks))
}

func TestTrackFollowsADriftingJitteryCameraForHours(t *testing.T) {
	for ppm, hours := range map[float64]int{-150: 1, 0: 1, 150: 6, 400: 1} {
		cam := &camera{fps: 25, ppm: ppm, rtp0: 0xffff_0000} // wraps in the first second
		tr := NewTrack(Rate{Hz: 90_000})
		rnd := rand.New(rand.NewPCG(1, 2))
		var worst time.Duration
		var lastTicks Ticks
		var lastTime time.Time
		for range 25 * 3600 * hours {
			at, rtp := cam.next()
			arrival := at.Add(time.Duration(rnd.Float64() * float64(80*time.Millisecond)))
			ticks, err := tr.Observe(rtp, arrival)
			require.NoError(t, err)
			ft := tr.Time(ticks)
			if at.Sub(start) > time.Minute {
				worst = max(worst, ft.Sub(at).Abs())
				rtpStep := tr.Duration(ticks - lastTicks)
				require.InDelta(t, float64(rtpStep), float64(ft.Sub(lastTime)),
					float64(rtpStep)*500/1e6+float64(2*time.Microsecond), "spacing changed by more than 500 ppm")
			}
			lastTicks, lastTime = ticks, ft
		}
		require.Less(t, worst, 100*time.Millisecond, "ppm %v", ppm)
		t.Logf("%+.0f ppm: worst error %s", ppm, worst)
	}
}

func TestTrackSettlesOnTheNewestFrameOfABurst(t *testing.T) {
	tr := NewTrack(Rate{Hz: 90_000})
	// Two seconds of buffered frames arrive at once, then live ones.
	for i := range 50 {
		_, err := tr.Observe(uint32(i*3600), start.Add(time.Duration(i)*time.Millisecond/2))
		require.NoError(t, err)
	}
	require.False(t, tr.Settled())
	for i := range 20 {
		_, err := tr.Observe(uint32((50+i)*3600), start.Add(time.Duration(25+40*i)*time.Millisecond))
		require.NoError(t, err)
	}
	require.True(t, tr.Settled())
	live := start.Add(25 * time.Millisecond)
	require.WithinDuration(t, live, tr.Time(50*3600), 2*time.Millisecond)
	require.WithinDuration(t, live.Add(-2*time.Second), tr.Time(0), 2*time.Millisecond)
}

func TestTrackKeepsSpacingThroughAStall(t *testing.T) {
	tr := NewTrack(Rate{Hz: 90_000})
	for i := range 500 {
		arrival := start.Add(time.Duration(i) * 40 * time.Millisecond)
		if i >= 250 && i < 350 { // the line stands for 4 s, then everything comes at once
			arrival = start.Add(350 * 40 * time.Millisecond)
		}
		ticks, err := tr.Observe(uint32(i*3600), arrival)
		require.NoError(t, err)
		if tr.Settled() {
			require.WithinDuration(t, start.Add(time.Duration(i)*40*time.Millisecond), tr.Time(ticks), 3*time.Millisecond)
		}
	}
}

func TestTrackAllowsReorderedPTS(t *testing.T) {
	tr := NewTrack(Rate{Hz: 90_000})
	order := []int{0, 3, 1, 2, 6, 4, 5, 9, 7, 8}
	for i, n := range order {
		ticks, err := tr.Observe(uint32(n*3600), start.Add(time.Duration(i)*40*time.Millisecond))
		require.NoError(t, err)
		require.EqualValues(t, n*3600, ticks)
	}
}

// feed sends steady frames, 25 a second, and returns the next index.
func feed(t *testing.T, tr *Track, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		_, err := tr.Observe(uint32(i*3600), start.Add(time.Duration(i)*40*time.Millisecond))
		require.NoError(t, err)
	}
}

func TestTrackEndsTheRunWhenTheClockJumps(t *testing.T) {
	at := start.Add(100 * 40 * time.Millisecond)
	for name, rtp := range map[string]uint32{
		"back by 2 s":       (100 - 50) * 3600,
		"back to zero":      0,
		"ahead by 2 s":      (100 + 50) * 3600,
		"ahead by an hour":  100*3600 + 3600*90_000,
		"to the other half": 100*3600 + 1<<31,
	} {
		t.Run(name, func(t *testing.T) {
			tr := NewTrack(Rate{Hz: 90_000})
			feed(t, tr, 0, 100)
			_, err := tr.Observe(rtp, at)
			require.ErrorIs(t, err, ErrJump)
		})
	}
	tr := NewTrack(Rate{Hz: 90_000})
	feed(t, tr, 0, 100)
	_, err := tr.Observe(100*3600, at)
	require.NoError(t, err, "the same frame without a jump")
}

func TestTrackFindsAFalseRateAndScalesTheNextRun(t *testing.T) {
	// Counts 3600 ticks a frame, as for 25 fps, and delivers others.
	for _, fps := range []float64{12, 21, 24.9, 25.2, 30, 50} {
		rnd := rand.New(rand.NewPCG(3, 4))
		rate := Rate{Hz: 90_000}
		at := start
		var tr *Track
		runs, lost := 0, time.Duration(0)
		for ; runs < 6; runs++ {
			tr = NewTrack(rate)
			var err error
			var ticks Ticks
			for i := 0; i < int(fps)*900 && err == nil; i++ {
				at = at.Add(time.Duration(float64(time.Second) / fps))
				ticks, err = tr.Observe(uint32(i*3600), at.Add(time.Duration(rnd.Float64()*float64(5*time.Millisecond))))
			}
			if err == nil {
				break
			}
			require.ErrorIs(t, err, ErrJump)
			lost += at.Sub(tr.Time(ticks)).Abs()
			rate = tr.NextRate(at)
		}
		t.Logf("%v fps: %d runs to find out, %s of time that was not, scale %.4f", fps, runs, lost.Round(time.Millisecond), rate.Scale)
		require.LessOrEqual(t, runs, 3)
		require.InEpsilon(t, 25/fps, rate.Scale, 0.01)
		require.InEpsilon(t, 90_000/fps, float64(tr.highest)/(float64(int(fps)*900)-1), 0.01, "PTS count true time")
	}
}

func TestTrackNextRateStaysForAnHonestCamera(t *testing.T) {
	tr := NewTrack(Rate{Hz: 90_000})
	feed(t, tr, 0, 1000)
	require.Equal(t, Rate{Hz: 90_000, Scale: 1}, tr.NextRate(start.Add(40*time.Second)))
}

func TestDurationDoesNotOverflow(t *testing.T) {
	year := Ticks(365 * 24 * 3600 * 90_000)
	require.Equal(t, 365*24*time.Hour, Duration(year, 90_000))
	require.Equal(t, time.Second/3, Duration(30_000, 90_000))
}
