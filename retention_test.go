package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func months(n int) lieciba.Period { return lieciba.Period{Months: n} }
func days(n int) lieciba.Period   { return lieciba.Period{Days: n} }

// rigaTime reads "2026-01-31 10:00:00" as Riga's clocks show it, +03 or +02 behind it
// where two instants show the same.
func rigaTime(t testing.TB, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999"} {
		if at, err := time.ParseInLocation(layout, s, lieciba.Riga); err == nil {
			return at
		}
	}
	t.Fatalf("%q is no time of the table", s)
	return time.Time{}
}

// TestPeriodAfter: the last day counts in full, so the first free instant is the
// midnight behind it.
func TestPeriodAfter(t *testing.T) {
	for _, c := range []struct {
		name   string
		from   string // Riga
		period lieciba.Period
		want   string // Riga midnight
		utc    string
	}{
		{"one month of an ordinary day", "2026-11-18 10:00:00", months(1), "2026-12-19", "2026-12-18T22:00:00Z"},
		{"notified on 31 January, plain year", "2026-01-31 10:00:00", months(1), "2026-03-01", "2026-02-28T22:00:00Z"},
		{"notified on 31 January, leap year 2024", "2024-01-31 10:00:00", months(1), "2024-03-01", "2024-02-29T22:00:00Z"},
		{"notified on 31 January, leap year 2028", "2028-01-31 10:00:00", months(1), "2028-03-01", "2028-02-29T22:00:00Z"},
		{"notified on 31 January 2100, no leap year", "2100-01-31 10:00:00", months(1), "2100-03-01", "2100-02-28T22:00:00Z"},
		{"notified on 29 January 2028: the leap day is kept", "2028-01-29 10:00:00", months(1), "2028-03-01", "2028-02-29T22:00:00Z"},
		{"notified on 29 January 2026: clamped to 28 February", "2026-01-29 10:00:00", months(1), "2026-03-01", "2026-02-28T22:00:00Z"},
		{"from a leap day to a year without one", "2024-02-29 10:00:00", months(12), "2025-03-01", "2025-02-28T22:00:00Z"},
		{"from a leap day to the next leap day", "2024-02-29 10:00:00", months(48), "2028-03-01", "2028-02-29T22:00:00Z"},
		{"from a leap day over 2100", "2096-02-29 10:00:00", months(48), "2100-03-01", "2100-02-28T22:00:00Z"},
		{"31 May and one month: 30 June", "2026-05-31 10:00:00", months(1), "2026-07-01", "2026-06-30T21:00:00Z"},
		{"clamped once, not twice: 31 January and two months", "2026-01-31 10:00:00", months(2), "2026-04-01", "2026-03-31T21:00:00Z"},
		{"over the year's end", "2026-12-31 10:00:00", months(2), "2027-03-01", "2027-02-28T22:00:00Z"},
		{"the last day is the short night to summer time", "2026-02-28 10:00:00", lieciba.Period{Months: 1, Days: 1}, "2026-03-30", "2026-03-29T21:00:00Z"},
		{"the due midnight stands before the short day", "2026-02-28 10:00:00", months(1), "2026-03-29", "2026-03-28T22:00:00Z"},
		{"the last day is the long night to winter time", "2026-09-25 10:00:00", months(1), "2026-10-26", "2026-10-25T22:00:00Z"},
		{"the due midnight stands before the long day", "2026-09-24 10:00:00", months(1), "2026-10-25", "2026-10-24T21:00:00Z"},
		{"begins in the hour that comes twice, first time", "2026-10-25 03:30:00+03", days(1), "2026-10-27", "2026-10-26T22:00:00Z"},
		{"begins in the hour that comes twice, second time", "2026-10-25 03:30:00+02", days(1), "2026-10-27", "2026-10-26T22:00:00Z"},
		{"days over the change to summer time are days, not hours", "2026-03-28 23:59:59", days(2), "2026-03-31", "2026-03-30T21:00:00Z"},
		{"at 23:59:59 Riga", "2026-11-18 23:59:59", days(1), "2026-11-20", "2026-11-19T22:00:00Z"},
		{"in the last microsecond of the day", "2026-11-18 23:59:59.999999", days(1), "2026-11-20", "2026-11-19T22:00:00Z"},
		{"at midnight: a day later", "2026-11-19 00:00:00", days(1), "2026-11-21", "2026-11-20T22:00:00Z"},
		{"late UTC evening in winter is the next Riga day", "2026-11-18 22:30:00+00", days(1), "2026-11-21", "2026-11-20T22:00:00Z"},
		{"late UTC evening in summer is the next Riga day", "2026-06-30 21:00:00+00", months(1), "2026-08-02", "2026-08-01T21:00:00Z"},
		{"late UTC evening of 30 January is Riga's 31 January", "2026-01-30 22:00:00+00", months(1), "2026-03-01", "2026-02-28T22:00:00Z"},
		{"months first, then days", "2026-01-31 10:00:00", lieciba.Period{Months: 1, Days: 3}, "2026-03-04", "2026-03-03T22:00:00Z"},
		{"months and days over a leap day", "2028-01-31 10:00:00", lieciba.Period{Months: 1, Days: 1}, "2028-03-02", "2028-03-01T22:00:00Z"},
		{"no period: the day itself counts in full", "2026-11-18 10:00:00", lieciba.Period{}, "2026-11-19", "2026-11-18T22:00:00Z"},
		{"no period at midnight", "2026-11-18 00:00:00", lieciba.Period{}, "2026-11-19", "2026-11-18T22:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.period.After(rigaTime(t, c.from))
			require.Equal(t, c.want+" 00:00:00", got.In(lieciba.Riga).Format("2006-01-02 15:04:05"))
			require.Equal(t, c.utc, got.Format(time.RFC3339Nano))
		})
	}
}

