package lieciba

import (
	"cmp"
	"slices"
	"time"
)

// Micro returns t in UTC, cut to the microsecond: the precision of every time
// that is stored, compared or shown.
func Micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Interval is the half-open span [From, To). It is empty when To is not after From.
type Interval struct{ From, To time.Time }

// Empty reports whether the interval holds no instant.
func (i Interval) Empty() bool { return !i.To.After(i.From) }

// Duration is the length, 0 for an empty interval.
func (i Interval) Duration() time.Duration { return max(0, i.To.Sub(i.From)) }

// Contains reports whether t lies in [From, To).
func (i Interval) Contains(t time.Time) bool { return !t.Before(i.From) && t.Before(i.To) }

// Clip returns the part of i inside w; empty if they do not meet.
func (i Interval) Clip(w Interval) Interval {
	if i.From.Before(w.From) {
		i.From = w.From
	}
	if i.To.After(w.To) {
		i.To = w.To
	}
	return i
}

// Overlaps reports whether both share an instant.
func (i Interval) Overlaps(o Interval) bool { return !i.Clip(o).Empty() }

// Coverage is what the catalogue knows of one expected window (invariant 1):
// the window must be segments ∪ gaps exactly, so Holes and Overlaps must be empty.
type Coverage struct {
	Expected Interval
	Recorded time.Duration // of the window, held by segments
	Missing  time.Duration // of the window, declared by gaps
	Holes    []Interval    // in neither: an undeclared loss
	Overlaps []Interval    // in two at once
}

// Exact reports whether the window is segments ∪ gaps without hole or overlap.
func (c Coverage) Exact() bool { return len(c.Holes) == 0 && len(c.Overlaps) == 0 }

// Cover computes the coverage of window. Spans outside of it are clipped (a
// segment starts at its key frame, which pre-roll puts before the window).
// Neither argument need be sorted; neither is changed.
func Cover(window Interval, segments, gaps []Interval) Coverage {
	c := Coverage{Expected: window}
	spans := make([]Interval, 0, len(segments)+len(gaps))
	add := func(list []Interval, total *time.Duration) {
		for _, s := range list {
			if s = s.Clip(window); !s.Empty() {
				spans = append(spans, s)
				*total += s.Duration()
			}
		}
	}
	add(segments, &c.Recorded)
	add(gaps, &c.Missing)
	slices.SortFunc(spans, func(a, b Interval) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To))
	})
	end := window.From
	for _, s := range spans {
		switch {
		case s.From.After(end):
			c.Holes = append(c.Holes, Interval{end, s.From})
		case s.From.Before(end):
			o := Interval{s.From, s.To}
			if end.Before(o.To) {
				o.To = end
			}
			c.Overlaps = append(c.Overlaps, o)
		}
		if s.To.After(end) {
			end = s.To
		}
	}
	if end.Before(window.To) {
		c.Holes = append(c.Holes, Interval{end, window.To})
	}
	return c
}
