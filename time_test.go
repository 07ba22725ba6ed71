package lieciba_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestParseRigaTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-18T09:00:00+02:00":           "2026-11-18T07:00:00Z",
		"2026-07-01T09:00:00+03:00":           "2026-07-01T06:00:00Z",
		"2026-03-29T02:59:59.999999999+02:00": "2026-03-29T00:59:59.999999Z", // the last instant of winter, cut to µs
		"2026-03-29T04:00:00+03:00":           "2026-03-29T01:00:00Z",        // the first of summer
		"2026-10-25T03:30:00+03:00":           "2026-10-25T00:30:00Z",        // first time
		"2026-10-25T03:30:00+02:00":           "2026-10-25T01:30:00Z",        // second time
		"2028-02-29T00:00:00+02:00":           "2028-02-28T22:00:00Z",
	} {
		got, err := lieciba.ParseRigaTime("starts_at", in)
		require.NoError(t, err, in)
		require.Equal(t, want, got.Format(time.RFC3339Nano), in)
	}
	for _, in := range []string{
		"2026-03-29T03:30:00+02:00", "2026-03-29T03:30:00+03:00", "2026-03-29T03:00:00+02:00", // do not exist
		"2026-11-18T09:00:00+03:00", "2026-07-01T09:00:00+02:00", "2026-11-18T07:00:00Z", "2026-11-18T07:00:00-00:00",
		"2026-10-25T02:59:59+02:00", "2026-10-25T04:00:00+03:00", // not ambiguous
		"2026-02-29T09:00:00+02:00", "2026-11-18T24:00:00+02:00", "2026-11-18T09:00:60+02:00",
		"", "2026-11-18", "2026-11-18T09:00:00", "2026-11-18 09:00:00+02:00", "2026-11-18T9:00:00+02:00",
		"2026-11-18T09:00:00,5+02:00", "2026-11-18T09:00:00+2:00", "2026-11-18T09:00:00+0200", " 2026-11-18T09:00:00+02:00", "20261-11-18T09:00:00+02:00",
	} {
		_, err := lieciba.ParseRigaTime("starts_at", in)
		var e *lieciba.Error
		require.ErrorAs(t, err, &e, in)
		require.Equal(t, []any{lieciba.CodeInvalid, "starts_at"}, []any{e.Code, e.Field}, in)
		require.NotEmpty(t, e.Message)
	}
}

// Every instant, written the way Riga's clocks show it, is read back as itself;
// with any other offset of full hours the same reading is refused.
func TestParseRigaTimeRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		at := time.UnixMicro(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() + r.Int64N(30*365*24*3600*1_000_000)).UTC()
		s := at.In(lieciba.Riga).Format(time.RFC3339Nano)
		got, err := lieciba.ParseRigaTime("f", s)
		require.NoError(t, err, s)
		require.True(t, got.Equal(at), s)
		_, offset := at.In(lieciba.Riga).Zone()
		other := at.In(time.FixedZone("", offset+3600*(1+r.IntN(5)))).Format(time.RFC3339Nano)
		_, err = lieciba.ParseRigaTime("f", other)
		require.Error(t, err, other)
	}
}

func TestParseTime(t *testing.T) {
	for _, in := range []string{"2026-11-18T09:00:00.25+02:00", "2026-11-18T07:00:00.25Z", "2026-11-18T07:00:00.2500009Z"} {
		got, err := lieciba.ParseTime("at", in)
		require.NoError(t, err, in)
		require.Equal(t, time.Date(2026, 11, 18, 7, 0, 0, 250_000_000, time.UTC), got, in)
	}
	for _, in := range []string{"", "T", "now", "2026-11-18T9:00:00Z", "2026-11-18T09:00:00,5Z", "2026-11-18T09:00:00",
		"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "0000-06-01T00:00:00Z"} { // years that RFC 3339 cannot write, in UTC
		_, err := lieciba.ParseTime("at", in)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), in)
	}
}

