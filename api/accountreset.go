package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
)

// TakeRights takes from an account whatever it could be used for: its roles and
// sites, which it returns in u without storing them, its passkeys and its grants in
// force, which end here. It runs inside of the act that sets another person's
// password or opens their account again, so that whoever does that alone gets an
// account that may do nothing; its roles come back by a request (four eyes). taken
// says what there was, in words; empty: nothing.
func TakeRights(ctx context.Context, cat storage.Catalog, u *lieciba.User, by string, now time.Time) (taken string, err error) {
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
func TakeKeys(ctx context.Context, cat storage.Catalog, id lieciba.UserID, by string, now time.Time) (taken string, err error) {
	var parts []string
	keys, err := takePasskeys(ctx, cat, id)
	if keys > 0 {
		parts = append(parts, counted(keys, "passkey"))
	}
	if err != nil {
		return "", err
	}
	grants, err := revokeGrantsOf(ctx, cat, string(id), by, now)
	if grants > 0 {
		parts = append(parts, counted(grants, "grant"))
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
	f := storage.GrantFilter{HolderID: holder, InForceAt: lieciba.Micro(now), Limit: 1000}
	for {
		list, err := cat.ListGrants(ctx, f)
		if err != nil {
			return n, err
		}
		for _, g := range list {
			if _, err := cat.RevokeGrant(ctx, g.ID, by, lieciba.Micro(now)); err != nil {
				return n, err
			}
			n++
		}
		if len(list) < f.Limit {
			return n, nil
		}
		f.Before = list[len(list)-1].ID
	}
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
