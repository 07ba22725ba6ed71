package recorder

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/schedule"
	"lieciba/storage"
)

// reconcile makes what is equal to what is wanted: streams, recordings, states
// of sessions. With current false the catalogue is down, and w is what was read
// last: what is planned there begins and ends all the same.
func (r *Recorder) reconcile(ctx context.Context, w schedule.World, current bool) {
	now := r.env.now()
	r.configureStreams(w)
	seen, pending := map[schedule.Key]bool{}, map[lieciba.SessionID]bool{}
	for _, wt := range schedule.Decide(w, r.env.cfg.Margins, now) {
		seen[wt.Key] = true
		declared := false
		r.step(ctx, "pursue a recording", func(ctx context.Context) { declared = r.pursue(ctx, w, wt, now) })
		if !declared {
			pending[wt.Key.Session] = true
		}
	}
	r.step(ctx, "end recordings", func(ctx context.Context) { r.endUnwanted(ctx, w, seen, now) })
	r.forget()
	if current {
		if now.Sub(r.orphansAt).Abs() >= 5*time.Second {
			r.orphansAt = now
			r.step(ctx, "settle recordings", func(ctx context.Context) { r.settleOrphans(ctx, w, now) })
		}
		r.step(ctx, "move sessions", func(ctx context.Context) { r.moveSessions(ctx, w, pending, now) })
	}
}

// step is one part of a look: it has its own deadline and its own faults, and
// what it could not do is done at the next look.
func (r *Recorder) step(ctx context.Context, what string, f func(ctx context.Context)) {
	_ = r.env.bounded(ctx, what, func(ctx context.Context) error { f(ctx); return nil }) // a panic; logged there
}

// horizon is how far ahead sessions are known, so that they are recorded even
// if the catalogue is away when they begin.
const horizon = time.Hour

// read reads the world.
func (r *Recorder) read(ctx context.Context) (schedule.World, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	cat, m, now := r.env.cfg.Catalog, r.env.cfg.Margins, r.env.now()
	w := schedule.World{Cameras: map[lieciba.CameraID]lieciba.Camera{}, Recordings: map[lieciba.SessionID][]lieciba.Recording{},
		Parts: map[lieciba.SessionID][]lieciba.PartEvent{}}
	cameras, err := cat.ListCameras(ctx, "")
	if err != nil {
		return w, err
	}
	for _, c := range cameras {
		if r.mine(c.SiteID) {
			w.Cameras[c.ID] = c
		}
	}
	w.Sessions, err = r.sessions(ctx, now.Add(m.Before+horizon))
	if err != nil {
		return w, err
	}
	rooms := map[lieciba.RoomID]bool{}
	for _, s := range w.Sessions {
		if !now.Before(lieciba.RecordingWindow(s, m).From.Add(-schedule.Arm)) {
			if w.Recordings[s.ID], err = cat.SessionRecordings(ctx, s.ID); err != nil {
				return w, err
			}
			if w.Parts[s.ID], err = cat.SessionPartEvents(ctx, s.ID); err != nil {
				return w, err
			}
		}
		if rooms[s.RoomID] {
			continue
		}
		rooms[s.RoomID] = true
		list, err := cat.Assignments(ctx, s.RoomID, lieciba.Interval{From: s.StartsAt.Add(-m.Before - lieciba.MaxSessionLength), To: s.EndsAt.Add(m.After + lieciba.MaxSessionLength)})
		if err != nil {
			return w, err
		}
		w.Assignments = append(w.Assignments, list...)
	}
	return w, nil
}

// sessionPage is how many sessions are read at once.
const sessionPage = 1000

// sessions reads all that are not over and begin before `until`, in pages. One
// that is pushed between two pages is seen at the next look.
func (r *Recorder) sessions(ctx context.Context, until time.Time) (all []lieciba.ExamSession, err error) {
	f := storage.SessionFilter{Limit: sessionPage, Sites: r.env.cfg.Sites,
		States: []lieciba.SessionState{lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning},
		Span:   lieciba.Interval{To: until}}
	for {
		page, err := r.env.cfg.Catalog.ListSessions(ctx, f)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(page) < f.Limit {
			return all, nil
		}
		f.Before = page[len(page)-1].ID
	}
}

