package api

import (
	"context"
	"time"

	"lieciba"
)

type incidentRowView struct {
	ID         lieciba.IncidentID   `json:"id"`
	Step       lieciba.IncidentStep `json:"step"`
	At         stamp                `json:"at"`
	CameraID   *lieciba.CameraID    `json:"camera_id"`
	Seat       *int                 `json:"seat"`
	Kind       lieciba.IncidentKind `json:"kind"`
	Note       string               `json:"note"`
	By         string               `json:"by"`
	RecordedAt stamp                `json:"recorded_at"`
}

func viewIncidentRow(i lieciba.Incident) incidentRowView {
	return incidentRowView{i.ID, i.Step, stamp(i.At), optional(i.CameraID), optional(i.Seat), i.Kind, i.Note, i.By, stamp(i.RecordedAt)}
}

type incidentView struct {
	ID        lieciba.IncidentID   `json:"id"`
	SessionID lieciba.SessionID    `json:"session_id"`
	State     lieciba.IncidentStep `json:"state"`
	At        stamp                `json:"at"`
	CameraID  *lieciba.CameraID    `json:"camera_id"`
	Seat      *int                 `json:"seat"`
	Kind      lieciba.IncidentKind `json:"kind"`
	Note      string               `json:"note"`
	By        string               `json:"by"`
	Rows      []incidentRowView    `json:"rows"`
}

func viewIncident(n lieciba.IncidentNow) incidentView {
	v := incidentView{ID: n.ID, SessionID: n.SessionID, State: n.State, At: stamp(n.At), CameraID: optional(n.CameraID),
		Seat: optional(n.Seat), Kind: n.Kind, Note: n.Note, By: n.By, Rows: []incidentRowView{}}
	for _, r := range n.Rows {
		v.Rows = append(v.Rows, viewIncidentRow(r))
	}
	return v
}

func (s *Server) listIncidents(c *call, x lieciba.ExamSession) error {
	rows, err := s.cfg.Catalog.SessionIncidents(c.ctx(), x.ID)
	if err != nil {
		return err
	}
	out := items[incidentView]{Items: []incidentView{}}
	for _, n := range lieciba.IncidentsOf(rows) {
		out.Items = append(out.Items, viewIncident(n))
	}
	return c.ok(out)
}

// newIncident is a mark, or what a correction makes of it.
type newIncident struct {
	ID       *lieciba.IncidentID  `json:"id"`
	Kind     lieciba.IncidentKind `json:"kind"`
	Seat     int                  `json:"seat"`
	Note     string               `json:"note"`
	CameraID *lieciba.CameraID    `json:"camera_id"`
	AgoMS    *int64               `json:"ago_ms"`
	At       *string              `json:"at"`
}

// row makes the row of a step; the catalogue's checks follow.
func (in newIncident) row(c *call, x lieciba.ExamSession, step lieciba.IncidentStep) (lieciba.Incident, error) {
	i := lieciba.Incident{ID: lieciba.NewID[lieciba.IncidentID](c.now), SessionID: x.ID, Seat: in.Seat, Kind: in.Kind, Note: in.Note,
		Step: step, By: c.who.Name, ByID: c.who.ID, RecordedAt: lieciba.Micro(c.now)}
	var err error
	if in.ID != nil {
		if i.ID, err = lieciba.ParseID[lieciba.IncidentID]("id", string(*in.ID)); err != nil {
			return i, err
		}
	}
	if in.CameraID != nil {
		if i.CameraID, err = lieciba.ParseID[lieciba.CameraID]("camera_id", string(*in.CameraID)); err != nil {
			return i, err
		}
	}
	i.At, err = c.when(in.AgoMS, in.At)
	return i, err
}

