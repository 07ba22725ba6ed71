package lieciba_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// policyTable is who may do what: all = at every site, own = at the sites they
// are assigned to, - = nowhere. Acts that need a grant need it beside.
const policyTable = `
                     supervisor reviewer approver security admin citizenship monitoring witness
view_sites           own        all      all      all      all   -           -          -
view_cameras         own        all      -        all      all   -           -          -
manage_cameras       -          -        -        -        all   -           -          -
manage_sites         -          -        -        -        all   -           -          -
manage_users         -          -        -        -        all   -           -          -
view_sessions        own        all      all      all      all   all         -          -
view_exam            own        all      all      all      all   -           -          -
push_session         -          -        -        -        -     all         -          -
start_session        own        -        -        -        -     -           -          -
watch_live           own        -        -        -        -     -           -          -
watch_archive        own        all      -        all      -     -           -          -
read_audit           -          -        -        all      -     -           -          -
read_metrics         -          -        -        -        all   -           all        -
read_evidence        -          all      all      all      -     -           -          all
cosign               -          -        -        -        -     -           -          all
export               -          all      -        -        -     -           -          -
push_event           -          -        -        -        -     all         -          -
read_retention       -          all      all      all      all   -           -          -
draft_policy         -          -        -        -        all   -           -          -
approve_policy       -          -        -        -        -     -           -          -
place_hold           -          all      -        all      -     -           -          -
release_hold         -          -        -        -        -     -           -          -
check_evidence       -          -        -        all      -     -           -          -
delete_recording     -          -        -        -        -     -           -          -
seal_recording       -          -        -        -        -     -           -          -
approve_request      -          -        all      -        -     -           -          -
refuse_request       -          -        all      all      -     -           -          -
ask_grant            own        all      -        all      -     -           -          -
ask_hold_release     -          all      -        all      -     -           -          -
ask_early_deletion   -          -        -        all      -     -           -          -
ask_retention_policy -          -        -        -        all   -           -          -
ask_key_rotation     -          -        -        all      all   -           -          -
ask_client_token     -          -        -        -        all   -           -          -
ask_roles            -          -        -        -        all   -           -          -
view_requests        own        all      all      all      all   -           -          -
revoke_grant         -          -        all      all      -     -           -          -
manage_appeals       -          all      -        -        -     -           -          -
view_appeals         -          all      all      all      -     -           -          -
mark_incident        own        -        -        -        -     -           -          -
review_incident      -          all      -        -        -     -           -          -
run_part             own        -        -        -        -     -           -          -
check_readiness      own        -        -        -        -     -           -          -
confirm_cancel       own        -        -        -        -     -           -          -
link_session         own        -        -        -        all   -           -          -
void_link            -          -        -        -        all   -           -          -
read_notices         -          -        -        -        all   all         -          -
manage_webhooks      -          -        -        all      all   -           -          -
read_alarms          -          -        -        all      -     -           -          -
manage_sign_ins      -          -        -        all      all   -           -          -
`

func TestPolicyTable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(policyTable), "\n")
	roles := strings.Fields(lines[0])
	require.Len(t, roles, len(lieciba.Roles()))
	var acts []lieciba.Act
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		act := lieciba.Act(f[0])
		acts = append(acts, act)
		for i, cell := range f[1:] {
			p := lieciba.Principal{Roles: []lieciba.Role{lieciba.Role(roles[i])}, SiteIDs: []lieciba.SiteID{"own"}}
			where := roles[i] + " " + f[0]
			allow := func(site lieciba.SiteID) bool {
				err := lieciba.Allow(p, act, site)
				if err != nil {
					require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), where)
				}
				return err == nil
			}
			require.Equal(t, cell != "-", allow("own"), "%s at its own site", where)
			require.Equal(t, cell == "all", allow("foreign"), "%s at a foreign site", where)
			require.Equal(t, cell == "all", allow(""), "%s on an object of no site", where)
			require.Equal(t, cell != "-", lieciba.AllowSomewhere(p, act) == nil, "%s somewhere", where)
			all, sites := lieciba.AllowedSites(p, act)
			require.Equal(t, cell == "all", all, where)
			require.NotNil(t, append(sites, "x"))
			if cell == "own" {
				require.Equal(t, []lieciba.SiteID{"own"}, sites, where)
			} else {
				require.Empty(t, sites, where)
			}
		}
	}
	require.ElementsMatch(t, lieciba.Acts(), acts, "every act has a line")
}

