package clock

import (
	"sync"
	"time"
)

// Timeline is this server's time: the wall clock at start, moved on by the
// monotonic clock, corrected slowly (TIME.md section 1). Safe for concurrent use.
type Timeline struct {
	read func() Instant

	mu   sync.Mutex
	last Mono
	at   time.Time     // the time line at last
	off  time.Duration // wall minus time line, as last checked
}

// NewTimeline starts a time line at the wall clock of now.
func NewTimeline(read func() Instant) *Timeline {
	i := read()
	return &Timeline{read: read, last: i.Mono, at: i.Wall.UTC()}
}

// Now is the present on the time line. It never goes backwards, but for a
// Resync that was allowed to.
func (t *Timeline) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.advance(t.read())
}

// advance moves the time line to the instant and follows small differences.
func (t *Timeline) advance(i Instant) time.Time {
	elapsed := time.Duration(i.Mono - t.last)
	if elapsed <= 0 {
		return t.at
	}
	t.at = t.at.Add(elapsed)
	t.last = i.Mono
	t.off = i.Wall.Sub(t.at)
	if t.off.Abs() <= stepLimit {
		fix := slew(t.off, elapsed)
		t.at = t.at.Add(fix)
		t.off -= fix
	}
	return t.at
}

// Offset is wall clock minus time line: above 250 ms the wall clock was
// stepped and the time line has not followed.
func (t *Timeline) Offset() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(t.read())
	return t.off
}

// NotBefore moves the time line to t, if it is earlier: times up to t are taken.
// It reports whether it moved.
func (t *Timeline) NotBefore(at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(t.read())
	ahead := at.Sub(t.at)
	if ahead <= 0 {
		return false
	}
	t.at, t.off = t.at.Add(ahead), t.off-ahead
	return true
}

// Resync takes over a step of the wall clock: forward always, backward only if
// back is true, which the caller may say only while nothing is recorded. It
// returns by how much the time line moved.
func (t *Timeline) Resync(back bool) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(t.read())
	if t.off.Abs() <= stepLimit || t.off < 0 && !back {
		return 0
	}
	moved := t.off
	t.at, t.off = t.at.Add(moved), 0
	return moved
}
