package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/sequencer"
)

// person stores an account, whose login only begins with the name, and returns it
// as it asks and approves.
func person(t *testing.T, cat storage.Catalog, name string, at time.Time, roles ...lieciba.Role) lieciba.Principal {
	t.Helper()
	u := lieciba.User{ID: lieciba.NewID[lieciba.UserID](at), Roles: roles, CreatedAt: lieciba.Micro(at)}
	u.Login = name + "-" + string(u.ID)[24:]
	require.NoError(t, cat.PutUser(t.Context(), u))
	return lieciba.Principal{ID: string(u.ID), Name: name, Roles: roles}
}

// rotation stores somebody's request, asked so long ago, which another approved
// right then if approved says so.
func (l *hashLog) rotation(t *testing.T, kind lieciba.RequestKind, approved bool, ago time.Duration) lieciba.Request {
	t.Helper()
	at := time.Now().Add(-ago)
	asker := person(t, l.catalog, "admin", at, lieciba.RoleAdmin)
	r, err := lieciba.NewRequest(kind, lieciba.Asked{}, "The operator left", asker, at)
	require.NoError(t, err)
	require.NoError(t, l.catalog.PutRequest(t.Context(), r))
	if !approved {
		return r
	}
	by := person(t, l.catalog, "berta", at, lieciba.RoleApprover)
	in := lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](at), UserID: lieciba.UserID(by.ID), FreshAt: at, FreshBy: lieciba.SignInPasskey}
	r, err = l.catalog.ChangeRequest(t.Context(), r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
		next, err := r.Approve(by, in, r.Digest, at, lieciba.SignInPasskey)
		return &next, err
	})
	require.NoError(t, err)
	return r
}

func (l *hashLog) audited(t *testing.T, act string) []lieciba.AuditEntry {
	t.Helper()
	list, err := l.catalog.ListAudit(t.Context(), storage.AuditFilter{Act: act})
	require.NoError(t, err)
	return list
}

// An approved request changes the key once; any other changes nothing, makes no
// key, and leaves its entry.
func TestKeyRotateSpendsARequest(t *testing.T) {
	t.Parallel()
	l := newHashLog(t)
	l.grow(t, 1)
	first := l.sequencer.Key().VerifierKey()
	rotate := func(r lieciba.RequestID) (int, string) {
		code, _, errs := command(t, nil, "", "key", "rotate", "--request", string(r), "-c", l.config)
		return code, errs
	}
	refused := func(r lieciba.RequestID, outcome lieciba.Code, says string) {
		t.Helper()
		before := len(l.audited(t, "rotate_key"))
		code, errs := rotate(r)
		require.Equal(t, 1, code)
		require.Contains(t, errs, says)
		e := l.audited(t, "use_request")[0]
		require.Equal(t, []string{"request:" + string(r), string(outcome), "shell"}, []string{e.Object, e.Outcome, e.Who})
		require.Len(t, l.audited(t, "rotate_key"), before)
		require.NoFileExists(t, sequencer.NextKeyFile(filepath.Join(l.dir, "log.key")))
	}
	refused(lieciba.NewID[lieciba.RequestID](time.Now()), lieciba.CodeNotFound, "there is no request")
	refused(l.rotation(t, lieciba.RequestKeyRotation, false, 0).ID, lieciba.CodeConflict, "requested")
	refused(l.rotation(t, lieciba.RequestRoles, true, 0).ID, lieciba.CodeConflict, "asks for something else")
	gone := l.rotation(t, lieciba.RequestKeyRotation, true, 0)
	approver, err := l.catalog.User(t.Context(), lieciba.UserID(gone.DecidedByID))
	require.NoError(t, err)
	approver.Disabled = true
	require.NoError(t, l.catalog.PutUser(t.Context(), approver))
	refused(gone.ID, lieciba.CodeConflict, "who approved this, is closed")
	refused(l.rotation(t, lieciba.RequestKeyRotation, true, lieciba.RequestLife).ID, lieciba.CodeConflict, "expired")
	l.grow(t, 1)
	require.Equal(t, first, l.sequencer.Key().VerifierKey())

	r := l.rotation(t, lieciba.RequestKeyRotation, true, 0)
	code, errs := rotate(r.ID)
	require.Zero(t, code, errs)
	l.grow(t, 1)
	next := l.sequencer.Key()
	require.NotEqual(t, first, next.VerifierKey())
	keys, err := l.sequencer.Keys(t.Context())
	require.NoError(t, err)
	require.Equal(t, "The operator left", keys[1].Reason)
	stored, err := l.catalog.Request(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{lieciba.RequestUsed, "key:" + next.Fingerprint()}, []any{stored.State, stored.UsedFor})
	e := l.audited(t, "use_request")[0]
	require.Equal(t, []string{"ok", r.AskedByID, "request:" + string(r.ID)}, []string{e.Outcome, e.WhoID, e.Object})
	require.Contains(t, e.Detail, "approved by berta")
	alarms, err := l.catalog.ListAlarms(t.Context(), storage.AlarmFilter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, alarms, "two people decided: nobody is alarmed")
	refused(r.ID, lieciba.CodeConflict, "used")
}
