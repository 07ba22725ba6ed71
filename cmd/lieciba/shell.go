package main

import (
	"context"
	"slices"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/alarm"
)

// actShell changes accounts or clients' tokens as an operator asked for at the
// machine itself and records it, in one transaction. detail says what was done; do
// may add to the entry.
func actShell(ctx context.Context, cat storage.Catalog, object, detail string, do func(ctx context.Context, e *lieciba.AuditEntry) error) error {
	e := server.ShellEntry(string(lieciba.ActManageUsers), time.Now())
	e.Object, e.Detail = object, detail
	return cat.Act(ctx, &e, func(ctx context.Context) error { return do(ctx, &e) })
}

// alone raises the alarm for what takes two people over HTTP. Where there is no
// account yet, somebody sets the house up: nobody else could have been asked.
func alone(ctx context.Context, cat storage.Catalog, e *lieciba.AuditEntry) error {
	users, err := cat.ListUsers(ctx)
	if err != nil || len(users) == 0 {
		return err
	}
	return raiseAlone(ctx, cat, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](e.At), Kind: lieciba.AlarmBreakGlass, Key: "audit:" + string(e.ID),
		Who: e.Who, WhoID: e.WhoID, At: e.At, Count: 1, Detail: e.Detail})
}

func raiseAlone(ctx context.Context, cat storage.Catalog, a lieciba.Alarm) error {
	a.Detail += ", at the machine's shell without a second person"
	_, err := alarm.Raiser{Catalog: cat}.RaiseAlarm(ctx, a)
	return err
}

// accountReset ends what an account's last holder could still use, and raises the
// alarm that another set its password. The roles stay: when no administrator can
// sign in, nobody could give them back.
func accountReset(ctx context.Context, cat storage.Catalog, e *lieciba.AuditEntry, u lieciba.User) error {
	taken, err := api.TakeKeys(ctx, cat, u.ID, lieciba.Principal{ID: e.WhoID, Name: e.Who}, e.At)
	if err != nil {
		return err
	}
	if taken != "" {
		e.Detail = passwordSet + "; taken: " + taken // anew: an act may run twice
	}
	return raiseAlone(ctx, cat, api.AccountReset(*e, u))
}

// needsTwo reports whether a client of these roles is let in by two people over
// HTTP, or not at all: those of persons are given at the shell only.
func needsTwo(roles []lieciba.Role) bool {
	return slices.ContainsFunc(roles, func(r lieciba.Role) bool {
		return r != lieciba.RoleMonitoring && r != lieciba.RoleWitness
	})
}
