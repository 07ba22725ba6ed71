package recorder

import (
	"context"
	"sync"

	"lieciba"
)

// stream is one stream of one camera: its hub lasts, its puller runs while
// somebody holds the stream. Safe for concurrent use.
type stream struct {
	env    *env
	ctx    context.Context // of the recorder
	camera lieciba.CameraID
	role   lieciba.StreamRole
	hub    *hub
	meter  *meter
	offset *cameraClock

	mu      sync.Mutex
	def     lieciba.CameraStream
	allowed bool // this node has the camera's lease
	holds   int
	puller  *puller // nil: not pulled
	cancel  context.CancelFunc
	done    chan struct{}
	gone    bool
}

func newStream(ctx context.Context, e *env, camera lieciba.CameraID, def lieciba.CameraStream, offset *cameraClock) *stream {
	return &stream{env: e, ctx: ctx, camera: camera, role: def.Role, hub: newHub(), meter: &meter{}, offset: offset, def: def}
}

// configure sets the stream's address and whether this node may pull it; a
// change restarts or stops the puller.
func (s *stream) configure(def lieciba.CameraStream, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := s.def.URL != def.URL
	s.def, s.allowed = def, allowed
	switch {
	case s.puller == nil:
	case !allowed:
		s.puller.halted.Store(&ending{cause: lieciba.CauseLeaseHeld, detail: "another node has the camera"})
		s.halt()
	case moved:
		s.puller.halted.Store(&ending{cause: lieciba.CauseCameraRestarted, detail: "the camera's address was changed"})
		s.halt()
	}
	s.adjust()
}

// hold asks for the stream to be pulled, until release.
func (s *stream) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds++
	s.adjust()
}

// release undoes a hold; the puller stops some time after the last one.
func (s *stream) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds--
	if s.holds > 0 || s.puller == nil {
		return
	}
	s.env.spawn(func() {
		if !pause(s.ctx, s.env.cfg.Linger) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.holds == 0 && s.puller != nil {
			s.halt()
		}
	})
}

// adjust starts the puller if it is wanted. s.mu is held.
func (s *stream) adjust() {
	if s.gone || s.puller != nil || !s.allowed || s.holds == 0 || s.ctx.Err() != nil {
		return
	}
	s.hub.connecting()
	p := newPuller(s, s.def)
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	s.puller, s.cancel, s.done = p, cancel, done
	s.env.spawn(func() {
		defer close(done)
		p.run(ctx)
	})
}

// halt stops the puller and waits for it. s.mu is held.
func (s *stream) halt() {
	s.cancel()
	<-s.done
	s.puller, s.cancel, s.done = nil, nil, nil
}

// remove stops the stream for good: feeds end with io.EOF. why is what its
// recordings learn.
func (s *stream) remove(why ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	if s.puller != nil {
		s.puller.halted.Store(&why)
		s.halt()
	}
	s.hub.close()
}

// current is the running puller, nil if there is none.
func (s *stream) current() *puller {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puller
}

// viewers counts the feeds.
func (h *hub) viewers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for r := range h.readers {
		if !r.keep {
			n++
		}
	}
	return n
}
