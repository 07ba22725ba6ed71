package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
)

// Base names of the cookies; see cookieName.
const (
	sessionCookie = "lieciba_session"
	deviceCookie  = "lieciba_device"
	flowCookie    = "lieciba_oidc"
	passkeyCookie = "lieciba_passkey"
)

// tokenPrefix marks a client token, so that a leaked one is found by search tools.
const tokenPrefix = "lct_"

// touchEvery bounds how often a sign-in's last use is written; rotateEvery is how
// long a cookie's value lives, and rotateGrace how long the old one works beside
// the new, for requests that were under way (ASVS 5.0, 7.2.4). rotateDoubt is how
// long the old one accuses nobody when the same browser sends it: a slow network
// may have kept it that long.
const (
	touchEvery  = time.Minute
	rotateEvery = time.Hour
	rotateGrace = 10 * time.Second
	rotateDoubt = 2 * time.Minute
)

// credential is what somebody proved themselves with, so that their right can be
// looked up again. It holds no secret.
type credential struct {
	token       [32]byte // hash of a bearer token
	certificate [32]byte // hash of a client certificate's public key
	user        lieciba.UserID
	signIn      lieciba.SignInID
}

// authenticate finds out who asks: a bearer token, else the cookie, else the
// client certificate of the connection.
func (c *call) authenticate() error {
	if h := c.gin.GetHeader("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") || len(token) < 16 || len(token) > 256 {
			return lieciba.Errorf(lieciba.CodeUnauthenticated, "send Authorization: Bearer with a client token")
		}
		return c.authenticateMachine(credential{token: sha256.Sum256([]byte(token)), certificate: c.certificate()})
	}
	value, given := c.cookie(sessionCookie)
	switch {
	case given && len(value) == base64.RawURLEncoding.EncodedLen(32):
		return c.authenticateCookie(sha256.Sum256([]byte(value)))
	case c.certificate() != [32]byte{}:
		return c.authenticateMachine(credential{certificate: c.certificate()})
	}
	return errSignInNeeded()
}

func errSignInNeeded() error {
	return lieciba.Errorf(lieciba.CodeUnauthenticated, "sign in first")
}

// certificate is the hash of the public key that the other end of the connection
// proved to have (RFC 8446, 4.4.3), and zero if it showed no certificate that is
// valid now. Only TLS that this server ends itself counts, never a header.
func (c *call) certificate() [32]byte {
	state := c.gin.Request.TLS
	if state == nil || len(state.PeerCertificates) == 0 {
		return [32]byte{}
	}
	cert := state.PeerCertificates[0]
	if c.now.Before(cert.NotBefore) || c.now.After(cert.NotAfter) {
		return [32]byte{}
	}
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}

func (c *call) authenticateMachine(by credential) error {
	var err error
	c.credential = by
	c.who, err = c.server.principalOfMachine(c.ctx(), by, c.now)
	return err
}

// principalOfMachine finds a machine; CodeUnauthenticated if its token or
// certificate is not good now.
func (s *Server) principalOfMachine(ctx context.Context, by credential, now time.Time) (lieciba.Principal, error) {
	var none lieciba.Principal
	var t lieciba.ClientToken
	var err error
	if by.token != [32]byte{} {
		t, err = s.cfg.Catalog.ClientToken(ctx, by.token)
	} else {
		t, err = s.cfg.Catalog.ClientCertificate(ctx, by.certificate)
	}
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this token or certificate is not known")
	case err != nil:
		return none, err
	case t.TokenHash != by.token || t.Certificate != [32]byte{} && t.Certificate != by.certificate:
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this client proves itself with its token and its certificate: send both")
	case !t.RevokedAt.IsZero():
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this token was revoked")
	case !now.Before(t.ExpiresAt):
		return none, lieciba.Errorf(lieciba.CodeUnauthenticated, "this token has expired: ask for a new one")
	}
	return lieciba.Principal{ID: string(t.ID), Name: t.Name, Machine: true, Roles: t.Roles, SiteIDs: t.SiteIDs, Scopes: t.Scopes}, nil
}

