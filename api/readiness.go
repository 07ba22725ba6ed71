package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

// ReadinessChecker checks cameras before an exam (package recorder/readiness).
type ReadinessChecker interface {
	// Start checks cameras of a session by hand, in the background: those that this
	// node records and that are not under check for it. CodeUnavailable: it has none.
	Start(s lieciba.ExamSession, cameras []lieciba.Camera) error
	// Progress is false while no check of the session is under way here.
	Progress(s lieciba.SessionID) (ReadinessProgress, bool)
}

// ReadinessProgress tells how checks are getting on.
type ReadinessProgress struct {
	StartedAt time.Time
	Total     int
	Running   []lieciba.CameraID // not done yet
}

func (s *Server) readinessRoutes() []route {
	return []route{
		{get, "/v1/exam-sessions/:id/readiness", at(lieciba.ActViewExam, s.sessionByID, s.getReadiness)},
		{post, "/v1/exam-sessions/:id/readiness", at(lieciba.ActCheckReadiness, s.sessionByID, s.checkReadiness)},
		{post, "/v1/exam-sessions/:id/readiness/override", at(lieciba.ActCheckReadiness, s.sessionByID, s.overrideReadiness)},
		{post, "/v1/exam-sessions/:id/readiness/sign-off", at(lieciba.ActCheckReadiness, s.sessionByID, s.signOffReadiness)},
	}
}

type readinessItemView struct {
	Check    lieciba.ReadinessCheck `json:"check"`
	Outcome  lieciba.CheckOutcome   `json:"outcome"`
	Fact     string                 `json:"fact"`
	Value    float64                `json:"value"`
	Unit     string                 `json:"unit"`
	Measured string                 `json:"measured"`
}

type cameraReadinessView struct {
	CameraID lieciba.CameraID       `json:"camera_id"`
	Name     string                 `json:"name"`
	State    lieciba.ReadinessState `json:"state"`
	When     *lieciba.ReadinessAt   `json:"when"`
	At       *stamp                 `json:"at"`
	Items    []readinessItemView    `json:"items"`
	Reason   string                 `json:"reason"`
	By       string                 `json:"by"`
	Checking bool                   `json:"checking"`
}

type signOffView struct {
	At     stamp  `json:"at"`
	By     string `json:"by"`
	ByID   string `json:"by_id"`
	Reason string `json:"reason"`
}

type readinessProgressView struct {
	StartedAt stamp `json:"started_at"`
	Total     int   `json:"total"`
	Done      int   `json:"done"`
}

type readinessView struct {
	SessionID   lieciba.SessionID      `json:"session_id"`
	State       lieciba.ReadinessState `json:"state"`
	Ready       bool                   `json:"ready"`
	NeedsReason bool                   `json:"needs_reason"`
	Cameras     []cameraReadinessView  `json:"cameras"`
	SignedOff   *signOffView           `json:"signed_off"`
	Running     *readinessProgressView `json:"running"`
}

func (s *Server) getReadiness(c *call, x lieciba.ExamSession) error {
	v, err := s.viewReadiness(c.ctx(), x)
	if err != nil {
		return err
	}
	return c.ok(v)
}

// viewReadiness is what stands for each camera that watches the session's room.
func (s *Server) viewReadiness(ctx context.Context, x lieciba.ExamSession) (readinessView, error) {
	rows, err := s.cfg.Catalog.SessionReadiness(ctx, x.ID)
	if err != nil {
		return readinessView{}, err
	}
	cameras, err := storage.SessionCameras(ctx, s.cfg.Catalog, x, s.cfg.Margins)
	if err != nil {
		return readinessView{}, err
	}
	ids := storage.CameraIDs(cameras)
	v := readinessView{SessionID: x.ID, Cameras: []cameraReadinessView{},
		Ready: lieciba.ReadyToBegin(ids, rows), NeedsReason: lieciba.CheckSignOff(lieciba.Readiness{}, ids, rows) != nil}
	progress, running := s.readinessProgress(x.ID)
	if running {
		v.Running = &readinessProgressView{StartedAt: stamp(progress.StartedAt), Total: progress.Total, Done: progress.Total - len(progress.Running)}
	}
	stands, signed := lieciba.ReadinessOf(rows)
	if signed != nil {
		v.SignedOff = &signOffView{At: stamp(signed.At), By: signed.By, ByID: signed.ByID, Reason: signed.Reason}
	}
	var states []lieciba.ReadinessState
	for _, cam := range cameras {
		one := viewCameraReadiness(cam, stands[cam.ID], rows)
		one.Checking = slices.Contains(progress.Running, cam.ID)
		v.Cameras, states = append(v.Cameras, one), append(states, one.State)
	}
	v.State = lieciba.WorstReadiness(states)
	return v, nil
}

