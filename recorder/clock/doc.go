// Package clock is the recorder's time model: recorder/TIME.md, in code. It
// keeps four clocks apart by type (RTP Ticks, the camera's NTP, this server's
// wall clock and its monotonic clock) and is the only place that relates them.
// It does no input or output and starts nothing; time comes in as arguments.
package clock

import "time"

// Mono is a reading of this server's monotonic clock, since any fixed start.
type Mono time.Duration

// Instant is one reading of both server clocks, taken together. Wall carries
// no monotonic part, so that its differences show steps.
type Instant struct {
	Wall time.Time
	Mono Mono
}

// System returns a reader of this machine's clocks. Safe for concurrent use.
func System() func() Instant {
	start := time.Now()
	return func() Instant {
		now := time.Now()
		return Instant{Wall: now.Round(0).UTC(), Mono: Mono(now.Sub(start))}
	}
}

// The limits of TIME.md.
const (
	maxSlewPPM = 500 // fastest correction, in parts per million of elapsed time
	stepLimit  = 250 * time.Millisecond
	// Unreliable is the difference above which time is not to be trusted.
	Unreliable = time.Second
)

// slew limits a wanted correction to what elapsed allows.
func slew(want, elapsed time.Duration) time.Duration {
	limit := max(0, elapsed) * maxSlewPPM / 1_000_000
	return min(max(want, -limit), limit)
}