func TestMicro(t *testing.T) {
	at := time.Date(2026, 1, 1, 2, 0, 0, 1_999, lieciba.Riga)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 1_000, time.UTC), lieciba.Micro(at))
}

var zero = time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC)

func span(from, to int) lieciba.Interval {
	return lieciba.Interval{From: zero.Add(time.Duration(from) * time.Second), To: zero.Add(time.Duration(to) * time.Second)}
}

func TestCover(t *testing.T) {
	type spans = []lieciba.Interval
	for name, c := range map[string]struct {
		segments, gaps, holes, overlaps spans
		recorded, missing               int
	}{
		"nothing":              {holes: spans{span(0, 10)}},
		"exact":                {segments: spans{span(0, 4), span(4, 10)}, recorded: 10},
		"pre-roll and tail":    {segments: spans{span(-3, 6), span(6, 13)}, recorded: 10},
		"gap in the middle":    {segments: spans{span(0, 4), span(7, 10)}, gaps: spans{span(4, 7)}, recorded: 7, missing: 3},
		"hole in the middle":   {segments: spans{span(0, 4), span(7, 10)}, holes: spans{span(4, 7)}, recorded: 7},
		"hole at both ends":    {segments: spans{span(2, 8)}, holes: spans{span(0, 2), span(8, 10)}, recorded: 6},
		"gap over segment":     {segments: spans{span(0, 5), span(5, 10)}, gaps: spans{span(4, 6)}, overlaps: spans{span(4, 5), span(5, 6)}, recorded: 10, missing: 2},
		"outside":              {segments: spans{span(-5, 0), span(10, 12)}, gaps: spans{span(0, 10)}, missing: 10},
		"empty and backwards":  {segments: spans{span(3, 3), span(8, 2), span(0, 10)}, recorded: 10},
		"not sorted":           {segments: spans{span(7, 10), span(0, 4)}, gaps: spans{span(4, 7)}, recorded: 7, missing: 3},
		"one inside the other": {segments: spans{span(0, 10), span(2, 3)}, overlaps: spans{span(2, 3)}, recorded: 11},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.segments)
			got := lieciba.Cover(span(0, 10), c.segments, c.gaps)
			require.Equal(t, c.holes, got.Holes)
			require.Equal(t, c.overlaps, got.Overlaps)
			require.Equal(t, time.Duration(c.recorded)*time.Second, got.Recorded)
			require.Equal(t, time.Duration(c.missing)*time.Second, got.Missing)
			require.Equal(t, c.holes == nil && c.overlaps == nil, got.Exact())
			require.Equal(t, before, c.segments, "the arguments are not changed")
		})
	}
	require.True(t, lieciba.Cover(span(5, 5), nil, nil).Exact(), "an empty window expects nothing")
}

// randomSpans makes spans of whole seconds around a window of 60 s.
func randomSpans(r *rand.Rand) []lieciba.Interval {
	var out []lieciba.Interval
	for range r.IntN(8) {
		from := r.IntN(80) - 10
		out = append(out, span(from, from+r.IntN(20)-2))
	}
	return out
}

// Cover against counting second by second.
func TestCoverAgainstCounting(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	window := span(0, 60)
	for range 5_000 {
		segments, gaps := randomSpans(r), randomSpans(r)
		got := lieciba.Cover(window, segments, gaps)
		exact := true
		var recorded, missing time.Duration
		in := func(list []lieciba.Interval, at time.Time) (n int) {
			for _, i := range list {
				if i.Contains(at) {
					n++
				}
			}
			return n
		}
		for s := range 60 {
			at := zero.Add(time.Duration(s) * time.Second)
			a, b := in(segments, at), in(gaps, at)
			recorded += time.Duration(a) * time.Second
			missing += time.Duration(b) * time.Second
			exact = exact && a+b == 1
			require.Equal(t, a+b == 0, in(got.Holes, at) == 1, "hole at %d of %v %v", s, segments, gaps)
			require.Equal(t, a+b > 1, in(got.Overlaps, at) > 0, "overlap at %d of %v %v", s, segments, gaps)
		}
		require.Equal(t, exact, got.Exact())
		require.Equal(t, recorded, got.Recorded)
		require.Equal(t, missing, got.Missing)
		if got.Exact() {
			require.Equal(t, got.Expected.Duration(), got.Recorded+got.Missing)
		}
	}
}