func (s *Server) readinessProgress(id lieciba.SessionID) (ReadinessProgress, bool) {
	if s.cfg.Readiness == nil {
		return ReadinessProgress{}, false
	}
	return s.cfg.Readiness.Progress(id)
}

// viewCameraReadiness shows what stands; of an override also what it overrides.
func viewCameraReadiness(cam lieciba.Camera, r lieciba.Readiness, rows []lieciba.Readiness) cameraReadinessView {
	v := cameraReadinessView{CameraID: cam.ID, Name: cam.Name, State: lieciba.ReadinessUnchecked, Items: []readinessItemView{}}
	if r.ID == "" {
		return v
	}
	v.State, v.Reason, v.By, v.At, v.When = r.State, r.Reason, r.By, optionalStamp(r.At), optional(r.When)
	if at := slices.IndexFunc(rows, func(x lieciba.Readiness) bool { return x.ID == r.Follows }); at >= 0 {
		r = rows[at]
	}
	for _, i := range r.Items {
		v.Items = append(v.Items, readinessItemView(i))
	}
	return v
}

// stillToCome refuses what makes no sense once the session is over.
func stillToCome(x lieciba.ExamSession) error {
	switch x.State {
	case lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning:
		return nil
	}
	return lieciba.Errorf(lieciba.CodeConflict, "the session is %s: its cameras are not checked any more", x.State)
}

type runReadiness struct {
	CameraIDs []lieciba.CameraID `json:"camera_ids"`
}

// checkReadiness starts checks by hand: of the cameras that the body names, or of
// all. Its entry is written before they begin.
func (s *Server) checkReadiness(c *call, x lieciba.ExamSession) error {
	var in runReadiness
	if c.gin.Request.ContentLength != 0 {
		if err := c.read(&in); err != nil {
			return err
		}
	}
	if err := stillToCome(x); err != nil {
		return err
	}
	if s.cfg.Readiness == nil {
		return lieciba.Errorf(lieciba.CodeUnsupported, "this server records no cameras: ask the one that does")
	}
	cameras, err := s.chosenCameras(c.ctx(), x, in.CameraIDs)
	if err != nil {
		return err
	}
	e := c.entry(string(lieciba.ActCheckReadiness), sessionTarget(x))
	e.Detail = "asked for a check by hand"
	if err := c.appendAudit(e); err != nil {
		return err
	}
	if err := s.cfg.Readiness.Start(x, cameras); err != nil {
		return err
	}
	v, err := s.viewReadiness(c.ctx(), x)
	if err != nil {
		return err
	}
	c.gin.JSON(http.StatusAccepted, v)
	return nil
}

// chosenCameras are those of the room that were named; all when none was.
func (s *Server) chosenCameras(ctx context.Context, x lieciba.ExamSession, ids []lieciba.CameraID) ([]lieciba.Camera, error) {
	cameras, err := storage.SessionCameras(ctx, s.cfg.Catalog, x, s.cfg.Margins)
	if err != nil {
		return nil, err
	}
	if len(cameras) == 0 {
		return nil, lieciba.Errorf(lieciba.CodeConflict, "no camera watches the room: assign one first")
	}
	for _, id := range ids {
		if !slices.Contains(storage.CameraIDs(cameras), id) {
			return nil, lieciba.Invalid("camera_ids", "%q does not watch the session's room: name cameras that do", id)
		}
	}
	if ids == nil {
		return cameras, nil
	}
	return slices.DeleteFunc(cameras, func(cam lieciba.Camera) bool { return !slices.Contains(ids, cam.ID) }), nil
}