// mine reports whether this node is responsible for a site.
func (r *Recorder) mine(site lieciba.SiteID) bool {
	return r.env.cfg.Sites == nil || slices.Contains(r.env.cfg.Sites, site)
}

// pursue starts or adjusts one wanted recording. It returns false for one that
// was missed and could not be declared yet.
func (r *Recorder) pursue(ctx context.Context, w schedule.World, wt schedule.Want, now time.Time) bool {
	r.mu.Lock()
	s := r.sinks[wt.Key]
	r.mu.Unlock()
	p := plan{window: wt.Window, assigned: wt.Assigned, sound: wt.Sound}
	p.held = !r.leases.granted(wt.Key.Camera)
	if s != nil {
		if source := r.stream(wt.Key.Camera, lieciba.StreamMain); source != nil {
			s.follow(source)
		}
		r.adjust(s, p)
		return true
	}
	rec := lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](now), SessionID: wt.Key.Session, CameraID: wt.Key.Camera, RoomID: wt.Key.Room,
		NodeID: r.env.cfg.Node, Window: p.window, State: lieciba.RecordingScheduled, CreatedAt: lieciba.Micro(now)}
	known := false
	for _, have := range w.Recordings[wt.Key.Session] {
		if schedule.KeyOf(have) == wt.Key {
			rec, known = have, true
		}
	}
	switch {
	case rec.State != lieciba.RecordingScheduled && rec.State != lieciba.RecordingRecording:
		return true // over
	case wt.Over:
		return r.missed(ctx, rec, p.window)
	case p.held:
		return true // the other node's
	}
	r.start(ctx, rec, p, known, now)
	return true
}

// start begins a recording, where it stands.
func (r *Recorder) start(ctx context.Context, rec lieciba.Recording, p plan, known bool, now time.Time) {
	stream := r.stream(rec.CameraID, lieciba.StreamMain)
	if stream == nil {
		return // the camera is gone from the catalogue
	}
	s := newSink(r.env, stream, rec, p)
	if known {
		until := lieciba.Micro(now)
		if until.After(p.window.To) {
			until = p.window.To
		}
		st, err := r.env.resumeRecording(ctx, rec, p.window, until, r.lastLife(ctx, rec.NodeID))
		if err != nil {
			r.env.log.WarnContext(ctx, "a recording cannot be resumed yet", "recording", rec.ID, "err", err)
			return
		}
		r.keepAhead(ctx, st.covered.Sub(now), rec)
		s.covered, s.gap, s.fresh = st.covered, st.gap, st.fresh
		if st.gap != nil {
			s.shown.gapSince, s.shown.gapCause = st.gap.From, st.gap.Cause
		}
	}
	if known {
		s.begun = true
		s.recordNow()
		s.want.window = rec.Window
		s.setPlan(p)
	}
	r.mu.Lock()
	r.sinks[schedule.KeyOf(rec)] = s
	r.mu.Unlock()
	stream.hold()
	r.env.spawn(func() {
		s.run(r.sinkCtx)
		s.letGo()
	})
	r.env.spawn(func() {
		defer close(s.filed)
		s.ledger.run(r.ledgerCtx)
	})
	r.env.log.InfoContext(ctx, "recording", "recording", rec.ID, "camera", rec.CameraID, "session", rec.SessionID,
		"from", p.window.From, "to", p.window.To)
}

// keepAhead moves the time line on to where a recording of this node ends, if
// that is in the future: the wall clock was set back since, and the times up to
// there are taken (TIME.md, 1).
func (r *Recorder) keepAhead(ctx context.Context, ahead time.Duration, rec lieciba.Recording) {
	if ahead <= clock.Unreliable || rec.NodeID != r.env.cfg.Node || !r.env.timeline.NotBefore(r.env.now().Add(ahead)) {
		return
	}
	r.env.log.WarnContext(ctx, "this server's clock was set back: the time line stays ahead while a recording goes on", "by", ahead, "recording", rec.ID)
	r.renewRuns()
}

// adjust gives a running sink its newest plan.
func (r *Recorder) adjust(s *sink, p plan) {
	old := s.plan()
	if old.window != p.window {
		r.env.log.Info("the recording's window changed", "recording", s.rec.ID, "from", p.window.From, "to", p.window.To)
	}
	s.setPlan(p)
}

