package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"lieciba"
	"lieciba/api/password"
)

type signInWays struct {
	Password bool       `json:"password"`
	Passkey  bool       `json:"passkey"`
	OIDC     *oidcNamed `json:"oidc"`
}

type oidcNamed struct {
	Name string `json:"name"`
}

// waysToSignIn tells the page what to offer.
func (s *Server) waysToSignIn(c *call) error {
	v := signInWays{Password: true, Passkey: s.cfg.Passkeys != nil}
	if s.cfg.Provider != nil {
		v.OIDC = &oidcNamed{s.cfg.Provider.Name()}
	}
	return c.ok(v)
}

type signInRequest struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

// errWrongPassword is the same for a wrong password, an unknown login and a
// disabled account.
func errWrongPassword() error {
	return lieciba.Errorf(lieciba.CodeUnauthenticated, "login or password is wrong")
}

func (s *Server) signIn(c *call) error {
	var r signInRequest
	if err := c.read(&r); err != nil {
		return err
	}
	login := strings.ToLower(strings.TrimSpace(r.Login))
	if !lieciba.ValidCode(login) {
		return errWrongPassword()
	}
	u, err := c.judgePassword(login, r.Password, c.auditSignInRefused)
	if err != nil {
		return err
	}
	return c.startSignIn(u, lieciba.SignInPassword)
}

// judgePassword returns the account that a password opens. Guessing is slowed
// down; refused records a wrong one.
func (c *call) judgePassword(login, plain string, refused func(lieciba.User) error) (lieciba.User, error) {
	if len(plain) > password.MaxBytes {
		return lieciba.User{}, lieciba.Invalid("password", "must have at most %d bytes", password.MaxBytes)
	}
	device := c.device(login)
	if device == "" { // a browser that the account knows is not slowed down for its network
		if err := c.admitPassword(); err != nil {
			return lieciba.User{}, err
		}
	}
	attempt, err := c.server.throttle.begin(login, c.address(), device, c.now)
	if err != nil {
		return lieciba.User{}, err
	}
	u, good, err := c.server.checkPassword(c, login, plain)
	if err != nil {
		attempt.undo() // it was not judged
		return u, err
	}
	if !good {
		c.countGuess()
		return u, errors.Join(refused(u), errWrongPassword())
	}
	attempt.succeed()
	return u, nil
}

// checkPassword judges a login in the same time whether it exists or not. The
// number of hashes at once is bounded, because each takes 19 MiB. Who hangs up
// leaves the queue unjudged.
func (s *Server) checkPassword(c *call, login, plain string) (lieciba.User, bool, error) {
	u, err := s.cfg.Catalog.UserByLogin(c.ctx(), login)
	known := lieciba.CodeOf(err) != lieciba.CodeNotFound
	if err != nil && known {
		return u, false, err
	}
	wait, cancel := context.WithTimeout(c.caller, s.cfg.RequestTimeout)
	defer cancel()
	done, err := s.passwords.enter(wait, c.address())
	if err != nil {
		return u, false, err
	}
	defer done()
	if !known || u.Disabled || u.PasswordHash == "" {
		password.Decoy(plain)
		return u, false, nil
	}
	good, err := password.Verify(plain, u.PasswordHash)
	return u, good, err
}

// auditSignInRefused names the account only if it exists: people type passwords
// into the login field.
func (c *call) auditSignInRefused(u lieciba.User) error {
	return c.auditSignIn(u, lieciba.CodeUnauthenticated, "")
}

// auditSignIn records a sign-in that did not come about.
func (c *call) auditSignIn(u lieciba.User, outcome lieciba.Code, detail string) error {
	c.who = lieciba.Principal{ID: string(u.ID), Name: u.Login}
	if u.ID == "" {
		c.who.Name = "unknown"
	}
	e := c.entry(lieciba.AuditSignIn, target{what: "user", id: string(u.ID)})
	e.Outcome, e.Detail = string(outcome), detail
	c.who = lieciba.Principal{}
	return c.appendAudit(e)
}

// freshSignIn makes a sign-in of now; plain is the only copy of its cookie's value.
func (c *call) freshSignIn(u lieciba.UserID, by lieciba.SignInMethod) (plain string, in lieciba.SignIn) {
	plain, hash := newSecret("")
	now := lieciba.Micro(c.now)
	return plain, lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](c.now), TokenHash: hash, UserID: u, Method: by,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(c.server.cfg.SignInTimeout), FreshAt: now, FreshBy: by,
		Address: c.address(), Agent: c.agent()}
}

// agent is the User-Agent of who asks, cut to 200 bytes.
func (c *call) agent() string {
	agent := strings.ToValidUTF8(c.gin.Request.UserAgent(), "")
	return strings.ToValidUTF8(agent[:min(len(agent), 200)], "")
}

// startSignIn signs in who has proven themselves, and ends the sign-in that the
// request came with.
func (c *call) startSignIn(u lieciba.User, by lieciba.SignInMethod) error {
	plain, in := c.freshSignIn(u.ID, by)
	err := c.beginSignIn(plain, in, &u, func(ctx context.Context) error { return c.server.unchanged(ctx, u) },
		func() error { return errors.Join(c.auditSignInRefused(u), errWrongPassword()) })
	if err != nil {
		return err
	}
	return c.ok(meOf(c))
}

