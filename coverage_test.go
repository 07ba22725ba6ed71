package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestJudgeCoverage(t *testing.T) {
	from := time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC)
	span := func(a, b int) lieciba.Interval {
		return lieciba.Interval{From: from.Add(time.Duration(a) * time.Minute), To: from.Add(time.Duration(b) * time.Minute)}
	}
	window := span(0, 60)
	cover := func(segments, gaps []lieciba.Interval) lieciba.Coverage { return lieciba.Cover(window, segments, gaps) }
	rec := func(s lieciba.RecordingState, c lieciba.Coverage, open int) lieciba.RecordingCoverage {
		return lieciba.RecordingCoverage{State: s, Coverage: c, OpenGaps: open}
	}
	whole := cover([]lieciba.Interval{window}, nil)
	gap := cover([]lieciba.Interval{span(0, 20), span(30, 60)}, []lieciba.Interval{span(20, 30)})
	hole := cover([]lieciba.Interval{span(0, 20), span(30, 60)}, nil)
	micro := cover([]lieciba.Interval{{From: window.From, To: window.To.Add(-time.Microsecond)}}, nil)
	twice := cover([]lieciba.Interval{span(0, 40), span(30, 60)}, nil)
	allGap := cover(nil, []lieciba.Interval{window})
	empty := lieciba.Cover(lieciba.Interval{From: from, To: from}, nil, nil)
	sealed, complete := lieciba.RecordingSealed, lieciba.RecordingComplete
	type list = []lieciba.RecordingCoverage

	for name, c := range map[string]struct {
		session lieciba.SessionState
		recs    list
		want    lieciba.CoverageVerdict
	}{
		"whole":                          {lieciba.SessionFinished, list{rec(sealed, whole, 0)}, lieciba.CoverageComplete},
		"whole, not sealed yet":          {lieciba.SessionFinished, list{rec(complete, whole, 0)}, lieciba.CoverageComplete},
		"whole, anchored":                {lieciba.SessionAnchored, list{rec(sealed, whole, 0), rec(sealed, whole, 0)}, lieciba.CoverageComplete},
		"whole, deleted by policy":       {lieciba.SessionClosed, list{rec(lieciba.RecordingDeleted, whole, 0)}, lieciba.CoverageComplete},
		"one declared gap":               {lieciba.SessionFinished, list{rec(sealed, whole, 0), rec(sealed, gap, 0)}, lieciba.CoverageWithGaps},
		"one camera never came":          {lieciba.SessionFinished, list{rec(sealed, allGap, 0)}, lieciba.CoverageWithGaps},
		"a hole":                         {lieciba.SessionFinished, list{rec(sealed, whole, 0), rec(sealed, hole, 0)}, lieciba.CoverageIncomplete},
		"a hole of a microsecond":        {lieciba.SessionFinished, list{rec(sealed, micro, 0)}, lieciba.CoverageIncomplete},
		"a hole beside a declared gap":   {lieciba.SessionFinished, list{rec(sealed, gap, 0), rec(sealed, hole, 0)}, lieciba.CoverageIncomplete},
		"recorded twice":                 {lieciba.SessionFinished, list{rec(sealed, twice, 0)}, lieciba.CoverageIncomplete},
		"nothing on record":              {lieciba.SessionFinished, nil, lieciba.CoverageIncomplete},
		"nothing was expected":           {lieciba.SessionFinished, list{rec(sealed, empty, 0)}, lieciba.CoverageIncomplete},
		"cancelled, nothing on record":   {lieciba.SessionCancelled, nil, lieciba.CoverageNotFinished},
		"cancelled while it ran":         {lieciba.SessionCancelled, list{rec(sealed, gap, 0)}, lieciba.CoverageWithGaps},
		"planned":                        {lieciba.SessionPlanned, nil, lieciba.CoverageNotFinished},
		"ready":                          {lieciba.SessionReady, nil, lieciba.CoverageNotFinished},
		"running and whole so far":       {lieciba.SessionRunning, list{rec(complete, whole, 0)}, lieciba.CoverageNotFinished},
		"one camera is still recorded":   {lieciba.SessionFinished, list{rec(sealed, whole, 0), rec(lieciba.RecordingRecording, whole, 0)}, lieciba.CoverageNotFinished},
		"one camera is still scheduled":  {lieciba.SessionFinished, list{rec(lieciba.RecordingScheduled, hole, 0)}, lieciba.CoverageNotFinished},
		"segments are still in a spool":  {lieciba.SessionFinished, list{rec(lieciba.RecordingFinalising, whole, 0)}, lieciba.CoverageNotFinished},
		"an open gap":                    {lieciba.SessionFinished, list{rec(complete, gap, 1)}, lieciba.CoverageNotFinished},
		"a hole, and another recording":  {lieciba.SessionFinished, list{rec(sealed, hole, 0), rec(lieciba.RecordingFinalising, whole, 0)}, lieciba.CoverageNotFinished},
		"a state that nobody knows":      {"lost", list{rec(sealed, whole, 0)}, lieciba.CoverageNotFinished},
		"a recording in a strange state": {lieciba.SessionFinished, list{rec("lost", whole, 0)}, lieciba.CoverageNotFinished},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, lieciba.JudgeCoverage(c.session, c.recs))
		})
	}
}

