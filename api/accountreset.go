package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
)

// TakeRights takes from an account whatever it could be used for: its roles and
// sites, which it returns in u without storing them, its passkeys and its grants in
// force, which end here, and the requests that it asked for or that would give it
// roles. It runs inside of the act that sets another person's
// password or opens their account again, so that whoever does that alone gets an
// account that may do nothing; its roles come back by a request (four eyes). taken
// says what there was, in words; empty: nothing.
func TakeRights(ctx context.Context, cat storage.Catalog, u *lieciba.User, by lieciba.Principal, now time.Time) (taken string, err error) {
	var parts []string
	if len(u.Roles) > 0 {
		parts = append(parts, rolesText(u.Roles))
	}
	if n := len(u.SiteIDs); n > 0 {
		parts = append(parts, counted(n, "site"))
	}
	u.Roles, u.SiteIDs = nil, nil
	keys, err := TakeKeys(ctx, cat, u.ID, by, now)
	if keys != "" {
		parts = append(parts, keys)
	}
	return strings.Join(parts, ", "), err
}

// TakeKeys is TakeRights without the roles and sites: what another person still
// holds of the account, and what was granted to whoever it was.
func TakeKeys(ctx context.Context, cat storage.Catalog, id lieciba.UserID, by lieciba.Principal, now time.Time) (taken string, err error) {
	var parts []string
	keys, err := takePasskeys(ctx, cat, id)
	if keys > 0 {
		parts = append(parts, counted(keys, "passkey"))
	}
	if err != nil {
		return "", err
	}
	grants, err := revokeGrantsOf(ctx, cat, string(id), by.Name, now)
	if grants > 0 {
		parts = append(parts, counted(grants, "grant"))
	}
	if err != nil {
		return "", err
	}
	requests, err := voidRequestsOf(ctx, cat, id, by, now)
	if requests > 0 {
		parts = append(parts, counted(requests, "request"))
	}
	return strings.Join(parts, ", "), err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// takePasskeys removes all of a person's passkeys, and returns how many.
func takePasskeys(ctx context.Context, cat storage.Passkeys, id lieciba.UserID) (int, error) {
	keys, err := cat.UserPasskeys(ctx, id)
	for _, k := range keys {
		err = errors.Join(err, cat.DeletePasskey(ctx, id, k.ID))
	}
	return len(keys), err
}

// revokeGrantsOf ends every grant in force of a person, and returns how many.
func revokeGrantsOf(ctx context.Context, cat storage.Grants, holder, by string, now time.Time) (n int, err error) {
	for g, err := range storage.Pages(func(before lieciba.GrantID) ([]lieciba.Grant, error) {
		return cat.ListGrants(ctx, storage.GrantFilter{HolderID: holder, InForceAt: lieciba.Micro(now), Limit: storage.MaxPage, Before: before})
	}, func(g lieciba.Grant) lieciba.GrantID { return g.ID }) {
		if err != nil {
			return n, err
		}
		if _, err := cat.RevokeGrant(ctx, g.ID, by, lieciba.Micro(now)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// voidRequestsOf ends the open requests that an account asked for or that are about
// its roles, and returns how many: what was approved for its last holder would
// else come back to whoever has the password now.
func voidRequestsOf(ctx context.Context, cat storage.Requests, id lieciba.UserID, by lieciba.Principal, now time.Time) (n int, err error) {
	var open []lieciba.RequestID
	for r, err := range storage.Pages(func(before lieciba.RequestID) ([]lieciba.Request, error) {
		return cat.ListRequests(ctx, storage.RequestFilter{States: []lieciba.RequestState{lieciba.RequestRequested, lieciba.RequestApproved},
			ExpiresAfter: lieciba.Micro(now), Limit: storage.MaxPage, Before: before})
	}, func(r lieciba.Request) lieciba.RequestID { return r.ID }) {
		if err != nil {
			return 0, err
		}
		if r.AskedByID == string(id) || r.Kind == lieciba.RequestRoles && r.Asked.UserID == id {
			open = append(open, r.ID)
		}
	}
	for _, id := range open {
		if _, err := cat.ChangeRequest(ctx, id, func(r lieciba.Request) (*lieciba.Request, error) {
			next, err := r.Void(by, "The account was opened by another person", now)
			return &next, err
		}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// lastApprover refuses to take the last account that could approve beside that of
// who takes it: its roles could never be asked for again. CodeConflict.
func (s *Server) lastApprover(ctx context.Context, by string, u lieciba.User) error {
	if u.Disabled || !slices.Contains(u.Roles, lieciba.RoleApprover) {
		return nil
	}
	users, err := s.cfg.Catalog.ListUsers(ctx)
	if err != nil {
		return err
	}
	for _, o := range users {
		if o.ID != u.ID && string(o.ID) != by && !o.Disabled && slices.Contains(o.Roles, lieciba.RoleApprover) {
			return nil
		}
	}
	return &lieciba.Error{Code: lieciba.CodeConflict, Field: "password", Message: "a new password takes the account's roles, and nobody but you could approve them again: " +
		"set it at the server's machine, which keeps them (lieciba user password " + u.Login + ")"}
}

// AccountReset is the alarm for an account that another person opened: its
// password was set, or it was closed and is open again. e is the entry of the act.
func AccountReset(e lieciba.AuditEntry, u lieciba.User) lieciba.Alarm {
	return lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](e.At), Kind: lieciba.AlarmAccountReset, Key: "audit:" + string(e.ID), Who: e.Who, WhoID: e.WhoID,
		At: e.At, Count: 1, Detail: e.Who + " opened the account of " + u.Login + ": " + e.Detail}
}

// raise tells security staff, in the transaction of what it is about.
func (s *Server) raise(ctx context.Context, a lieciba.Alarm) error {
	if s.cfg.Alarms == nil {
		return nil
	}
	_, err := s.cfg.Alarms.RaiseAlarm(ctx, a)
	return err
}
