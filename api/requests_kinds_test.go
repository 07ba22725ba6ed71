package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// agreed has what a role's token asks for approved by a person from their own
// sign-in, and answers the path of the request.
func (w *world) agreed(role lieciba.Role, body map[string]any) string {
	w.t.Helper()
	r := w.as(role, "POST", "/v1/requests", body).want(201).json()
	login := "yes-" + lieciba.NewID[string](start)[24:]
	b := w.person(login, lieciba.RoleApprover)
	w.provedByPasskey(login)
	path := "/v1/requests/" + r["id"].(string)
	w.do(request{method: "POST", path: path + "/approval", client: b, body: map[string]any{"digest": r["digest"]}}).want(200)
	return path
}

// through is agreed, used, and answers the ID of what came of it.
func (w *world) through(role lieciba.Role, body map[string]any) string {
	w.t.Helper()
	used := w.as(role, "POST", w.agreed(role, body)+"/use", nil).want(200).json()
	_, id, _ := strings.Cut(used["used_for"].(string), ":")
	return id
}

// packageBody asks for a package of a session; change changes it.
func packageBody(x lieciba.ExamSession, change map[string]any) map[string]any {
	b := map[string]any{"kind": "export", "reason": "appeal", "session_id": x.ID, "recipient_name": "board", "recipient_kind": "appeal_board",
		"recipient": goodRecipient}
	for k, v := range change {
		b[k] = v
	}
	return b
}

// kindCase is one kind of request on fresh objects.
type kindCase struct {
	body    map[string]any
	effect  func(id string) // holds what came of it
	changed func()          // makes the world another before the use
}

// kindsOverHTTP are the kinds whose use is an act of this server; grants have
// tests of their own, the key's is its command's.
var kindsOverHTTP = []struct {
	kind  lieciba.RequestKind
	asker lieciba.Role
	act   lieciba.Act // whose entry is made beside the use
	set   func(w *world) kindCase
}{
	{lieciba.RequestExport, lieciba.RoleReviewer, lieciba.ActExport, exportCase},
	{lieciba.RequestHoldRelease, lieciba.RoleSecurity, lieciba.ActReleaseHold, releaseCase},
	{lieciba.RequestPolicy, lieciba.RoleAdmin, lieciba.ActApprovePolicy, policyCase},
	{lieciba.RequestRoles, lieciba.RoleAdmin, lieciba.ActManageUsers, rolesCase},
	{lieciba.RequestDeletion, lieciba.RoleSecurity, lieciba.ActDeleteRecording, deletionCase},
}

func exportCase(w *world) kindCase {
	x, rec := w.sealed(w.own)
	return kindCase{body: packageBody(x, nil), effect: func(id string) {
		e := w.as("reviewer", "GET", "/v1/exports/"+id, nil).want(200).json()
		require.Equal(w.t, []any{"requested", "asker", "berta", string(x.ID), "appeal"}, []any{e["state"], e["requested_by"], e["approved_by"], e["session_id"], e["purpose"]})
		require.Equal(w.t, "export:"+id, w.as("security", "GET", "/v1/requests/"+e["request_id"].(string), nil).want(200).json()["used_for"])
		require.Equal(w.t, 1, w.exports.pokes)
	}, changed: func() { w.goes(rec) }}
}

func releaseCase(w *world) kindCase {
	h := w.hold(w.own.session)
	return kindCase{body: map[string]any{"kind": "hold_release", "reason": "The court has its copy", "hold_id": h.ID}, effect: func(id string) {
		require.Equal(w.t, string(h.ID), id)
		require.Empty(w.t, w.as("security", "GET", "/v1/holds", nil).items())
		got := w.as("security", "GET", "/v1/holds?session="+string(h.SessionID), nil).items()[0]
		require.Equal(w.t, []any{"asker", "berta", false}, []any{got["release_asked_by"], got["released_by"], got["active"]})
		_, err := w.catalog.LeafOf(w.t.Context(), lieciba.LeafHold, id+":released")
		require.NoError(w.t, err)
	}, changed: func() {
		_, err := w.catalog.ChangeHold(w.t.Context(), h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
			h.ReleasedBy, h.ReleasedAt = "system", start
			return &h, nil
		})
		require.NoError(w.t, err)
	}}
}

