package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"

	"lieciba"
)

func hashOf(plain string) [32]byte { return sha256.Sum256([]byte(plain)) }

type signInView struct {
	ID        lieciba.SignInID     `json:"id"`
	Method    lieciba.SignInMethod `json:"method"`
	CreatedAt stamp                `json:"created_at"`
	SeenAt    stamp                `json:"seen_at"` // to the minute
	ExpiresAt stamp                `json:"expires_at"`
	FreshAt   *stamp               `json:"fresh_at"` // last proof of presence
	FreshBy   lieciba.SignInMethod `json:"fresh_by"`
	Address   string               `json:"address"`
	Agent     string               `json:"agent"`
	Current   bool                 `json:"current"` // the one that asks
}

func viewSignIn(in lieciba.SignIn, current lieciba.SignInID) signInView {
	return signInView{ID: in.ID, Method: in.Method, CreatedAt: stamp(in.CreatedAt), SeenAt: stamp(in.SeenAt), ExpiresAt: stamp(in.ExpiresAt),
		FreshAt: optionalStamp(in.FreshAt), FreshBy: in.FreshBy, Address: in.Address, Agent: in.Agent, Current: in.ID == current}
}

// signInsOf lists the sign-ins of an account that have not ended.
func (c *call) signInsOf(ctx context.Context, u lieciba.UserID) ([]lieciba.SignIn, error) {
	all, err := c.server.cfg.Catalog.ListSignIns(ctx, u)
	idle := c.server.cfg.IdleTimeout
	return slices.DeleteFunc(all, func(in lieciba.SignIn) bool {
		return !c.now.Before(in.ExpiresAt) || c.now.Sub(in.SeenAt) >= idle
	}), err
}

func (c *call) showSignIns(u lieciba.UserID) error {
	all, err := c.signInsOf(c.ctx(), u)
	if err != nil {
		return err
	}
	out := items[signInView]{Items: []signInView{}}
	for _, in := range all {
		out.Items = append(out.Items, viewSignIn(in, c.who.SignIn))
	}
	return c.ok(out)
}

func (s *Server) ownSignIns(c *call) error { return c.showSignIns(c.user.ID) }

func (s *Server) userSignIns(c *call) error {
	id, err := lieciba.ParseID[lieciba.UserID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	if _, err := s.cfg.Catalog.User(c.ctx(), id); err != nil {
		return asNotFound(err, "user")
	}
	return c.showSignIns(id)
}

func (s *Server) endOwnSignIn(c *call) error { return c.endSignIn(c.user.ID) }

// endAnySignIn is for those who may end the sign-ins of others.
func (s *Server) endAnySignIn(c *call) error { return c.endSignIn("") }

// endSignIn ends a sign-in of the account, of anybody's for an empty one, and
// what it watches.
func (c *call) endSignIn(of lieciba.UserID) error {
	id, err := lieciba.ParseID[lieciba.SignInID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	s := c.server
	e := c.entry(lieciba.AuditEndSignIn, target{what: "sign_in", id: string(id)})
	err = c.record(&e, func(ctx context.Context) error {
		in, err := s.cfg.Catalog.SignInByID(ctx, id)
		if err != nil {
			return asNotFound(err, "sign-in")
		}
		if of != "" && in.UserID != of {
			return notFound("sign-in")
		}
		e.Detail = "of user:" + string(in.UserID)
		return s.cfg.Catalog.EndSignIn(ctx, id)
	})
	if err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	if id == c.who.SignIn {
		c.setCookie(sessionCookie, "", -1, http.SameSiteStrictMode)
	}
	return c.noContent()
}
