package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/api/oidc"
)

// flow is a sign-in with the provider under way, as the browser keeps it, sealed.
type flow struct {
	OIDC  oidc.Flow        `json:"oidc"`
	To    string           `json:"to"`    // where to go then, a path of ours
	Proof lieciba.SignInID `json:"proof"` // of the sign-in that proves anew; empty: a new sign-in
	User  lieciba.UserID   `json:"user"`  // of Proof
	Known bool             `json:"known"` // somebody has signed in with this browser before
}

// Reasons of a refused sign-in beside those of package oidc.
const (
	reasonOff      oidc.Reason = "off"      // no provider is set up
	reasonGroup    oidc.Reason = "group"    // none of the person's groups has a role here
	reasonDisabled oidc.Reason = "disabled" // the account is closed here
	reasonOther    oidc.Reason = "other"    // another person proved to be there
	reasonEnded    oidc.Reason = "ended"    // the sign-in that was to be proven has ended
	reasonWait     oidc.Reason = "wait"     // too many that failed came from this address
	reasonInternal oidc.Reason = "internal"
)

// localPath is a path of our own pages to go to, or the first page.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.ContainsAny(s, "\\\r\n") || len(s) > 500 {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

// goTo sends a browser on; 303 so that it asks with GET.
func (c *call) goTo(where string) error {
	c.gin.Writer.Header().Set("Location", where)
	c.gin.Status(http.StatusSeeOther)
	c.gin.Writer.WriteHeaderNow()
	return nil
}

// giveUp sends the browser back to our pages, which say the reason in words.
func (c *call) giveUp(err error) error {
	reason := reasonInternal
	var refused *oidc.Error
	switch {
	case errors.As(err, &refused):
		reason = refused.Reason
	case lieciba.CodeOf(err) == lieciba.CodeUnauthenticated:
		reason = reasonEnded
	case lieciba.CodeOf(err) == lieciba.CodeRateLimited:
		reason = reasonWait
	default:
		c.server.cfg.Log.ErrorContext(c.ctx(), "a sign-in with the provider failed", "error", err, "request_id", c.requestID)
	}
	c.cause = err
	return c.goTo("/?" + url.Values{"sign_in_failed": {string(reason)}}.Encode())
}

// beginOIDC sends the browser to the provider.
func (s *Server) beginOIDC(c *call) error {
	if s.cfg.Provider == nil {
		return c.giveUp(&oidc.Error{Reason: reasonOff})
	}
	query := c.gin.Request.URL.Query()
	f := flow{To: localPath(query.Get("to"))}
	_, f.Known = c.keptDevice()
	if query.Get("proof") != "" {
		if err := c.authenticate(); err != nil {
			return c.giveUp(err)
		}
		if c.user == nil || !s.providers(*c.user) {
			return c.giveUp(&oidc.Error{Reason: reasonOther})
		}
		f.Proof, f.User = c.signIn.ID, c.user.ID
	}
	where, begun, err := s.cfg.Provider.Begin(c.ctx(), f.Proof != "", s.cfg.ProviderTimeout)
	if err != nil {
		return c.giveUp(err)
	}
	f.OIDC = begun
	c.setSealed(flowCookie, f, oidc.FlowLife, http.SameSiteLaxMode)
	return c.goTo(where)
}

