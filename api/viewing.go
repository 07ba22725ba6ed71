package api

import (
	"context"
	"net/http"
	"time"

	"lieciba"
)

// endTimeout bounds what is written after a viewing ended, when no request is
// left to bound it.
const endTimeout = 30 * time.Second

// offer reads an SDP offer.
func (c *call) offer() (string, error) {
	if err := c.requireType("application/sdp"); err != nil {
		return "", err
	}
	b, err := c.body(maxOffer)
	if err == nil && len(b) == 0 {
		err = lieciba.Errorf(lieciba.CodeInvalid, "the body is empty: send an SDP offer")
	}
	return string(b), err
}

// answer sends an SDP answer (WHEP, draft-ietf-wish-whep, 4.2).
func (c *call) answer(location, sdp string) error {
	c.gin.Header("Location", location)
	c.gin.Data(http.StatusCreated, "application/sdp", []byte(sdp))
	return nil
}

// auditViewing records the outcome of an attempt to view. A view that began and
// cannot be recorded is hung up: nobody looks without a trace.
func (c *call) auditViewing(e lieciba.AuditEntry, err error, hangup func() error) error {
	if err != nil {
		e.Outcome = string(lieciba.CodeOf(err))
	}
	auditErr := c.appendAudit(e)
	if auditErr == nil || err != nil {
		return err // what went wrong first is what the caller must know
	}
	if err := hangup(); err != nil {
		c.server.cfg.Log.ErrorContext(c.ctx(), "a view without audit entry could not be hung up", "error", err, "request_id", c.requestID)
	}
	return auditErr
}

// inUse refuses to look through a camera that is retired.
func inUse(cam lieciba.Camera) error {
	if cam.State == lieciba.CameraRetired {
		return lieciba.Errorf(lieciba.CodeConflict, "this camera is retired")
	}
	return nil
}

func (s *Server) watchLive(c *call, cam lieciba.Camera) error {
	role := lieciba.StreamRole(c.gin.DefaultQuery("stream", string(lieciba.StreamSub)))
	if role != lieciba.StreamMain && role != lieciba.StreamSub {
		return lieciba.Invalid("stream", "unknown stream %q: use main or sub", role)
	}
	if err := inUse(cam); err != nil {
		return err
	}
	offer, err := c.offer()
	if err != nil {
		return err
	}
	id, sdp, err := s.cfg.Live.Live(c.ctx(), cam.ID, role, offer, c.who)
	e := c.entry(string(lieciba.ActWatchLive), cameraTarget(cam))
	e.From, e.Detail = e.At, "live view of the "+string(role)+" stream"
	if err := c.auditViewing(e, err, func() error { return s.cfg.Live.Hangup(id) }); err != nil {
		return behindUs(err)
	}
	if err := c.watch(id, s.cfg.Live, lieciba.ActWatchLive, cameraTarget(cam)); err != nil {
		return err
	}
	return c.answer("/v1/whep/"+id, sdp)
}

func (s *Server) hangUpLive(c *call, id string) error {
	if err := s.cfg.Live.Hangup(id); err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return err
	}
	return c.noContent()
}

// behindUs keeps a refusal by something behind the server from looking like a
// refusal by the server.
func behindUs(err error) error {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeUnauthenticated, lieciba.CodeForbidden:
		return lieciba.Wrap(err, lieciba.CodeRefused, "the camera refuses this server: check its user name and password")
	}
	return err
}

// playbackStart is a session with the instant to begin at; zero: the start.
type playbackStart struct {
	lieciba.ExamSession
	at time.Time
}

// playbackByID finds a session to play. The grant must cover where it begins.
func (s *Server) playbackByID(c *call) (playbackStart, target, error) {
	x, t, err := s.sessionByID(c)
	if err != nil {
		return playbackStart{}, t, err
	}
	at, err := c.queryTime("at")
	t.span = lieciba.Interval{From: at, To: at}
	return playbackStart{x, at}, t, err
}

