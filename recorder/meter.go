package recorder

import (
	"sync"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/recorder/clock"
)

// meter counts what one stream does. Safe for concurrent use.
type meter struct {
	bytes      atomic.Int64 // payload of both tracks since start
	frames     atomic.Int64 // video frames since start
	lost       atomic.Int64 // RTP packets that the network lost
	reconnects atomic.Int64
	lastFrame  atomic.Int64 // arrival, Unix nanoseconds; 0: none yet

	mu     sync.Mutex
	marks  [8]mark // a ring of readings, one a second
	marked int
}

type mark struct {
	at            time.Time
	bytes, frames int64
}

func (m *meter) picture(size int, arrival time.Time) {
	m.bytes.Add(int64(size))
	m.frames.Add(1)
	m.lastFrame.Store(arrival.UnixNano())
}

// tick takes a reading for the rates; call it once a second.
func (m *meter) tick(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marks[m.marked%len(m.marks)] = mark{now, m.bytes.Load(), m.frames.Load()}
	m.marked++
}

// rates returns bits and frames a second over the last readings.
func (m *meter) rates() (bitrate, fps float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.marked < 2 {
		return 0, 0
	}
	last := m.marks[(m.marked-1)%len(m.marks)]
	first := m.marks[max(0, m.marked-len(m.marks))%len(m.marks)]
	s := last.at.Sub(first.at).Seconds()
	if s <= 0 {
		return 0, 0
	}
	return float64(last.bytes-first.bytes) * 8 / s, float64(last.frames-first.frames) / s
}

// age is how long ago the last frame came; negative if none ever did.
func (m *meter) age(now time.Time) time.Duration {
	n := m.lastFrame.Load()
	if n == 0 {
		return -1
	}
	return max(0, now.Sub(time.Unix(0, n)))
}

// cameraClock is one camera's clock offset over all its runs (TIME.md, 3).
// Safe for concurrent use.
type cameraClock struct {
	mu     sync.Mutex
	offset clock.Offset
	onvif  time.Duration // as the catalogue has it
}

func (c *cameraClock) report(n clock.NTP, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset.Report(n, at)
}

func (c *cameraClock) setONVIF(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onvif = d
}

// value returns the offset and its quality; server is Timeline.Offset.
func (c *cameraClock) value(server time.Duration) (time.Duration, lieciba.ClockQuality) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.offset.Known() {
		return c.onvif, c.offset.Quality(server)
	}
	return c.offset.Value().Truncate(time.Microsecond), c.offset.Quality(server)
}
