package api

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

type newAppeal struct {
	Session   string `json:"session"`
	Reference string `json:"reference"`
	Reason    string `json:"reason"`
}

// appealRequest finds the session that the body names.
func (s *Server) appealRequest(c *call) (appealOpening, target, error) {
	var in newAppeal
	if err := c.read(&in); err != nil {
		return appealOpening{}, target{what: "exam session"}, err
	}
	if err := checkReference("reference", in.Reference); err != nil {
		return appealOpening{}, target{}, err
	}
	if err := checkSentence("reason", in.Reason); err != nil {
		return appealOpening{}, target{}, err
	}
	x, t, err := s.sessionRef(c, "session", in.Session)
	return appealOpening{in, x}, t, inBody(err, "session", "there is no such exam session")
}

type appealOpening struct {
	newAppeal
	session lieciba.ExamSession
}

// openAppeal opens one by hand, as the event of the citizenship system would:
// the same event, the same hold. One that is open already is answered as it is.
func (s *Server) openAppeal(c *call, in appealOpening) error {
	x := in.session
	if x.StartsAt.After(c.now) {
		return lieciba.Invalid("session", "has not begun: nothing can be contested yet")
	}
	e := s.byHand(c, x, lieciba.EventAppealOpened, in.Reference)
	entry := c.entry(string(lieciba.ActManageAppeals), sessionTarget(x))
	entry.Detail = "appeal " + in.Reference + " opened by hand: " + in.Reason
	var a lieciba.Appeal
	created := false
	if err := c.record(&entry, func(ctx context.Context) (err error) {
		a, created, err = s.appealBegins(ctx, c, e)
		entry.Object = appealTarget(a, x.SiteID).String()
		return err
	}); err != nil {
		return err
	}
	s.pokeRetention()
	if created {
		return c.created(viewAppeal(c, a, x))
	}
	return c.ok(viewAppeal(c, a, x))
}

// byHand is the event that a person's act stands for.
func (s *Server) byHand(c *call, x lieciba.ExamSession, kind lieciba.EventKind, reference string) lieciba.SessionEvent {
	id := lieciba.NewID[lieciba.EventID](c.now)
	return lieciba.SessionEvent{ID: id, SessionID: x.ID, Source: lieciba.SourceByHand, ExternalID: string(id), Kind: kind,
		At: lieciba.Micro(c.now), Appeal: reference, ReceivedAt: lieciba.Micro(c.now)}
}

// appealBegins opens an appeal inside of an act, unless it is open.
func (s *Server) appealBegins(ctx context.Context, c *call, e lieciba.SessionEvent) (lieciba.Appeal, bool, error) {
	list, err := s.cfg.Catalog.ListAppeals(ctx, storage.AppealFilter{SessionID: e.SessionID, Reference: e.Appeal})
	if err != nil {
		return lieciba.Appeal{}, false, err
	}
	if len(list) == 1 && list[0].Open() {
		return list[0], false, nil
	}
	if _, _, err := s.cfg.Catalog.AddSessionEvent(ctx, e); err != nil {
		return lieciba.Appeal{}, false, err
	}
	hold, err := s.holdAppeal(ctx, e, appealHold(c, e), false)
	if err != nil {
		return lieciba.Appeal{}, false, err
	}
	a, err := s.followAppeal(ctx, c, e, hold)
	return a, true, err
}

// appealHold is the hold that an opened appeal places.
func appealHold(c *call, e lieciba.SessionEvent) lieciba.Hold {
	return lieciba.Hold{ID: lieciba.NewID[lieciba.HoldID](c.now), SessionID: e.SessionID, Kind: lieciba.HoldAppeal, Reference: e.Appeal,
		Reason: "appeal opened", PlacedBy: c.who.Name, PlacedByID: c.who.ID, PlacedAt: lieciba.Micro(c.now)}
}

