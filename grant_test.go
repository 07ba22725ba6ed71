package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// decideTable: a reviewer with one grant on session s, cameras a and b, 10:00 to
// 11:00 of the footage, in force from 12:00 to 14:00.
func TestDecide(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 11, 18, h, m, 0, 0, time.UTC) }
	span := func(h1, m1, h2, m2 int) lieciba.Interval { return lieciba.Interval{From: at(h1, m1), To: at(h2, m2)} }
	grant := lieciba.Grant{ID: "g", SessionID: "s", HolderID: "anna", CameraIDs: []lieciba.CameraID{"a", "b"},
		From: at(10, 0), To: at(11, 0), BeganAt: at(12, 0), ExpiresAt: at(14, 0)}
	revoked := grant
	revoked.RevokedAt = at(12, 30)
	whole := grant
	whole.From, whole.To, whole.CameraIDs = time.Time{}, time.Time{}, nil
	reviewer := []lieciba.Role{lieciba.RoleReviewer}
	for _, c := range []struct {
		name  string
		who   string
		roles []lieciba.Role
		o     lieciba.Object
		grant lieciba.Grant
		now   time.Time
		want  lieciba.Code
	}{
		{"in force", "anna", reviewer, lieciba.Object{Session: "s", Camera: "a", Span: span(10, 0, 11, 0)}, grant, at(13, 0), ""},
		{"no camera in particular", "anna", reviewer, lieciba.Object{Session: "s"}, grant, at(13, 0), ""},
		{"whole session", "anna", reviewer, lieciba.Object{Session: "s", Camera: "z", Span: span(1, 0, 23, 0)}, whole, at(13, 0), ""},
		{"another camera", "anna", reviewer, lieciba.Object{Session: "s", Camera: "c"}, grant, at(13, 0), lieciba.CodeNeedsGrant},
		{"before the range", "anna", reviewer, lieciba.Object{Session: "s", Camera: "a", Span: span(9, 59, 10, 30)}, grant, at(13, 0), lieciba.CodeNeedsGrant},
		{"after the range", "anna", reviewer, lieciba.Object{Session: "s", Camera: "a", Span: span(10, 30, 11, 1)}, grant, at(13, 0), lieciba.CodeNeedsGrant},
		{"open end", "anna", reviewer, lieciba.Object{Session: "s", Camera: "a", Span: lieciba.Interval{From: at(10, 30)}}, grant, at(13, 0), lieciba.CodeNeedsGrant},
		{"another session", "anna", reviewer, lieciba.Object{Session: "x", Camera: "a"}, grant, at(13, 0), lieciba.CodeNeedsGrant},
		{"another person", "berta", reviewer, lieciba.Object{Session: "s", Camera: "a"}, grant, at(13, 0), lieciba.CodeNeedsGrant},
		{"not begun", "anna", reviewer, lieciba.Object{Session: "s"}, grant, at(11, 59), lieciba.CodeNeedsGrant},
		{"expired", "anna", reviewer, lieciba.Object{Session: "s"}, grant, at(14, 0), lieciba.CodeNeedsGrant},
		{"revoked", "anna", reviewer, lieciba.Object{Session: "s"}, revoked, at(13, 0), lieciba.CodeNeedsGrant},
		{"a grant without the role", "anna", []lieciba.Role{lieciba.RoleAdmin}, lieciba.Object{Session: "s"}, grant, at(13, 0), lieciba.CodeForbidden},
		{"supervisor of another site", "anna", []lieciba.Role{lieciba.RoleSupervisor}, lieciba.Object{Site: "x", Session: "s"}, grant, at(13, 0), lieciba.CodeForbidden},
		{"supervisor of the site", "anna", []lieciba.Role{lieciba.RoleSupervisor}, lieciba.Object{Site: "own", Session: "s"}, grant, at(13, 0), ""},
	} {
		p := lieciba.Principal{ID: c.who, Roles: c.roles, SiteIDs: []lieciba.SiteID{"own"}}
		d := lieciba.Decide(p, lieciba.ActWatchArchive, c.o, []lieciba.Grant{c.grant}, c.now)
		require.Equal(t, c.want, lieciba.CodeOf(d.Err), c.name)
		require.Equal(t, c.want == "", d.Grant != nil, c.name)
	}
	for _, role := range lieciba.Roles() { // nobody's role alone opens the archive
		p := lieciba.Principal{ID: "anna", Roles: []lieciba.Role{role}, SiteIDs: []lieciba.SiteID{"own"}}
		require.Error(t, lieciba.Decide(p, lieciba.ActWatchArchive, lieciba.Object{Site: "own", Session: "s"}, nil, at(13, 0)).Err, role)
	}
	p := lieciba.Principal{Roles: reviewer}
	require.NoError(t, lieciba.Decide(p, lieciba.ActViewSessions, lieciba.Object{}, nil, at(13, 0)).Err, "no grant where none is needed")
}

// Scopes take away and never add.
func TestScopes(t *testing.T) {
	p := lieciba.Principal{Machine: true, Roles: []lieciba.Role{lieciba.RoleCitizenship}, Scopes: []lieciba.Act{lieciba.ActPushEvent, lieciba.ActManageUsers}}
	require.NoError(t, lieciba.Allow(p, lieciba.ActPushEvent, ""))
	require.Error(t, lieciba.Allow(p, lieciba.ActPushSession, ""))
	require.Error(t, lieciba.Allow(p, lieciba.ActManageUsers, ""))
	require.Error(t, lieciba.AllowSomewhere(p, lieciba.ActPushSession))
	all, sites := lieciba.AllowedSites(p, lieciba.ActViewSessions)
	require.False(t, all)
	require.Empty(t, sites)
	p.Scopes = []lieciba.Act{}
	require.Error(t, lieciba.Allow(p, lieciba.ActPushEvent, ""), "no scope, no act")
}
