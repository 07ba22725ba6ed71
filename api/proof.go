package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"lieciba"
)

// proof is the caller's sign-in as a proof of presence; none for a machine.
func (c *call) proof() lieciba.SignIn {
	if c.signIn == nil {
		return lieciba.SignIn{}
	}
	return c.asProof(*c.signIn)
}

// asProof is the caller's sign-in, as read now, as a proof of presence. It is not
// fresh for a cookie that was replaced: who holds an old one must not ride on the
// proof that the person has just given.
func (c *call) asProof(in lieciba.SignIn) lieciba.SignIn {
	if c.replaced {
		in.FreshAt, in.FreshBy = time.Time{}, ""
	}
	return in
}

// requireRecent refuses who has not proven within lieciba.FreshFor to be there, by
// any method: CodeNotFresh. For changes of one's own account; machines never do.
func (c *call) requireRecent() error {
	if in := c.proof(); !in.Fresh(c.now, lieciba.FreshFor, lieciba.SignInMethods()...) {
		return lieciba.Errorf(lieciba.CodeNotFresh, "prove again that it is you")
	}
	return nil
}

// proofsFor lists how a person can prove to be there; which of it counts for
// approvals is Config.ApproveWith's to say.
func (s *Server) proofsFor(u lieciba.User) []lieciba.SignInMethod {
	by := []lieciba.SignInMethod{}
	if s.cfg.Passkeys != nil {
		by = append(by, lieciba.SignInPasskey)
	}
	if u.Local() {
		by = append(by, lieciba.SignInPassword)
	}
	if s.providers(u) {
		by = append(by, lieciba.SignInOIDC)
	}
	return by
}

// providers reports whether the account is one of the provider that is set up.
func (s *Server) providers(u lieciba.User) bool {
	return s.cfg.Provider != nil && u.Issuer != "" && u.Issuer == s.cfg.Provider.Issuer()
}

type proofView struct {
	FreshBy    lieciba.SignInMethod `json:"fresh_by"`
	FreshUntil stamp                `json:"fresh_until"`
	Approves   bool                 `json:"approves"` // it counts for approvals
}

// proven notes a proof of presence and gives the sign-in's cookie a new value,
// together with what more belongs to the proof.
func (c *call) proven(by lieciba.SignInMethod, more func(context.Context) error) error {
	plain, hash := newSecret("")
	var in lieciba.SignIn
	e := c.entry(lieciba.AuditProve, target{what: "user", id: c.who.ID})
	e.Detail = "by " + string(by)
	err := c.record(&e, func(ctx context.Context) (err error) {
		if more != nil {
			if err := more(ctx); err != nil {
				return err
			}
		}
		in, err = c.changeSignIn(ctx, c.signIn.ID, func(in *lieciba.SignIn) error {
			in.TokenHash, in.FreshAt, in.FreshBy, in.Challenge = hash, lieciba.Micro(c.now), by, nil
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	c.replaceCookie(in, plain)
	return nil
}

func (c *call) proofOK() error {
	return c.ok(proofView{FreshBy: c.signIn.FreshBy, FreshUntil: stamp(c.signIn.FreshAt.Add(lieciba.FreshFor)),
		Approves: slices.Contains(c.server.cfg.ApproveWith, c.signIn.FreshBy)})
}

// auditProofRefused records a proof that failed.
func (c *call) auditProofRefused(code lieciba.Code, detail string) error {
	e := c.entry(lieciba.AuditProve, target{what: "user", id: c.who.ID})
	e.Outcome, e.Detail = string(code), detail
	return c.appendAudit(e)
}

type passwordProof struct {
	Password string `json:"password"`
}

// proveByPassword takes the password again. A wrong one is a refusal of the
// proof and not of the sign-in: 401 would sign the page out.
func (s *Server) proveByPassword(c *call) error {
	var in passwordProof
	if err := c.read(&in); err != nil {
		return err
	}
	if err := c.ownPassword("password", in.Password); err != nil {
		return err
	}
	if err := c.proven(lieciba.SignInPassword, func(ctx context.Context) error { return s.stillTheirs(ctx, c) }); err != nil {
		return err
	}
	return c.proofOK()
}

// stillTheirs expects that the account's password is the one that was judged.
func (s *Server) stillTheirs(ctx context.Context, c *call) error {
	err := s.unchanged(ctx, *c.user)
	if err == errAccountChanged {
		return lieciba.Wrap(err, lieciba.CodeConflict, "the account was changed meanwhile: sign in again")
	}
	return err
}

// ownPassword judges the caller's own password again: CodeRefused with the field.
func (c *call) ownPassword(field, plain string) error {
	if !c.user.Local() {
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: field, Message: "your account has no password here: it is the provider's"}
	}
	u, err := c.judgePassword(c.user.Login, plain, func(lieciba.User) error {
		return c.auditProofRefused(lieciba.CodeUnauthenticated, "by password")
	})
	if lieciba.CodeOf(err) == lieciba.CodeUnauthenticated {
		return &lieciba.Error{Code: lieciba.CodeRefused, Field: field, Message: "the password is wrong", Cause: err}
	}
	if err == nil {
		c.user = &u
	}
	return err
}

type ownPasswordChange struct {
	Current  string `json:"current"`
	Password string `json:"password"`
}

// changeOwnPassword needs the old password, and ends the account's other sign-ins.
func (s *Server) changeOwnPassword(c *call) error {
	var in ownPasswordChange
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Password == in.Current {
		return lieciba.Invalid("password", "must differ from the one that you have")
	}
	if err := c.ownPassword("current", in.Current); err != nil {
		return err
	}
	hash, _, err := s.makePassword(c, in.Password)
	if err != nil {
		return err
	}
	if err := c.storeOwnPassword(hash); err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	return c.ok(meOf(c))
}

// storeOwnPassword stores the new hash, ends all sign-ins of the account and
// gives this browser a fresh one in their place.
func (c *call) storeOwnPassword(hash string) error {
	s, u := c.server, *c.user
	plain, in := c.freshSignIn(u.ID, c.signIn.Method)
	in.ExpiresAt, in.FreshBy, in.ProviderSession = c.signIn.ExpiresAt, lieciba.SignInPassword, c.signIn.ProviderSession
	e := c.entry(lieciba.AuditChangePassword, target{what: "user", id: c.who.ID})
	err := c.record(&e, func(ctx context.Context) error {
		if err := s.stillTheirs(ctx, c); err != nil {
			return err
		}
		now, err := s.cfg.Catalog.User(ctx, u.ID)
		if err != nil {
			return err
		}
		now.PasswordHash, now.MustChange = hash, false
		u = now
		if err := s.cfg.Catalog.PutUser(ctx, now); err != nil {
			return err
		}
		if err := s.cfg.Catalog.DeleteSignIns(ctx, now.ID, c.now); err != nil {
			return err
		}
		return s.cfg.Catalog.PutSignIn(ctx, in)
	})
	if err != nil {
		return err
	}
	c.user, c.signIn, c.who = &u, &in, principalOf(u, in.ID)
	c.setCookie(sessionCookie, plain, 0, http.SameSiteStrictMode)
	return nil
}
