package play

import (
	"context"
	"sync"
	"time"

	"lieciba"
)

// Mode is what a Feeder delivers.
type Mode uint8

const (
	AllFrames   Mode = iota // forwards, every frame
	KeysForward             // forwards, key frames only
	KeysReverse             // backwards, key frames only
)

// Fetch asks all feeders to start anew.
type Fetch struct {
	Gen   uint64    // from 1 up; deliveries name it, older ones are void
	At    time.Time // where
	Mode  Mode
	Burst bool // first the GOP of the frame at At, then on by Mode; else only what comes behind At
}

// Delivery is one thing that a feeder found, in the order of play.
type Delivery struct {
	Camera int
	Gen    uint64
	Kind   DeliveryKind
	Chunk  *Chunk           // Media: frames to play (one key frame in the key modes)
	Lead   bool             // Media: part of the GOP that leads to Fetch.At
	Gap    lieciba.Interval // GapAhead: nothing is on record; a zero To: the end is not known yet
	Cause  string
	Err    error // Failed
}

// DeliveryKind says what a Delivery is.
type DeliveryKind uint8

const (
	Media    DeliveryKind = iota
	GapAhead              // what follows is behind a gap
	AtEdge                // nothing more is durable yet; more will come by itself
	AtEnd                 // nothing more will come
	Failed                // stored bytes could not be read; they are skipped
)

const (
	edgePoll   = 150 * time.Millisecond
	feedChunks = 4       // chunks ahead of the play clock, at least two of them whatever their size
	feedBytes  = 8 << 20 // bytes ahead
	failPause  = 500 * time.Millisecond
	closingLag = 10 * time.Second // after its window a recording may still close its last segment
)

// Feeder loads one camera's fragments ahead of the play clock. Run is called
// once; the other methods are safe for concurrent use.
type Feeder struct {
	camera  int
	reader  *Reader
	session lieciba.SessionID
	out     chan<- Delivery
	now     func() time.Time

	mu      sync.Mutex
	want    Fetch
	stop    context.CancelFunc // of the fetch under way
	changed chan struct{}
	credit  chan struct{} // something was consumed
	chunks  int
	bytes   int
}

// NewFeeder makes a feeder that delivers to out, naming the camera's number.
func NewFeeder(camera int, r *Reader, out chan<- Delivery, now func() time.Time) *Feeder {
	return &Feeder{
		camera: camera, reader: r, session: r.rec.SessionID, out: out, now: now,
		changed: make(chan struct{}, 1), credit: make(chan struct{}, 1),
	}
}

// Start replaces the fetch under way.
func (f *Feeder) Start(want Fetch) {
	f.mu.Lock()
	f.want, f.chunks, f.bytes = want, 0, 0
	if f.stop != nil {
		f.stop()
	}
	f.mu.Unlock()
	poke(f.changed)
}

// Consumed gives back the room of a chunk that was played.
func (f *Feeder) Consumed(gen uint64, bytes int) {
	f.mu.Lock()
	if gen == f.want.Gen {
		f.chunks--
		f.bytes -= bytes
	}
	f.mu.Unlock()
	poke(f.credit)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run serves fetches until ctx ends.
func (f *Feeder) Run(ctx context.Context) {
	served := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
		}
		one, cancel := context.WithCancel(ctx)
		f.mu.Lock()
		want := f.want
		f.stop = cancel
		f.mu.Unlock()
		if want.Gen != served { // else the wake-up was for the one just served
			served = want.Gen
			run := fetchRun{Feeder: f, want: want}
			run.fetch(one)
		}
		cancel()
	}
}

// fetchRun is one fetch under way.
type fetchRun struct {
	*Feeder
	want Fetch
}

// deliver hands over; false: the fetch was replaced.
func (f *fetchRun) deliver(ctx context.Context, d Delivery) bool {
	d.Camera, d.Gen = f.camera, f.want.Gen
	if d.Kind == Media && !d.Lead && !f.room(ctx) {
		return false
	}
	if d.Kind == Media {
		f.mu.Lock()
		if f.Feeder.want.Gen == f.want.Gen {
			f.chunks++
			f.bytes += d.Chunk.Bytes
		}
		f.mu.Unlock()
	}
	select {
	case f.out <- d:
		return true
	case <-ctx.Done():
		return false
	}
}