func (c *call) authenticateCookie(hash [32]byte) error {
	s := c.server
	in, value, err := s.signInOf(c.ctx(), hash, c.sender(), c.now)
	if err != nil {
		return err
	}
	if value == valueInTwoHands {
		return c.endStolen(in)
	}
	var who lieciba.Principal
	u, err := s.cfg.Catalog.User(c.ctx(), in.UserID)
	if err == nil || lieciba.CodeOf(err) == lieciba.CodeNotFound {
		who, err = principalOfSignIn(in, u, c.now)
	}
	if err == nil && c.now.Sub(in.SeenAt) >= s.cfg.IdleTimeout {
		err = errSignInEnded()
	}
	if errors.Is(err, errOver) {
		if err := s.cfg.Catalog.EndSignIn(c.ctx(), in.ID); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	c.credential = credential{user: u.ID, signIn: in.ID}
	c.signIn, c.user, c.who, c.replaced = &in, &u, who, value == valueReplaced
	if !c.replaced && c.now.Sub(in.SeenAt) >= touchEvery {
		if err := c.touch(); err != nil {
			return err
		}
	}
	return c.passwordIsTheirs()
}

// beforeChange are the routes for somebody whose password another set.
var beforeChange = []string{"GET /v1/me", "PUT /v1/me/password", "POST /v1/sign-out", "GET /v1/sign-in"}

// passwordIsTheirs keeps those who must change their password from all else.
func (c *call) passwordIsTheirs() error {
	if !c.user.MustChange || slices.Contains(beforeChange, c.gin.Request.Method+" "+c.gin.FullPath()) {
		return nil
	}
	return &lieciba.Error{Code: lieciba.CodeForbidden, Field: "password",
		Message: "somebody else set your password: change it first"}
}

// signInOf finds the sign-in of a cookie's value, or of one that was replaced, and
// what the value is worth from whom. CodeUnauthenticated if there is none.
func (s *Server) signInOf(ctx context.Context, hash [32]byte, by sender, now time.Time) (in lieciba.SignIn, value cookieValue, err error) {
	in, err = s.cfg.Catalog.SignIn(ctx, hash)
	if err == nil {
		s.rotated.see(hash)
	}
	for lieciba.CodeOf(err) == lieciba.CodeNotFound {
		next, worth := s.rotated.next(hash, by, now)
		if worth == valueUnknown {
			return in, worth, errSignInNeeded()
		}
		hash, value = next, max(value, worth)
		in, err = s.cfg.Catalog.SignIn(ctx, hash)
	}
	if err == nil && value == valueLate {
		err = errSignInNeeded()
	}
	return in, value, err
}

// errOver marks a sign-in that has ended and whose row is still there.
var errOver = errors.New("over")

func errSignInEnded() error {
	return lieciba.Wrap(errOver, lieciba.CodeUnauthenticated, "your sign-in has ended: sign in again")
}

// principalOfSignIn judges a sign-in with its account, a zero one if that is gone;
// CodeUnauthenticated if the one has ended or the other is closed. How long it may
// idle is the caller's to judge.
func principalOfSignIn(in lieciba.SignIn, u lieciba.User, now time.Time) (lieciba.Principal, error) {
	switch {
	case !now.Before(in.ExpiresAt):
		return lieciba.Principal{}, errSignInEnded()
	case u.ID == "" || u.Disabled:
		return lieciba.Principal{}, errSignInNeeded()
	}
	return principalOf(u, in.ID), nil
}

func principalOf(u lieciba.User, in lieciba.SignInID) lieciba.Principal {
	return lieciba.Principal{ID: string(u.ID), Name: u.Login, Roles: u.Roles, SiteIDs: u.SiteIDs, SignIn: in}
}

// principal looks up again who somebody was found to be. A sign-in may idle.
func (s *Server) principal(ctx context.Context, by credential, now time.Time) (lieciba.Principal, error) {
	if by.signIn == "" {
		return s.principalOfMachine(ctx, by, now)
	}
	var in lieciba.SignIn
	u, err := s.cfg.Catalog.User(ctx, by.user) // first: who closes an account holds the rows in this order too
	if err == nil {
		in, err = s.cfg.Catalog.SignInByID(ctx, by.signIn)
	}
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Principal{}, errSignInNeeded()
	}
	if err != nil {
		return lieciba.Principal{}, err
	}
	return principalOfSignIn(in, u, now)
}

