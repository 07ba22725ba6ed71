package api

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

// askedSession finds the session that is asked about, by either ID, for who may
// ask the act at its site. It puts the session's own ID into a.
func (c *call) askedSession(act lieciba.Act, a *lieciba.Asked) (lieciba.ExamSession, []lieciba.Recording, error) {
	x, _, err := c.server.sessionRef(c, "session_id", string(a.SessionID))
	if err != nil {
		return x, nil, err
	}
	if err := c.allow(act, x.SiteID, "exam session"); err != nil {
		return x, nil, err
	}
	a.SessionID = x.ID
	recs, err := c.server.cfg.Catalog.SessionRecordings(c.ctx(), x.ID)
	return x, recs, err
}

// checkCameras refuses cameras that did not record the session.
func checkCameras(ids []lieciba.CameraID, recs []lieciba.Recording) error {
	for _, id := range ids {
		if !slices.ContainsFunc(recs, func(r lieciba.Recording) bool { return r.CameraID == id }) {
			return lieciba.Invalid("camera_ids", "camera %s did not record this session", id)
		}
	}
	return nil
}

// askedSpan reads the range of footage that is asked for: both ends or neither.
func askedSpan(a lieciba.Asked) (lieciba.Interval, error) {
	return bothEnds("from", a.From, "to", a.To)
}

// askedClip reads the range of a package's copy for watching: both ends or neither.
func askedClip(a lieciba.Asked) (lieciba.Interval, error) {
	return bothEnds("clip_from", a.ClipFrom, "clip_to", a.ClipTo)
}

func bothEnds(nameFrom string, from time.Time, nameTo string, to time.Time) (lieciba.Interval, error) {
	span := lieciba.Interval{From: from, To: to}
	switch {
	case from.IsZero() && to.IsZero():
		return span, nil
	case from.IsZero():
		return span, lieciba.Invalid(nameFrom, "send both %s and %s, or neither", nameFrom, nameTo)
	case to.IsZero():
		return span, lieciba.Invalid(nameTo, "send both %s and %s, or neither", nameFrom, nameTo)
	case span.Empty():
		return span, lieciba.Invalid(nameTo, "must be after %s", nameFrom)
	}
	return span, nil
}

// onRecordWindow is what may have been recorded of a session.
func (s *Server) onRecordWindow(x lieciba.ExamSession, recs []lieciba.Recording) lieciba.Interval {
	w := lieciba.RecordingWindow(x, s.cfg.Margins)
	for _, r := range recs {
		if r.Window.From.Before(w.From) {
			w.From = r.Window.From
		}
		if r.Window.To.After(w.To) {
			w.To = r.Window.To
		}
	}
	return w
}

// checkAppeal refuses an appeal that is not one of the session; open: that is over.
func (s *Server) checkAppeal(ctx context.Context, session lieciba.SessionID, reference string, open bool) error {
	if reference == "" {
		return nil
	}
	if err := checkReference("appeal", reference); err != nil {
		return err
	}
	list, err := s.cfg.Catalog.ListAppeals(ctx, storage.AppealFilter{SessionID: session, Reference: reference, Limit: 1})
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return lieciba.Invalid("appeal", "this session has no appeal %s: open it first", reference)
	case open && !list[0].Open():
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: "appeal", Message: "appeal " + reference + " is " + string(list[0].State) + ": it opens nothing any more"}
	}
	return nil
}

// checkIncident refuses an incident that is not one of the session, or was none.
func (s *Server) checkIncident(ctx context.Context, session lieciba.SessionID, id lieciba.IncidentID) error {
	if id == "" {
		return nil
	}
	if _, err := lieciba.ParseID[lieciba.IncidentID]("incident_id", string(id)); err != nil {
		return err
	}
	n, err := s.incidentNow(ctx, session, id)
	switch {
	case err != nil:
		return err
	case n == nil:
		return lieciba.Invalid("incident_id", "this session has no such incident")
	case n.State == lieciba.IncidentRetracted:
		return lieciba.Invalid("incident_id", "this incident was retracted: it was none")
	}
	return nil
}

// incidentNow finds an incident of a session by the ID of its first row; nil: the
// session has none such.
func (s *Server) incidentNow(ctx context.Context, session lieciba.SessionID, id lieciba.IncidentID) (*lieciba.IncidentNow, error) {
	rows, err := s.cfg.Catalog.SessionIncidents(ctx, session)
	if err != nil {
		return nil, err
	}
	for _, n := range lieciba.IncidentsOf(rows) {
		if n.ID == id {
			return &n, nil
		}
	}
	return nil, nil
}
