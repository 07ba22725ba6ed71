package server

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/alarm"
)

// ShellEntry begins the audit entry of what an operator does at the machine itself.
func ShellEntry(act string, now time.Time) lieciba.AuditEntry {
	return lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: lieciba.Micro(now), Who: "shell", WhoID: "shell", Act: act, Outcome: "ok"}
}

// ApprovedRequest finds a request of a kind that a command may spend now. It is
// asked before anything is made; SpendRequest asks again where it counts. A refusal
// leaves its audit entry: CodeNotFound, CodeConflict, CodeCorrupt.
func ApprovedRequest(ctx context.Context, cat storage.Catalog, kind lieciba.RequestKind, id lieciba.RequestID) (lieciba.Request, error) {
	r, err := approvedRequest(ctx, cat, kind, id)
	switch lieciba.CodeOf(err) {
	case lieciba.CodeConflict, lieciba.CodeNotFound, lieciba.CodeCorrupt:
	default:
		return r, err
	}
	e := ShellEntry(lieciba.AuditUseRequest, time.Now())
	e.Object, e.Outcome, e.Detail = "request:"+string(id), string(lieciba.CodeOf(err)), err.Error()
	if auditErr := cat.AppendAudit(ctx, e); auditErr != nil {
		return r, auditErr
	}
	return r, err
}

func approvedRequest(ctx context.Context, cat storage.Catalog, kind lieciba.RequestKind, id lieciba.RequestID) (lieciba.Request, error) {
	r, err := cat.Request(ctx, id)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return r, lieciba.Errorf(lieciba.CodeNotFound, "there is no request %s", id)
	}
	if err != nil {
		return r, err
	}
	if _, err = useRequest(r, kind, "", time.Now()); err != nil {
		return r, err
	}
	return r, stillGood(ctx, cat, r)
}

// stillGood refuses what somebody approved who may not any more, and what somebody
// asked for who may not any more: CodeConflict.
func stillGood(ctx context.Context, cat storage.Catalog, r lieciba.Request) error {
	if err := storage.StillApproved(ctx, cat, r); err != nil {
		return err
	}
	asker, err := askerOf(ctx, cat, r)
	if err != nil {
		return err
	}
	if lieciba.AllowSomewhere(asker, r.Kind.AskAct()) != nil {
		return lieciba.Errorf(lieciba.CodeConflict, "%s, who asked for this, may not ask for it any more: ask anew", r.AskedBy)
	}
	return nil
}

// askerOf is who asked as they are now; nobody's rights for who is not let in any more.
func askerOf(ctx context.Context, cat storage.Catalog, r lieciba.Request) (lieciba.Principal, error) {
	u, err := cat.User(ctx, lieciba.UserID(r.AskedByID))
	if lieciba.CodeOf(err) != lieciba.CodeNotFound {
		if err == nil && u.Disabled {
			u.Roles = nil
		}
		return lieciba.Principal{ID: string(u.ID), Name: u.Login, Roles: u.Roles, SiteIDs: u.SiteIDs}, err
	}
	t, err := cat.ClientTokenByID(ctx, lieciba.TokenID(r.AskedByID))
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return lieciba.Principal{}, nil
	case err == nil && (!t.RevokedAt.IsZero() || !time.Now().Before(t.ExpiresAt)):
		t.Roles = nil
	}
	return lieciba.Principal{ID: string(t.ID), Name: t.Name, Machine: true, Roles: t.Roles, SiteIDs: t.SiteIDs, Scopes: t.Scopes}, err
}

// useRequest spends r in the name of who asked: the shell is their hand, and what
// it can do was approved.
func useRequest(r lieciba.Request, kind lieciba.RequestKind, made string, now time.Time) (lieciba.Request, error) {
	if r.Kind != kind {
		return r, lieciba.Errorf(lieciba.CodeConflict, "request %s asks for something else, %s", r.ID, r.Kind)
	}
	return r.Use(lieciba.Principal{ID: r.AskedByID, Name: r.AskedBy}, made, now)
}

// SpendRequest uses a request and audits its use, in the transaction of the act
// that it was approved for. made is kind:ID of what comes of it.
func SpendRequest(ctx context.Context, cat storage.Catalog, kind lieciba.RequestKind, id lieciba.RequestID, made string) (lieciba.Request, error) {
	now := time.Now()
	stored, err := cat.ChangeRequest(ctx, id, func(r lieciba.Request) (*lieciba.Request, error) {
		used, err := useRequest(r, kind, made, now)
		return &used, err
	})
	if err != nil {
		return stored, err
	}
	if err := stillGood(ctx, cat, stored); err != nil {
		return stored, err
	}
	e := ShellEntry(lieciba.AuditUseRequest, now)
	e.Who, e.WhoID, e.Object = stored.AskedBy, stored.AskedByID, "request:"+string(stored.ID)
	e.SessionID, e.From, e.To = stored.Asked.SessionID, stored.Asked.From, stored.Asked.To
	e.Detail = "used at the machine's shell for " + made + ", approved by " + stored.DecidedBy
	return stored, cat.AppendAudit(ctx, e)
}

// BreakGlass audits as such what one person does at the shell that needs two, and
// raises the alarm, in the transaction of the act. object is kind:ID, what a clause
// that says what was done, reason why it was done alone.
func BreakGlass(ctx context.Context, cat storage.Catalog, object, what, reason string) error {
	e := ShellEntry(lieciba.AuditBreakGlass, time.Now())
	e.Object, e.Detail = object, what+" at the machine's shell without a second person: "+reason
	if err := cat.AppendAudit(ctx, e); err != nil {
		return err
	}
	return RaiseBreakGlass(ctx, cat, e)
}

// RaiseBreakGlass raises the alarm of an act at the shell whose entry is e, once
// for each object; the text is the entry's.
func RaiseBreakGlass(ctx context.Context, cat storage.Catalog, e lieciba.AuditEntry) error {
	_, err := alarm.Raiser{Catalog: cat}.RaiseAlarm(ctx, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](e.At), Kind: lieciba.AlarmBreakGlass,
		Key: e.Object, Who: e.Who, WhoID: e.WhoID, At: e.At, Count: 1, Detail: e.Detail})
	return err
}
