package recorder

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage/segment"
)

// plan is what the scheduler wants of one recording. Immutable.
type plan struct {
	window   lieciba.Interval
	assigned []lieciba.Interval // when the camera watches the room
	sound    []lieciba.Interval // when sound may be kept
	held     bool               // another node has the camera
}

func within(list []lieciba.Interval, t time.Time) bool {
	for _, i := range list {
		if i.Contains(t) {
			return true
		}
	}
	return false
}

// sink writes one recording: from the hub's frames it makes segments and gaps
// that together fill the plan's window, exactly. One goroutine runs it; the
// scheduler changes its plan, status and readers look at it.
type sink struct {
	env    *env
	ledger *ledger
	rec    lieciba.Recording

	wake     chan struct{}
	finished chan struct{} // closed when the window is over, or the server stops
	filed    chan struct{} // closed when its rows are in the catalogue, or given up

	mu    sync.Mutex
	want  plan
	begun bool // the recording's row is, or will be, in the catalogue
	ended bool // no row follows: the plan can no longer change
	shown shown
	next  *stream // held, and to be read from now on; nil: no other than source
	from  *stream // the newest that follow was given

	// Owned by run.
	source    *stream
	reader    *reader
	scratch   []entry
	seg       *writing
	closing   *writing     // while closeSegment works on it
	covered   time.Time    // up to here the window is accounted for
	fresh     bool         // nothing of the window is accounted for yet
	since     time.Time    // this process took the recording up; zero once it made a segment
	gap       *lieciba.Gap // the open loss
	resume    time.Time    // the start of the segment that ends gap once it is durable
	reach     *time.Time   // how far a salvaged segment reaches; nil: none was
	pre       []entry      // the GOP before the window
	why       ending       // why frames stopped last
	lastRun   *run
	lastRunID lieciba.RunID
	done      bool
}

// writing is the segment under way.
type writing struct {
	id    lieciba.SegmentID
	w     *segment.Writer
	run   *run
	from  time.Time
	sound bool  // it has a sound track
	lost  int64 // the meter's count at its start
	size  int64 // bytes that are durable
	side  sidecar

	refused bool // its last picture could not be stored
}

// shown is what others may see of a sink.
type shown struct {
	growing  *lieciba.Segment // without fragments; nil: none
	writer   *segment.Writer
	durable  time.Time // end of what is on disk
	gapSince time.Time
	gapCause lieciba.GapCause
	dropped  int64 // frames that the segment could not take
}

func newSink(e *env, src *stream, rec lieciba.Recording, want plan) *sink {
	return &sink{env: e, source: src, from: src, rec: rec, want: want, ledger: newLedger(e, rec.ID),
		wake: make(chan struct{}, 1), finished: make(chan struct{}), filed: make(chan struct{}), covered: want.window.From, fresh: true,
		since: lieciba.Micro(e.now())}
}

// setPlan changes what is wanted; it takes effect at once.
func (s *sink) setPlan(p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if s.begun && s.want.window != p.window {
		id, w := s.rec.ID, p.window
		s.ledger.add("window", func(ctx context.Context) error { return s.env.cfg.Catalog.SetRecordingWindow(ctx, id, w) })
	}
	s.want = p
	poke(s.wake)
}

func (s *sink) plan() plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want
}

