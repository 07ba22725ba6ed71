package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
)

type tokenView struct {
	ID          lieciba.TokenID  `json:"id"`
	Name        string           `json:"name"`
	Roles       []lieciba.Role   `json:"roles"`
	Scopes      *[]lieciba.Act   `json:"scopes"` // null: all that the roles allow
	SiteIDs     []lieciba.SiteID `json:"site_ids"`
	Certificate string           `json:"certificate"` // SHA-256 of its public key in hex; empty: none
	CreatedAt   stamp            `json:"created_at"`
	ExpiresAt   stamp            `json:"expires_at"`
	RevokedAt   *stamp           `json:"revoked_at"`
	Token       string           `json:"token,omitempty"` // shown once
}

func viewToken(t lieciba.ClientToken, plain string) tokenView {
	v := tokenView{ID: t.ID, Name: t.Name, Roles: orEmpty(t.Roles), SiteIDs: orEmpty(t.SiteIDs), CreatedAt: stamp(t.CreatedAt),
		ExpiresAt: stamp(t.ExpiresAt), RevokedAt: optionalStamp(t.RevokedAt), Token: plain}
	if t.Scopes != nil {
		v.Scopes = &t.Scopes
	}
	if t.Certificate != [32]byte{} {
		v.Certificate = hex.EncodeToString(t.Certificate[:])
	}
	return v
}

func tokenTarget(t lieciba.ClientToken) target { return target{what: "client_token", id: string(t.ID)} }

func (s *Server) listClientTokens(c *call) error {
	all, err := s.cfg.Catalog.ListClientTokens(c.ctx())
	if err != nil {
		return err
	}
	out := items[tokenView]{Items: []tokenView{}}
	for _, t := range all {
		out.Items = append(out.Items, viewToken(t, ""))
	}
	return c.ok(out)
}

type newClientToken struct {
	Name        string           `json:"name"`
	Roles       []lieciba.Role   `json:"roles"`
	Scopes      *[]lieciba.Act   `json:"scopes"`
	SiteIDs     []lieciba.SiteID `json:"site_ids"`
	Days        *int             `json:"days"`
	Certificate string           `json:"certificate"` // PEM; the client proves itself with it, and gets no token unless it asks
	Token       *bool            `json:"token"`       // also with a certificate; both are needed then
}

// client judges the form of what is asked for.
func (in newClientToken) client() (Client, error) {
	x := Client{Name: in.Name, Roles: in.Roles, SiteIDs: in.SiteIDs, Certificate: in.Certificate, Lasts: defaultDays * day, Token: in.Certificate == ""}
	if err := checkRolesOf(in.Roles, lieciba.MachineRoles()); err != nil {
		return x, err
	}
	if in.Scopes != nil {
		if x.Scopes = *in.Scopes; len(x.Scopes) == 0 {
			return x, CheckScopes(x.Scopes, in.Roles)
		}
	}
	if in.Days != nil {
		if *in.Days < 1 || *in.Days > maxDays {
			return x, lieciba.Invalid("days", "must be 1 to %d", maxDays)
		}
		x.Lasts = time.Duration(*in.Days) * day
	}
	if in.Token != nil {
		x.Token = *in.Token
	}
	return x, nil
}

// How long a client's token is valid, in days.
const (
	day         = 24 * time.Hour
	defaultDays = 365
	maxDays     = 730
)

// Client is a machine that shall be let in.
type Client struct {
	Name        string
	Roles       []lieciba.Role
	Scopes      []lieciba.Act // nil: all that the roles allow
	SiteIDs     []lieciba.SiteID
	Lasts       time.Duration // at most as long as the certificate
	Certificate string        // PEM; empty: none
	Token       bool          // a bearer token; with a certificate, both are needed
}

// NewClient makes what the catalogue keeps of a client. plain is the only copy of
// its token, empty for one with a certificate alone. CodeInvalid names the field
// (name, roles, scopes, certificate). Whether the roles may be given, and whether
// the sites are there, the caller has checked.
func NewClient(in Client, now time.Time) (plain string, t lieciba.ClientToken, err error) {
	if err := lieciba.CheckPrincipalName("name", in.Name); err != nil {
		return "", t, err
	}
	if in.Scopes != nil {
		if err := CheckScopes(in.Scopes, in.Roles); err != nil {
			return "", t, err
		}
	}
	if !in.Token && in.Certificate == "" {
		return "", t, lieciba.Invalid("certificate", "is needed by a client without a token")
	}
	plain, t = NewClientToken(in.Name, in.Roles, in.SiteIDs, now, in.Lasts)
	t.Scopes = in.Scopes
	if in.Certificate == "" {
		return plain, t, nil
	}
	spki, until, err := ReadCertificate(in.Certificate, now)
	if err != nil {
		return "", t, err
	}
	if t.Certificate = spki; until.Before(t.ExpiresAt) {
		t.ExpiresAt = lieciba.Micro(until)
	}
	if !in.Token {
		plain, t.TokenHash = "", [32]byte{}
	}
	return plain, t, nil
}

