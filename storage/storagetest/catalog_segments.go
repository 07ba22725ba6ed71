package storagetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var segmentTests = map[string]func(*testing.T, *world){
	"AddSegment": func(t *testing.T, w *world) {
		s := w.segment(0, 10)
		require.NoError(t, w.AddSegment(w.ctx, s))
		got, err := w.Segment(w.ctx, s.ID)
		require.NoError(t, err)
		require.Equal(t, s, got)
		require.NoError(t, w.AddSegment(w.ctx, s), "the same again")
		other := s
		other.SHA256[0]++
		requireCode(t, w.AddSegment(w.ctx, other), lieciba.CodeConflict, "id")

		for name, span := range map[string][2]float64{"same": {0, 10}, "inside": {2, 3}, "around": {-1, 11}, "head": {-1, 0.000001}, "tail": {9.999999, 12}} {
			requireCode(t, w.AddSegment(w.ctx, w.segment(span[0], span[1])), lieciba.CodeConflict, "from")
			totals, err := w.SegmentTotals(w.ctx, w.rec.ID)
			require.NoError(t, err)
			require.Equal(t, 1, totals.Count, name)
		}
		require.NoError(t, w.AddSegment(w.ctx, w.segment(10, 20)), "touching is no overlap")
		require.NoError(t, w.AddSegment(w.ctx, w.segment(-5, 0)))
		requireCode(t, w.AddSegment(w.ctx, w.segment(30, 30)), lieciba.CodeInvalid, "to")
		lost := w.segment(40, 50)
		lost.RunID = newID[lieciba.RunID]()
		requireCode(t, w.AddSegment(w.ctx, lost), lieciba.CodeNotFound, "")
		lost.RecordingID = newID[lieciba.RecordingID]()
		requireCode(t, w.AddSegment(w.ctx, lost), lieciba.CodeNotFound, "")
		_, err = w.Segment(w.ctx, lost.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"VerifySegment": func(t *testing.T, w *world) {
		s := w.segment(0, 10)
		require.NoError(t, w.AddSegment(w.ctx, s))
		ref := lieciba.MediaRef{Key: storage.SegmentKey(w.rec.ID, s.ID), Version: "v1"}
		require.NoError(t, w.VerifySegment(w.ctx, s.ID, ref))
		require.NoError(t, w.VerifySegment(w.ctx, s.ID, ref), "the same again")
		got, err := w.Segment(w.ctx, s.ID)
		require.NoError(t, err)
		s.State, s.Media = lieciba.SegmentVerified, ref
		require.Equal(t, s, got)
		ref.Version = "v2"
		requireCode(t, w.VerifySegment(w.ctx, s.ID, ref), lieciba.CodeConflict, "state")
		require.NoError(t, w.AddSegment(w.ctx, s), "a late repeat of the insert")
		got, err = w.Segment(w.ctx, s.ID)
		require.NoError(t, err)
		require.Equal(t, s, got)
		requireCode(t, w.VerifySegment(w.ctx, newID[lieciba.SegmentID](), ref), lieciba.CodeNotFound, "")
	},

	"SegmentAtAndBefore": testSegmentAt,

	"RecordingSegments": func(t *testing.T, w *world) {
		a, b, c := w.segment(0, 10), w.segment(10, 20), w.segment(30, 40)
		for _, s := range []lieciba.Segment{c, a, b} {
			require.NoError(t, w.AddSegment(w.ctx, s))
		}
		for name, q := range map[string]struct {
			span lieciba.Interval
			want []lieciba.Segment
		}{
			"all":       {lieciba.Interval{}, []lieciba.Segment{a, b, c}},
			"one":       {lieciba.Interval{From: sec(10), To: sec(20)}, []lieciba.Segment{b}},
			"in a hole": {lieciba.Interval{From: sec(20), To: sec(30)}, nil},
			"inside":    {lieciba.Interval{From: sec(3), To: sec(4)}, []lieciba.Segment{a}},
			"across":    {lieciba.Interval{From: sec(9.999999), To: sec(30.000001)}, []lieciba.Segment{a, b, c}},
			"open to":   {lieciba.Interval{From: sec(15)}, []lieciba.Segment{b, c}},
			"open from": {lieciba.Interval{To: sec(10)}, []lieciba.Segment{a}},
			"before":    {lieciba.Interval{From: sec(-9), To: sec(0)}, nil},
		} {
			got, err := w.RecordingSegments(w.ctx, w.rec.ID, q.span)
			require.NoError(t, err, name)
			for i := range q.want {
				q.want[i] = bare(q.want[i])
			}
			require.Equal(t, q.want, got, name)
		}
	},

	"UnverifiedSegments": func(t *testing.T, w *world) {
		a, b, c, foreign := w.segment(0, 10), w.segment(10, 20), w.segment(20, 30), w.segment(30, 40)
		foreign.NodeID = nodeB
		for _, s := range []lieciba.Segment{c, foreign, a, b} {
			require.NoError(t, w.AddSegment(w.ctx, s))
		}
		require.NoError(t, w.VerifySegment(w.ctx, a.ID, lieciba.MediaRef{Key: "k"}))
		list, err := w.UnverifiedSegments(w.ctx, nodeA, 10)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Segment{bare(b), bare(c)}, list, "oldest first")
		list, err = w.UnverifiedSegments(w.ctx, nodeA, 1)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Segment{bare(b)}, list)
		totals, err := w.SegmentTotals(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, storage.SegmentTotals{Count: 4, Unverified: 3, Bytes: 4 << 20}, totals)
		totals, err = w.SegmentTotals(w.ctx, newID[lieciba.RecordingID]())
		require.NoError(t, err)
		require.Zero(t, totals)
	},

	"ScanSegments": func(t *testing.T, w *world) {
		var want []lieciba.Segment
		for i := range 7 {
			s := w.segment(float64(i), float64(i+1))
			want = append(want, s)
			require.NoError(t, w.AddSegment(w.ctx, s))
		}
		slices.SortFunc(want, func(a, b lieciba.Segment) int {
			if a.ID < b.ID {
				return -1
			}
			return 1
		})
		var got []lieciba.Segment
		require.NoError(t, w.ScanSegments(w.ctx, "", func(s lieciba.Segment) error {
			got = append(got, s)
			_, err := w.Segment(w.ctx, s.ID) // fn may use the catalogue
			return err
		}))
		require.Equal(t, want, got)
		got = nil
		stop := errors.New("enough")
		err := w.ScanSegments(w.ctx, want[2].ID, func(s lieciba.Segment) error {
			got = append(got, s)
			if len(got) == 2 {
				return stop
			}
			return nil
		})
		require.True(t, err == stop)
		require.Equal(t, want[3:5], got)
	},
}

