package api

import (
	"context"
	"time"

	"lieciba"
)

type eventView struct {
	ID           lieciba.EventID      `json:"id"`
	SessionID    lieciba.SessionID    `json:"session_id"`
	EventID      string               `json:"event_id"`
	Kind         lieciba.EventKind    `json:"kind"`
	At           stamp                `json:"at"`
	Appeal       *string              `json:"appeal"`
	ReceivedAt   stamp                `json:"received_at"`
	SessionState lieciba.SessionState `json:"session_state"`
	Hold         *holdView            `json:"hold"` // of the appeal; null: none
}

func viewEvent(e lieciba.SessionEvent, s lieciba.SessionState, h *lieciba.Hold) eventView {
	v := eventView{ID: e.ID, SessionID: e.SessionID, EventID: e.ExternalID, Kind: e.Kind, At: stamp(e.At), Appeal: optional(e.Appeal),
		ReceivedAt: stamp(e.ReceivedAt), SessionState: s}
	if h != nil {
		hv := viewHold(*h)
		v.Hold = &hv
	}
	return v
}

type newEvent struct {
	EventID string            `json:"event_id"`
	Kind    lieciba.EventKind `json:"kind"`
	At      string            `json:"at"`
	Appeal  string            `json:"appeal"`
}

// pushedSession finds the session of an event by the external ID that its own
// source knows, else among those that were started by hand and are linked to no
// other source: the citizenship system learns of them and anchors them too.
func (s *Server) pushedSession(c *call) (lieciba.ExamSession, target, error) {
	ref := c.gin.Param("id")
	if err := lieciba.CheckCode("external_id", ref); err != nil {
		return lieciba.ExamSession{}, target{}, err
	}
	x, err := s.cfg.Catalog.SessionByKey(c.ctx(), lieciba.SessionKey{Source: c.who.Name, ExternalID: ref})
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		x, err = s.cfg.Catalog.SessionByKey(c.ctx(), lieciba.SessionKey{Source: lieciba.SourceAdHoc, ExternalID: ref})
	}
	if err == nil {
		err = s.checkOfSource(c.ctx(), x, c.who.Name)
	}
	return x, sessionTarget(x), asNotFound(err, "exam session")
}

// clockAhead is how far a source's clock may be ahead of this one.
const clockAhead = 5 * time.Minute

// event checks what was sent. Times are the citizenship system's own: Riga's,
// with the offset of that instant.
func (in newEvent) event(c *call, x lieciba.ExamSession) (lieciba.SessionEvent, error) {
	e := lieciba.SessionEvent{ID: lieciba.NewID[lieciba.EventID](c.now), SessionID: x.ID, Source: c.who.Name, ExternalID: in.EventID,
		Kind: in.Kind, Appeal: in.Appeal, ReceivedAt: lieciba.Micro(c.now)}
	if err := lieciba.CheckCode("event_id", in.EventID); err != nil {
		return e, err
	}
	switch in.Kind {
	case lieciba.EventResultNotified:
		if in.Appeal != "" {
			return e, lieciba.Invalid("appeal", "belongs to appeal_opened and appeal_decided only")
		}
	case lieciba.EventAppealOpened, lieciba.EventAppealDecided:
		if err := checkReference("appeal", in.Appeal); err != nil {
			return e, err
		}
	default:
		return e, lieciba.Invalid("kind", "unknown kind %q: use result_notified, appeal_opened or appeal_decided", in.Kind)
	}
	var err error
	if e.At, err = lieciba.ParseRigaTime("at", in.At); err != nil {
		return e, err
	}
	// A year that was mistyped would delete footage at once, or keep it for ever.
	if e.At.Before(x.StartsAt) {
		return e, lieciba.Invalid("at", "lies before the exam session began")
	}
	if e.At.After(c.now.Add(clockAhead)) {
		return e, lieciba.Invalid("at", "has not come yet: send the event when it has happened")
	}
	return e, nil
}