type readinessOverride struct {
	CameraID lieciba.CameraID `json:"camera_id"`
	Reason   string           `json:"reason"`
}

// overrideReadiness lets the exam go on with a camera whose newest check failed.
func (s *Server) overrideReadiness(c *call, x lieciba.ExamSession) error {
	var in readinessOverride
	if err := c.read(&in); err != nil {
		return err
	}
	if _, err := lieciba.ParseID[lieciba.CameraID]("camera_id", string(in.CameraID)); err != nil {
		return err
	}
	row := s.readinessRow(c, x, in.Reason)
	row.CameraID, row.State = in.CameraID, lieciba.ReadinessOverridden
	t := sessionTarget(x)
	t.camera = in.CameraID
	return s.addReadiness(c, x, t, "overridden: "+in.Reason, row, func(r *lieciba.Readiness, _ []lieciba.CameraID, rows []lieciba.Readiness) error {
		stands, _ := lieciba.ReadinessOf(rows)
		r.Follows = stands[r.CameraID].ID
		return lieciba.CheckOverride(*r, rows)
	})
}

type readinessSignOff struct {
	Reason string `json:"reason"`
}

// signOffReadiness notes that a person saw the checks and lets the exam begin.
func (s *Server) signOffReadiness(c *call, x lieciba.ExamSession) error {
	var in readinessSignOff
	if err := c.read(&in); err != nil {
		return err
	}
	row := s.readinessRow(c, x, in.Reason)
	detail := "signed off"
	if in.Reason != "" {
		detail += ": " + in.Reason
	}
	return s.addReadiness(c, x, sessionTarget(x), detail, row, func(r *lieciba.Readiness, cameras []lieciba.CameraID, rows []lieciba.Readiness) error {
		r.State = lieciba.ReadinessPassed
		if len(cameras) == 0 || len(lieciba.UnreadyOf(cameras, rows)) > 0 {
			r.State = lieciba.ReadinessFailed
		}
		return lieciba.CheckSignOff(*r, cameras, rows)
	})
}

func (s *Server) readinessRow(c *call, x lieciba.ExamSession, reason string) lieciba.Readiness {
	return lieciba.Readiness{ID: lieciba.NewID[lieciba.ReadinessID](c.now), SessionID: x.ID, NodeID: s.cfg.Node, When: lieciba.ReadinessByHand,
		At: lieciba.Micro(c.now), Reason: reason, By: c.who.Name, ByID: c.who.ID}
}

// addReadiness stores a person's row as decide fills it in, with what follows
// from it, and answers what stands then.
func (s *Server) addReadiness(c *call, x lieciba.ExamSession, t target, detail string, row lieciba.Readiness,
	decide func(*lieciba.Readiness, []lieciba.CameraID, []lieciba.Readiness) error) error {
	if err := stillToCome(x); err != nil {
		return err
	}
	err := c.act(lieciba.ActCheckReadiness, t, detail, func(ctx context.Context) error {
		rows, err := s.cfg.Catalog.SessionReadiness(ctx, x.ID)
		if err != nil {
			return err
		}
		cameras, err := storage.SessionCameras(ctx, s.cfg.Catalog, x, s.cfg.Margins)
		if err != nil {
			return err
		}
		if n := len(rows); n > 0 && !row.At.After(rows[n-1].At) { // another node's clock is ahead
			row.At = rows[n-1].At.Add(time.Microsecond)
		}
		if err := decide(&row, storage.CameraIDs(cameras), rows); err != nil {
			return err
		}
		if err := s.cfg.Catalog.AddReadiness(ctx, row); err != nil {
			return err
		}
		_, err = storage.SettleReadiness(ctx, s.cfg.Catalog, x.ID, s.cfg.Margins)
		return err
	})
	if err != nil {
		return err
	}
	v, err := s.viewReadiness(c.ctx(), x)
	if err != nil {
		return err
	}
	return c.created(v)
}
