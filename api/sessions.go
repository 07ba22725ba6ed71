package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
)

func sessionTarget(x lieciba.ExamSession) target {
	return target{site: x.SiteID, what: "exam_session", id: string(x.ID), session: x.ID}
}

// sessionByID finds the session that the path names.
func (s *Server) sessionByID(c *call) (lieciba.ExamSession, target, error) {
	return s.sessionRef(c, "id", c.gin.Param("id"))
}

// querySession reads an optional session, by either ID; empty if it is absent.
func (s *Server) querySession(c *call, act lieciba.Act, name string) (lieciba.SessionID, error) {
	ref, given := c.gin.GetQuery(name)
	if !given {
		return "", nil
	}
	x, t, err := s.sessionRef(c, name, ref)
	if err != nil {
		return "", err
	}
	return x.ID, c.allowOn(act, t)
}

// sessionRef finds a session by its ID, else by its external ID. An external ID
// that two sources use is a conflict: the ID must decide.
func (s *Server) sessionRef(c *call, field, ref string) (lieciba.ExamSession, target, error) {
	if !lieciba.ValidCode(ref) {
		return lieciba.ExamSession{}, target{}, lieciba.Invalid(field, "is neither a session's ID nor an external ID")
	}
	if id, err := lieciba.ParseID[lieciba.SessionID](field, ref); err == nil {
		x, err := s.cfg.Catalog.Session(c.ctx(), id)
		if source := lieciba.OwnSource(c.who); err == nil && source != "" {
			return x, sessionTarget(x), s.checkOfSource(c.ctx(), x, source)
		}
		if lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return x, sessionTarget(x), err
		}
	}
	all, sites := lieciba.AllowedSites(c.who, lieciba.ActViewSessions) // other sites must not show through the conflict
	if all {
		sites = nil
	}
	list, err := s.cfg.Catalog.ListSessions(c.ctx(), storage.SessionFilter{Sites: sites, Source: lieciba.OwnSource(c.who), ExternalID: ref, Limit: 2})
	switch {
	case err != nil:
		return lieciba.ExamSession{}, target{}, err
	case len(list) == 0:
		return lieciba.ExamSession{}, target{}, notFound("exam session")
	case len(list) > 1:
		return lieciba.ExamSession{}, target{}, lieciba.Errorf(lieciba.CodeConflict,
			"two sources use this external ID: use the session's own ID (GET /v1/exam-sessions?external_id=)")
	}
	return list[0], sessionTarget(list[0]), nil
}

// checkOfSource hides a session from a source that is not its own, unless it was
// started by hand and is linked to no other.
func (s *Server) checkOfSource(ctx context.Context, x lieciba.ExamSession, source string) error {
	if x.Source == source {
		return nil
	}
	if x.Source != lieciba.SourceAdHoc {
		return notFound("exam session")
	}
	l, err := s.cfg.Catalog.LinkOf(ctx, x.ID)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return nil
	case err == nil && l.Key.Source != source:
		return notFound("exam session")
	}
	return err
}

// roomCodes maps room IDs to codes.
func (s *Server) roomCodes(ctx context.Context) (map[lieciba.RoomID]string, error) {
	rooms, err := s.cfg.Catalog.ListRooms(ctx, "")
	if err != nil {
		return nil, err
	}
	out := map[lieciba.RoomID]string{}
	for _, r := range rooms {
		out[r.ID] = r.Code
	}
	return out, nil
}

func (s *Server) getSession(c *call, x lieciba.ExamSession) error {
	room, err := s.cfg.Catalog.Room(c.ctx(), x.RoomID)
	if err != nil {
		return err
	}
	v := viewSession(x, room.Code)
	if x.Source == lieciba.SourceAdHoc {
		if v.Link, err = s.viewLink(c.ctx(), x.ID); err != nil {
			return err
		}
	}
	return c.ok(v)
}

func (s *Server) listSessions(c *call) error {
	f, err := s.sessionFilter(c)
	if err != nil {
		return err
	}
	limit := f.Limit
	f.Limit = min(limit+1, 1000) // one more tells whether the list goes on
	found, err := s.cfg.Catalog.ListSessions(c.ctx(), f)
	if err != nil {
		return err
	}
	codes, err := s.roomCodes(c.ctx())
	if err != nil {
		return err
	}
	out := paged[sessionView]{Items: []sessionView{}}
	if len(found) > limit || len(found) == 1000 {
		found = found[:min(len(found), limit)]
		out.NextBefore = optional(string(found[len(found)-1].ID))
	}
	for _, x := range found {
		out.Items = append(out.Items, viewSession(x, codes[x.RoomID]))
	}
	return c.ok(out)
}

