package api

import (
	"context"
	"encoding/hex"
	"reflect"
	"slices"
	"time"

	"lieciba"
)

// clientRequests ask to let a client of the citizenship system in, or to give out
// the token that follows one of its own. Who holds such a token ends holds by the
// events that it sends: nobody makes one alone.
type clientRequests struct {
	byAnybody
	s *Server
}

func (clientRequests) fields() []string { return []string{"client"} }

func (k clientRequests) check(c *call, a *lieciba.Asked) (target, error) {
	if a.Client == nil {
		return target{}, lieciba.Invalid("client", "is missing: say its name and roles, or the token that it follows")
	}
	x, err := k.wanted(c.ctx(), *a.Client, c.now)
	if err != nil {
		return target{what: "client", id: a.Client.Name}, underField("client", err)
	}
	a.Client = &x
	return target{what: "client", id: x.Name}, nil
}

// wanted judges a client as it may be let in now, and fills in the name and the
// rights of a token that is to be followed.
func (k clientRequests) wanted(ctx context.Context, x lieciba.AskedClient, now time.Time) (lieciba.AskedClient, error) {
	if x.Follows != "" {
		return k.following(ctx, x, now)
	}
	if err := checkRolesOf(x.Roles, lieciba.MachineRoles()); err != nil {
		return x, err
	}
	if !NeedsApproval(x.Roles) {
		return x, lieciba.Invalid("roles", "need nobody's approval: let this client in by POST /v1/client-tokens")
	}
	if x.Days < 1 || x.Days > maxDays {
		return x, lieciba.Invalid("days", "must be 1 to %d", maxDays)
	}
	_, _, err := NewClient(clientOf(x), now)
	return x, err
}

func clientOf(x lieciba.AskedClient) Client {
	return Client{Name: x.Name, Roles: x.Roles, Scopes: x.Scopes, Lasts: time.Duration(x.Days) * day, Certificate: x.Certificate, Token: x.Token}
}

func (k clientRequests) following(ctx context.Context, x lieciba.AskedClient, now time.Time) (lieciba.AskedClient, error) {
	if _, err := lieciba.ParseID[lieciba.TokenID]("follows", string(x.Follows)); err != nil {
		return x, err
	}
	old, err := k.s.cfg.Catalog.ClientTokenByID(ctx, x.Follows)
	if err != nil {
		return x, inBody(err, "follows", "no token has this ID")
	}
	if !NeedsApproval(old.Roles) {
		return x, lieciba.Invalid("follows", "is a token that needs nobody's approval: POST /v1/client-tokens/%s/rotation", old.ID)
	}
	if _, _, _, err := followApproved(old, now, x.OverlapMinutes); err != nil {
		return x, err
	}
	full := lieciba.AskedClient{Name: old.Name, Roles: slices.Sorted(slices.Values(old.Roles)), Scopes: slices.Sorted(slices.Values(old.Scopes)),
		Follows: old.ID, OverlapMinutes: x.OverlapMinutes}
	if x.Name != "" && !reflect.DeepEqual(x, full) { // it was asked before
		return x, lieciba.Errorf(lieciba.CodeConflict, "the token has other rights than those that were approved: ask anew")
	}
	return full, nil
}

func followApproved(old lieciba.ClientToken, now time.Time, overlapMinutes int) (plain string, next, replaced lieciba.ClientToken, err error) {
	if err := checkRolesOf(old.Roles, lieciba.MachineRoles()); err != nil {
		return "", next, old, lieciba.Errorf(lieciba.CodeForbidden, "a token with a person's role is rotated at the machine itself: lieciba token rotate")
	}
	if overlapMinutes < 0 || overlapMinutes > int(MaxOverlap/time.Minute) {
		return "", next, old, lieciba.Invalid("overlap_minutes", "must be 0 to %d", int(MaxOverlap/time.Minute))
	}
	return FollowToken(old, now, time.Duration(overlapMinutes)*time.Minute)
}

// use lets the client in. Its token is in the answer, and nowhere else.
func (k clientRequests) use(c *call, r lieciba.Request) (effect, error) {
	x := *r.Asked.Client
	plain, t, err := k.make(c.ctx(), x, c.now)
	if err != nil {
		return effect{}, underField("client", err)
	}
	do := func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		e.Detail = "token " + t.Name + " created with " + rolesText(t.Roles) + ", " + byWhom(r)
		if x.Follows != "" {
			old, err := k.s.clientToken(ctx, x.Follows)
			if err != nil {
				return err
			}
			_, _, replaced, err := followApproved(old, c.now, x.OverlapMinutes)
			if err != nil {
				return err
			}
			e.Detail += "; it follows " + string(old.ID) + ", which works until " + replaced.ExpiresAt.Format(time.RFC3339)
			if err := k.s.cfg.Catalog.PutClientToken(ctx, replaced); err != nil {
				return err
			}
		}
		return k.s.cfg.Catalog.PutClientToken(ctx, t)
	}
	return effect{made: tokenTarget(t).String(), entry: c.entry(string(lieciba.ActManageUsers), tokenTarget(t)), do: do,
		show: func(v *requestView) { v.Token = plain }}, nil
}

