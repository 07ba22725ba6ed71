package api

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

type newLink struct {
	Source     string `json:"source"`
	ExternalID string `json:"external_id"`
}

// linkSession says which session of a source one is that was started by hand.
// Nothing of the session changes; from now on it is found under both names.
func (s *Server) linkSession(c *call, x lieciba.ExamSession) error {
	var in newLink
	if err := c.read(&in); err != nil {
		return err
	}
	if err := lieciba.CheckCode("external_id", in.ExternalID); err != nil {
		return err
	}
	if err := s.checkSource(c.ctx(), in.Source); err != nil {
		return err
	}
	if x.Source != lieciba.SourceAdHoc {
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: "id", Message: "this session came from " + x.Source + ": only one that was started by hand can be linked"}
	}
	link := storage.SessionLink{Key: lieciba.SessionKey{Source: in.Source, ExternalID: in.ExternalID}, SessionID: x.ID,
		By: c.who.Name, ByID: c.who.ID, At: lieciba.Micro(c.now)}
	if err := c.act(lieciba.ActLinkSession, sessionTarget(x), "is "+in.ExternalID+" of "+in.Source, func(ctx context.Context) error {
		return s.cfg.Catalog.LinkSession(ctx, link)
	}); err != nil {
		return err
	}
	return s.getSession(c, x)
}

// voidLink takes a link back that was a mistake, until its source has told of the
// session under the linked ID.
func (s *Server) voidLink(c *call, x lieciba.ExamSession) error {
	e := c.entry(string(lieciba.ActVoidLink), sessionTarget(x))
	if err := c.record(&e, func(ctx context.Context) error {
		l, err := s.cfg.Catalog.LinkOf(ctx, x.ID)
		if err != nil {
			return asNotFound(err, "link")
		}
		told, err := s.toldUnder(ctx, l)
		if err != nil {
			return err
		}
		if told {
			return lieciba.Errorf(lieciba.CodeConflict, "%s has told of this session as %s since: the link stands", l.Key.Source, l.Key.ExternalID)
		}
		e.Detail = "is not " + l.Key.ExternalID + " of " + l.Key.Source
		return s.endLink(ctx, c, x, l, c.who.Name+" took the link back")
	}); err != nil {
		return err
	}
	return c.noContent()
}

// toldUnder reports whether the source of a link has told events of its session
// since it was linked: the link stands then, or the hold of an appeal would be lost.
func (s *Server) toldUnder(ctx context.Context, l storage.SessionLink) (bool, error) {
	events, err := s.cfg.Catalog.SessionEvents(ctx, l.SessionID)
	return slices.ContainsFunc(events, func(e lieciba.SessionEvent) bool {
		return e.Source == l.Key.Source && !e.ReceivedAt.Before(l.At)
	}), err
}

// endLink makes a link void and tells security why, inside of an act.
func (s *Server) endLink(ctx context.Context, c *call, x lieciba.ExamSession, l storage.SessionLink, why string) error {
	at := lieciba.Micro(c.now)
	if err := s.cfg.Catalog.VoidLink(ctx, storage.SessionLink{Key: l.Key, SessionID: x.ID, By: c.who.Name, ByID: c.who.ID, At: at}); err != nil {
		return err
	}
	return s.raise(ctx, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](at), Kind: lieciba.AlarmVoidLink, Who: l.By, WhoID: l.ByID,
		Key: "link:" + string(x.ID) + ":" + l.Key.Source + "/" + l.Key.ExternalID + ":" + at.Format(time.RFC3339Nano), SessionID: x.ID, At: at, Count: 1,
		Detail: l.By + " had linked the session " + x.ExternalID + " to " + l.Key.ExternalID + " of " + l.Key.Source + ": " + why})
}

// voidWrongLink ends the link of a document's ID when the session that bears it
// cannot be the one that the document plans: else whoever links the ID of an exam
// to come would keep it from being recorded. A document that is not newer than the
// last one, and a link whose source has told of the session, change nothing. It
// returns what it did in words.
func (s *Server) voidWrongLink(ctx context.Context, c *call, p sessionPush) (string, error) {
	var x *lieciba.ExamSession // as the source knows it: without a version until it has sent one
	err := s.cfg.Catalog.ChangeSession(ctx, p.key, func(current *lieciba.ExamSession) (*lieciba.ExamSession, error) {
		x = current
		return nil, nil
	}, nil)
	if err != nil || x == nil || x.SessionKey == p.key || p.doc.SourceVersion <= x.SourceVersion {
		return "", err
	}
	planned, _, err := lieciba.ApplySessionDocument(nil, p.key, p.doc, p.room, c.now)
	if err != nil || x.StandsFor(planned, s.cfg.Margins, c.now) {
		return "", nil // what is wrong with it is said of it as a document
	}
	l, err := s.cfg.Catalog.LinkOf(ctx, x.ID)
	if err != nil {
		return "", err
	}
	if told, err := s.toldUnder(ctx, l); err != nil || told {
		return "", err
	}
	return "; the link of this ID to " + x.ExternalID + " is void", s.endLink(ctx, c, *x, l, "its source plans another room or time")
}

// checkSource refuses a name that no client pushes sessions under: a link to it
// would lead nowhere.
func (s *Server) checkSource(ctx context.Context, name string) error {
	list, err := s.cfg.Catalog.ListClientTokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.Name == name && slices.Contains(t.Roles, lieciba.RoleCitizenship) {
			return nil
		}
	}
	return lieciba.Invalid("source", "no client of this name pushes sessions: use the name of a client token with role citizenship")
}

type linkView struct {
	Source     string `json:"source"`
	ExternalID string `json:"external_id"`
	By         string `json:"by"`
	At         stamp  `json:"at"`
}

// viewLink is nil for a session that is linked to none.
func (s *Server) viewLink(ctx context.Context, id lieciba.SessionID) (*linkView, error) {
	l, err := s.cfg.Catalog.LinkOf(ctx, id)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return nil, nil
	}
	return &linkView{Source: l.Key.Source, ExternalID: l.Key.ExternalID, By: l.By, At: stamp(l.At)}, err
}
