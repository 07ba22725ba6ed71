package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// account changes the account of a person as the catalogue keeps it.
func (f *fourEyes) account(login string, change func(*lieciba.User)) {
	f.t.Helper()
	u, err := f.catalog.UserByLogin(f.t.Context(), login)
	require.NoError(f.t, err)
	change(&u)
	require.NoError(f.t, f.catalog.PutUser(f.t.Context(), u))
}

// What was approved does nothing once its approver may not approve it: the
// account was closed, lost the role, or may ask for such things itself by now.
func TestApprovalFallsWithItsApprover(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lieciba.User){
		"closed":       func(u *lieciba.User) { u.Disabled = true },
		"without role": func(u *lieciba.User) { u.Roles = []lieciba.Role{lieciba.RoleMonitoring} },
		"may ask too":  func(u *lieciba.User) { u.Roles = append(u.Roles, lieciba.RoleReviewer) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFourEyes(t)
			f.approved().account("berta", change)
			f.use("anna").refused(409, lieciba.CodeConflict, "")
			e := f.audited(lieciba.AuditUseRequest)[0]
			require.Equal(t, "conflict", e.Outcome)
			require.Contains(t, e.Detail, "berta")
			require.Empty(t, f.by("anna", "GET", "/v1/grants?active=true&mine=true", nil).items())
			stored, err := f.catalog.Request(t.Context(), lieciba.RequestID(f.request["id"].(string)))
			require.NoError(t, err)
			require.Equal(t, lieciba.RequestApproved, stored.State, "it is not spent")
		})
	}
}

// Security staff and other approvers stop what was approved; who asked does not,
// they withdraw.
func TestRefusedAfterTheApproval(t *testing.T) {
	t.Parallel()
	f := newFourEyes(t)
	f.ticks = true
	f.approved()
	f.people["dina"] = f.person("dina", lieciba.RoleSecurity)
	seen := f.by("dina", "GET", f.path(""), nil).want(200).json()
	require.Equal(t, []any{"refuse"}, seen["can"])
	note := map[string]any{"note": "The account of berta was taken over"}
	f.by("anna", "POST", f.path("/refusal"), note).refused(403, lieciba.CodeForbidden, "")
	no := f.by("dina", "POST", f.path("/refusal"), note).want(200).json()
	require.Equal(t, []any{"refused", "dina", "The account of berta was taken over", []any{}}, []any{no["state"], no["decided_by"], no["note"], no["can"]})
	f.use("anna").refused(409, lieciba.CodeConflict, "")
	e := f.audited(string(lieciba.ActRefuseRequest))
	require.Equal(t, []string{"dina", "ok"}, []string{e[0].Who, e[0].Outcome})
	require.Equal(t, []string{"anna", "forbidden"}, []string{e[1].Who, e[1].Outcome})
}

// Two people who may both ask and approve do not approve each other.
func TestWhoMayAskApprovesNothingOfItsKind(t *testing.T) {
	t.Parallel()
	f := newFourEyes(t)
	f.ticks = true
	f.people["elza"] = f.person("elza", lieciba.RoleReviewer, lieciba.RoleApprover)
	require.Equal(t, []any{"refuse"}, f.by("elza", "GET", f.path(""), nil).want(200).json()["can"])
	f.approve("elza").refused(403, lieciba.CodeForbidden, "")
	e := f.audited(string(lieciba.ActApproveRequest))[0]
	require.Equal(t, []string{"elza", "forbidden"}, []string{e.Who, e.Outcome})
	f.approve("berta").want(200)
}

// newHookedFourEyes is newFourEyes with room between the parts of a request.
func newHookedFourEyes(t *testing.T) (*fourEyes, *hookedCatalog) {
	f := newFourEyes(t)
	hooks := &hookedCatalog{Catalog: f.cfg.Catalog}
	f.server.cfg.Catalog = hooks
	f.ticks = true
	return f, hooks
}

// A proof counts at the approval, not when the request came in.
func TestProofIsJudgedInsideOfTheAct(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(f *fourEyes){
		"grown old": func(f *fourEyes) { f.clock.add(lieciba.FreshFor) },
		"taken back": func(f *fourEyes) {
			u, err := f.catalog.UserByLogin(f.t.Context(), "berta")
			require.NoError(f.t, err)
			all, err := f.catalog.ListSignIns(f.t.Context(), u.ID)
			require.NoError(f.t, err)
			all[0].FreshAt, all[0].FreshBy = time.Time{}, ""
			require.NoError(f.t, f.catalog.PutSignIn(f.t.Context(), all[0]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, hooks := newHookedFourEyes(t)
			meanwhile := func() { meanwhile(f) }
			hooks.acting.Store(&meanwhile)
			f.approve("berta").refused(403, lieciba.CodeNotFresh, "")
			require.Nil(t, hooks.acting.Load())
			require.Equal(t, "not_fresh", f.audited(string(lieciba.ActApproveRequest))[0].Outcome)
		})
	}
}

// What a grant was approved for is judged when it begins: the case was closed
// after the request came in, and before the act.
func TestUseIsJudgedInsideOfTheAct(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(f *fourEyes)
		code      lieciba.Code
		status    int
	}{
		"the appeal was decided": {func(f *fourEyes) {
			reference := f.request["asked"].(map[string]any)["appeal"].(string)
			_, err := f.catalog.ChangeAppeal(f.t.Context(), f.own.session.ID, reference, func(a *lieciba.Appeal) (*lieciba.Appeal, error) {
				a.State, a.FinalAt = lieciba.AppealFinal, f.clock.Now()
				return a, nil
			})
			require.NoError(f.t, err)
		}, lieciba.CodeConflict, 409},
		"the approver was shut out": {func(f *fourEyes) { f.account("berta", func(u *lieciba.User) { u.Disabled = true }) }, lieciba.CodeConflict, 409},
		"the asker lost the role": {func(f *fourEyes) {
			f.account("anna", func(u *lieciba.User) { u.Roles = []lieciba.Role{lieciba.RoleApprover} })
		}, lieciba.CodeForbidden, 403},
		"its time ran out": {func(f *fourEyes) { f.clock.add(time.Hour) }, lieciba.CodeConflict, 409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, hooks := newHookedFourEyes(t)
			f.approved()
			meanwhile := func() { c.meanwhile(f) }
			hooks.acting.Store(&meanwhile)
			a := f.use("anna").want(c.status).json()
			require.Equal(t, string(c.code), a["error"].(map[string]any)["code"])
			require.Equal(t, string(c.code), f.audited(lieciba.AuditUseRequest)[0].Outcome)
			grants, err := f.catalog.ListGrants(t.Context(), storage.GrantFilter{SessionID: f.own.session.ID, HolderID: f.request["asked_by_id"].(string)})
			require.NoError(t, err)
			require.Empty(t, grants)
		})
	}
}