// followAppeal makes the appeal's row what an event says, inside of an act.
func (s *Server) followAppeal(ctx context.Context, c *call, e lieciba.SessionEvent, hold *lieciba.Hold) (lieciba.Appeal, error) {
	if e.Appeal == "" {
		return lieciba.Appeal{}, nil
	}
	events, err := s.cfg.Catalog.SessionEvents(ctx, e.SessionID)
	if err != nil {
		return lieciba.Appeal{}, err
	}
	stands := lieciba.AppealStands(events, e.Appeal)
	if !stands.Known { // decided before it was opened: the opening is on its way
		return lieciba.Appeal{}, nil
	}
	return s.cfg.Catalog.ChangeAppeal(ctx, e.SessionID, e.Appeal, func(current *lieciba.Appeal) (*lieciba.Appeal, error) {
		a := lieciba.Appeal{ID: lieciba.NewID[lieciba.AppealID](c.now), SessionID: e.SessionID, Reference: e.Appeal, Source: e.Source,
			State: lieciba.AppealOpened, OpenedBy: c.who.Name, OpenedByID: c.who.ID, OpenedAt: e.At}
		if current != nil {
			a = *current
		}
		if hold != nil {
			a.HoldID = hold.ID
		}
		switch {
		case stands.Open() && (a.State == lieciba.AppealFinal || a.State == lieciba.AppealClosed):
			a.State, a.FinalAt, a.ClosedAt, a.ClosedBy = lieciba.AppealOpened, time.Time{}, time.Time{}, "" // contested once more
		case !stands.Open() && a.State != lieciba.AppealClosed:
			a.State, a.FinalAt = lieciba.AppealFinal, stands.Decided
		}
		return &a, nil
	})
}

type appealChange struct {
	State  lieciba.AppealState `json:"state"`
	Reason string              `json:"reason"`
	At     *string             `json:"at"`
}

// changeAppeal notes what became of an appeal: the court, the final decision, the
// end of the work on it.
func (s *Server) changeAppeal(c *call, old appealCase) error {
	var in appealChange
	if err := c.read(&in); err != nil {
		return err
	}
	if err := checkSentence("reason", in.Reason); err != nil {
		return err
	}
	at, err := c.when(nil, in.At)
	if err != nil {
		return err
	}
	if at.Before(old.OpenedAt) {
		return lieciba.Invalid("at", "lies before the appeal was opened")
	}
	var a lieciba.Appeal
	if err := c.act(lieciba.ActManageAppeals, appealTarget(old.Appeal, old.session.SiteID), "appeal "+old.Reference+" "+string(in.State)+": "+in.Reason,
		func(ctx context.Context) (err error) {
			a, err = s.moveAppeal(ctx, c, old, in.State, at)
			return err
		}); err != nil {
		return err
	}
	s.pokeRetention()
	return c.ok(viewAppeal(c, a, old.session))
}

// moveAppeal tells retention first, by the event that it counts from, and moves
// the row last.
func (s *Server) moveAppeal(ctx context.Context, c *call, old appealCase, to lieciba.AppealState, at time.Time) (lieciba.Appeal, error) {
	now, err := s.cfg.Catalog.Appeal(ctx, old.ID)
	if err != nil {
		return now, err
	}
	if to != lieciba.AppealCourt && to != lieciba.AppealFinal && to != lieciba.AppealClosed {
		return now, lieciba.Invalid("state", "unknown state %q: use court, final or closed", to)
	}
	if err := lieciba.MoveAppeal(now.State, to); err != nil {
		return now, err
	}
	if to == lieciba.AppealCourt && at.Before(now.FinalAt) { // the decision would stand on beside it
		return now, lieciba.Invalid("at", "lies before the final decision that is contested")
	}
	e := s.byHand(c, old.session, "", now.Reference)
	e.At = at
	switch {
	case now.State == to:
		return now, nil
	case to == lieciba.AppealFinal:
		e.Kind = lieciba.EventAppealDecided
	case to == lieciba.AppealCourt && now.State == lieciba.AppealFinal:
		e.Kind = lieciba.EventAppealOpened // contested once more: the hold must not end
	}
	if e.Kind != "" {
		if _, _, err := s.cfg.Catalog.AddSessionEvent(ctx, e); err != nil {
			return now, err
		}
		hold, err := s.holdAppeal(ctx, e, appealHold(c, e), false)
		if err != nil {
			return now, err
		}
		if _, err := s.followAppeal(ctx, c, e, hold); err != nil {
			return now, err
		}
	}
	return s.cfg.Catalog.ChangeAppeal(ctx, now.SessionID, now.Reference, func(current *lieciba.Appeal) (*lieciba.Appeal, error) {
		a := *current
		a.State = to
		switch to {
		case lieciba.AppealCourt:
			a.CourtAt = at
		case lieciba.AppealClosed:
			a.ClosedAt, a.ClosedBy = at, c.who.Name
		}
		return &a, nil
	})
}
