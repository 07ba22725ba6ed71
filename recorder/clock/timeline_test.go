package clock

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is a server whose clocks the test moves.
type machine struct {
	mono time.Duration
	wall time.Time
}

func (m *machine) read() Instant { return Instant{Wall: m.wall, Mono: Mono(m.mono)} }

func (m *machine) pass(d time.Duration) { m.mono, m.wall = m.mono+d, m.wall.Add(d) }

func TestTimelineFollowsSmallDifferencesSlowly(t *testing.T) {
	m := &machine{wall: start}
	tl := NewTimeline(m.read)
	m.pass(time.Minute)
	require.Equal(t, m.wall, tl.Now())
	m.wall = m.wall.Add(200 * time.Millisecond)
	last := tl.Now()
	for range 600 {
		m.pass(time.Second)
		now := tl.Now()
		require.InDelta(t, float64(time.Second), float64(now.Sub(last)), float64(500*time.Microsecond))
		last = now
	}
	require.WithinDuration(t, m.wall, tl.Now(), time.Microsecond)
}

func TestTimelineDoesNotFollowSteps(t *testing.T) {
	for _, step := range []time.Duration{2 * time.Second, -2 * time.Second, time.Hour, -time.Hour} {
		m := &machine{wall: start}
		tl := NewTimeline(m.read)
		m.pass(time.Minute)
		before := tl.Now()
		m.wall = m.wall.Add(step)
		m.pass(10 * time.Second)
		require.Equal(t, 10*time.Second, tl.Now().Sub(before), "step %s", step)
		require.Equal(t, step, tl.Offset())

		if step < 0 {
			require.Zero(t, tl.Resync(false), "backward while recording")
			require.Equal(t, 10*time.Second, tl.Now().Sub(before))
		}
		require.Equal(t, step, tl.Resync(true))
		require.Equal(t, m.wall, tl.Now())
		require.Zero(t, tl.Offset())
	}
}

func TestTimelineResyncLeavesSmallDifferences(t *testing.T) {
	m := &machine{wall: start}
	tl := NewTimeline(m.read)
	m.wall = m.wall.Add(100 * time.Millisecond)
	require.Zero(t, tl.Resync(true))
}

func TestTimelineOverANightWithDST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The bubble starts at 2000-01-01; what matters is that the time line is
		// UTC and moves with the clock over hours.
		tl := NewTimeline(System())
		begin := time.Now()
		for range 12 * 60 {
			time.Sleep(time.Minute)
			require.Equal(t, time.Since(begin), tl.Now().Sub(begin.UTC()))
			require.Equal(t, time.UTC, tl.Now().Location())
		}
	})
}
