package api

import (
	"context"
	"sync"
	"time"

	"lieciba"
)

// hanger is what views have in common, live or of the archive.
type hanger interface {
	Hangup(id string) error
	Owner(id string) (string, bool)
}

// viewing is a view under way and the right that it began with.
type viewing struct {
	of         hanger
	credential credential
	act        lieciba.Act
	site       lieciba.SiteID
	grant      lieciba.GrantID // that it rests on; empty where none is needed
}

// viewings knows who looks at what, so that a view ends with the right to it.
// Safe for concurrent use.
type viewings struct {
	mu   sync.Mutex
	byID map[string]viewing
	stop context.CancelFunc
	done chan struct{}
}

// startReviews looks at the right to every view now and then: tokens expire, and
// accounts are closed at the machine itself or by another node.
func (s *Server) startReviews() {
	ctx, stop := context.WithCancel(context.Background())
	s.viewings.byID, s.viewings.stop, s.viewings.done = map[string]viewing{}, stop, make(chan struct{})
	go func() {
		defer close(s.viewings.done)
		tick := time.NewTicker(s.cfg.ReviewEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.reviewViews(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
}

// close ends the reviews; the views are the viewer's to end.
func (v *viewings) close() {
	v.stop()
	<-v.done
}

func (v *viewings) add(id string, x viewing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.byID[id] = x
}

// under returns the views that have not ended, and forgets the others.
func (v *viewings) under() map[string]viewing {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[string]viewing{}
	for id, x := range v.byID {
		if _, ok := x.of.Owner(id); !ok {
			delete(v.byID, id)
			continue
		}
		out[id] = x
	}
	return out
}

// watch keeps a view that was opened, as long as the right to it. That is looked
// at at once: opening takes seconds, and who took the right away meanwhile did
// not find the view.
func (c *call) watch(id string, of hanger, act lieciba.Act, t target) error {
	s := c.server
	x := viewing{of: of, credential: c.credential, act: act, site: t.site}
	if c.grant != nil {
		x.grant = c.grant.ID
	}
	s.viewings.add(id, x)
	err := s.mayGoOn(context.WithoutCancel(c.ctx()), x)
	if err != nil {
		s.hangUp(c.ctx(), id, x)
	}
	return err
}

// reviewViews ends the views whose right has ended. It waits for them. While the
// catalogue does not answer nothing ends.
func (s *Server) reviewViews(ctx context.Context) {
	for id, x := range s.viewings.under() {
		switch err := s.mayGoOn(ctx, x); {
		case err == nil:
		case rightEnded(err):
			s.hangUp(ctx, id, x)
		default:
			s.cfg.Log.WarnContext(ctx, "the right to a view cannot be looked up; it goes on", "viewing", id, "error", err)
		}
	}
}

// rightEnded tells a right that has ended from one that cannot be looked up now.
func rightEnded(err error) bool {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeUnauthenticated, lieciba.CodeForbidden, lieciba.CodeNeedsGrant:
		return true
	}
	return false
}

// standing looks now and then whether who gets a long answer may still have it: a
// slow reader must not take footage out after their grant was revoked. Not safe
// for concurrent use.
type standing struct {
	server *Server
	right  viewing
	next   time.Time // look again at
}

// standing is the caller's right to what they are about to get.
func (c *call) standing(act lieciba.Act, t target) *standing {
	g := &standing{server: c.server, right: viewing{credential: c.credential, act: act, site: t.site}, next: c.now.Add(c.server.cfg.ReviewEvery)}
	if c.grant != nil {
		g.right.grant = c.grant.ID
	}
	return g
}

// check returns an error when the right has ended. While the catalogue does not
// answer nothing ends.
func (g *standing) check(ctx context.Context) error {
	now := g.server.cfg.Now()
	if now.Before(g.next) {
		return nil
	}
	g.next = now.Add(g.server.cfg.ReviewEvery)
	err := g.server.mayGoOn(ctx, g.right)
	if err == nil || rightEnded(err) {
		return err
	}
	g.server.cfg.Log.WarnContext(ctx, "the right to a download cannot be looked up; it goes on", "error", err)
	return nil
}

func (s *Server) hangUp(ctx context.Context, id string, x viewing) {
	if err := x.of.Hangup(id); err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		s.cfg.Log.ErrorContext(ctx, "a view whose right has ended could not be hung up", "viewing", id, "error", err)
	}
}

// mayGoOn decides whether a view may go on. A sign-in may idle meanwhile: who
// watches sends no requests.
func (s *Server) mayGoOn(ctx context.Context, x viewing) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	now := s.cfg.Now()
	who, err := s.principal(ctx, x.credential, now)
	if err != nil {
		return err
	}
	if x.grant == "" {
		return lieciba.Allow(who, x.act, x.site)
	}
	g, err := s.cfg.Catalog.Grant(ctx, x.grant)
	if err != nil {
		return err
	}
	return lieciba.Decide(who, x.act, lieciba.Object{Site: x.site, Session: g.SessionID}, []lieciba.Grant{g}, now).Err
}