// run records until the window is over or ctx ends. Its rows may still be on
// their way then (ledger).
func (s *sink) run(ctx context.Context) {
	defer close(s.finished)
	defer s.ledger.close()
	s.reader = s.source.hub.attach(true)
	defer func() { s.reader.detach() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !s.step(ctx) {
		select {
		case <-s.reader.wake:
		case <-s.wake:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// step does what there is to do; a panic costs a gap, not the recording.
func (s *sink) step(ctx context.Context) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			s.env.log.ErrorContext(ctx, "panic while recording", "camera", s.rec.CameraID, "recording", s.rec.ID,
				"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			s.afterPanic()
		}
	}()
	if s.fresh && s.gap == nil && s.seg == nil { // the window may still move
		s.covered = s.plan().window.From
	}
	s.moveOn()
	entries, overrun := s.reader.take(s.scratch[:0])
	if overrun {
		s.closeSegment(time.Time{})
		s.pre = nil
		s.lose(s.covered, lieciba.CauseOverload, "the disk did not keep up with the camera")
	}
	for _, e := range entries {
		if s.done {
			break
		}
		s.entry(e)
	}
	clear(entries)
	s.scratch = entries[:0]
	if !s.done && ctx.Err() != nil {
		s.stop()
	}
	if !s.done {
		s.idle(lieciba.Micro(s.env.now()))
	}
	return s.done
}

// follow makes the sink read from src, which it then holds, if it does not
// already: a camera that was taken out of use and came back has other streams.
func (s *sink) follow(src *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == src || s.ended {
		return
	}
	if s.next != nil {
		s.next.release()
	}
	src.hold()
	s.from, s.next = src, src
	poke(s.wake)
}

// moveOn changes over to the stream that follow gave.
func (s *sink) moveOn() {
	s.mu.Lock()
	next := s.next
	s.next = nil
	s.mu.Unlock()
	if next == nil {
		return
	}
	entries, _ := s.reader.take(s.scratch[:0]) // with the reason why the old one ended
	for _, e := range entries {
		s.entry(e)
	}
	s.pre = nil
	s.closeSegment(time.Time{})
	s.reader.detach()
	s.source.release()
	s.source, s.reader = next, next.hub.attach(true)
}

// letGo releases the streams that the sink holds, after run.
func (s *sink) letGo() {
	s.source.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		s.next.release()
		s.next = nil
	}
}

// afterPanic leaves the segment under way to the code that recovers after a
// crash: its writer stands somewhere between two of its steps.
func (s *sink) afterPanic() {
	s.pre = nil
	g := s.closing
	if s.seg != nil {
		g = s.seg
		s.env.spool.grow.Add(-g.size)
	}
	s.seg, s.closing = nil, nil
	if g != nil {
		s.show(func(v *shown) { v.growing, v.writer = nil, nil })
		s.abandon(g, g.w.Durable().To)
	}
	s.lose(s.covered, lieciba.CauseDecodeError, "internal error while recording")
}

func (s *sink) entry(e entry) {
	switch {
	case e.end != nil:
		s.pre, s.why = nil, *e.end
		if s.seg != nil {
			s.closeSegment(time.Time{})
		}
		if !s.env.now().Before(s.plan().window.From) {
			s.lose(s.covered, e.end.cause, e.end.detail)
		}
	case e.frame.Track == lieciba.TrackAudio:
		s.audio(e)
	default:
		s.video(e)
	}
}

// video handles one picture.
func (s *sink) video(e entry) {
	f, p := e.frame, s.plan()
	decoded := f.Time.Add(-time.Duration(f.PTS-f.DTS) * time.Second / lieciba.VideoClockRate)
	if !decoded.Before(p.window.To) { // idle finishes, unless the end is moved until then
		s.pre, s.why = nil, ending{cause: lieciba.CauseServerStart, detail: "the session was extended at its end"}
		s.closeSegment(p.window.To)
		return
	}
	if cause, detail := s.blocked(f.Time, p); cause != "" {
		s.pre = nil
		s.closeSegment(blockedSince(p, cause, f.Time))
		if !f.Time.Before(p.window.From) {
			s.lose(s.covered, cause, detail)
		}
		return
	}
	if s.seg != nil && (e.run != s.seg.run || f.Key && s.full(f.Time, p)) {
		s.closeSegment(f.Time)
	}
	if s.seg == nil {
		s.await(e, p)
		return
	}
	s.write(f)
}

// full reports whether a key frame at t should start a new segment.
func (s *sink) full(t time.Time, p plan) bool {
	return t.Sub(s.seg.from) >= s.env.cfg.SegmentLength-10*time.Millisecond ||
		!s.seg.sound && s.seg.run.format.Audio != nil && s.soundSoon(t, p)
}

// soundSoon reports whether sound is wanted during a segment that starts at t.
func (s *sink) soundSoon(t time.Time, p plan) bool {
	ahead := lieciba.Interval{From: t, To: t.Add(s.env.cfg.SegmentLength + 10*time.Second)}
	for _, i := range p.sound {
		if i.Overlaps(ahead) {
			return true
		}
	}
	return false
}

// blocked says why a frame of t may not be recorded, "" if it may.
func (s *sink) blocked(t time.Time, p plan) (cause lieciba.GapCause, detail string) {
	if p.held {
		return lieciba.CauseLeaseHeld, "another node has the camera"
	}
	// The GOP before the window counts as the window's start.
	if at := t; !within(p.assigned, latest(at, p.window.From)) {
		return lieciba.CauseNotAssigned, "the camera is not assigned to the room"
	}
	switch cause = s.env.shut(); cause {
	case lieciba.CauseDiskFull:
		return cause, "the spool's disk has no space left"
	case lieciba.CauseStoreUnavailable:
		return cause, "the spool is full of segments that the store did not take"
	}
	return "", ""
}

// blockedSince is where a segment must end that a frame at t may not join.
func blockedSince(p plan, cause lieciba.GapCause, t time.Time) time.Time {
	end := t
	if cause == lieciba.CauseNotAssigned {
		for _, i := range p.assigned {
			if i.To.Before(t) && (end.Equal(t) || i.To.After(end)) {
				end = i.To
			}
		}
	}
	return end
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// await looks for the frame to start a segment with: the first key frame of
// what is not accounted for, or the GOP that reaches over the window's start.
func (s *sink) await(e entry, p plan) {
	f := e.frame
	if len(s.pre) > 0 && s.pre[0].run != e.run {
		s.pre = nil
	}
	early := f.Time.Before(s.covered)
	switch {
	case f.Key && early && s.fresh:
		s.pre = append(s.pre[:0], e)
	case f.Key && early: // a camera that sends an old GOP again
	case f.Key && (len(s.pre) == 0 || f.Time.Equal(s.covered)):
		s.pre = nil
		s.begin(e, p)
	case len(s.pre) > 0 && early:
		s.pre = append(s.pre, e)
	case len(s.pre) > 0:
		pre := s.pre
		s.pre = nil
		s.begin(pre[0], p)
		for _, e := range pre[1:] {
			s.entry(e)
		}
		s.entry(e)
	}
}

// audio keeps a sound frame if a part of the exam asks for it.
func (s *sink) audio(e entry) {
	if !within(s.plan().sound, e.frame.Time) {
		return
	}
	switch {
	case s.seg != nil && s.seg.sound && s.seg.run == e.run:
		s.write(e.frame)
	case s.seg == nil && len(s.pre) > 0 && s.pre[0].run == e.run:
		s.pre = append(s.pre, e)
	}
}

// idle does what no frame triggers: gaps while nothing flows, the window's end.
func (s *sink) idle(now time.Time) {
	p := s.plan()
	if p.window.Empty() { // cancelled before it began
		s.end()
		return
	}
	if now.Before(p.window.From) {
		return
	}
	s.markRecording()
	state, last := s.source.hub.flowState()
	over := now.Sub(p.window.To)
	if s.seg != nil {
		if cause, detail := s.blocked(now, p); cause != "" && over < 0 {
			s.closeSegment(time.Time{})
			s.lose(s.covered, cause, detail)
		}
		if over >= 2*s.env.cfg.StallAfter+time.Second { // frames stand, and nobody noticed
			s.closeSegment(time.Time{})
			s.lose(s.covered, lieciba.CauseNetworkLoss, "no frame at the end of the window")
			s.finish(p.window.To)
		}
		return
	}
	if over >= s.env.cfg.StallAfter {
		s.finish(p.window.To)
		return
	}
	cause, detail := s.blocked(now, p)
	switch {
	case cause != "":
		s.lose(s.covered, cause, detail)
	case state == flowDown:
		s.lose(s.covered, last.cause, last.detail)
	case state == flowConnecting && now.Sub(p.window.From) >= time.Second:
		s.lose(s.covered, lieciba.CauseServerStart, "the camera was not connected yet")
	}
}

// finish ends the recording at the end of its window.
func (s *sink) finish(to time.Time) {
	s.pre = nil
	s.closeSegment(to)
	if s.gap == nil && s.covered.Before(to) {
		cause := s.why.cause
		if cause == "" {
			cause = lieciba.CauseServerStart
		}
		s.lose(s.covered, cause, s.why.detail)
	}
	if s.gap != nil {
		s.closeGap(to)
	}
	s.end()
	rec := s.rec
	s.ledger.add("finalise", func(ctx context.Context) error { return s.env.settle(ctx, rec.ID) })
}

// stop ends the writing because the server stops; the recording goes on when it
// is back.
func (s *sink) stop() {
	s.pre = nil
	s.closeSegment(time.Time{})
	p := s.plan()
	if now := s.env.now(); !now.Before(p.window.From) && s.covered.Before(p.window.To) {
		s.lose(s.covered, lieciba.CauseServerDown, "the server was stopped")
	}
	s.end()
}

// end fixes the plan: what is wanted from here on is another sink's job.
func (s *sink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.ended = true, true
}