func (s *Server) sessionFilter(c *call) (storage.SessionFilter, error) {
	f := storage.SessionFilter{Source: lieciba.OwnSource(c.who)}
	var err error
	if f.Sites, err = c.siteFilter(lieciba.ActViewSessions); err != nil {
		return f, err
	}
	if ref, given := c.gin.GetQuery("room"); given {
		room, err := s.roomRef(c.ctx(), "room", ref)
		if err != nil {
			return f, err
		}
		if err := c.allowOn(lieciba.ActViewSessions, target{site: room.SiteID, what: "room", id: string(room.ID)}); err != nil {
			return f, err
		}
		f.RoomID = room.ID
	}
	for _, v := range c.gin.QueryArray("state") {
		for name := range strings.SplitSeq(v, ",") {
			st := lieciba.SessionState(name)
			if !slices.Contains(sessionStates, st) {
				return f, lieciba.Invalid("state", "unknown state %q: use one of %v", name, sessionStates)
			}
			f.States = append(f.States, st)
		}
	}
	if f.ExternalID = c.gin.Query("external_id"); f.ExternalID != "" && !lieciba.ValidCode(f.ExternalID) {
		return f, lieciba.Invalid("external_id", "is not an external ID")
	}
	if f.Span, err = c.querySpan(); err != nil {
		return f, err
	}
	f.Limit, f.Before, err = page[lieciba.SessionID](c)
	return f, err
}

var sessionStates = []lieciba.SessionState{lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning,
	lieciba.SessionFinished, lieciba.SessionCancelled, lieciba.SessionAnchored, lieciba.SessionClosed}

// sessionPush is a document with the room that it names.
type sessionPush struct {
	key  lieciba.SessionKey
	doc  lieciba.SessionDocument
	room lieciba.Room
}

func (s *Server) pushRequest(c *call) (sessionPush, target, error) {
	p := sessionPush{key: lieciba.SessionKey{Source: c.who.Name, ExternalID: c.gin.Param("id")}}
	t := target{what: "exam_session", id: p.key.ExternalID}
	if err := lieciba.CheckCode("external_id", p.key.ExternalID); err != nil {
		return p, t, err
	}
	if p.key.Source == lieciba.SourceAdHoc {
		return p, t, lieciba.Errorf(lieciba.CodeForbidden, "the name %s is kept for sessions that are started by hand", lieciba.SourceAdHoc)
	}
	if err := c.read(&p.doc); err != nil {
		return p, t, err
	}
	var err error
	p.room, err = s.pushedRoom(c.ctx(), p)
	t.site = p.room.SiteID
	return p, t, err
}

// pushedRoom finds the room by its code alone: the source knows no other name.
func (s *Server) pushedRoom(ctx context.Context, p sessionPush) (lieciba.Room, error) {
	if !lieciba.ValidCode(p.doc.Room) {
		return lieciba.Room{}, lieciba.Invalid("room", "must be the code of a room")
	}
	room, err := s.cfg.Catalog.RoomByCode(ctx, p.doc.Room)
	return room, inBody(err, "room", unknownRoom)
}

func (s *Server) pushSession(c *call, p sessionPush) error {
	return s.applyDocument(c, lieciba.ActPushSession, p, func(ctx context.Context) (string, error) { return s.voidWrongLink(ctx, c, p) })
}

// applyDocument stores what a document makes of a session, with its audit entry
// in the same transaction, which begins with first; what first says ends the entry.
func (s *Server) applyDocument(c *call, act lieciba.Act, p sessionPush, first func(ctx context.Context) (said string, err error)) error {
	var stored lieciba.ExamSession
	var change lieciba.SessionChange
	entry := c.entry(string(act), target{what: "exam_session", id: p.key.ExternalID})
	decide := func(current *lieciba.ExamSession) (*lieciba.ExamSession, error) {
		next, ch, err := s.judgeDocument(current, p, c.now)
		if err != nil {
			return nil, err
		}
		stored, change = next, ch
		entry.Object, entry.SessionID = sessionTarget(next).String(), next.ID
		entry.From, entry.To = next.StartsAt, next.EndsAt
		entry.Detail = changeDetail(ch)
		if ch.Unchanged {
			return nil, nil
		}
		return &next, nil
	}
	if err := c.record(&entry, func(ctx context.Context) error {
		said, err := first(ctx)
		if err != nil {
			return err
		}
		err = s.cfg.Catalog.ChangeSession(ctx, p.key, decide, nil)
		entry.Detail += said
		return err
	}); err != nil {
		return err
	}
	if !change.Unchanged {
		s.cfg.Refresh.Refresh()
	}
	room, err := s.cfg.Catalog.Room(c.ctx(), stored.RoomID)
	if err != nil {
		return err
	}
	if change.Created {
		return c.created(viewSession(stored, room.Code))
	}
	return c.ok(viewSession(stored, room.Code))
}

