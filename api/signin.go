package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"lieciba"
	"lieciba/api/password"
)

// cookieName is the name of the session cookie.
const cookieName = "lieciba_session"

// tokenPrefix marks a client token, so that a leaked one is found by search tools.
const tokenPrefix = "lct_"

// touchEvery bounds how often a sign-in's last use is written.
const touchEvery = time.Minute

// newSecret makes 256 random bits in URL-safe text, and their SHA-256.
func newSecret(prefix string) (plain string, hash [32]byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // documented never to fail
	plain = prefix + base64.RawURLEncoding.EncodeToString(b)
	return plain, sha256.Sum256([]byte(plain))
}

func errSignInNeeded() error {
	return lieciba.Errorf(lieciba.CodeUnauthenticated, "sign in first")
}

// authenticate finds out who asks: a bearer token, else the cookie.
func (c *call) authenticate() error {
	if h := c.gin.GetHeader("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") || len(token) < 16 || len(token) > 256 {
			return lieciba.Errorf(lieciba.CodeUnauthenticated, "send Authorization: Bearer with a client token")
		}
		return c.authenticateToken(token)
	}
	cookie, err := c.gin.Request.Cookie(cookieName)
	if err != nil || len(cookie.Value) != base64.RawURLEncoding.EncodedLen(32) {
		return errSignInNeeded()
	}
	return c.authenticateCookie(sha256.Sum256([]byte(cookie.Value)))
}

func (c *call) authenticateToken(token string) error {
	var err error
	c.credential = sha256.Sum256([]byte(token))
	c.who, err = c.server.principalOfToken(c.ctx(), c.credential, c.now)
	return err
}

// principalOfToken finds a machine; CodeUnauthenticated if its token is not good now.
func (s *Server) principalOfToken(ctx context.Context, hash [32]byte, now time.Time) (lieciba.Principal, error) {
	var none lieciba.Principal
	t, err := s.cfg.Catalog.ClientToken(ctx, hash)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this token is not known")
	case err != nil:
		return none, err
	case !t.RevokedAt.IsZero():
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this token was revoked")
	case !now.Before(t.ExpiresAt):
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this token has expired: ask for a new one")
	}
	return lieciba.Principal{ID: string(t.ID), Name: t.Name, Machine: true, Roles: t.Roles, SiteIDs: t.SiteIDs}, nil
}

func (c *call) authenticateCookie(hash [32]byte) error {
	who, in, u, err := c.server.principalOfSignIn(c.ctx(), hash, c.now)
	if err == nil && c.now.Sub(in.SeenAt) >= c.server.cfg.IdleTimeout {
		err = errSignInEnded()
	}
	if errors.Is(err, errOver) {
		if err := c.server.endSignIn(c.ctx(), hash); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	c.credential, c.signIn, c.user, c.who = hash, &in, &u, who
	if c.now.Sub(in.SeenAt) >= touchEvery {
		return c.touch(hash)
	}
	return nil
}

// errOver marks a sign-in that has ended and whose row is still there.
var errOver = errors.New("over")

func errSignInEnded() error {
	return lieciba.Wrap(errOver, lieciba.CodeUnauthenticated, "your sign-in has ended: sign in again")
}

// principalOfSignIn finds a person; CodeUnauthenticated if the sign-in has ended
// or the account is closed. How long it may idle is the caller's to judge.
func (s *Server) principalOfSignIn(ctx context.Context, hash [32]byte, now time.Time) (who lieciba.Principal, in lieciba.SignIn, u lieciba.User, err error) {
	in, err = s.cfg.Catalog.SignIn(ctx, hash)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return who, in, u, errSignInNeeded()
	case err != nil:
		return who, in, u, err
	case !now.Before(in.ExpiresAt):
		return who, in, u, errSignInEnded()
	}
	u, err = s.cfg.Catalog.User(ctx, in.UserID)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound || err == nil && u.Disabled {
		return who, in, u, errSignInNeeded()
	}
	return principalOf(u), in, u, err
}

// touch notes the use of a sign-in. It reads the row again under the lock, so
// that one that was ended meanwhile does not come back.
func (c *call) touch(hash [32]byte) error {
	s := c.server
	s.signIns.Lock()
	defer s.signIns.Unlock()
	in, err := s.cfg.Catalog.SignIn(c.ctx(), hash)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return errSignInNeeded()
	}
	if err != nil {
		return err
	}
	in.SeenAt = lieciba.Micro(c.now)
	return s.cfg.Catalog.PutSignIn(c.ctx(), in)
}

func (s *Server) endSignIn(ctx context.Context, hash [32]byte) error {
	s.signIns.Lock()
	defer s.signIns.Unlock()
	return s.cfg.Catalog.DeleteSignIn(ctx, hash)
}

