package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// Who may not do an act leaves an entry on each of its routes, but for the few
// harmless reads.
func TestEveryRefusalIsAudited(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	tried := 0
	for _, r := range w.server.routes() {
		i := slices.IndexFunc(lieciba.Roles(), func(role lieciba.Role) bool { return lieciba.AllowSomewhere(w.principal(role), r.act) != nil })
		if r.act == "" || i < 0 || slices.Contains(harmlessReads, r.act) {
			continue
		}
		tried++
		role, path := lieciba.Roles()[i], strings.Replace(r.path, ":id", lieciba.NewID[string](start), 1)
		w.badly(role, r.method, path, nil).refused(403, lieciba.CodeForbidden, "")
		e := w.audited(string(r.act))
		require.NotEmpty(t, e, "%s %s", r.method, r.path)
		require.Equal(t, []string{"token-" + string(role), "forbidden", r.method + " " + r.path}, []string{e[0].Who, e[0].Outcome, e[0].Detail})
	}
	require.Greater(t, tried, 60)
}

// What lies outside of somebody's reach looks as if it were not there, and the
// attempt is in the log: by its ID, by a query, and of what others began.
func TestReachingBeyondIsAudited(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	i := w.incident(w.foreign.session)
	reviewer := w.principal(lieciba.RoleReviewer)
	r := w.ask(lieciba.RequestGrant, w.grantAsked(w.foreign.session), reviewer)
	view, _, err := w.viewer.Live(t.Context(), "", lieciba.StreamSub, "", reviewer)
	require.NoError(t, err)
	for _, c := range []struct {
		method, path string
		act          lieciba.Act
		outcome      lieciba.Code
	}{
		{"POST", "/v1/incidents/" + string(i.ID) + "/retraction", lieciba.ActMarkIncident, lieciba.CodeForbidden},
		{"GET", "/v1/exam-sessions/" + string(w.foreign.session.ID), lieciba.ActViewSessions, lieciba.CodeForbidden},
		{"GET", "/v1/exam-sessions?room=" + w.foreign.room.Code, lieciba.ActViewSessions, lieciba.CodeForbidden},
		{"GET", "/v1/cameras?site=" + w.foreign.site.Code, lieciba.ActViewCameras, lieciba.CodeForbidden},
		{"GET", "/v1/requests?session=" + string(w.foreign.session.ID), lieciba.ActViewSessions, lieciba.CodeForbidden},
		{"GET", "/v1/requests/" + string(r.ID), lieciba.ActViewRequests, lieciba.CodeNotFound},
		{"DELETE", "/v1/whep/" + view, lieciba.ActWatchLive, lieciba.CodeNotFound},
	} {
		before := len(w.audited(string(c.act)))
		var body any
		if c.method == "POST" {
			body = map[string]any{"note": "It was a calculator"}
		}
		w.as("supervisor", c.method, c.path, body).want(404)
		e := w.audited(string(c.act))
		require.Len(t, e, before+1, "%s %s", c.method, c.path)
		require.Equal(t, []string{"token-supervisor", string(c.outcome)}, []string{e[0].Who, e[0].Outcome}, c.path)
	}
}

// Whoever tries to add a passkey with an old proof leaves an entry: it is what the
// thief of a cookie would do first.
func TestStaleProofIsAudited(t *testing.T) {
	w := newWorld(t)
	b := w.person("anna", lieciba.RoleApprover)
	w.clock.add(lieciba.FreshFor)
	w.do(request{method: "POST", path: "/v1/me/passkeys/options", client: b, body: map[string]any{"name": "key"}}).refused(403, lieciba.CodeNotFresh, "")
	e := w.audited(lieciba.AuditProve)[0]
	require.Equal(t, []string{"anna", "not_fresh", "POST /v1/me/passkeys/options"}, []string{e.Who, e.Outcome, e.Detail})
}