func policyCase(w *world) kindCase {
	p := w.draft("kept")
	return kindCase{body: map[string]any{"kind": "retention_policy", "reason": "The ministry asks for it", "policy_id": p.ID}, effect: func(id string) {
		require.Equal(w.t, string(p.ID), id)
		got := w.as("security", "GET", "/v1/retention/policies", nil).items()[0]
		require.Equal(w.t, []any{"approved", "berta"}, []any{got["state"], got["approved_by"]})
	}, changed: func() {
		_, err := w.catalog.ApprovePolicy(w.t.Context(), p.ID, "boss", lieciba.NewID[string](start), start)
		require.NoError(w.t, err)
	}}
}

func rolesCase(w *world) kindCase {
	b := w.person("dace", lieciba.RoleReviewer)
	u, err := w.catalog.UserByLogin(w.t.Context(), "dace")
	require.NoError(w.t, err)
	return kindCase{body: map[string]any{"kind": "roles", "reason": "A new position", "user_id": u.ID, "roles": []string{"security"}}, effect: func(id string) {
		require.Equal(w.t, string(u.ID), id)
		got, err := w.catalog.User(w.t.Context(), u.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, []lieciba.Role{lieciba.RoleSecurity}, got.Roles)
		require.Empty(w.t, got.SiteIDs)
		w.me(b).want(401) // with the old roles nobody goes on
	}, changed: func() {
		u.Issuer, u.Subject = "https://provider.test", "dace"
		require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	}}
}

func deletionCase(w *world) kindCase {
	x, rec := w.sealed(w.own)
	return kindCase{body: map[string]any{"kind": "early_deletion", "reason": "The wrong room was filmed", "recording_id": rec.ID}, effect: func(id string) {
		list := w.as("security", "GET", "/v1/deletions", nil).items()
		require.Len(w.t, list, 1)
		require.Equal(w.t, []any{id, string(rec.ID)}, []any{list[0]["id"], list[0]["recording_id"]})
		require.Contains(w.t, list[0]["reason"], "approved by berta")
		require.Positive(w.t, w.planner.pokes.Load())
	}, changed: func() { w.hold(x) }}
}

// goes begins the deletion of a recording.
func (w *world) goes(rec lieciba.Recording) {
	_, err := w.catalog.BeginDeletion(w.t.Context(), rec.ID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) {
		return &lieciba.Deletion{ID: lieciba.NewID[lieciba.DeletionID](start), RecordingID: rec.ID, SessionID: rec.SessionID, Reason: "kept long enough",
			DueAt: start, DecidedAt: start, State: lieciba.DeletionOpen}, nil
	})
	require.NoError(w.t, err)
}

// askedByAnybody is a request of a person who may approve too, which berta has seen.
func askedByAnybody(w *world, role lieciba.Role, body map[string]any) (asker, berta *http.Client, r map[string]any) {
	asker, berta = w.person("asker", role, lieciba.RoleApprover), w.person("berta", lieciba.RoleApprover)
	w.provedByPasskey("asker")
	w.provedByPasskey("berta")
	r = w.do(request{method: "POST", path: "/v1/requests", client: asker, body: body}).want(201).json()
	seen := w.do(request{method: "GET", path: "/v1/requests/" + r["id"].(string), client: berta}).want(200).json()
	require.Equal(w.t, []any{"approve", "refuse"}, seen["can"])
	return asker, berta, seen
}