func principalOf(u lieciba.User) lieciba.Principal {
	return lieciba.Principal{ID: string(u.ID), Name: u.Login, Roles: u.Roles, SiteIDs: u.SiteIDs}
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
	if len(r.Password) > password.MaxBytes {
		return lieciba.Invalid("password", "must have at most %d bytes", password.MaxBytes)
	}
	login := strings.ToLower(strings.TrimSpace(r.Login))
	if !lieciba.ValidCode(login) {
		return errWrongPassword()
	}
	if err := c.admitPassword(); err != nil {
		return err
	}
	attempt, err := s.throttle.begin(login, c.address(), c.now)
	if err != nil {
		return err
	}
	u, good, err := s.checkPassword(c, login, r.Password)
	if err != nil {
		attempt.undo() // it was not judged
		return err
	}
	if !good {
		c.countWrongPassword()
		return errors.Join(s.auditSignInRefused(c, u), errWrongPassword())
	}
	attempt.succeed()
	return s.startSignIn(c, u)
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
func (s *Server) auditSignInRefused(c *call, u lieciba.User) error {
	c.who = lieciba.Principal{ID: string(u.ID), Name: u.Login}
	if u.ID == "" {
		c.who.Name = "unknown"
	}
	e := c.entry("sign_in", target{what: "user", id: string(u.ID)})
	e.Outcome = string(lieciba.CodeUnauthenticated)
	c.who = lieciba.Principal{}
	return c.appendAudit(e)
}

// startSignIn gives out a fresh cookie and ends the sign-in that the request came with.
func (s *Server) startSignIn(c *call, u lieciba.User) error {
	c.user, c.who = &u, principalOf(u)
	plain, hash := newSecret("")
	now := lieciba.Micro(c.now)
	in := lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](now), TokenHash: hash, UserID: u.ID, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.cfg.SignInTimeout)}
	old, noCookie := c.gin.Request.Cookie(cookieName)
	s.signIns.Lock()
	defer s.signIns.Unlock()
	e := c.entry("sign_in", target{what: "user", id: string(u.ID)})
	err := c.record(&e, func(ctx context.Context) error {
		if err := s.unchanged(ctx, u); err != nil {
			return err
		}
		if noCookie == nil {
			if err := s.cfg.Catalog.DeleteSignIn(ctx, sha256.Sum256([]byte(old.Value))); err != nil {
				return err
			}
		}
		if err := s.cfg.Catalog.DeleteSignIns(ctx, "", c.now); err != nil { // those that expired, of anybody
			return err
		}
		return s.cfg.Catalog.PutSignIn(ctx, in)
	})
	if errors.Is(err, errAccountChanged) {
		c.user = nil
		return errors.Join(s.auditSignInRefused(c, u), errWrongPassword())
	}
	if err != nil {
		return err
	}
	s.setCookie(c, plain, 0)
	return c.ok(meOf(c))
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

func (s *Server) setCookie(c *call, value string, maxAge int) {
	http.SetCookie(c.gin.Writer, &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.overTLS(c.gin.Request)})
}

func (s *Server) signOut(c *call) error {
	if c.signIn != nil {
		if err := s.recordSignOut(c); err != nil {
			return err
		}
		s.reviewViews(c.ctx())
	}
	s.setCookie(c, "", -1)
	return c.noContent()
}

func (s *Server) recordSignOut(c *call) error {
	s.signIns.Lock()
	defer s.signIns.Unlock()
	e := c.entry("sign_out", target{what: "user", id: c.who.ID})
	return c.record(&e, func(ctx context.Context) error { return s.cfg.Catalog.DeleteSignIn(ctx, c.signIn.TokenHash) })
}

type meView struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Login   string           `json:"login"`
	Machine bool             `json:"machine"`
	Roles   []lieciba.Role   `json:"roles"`
	SiteIDs []lieciba.SiteID `json:"site_ids"`
	Acts    []lieciba.Act    `json:"acts"`
}

func meOf(c *call) meView {
	v := meView{ID: c.who.ID, Name: c.who.Name, Machine: c.who.Machine,
		Roles: orEmpty(c.who.Roles), SiteIDs: orEmpty(c.who.SiteIDs), Acts: []lieciba.Act{}}
	if c.user != nil {
		v.Name, v.Login = c.user.Name, c.user.Login
	}
	for _, a := range lieciba.Acts() {
		if lieciba.AllowSomewhere(c.who, a) == nil {
			v.Acts = append(v.Acts, a)
		}
	}
	return v
}

func (s *Server) me(c *call) error { return c.ok(meOf(c)) }
