package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
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
