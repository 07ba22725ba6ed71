package play

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

// CauseNotGranted is the cause of the gap between the start of a scope and the
// first picture in it that can be decoded without one from before.
const CauseNotGranted = "not_granted"

// scope is the footage that a Reader may touch; a zero end is open. What lies
// outside looks as if it had never been recorded: the catalogue and the source
// that a Reader sees are cut to it, so that no way of playing can go beyond.
type scope struct{ lieciba.Interval }

func (s scope) all() bool { return s.Interval == lieciba.Interval{} }

// behind reports whether t lies at or after the end.
func (s scope) behind(t time.Time) bool { return !s.To.IsZero() && !t.Before(s.To) }

func (s scope) contains(t time.Time) bool { return !t.Before(s.From) && !s.behind(t) }

// window cuts a window to the scope.
func (s scope) window(w lieciba.Interval) lieciba.Interval {
	if s.To.IsZero() {
		s.To = w.To
	}
	return w.Clip(s.Interval)
}

// segment cuts the index to the fragments that may be read: from the first key
// frame in the scope on, as what lies before it needs a picture from outside.
// false: none is left.
func (s scope) segment(seg lieciba.Segment) (lieciba.Segment, bool) {
	all := seg.Fragments
	first := 0
	for first < len(all) && (all[first].From.Before(s.From) || first > 0 && !all[first].Key) {
		first++
	}
	end := first
	for end < len(all) && !s.behind(all[end].From) {
		end++
	}
	if first == end {
		return seg, false
	}
	seg.Fragments = all[first:end:end]
	seg.From = seg.Fragments[0].From
	if s.behind(seg.To) {
		seg.To = s.To
	}
	return seg, true
}

// frames drops what lies outside: of a fragment across the end, and sound or
// pictures that stand in front of their key frame.
func (s scope) frames(list []lieciba.Frame) []lieciba.Frame {
	kept := make([]lieciba.Frame, 0, len(list))
	for _, f := range list {
		if s.contains(f.Time) {
			kept = append(kept, f)
		}
	}
	return kept
}

// scopedCatalog is a Catalog cut to a scope.
type scopedCatalog struct {
	Catalog
	scope scope
}

func (c scopedCatalog) SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error) {
	list, err := c.Catalog.SessionRecordings(ctx, s)
	for i := range list {
		list[i].Window = c.scope.window(list[i].Window)
	}
	return list, err
}

func (c scopedCatalog) SegmentAt(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error) {
	if t.Before(c.scope.From) {
		t = c.scope.From
	}
	for !c.scope.behind(t) {
		seg, err := c.Catalog.SegmentAt(ctx, rec, t)
		if err != nil {
			return seg, err
		}
		if c.scope.behind(seg.From) {
			break
		}
		if cut, ok := c.scope.segment(seg); ok && cut.To.After(t) {
			return cut, nil
		}
		if !seg.To.After(t) {
			break
		}
		t = seg.To
	}
	return lieciba.Segment{}, lieciba.Errorf(lieciba.CodeNotFound, "nothing more lies in the scope")
}

func (c scopedCatalog) SegmentBefore(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error) {
	if c.scope.behind(t) {
		t = c.scope.To
	}
	seg, err := c.Catalog.SegmentBefore(ctx, rec, t)
	if err != nil {
		return seg, err
	}
	if cut, ok := c.scope.segment(seg); ok && cut.From.Before(t) {
		return cut, nil
	}
	return lieciba.Segment{}, lieciba.Errorf(lieciba.CodeNotFound, "nothing before it lies in the scope")
}

// RecordingGaps drops what lies outside: when a camera failed there is not said.
func (c scopedCatalog) RecordingGaps(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Gap, error) {
	list, err := c.Catalog.RecordingGaps(ctx, rec)
	var in []lieciba.Gap
	for _, g := range list {
		if !c.scope.behind(g.From) && (g.Open() || g.To.After(c.scope.From)) {
			in = append(in, g)
		}
	}
	return in, err
}

// scopedSource is a Source cut to a scope.
type scopedSource struct {
	storage.Source
	scope scope
}

func (s scopedSource) Growing(rec lieciba.RecordingID) (lieciba.Segment, bool) {
	seg, ok := s.Source.Growing(rec)
	if !ok {
		return seg, false
	}
	return s.scope.segment(seg)
}

// hidden reports whether t is on record and cannot be shown within the scope.
func (r *Reader) hidden(ctx context.Context, t time.Time) bool {
	c, ok := r.Catalog.(scopedCatalog)
	if !ok {
		return false
	}
	seg, err := c.Catalog.SegmentAt(ctx, r.rec.ID, t)
	return err == nil && !seg.From.After(t) // an error leaves the cause undeclared
}