// finishOIDC takes what the browser brought back. Each flow is taken once.
func (s *Server) finishOIDC(c *call) error {
	if s.cfg.Provider == nil {
		return c.giveUp(&oidc.Error{Reason: reasonOff})
	}
	var f flow
	c.sealed(flowCookie, &f)
	c.setCookie(flowCookie, "", -1, http.SameSiteLaxMode)
	if err := c.admitGuess(f.Known); err != nil {
		return c.giveUp(err)
	}
	p, err := s.cfg.Provider.Finish(c.ctx(), f.OIDC, c.gin.Request.URL.Query())
	if err != nil {
		return c.refuseOIDC(err)
	}
	first, err := s.used.use(f.OIDC.State, c.now, f.OIDC.At.Add(2*oidc.FlowLife))
	if err == nil && !first {
		err = &oidc.Error{Reason: oidc.ReasonFlow}
	}
	if err != nil {
		return c.giveUp(err)
	}
	if f.Proof != "" {
		err = c.proveOIDC(f, p)
		s.reviewViews(c.ctx()) // groups may have been taken
	} else {
		err = c.signInOIDC(p)
	}
	if err != nil {
		return c.giveUp(err)
	}
	return c.goTo(f.To)
}

// nobodysFlow are the reasons for which nothing was judged of what the provider
// said: anybody causes them at will, with no more than an address to open.
var nobodysFlow = []oidc.Reason{oidc.ReasonFlow, oidc.ReasonState, oidc.ReasonAway}

// refuseOIDC records a refusal and tells the person. What anybody can cause, and
// what an address causes too often, stands in the access log alone: evidence is
// for ever, and nobody may fill it without having signed in.
func (c *call) refuseOIDC(err error) error {
	var refused *oidc.Error
	if errors.As(err, &refused) && !slices.Contains(nobodysFlow, refused.Reason) && c.countGuess() {
		err = errors.Join(err, c.auditSignIn(lieciba.User{}, lieciba.CodeUnauthenticated, "by oidc: "+string(refused.Reason)))
	}
	return c.giveUp(err)
}

// subjectKey is what is kept of a subject: itself, or its hash where a provider
// uses the personal code, which is never stored.
func subjectKey(subject string) string {
	if !lieciba.HoldsPersonalCode(subject) {
		return subject
	}
	sum := sha256.Sum256([]byte(subject))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// signInOIDC signs a person in, with the roles that their groups give now.
func (c *call) signInOIDC(p oidc.Person) error {
	s := c.server
	roles, sites, err := s.rightsOf(c.ctx(), p)
	if err != nil {
		return err
	}
	u, err := s.accountOf(c.ctx(), p, c.now)
	if err != nil {
		return err
	}
	refuse := func(why oidc.Reason) error { // whoever the provider knows causes it, as often as they like
		var failed error
		if c.countGuess() {
			failed = c.auditSignIn(u, lieciba.CodeForbidden, "by oidc: "+string(why))
		}
		return errors.Join(&oidc.Error{Reason: why}, failed)
	}
	if len(roles) == 0 {
		return errors.Join(refuse(reasonGroup), c.takeRights(u))
	}
	if u.Disabled {
		return refuse(reasonDisabled)
	}
	plain, in := c.freshSignIn(u.ID, lieciba.SignInOIDC)
	in.ExpiresAt = in.CreatedAt.Add(s.cfg.ProviderTimeout)
	in.ProviderSession, in.FreshAt = p.SessionID, time.Time{} // a sign-in of the provider that was there is no proof
	if !p.AuthTime.IsZero() {
		in.FreshAt = lieciba.Micro(p.AuthTime)
		if p.AuthTime.After(c.now) {
			in.FreshAt = in.CreatedAt
		}
	}
	u.Roles, u.SiteIDs = roles, sites
	err = c.beginSignIn(plain, in, &u, func(ctx context.Context) error { return s.putAccount(ctx, &u) },
		func() error { return refuse(reasonDisabled) })
	if err != nil {
		return err
	}
	s.reviewViews(c.ctx()) // other sign-ins of the account have the new roles too
	return nil
}

// rightsOf turns groups into roles and sites; a site code that is not there is
// the operator's to mend.
func (s *Server) rightsOf(ctx context.Context, p oidc.Person) ([]lieciba.Role, []lieciba.SiteID, error) {
	m := s.cfg.Provider.Membership(p.Groups)
	if len(m.Sites) == 0 {
		return m.Roles, nil, nil
	}
	all, err := s.cfg.Catalog.ListSites(ctx)
	if err != nil {
		return nil, nil, err
	}
	byCode := map[string]lieciba.SiteID{}
	for _, site := range all {
		byCode[site.Code] = site.ID
	}
	var ids []lieciba.SiteID
	for _, code := range m.Sites {
		if id, ok := byCode[code]; ok {
			ids = append(ids, id)
			continue
		}
		s.cfg.Log.WarnContext(ctx, "a group is mapped to a site that does not exist", "site", code)
	}
	return m.Roles, ids, nil
}

// accountOf finds the account of a person, or makes one that is not stored yet.
func (s *Server) accountOf(ctx context.Context, p oidc.Person, now time.Time) (lieciba.User, error) {
	issuer, subject := s.cfg.Provider.Issuer(), subjectKey(p.Subject)
	u, err := s.cfg.Catalog.UserBySubject(ctx, issuer, subject)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		u, err = lieciba.User{ID: lieciba.NewID[lieciba.UserID](now), Issuer: issuer, Subject: subject, CreatedAt: lieciba.Micro(now)}, nil
		if u.Login, err = s.freeLogin(ctx, p, issuer+"\x00"+subject); err != nil {
			return u, err
		}
	}
	if lieciba.CheckName("name", p.Name) == nil {
		u.Name = p.Name
	}
	if u.Name == "" {
		u.Name = u.Login
	}
	return u, err
}