func (s *Server) playback(c *call, x playbackStart) error {
	at := x.at
	if w := lieciba.RecordingWindow(x.ExamSession, s.cfg.Margins); !at.IsZero() && !w.Contains(at) && !at.Equal(w.To) {
		return lieciba.Invalid("at", "lies outside of the session's recording window, %s to %s",
			w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
	}
	offer, err := c.offer()
	if err != nil {
		return err
	}
	t := sessionTarget(x.ExamSession)
	base := c.entry(string(lieciba.ActWatchArchive), t)
	base.Detail = c.underGrant()
	id, sdp, err := s.cfg.Player.Playback(c.ctx(), x.ID, at, c.scope(), offer, c.who, func(watched []lieciba.Watched) { s.playbackEnded(base, watched) })
	e := base
	e.From, e.Detail = at, "playback opened"+base.Detail
	if err := c.auditViewing(e, err, func() error { return s.cfg.Player.Hangup(id) }); err != nil {
		return behindUs(err)
	}
	if err := c.watch(id, s.cfg.Player, lieciba.ActWatchArchive, t); err != nil {
		return err
	}
	return c.answer("/v1/playbacks/"+id, sdp)
}

// playbackEnded records what was shown: one entry for each camera and range.
func (s *Server) playbackEnded(base lieciba.AuditEntry, watched []lieciba.Watched) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	for _, e := range watchedEntries(base, watched, s.cfg.Now()) {
		if err := s.cfg.Catalog.AppendAudit(ctx, e); err != nil {
			s.cfg.Log.Error("a watched range could not be audited", "error", err, "who", e.WhoID, "session", e.SessionID,
				"camera", e.CameraID, "from", e.From, "to", e.To)
		}
	}
}

// watchedEntries makes the entries of a playback's end, ranges merged. base says
// what it rested on.
func watchedEntries(base lieciba.AuditEntry, watched []lieciba.Watched, now time.Time) []lieciba.AuditEntry {
	var cameras []lieciba.CameraID
	ranges := map[lieciba.CameraID][]lieciba.Interval{}
	for _, w := range watched {
		if _, known := ranges[w.CameraID]; !known {
			cameras = append(cameras, w.CameraID)
		}
		ranges[w.CameraID] = append(ranges[w.CameraID], w.Interval)
	}
	var out []lieciba.AuditEntry
	add := func(cam lieciba.CameraID, i lieciba.Interval, detail string) {
		e := base
		e.ID, e.At = lieciba.NewID[lieciba.AuditID](now), lieciba.Micro(now)
		e.CameraID, e.From, e.To, e.Detail = cam, i.From, i.To, detail+base.Detail
		out = append(out, e)
	}
	for _, cam := range cameras {
		for _, i := range lieciba.Merge(ranges[cam]) {
			add(cam, i, "watched")
		}
	}
	if len(out) == 0 {
		add("", lieciba.Interval{}, "playback ended, nothing was shown")
	}
	return out
}

func (s *Server) hangUpPlayback(c *call, id string) error {
	if err := s.cfg.Player.Hangup(id); err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return err
	}
	return c.noContent()
}

func (s *Server) keyFrame(c *call, cam lieciba.Camera) error {
	if err := inUse(cam); err != nil {
		return err
	}
	cred, err := s.credentials(c.ctx(), cam.ID)
	if err != nil {
		return err
	}
	if err := s.cfg.Prober.KeyFrame(c.ctx(), cam, cred); err != nil {
		return refusedByCamera(err)
	}
	return c.noContent()
}

// snapshot takes the picture, then records it, then shows it.
func (s *Server) snapshot(c *call, cam lieciba.Camera) error {
	if err := inUse(cam); err != nil {
		return err
	}
	cred, err := s.credentials(c.ctx(), cam.ID)
	if err != nil {
		return err
	}
	picture, err := s.cfg.Prober.Snapshot(c.ctx(), cam, cred)
	e := c.entry(string(lieciba.ActWatchLive), cameraTarget(cam))
	e.From, e.Detail = e.At, "snapshot"
	if err := c.auditViewing(e, err, func() error { return nil }); err != nil {
		return refusedByCamera(err)
	}
	if http.DetectContentType(picture) != "image/jpeg" {
		return lieciba.Errorf(lieciba.CodeUnsupported, "the camera's snapshot is no JPEG picture")
	}
	c.gin.Data(http.StatusOK, "image/jpeg", picture)
	return nil
}