// CheckScopes refuses scopes that the roles do not allow, repeated ones, and none
// at all: CodeInvalid for field "scopes".
func CheckScopes(scopes []lieciba.Act, roles []lieciba.Role) error {
	if len(scopes) == 0 {
		return lieciba.Invalid("scopes", "name at least one act, or leave scopes out for all that the roles allow")
	}
	for i, a := range scopes {
		if lieciba.AllowSomewhere(lieciba.Principal{Roles: roles}, a) != nil {
			return lieciba.Invalid("scopes", "%q is no act that %s allow", a, rolesText(roles))
		}
		if slices.Contains(scopes[:i], a) {
			return lieciba.Invalid("scopes", "%q is named twice", a)
		}
	}
	return nil
}

// ReadCertificate returns the hash of a PEM certificate's public key and until
// when it is valid; CodeInvalid for field "certificate".
func ReadCertificate(text string, now time.Time) (spki [32]byte, until time.Time, err error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return spki, until, lieciba.Invalid("certificate", "must be one certificate in PEM, and no key")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return spki, until, lieciba.Invalid("certificate", "cannot be read: send one X.509 certificate in PEM")
	}
	if !now.Before(cert.NotAfter) {
		return spki, until, lieciba.Invalid("certificate", "is valid until %s only: send a newer one", cert.NotAfter.UTC().Format(time.DateOnly))
	}
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo), cert.NotAfter, nil
}

func (s *Server) createClientToken(c *call) error {
	var body newClientToken
	if err := c.read(&body); err != nil {
		return err
	}
	in, err := body.client()
	if err != nil {
		return err
	}
	plain, t, err := NewClient(in, c.now)
	if err != nil {
		return err
	}
	if err := c.notAlone(t, "roles"); err != nil {
		return err
	}
	if err := s.checkSites(c.ctx(), in.SiteIDs); err != nil {
		return err
	}
	if err := c.act(lieciba.ActManageUsers, tokenTarget(t), "token "+t.Name+" created with "+rolesText(t.Roles),
		func(ctx context.Context) error { return s.cfg.Catalog.PutClientToken(ctx, t) }); err != nil {
		return err
	}
	return c.created(viewToken(t, plain))
}

// NeedsApproval reports whether a client of these roles is let in, and its token
// followed by another, by two people only: who holds such a token ends holds and
// starts deletions by the events that it sends.
func NeedsApproval(roles []lieciba.Role) bool { return slices.Contains(roles, lieciba.RoleCitizenship) }

// notAlone refuses, and audits, what one administrator may not give out alone.
func (c *call) notAlone(t lieciba.ClientToken, field string) error {
	if !NeedsApproval(t.Roles) {
		return nil
	}
	c.auditRefusal(lieciba.ActManageUsers, tokenTarget(t), lieciba.CodeForbidden)
	return &lieciba.Error{Code: lieciba.CodeForbidden, Field: field,
		Message: "a client of the citizenship system needs another person's approval: ask for it (POST /v1/requests, kind client_token)"}
}

// NewClientToken makes a bearer token and what the catalogue keeps of it. plain
// is the only copy of its value.
func NewClientToken(name string, roles []lieciba.Role, sites []lieciba.SiteID, now time.Time, lasts time.Duration) (plain string, t lieciba.ClientToken) {
	plain, hash := newSecret(tokenPrefix)
	return plain, lieciba.ClientToken{ID: lieciba.NewID[lieciba.TokenID](now), Name: name, TokenHash: hash,
		Roles: roles, SiteIDs: sites, CreatedAt: lieciba.Micro(now), ExpiresAt: lieciba.Micro(now.Add(lasts))}
}

// MaxOverlap bounds how long a token that is followed by another still works.
const MaxOverlap = 30 * 24 * time.Hour

