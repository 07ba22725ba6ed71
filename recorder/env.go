package recorder

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/ingest"
)

// env is what all parts of a recorder share.
type env struct {
	cfg      Config
	open     opener
	log      *slog.Logger
	timeline *clock.Timeline
	began    time.Time // this process
	spool    *spool
	wg       sync.WaitGroup
	wanted   chan struct{} // Refresh; capacity 1
	uploads  chan struct{} // a segment waits for upload; capacity 1
	ensured  sync.Map      // RecordingID → true: its row is in the catalogue
	corrupt  sync.Map      // RecordingID → true: a file of it could not be used

	// spare hands a verified segment's spool file over to be removed once its leaf
	// is in the evidence log.
	spare      func(lieciba.Segment)
	spareBytes func() int64 // that wait in the spool for the evidence log alone

	gate   gate // owned by measure
	closed atomic.Pointer[lieciba.GapCause]
	room   atomic.Int64 // bytes free on the spool's disk
}

// measure looks at the spool's room; once a second.
func (e *env) measure() {
	free, err := e.spool.free()
	if err != nil {
		e.log.Warn("the spool's disk cannot be measured", "err", err)
		return
	}
	e.room.Store(free)
	before := e.gate.shut
	// A log that does not go on must not stop the recording: what waits for it alone
	// may fill the disk up to the reserve, beyond the spool's bound.
	cause := e.gate.check(e.spool.usage()-e.spareBytes(), e.cfg.MaxSpoolBytes, free, e.cfg.MinFreeBytes)
	if before != cause {
		e.log.Warn("the spool's room changed", "shut", cause, "free_bytes", free, "used_bytes", e.spool.usage())
	}
	e.closed.Store(&cause)
}

// shut is why nothing may be recorded just now, "" if it may.
func (e *env) shut() lieciba.GapCause {
	if c := e.closed.Load(); c != nil {
		return *c
	}
	return ""
}

// opener opens a camera's stream; tests simulate cameras here.
type opener func(ctx context.Context, o ingest.Options, h ingest.Handler) (link, error)

// link is an open stream, as ingest.Stream is.
type link interface {
	Ended() <-chan struct{}
	Err() error
	Notes() []string
	Close()
}

func openRTSP(ctx context.Context, o ingest.Options, h ingest.Handler) (link, error) {
	s, err := ingest.Open(ctx, o, h)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// now is the time line's present (TIME.md).
func (e *env) now() time.Time { return e.timeline.Now() }

// spawn runs f in a goroutine that Close waits for.
func (e *env) spawn(f func()) {
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		f()
	}()
}

// guard runs f; a panic of it becomes an error, so that a bug that one camera's
// data brings out stops no other camera.
func (e *env) guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("panic", "in", what, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = lieciba.Errorf(lieciba.CodeInternal, "internal error: %s", what)
		}
	}()
	return f()
}

// bounded runs a call or two of the catalogue, guarded and with a deadline: a
// database that does not answer must not stop those that ask it.
func (e *env) bounded(ctx context.Context, what string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	return e.guard(what, func() error { return f(ctx) })
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for d or ctx; it reports whether ctx still lasts.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retryable reports whether the same call may succeed later. Only what the
// rows themselves forbid is final.
func retryable(err error) bool {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeConflict, lieciba.CodeNotFound, lieciba.CodeInvalid, lieciba.CodeCorrupt, lieciba.CodeForbidden, lieciba.CodeTooLarge, lieciba.CodeUnsupported:
		return false
	}
	return true
}
