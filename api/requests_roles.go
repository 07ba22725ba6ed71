package api

import (
	"context"

	"lieciba"
)

// roleRequests ask for all that an account shall be: its roles and its sites.
type roleRequests struct {
	byAnybody
	s *Server
}

func (roleRequests) fields() []string { return []string{"user_id", "roles", "site_ids"} }

func (k roleRequests) check(c *call, a *lieciba.Asked) (target, error) {
	if _, err := lieciba.ParseID[lieciba.UserID]("user_id", string(a.UserID)); err != nil {
		return target{}, err
	}
	t := target{what: "user", id: string(a.UserID)}
	if string(a.UserID) == c.who.ID {
		return t, &lieciba.Error{Code: lieciba.CodeForbidden, Field: "user_id", Message: "nobody asks for their own roles: another administrator must"}
	}
	if err := checkIDs("site_ids", a.SiteIDs); err != nil {
		return t, err
	}
	_, err := k.s.changeableRoles(c.ctx(), a.UserID, a.Roles, a.SiteIDs)
	return t, err
}

// use sets the roles and ends the account's sign-ins, so that nobody goes on with
// what they may not do any more.
func (k roleRequests) use(c *call, r lieciba.Request) (effect, error) {
	t := target{what: "user", id: string(r.Asked.UserID)}
	do := func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		e.Detail = "changed: " + rolesText(r.Asked.Roles) + "; sites, " + byWhom(r)
		return k.s.setRoles(ctx, r.Asked.UserID, r.Asked.Roles, r.Asked.SiteIDs)
	}
	return effect{made: t.String(), entry: c.entry(string(lieciba.ActManageUsers), t), do: do, after: func() { k.s.reviewViews(c.ctx()) }}, nil
}