// Each kind, as people go it: asked, not approved by who asked, approved from
// another sign-in, used, seen in the world and in the audit log.
func TestEveryKindIsUsedOnce(t *testing.T) {
	t.Parallel()
	for _, k := range kindsOverHTTP {
		t.Run(string(k.kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ticks = true
			c := k.set(w)
			asker, berta, r := askedByAnybody(w, k.asker, c.body)
			path, digest := "/v1/requests/"+r["id"].(string), map[string]any{"digest": r["digest"]}
			w.do(request{method: "POST", path: path + "/approval", client: asker, body: digest}).refused(403, lieciba.CodeForbidden, "")
			w.do(request{method: "POST", path: path + "/use", client: asker}).refused(409, lieciba.CodeConflict, "")
			w.do(request{method: "POST", path: path + "/approval", client: berta, body: digest}).want(200)
			before := len(w.audited(string(k.act)))
			used := w.do(request{method: "POST", path: path + "/use", client: asker}).want(200).json()
			what, id, _ := strings.Cut(used["used_for"].(string), ":")
			require.NotEmpty(t, what)
			require.Equal(t, "used", used["state"])
			for _, name := range []string{lieciba.AuditAsk(k.kind), string(lieciba.ActApproveRequest), lieciba.AuditUseRequest} {
				e := w.audited(name)[0]
				require.Equal(t, "ok", e.Outcome, name)
				require.Contains(t, e.Detail, r["digest"], name)
			}
			e := w.audited(string(k.act))
			require.Len(t, e, before+1)
			require.Equal(t, []string{"asker", "ok"}, []string{e[0].Who, e[0].Outcome})
			require.Contains(t, e[0].Detail, "asked for by asker, approved by berta (request "+r["id"].(string))
			c.effect(id)
			w.do(request{method: "POST", path: path + "/use", client: asker}).refused(409, lieciba.CodeConflict, "")
			require.Len(t, w.audited(string(k.act)), before+1, "it is used once")
		})
	}
}

// What was approved is not done to a world that is another by then.
func TestUseIsJudgedAgain(t *testing.T) {
	t.Parallel()
	for _, k := range kindsOverHTTP {
		t.Run(string(k.kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ticks = true
			c := k.set(w)
			asker, berta, r := askedByAnybody(w, k.asker, c.body)
			path := "/v1/requests/" + r["id"].(string)
			w.do(request{method: "POST", path: path + "/approval", client: berta, body: map[string]any{"digest": r["digest"]}}).want(200)
			c.changed()
			before := len(w.audited(string(k.act)))
			a := w.do(request{method: "POST", path: path + "/use", client: asker}).want(409)
			require.Contains(t, string(a.body), `"conflict"`)
			require.Equal(t, "conflict", w.audited(lieciba.AuditUseRequest)[0].Outcome)
			require.Len(t, w.audited(string(k.act)), before, "nothing was done")
			got, err := w.catalog.Request(t.Context(), lieciba.RequestID(r["id"].(string)))
			require.NoError(t, err)
			require.Equal(t, lieciba.RequestApproved, got.State, "it is not spent")
		})
	}
}

// No route does what two people must decide: whatever the role, the ways that
// once did it lead nowhere, and no role may do the acts.
func TestNoRouteGoesPastFourEyes(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	h, p := w.hold(w.own.session), w.draft("kept")
	for _, role := range lieciba.Roles() {
		for _, path := range []string{"/v1/exam-sessions/" + string(x.ID) + "/exports", "/v1/holds/" + string(h.ID) + "/release-request",
			"/v1/holds/" + string(h.ID) + "/release", "/v1/retention/policies/" + string(p.ID) + "/approval"} {
			resp := w.raw("POST", path, w.tokens[role], "Content-Type", "application/json")
			require.Contains(t, []int{404, 405}, resp.StatusCode, "%s %s", role, path)
		}
		for _, act := range []lieciba.Act{lieciba.ActReleaseHold, lieciba.ActApprovePolicy, lieciba.ActDeleteRecording} {
			require.Error(t, lieciba.AllowSomewhere(w.principal(role), act), "%s %s", role, act)
		}
	}
	require.Len(t, w.as("security", "GET", "/v1/holds", nil).items(), 1)
	require.Equal(t, "draft", w.as("security", "GET", "/v1/retention/policies", nil).items()[0]["state"])
	require.Empty(t, w.as("reviewer", "GET", "/v1/exports", nil).items())
}