// room waits until the player has played enough.
func (f *fetchRun) room(ctx context.Context) bool {
	for {
		f.mu.Lock()
		full := f.chunks >= 2 && (f.chunks >= feedChunks || f.bytes >= feedBytes)
		f.mu.Unlock()
		if !full {
			return ctx.Err() == nil
		}
		select {
		case <-f.credit:
		case <-ctx.Done():
			return false
		}
	}
}

func (f *fetchRun) fetch(ctx context.Context) {
	p, from, ok := f.lead(ctx)
	if !ok {
		return
	}
	if f.want.Mode == KeysReverse {
		f.reverse(ctx, from)
		return
	}
	f.forward(ctx, p, from)
}

// lead delivers the GOP that leads to At. It returns the place to go on behind,
// nil if At lies in a gap, and the time from which on to go.
func (f *fetchRun) lead(ctx context.Context) (p *place, from time.Time, ok bool) {
	at, err := f.reader.at(ctx, f.want.At)
	behind := lieciba.CodeOf(err) == lieciba.CodeNotFound
	if behind {
		// Behind all that is on record: the last frame is the one to show.
		at, err = f.reader.before(ctx, f.want.At)
	}
	if lieciba.CodeOf(err) == lieciba.CodeNotFound || err == nil && at.from().After(f.want.At) {
		return nil, f.want.At, true
	}
	if err != nil {
		return nil, f.want.At, f.failed(ctx, err)
	}
	if !f.want.Burst && f.want.Mode != AllFrames {
		return &at, f.want.At, true
	}
	key, err := f.reader.keyOf(ctx, at)
	if err != nil {
		return nil, at.to(), f.failed(ctx, err)
	}
	for q := key; q.i <= at.i; q.i++ {
		c, err := f.reader.load(ctx, q)
		if err != nil {
			return nil, at.to(), f.failed(ctx, err)
		}
		if !f.deliver(ctx, Delivery{Kind: Media, Chunk: c, Lead: true}) {
			return nil, from, false
		}
	}
	return &at, f.want.At, true
}

// failed tells of an error and waits a little, so that a store that is down is
// not hammered.
func (f *fetchRun) failed(ctx context.Context, err error) bool {
	if ctx.Err() != nil || !f.deliver(ctx, Delivery{Kind: Failed, Err: err}) {
		return false
	}
	return f.wait(ctx, failPause)
}

func (f *fetchRun) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// forward delivers what follows p, or what is at from where p is nil.
func (f *fetchRun) forward(ctx context.Context, p *place, from time.Time) {
	edge := false
	for {
		next, err := f.following(ctx, p, from)
		switch {
		case lieciba.CodeOf(err) == lieciba.CodeNotFound:
			if p != nil {
				from = p.to()
			}
			if !f.tail(ctx, from, &edge) {
				return
			}
			continue
		case err != nil:
			if !f.failed(ctx, err) {
				return
			}
			continue
		}
		if p != nil {
			from = p.to()
		}
		if next.from().Sub(from) > gapTolerance && !f.gap(ctx, lieciba.Interval{From: from, To: next.from()}) {
			return
		}
		edge = false
		p = &next
		if f.want.Mode == KeysForward && !next.key() {
			continue
		}
		if !f.media(ctx, next) {
			return
		}
	}
}

// gapTolerance is the most by which neighbouring fragments may miss each other.
const gapTolerance = 5 * time.Millisecond

func (f *fetchRun) following(ctx context.Context, p *place, from time.Time) (place, error) {
	if p != nil {
		return f.reader.next(ctx, *p)
	}
	return f.reader.at(ctx, from)
}