// beginSignIn stores a sign-in, after what first does in its transaction, and
// gives the browser its cookie. refused answers errAccountChanged of first.
func (c *call) beginSignIn(plain string, in lieciba.SignIn, u *lieciba.User, first func(context.Context) error, refused func() error) error {
	err := c.storeSignIn(in, u, first)
	if errors.Is(err, errAccountChanged) {
		return refused()
	}
	if err != nil {
		return err
	}
	c.setCookie(sessionCookie, plain, 0, http.SameSiteStrictMode)
	c.setDevice(u.ID)
	return nil
}

// storeSignIn begins a sign-in in the transaction of its audit entry, after
// what first does, which may change u.
func (c *call) storeSignIn(in lieciba.SignIn, u *lieciba.User, first func(context.Context) error) error {
	s := c.server
	c.user, c.signIn, c.who = u, &in, principalOf(*u, in.ID)
	old, cookie := c.cookie(sessionCookie)
	e := c.entry(lieciba.AuditSignIn, target{what: "user", id: string(u.ID)})
	e.Detail = "by " + string(in.Method)
	err := c.record(&e, func(ctx context.Context) error {
		if err := first(ctx); err != nil {
			return err
		}
		if cookie {
			if err := s.cfg.Catalog.DeleteSignIn(ctx, hashOf(old)); err != nil {
				return err
			}
		}
		if err := s.cfg.Catalog.DeleteSignIns(ctx, "", c.now); err != nil { // those that expired, of anybody
			return err
		}
		if err := s.raiseBreakGlass(ctx, in, *u); err != nil {
			return err
		}
		return s.cfg.Catalog.PutSignIn(ctx, in)
	})
	if err != nil {
		c.user, c.signIn, c.who = nil, nil, lieciba.Principal{}
	}
	return err
}

// raiseBreakGlass tells security staff that a local account signed in although
// people are to sign in with the provider.
func (s *Server) raiseBreakGlass(ctx context.Context, in lieciba.SignIn, u lieciba.User) error {
	if s.cfg.Provider == nil || in.Method == lieciba.SignInOIDC || s.cfg.Alarms == nil {
		return nil
	}
	_, err := s.cfg.Alarms.RaiseAlarm(ctx, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](in.CreatedAt), Kind: lieciba.AlarmBreakGlass,
		Key: "sign_in:" + string(in.ID), Who: u.Login, WhoID: string(u.ID), At: in.CreatedAt, Count: 1,
		Detail: "the local account " + u.Login + " signed in from " + in.Address + ", although people sign in with the provider"})
	return err
}

// errAccountChanged marks an account that is not the one that was judged.
var errAccountChanged = errors.New("the account was changed meanwhile")

// unchanged holds the account until the act ends and expects that nobody has
// closed it or changed its password since the password was judged.
func (s *Server) unchanged(ctx context.Context, judged lieciba.User) error {
	now, err := s.cfg.Catalog.User(ctx, judged.ID)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return errAccountChanged
	case err != nil:
		return err
	case now.Disabled || now.PasswordHash != judged.PasswordHash:
		return errAccountChanged
	}
	return nil
}

type signedOutView struct {
	Redirect string `json:"redirect"` // where the provider's own sign-in is ended
}

// signOut ends the sign-in; a person of the provider is sent there to end theirs too.
func (s *Server) signOut(c *call) error {
	if c.signIn != nil {
		e := c.entry(lieciba.AuditSignOut, target{what: "user", id: c.who.ID})
		if err := c.record(&e, func(ctx context.Context) error { return s.cfg.Catalog.EndSignIn(ctx, c.signIn.ID) }); err != nil {
			return err
		}
		s.reviewViews(c.ctx())
	}
	c.setCookie(sessionCookie, "", -1, http.SameSiteStrictMode)
	if c.signIn != nil && c.signIn.Method == lieciba.SignInOIDC && s.cfg.Provider != nil {
		if to := s.cfg.Provider.LogoutURL(c.ctx()); to != "" {
			return c.ok(signedOutView{to})
		}
	}
	return c.noContent()
}

type meView struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name"`
	Login      string                 `json:"login"`
	Machine    bool                   `json:"machine"`
	Roles      []lieciba.Role         `json:"roles"`
	SiteIDs    []lieciba.SiteID       `json:"site_ids"`
	Acts       []lieciba.Act          `json:"acts"`
	MustChange bool                   `json:"must_change"`
	Local      bool                   `json:"local"`    // has a password
	ProveBy    []lieciba.SignInMethod `json:"prove_by"` // how this person can prove again to be there
	SignIn     *signInView            `json:"sign_in"`  // null for a machine
}

func meOf(c *call) meView {
	v := meView{ID: c.who.ID, Name: c.who.Name, Machine: c.who.Machine,
		Roles: orEmpty(c.who.Roles), SiteIDs: orEmpty(c.who.SiteIDs), Acts: []lieciba.Act{}, ProveBy: []lieciba.SignInMethod{}}
	if c.user != nil {
		v.Name, v.Login, v.MustChange, v.Local = c.user.Name, c.user.Login, c.user.MustChange, c.user.Local()
		v.ProveBy = c.server.proofsFor(*c.user)
	}
	if c.signIn != nil {
		in := viewSignIn(*c.signIn, c.signIn.ID)
		v.SignIn = &in
	}
	for _, a := range lieciba.Acts() {
		if lieciba.AllowSomewhere(c.who, a) == nil {
			v.Acts = append(v.Acts, a)
		}
	}
	return v
}

func (s *Server) me(c *call) error { return c.ok(meOf(c)) }
