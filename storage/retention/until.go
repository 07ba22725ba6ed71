package retention

import (
	"time"

	"lieciba"
)

// Objects whose first due day is not known are locked a little ahead, again and
// again: at least lockAhead, and a new date each lockStep, so that a lock is
// written once in a while and never delays a lawful deletion by much.
const (
	lockAhead = 7 * 24 * time.Hour
	lockStep  = 7 * 24 * time.Hour
	lockLeast = time.Hour // a shorter one is not worth its while, and clocks differ
)

// rolling is the next step of the calendar that lies at least lockAhead away.
func rolling(now time.Time) time.Time {
	return lieciba.Micro(now.Add(lockAhead).Truncate(lockStep).Add(lockStep))
}

// lockUntil sets how long the objects are locked. With a notified result that is
// the due date. Without one it is what the result could make of it, if it was
// notified as early as it can be; then the rolling date, up to the ceiling.
func (d *Decision) lockUntil(f lieciba.RetentionFacts, now time.Time) {
	until := d.DueAt
	if !d.Anchored {
		until = rolling(now)
		if first := d.Policy.Keep.After(sessionEnd(f)); !d.Policy.Keep.Zero() && first.After(until) {
			until = first
		}
		if until.After(d.DueAt) {
			until = d.DueAt
		}
	}
	if until.After(now.Add(lockLeast)) {
		d.LockUntil = until
	}
}
