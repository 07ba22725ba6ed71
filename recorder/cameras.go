package recorder

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/schedule"
)

// configureStreams makes the streams equal to the catalogue's cameras and to
// the leases that this node has.
func (r *Recorder) configureStreams(w schedule.World) {
	r.mu.Lock()
	var gone []*stream
	for id, c := range r.cameras {
		info, ok := w.Cameras[id]
		ok = ok && info.State != lieciba.CameraRetired
		for role, s := range c.streams {
			if !ok || !slices.ContainsFunc(info.Streams, func(d lieciba.CameraStream) bool { return d.Role == role }) {
				gone = append(gone, s)
				delete(c.streams, role)
				c.pinned = c.pinned && role != lieciba.StreamMain
			}
		}
		if !ok {
			delete(r.cameras, id)
		}
	}
	type change struct {
		s       *stream
		def     lieciba.CameraStream
		allowed bool
		pin     bool
	}
	var changes []change
	for id, info := range w.Cameras {
		if info.State == lieciba.CameraRetired {
			continue
		}
		c := r.cameras[id]
		if c == nil {
			c = &camera{offset: &cameraClock{}, streams: map[lieciba.StreamRole]*stream{}}
			r.cameras[id] = c
		}
		c.info = info
		c.offset.setONVIF(info.ClockOffset)
		allowed := r.leases.granted(id)
		for _, def := range info.Streams {
			s := c.streams[def.Role]
			if s == nil {
				s = newStream(r.ctx, r.env, id, def, c.offset)
				c.streams[def.Role] = s
			}
			pin := def.Role == lieciba.StreamMain && !c.pinned && !r.env.cfg.PullOnDemand
			c.pinned = c.pinned || pin
			changes = append(changes, change{s, def, allowed, pin})
		}
	}
	r.mu.Unlock()
	for _, ch := range changes {
		ch.s.configure(ch.def, ch.allowed)
		if ch.pin {
			ch.s.hold()
		}
	}
	for _, s := range gone {
		s.remove(ending{cause: lieciba.CauseNotAssigned, detail: "the camera, or its main stream, was taken out of use"})
	}
}

// stream returns a camera's stream, nil if there is none.
func (r *Recorder) stream(id lieciba.CameraID, role lieciba.StreamRole) *stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.cameras[id]; c != nil {
		return c.streams[role]
	}
	return nil
}

// Join returns a feed of a camera's stream that starts with its current GOP. A
// sub stream is pulled while somebody watches it. It waits for the first
// picture while ctx allows. CodeNotFound: no such camera or stream here;
// CodeUnavailable says why there is no picture. The caller closes the feed.
func (r *Recorder) Join(ctx context.Context, id lieciba.CameraID, role lieciba.StreamRole) (lieciba.LiveFeed, error) {
	s := r.stream(id, role)
	if s == nil {
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "the camera has no %s stream here", role)
	}
	if !r.leases.granted(id) {
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "another node has the camera")
	}
	s.hold()
	f, err := s.hub.join(ctx, s.release)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// watchClock handles steps of this server's wall clock (TIME.md, 1).
func (r *Recorder) watchClock() {
	off := r.env.timeline.Offset()
	r.mu.Lock()
	recording := len(r.sinks) > 0
	r.mu.Unlock()
	if !recording {
		if moved := r.env.timeline.Resync(true); moved != 0 {
			r.env.log.Warn("this server's clock was stepped, and the time line followed", "by", moved)
		}
		return
	}
	if off <= clock.Unreliable {
		return
	}
	r.env.log.Warn("this server's clock was stepped while recording: new runs take it over", "by", off)
	r.renewRuns()
}

// renewRuns asks every connection for a new run: the time line was moved.
func (r *Recorder) renewRuns() {
	r.mu.Lock()
	var streams []*stream
	for _, c := range r.cameras {
		for _, s := range c.streams {
			streams = append(streams, s)
		}
	}
	r.mu.Unlock()
	for _, s := range streams {
		if p := s.current(); p != nil {
			p.newRun()
		}
	}
}

// tickMeters takes the readings that rates are made of.
func (r *Recorder) tickMeters(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.cameras {
		for _, s := range c.streams {
			s.meter.tick(now)
		}
	}
}

// watchCameras looks for changed credentials where they were refused, and keeps
// the cameras' states in the catalogue.
func (r *Recorder) watchCameras(ctx context.Context) {
	r.mu.Lock()
	list := make([]*camera, 0, len(r.cameras))
	for _, c := range r.cameras {
		list = append(list, c)
	}
	r.mu.Unlock()
	for _, c := range list {
		s := c.streams[lieciba.StreamMain]
		if s == nil {
			continue
		}
		p := s.current()
		if p == nil {
			continue
		}
		state, last := s.hub.flowState()
		if state == flowDown && last.cause == lieciba.CauseAuthFailed && p.changedCredentials(ctx) {
			p.wake()
		}
		r.keepState(ctx, c, state)
	}
}

func (r *Recorder) keepState(ctx context.Context, c *camera, state flow) {
	offset, quality := c.offset.value(r.env.timeline.Offset())
	want := lieciba.CameraOffline
	switch {
	case state == flowConnecting:
		return
	case state == flowing && (quality == lieciba.ClockDrifting || quality == lieciba.ClockUnreliable):
		want = lieciba.CameraDegraded
	case state == flowing:
		want = lieciba.CameraReady
	}
	r.mu.Lock()
	info := c.info
	r.mu.Unlock()
	if info.State == want || info.State == lieciba.CameraRetired {
		return
	}
	if err := r.env.cfg.Catalog.SetCameraState(ctx, info.ID, want, offset); err != nil && ctx.Err() == nil {
		r.env.log.DebugContext(ctx, "a camera's state was not kept", "camera", info.ID, "err", err)
	}
}
