package api

import (
	"context"
	"slices"

	"lieciba"
)

type holdView struct {
	ID               lieciba.HoldID    `json:"id"`
	SessionID        lieciba.SessionID `json:"session_id"`
	Kind             lieciba.HoldKind  `json:"kind"`
	Reference        string            `json:"reference"`
	Reason           string            `json:"reason"`
	PlacedBy         string            `json:"placed_by"`
	PlacedByID       string            `json:"placed_by_id"`
	PlacedAt         stamp             `json:"placed_at"`
	ReleaseAskedBy   string            `json:"release_asked_by"`
	ReleaseAskedByID string            `json:"release_asked_by_id"`
	ReleaseAskedAt   *stamp            `json:"release_asked_at"`
	ReleaseDue       *stamp            `json:"release_due"`
	ReleasedBy       string            `json:"released_by"`
	ReleasedAt       *stamp            `json:"released_at"`
	Active           bool              `json:"active"`
	GoneSegments     *int              `json:"gone_segments,omitempty"` // only where it was placed
}

func viewHold(h lieciba.Hold) holdView {
	return holdView{ID: h.ID, SessionID: h.SessionID, Kind: h.Kind, Reference: h.Reference, Reason: h.Reason, PlacedBy: h.PlacedBy,
		PlacedByID: h.PlacedByID, PlacedAt: stamp(h.PlacedAt), ReleaseAskedBy: h.ReleaseAskedBy, ReleaseAskedByID: h.ReleaseAskedByID,
		ReleaseAskedAt: optionalStamp(h.ReleaseAskedAt), ReleaseDue: optionalStamp(h.ReleaseDue), ReleasedBy: h.ReleasedBy,
		ReleasedAt: optionalStamp(h.ReleasedAt), Active: h.Active()}
}

func holdTarget(h lieciba.Hold, site lieciba.SiteID) target {
	return target{site: site, what: "hold", id: string(h.ID), session: h.SessionID}
}

// listHolds answers the active holds, or all of one session.
func (s *Server) listHolds(c *call) error {
	if err := c.onlyQuery("session"); err != nil {
		return err
	}
	session, err := s.querySession(c, lieciba.ActReadRetention, "session")
	if err != nil {
		return err
	}
	var list []lieciba.Hold
	if session != "" {
		list, err = s.cfg.Catalog.SessionHolds(c.ctx(), session)
	} else {
		list, err = s.cfg.Catalog.ActiveHolds(c.ctx())
	}
	if err != nil {
		return err
	}
	visible := s.visibleSessions(c, lieciba.ActReadRetention)
	out := items[holdView]{Items: []holdView{}}
	for _, h := range list {
		ok, err := visible(h.SessionID)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, viewHold(h))
		}
	}
	return c.ok(out)
}

type newHold struct {
	Kind      lieciba.HoldKind `json:"kind"`
	Reference string           `json:"reference"`
	Reason    string           `json:"reason"`
}

var holdKinds = []lieciba.HoldKind{lieciba.HoldAppeal, lieciba.HoldCourt, lieciba.HoldIncident, lieciba.HoldRequest}

func (in newHold) check() error {
	if !slices.Contains(holdKinds, in.Kind) {
		return lieciba.Invalid("kind", "unknown kind %q: use one of %v", in.Kind, holdKinds)
	}
	if err := checkText("reference", in.Reference); err != nil {
		return err
	}
	if in.Kind == lieciba.HoldAppeal { // events of the citizenship system find it by this
		if err := checkReference("reference", in.Reference); err != nil {
			return err
		}
	}
	return checkSentence("reason", in.Reason)
}

func (s *Server) placeHold(c *call, x lieciba.ExamSession) error {
	var in newHold
	if err := c.read(&in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	h := lieciba.Hold{ID: lieciba.NewID[lieciba.HoldID](c.now), SessionID: x.ID, Kind: in.Kind, Reference: in.Reference, Reason: in.Reason,
		PlacedBy: c.who.Name, PlacedByID: c.who.ID, PlacedAt: lieciba.Micro(c.now)}
	var gone int
	if err := c.act(lieciba.ActPlaceHold, holdTarget(h, x.SiteID), "hold placed: "+string(h.Kind)+" "+h.Reference,
		func(ctx context.Context) (err error) {
			gone, err = s.cfg.Catalog.PlaceHold(ctx, h)
			return err
		}); err != nil {
		return err
	}
	s.pokeRetention()
	v := viewHold(h)
	v.GoneSegments = &gone
	return c.created(v)
}

func (s *Server) holdOf(ctx context.Context, field, ref string) (lieciba.Hold, target, error) {
	id, err := lieciba.ParseID[lieciba.HoldID](field, ref)
	if err != nil {
		return lieciba.Hold{}, target{}, err
	}
	h, err := s.cfg.Catalog.Hold(ctx, id)
	if err != nil {
		return h, target{}, asNotFound(err, "hold")
	}
	x, err := s.cfg.Catalog.Session(ctx, h.SessionID)
	return h, holdTarget(h, x.SiteID), err
}