// errRightsLost marks a change whose caller lost a right after it was let in.
var errRightsLost = errors.New("lost a right meanwhile")

// keepsRights looks up again who asks, inside of an act: from then on their rights
// stay until it ends. Who has not all the rights any more with which they were let in
// begins anew: CodeForbidden, or CodeUnauthenticated for who is not signed in any
// more, both errRightsLost. Nothing for who has no credential yet.
func (c *call) keepsRights(ctx context.Context) error {
	if c.credential == (credential{}) {
		return nil
	}
	now, err := c.server.principal(storage.Shared(ctx), c.credential, c.server.cfg.Now())
	switch code := lieciba.CodeOf(err); {
	case code == lieciba.CodeUnauthenticated:
		return lieciba.Wrap(errRightsLost, code, "your sign-in or token has ended meanwhile: nothing was done")
	case err != nil:
		return err
	case !lacksNothing(now, c.who):
		return lieciba.Wrap(errRightsLost, lieciba.CodeForbidden, "your rights were changed meanwhile: nothing was done; look again and start anew")
	}
	return nil
}

// lacksNothing reports whether now has every role, site and scope that then had.
func lacksNothing(now, then lieciba.Principal) bool {
	return now.ID == then.ID && within(then.Roles, now.Roles) && within(then.SiteIDs, now.SiteIDs) &&
		(now.Scopes == nil || then.Scopes != nil && within(then.Scopes, now.Scopes))
}

func within[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(x T) bool { return !slices.Contains(whole, x) })
}

// touch notes the use of a sign-in, and gives its cookie a new value every hour.
func (c *call) touch() error {
	var plain string
	in, err := c.changeSignIn(c.ctx(), c.signIn.ID, func(in *lieciba.SignIn) error {
		plain = ""
		if in.TokenHash == c.signIn.TokenHash && c.now.Sub(in.CreatedAt)/rotateEvery > in.SeenAt.Sub(in.CreatedAt)/rotateEvery {
			plain, in.TokenHash = newSecret("")
		}
		if c.now.After(in.SeenAt) {
			in.SeenAt = lieciba.Micro(c.now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.replaceCookie(in, plain)
	return nil
}

// changeSignIn changes a sign-in that has not ended; CodeUnauthenticated if it has.
func (c *call) changeSignIn(ctx context.Context, id lieciba.SignInID, change func(*lieciba.SignIn) error) (lieciba.SignIn, error) {
	in, err := c.server.cfg.Catalog.ChangeSignIn(ctx, id, func(in lieciba.SignIn) (*lieciba.SignIn, error) {
		err := change(&in)
		return &in, err
	})
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		err = errSignInNeeded()
	}
	return in, err
}

// replaceCookie hands out the new value of a sign-in that was rotated; none for
// an empty one.
func (c *call) replaceCookie(in lieciba.SignIn, plain string) {
	if plain != "" {
		if c.signIn != nil {
			c.server.rotated.add(c.signIn.TokenHash, in.TokenHash, c.sender(), c.now, in.ExpiresAt)
		}
		c.setCookie(sessionCookie, plain, 0, http.SameSiteStrictMode)
	}
	c.signIn = &in
}