// media loads and delivers one fragment. A fragment that cannot be read is told
// of and skipped.
func (f *fetchRun) media(ctx context.Context, p place) bool {
	c, err := f.reader.load(ctx, p)
	if err != nil {
		return f.failed(ctx, err)
	}
	if f.want.Mode != AllFrames {
		c = keyOnly(c)
	}
	return f.deliver(ctx, Delivery{Kind: Media, Chunk: c})
}

// keyOnly is a chunk reduced to its key frame.
func keyOnly(c *Chunk) *Chunk {
	if len(c.Video) == 0 {
		return c
	}
	k := *c
	k.Video, k.Audio, k.Bytes = c.Video[:1], nil, c.Video[0].Size()
	return &k
}

// tail is reached where nothing more is on record: at the live edge, in an open
// gap, or at the end. It returns true to look again.
func (f *fetchRun) tail(ctx context.Context, from time.Time, edge *bool) bool {
	active, err := f.active(ctx)
	if err != nil {
		return f.failed(ctx, err)
	}
	if !active {
		f.deliver(ctx, Delivery{Kind: AtEnd})
		return false
	}
	if !*edge {
		*edge = true
		if !f.deliver(ctx, Delivery{Kind: AtEdge}) {
			return false
		}
	}
	if g, ok := f.openGap(ctx, from); ok && !f.deliver(ctx, Delivery{Kind: GapAhead, Gap: lieciba.Interval{From: from}, Cause: string(g.Cause)}) {
		return false
	}
	return f.wait(ctx, edgePoll)
}

// active reports whether more may be recorded.
func (f *fetchRun) active(ctx context.Context) (bool, error) {
	list, err := f.reader.Catalog.SessionRecordings(ctx, f.session)
	if err != nil {
		return false, err
	}
	for _, r := range list {
		if r.ID == f.reader.rec.ID {
			f.reader.rec = r
		}
	}
	r := f.reader.rec
	recording := r.State == lieciba.RecordingScheduled || r.State == lieciba.RecordingRecording
	return recording && f.now().Before(r.Window.To.Add(closingLag)), nil
}

func (f *fetchRun) openGap(ctx context.Context, from time.Time) (lieciba.Gap, bool) {
	gaps, err := f.reader.Catalog.RecordingGaps(ctx, f.reader.rec.ID)
	if err != nil {
		return lieciba.Gap{}, false // asked again at the next poll
	}
	for _, g := range gaps {
		if g.Open() && !g.From.After(from.Add(gapTolerance)) {
			return g, true
		}
	}
	return lieciba.Gap{}, false
}

// gap tells of a span without media, with the cause that the recorder gave.
func (f *fetchRun) gap(ctx context.Context, span lieciba.Interval) bool {
	cause := "undeclared"
	gaps, err := f.reader.Catalog.RecordingGaps(ctx, f.reader.rec.ID)
	if err != nil && !f.failed(ctx, err) {
		return false
	}
	for _, g := range gaps {
		if g.Span(span.To).Overlaps(span) {
			cause = string(g.Cause)
			break
		}
	}
	if cause == "undeclared" && f.reader.hidden(ctx, span.From) {
		cause = CauseNotGranted
	}
	return f.deliver(ctx, Delivery{Kind: GapAhead, Gap: span, Cause: cause})
}

// reverse delivers key frames before from, newest first.
func (f *fetchRun) reverse(ctx context.Context, from time.Time) {
	p, err := f.reader.before(ctx, from)
	start := from
	for {
		switch {
		case lieciba.CodeOf(err) == lieciba.CodeNotFound:
			f.deliver(ctx, Delivery{Kind: AtEnd})
			return
		case err != nil:
			if !f.failed(ctx, err) {
				return
			}
			p, err = f.reader.before(ctx, start)
			continue
		}
		if start.Sub(p.to()) > gapTolerance && !f.gap(ctx, lieciba.Interval{From: p.to(), To: start}) {
			return
		}
		start = p.from()
		if p.key() && !f.media(ctx, p) {
			return
		}
		p, err = f.reader.prev(ctx, p)
	}
}
