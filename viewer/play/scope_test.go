package play

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// A segment of 4 s in fragments of 1 s, a key frame every other one, cut to a scope.
func TestScopeOfASegment(t *testing.T) {
	zero := time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC)
	sec := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
	seg := lieciba.Segment{From: sec(0), To: sec(4)}
	for i := range 4 {
		seg.Fragments = append(seg.Fragments, lieciba.Fragment{From: sec(float64(i)), Key: i%2 == 0})
	}
	for _, c := range []struct {
		name     string
		from, to time.Time
		want     []float64 // first and one behind the last fragment, then from and to; nil: nothing is left
	}{
		{"all of it", sec(-1), sec(9), []float64{0, 4, 0, 4}},
		{"an open end", sec(0), time.Time{}, []float64{0, 4, 0, 4}},
		{"from a key frame", sec(2), sec(9), []float64{2, 4, 2, 4}},
		{"from before a key frame", sec(1.5), sec(9), []float64{2, 4, 2, 4}},
		{"from behind the last key frame", sec(2.1), sec(9), nil},
		{"to the middle of a fragment", sec(-1), sec(1.5), []float64{0, 2, 0, 1.5}},
		{"to the start of a fragment", sec(-1), sec(1), []float64{0, 1, 0, 1}},
		{"between two key frames", sec(0.5), sec(1.9), nil},
		{"before it", sec(-3), sec(-1), nil},
		{"up to it", sec(-3), sec(0), nil},
		{"behind it", sec(4), sec(5), nil},
	} {
		got, ok := scope{lieciba.Interval{From: c.from, To: c.to}}.segment(seg)
		require.Equal(t, c.want != nil, ok, c.name)
		if ok {
			first, last := got.Fragments[0].From, got.Fragments[len(got.Fragments)-1].From
			require.Equal(t, []time.Time{sec(c.want[0]), sec(c.want[1] - 1), sec(c.want[2]), sec(c.want[3])},
				[]time.Time{first, last, got.From, got.To}, c.name)
		}
	}
	require.Len(t, seg.Fragments, 4, "the catalogue's own list stays")
}