func testSegmentAt(t *testing.T, w *world) {
	a, b := w.segment(0, 10), w.segment(20, 30)
	require.NoError(t, w.AddSegment(w.ctx, a))
	require.NoError(t, w.AddSegment(w.ctx, b))
	none := lieciba.Segment{}
	for _, c := range []struct {
		t          float64
		at, before lieciba.Segment
	}{
		{-1, a, none}, {0, a, none}, {0.000001, a, a}, {9.999999, a, a}, {10, b, a}, {20, b, a}, {20.000001, b, b}, {29.999999, b, b}, {30, none, b},
	} {
		for name, q := range map[string]struct {
			want lieciba.Segment
			get  func() (lieciba.Segment, error)
		}{
			"at":     {c.at, func() (lieciba.Segment, error) { return w.SegmentAt(w.ctx, w.rec.ID, sec(c.t)) }},
			"before": {c.before, func() (lieciba.Segment, error) { return w.SegmentBefore(w.ctx, w.rec.ID, sec(c.t)) }},
		} {
			got, err := q.get()
			if q.want.ID == "" {
				requireCode(t, err, lieciba.CodeNotFound, "")
				continue
			}
			require.NoError(t, err, "%s %v", name, c.t)
			require.Equal(t, q.want, got, "%s %v", name, c.t)
		}
	}
	_, err := w.SegmentAt(w.ctx, newID[lieciba.RecordingID](), base)
	requireCode(t, err, lieciba.CodeNotFound, "")
}