// missed puts a recording on record whose whole window passed unseen.
func (r *Recorder) missed(ctx context.Context, rec lieciba.Recording, window lieciba.Interval) bool {
	err := r.env.ensure(ctx, rec)
	if err == nil && rec.Window != window {
		err = r.env.cfg.Catalog.SetRecordingWindow(ctx, rec.ID, window)
	}
	if err == nil {
		_, err = r.env.resumeRecording(ctx, rec, window, window.To, r.lastLife(ctx, rec.NodeID))
	}
	if err == nil {
		err = r.env.settle(ctx, rec.ID)
	}
	if err != nil {
		r.env.log.WarnContext(ctx, "a missed recording cannot be declared yet", "recording", rec.ID, "err", err)
		return false
	}
	poke(r.env.uploads)
	return true
}

// endUnwanted ends recordings whose session was cancelled or moved away.
func (r *Recorder) endUnwanted(ctx context.Context, w schedule.World, seen map[schedule.Key]bool, now time.Time) {
	r.mu.Lock()
	var list []*sink
	for key, s := range r.sinks {
		if !seen[key] {
			list = append(list, s)
		}
	}
	r.mu.Unlock()
	for _, s := range list {
		p := s.plan()
		if !now.Before(p.window.To) {
			continue
		}
		session, err := r.session(ctx, w, s.rec.SessionID)
		if err != nil {
			continue // what is not known to be over goes on
		}
		window, changed := schedule.Unwanted(session, s.rec.RoomID, p.window, r.env.cfg.Margins, now)
		if !changed {
			continue
		}
		p.window = window
		r.adjust(s, p)
	}
}

func (r *Recorder) session(ctx context.Context, w schedule.World, id lieciba.SessionID) (lieciba.ExamSession, error) {
	for _, s := range w.Sessions {
		if s.ID == id {
			return s, nil
		}
	}
	return r.env.cfg.Catalog.Session(ctx, id)
}

// forget drops sinks that have ended and whose rows are in the catalogue.
func (r *Recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, s := range r.sinks {
		select {
		case <-s.filed:
			delete(r.sinks, key)
			poke(r.env.uploads)
		default:
		}
	}
}

// settleOrphans closes recordings that no sink works on and whose window is
// over, or whose session is.
func (r *Recorder) settleOrphans(ctx context.Context, w schedule.World, now time.Time) {
	list, err := r.env.cfg.Catalog.ListRecordings(ctx, lieciba.RecordingScheduled, lieciba.RecordingRecording)
	if err != nil {
		r.env.log.WarnContext(ctx, "recordings cannot be listed", "err", err)
		return
	}
	for _, rec := range list {
		r.mu.Lock()
		_, active := r.sinks[schedule.KeyOf(rec)]
		r.mu.Unlock()
		if active || rec.NodeID != r.env.cfg.Node && now.Sub(rec.Window.To) < time.Hour {
			continue
		}
		window := rec.Window
		if now.Before(window.To) {
			session, err := r.session(ctx, w, rec.SessionID)
			if err != nil {
				continue
			}
			at, gone := schedule.Ended(session, rec.RoomID, now)
			if !gone {
				continue
			}
			window.To = latest(at, window.From)
		}
		r.missed(ctx, rec, window)
	}
}

// moveSessions moves the states that the clock alone decides, but for sessions
// whose recordings are not declared yet.
func (r *Recorder) moveSessions(ctx context.Context, w schedule.World, pending map[lieciba.SessionID]bool, now time.Time) {
	for _, s := range w.Sessions {
		to := lieciba.SessionStateAt(s, r.env.cfg.Margins, now)
		if to == s.State || pending[s.ID] {
			continue
		}
		err := r.env.cfg.Catalog.ChangeSession(ctx, s.SessionKey, func(current *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			if current == nil {
				return nil, nil
			}
			next := *current // it may have been extended since the look
			next.State = lieciba.SessionStateAt(next, r.env.cfg.Margins, now)
			if next.State == current.State {
				return nil, nil
			}
			return &next, lieciba.MoveSession(current.State, next.State)
		}, nil)
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeConflict { // changed by somebody meanwhile
			r.env.log.WarnContext(ctx, "a session's state cannot be moved", "session", s.ID, "to", to, "err", err)
		}
	}
}
