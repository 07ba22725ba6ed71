package api

import (
	"lieciba"
	"lieciba/storage"
)

type appealView struct {
	ID         lieciba.AppealID    `json:"id"`
	SessionID  lieciba.SessionID   `json:"session_id"`
	ExternalID string              `json:"external_id"` // of the session
	Reference  string              `json:"reference"`
	Source     string              `json:"source"`
	State      lieciba.AppealState `json:"state"`
	HoldID     *lieciba.HoldID     `json:"hold_id"`
	OpenedBy   string              `json:"opened_by"`
	OpenedAt   stamp               `json:"opened_at"`
	CourtAt    *stamp              `json:"court_at"`
	FinalAt    *stamp              `json:"final_at"`
	ClosedAt   *stamp              `json:"closed_at"`
	ClosedBy   string              `json:"closed_by"`

	Can []lieciba.AppealState `json:"can"` // that the caller may move it to
}

func viewAppeal(c *call, a lieciba.Appeal, x lieciba.ExamSession) appealView {
	can := []lieciba.AppealState{}
	if lieciba.Allow(c.who, lieciba.ActManageAppeals, x.SiteID) == nil {
		can = append(can, a.Next()...)
	}
	return appealView{a.ID, a.SessionID, x.ExternalID, a.Reference, a.Source, a.State, optional(a.HoldID), a.OpenedBy, stamp(a.OpenedAt),
		optionalStamp(a.CourtAt), optionalStamp(a.FinalAt), optionalStamp(a.ClosedAt), a.ClosedBy, can}
}

func appealTarget(a lieciba.Appeal, site lieciba.SiteID) target {
	return target{site: site, what: "appeal", id: string(a.ID), session: a.SessionID}
}

// appealStates are what a filter may name.
var appealStates = []lieciba.AppealState{lieciba.AppealOpened, lieciba.AppealCourt, lieciba.AppealFinal, lieciba.AppealClosed}

func (s *Server) listAppeals(c *call) error {
	if err := c.onlyQuery("session", "reference", "state", "limit", "before"); err != nil {
		return err
	}
	var f storage.AppealFilter
	var err error
	if f.SessionID, err = s.querySession(c, lieciba.ActViewAppeals, "session"); err != nil {
		return err
	}
	if ref, given := c.gin.GetQuery("reference"); given {
		if err := checkReference("reference", ref); err != nil {
			return err
		}
		f.Reference = ref
	}
	if f.States, err = queryStates(c, appealStates); err != nil {
		return err
	}
	if f.Limit, f.Before, err = page[lieciba.AppealID](c); err != nil {
		return err
	}
	list, err := s.cfg.Catalog.ListAppeals(c.ctx(), f)
	if err != nil {
		return err
	}
	out := pageOf[appealView](list, f.Limit, func(a lieciba.Appeal) lieciba.AppealID { return a.ID })
	for _, a := range list {
		x, err := s.cfg.Catalog.Session(c.ctx(), a.SessionID)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, viewAppeal(c, a, x))
	}
	return c.ok(out)
}

// appealCase is an appeal with its session.
type appealCase struct {
	lieciba.Appeal
	session lieciba.ExamSession
}

func (s *Server) appealByID(c *call) (appealCase, target, error) {
	id, err := lieciba.ParseID[lieciba.AppealID]("id", c.gin.Param("id"))
	if err != nil {
		return appealCase{}, target{}, err
	}
	a, err := s.cfg.Catalog.Appeal(c.ctx(), id)
	if err != nil {
		return appealCase{}, target{}, asNotFound(err, "appeal")
	}
	x, err := s.cfg.Catalog.Session(c.ctx(), a.SessionID)
	return appealCase{a, x}, appealTarget(a, x.SiteID), err
}

// appealFile is everything of one appeal.
type appealFile struct {
	Appeal   appealView    `json:"appeal"`
	Session  sessionView   `json:"session"`
	Holds    []holdView    `json:"holds"` // of this appeal
	Events   []eventView   `json:"events"`
	Requests []requestView `json:"requests"`
	Grants   []grantView   `json:"grants"`
	Exports  []exportView  `json:"exports"` // of the session, asked for under this appeal

	Deletions []deletionView `json:"deletions"` // of the session's recordings
}

