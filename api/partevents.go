package api

import (
	"context"

	"lieciba"
)

type partEventView struct {
	ID         lieciba.PartEventID  `json:"id"`
	PartID     lieciba.PartID       `json:"part_id"`
	Step       lieciba.PartStep     `json:"step"`
	At         stamp                `json:"at"`
	Corrects   *lieciba.PartEventID `json:"corrects"`
	Void       bool                 `json:"void"`
	Note       string               `json:"note"`
	By         string               `json:"by"`
	RecordedAt stamp                `json:"recorded_at"`
}

func viewPartEvent(e lieciba.PartEvent) partEventView {
	return partEventView{e.ID, e.PartID, e.Step, stamp(e.At), optional(e.Corrects), e.Void, e.Note, e.By, stamp(e.RecordedAt)}
}

type runningView struct {
	From stamp  `json:"from"`
	To   *stamp `json:"to"`
}

type partNowView struct {
	PartID   lieciba.PartID    `json:"part_id"`
	Kind     lieciba.PartKind  `json:"kind"`
	StartsAt stamp             `json:"starts_at"`
	EndsAt   stamp             `json:"ends_at"`
	Sound    bool              `json:"sound"`
	State    lieciba.PartState `json:"state"`
	Running  []runningView     `json:"running"`
}

type partsView struct {
	Parts  []partNowView   `json:"parts"`
	Events []partEventView `json:"events"`
}

// eventsOf picks one part's.
func eventsOf(events []lieciba.PartEvent, part lieciba.PartID) []lieciba.PartEvent {
	var out []lieciba.PartEvent
	for _, e := range events {
		if e.PartID == part {
			out = append(out, e)
		}
	}
	return out
}

func viewPartsNow(x lieciba.ExamSession, events []lieciba.PartEvent) (partsView, error) {
	v := partsView{Parts: []partNowView{}, Events: []partEventView{}}
	for _, p := range x.Parts {
		t, err := lieciba.PartTimesOf(eventsOf(events, p.ID))
		if err != nil {
			return v, err
		}
		n := partNowView{PartID: p.ID, Kind: p.Kind, StartsAt: stamp(p.StartsAt), EndsAt: stamp(p.EndsAt), Sound: p.Sound, State: t.State, Running: []runningView{}}
		for _, r := range t.Running {
			n.Running = append(n.Running, runningView{stamp(r.From), optionalStamp(r.To)})
		}
		v.Parts = append(v.Parts, n)
	}
	for _, e := range events {
		v.Events = append(v.Events, viewPartEvent(e))
	}
	return v, nil
}

func (s *Server) listPartEvents(c *call, x lieciba.ExamSession) error {
	events, err := s.cfg.Catalog.SessionPartEvents(c.ctx(), x.ID)
	if err != nil {
		return err
	}
	v, err := viewPartsNow(x, events)
	if err != nil {
		return err
	}
	return c.ok(v)
}

type newPartEvent struct {
	ID       *lieciba.PartEventID `json:"id"`
	PartID   lieciba.PartID       `json:"part_id"`
	Step     lieciba.PartStep     `json:"step"`
	AgoMS    *int64               `json:"ago_ms"`
	At       *string              `json:"at"`
	Corrects *lieciba.PartEventID `json:"corrects"`
	Void     bool                 `json:"void"`
	Note     string               `json:"note"`
}

// row checks what can be checked without the other events.
func (in newPartEvent) row(c *call, x lieciba.ExamSession) (lieciba.PartEvent, error) {
	e := lieciba.PartEvent{ID: lieciba.NewID[lieciba.PartEventID](c.now), SessionID: x.ID, PartID: in.PartID, Step: in.Step, Void: in.Void,
		Note: in.Note, By: c.who.Name, ByID: c.who.ID, RecordedAt: lieciba.Micro(c.now)}
	var err error
	if in.ID != nil {
		if e.ID, err = lieciba.ParseID[lieciba.PartEventID]("id", string(*in.ID)); err != nil {
			return e, err
		}
	}
	if in.Corrects != nil {
		if e.Corrects, err = lieciba.ParseID[lieciba.PartEventID]("corrects", string(*in.Corrects)); err != nil {
			return e, err
		}
	}
	switch {
	case in.Void && e.Corrects == "":
		return e, lieciba.Invalid("corrects", "name the event that never happened")
	case e.Corrects != "" && in.Note == "":
		return e, lieciba.Invalid("note", "a correction says why")
	}
	if in.Note != "" {
		if err := checkSentence("note", in.Note); err != nil {
			return e, err
		}
	}
	e.At, err = c.when(in.AgoMS, in.At)
	return e, err
}

// runPart adds what happened to a part, if it makes a story with the rest.
func (s *Server) runPart(c *call, x lieciba.ExamSession) error {
	var in newPartEvent
	if err := c.read(&in); err != nil {
		return err
	}
	e, err := in.row(c, x)
	if err != nil {
		return err
	}
	if err := s.inWindow(x, e.At); err != nil {
		return err
	}
	entry := c.entry(string(lieciba.ActRunPart), target{site: x.SiteID, what: "part", id: string(e.PartID), session: x.ID})
	var all []lieciba.PartEvent
	repeated := false
	if err := c.record(&entry, func(ctx context.Context) error {
		return s.cfg.Catalog.AddPartEvent(ctx, x.ID, func(now lieciba.ExamSession, events []lieciba.PartEvent) (*lieciba.PartEvent, error) {
			next, part, err := nextPartEvent(now, events, e)
			if err != nil {
				return nil, err
			}
			x, all = now, events
			entry.From, entry.Detail = e.At, "part "+string(part.Kind)+" "+string(e.Step)
			if e.Corrects != "" {
				entry.Detail += ", corrects " + string(e.Corrects)
			}
			if repeated = next == nil; repeated {
				entry.Detail += ", repeated"
				return nil, nil
			}
			all = append(all, *next)
			return next, nil
		})
	}); err != nil {
		return err
	}
	s.cfg.Refresh.Refresh() // sound is kept while the part runs
	v, err := viewPartsNow(x, all)
	if err != nil {
		return err
	}
	if repeated {
		return c.ok(v)
	}
	return c.created(v)
}

// nextPartEvent judges an event against the session's; nil for one that is
// stored already. Pure.
func nextPartEvent(x lieciba.ExamSession, events []lieciba.PartEvent, e lieciba.PartEvent) (*lieciba.PartEvent, lieciba.Part, error) {
	var part lieciba.Part
	for _, p := range x.Parts {
		if p.ID == e.PartID {
			part = p
		}
	}
	if part.ID == "" {
		return nil, part, lieciba.Invalid("part_id", "is no part of this session")
	}
	own := eventsOf(events, e.PartID)
	corrected := e.Corrects == ""
	for _, old := range own {
		if old.ID == e.ID {
			return nil, part, nil
		}
		if old.Corrects != "" && old.Corrects == e.Corrects {
			return nil, part, &lieciba.Error{Code: lieciba.CodeConflict, Field: "corrects", Message: "was corrected already: correct the correction " + string(old.ID)}
		}
		corrected = corrected || old.ID == e.Corrects
	}
	if !corrected {
		return nil, part, lieciba.Invalid("corrects", "is no event of this part")
	}
	if e.Void { // it takes the step of what never happened
		for _, old := range own {
			if old.ID == e.Corrects {
				e.Step, e.At = old.Step, old.At
			}
		}
	}
	if _, err := lieciba.PartTimesOf(append(own, e)); err != nil {
		return nil, part, err
	}
	return &e, part, nil
}