// FollowToken makes the token that follows old: of the same name, roles, scopes
// and sites, and for as long as old was made for. old works for the overlap
// more, and not longer than it would have. CodeConflict for one that is over, or
// that proves itself with a certificate alone.
func FollowToken(old lieciba.ClientToken, now time.Time, overlap time.Duration) (plain string, next, replaced lieciba.ClientToken, err error) {
	switch {
	case !old.RevokedAt.IsZero() || !now.Before(old.ExpiresAt):
		return "", next, old, lieciba.Errorf(lieciba.CodeConflict, "this token is over: make a new one")
	case old.TokenHash == [32]byte{}:
		return "", next, old, lieciba.Errorf(lieciba.CodeConflict, "this client has a certificate and no token: add its next certificate beside it")
	case old.Certificate != [32]byte{}:
		return "", next, old, lieciba.Errorf(lieciba.CodeConflict, "this token belongs to a certificate: add its next certificate, with a token, beside it")
	case overlap < 0 || overlap > MaxOverlap:
		return "", next, old, lieciba.Invalid("overlap_minutes", "must be 0 to %d", int(MaxOverlap/time.Minute))
	}
	plain, next = NewClientToken(old.Name, old.Roles, old.SiteIDs, now, old.ExpiresAt.Sub(old.CreatedAt))
	next.Scopes = old.Scopes
	replaced = old
	if end := lieciba.Micro(now.Add(overlap)); end.Before(replaced.ExpiresAt) {
		replaced.ExpiresAt = end
	}
	return plain, next, replaced, nil
}

type tokenRotation struct {
	OverlapMinutes *int `json:"overlap_minutes"`
}

// rotateClientToken makes a token that follows another, which goes on for a while.
func (s *Server) rotateClientToken(c *call) error {
	id, err := lieciba.ParseID[lieciba.TokenID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	var in tokenRotation
	if err := c.read(&in); err != nil {
		return err
	}
	overlap := time.Hour
	if in.OverlapMinutes != nil {
		if m := *in.OverlapMinutes; m < 0 || m > int(MaxOverlap/time.Minute) {
			return lieciba.Invalid("overlap_minutes", "must be 0 to %d", int(MaxOverlap/time.Minute))
		}
		overlap = time.Duration(*in.OverlapMinutes) * time.Minute
	}
	old, err := s.clientToken(c.ctx(), id)
	if err != nil {
		return err
	}
	if err := c.notAlone(old, ""); err != nil { // roles never change
		return err
	}
	var plain string
	var next lieciba.ClientToken
	e := c.entry(string(lieciba.ActManageUsers), tokenTarget(old))
	if err := c.record(&e, func(ctx context.Context) error {
		old, err := s.clientToken(ctx, id)
		if err != nil {
			return err
		}
		if err := checkRolesOf(old.Roles, lieciba.MachineRoles()); err != nil {
			return lieciba.Errorf(lieciba.CodeForbidden, "a token with a person's role is rotated at the machine itself: lieciba token rotate")
		}
		var replaced lieciba.ClientToken
		if plain, next, replaced, err = FollowToken(old, c.now, overlap); err != nil {
			return err
		}
		e.Detail = fmt.Sprintf("token %s followed by %s; the old one works until %s", old.Name, next.ID, replaced.ExpiresAt.Format(time.RFC3339))
		if err := s.cfg.Catalog.PutClientToken(ctx, replaced); err != nil {
			return err
		}
		return s.cfg.Catalog.PutClientToken(ctx, next)
	}); err != nil {
		return err
	}
	return c.created(viewToken(next, plain))
}

func (s *Server) clientToken(ctx context.Context, id lieciba.TokenID) (lieciba.ClientToken, error) {
	t, err := s.cfg.Catalog.ClientTokenByID(ctx, id)
	return t, asNotFound(err, "client token")
}

func (s *Server) revokeClientToken(c *call) error {
	id, err := lieciba.ParseID[lieciba.TokenID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	e := c.entry(string(lieciba.ActManageUsers), target{what: "client_token", id: string(id)})
	if err := c.record(&e, func(ctx context.Context) error {
		t, err := s.clientToken(ctx, id)
		if err != nil {
			return err
		}
		e.Detail = "token " + t.Name + " revoked"
		if !t.RevokedAt.IsZero() {
			return nil
		}
		t.RevokedAt = lieciba.Micro(c.now)
		return s.cfg.Catalog.PutClientToken(ctx, t)
	}); err != nil {
		return err
	}
	s.reviewViews(c.ctx())
	return c.noContent()
}