// freeLogin finds a name for lists that no other account has.
func (s *Server) freeLogin(ctx context.Context, p oidc.Person, who string) (string, error) {
	sum := sha256.Sum256([]byte(who))
	mark := hex.EncodeToString(sum[:4])
	login := p.Login()
	if login == "" || lieciba.ReservedName(login) {
		return "person-" + mark, nil
	}
	_, err := s.cfg.Catalog.UserByLogin(ctx, login)
	switch lieciba.CodeOf(err) {
	case lieciba.CodeNotFound:
		return login, nil
	case "":
		return login[:min(len(login), 55)] + "-" + mark, nil
	}
	return "", err
}

// putAccount stores a person's account as of this sign-in, unless it was closed
// meanwhile.
func (s *Server) putAccount(ctx context.Context, u *lieciba.User) error {
	now, err := s.cfg.Catalog.User(ctx, u.ID)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return s.cfg.Catalog.PutUser(ctx, *u)
	}
	if err != nil {
		return err
	}
	if now.Disabled {
		return errAccountChanged
	}
	now.Name, now.Roles, now.SiteIDs = u.Name, u.Roles, u.SiteIDs
	*u = now
	return s.cfg.Catalog.PutUser(ctx, now)
}

// takeRights takes from an account what its groups do not give any more, and
// ends its sign-ins. One that has neither, or is not stored yet, needs none of it.
func (c *call) takeRights(u lieciba.User) error {
	s := c.server
	has, err := s.cfg.Catalog.User(c.ctx(), u.ID)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	open, err := s.cfg.Catalog.ListSignIns(c.ctx(), u.ID)
	if err != nil || len(open)+len(has.Roles)+len(has.SiteIDs) == 0 {
		return err
	}
	e := c.entry(string(lieciba.ActManageUsers), userTarget(u))
	e.Who, e.Detail = "provider", "roles and sign-ins ended: no group of the person has a role here any more"
	err = c.record(&e, func(ctx context.Context) error {
		now, err := s.cfg.Catalog.User(ctx, u.ID)
		if err != nil {
			return err
		}
		now.Roles, now.SiteIDs = nil, nil
		if err := s.cfg.Catalog.PutUser(ctx, now); err != nil {
			return err
		}
		return s.cfg.Catalog.DeleteSignIns(ctx, u.ID, c.now)
	})
	s.reviewViews(c.ctx())
	return err
}