func TestClockOver(t *testing.T) {
	seg := func(ms int, q lieciba.ClockQuality) lieciba.Segment {
		return lieciba.Segment{ClockOffset: time.Duration(ms) * time.Millisecond, ClockQuality: q}
	}
	type list = []lieciba.Segment
	for name, c := range map[string]struct {
		segments list
		want     lieciba.ClockRange
	}{
		"none":     {nil, lieciba.ClockRange{Worst: lieciba.ClockUnknown}},
		"unknown":  {list{seg(0, lieciba.ClockUnknown)}, lieciba.ClockRange{Worst: lieciba.ClockUnknown}},
		"one good": {list{seg(-12, lieciba.ClockGood)}, lieciba.ClockRange{Min: -12e6, Max: -12e6, Measured: true, Worst: lieciba.ClockGood}},
		"an unmeasured offset is no zero": {list{seg(300, lieciba.ClockDrifting), seg(0, lieciba.ClockUnknown), seg(200, lieciba.ClockGood)},
			lieciba.ClockRange{Min: 200e6, Max: 300e6, Measured: true, Worst: lieciba.ClockDrifting}},
		"unknown among good": {list{seg(5, lieciba.ClockGood), seg(0, lieciba.ClockUnknown)},
			lieciba.ClockRange{Min: 5e6, Max: 5e6, Measured: true, Worst: lieciba.ClockUnknown}},
		"one unreliable": {list{seg(-1500, lieciba.ClockUnreliable), seg(0, lieciba.ClockUnknown), seg(300, lieciba.ClockDrifting)},
			lieciba.ClockRange{Min: -1500e6, Max: 300e6, Measured: true, Worst: lieciba.ClockUnreliable}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, lieciba.ClockOver(c.segments)) })
	}
}

func TestHoldsPersonalCode(t *testing.T) {
	for _, s := range []string{"010190-12345", "01019012345", "320000-00001", "32999912345", "31.12: 311299-10000.", "(150685-11111)",
		"code 150685–11111", "150685 - 11111", "150685 11111", "a150685-11111b", "999999-12345 010190-12345", "2024 010190-12345", "32123412345/A",
		"0198c0de-0000-7000-8000-00010190a234 and 010190-12345"} {
		require.True(t, lieciba.HoldsPersonalCode(s), "%q", s)
	}
	for _, s := range []string{"", "A-17/2026", "000190-12345", "011390-12345", "320190-1234", "32019-12345", "1010190-12345", "010190-123456",
		"010190123456", "+371 29123456", "2026-11-18", "18.11.2026 12345", "010190 -- - 12345", "010190.12345", "00000000000", "450190-12345",
		"0198c0de-0000-7000-8000-a01019012345", "A0198C0DE-0000-7000-8000-A01019012345", "čau 0198c0de-0000-7000-8000-01019012345a"} {
		require.False(t, lieciba.HoldsPersonalCode(s), "%q", s)
	}
}

func TestAppealStands(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 11, 18, h, 0, 0, 0, time.UTC) }
	ev := func(id string, k lieciba.EventKind, h int, appeal string) lieciba.SessionEvent {
		return lieciba.SessionEvent{ID: lieciba.EventID(id), Kind: k, At: at(h), Appeal: appeal}
	}
	opened, decided, notified := lieciba.EventAppealOpened, lieciba.EventAppealDecided, lieciba.EventResultNotified
	type list = []lieciba.SessionEvent
	for name, c := range map[string]struct {
		events  list
		decided time.Time
		known   bool
	}{
		"nothing":                 {nil, time.Time{}, false},
		"another appeal":          {list{ev("1", opened, 1, "B")}, time.Time{}, false},
		"open":                    {list{ev("1", opened, 1, "A")}, time.Time{}, true},
		"decided":                 {list{ev("1", opened, 1, "A"), ev("2", decided, 3, "A")}, at(3), true},
		"arrived in turned order": {list{ev("2", decided, 3, "A"), ev("1", opened, 1, "A")}, at(3), true},
		"opened anew":             {list{ev("1", opened, 1, "A"), ev("2", decided, 3, "A"), ev("3", opened, 4, "A")}, time.Time{}, true},
		"at one instant":          {list{ev("2", decided, 1, "A"), ev("1", opened, 1, "A"), ev("3", decided, 1, "A")}, time.Time{}, true},
		"only decided":            {list{ev("2", decided, 3, "A")}, at(3), false},
		"a result in between":     {list{ev("1", opened, 1, "A"), ev("2", notified, 2, "A")}, time.Time{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := lieciba.AppealStands(c.events, "A")
			require.Equal(t, c.decided, got.Decided)
			require.Equal(t, c.decided.IsZero(), got.Open())
			require.Equal(t, c.known, got.Known)
		})
	}
}

