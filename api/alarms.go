package api

import (
	"context"

	"lieciba"
	"lieciba/storage"
)

// alarmRoutes are what security staff see of suspicious access.
func (s *Server) alarmRoutes() []route {
	return []route{
		{get, "/v1/alarms", somewhere(lieciba.ActReadAlarms, s.listAlarms)},
		{post, "/v1/alarms/:id/seen", somewhere(lieciba.ActReadAlarms, s.seeAlarm)},
	}
}

type alarmView struct {
	ID        lieciba.AlarmID    `json:"id"`
	Kind      lieciba.AlarmKind  `json:"kind"`
	Who       string             `json:"who"` // empty: nobody in particular
	WhoID     string             `json:"who_id"`
	SessionID *lieciba.SessionID `json:"session_id"`
	At        stamp              `json:"at"`
	Count     int                `json:"count"`
	Detail    string             `json:"detail"`
	SeenBy    *string            `json:"seen_by"` // null: nobody yet
	SeenAt    *stamp             `json:"seen_at"`
	SeenNote  string             `json:"seen_note"`
}

func viewAlarm(a lieciba.Alarm) alarmView {
	return alarmView{ID: a.ID, Kind: a.Kind, Who: a.Who, WhoID: a.WhoID, SessionID: optional(a.SessionID), At: stamp(a.At), Count: a.Count,
		Detail: a.Detail, SeenBy: optional(a.SeenBy), SeenAt: optionalStamp(a.SeenAt), SeenNote: a.SeenNote}
}

func (s *Server) listAlarms(c *call) error {
	if err := c.onlyQuery("kind", "unseen", "limit", "before"); err != nil {
		return err
	}
	limit, before, err := page[lieciba.AlarmID](c)
	if err != nil {
		return err
	}
	f := storage.AlarmFilter{Limit: limit, Before: before}
	if f.Kinds, err = queryList(c, "kind", lieciba.AlarmKinds()); err != nil {
		return err
	}
	if f.Unseen, _, err = c.queryBool("unseen"); err != nil {
		return err
	}
	list, err := s.cfg.Catalog.ListAlarms(c.ctx(), f)
	if err != nil {
		return err
	}
	out := pageOf[alarmView](list, limit, func(a lieciba.Alarm) lieciba.AlarmID { return a.ID })
	for _, a := range list {
		out.Items = append(out.Items, viewAlarm(a))
	}
	return c.ok(out)
}

type seenRequest struct {
	Note string `json:"note"`
}

// seeAlarm notes who looked at an alarm and what they make of it; the first stands.
func (s *Server) seeAlarm(c *call) error {
	id, err := lieciba.ParseID[lieciba.AlarmID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	var r seenRequest
	if err := c.read(&r); err != nil {
		return err
	}
	if err := checkSentence("note", r.Note); err != nil {
		return err
	}
	var seen lieciba.Alarm
	e := c.entry(lieciba.AuditSeeAlarm, target{what: "alarm", id: string(id)})
	e.Detail = r.Note
	err = c.record(&e, func(ctx context.Context) error {
		seen, err = s.cfg.Catalog.SeeAlarm(ctx, id, c.who.Name, r.Note, c.now)
		e.SessionID = seen.SessionID
		return err
	})
	if err != nil {
		return asNotFound(err, "alarm")
	}
	return c.ok(viewAlarm(seen))
}