// proveOIDC takes a fresh sign-in with the provider as a proof of presence of a
// sign-in here.
func (c *call) proveOIDC(f flow, p oidc.Person) error {
	s := c.server
	u, err := s.cfg.Catalog.UserBySubject(c.ctx(), s.cfg.Provider.Issuer(), subjectKey(p.Subject))
	if lieciba.CodeOf(err) == lieciba.CodeNotFound || err == nil && u.ID != f.User {
		return errors.Join(&oidc.Error{Reason: reasonOther}, c.auditSignIn(lieciba.User{ID: f.User}, lieciba.CodeForbidden, "by oidc: other"))
	}
	if err != nil {
		return err
	}
	roles, sites, err := s.rightsOf(c.ctx(), p)
	if err != nil {
		return err
	}
	if len(roles) == 0 {
		refused := c.auditSignIn(u, lieciba.CodeForbidden, "by oidc: "+string(reasonGroup))
		return errors.Join(&oidc.Error{Reason: reasonGroup}, refused, c.takeRights(u))
	}
	all, err := c.signInsOf(c.ctx(), u.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(in lieciba.SignIn) bool { return in.ID == f.Proof })
	if i < 0 || u.Disabled {
		return &oidc.Error{Reason: reasonEnded}
	}
	c.signIn, c.user, c.who, c.credential = &all[i], &u, principalOf(u, all[i].ID), credential{user: u.ID, signIn: all[i].ID}
	err = c.proven(lieciba.SignInOIDC, func(ctx context.Context) error {
		now := u // and the rights that the groups give now
		now.Roles, now.SiteIDs = roles, sites
		return s.putAccount(ctx, &now)
	})
	if errors.Is(err, errAccountChanged) {
		err = &oidc.Error{Reason: reasonDisabled}
	}
	return err
}

// backChannelLogout ends what the provider says has ended (OpenID Connect
// Back-Channel Logout 1.0, 2.5). Each logout token is good once.
func (s *Server) backChannelLogout(c *call) error {
	if s.cfg.Provider == nil {
		return lieciba.Errorf(lieciba.CodeInvalid, "no provider is set up here")
	}
	if wait := s.rates.logout.wait(network(c.address()), c.now); wait > 0 {
		return tooMany("this address", wait)
	}
	if err := c.requireType("application/x-www-form-urlencoded"); err != nil {
		return err
	}
	b, err := c.body(64 << 10)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return lieciba.Invalid("logout_token", "the body is no form")
	}
	ended, err := s.cfg.Provider.Logout(c.ctx(), form.Get("logout_token"))
	if err != nil {
		s.rates.logout.take(network(c.address()), c.now)
		return logoutError(err)
	}
	first, err := s.loggedOut.use(ended.TokenID, c.now, ended.Expires)
	if err != nil || !first {
		return errors.Join(err, lieciba.Invalid("logout_token", "was used already"))
	}
	subject := ended.Subject
	if subject != "" {
		subject = subjectKey(subject)
	}
	c.who = lieciba.Principal{ID: "provider", Name: "provider", Machine: true}
	e := c.entry(lieciba.AuditEndSignIn, target{what: "provider", id: "logout"})
	if err := c.record(&e, func(ctx context.Context) error {
		n, err := s.cfg.Catalog.EndProviderSession(ctx, s.cfg.Provider.Issuer(), subject, ended.SessionID)
		e.Detail = fmt.Sprintf("by the provider's logout: %d sign-ins", n)
		return err
	}); err != nil {
		s.loggedOut.forget(ended.TokenID) // the provider tries again
		return err
	}
	s.reviewViews(c.ctx())
	c.gin.Status(http.StatusOK)
	c.gin.Writer.WriteHeaderNow()
	return nil
}

func logoutError(err error) error {
	var refused *oidc.Error
	if errors.As(err, &refused) && refused.Reason == oidc.ReasonAway {
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "the provider does not answer: try again")
	}
	return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "logout_token", Message: "was not accepted", Cause: err}
}