// A decision counts from when this server knew of it, and only the appeal's own
// system lets the hold end by itself.
func TestAppealTermsAreNotDatedBack(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 11, 18, h, 0, 0, 0, time.UTC) }
	ev := func(k lieciba.EventKind, source string, h, received int) lieciba.SessionEvent {
		return lieciba.SessionEvent{Kind: k, Source: source, At: at(h), Appeal: "A", ReceivedAt: at(received)}
	}
	opened := ev(lieciba.EventAppealOpened, "exams", 1, 1)
	decided := lieciba.EventAppealDecided
	for name, c := range map[string]struct {
		events                   []lieciba.SessionEvent
		decided, counts, release time.Time
	}{
		"told at once":         {[]lieciba.SessionEvent{opened, ev(decided, "exams", 3, 3)}, at(3), at(3), at(3)},
		"told late":            {[]lieciba.SessionEvent{opened, ev(decided, "exams", 2, 9)}, at(2), at(9), at(9)},
		"a clock ahead":        {[]lieciba.SessionEvent{opened, ev(decided, "exams", 5, 4)}, at(5), at(5), at(5)},
		"by hand":              {[]lieciba.SessionEvent{opened, ev(decided, lieciba.SourceByHand, 2, 9)}, at(2), at(9), time.Time{}},
		"by hand, then told":   {[]lieciba.SessionEvent{opened, ev(decided, lieciba.SourceByHand, 4, 4), ev(decided, "exams", 3, 6)}, at(4), at(6), at(6)},
		"told, then by hand":   {[]lieciba.SessionEvent{opened, ev(decided, "exams", 3, 3), ev(decided, lieciba.SourceByHand, 7, 7)}, at(7), at(7), at(3)},
		"contested once more":  {[]lieciba.SessionEvent{opened, ev(decided, "exams", 3, 3), ev(lieciba.EventAppealOpened, lieciba.SourceByHand, 4, 4)}, time.Time{}, time.Time{}, time.Time{}},
		"by hand once more":    {[]lieciba.SessionEvent{opened, ev(decided, "exams", 3, 3), ev(lieciba.EventAppealOpened, lieciba.SourceByHand, 4, 4), ev(decided, lieciba.SourceByHand, 5, 5)}, at(5), at(5), time.Time{}},
		"decided before known": {[]lieciba.SessionEvent{ev(decided, "exams", 3, 4)}, at(3), at(4), at(4)},
	} {
		t.Run(name, func(t *testing.T) {
			got := lieciba.AppealStands(c.events, "A")
			require.Equal(t, []time.Time{c.decided, c.counts, c.release}, []time.Time{got.Decided, got.Counts, got.Release})
		})
	}
}

func TestReleaseAfterAppeal(t *testing.T) {
	decided := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	policy := func(id lieciba.PolicyID, s lieciba.PolicyState, months int) lieciba.RetentionPolicy {
		return lieciba.RetentionPolicy{ID: id, Name: lieciba.DefaultPolicy, State: s, AfterAppeal: lieciba.Period{Months: months}}
	}
	riga := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, lieciba.Riga).UTC() }
	old, now, draft := policy("old", lieciba.PolicySuperseded, 3), policy("now", lieciba.PolicyApproved, 1), policy("draft", lieciba.PolicyDraft, 9)
	other := now
	other.ID, other.Name, other.AfterAppeal = "other", "speaking", lieciba.Period{Months: 12}
	older := other
	older.ID, older.State, older.AfterAppeal = "older", lieciba.PolicySuperseded, lieciba.Period{Months: 2}
	back := now
	back.Retroactive = true
	type list = []lieciba.RetentionPolicy
	for name, c := range map[string]struct {
		policies list
		sealed   []lieciba.PolicyID
		want     time.Time
	}{
		"none":                             {nil, nil, time.Time{}},
		"only a draft":                     {list{draft}, []lieciba.PolicyID{"draft"}, time.Time{}},
		"in force, month's end clamped":    {list{now}, nil, riga(3, 1)},
		"sealed under a longer one":        {list{old, now}, []lieciba.PolicyID{"old"}, riga(5, 1)},
		"an old one that does not govern":  {list{old, now}, []lieciba.PolicyID{"now"}, riga(3, 1)},
		"the one in force is retroactive":  {list{old, back}, []lieciba.PolicyID{"old"}, riga(3, 1)},
		"another name is not the default":  {list{other, now}, nil, riga(3, 1)},
		"sealed under a policy of a name":  {list{other, now}, []lieciba.PolicyID{"other"}, riga(2, 1).AddDate(1, 0, 0)},
		"its name has a newer, longer one": {list{older, other, now}, []lieciba.PolicyID{"older"}, riga(2, 1).AddDate(1, 0, 0)},
		"a draft that was sealed under":    {list{draft, now}, []lieciba.PolicyID{"draft"}, riga(3, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want.UTC(), lieciba.ReleaseAfterAppeal(c.policies, c.sealed, decided))
		})
	}
}
