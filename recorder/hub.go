package recorder

import (
	"sync"
	"time"

	"lieciba"
)

// run is one uninterrupted run of a stream, shared by all its frames. Immutable.
type run struct {
	id        lieciba.RunID
	format    lieciba.StreamFormat
	startedAt time.Time
}

// ending says why frames stopped and up to when they reach.
type ending struct {
	cause  lieciba.GapCause
	detail string
	at     time.Time // end of the last frame; zero if there was none
}

// entry is one item of a hub: a frame of a run, or the end of a run.
type entry struct {
	frame lieciba.Frame
	run   *run
	end   *ending // not nil: frame and run are empty
}

// flow is the state of a stream as its readers see it.
type flow uint8

const (
	flowConnecting flow = iota // no attempt has ended yet
	flowing
	flowDown // the last attempt or run ended
)

// Bounds of a hub: what a reader may fall behind before it loses frames.
const (
	hubMaxBytes = 32 << 20
	hubMaxAge   = 20 * time.Second
)

// hub passes the frames of one stream on to any number of readers. It keeps the
// current GOP, so that a reader starts with a picture, and what readers that
// must not lose frames have not taken yet, within bounds. push never blocks.
// Safe for concurrent use.
type hub struct {
	mu      sync.Mutex
	buf     []entry
	base    uint64 // sequence number of buf[0]
	gop     uint64 // of the newest key frame
	bytes   int
	readers map[*reader]struct{}
	state   flow
	last    ending // of state flowDown
	closed  bool
	changed chan struct{} // closed and replaced at each change of state
}

func newHub() *hub {
	return &hub{readers: map[*reader]struct{}{}, changed: make(chan struct{})}
}

// reader is one place in a hub. keep: frames wait for it (within the bounds),
// and it is woken in batches; else it is woken at each frame and may be skipped.
type reader struct {
	hub  *hub
	next uint64
	keep bool
	wake chan struct{} // capacity 1
}

// batch is after how many entries a keeping reader is woken: its work is to
// disk, once a second, so that waking it for each frame would only cost.
const batch = 24

// attach adds a reader at the current GOP, or at what comes next.
func (h *hub) attach(keep bool) *reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &reader{hub: h, keep: keep, wake: make(chan struct{}, 1), next: h.base + uint64(len(h.buf))}
	if h.state == flowing && h.gop >= h.base && len(h.buf) > 0 {
		r.next = h.gop
	}
	h.readers[r] = struct{}{}
	r.poke()
	return r
}

func (r *reader) detach() {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	delete(r.hub.readers, r)
}

func (r *reader) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// frame adds a frame of a run.
func (h *hub) frame(f lieciba.Frame, ru *run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	key := f.Track == lieciba.TrackVideo && f.Key
	h.push(entry{frame: f, run: ru}, key)
	if key {
		h.gop = h.head() - 1
		h.trim()
	}
	if h.state != flowing {
		h.become(flowing)
	}
}

// end adds the end of a run, or of an attempt that gave none.
func (h *hub) end(e ending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.push(entry{end: &e}, true)
	h.last = e
	h.gop = h.head() // nothing of this run is live any more
	h.trim()
	h.become(flowDown)
}

// connecting says that attempts begin (again).
func (h *hub) connecting() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.become(flowConnecting)
}

func (h *hub) become(s flow) {
	h.state = s
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hub) head() uint64 { return h.base + uint64(len(h.buf)) }

func (h *hub) push(e entry, now bool) {
	h.buf = append(h.buf, e)
	h.bytes += e.frame.Size()
	for h.bytes > hubMaxBytes && len(h.buf) > 1 || h.tooOld(e) {
		h.drop(1)
	}
	for r := range h.readers {
		if now || !r.keep || h.head()-r.next >= batch {
			r.poke()
		}
	}
}

func (h *hub) tooOld(e entry) bool {
	return e.run != nil && len(h.buf) > 1 && h.buf[0].run == e.run && e.frame.Time.Sub(h.buf[0].frame.Time) > hubMaxAge
}

// trim drops what is before the current GOP and no keeping reader waits for.
func (h *hub) trim() {
	low := h.gop
	for r := range h.readers {
		if r.keep {
			low = min(low, r.next)
		}
	}
	if low > h.base {
		h.drop(int(low - h.base))
	}
}

func (h *hub) drop(n int) {
	for i := range h.buf[:n] {
		h.bytes -= h.buf[i].frame.Size()
	}
	clear(h.buf[:n])
	h.buf = h.buf[n:]
	h.base += uint64(n)
}

// take returns all entries that wait for r, appended to dst, and whether some
// were dropped before r could take them. Then it starts at a key frame again.
func (r *reader) take(dst []entry) (out []entry, overrun bool) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	overrun = r.skip()
	out = append(dst, h.buf[r.next-h.base:]...)
	r.next = h.head()
	return out, overrun
}

// skip moves a reader that fell behind to the current GOP.
func (r *reader) skip() bool {
	h := r.hub
	if r.next >= h.base {
		return false
	}
	r.next = max(h.gop, h.base)
	return true
}

// flowState returns whether frames flow, and if not, why.
func (h *hub) flowState() (flow, ending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state, h.last
}

// close ends all feeds with io.EOF.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	close(h.changed)
	h.changed = make(chan struct{})
	for r := range h.readers {
		r.poke()
	}
}