var gapTests = map[string]func(*testing.T, *world){
	"PutGap": func(t *testing.T, w *world) {
		closed, open := w.gap(0, 10), w.gap(20, 0)
		require.NoError(t, w.PutGap(w.ctx, open))
		require.NoError(t, w.PutGap(w.ctx, closed))
		require.NoError(t, w.PutGap(w.ctx, closed), "the same again")
		require.NoError(t, w.PutGap(w.ctx, open))
		for name, span := range map[string][2]float64{"same": {0, 10}, "inside": {1, 2}, "tail": {9, 15}, "open": {15, 0}, "after an open one": {100, 110}} {
			err := w.PutGap(w.ctx, w.gap(span[0], span[1]))
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "%s: %v", name, err)
		}
		changed := closed
		changed.To = sec(11)
		requireCode(t, w.PutGap(w.ctx, changed), lieciba.CodeConflict, "id")
		require.NoError(t, w.PutGap(w.ctx, w.gap(10, 20)), "touching is no overlap")
		requireCode(t, w.PutGap(w.ctx, w.gap(5, 5)), lieciba.CodeInvalid, "to")
		orphan := w.gap(40, 50)
		orphan.RecordingID = newID[lieciba.RecordingID]()
		requireCode(t, w.PutGap(w.ctx, orphan), lieciba.CodeNotFound, "")
		list, err := w.RecordingGaps(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Len(t, list, 3)
		require.Equal(t, closed, list[0])
		require.Equal(t, open, list[2])
		list, err = w.OpenGaps(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Gap{open}, list)
	},

	"CloseGap": func(t *testing.T, w *world) {
		g := w.gap(0, 0)
		require.NoError(t, w.PutGap(w.ctx, g))
		require.NoError(t, w.CloseGap(w.ctx, g.ID, sec(3)))
		require.NoError(t, w.CloseGap(w.ctx, g.ID, sec(3)), "the same again")
		requireCode(t, w.CloseGap(w.ctx, g.ID, sec(4)), lieciba.CodeConflict, "to")
		require.NoError(t, w.PutGap(w.ctx, g), "a late repeat of the insert")
		list, err := w.RecordingGaps(w.ctx, w.rec.ID)
		require.NoError(t, err)
		g.To = sec(3)
		require.Equal(t, []lieciba.Gap{g}, list)
		list, err = w.OpenGaps(w.ctx)
		require.NoError(t, err)
		require.Empty(t, list)
		require.NoError(t, w.PutGap(w.ctx, w.gap(3, 0)))
		requireCode(t, w.CloseGap(w.ctx, newID[lieciba.GapID](), sec(4)), lieciba.CodeNotFound, "")
	},

	"CloseGapRemoves": func(t *testing.T, w *world) {
		for _, end := range []time.Time{base, sec(-1)} {
			g := w.gap(0, 0)
			require.NoError(t, w.PutGap(w.ctx, g))
			require.NoError(t, w.CloseGap(w.ctx, g.ID, end))
			require.NoError(t, w.CloseGap(w.ctx, g.ID, end), "the same again")
			require.NoError(t, w.PutGap(w.ctx, g), "a late repeat of the insert brings nothing back")
			requireCode(t, w.CloseGap(w.ctx, g.ID, sec(5)), lieciba.CodeConflict, "to")
			list, err := w.RecordingGaps(w.ctx, w.rec.ID)
			require.NoError(t, err)
			require.Empty(t, list)
		}
		require.NoError(t, w.PutGap(w.ctx, w.gap(-10, 10)), "a removed gap is in nobody's way")
	},
}