// make makes the client that was approved, and its token.
func (k clientRequests) make(ctx context.Context, x lieciba.AskedClient, now time.Time) (plain string, t lieciba.ClientToken, err error) {
	if x.Follows == "" {
		return NewClient(clientOf(x), now)
	}
	old, err := k.s.clientToken(ctx, x.Follows)
	if err != nil {
		return "", t, err
	}
	plain, t, _, err = followApproved(old, now, x.OverlapMinutes)
	return plain, t, err
}

// underField names the field of an error as part of another.
func underField(field string, err error) error {
	if lieciba.CodeOf(err) != lieciba.CodeInvalid {
		return err
	}
	e := *asError(err, "")
	e.Field = field + "." + e.Field
	return &e
}

// clientBody is a client as it is asked for.
type clientBody struct {
	Name           string          `json:"name"`
	Roles          []lieciba.Role  `json:"roles"`
	Scopes         *[]lieciba.Act  `json:"scopes"`
	Certificate    string          `json:"certificate"`
	Token          *bool           `json:"token"`
	Days           *int            `json:"days"`
	Follows        lieciba.TokenID `json:"follows"`
	OverlapMinutes *int            `json:"overlap_minutes"`
}

// asked checks the form of what was sent and fills in what it leaves open.
func (in *clientBody) asked() (*lieciba.AskedClient, error) {
	if in == nil {
		return nil, nil
	}
	if in.Follows != "" {
		return in.follower()
	}
	x := lieciba.AskedClient{Name: in.Name, Roles: in.Roles, Certificate: in.Certificate, Token: in.Certificate == "", Days: defaultDays}
	if in.OverlapMinutes != nil {
		return nil, lieciba.Invalid("client.overlap_minutes", "belongs to follows: remove it")
	}
	if in.Scopes != nil {
		if x.Scopes = *in.Scopes; len(x.Scopes) == 0 { // stored, none would be all
			return nil, underField("client", CheckScopes(x.Scopes, in.Roles))
		}
	}
	if in.Token != nil {
		x.Token = *in.Token
	}
	if in.Days != nil {
		x.Days = *in.Days
	}
	return &x, nil
}

func (in *clientBody) follower() (*lieciba.AskedClient, error) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"name", in.Name != ""}, {"roles", in.Roles != nil}, {"scopes", in.Scopes != nil},
		{"certificate", in.Certificate != ""}, {"token", in.Token != nil}, {"days", in.Days != nil}} {
		if f.set {
			return nil, lieciba.Invalid("client."+f.name, "is that of the token that it follows: remove it")
		}
	}
	x := lieciba.AskedClient{Follows: in.Follows, OverlapMinutes: 60}
	if in.OverlapMinutes != nil {
		x.OverlapMinutes = *in.OverlapMinutes
	}
	return &x, nil
}

// askedClientView is a client as it was asked for.
type askedClientView struct {
	Name           string           `json:"name"`
	Roles          []lieciba.Role   `json:"roles"`
	Scopes         *[]lieciba.Act   `json:"scopes"`      // null: all that the roles allow
	Certificate    string           `json:"certificate"` // PEM; empty: none
	Token          bool             `json:"token"`
	Days           int              `json:"days"`
	Follows        *lieciba.TokenID `json:"follows"`
	OverlapMinutes int              `json:"overlap_minutes"`
}

func viewAskedClient(x *lieciba.AskedClient) *askedClientView {
	if x == nil {
		return nil
	}
	v := askedClientView{Name: x.Name, Roles: orEmpty(x.Roles), Certificate: x.Certificate, Token: x.Token, Days: x.Days,
		Follows: optional(x.Follows), OverlapMinutes: x.OverlapMinutes}
	if x.Scopes != nil {
		v.Scopes = &x.Scopes
	}
	return &v
}

// clientSummary says of a client what its certificate and its name do not.
type clientSummary struct {
	Certificate string `json:"certificate"` // SHA-256 of its public key in hex; empty: none
	Until       *stamp `json:"until"`       // of the certificate
	SameName    int    `json:"same_name"`   // clients of that name that are valid now: their sessions are this one's too
}

func (s *Server) summaryClient(ctx context.Context, x *lieciba.AskedClient, now time.Time) (*clientSummary, error) {
	if x == nil {
		return nil, nil
	}
	var sum clientSummary
	if x.Certificate != "" {
		if spki, until, err := ReadCertificate(x.Certificate, time.Time{}); err == nil { // at any time: it may have ended since
			sum.Certificate, sum.Until = hex.EncodeToString(spki[:]), optionalStamp(until)
		}
	}
	all, err := s.cfg.Catalog.ListClientTokens(ctx)
	for _, t := range all {
		if t.Name == x.Name && t.RevokedAt.IsZero() && now.Before(t.ExpiresAt) {
			sum.SameName++
		}
	}
	return &sum, err
}
