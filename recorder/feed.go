package recorder

import (
	"context"
	"io"
	"sync"

	"lieciba"
)

// feed is a viewer's lieciba.LiveFeed.
type feed struct {
	r       *reader
	backlog uint64 // entries before it were there at the join
	run     *run
	format  lieciba.StreamFormat
	skipped bool

	once    sync.Once
	done    chan struct{}
	release func()
}

// join waits until the stream has a picture and returns a feed that starts with
// its current GOP. CodeUnavailable tells why there is none. release is called
// once, by Close of the feed or by a failing join.
func (h *hub) join(ctx context.Context, release func()) (*feed, error) {
	for {
		h.mu.Lock()
		state, last, closed, changed := h.state, h.last, h.closed, h.changed
		if state == flowing && !closed && h.gop < h.head() && h.gop >= h.base {
			f := &feed{done: make(chan struct{}), release: release, backlog: h.head(), run: h.buf[h.gop-h.base].run}
			f.format = f.run.format
			f.r = &reader{hub: h, next: h.gop, wake: make(chan struct{}, 1)}
			h.readers[f.r] = struct{}{}
			h.mu.Unlock()
			return f, nil
		}
		h.mu.Unlock()
		if closed {
			release()
			return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the camera is not pulled here any more")
		}
		if state == flowDown {
			release()
			return nil, lieciba.Errorf(lieciba.CodeUnavailable, "no picture from the camera (%s): %s", last.cause, last.detail)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			release()
			return nil, lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the camera sent no picture in time")
		}
	}
}

// Format implements lieciba.LiveFeed.
func (f *feed) Format() lieciba.StreamFormat { return f.format }

// Next implements lieciba.LiveFeed.
func (f *feed) Next(ctx context.Context) (lieciba.LiveFrame, error) {
	for {
		select {
		case <-f.done:
			return lieciba.LiveFrame{}, io.EOF
		default:
		}
		if out, ok, err := f.poll(); ok || err != nil {
			return out, err
		}
		select {
		case <-f.r.wake:
		case <-f.done:
			return lieciba.LiveFrame{}, io.EOF
		case <-ctx.Done():
			return lieciba.LiveFrame{}, ctx.Err()
		}
	}
}

func (f *feed) poll() (lieciba.LiveFrame, bool, error) {
	h := f.r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return lieciba.LiveFrame{}, false, io.EOF
	}
	if f.r.skip() {
		f.skipped = true
	}
	for f.r.next < h.head() {
		at := f.r.next
		e := h.buf[at-h.base]
		f.r.next++
		if e.end != nil {
			continue
		}
		out := lieciba.LiveFrame{Frame: e.frame, Backlog: at < f.backlog, Skipped: f.skipped}
		if e.run != f.run {
			f.run, f.format, out.Restart = e.run, e.run.format, true
		}
		f.skipped = false
		return out, true, nil
	}
	return lieciba.LiveFrame{}, false, nil
}

// Close implements lieciba.LiveFeed.
func (f *feed) Close() {
	f.once.Do(func() {
		f.r.detach()
		close(f.done)
		f.release()
	})
}