// judgeDocument decides what a document makes of the stored session, which runs
// from the start of its recording window on, whatever the scheduler has come to.
func (s *Server) judgeDocument(current *lieciba.ExamSession, p sessionPush, now time.Time) (lieciba.ExamSession, lieciba.SessionChange, error) {
	if current == nil {
		return lieciba.ApplySessionDocument(nil, p.key, p.doc, p.room, now)
	}
	begun := current.AsBegun(s.cfg.Margins, now)
	next, ch, err := lieciba.ApplySessionDocument(&begun, p.key, p.doc, p.room, now)
	if ch.Unchanged {
		return *current, ch, nil
	}
	if current.SessionKey != p.key && !s.goesOn(begun, p, now) {
		return lieciba.ExamSession{}, lieciba.SessionChange{}, &lieciba.Error{Code: lieciba.CodeConflict, Field: "external_id",
			Message: "this ID is linked to a session that was started by hand (" + current.ExternalID +
				"): it stays as it was recorded; an exam in another room or at another time needs an external_id of its own"}
	}
	return next, ch, err
}

// goesOn reports whether a document lets the running session that is linked to its
// ID go on to a later end: the one thing that a document changes of such a session.
func (s *Server) goesOn(linked lieciba.ExamSession, p sessionPush, now time.Time) bool {
	planned, _, err := lieciba.ApplySessionDocument(nil, p.key, p.doc, p.room, now)
	return err == nil && linked.GoesOnFor(planned, s.cfg.Margins, now)
}

func changeDetail(ch lieciba.SessionChange) string {
	switch {
	case ch.Created:
		return "created"
	case ch.Unchanged:
		return "unchanged"
	}
	return strings.Join(append([]string{"changed"}, ch.Notes...), "; ")
}

type adHocSession struct {
	Room    string      `json:"room"`
	Minutes int         `json:"minutes"`
	Parts   []adHocPart `json:"parts"`
}

type adHocPart struct {
	Kind  lieciba.PartKind `json:"kind"`
	Sound *bool            `json:"sound"`
}

func (s *Server) adHocRequest(c *call) (sessionPush, target, error) {
	var in adHocSession
	t := target{what: "room"}
	if err := c.read(&in); err != nil {
		return sessionPush{}, t, err
	}
	if in.Minutes < 1 || in.Minutes > 1440 {
		return sessionPush{}, t, lieciba.Invalid("minutes", "must be 1 to 1440")
	}
	room, err := s.roomRef(c.ctx(), "room", in.Room)
	if err != nil {
		return sessionPush{}, t, err
	}
	t.site, t.id = room.SiteID, string(room.ID)
	starts := lieciba.Micro(c.now)
	p := sessionPush{room: room, key: lieciba.SessionKey{Source: lieciba.SourceAdHoc,
		ExternalID: "adhoc-" + lieciba.NewID[string](c.now)}}
	p.doc = lieciba.SessionDocument{SourceVersion: 1, Room: room.Code,
		StartsAt: starts.In(lieciba.Riga).Format(time.RFC3339Nano),
		EndsAt:   starts.Add(time.Duration(in.Minutes) * time.Minute).In(lieciba.Riga).Format(time.RFC3339Nano)}
	for _, part := range in.Parts {
		p.doc.Parts = append(p.doc.Parts, lieciba.PartDocument{Kind: part.Kind, Sound: part.Sound})
	}
	return p, t, nil
}

// startSession starts a session by hand, unless the room has one now: a second
// press of the button must not make a second one, on whichever node it arrives.
func (s *Server) startSession(c *call, p sessionPush) error {
	return s.applyDocument(c, lieciba.ActStartSession, p, func(ctx context.Context) (string, error) { return "", s.roomIsFree(ctx, c, p) })
}

// roomIsFree holds the room's row until the act ends, so that who starts a
// session there looks and starts alone.
func (s *Server) roomIsFree(ctx context.Context, c *call, p sessionPush) error {
	if _, err := s.cfg.Catalog.Room(ctx, p.room.ID); err != nil {
		return err
	}
	started := lieciba.Micro(s.cfg.Now()) // the other press may have come later, and been first here
	list, err := s.cfg.Catalog.ListSessions(ctx, storage.SessionFilter{RoomID: p.room.ID,
		States: []lieciba.SessionState{lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning},
		Span:   lieciba.Interval{From: lieciba.Micro(c.now), To: started.Add(skew)}, Limit: 1000})
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Source == lieciba.SourceAdHoc || !x.StartsAt.After(started) {
			return &lieciba.Error{Code: lieciba.CodeConflict, Field: "room", Message: "this room has session " +
				x.ExternalID + " until " + x.EndsAt.In(lieciba.Riga).Format("15:04")}
		}
	}
	return nil
}

// skew bounds how far another node's clock is believed to be ahead: a session
// that was started by hand there may begin later than now.
const skew = time.Minute
