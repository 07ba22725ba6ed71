package segment

import "time"

// ntpEpoch is the distance from 1900 to 1970 in seconds (RFC 5905, figure 4).
const ntpEpoch = 2_208_988_800

// toNTP turns a time into 32.32 NTP time of its era, rounded to 2⁻³² s.
func toNTP(t time.Time) uint64 {
	us := t.UnixMicro()
	sec := floorDiv(us, 1e6)
	frac := uint64(us - sec*1e6)
	return uint64(uint32(sec+ntpEpoch))<<32 | (frac<<32+500_000)/1_000_000
}

// fromNTP reverses toNTP, exact to the µs from 1968 to 2104.
func fromNTP(n uint64) time.Time {
	sec := int64(n >> 32)
	if sec < 1<<31 {
		sec += 1 << 32 // era 1
	}
	us := (n&0xffffffff*1_000_000 + 1<<31) >> 32
	return time.UnixMicro((sec-ntpEpoch)*1e6 + int64(us)).UTC()
}

// toTicks converts a duration to ticks of a clock of rate Hz, rounded to
// nearest. Exact for durations up to a day and rates up to 100 MHz.
func toTicks(d time.Duration, rate int64) int64 {
	us := d.Microseconds()
	return floorDiv(us*rate+500_000, 1_000_000)
}

// fromTicks converts ticks to a duration, rounded to the nearest µs.
func fromTicks(n, rate int64) time.Duration {
	sec := floorDiv(n, rate)
	rest := n - sec*rate
	return time.Duration(sec)*time.Second + time.Duration((rest*1_000_000+rate/2)/rate)*time.Microsecond
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
