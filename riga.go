package lieciba

import (
	"time"
	_ "time/tzdata" // a minimal machine has no zone files
)

// Riga is the zone of the exam sites.
var Riga = mustLoad("Europe/Riga")

func mustLoad(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone data is linked in
	}
	return l
}

// ParseRigaTime reads an RFC 3339 time with offset and returns it in UTC, cut
// to the microsecond. The offset must be the one that Europe/Riga has at that
// instant: so a local time that does not exist (2026-03-29 03:30) is refused,
// and an ambiguous one (2026-10-25 03:30) is decided by its offset. Z is
// refused too: the citizenship system sends local time with offset.
func ParseRigaTime(field, s string) (time.Time, error) {
	t, err := parseRFC3339(field, s)
	if err != nil {
		return time.Time{}, err
	}
	_, have := t.Zone()
	name, want := t.In(Riga).Zone()
	if have != want {
		right := t.In(Riga).Format(time.RFC3339)
		return time.Time{}, Invalid(field,
			"offset %s disagrees with Europe/Riga, which is at %s (%s) then: send %s if that instant is meant; a local time inside the spring change does not exist",
			t.Format("-07:00"), t.In(Riga).Format("-07:00"), name, right)
	}
	return Micro(t), nil
}

// ParseTime reads an RFC 3339 time of any offset and returns it in UTC, cut to
// the microsecond.
func ParseTime(field, s string) (time.Time, error) {
	t, err := parseRFC3339(field, s)
	return Micro(t), err
}

// parseRFC3339 takes RFC 3339 and nothing near it: time.Parse also takes T9:00
// and 09:00:00,5 (go.dev/issue/54580).
func parseRFC3339(field, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || s[13] != ':' || s[16] != ':' || s[19] == ',' {
		return time.Time{}, Invalid(field, "is not a time: use RFC 3339 with offset, such as 2026-11-18T09:00:00+02:00")
	}
	if y := t.UTC().Year(); y < 1 || y > 9999 { // an offset can lead past the years that RFC 3339 can write
		return time.Time{}, Invalid(field, "lies outside of the years 1 to 9999 in UTC")
	}
	return t, nil
}