func TestPeriodBefore(t *testing.T) {
	for _, c := range []struct {
		at     string
		period lieciba.Period
		want   string // UTC of a Riga midnight
	}{
		{"2026-03-31 00:00:00", months(1), "2026-02-27T22:00:00Z"}, // clamped to 28 February
		{"2026-03-31 00:00:00", days(30), "2026-02-28T22:00:00Z"},
		{"2026-11-18 00:00:00", lieciba.Period{}, "2026-11-17T22:00:00Z"},
		{"2026-11-18 15:00:00", months(6), "2026-05-17T21:00:00Z"},
		{"2026-03-30 00:00:00", days(1), "2026-03-28T22:00:00Z"}, // the short day
		{"2028-03-31 00:00:00", lieciba.Period{Months: 1, Days: 1}, "2028-02-27T22:00:00Z"},
	} {
		require.Equal(t, c.want, c.period.Before(rigaTime(t, c.at)).Format(time.RFC3339Nano), "%v before %s", c.period, c.at)
	}
}

// TestPeriodNeverEarlier compares the rule with the calendar itself: every day
// of the cycle of 400 years for some pairs, and named borders.
func TestPeriodNeverEarlier(t *testing.T) {
	for _, c := range []struct {
		p, q lieciba.Period
		want bool
	}{
		{days(31), months(1), true},
		{days(30), months(1), false},
		{months(1), days(28), true},
		{months(1), days(29), false}, // from 31 January to 28 February are 28 days
		{days(366), months(12), true},
		{days(365), months(12), false},
		{months(12), days(365), true},
		{months(12), days(366), false},
		{months(2), days(59), true},
		{months(2), days(60), false},
		{days(62), months(2), true},
		{days(61), months(2), false},
		{months(3), months(3), true},
		{lieciba.Period{Months: 3, Days: 1}, months(3), true},
		{months(3), lieciba.Period{Months: 3, Days: 1}, false},
		{lieciba.Period{Months: 2, Days: 31}, months(3), true},
		{lieciba.Period{Months: 2, Days: 30}, months(3), false},
		{months(3), lieciba.Period{Months: 2, Days: 28}, true},
		{months(3), lieciba.Period{Months: 2, Days: 29}, false},
		{months(1200), days(36524), true},  // a century that begins behind a leap year has 24 leap days
		{months(1200), days(36525), false}, // and one of four has 25
		{days(36525), months(1200), true},
		{lieciba.Period{}, lieciba.Period{}, true},
	} {
		require.Equal(t, c.want, c.p.NeverEarlier(c.q), "%v never earlier than %v", c.p, c.q)
		require.Equal(t, c.want && c.p != c.q, c.p.LongerThan(c.q), "%v longer than %v", c.p, c.q)
	}
	for k := range 15 {
		few, most := spread(k)
		require.True(t, months(k).NeverEarlier(days(few)), k)
		require.False(t, months(k).NeverEarlier(days(few+1)), k)
		require.True(t, days(most).NeverEarlier(months(k)), k)
		require.False(t, days(most-1).NeverEarlier(months(k)), k)
	}
}

// spread counts days between a start and k months later over every day of 1996
// to 2104, which has a leap day in a century year and one that is left out.
func spread(k int) (few, most int) {
	few = 1 << 30
	for at := time.Date(1996, 1, 1, 12, 0, 0, 0, lieciba.Riga); at.Year() < 2104; at = at.AddDate(0, 0, 1) {
		from, to := lieciba.Period{}.After(at), months(k).After(at)
		n := int(to.Sub(from).Hours()/24 + 0.5) // 23 and 25 hours are one day
		few, most = min(few, n), max(most, n)
	}
	return few, most
}

func TestPolicyShortens(t *testing.T) {
	old := lieciba.RetentionPolicy{Keep: months(6), Unanchored: months(24), WarnBefore: months(2), AfterAppeal: days(30)}
	change := func(f func(*lieciba.RetentionPolicy)) lieciba.RetentionPolicy {
		p := old
		f(&p)
		return p
	}
	for name, c := range map[string]struct {
		p    lieciba.RetentionPolicy
		want bool
	}{
		"the same":                  {old, false},
		"keeps longer":              {change(func(p *lieciba.RetentionPolicy) { p.Keep = months(7) }), false},
		"keeps shorter":             {change(func(p *lieciba.RetentionPolicy) { p.Keep = months(5) }), true},
		"six months as 182 days":    {change(func(p *lieciba.RetentionPolicy) { p.Keep = days(182) }), true},
		"six months as 184 days":    {change(func(p *lieciba.RetentionPolicy) { p.Keep = days(184) }), false},
		"a lower ceiling":           {change(func(p *lieciba.RetentionPolicy) { p.Keep, p.Unanchored = months(7), months(23) }), true},
		"less after an appeal":      {change(func(p *lieciba.RetentionPolicy) { p.AfterAppeal = days(29) }), true},
		"a later warning is no cut": {change(func(p *lieciba.RetentionPolicy) { p.WarnBefore = days(1) }), false},
	} {
		require.Equal(t, c.want, c.p.Shortens(old), name)
	}
}