func TestMergeAgainstCounting(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5_000 {
		list := randomSpans(r)
		merged := lieciba.Merge(list)
		for i := 1; i < len(merged); i++ {
			require.True(t, merged[i].From.After(merged[i-1].To), "sorted, and apart: %v", merged)
		}
		for s := -15; s < 100; s++ {
			at := zero.Add(time.Duration(s) * time.Second)
			has := func(l []lieciba.Interval) bool {
				return slices.ContainsFunc(l, func(i lieciba.Interval) bool { return i.Contains(at) })
			}
			require.Equal(t, has(list), has(merged))
		}
	}
}

func TestInterval(t *testing.T) {
	require.Equal(t, time.Duration(0), span(5, 3).Duration())
	require.True(t, span(0, 5).Overlaps(span(4, 9)))
	require.False(t, span(0, 5).Overlaps(span(5, 9)), "half-open")
	require.True(t, span(0, 5).Contains(zero))
	require.False(t, span(0, 5).Contains(span(0, 5).To))
	open := lieciba.Gap{From: zero}
	require.True(t, open.Open())
	require.Equal(t, span(0, 9), open.Span(span(0, 9).To))
	require.Equal(t, span(0, 3), lieciba.Gap{From: zero, To: span(0, 3).To}.Span(span(0, 9).To))
}

func TestIDs(t *testing.T) {
	seen := map[lieciba.CameraID]bool{}
	last := ""
	for i := range 5_000 {
		id := lieciba.NewID[lieciba.CameraID](zero.Add(time.Duration(i) * time.Millisecond))
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, string(id))
		require.False(t, seen[id])
		require.Greater(t, string(id), last, "ordered by the millisecond")
		seen[id], last = true, string(id)
		_, err := lieciba.ParseID[lieciba.CameraID]("id", string(id))
		require.NoError(t, err)
	}
	good := "0198c0de-0000-7000-8000-000000000000"
	for _, bad := range []string{"", good[1:], good + "0", "0198C0DE-0000-7000-8000-000000000000", "../../../../../../../../../../../../etc", "0198c0de/0000-7000-8000-000000000000",
		"0198c0de-0000-7000-8000-00000000000g", "0198c0de00000-7000-8000-000000000000", "{198c0de-0000-7000-8000-00000000000}", good[:35] + "\x00"} {
		_, err := lieciba.ParseID[lieciba.CameraID]("id", bad)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "%q", bad)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0198c0de-0000-7000-8000-000000000000")
	f.Add("../../../etc/passwd")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := lieciba.ParseID[string]("id", s); err == nil {
			require.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, id)
		}
	})
}

func TestValidCode(t *testing.T) {
	for _, good := range []string{"a", "R201", "2026-11-18.R201_A", "0"} {
		require.True(t, lieciba.ValidCode(good), good)
	}
	for _, bad := range []string{"", ".", "..", "-a", "_a", "a/b", "a b", "ā", "a\x00", "a%", string(make([]byte, 65))} {
		require.False(t, lieciba.ValidCode(bad), "%q", bad)
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	err := lieciba.Wrap(cause, lieciba.CodeFull, "no space on %s", "disk")
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "full: no space on disk: cause")
	require.NoError(t, lieciba.Wrap(nil, lieciba.CodeFull, "x"))
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(errors.Join(errors.New("other"), err)))
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(cause))
	require.Equal(t, lieciba.Code(""), lieciba.CodeOf(nil))
	require.EqualError(t, lieciba.Invalid("room", "is gone"), "invalid: room: is gone")
}
