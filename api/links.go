package api

import (
	"context"
	"slices"

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
	if !lieciba.ValidCode(in.ExternalID) {
		return lieciba.Invalid("external_id", "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit")
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

// checkSource refuses a name that no client pushes sessions under: a link to it
// would lead nowhere, and could not be taken back.
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