func (s *Server) getAppeal(c *call, a appealCase) error {
	f := appealFile{Appeal: viewAppeal(c, a.Appeal, a.session), Holds: []holdView{}, Events: []eventView{},
		Requests: []requestView{}, Grants: []grantView{}, Exports: []exportView{}, Deletions: []deletionView{}}
	room, err := s.cfg.Catalog.Room(c.ctx(), a.session.RoomID)
	if err != nil {
		return err
	}
	f.Session = viewSession(a.session, room.Code)
	for _, fill := range []func(*call, appealCase, *appealFile) error{s.fileHolds, s.fileEvents, s.fileRequests, s.fileGrants, s.fileExports, s.fileDeletions} {
		if err := fill(c, a, &f); err != nil {
			return err
		}
	}
	return c.ok(f)
}

func (s *Server) fileHolds(c *call, a appealCase, f *appealFile) error {
	holds, err := s.cfg.Catalog.SessionHolds(c.ctx(), a.SessionID)
	for _, h := range holds {
		if h.Kind == lieciba.HoldAppeal && h.Reference == a.Reference {
			f.Holds = append(f.Holds, viewHold(h))
		}
	}
	return err
}

func (s *Server) fileEvents(c *call, a appealCase, f *appealFile) error {
	events, err := s.cfg.Catalog.SessionEvents(c.ctx(), a.SessionID)
	for _, e := range events {
		if e.Appeal == a.Reference {
			f.Events = append(f.Events, viewEvent(e, a.session.State, nil))
		}
	}
	return err
}

func (s *Server) fileRequests(c *call, a appealCase, f *appealFile) error {
	for r, err := range storage.Pages(func(before lieciba.RequestID) ([]lieciba.Request, error) {
		return s.cfg.Catalog.ListRequests(c.ctx(), storage.RequestFilter{SessionID: a.SessionID, Limit: storage.MaxPage, Before: before})
	}, func(r lieciba.Request) lieciba.RequestID { return r.ID }) {
		if err != nil {
			return err
		}
		if r.Asked.Appeal != a.Reference {
			continue
		}
		v, err := s.viewRequest(c, r, false)
		if err != nil {
			return err
		}
		f.Requests = append(f.Requests, v)
	}
	return nil
}

func (s *Server) fileGrants(c *call, a appealCase, f *appealFile) error {
	for g, err := range storage.Pages(func(before lieciba.GrantID) ([]lieciba.Grant, error) {
		return s.cfg.Catalog.ListGrants(c.ctx(), storage.GrantFilter{SessionID: a.SessionID, Appeal: a.Reference, Limit: storage.MaxPage, Before: before})
	}, func(g lieciba.Grant) lieciba.GrantID { return g.ID }) {
		if err != nil {
			return err
		}
		f.Grants = append(f.Grants, viewGrant(c, g, a.session.ExternalID))
	}
	return nil
}

// fileExports needs the file's requests: an export names the one it was made for.
func (s *Server) fileExports(c *call, a appealCase, f *appealFile) error {
	asked := map[lieciba.RequestID]bool{}
	for _, r := range f.Requests {
		asked[r.ID] = true
	}
	for e, err := range storage.Pages(func(before lieciba.ExportID) ([]lieciba.Export, error) {
		return s.cfg.Catalog.ListExports(c.ctx(), storage.ExportFilter{SessionID: a.SessionID, Limit: storage.MaxPage, Before: before})
	}, func(e lieciba.Export) lieciba.ExportID { return e.ID }) {
		if err != nil {
			return err
		}
		if asked[e.RequestID] {
			f.Exports = append(f.Exports, viewExport(e))
		}
	}
	return nil
}

func (s *Server) fileDeletions(c *call, a appealCase, f *appealFile) error {
	recs, err := s.cfg.Catalog.SessionRecordings(c.ctx(), a.SessionID)
	if err != nil {
		return err
	}
	for _, r := range recs {
		facts, err := s.cfg.Catalog.RetentionFacts(c.ctx(), r.ID)
		if err != nil {
			return err
		}
		if facts.Deletion != nil {
			f.Deletions = append(f.Deletions, viewDeletion(*facts.Deletion))
		}
	}
	return nil
}