// A filter takes a nil list for "every site": AllowedSites must never return one
// to somebody who is bound to sites or may nothing.
func TestAllowedSitesIsNeverNilForTheBound(t *testing.T) {
	for _, p := range []lieciba.Principal{{}, {Roles: []lieciba.Role{lieciba.RoleSupervisor}}, {Roles: []lieciba.Role{lieciba.RoleMonitoring}}} {
		all, sites := lieciba.AllowedSites(p, lieciba.ActViewSessions)
		require.False(t, all)
		require.NotNil(t, sites)
		require.Empty(t, sites)
	}
	p := lieciba.Principal{Roles: []lieciba.Role{lieciba.RoleSupervisor}, SiteIDs: []lieciba.SiteID{"a", "b"}}
	_, sites := lieciba.AllowedSites(p, lieciba.ActViewSessions)
	sites[0] = "changed"
	require.Equal(t, lieciba.SiteID("a"), p.SiteIDs[0], "the list is the caller's")
}

func TestRolesAddUp(t *testing.T) {
	p := lieciba.Principal{Roles: []lieciba.Role{lieciba.RoleSupervisor, lieciba.RoleSecurity}, SiteIDs: []lieciba.SiteID{"own"}}
	require.NoError(t, lieciba.Allow(p, lieciba.ActWatchLive, "own"))
	require.Error(t, lieciba.Allow(p, lieciba.ActWatchLive, "foreign"))
	require.NoError(t, lieciba.Allow(p, lieciba.ActViewCameras, "foreign"))
	require.True(t, p.Has(lieciba.RoleSecurity))
	require.False(t, p.Has(lieciba.RoleAdmin))
	require.Error(t, lieciba.Allow(lieciba.Principal{Roles: []lieciba.Role{"root"}}, lieciba.ActManageUsers, ""))
	require.Error(t, lieciba.Allow(p, "unknown_act", "own"))
}

// Nobody both administers and watches; nobody reads the audit log of their own deeds as administrator;
// nobody both asks and approves.
func TestSeparationOfDuties(t *testing.T) {
	for _, role := range lieciba.Roles() {
		p := lieciba.Principal{Roles: []lieciba.Role{role}, SiteIDs: []lieciba.SiteID{"own"}}
		may := func(a lieciba.Act) bool { return lieciba.AllowSomewhere(p, a) == nil }
		watches := may(lieciba.ActWatchLive) || may(lieciba.ActWatchArchive)
		manages := may(lieciba.ActManageUsers) || may(lieciba.ActManageCameras)
		require.False(t, watches && manages, role)
		require.False(t, manages && may(lieciba.ActReadAudit), role)
		for _, k := range lieciba.RequestKinds() {
			require.False(t, may(lieciba.ActApproveRequest) && may(k.AskAct()), "%s both asks for %s and approves it", role, k)
		}
	}
}

func TestParseRole(t *testing.T) {
	for _, r := range lieciba.Roles() {
		got, err := lieciba.ParseRole("roles", string(r))
		require.NoError(t, err)
		require.Equal(t, r, got)
	}
	_, err := lieciba.ParseRole("roles", "Admin")
	require.ErrorContains(t, err, "supervisor", "the error lists the roles")
	require.False(t, slices.Contains(lieciba.Roles(), ""))
}

// OwnSource binds a machine that is nothing but a source.
func TestOwnSource(t *testing.T) {
	p := lieciba.Principal{Name: "pizis", Roles: []lieciba.Role{lieciba.RoleCitizenship, lieciba.RoleMonitoring}}
	require.Equal(t, "pizis", lieciba.OwnSource(p))
	p.Roles = append(p.Roles, lieciba.RoleReviewer)
	require.Empty(t, lieciba.OwnSource(p))
	require.Empty(t, lieciba.OwnSource(lieciba.Principal{Name: "anna", Roles: []lieciba.Role{lieciba.RoleReviewer}}))
}