// inWindow refuses what lies outside of the session's recording window.
func (s *Server) inWindow(x lieciba.ExamSession, at time.Time) error {
	w := lieciba.RecordingWindow(x, s.cfg.Margins)
	if !w.Contains(at) && !at.Equal(w.To) {
		return lieciba.Invalid("at", "lies outside of the session's recording window, %s to %s", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
	}
	return nil
}

// cameraOfSession refuses a camera that does not watch the session's room.
func (s *Server) cameraOfSession(ctx context.Context, x lieciba.ExamSession, cam lieciba.CameraID) error {
	if cam == "" {
		return nil
	}
	list, err := s.cfg.Catalog.Assignments(ctx, x.RoomID, lieciba.RecordingWindow(x, s.cfg.Margins))
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.CameraID == cam {
			return nil
		}
	}
	recs, err := s.cfg.Catalog.SessionRecordings(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, r := range recs {
		if r.CameraID == cam {
			return nil
		}
	}
	return lieciba.Invalid("camera_id", "is no camera of this session")
}

func incidentTarget(i lieciba.Incident, site lieciba.SiteID) target {
	return target{site: site, what: "incident", id: string(i.ID), session: i.SessionID, camera: i.CameraID}
}

func (s *Server) markIncident(c *call, x lieciba.ExamSession) error {
	var in newIncident
	if err := c.read(&in); err != nil {
		return err
	}
	i, err := in.row(c, x, lieciba.IncidentRaised)
	if err != nil {
		return err
	}
	if err := s.inWindow(x, i.At); err != nil {
		return err
	}
	return s.addIncident(c, lieciba.ActMarkIncident, x, i)
}

// addIncident stores a row with its entry; a repeat by its own ID is answered as
// the first was, with 200.
func (s *Server) addIncident(c *call, act lieciba.Act, x lieciba.ExamSession, i lieciba.Incident) error {
	if err := i.Check(x.Seats); err != nil {
		return err
	}
	if err := s.cameraOfSession(c.ctx(), x, i.CameraID); err != nil {
		return err
	}
	e := c.entry(string(act), incidentTarget(i, x.SiteID))
	e.From, e.Detail = i.At, "incident "+string(i.Step)+": "+string(i.Kind)
	var rows []lieciba.Incident
	repeated := false
	err := c.record(&e, func(ctx context.Context) (err error) {
		if rows, err = s.cfg.Catalog.SessionIncidents(ctx, x.ID); err != nil {
			return err
		}
		for _, r := range rows {
			if r.ID == i.ID && r.ByID == i.ByID && r.Step == i.Step { // sent again over a bad line: the first press counts
				i, repeated, e.Detail = r, true, e.Detail+", repeated"
				return nil
			}
		}
		if err := lieciba.NextIncident(rows, i); err != nil {
			return err
		}
		if err := s.cfg.Catalog.AddIncident(ctx, i); err != nil {
			return err
		}
		rows = append(rows, i)
		return nil
	})
	if err != nil {
		return err
	}
	now, err := incidentOf(rows, i)
	if err != nil {
		return err
	}
	if repeated {
		return c.ok(viewIncident(now))
	}
	return c.created(viewIncident(now))
}

// incidentOf is the incident that a row belongs to, as its rows leave it.
func incidentOf(rows []lieciba.Incident, row lieciba.Incident) (lieciba.IncidentNow, error) {
	first := row.ID
	if row.Follows != "" {
		first = row.Follows
	}
	for _, n := range lieciba.IncidentsOf(rows) {
		if n.ID == first {
			return n, nil
		}
	}
	return lieciba.IncidentNow{}, lieciba.Errorf(lieciba.CodeInternal, "the row %s belongs to no incident of its session", row.ID)
}

// incidentToChange is the first row of an incident with its session.
type incidentToChange struct {
	lieciba.Incident
	session lieciba.ExamSession
}

func (s *Server) incidentByID(c *call) (incidentToChange, target, error) {
	id, err := lieciba.ParseID[lieciba.IncidentID]("id", c.gin.Param("id"))
	if err != nil {
		return incidentToChange{}, target{}, err
	}
	i, err := s.cfg.Catalog.Incident(c.ctx(), id)
	if err == nil && i.Follows != "" {
		err = notFound("incident")
	}
	if err != nil {
		return incidentToChange{}, target{}, asNotFound(err, "incident")
	}
	x, err := s.cfg.Catalog.Session(c.ctx(), i.SessionID)
	return incidentToChange{i, x}, incidentTarget(i, x.SiteID), err
}

// correctIncident adds what should have been marked; the first mark stays.
func (s *Server) correctIncident(c *call, old incidentToChange) error {
	var in newIncident
	if err := c.read(&in); err != nil {
		return err
	}
	if in.AgoMS != nil {
		return lieciba.Invalid("ago_ms", "belongs to a new mark: send at")
	}
	i, err := in.row(c, old.session, lieciba.IncidentCorrected)
	if err != nil {
		return err
	}
	if in.At == nil {
		i.At = old.At
	}
	if err := s.inWindow(old.session, i.At); err != nil {
		return err
	}
	i.Follows = old.ID
	return s.addIncident(c, lieciba.ActMarkIncident, old.session, i)
}

type incidentNote struct {
	Note string `json:"note"`
}

// stepIncident adds a row that changes nothing but the state, and says why.
func (s *Server) stepIncident(act lieciba.Act, step lieciba.IncidentStep) func(*call, incidentToChange) error {
	return func(c *call, old incidentToChange) error {
		var in incidentNote
		if err := c.read(&in); err != nil {
			return err
		}
		if in.Note == "" {
			return lieciba.Invalid("note", "must not be empty: say why")
		}
		i := lieciba.Incident{ID: lieciba.NewID[lieciba.IncidentID](c.now), SessionID: old.SessionID, CameraID: old.CameraID, At: old.At,
			Seat: old.Seat, Kind: old.Kind, Note: in.Note, Follows: old.ID, Step: step, By: c.who.Name, ByID: c.who.ID, RecordedAt: lieciba.Micro(c.now)}
		return s.addIncident(c, act, old.session, i)
	}
}
