package clock

import (
	"time"

	"lieciba"
)

// NTP is a 64-bit NTP timestamp as RTCP sender reports carry it (RFC 3550
// section 4, RFC 5905 section 6): seconds since 1900 in the upper 32 bits, the
// fraction in units of 2^-32 s in the lower.
type NTP uint64

const (
	ntpToUnix = 2_208_988_800 // seconds from 1900 to 1970
	eraLength = 1 << 32       // seconds
)

// Time converts to UTC in the NTP era that is nearest to near. Rounded to the
// nanosecond.
func (n NTP) Time(near time.Time) time.Time {
	sec := int64(n>>32) - ntpToUnix
	nsec := (uint64(uint32(n))*1_000_000_000 + 1<<31) >> 32
	eras := (near.Unix() - sec + eraLength/2) / eraLength
	if near.Unix()-sec+eraLength/2 < 0 {
		eras = 0
	}
	return time.Unix(sec+eras*eraLength, int64(nsec)).UTC()
}

// referenceKept is how long the reference of a camera's offset outlives its last report.
const referenceKept = 5 * time.Minute

// Offset follows one camera's clock against ours over all its runs (TIME.md
// section 3). The zero value knows nothing. Not safe for concurrent use.
type Offset struct {
	reference time.Duration
	now       time.Duration
	at        time.Time // of the last report; zero: none yet
}

// Report takes in a sender report: the camera said ntp for an instant that the
// time line calls at.
func (o *Offset) Report(ntp NTP, at time.Time) {
	off := ntp.Time(at).Sub(at)
	if o.at.IsZero() || at.Sub(o.at) > referenceKept {
		o.reference = off
	}
	o.now, o.at = off, at
}

// Known reports whether the camera has sent a report.
func (o *Offset) Known() bool { return !o.at.IsZero() }

// Value is camera clock minus ours, from the last report.
func (o *Offset) Value() time.Duration { return o.now }

// Drift is how far the offset moved since the reference.
func (o *Offset) Drift() time.Duration { return o.now - o.reference }

// Quality grades the drift; server is how far our own wall clock has parted
// from the time line (Timeline.Offset), which makes everything unreliable.
func (o *Offset) Quality(server time.Duration) lieciba.ClockQuality {
	drift := o.Drift().Abs()
	switch {
	case server.Abs() > Unreliable || drift > Unreliable:
		return lieciba.ClockUnreliable
	case !o.Known():
		return lieciba.ClockUnknown
	case drift >= stepLimit:
		return lieciba.ClockDrifting
	}
	return lieciba.ClockGood
}