// pushEvent stores an event and what it makes of holds, in one act.
func (s *Server) pushEvent(c *call, x lieciba.ExamSession) error {
	var in newEvent
	if err := c.read(&in); err != nil {
		return err
	}
	sent, err := in.event(c, x)
	if err != nil {
		return err
	}
	entry := c.entry(string(lieciba.ActPushEvent), sessionTarget(x))
	entry.From = sent.At
	var stored lieciba.SessionEvent
	var repeated bool
	var hold *lieciba.Hold
	if err := c.record(&entry, func(ctx context.Context) (err error) {
		if stored, repeated, err = s.cfg.Catalog.AddSessionEvent(ctx, sent); err != nil {
			return err
		}
		entry.Detail = "event " + stored.ExternalID + ": " + string(stored.Kind)
		if repeated {
			entry.Detail += ", repeated"
		}
		if hold, err = s.holdAppeal(ctx, stored, appealHold(c, stored), repeated); err != nil {
			return err
		}
		if !repeated {
			if _, err := s.followAppeal(ctx, c, stored, hold); err != nil {
				return err
			}
		}
		x, err = s.cfg.Catalog.Session(ctx, x.ID)
		return err
	}); err != nil {
		return err
	}
	s.pokeRetention()
	v := viewEvent(stored, x.State, hold)
	if repeated {
		return c.ok(v)
	}
	return c.created(v)
}

// holdAppeal makes the appeal's hold what the session's events ask for, in
// whatever order they came: an open appeal has a hold, one that a
// source decided a hold that ends by itself. What people released stays released, unless the appeal is
// opened anew. A repeated event changes nothing.
func (s *Server) holdAppeal(ctx context.Context, e lieciba.SessionEvent, fresh lieciba.Hold, repeated bool) (*lieciba.Hold, error) {
	if e.Appeal == "" {
		return nil, nil
	}
	holds, err := s.cfg.Catalog.SessionHolds(ctx, e.SessionID)
	if err != nil {
		return nil, err
	}
	var active *lieciba.Hold
	for _, h := range holds {
		if h.Active() && h.Kind == lieciba.HoldAppeal && h.Reference == e.Appeal {
			active = &h
		}
	}
	if repeated {
		return active, nil
	}
	due, known, err := s.appealRelease(ctx, e)
	switch {
	case err != nil || !known:
		return active, err
	case active == nil && e.Kind == lieciba.EventAppealOpened:
		fresh.ReleaseDue = due
		_, err := s.cfg.Catalog.PlaceHold(ctx, fresh)
		return &fresh, err
	case active == nil || active.ReleaseDue.Equal(due):
		return active, nil
	}
	h, err := s.cfg.Catalog.ChangeHold(ctx, active.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
		if !h.Active() {
			return nil, nil
		}
		h.ReleaseDue = due
		return &h, nil
	})
	return &h, err
}

// appealRelease tells from when on the hold of an event's appeal may end by
// itself: the zero time while the appeal is open, without a policy that says so,
// and for a decision that was noted by hand: two people release such a hold.
func (s *Server) appealRelease(ctx context.Context, e lieciba.SessionEvent) (due time.Time, known bool, err error) {
	events, err := s.cfg.Catalog.SessionEvents(ctx, e.SessionID)
	if err != nil {
		return due, false, err
	}
	stands := lieciba.AppealStands(events, e.Appeal)
	if !stands.Known || stands.Release.IsZero() {
		return due, stands.Known, nil
	}
	policies, err := s.cfg.Catalog.Policies(ctx)
	if err != nil {
		return due, true, err
	}
	recs, err := s.cfg.Catalog.SessionRecordings(ctx, e.SessionID)
	if err != nil {
		return due, true, err
	}
	var sealed []lieciba.PolicyID
	for _, r := range recs {
		seal, err := s.cfg.Catalog.Seal(ctx, r.ID)
		if lieciba.CodeOf(err) == lieciba.CodeNotFound {
			continue
		}
		if err != nil {
			return due, true, err
		}
		sealed = append(sealed, seal.PolicyID)
	}
	return lieciba.ReleaseAfterAppeal(policies, sealed, stands.Release), true, nil
}

func (s *Server) listEvents(c *call, x lieciba.ExamSession) error {
	list, err := s.cfg.Catalog.SessionEvents(c.ctx(), x.ID)
	if err != nil {
		return err
	}
	out := items[eventView]{Items: []eventView{}}
	for _, e := range list {
		out.Items = append(out.Items, viewEvent(e, x.State, nil))
	}
	return c.ok(out)
}
