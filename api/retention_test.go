package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	const path = "/v1/retention/policies"
	first := w.as("admin", "POST", path, newPolicyBody(nil)).want(201).json()
	require.Equal(t, []any{"default", 1.0, "draft", "token-admin", "", nil, false, ""},
		[]any{first["name"], first["version"], first["state"], first["drafted_by"], first["approved_by"], first["approved_at"], first["shortens"], first["notice"]})
	require.Equal(t, "policy default version 1 drafted", w.audited("draft_policy")[0].Detail)
	body := func(id any) map[string]any {
		return map[string]any{"kind": "retention_policy", "policy_id": id, "reason": "The ministry asks for it"}
	}
	approve := func(id any) { w.through("admin", body(id)) }
	approve(first["id"])
	a := w.as("security", "GET", path, nil).want(200).items()[0]
	require.Equal(t, "approved", a["state"])
	require.NotContains(t, []any{"", "token-admin"}, a["approved_by"])
	w.as("admin", "POST", "/v1/requests", body(first["id"])).refused(409, "conflict", "") // it is in force
	require.EqualValues(t, 1, w.planner.pokes.Load())

	// A shortening says so where it is drafted, listed, approved and in the audit log.
	second := w.as("admin", "POST", path, newPolicyBody(map[string]any{"keep": months(2), "after_appeal": map[string]any{"months": 0, "days": 30}})).want(201).json()
	require.Equal(t, []any{2.0, true}, []any{second["version"], second["shortens"]})
	require.Contains(t, second["notice"], "shortens keep, after_appeal of version 1")
	require.Contains(t, second["notice"], "keeps its longer term")
	approve(second["id"])
	require.Equal(t, second["notice"], w.as("security", "GET", path, nil).want(200).items()[1]["notice"])
	require.Contains(t, w.audited("approve_policy")[0].Detail, "shortens keep, after_appeal of version 1")
	back := w.as("admin", "POST", path, newPolicyBody(map[string]any{"keep": months(1), "retroactive": true})).want(201).json()
	require.Contains(t, back["notice"], "retroactive")
	longer := w.as("admin", "POST", path, newPolicyBody(map[string]any{"keep": months(4), "after_appeal": months(2)})).want(201).json()
	require.Equal(t, []any{4.0, false}, []any{longer["version"], longer["shortens"]})
	other := w.as("admin", "POST", path, newPolicyBody(map[string]any{"name": "speaking", "keep": months(1)})).want(201).json()
	require.Equal(t, []any{1.0, false}, []any{other["version"], other["shortens"]}, "of another name")
	approve(longer["id"])
	w.as("admin", "POST", w.agreed("admin", body(back["id"]))+"/use", nil).refused(409, "conflict", "version")
	var states []any
	for _, p := range w.as("security", "GET", path, nil).want(200).items() {
		states = append(states, p["name"], p["state"])
	}
	require.Equal(t, []any{"default", "superseded", "default", "superseded", "default", "draft", "default", "approved", "speaking", "draft"}, states)
}

// Nobody approves what they drafted, whatever their roles are and whoever asks.
func TestPoliciesNeedFourEyes(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	both := w.person("both", lieciba.RoleAdmin, lieciba.RoleApprover)
	w.provedByPasskey("both")
	p := w.do(request{method: "POST", path: "/v1/retention/policies", client: both, body: newPolicyBody(nil)}).want(201).json()
	body := map[string]any{"kind": "retention_policy", "policy_id": p["id"], "reason": "The ministry asks for it"}
	r := w.as("admin", "POST", "/v1/requests", body).want(201).json()
	w.do(request{method: "POST", path: "/v1/requests/" + r["id"].(string) + "/approval", client: both, body: map[string]any{"digest": r["digest"]}}).refused(403, "forbidden", "")
	e := w.audited(string(lieciba.ActApproveRequest))
	require.Len(t, e, 1, "the attempt is recorded, and no approval")
	require.Equal(t, []any{"forbidden", "both"}, []any{e[0].Outcome, e[0].Who})
	require.Equal(t, "draft", w.as("admin", "GET", "/v1/retention/policies", nil).items()[0]["state"])
	w.through("admin", body)
	body["policy_id"] = lieciba.NewID[string](start)
	w.as("admin", "POST", "/v1/requests", body).refused(404, "not_found", "")
	body["policy_id"] = "default"
	w.badly("admin", "POST", "/v1/requests", body).refused(400, "invalid", "policy_id")
}

func TestPolicyDraftsAreChecked(t *testing.T) {
	w := newWorld(t)
	period := func(m, d int) map[string]any { return map[string]any{"months": m, "days": d} }
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"a name with a slash":       {map[string]any{"name": "../x"}, "name"},
		"no purpose":                {map[string]any{"purpose": ""}, "purpose"},
		"no legal basis":            {map[string]any{"legal_basis": nil}, "legal_basis"},
		"a personal code":           {map[string]any{"legal_basis": "as 320101-12345 said"}, "legal_basis"},
		"no keep":                   {map[string]any{"keep": nil}, "keep"},
		"keep nothing":              {map[string]any{"keep": period(0, 0)}, "keep"},
		"a negative term":           {map[string]any{"keep": period(3, -1)}, "keep"},
		"a term without end":        {map[string]any{"unanchored": period(1201, 0)}, "unanchored"},
		"no ceiling":                {map[string]any{"unanchored": period(0, 0)}, "unanchored"},
		"an alarm before the start": {map[string]any{"warn_before": period(13, 0)}, "warn_before"},
		"no term after an appeal":   {map[string]any{"after_appeal": nil}, "after_appeal"},
		"half a month":              {map[string]any{"keep": map[string]any{"months": 0.5, "days": 0}}, "keep.months"},
		"weeks":                     {map[string]any{"keep": map[string]any{"weeks": 1}}, "weeks"},
		"an approval":               {map[string]any{"approved_by": "me"}, "approved_by"},
		"a state":                   {map[string]any{"state": "approved"}, "state"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.badly("admin", "POST", "/v1/retention/policies", newPolicyBody(c.change)).refused(400, "invalid", c.field)
		})
	}
	w.t = t
	require.Empty(t, w.as("admin", "GET", "/v1/retention/policies", nil).items())
}

func TestPlan(t *testing.T) {
	w := newWorld(t)
	x, rec := w.finished(w.own)
	w.planner.rows = []PlannedDeletion{
		{RecordingID: rec.ID, SessionID: x.ID, ExternalID: x.ExternalID, CameraID: rec.CameraID, Bytes: 7, DueAt: start, Due: true, Reason: "kept long enough"},
		{RecordingID: w.own.rec.ID, SessionID: w.own.session.ID, ExternalID: "riga-A", CameraID: w.own.camera.ID, BlockedBy: []string{"a hold", "an export"}, Alarms: []string{"no result"}}}
	list := w.as("approver", "GET", "/v1/retention/plan?before=2026-12-01T00:00:00%2B02:00", nil).want(200).items()
	require.Equal(t, time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC), w.planner.asked)
	require.Equal(t, []any{x.ExternalID, "front", 7.0, true, "2026-11-18T06:30:00Z", "kept long enough", "", []any{}},
		[]any{list[0]["external_id"], list[0]["camera_name"], list[0]["bytes"], list[0]["due"], list[0]["due_at"], list[0]["reason"], list[0]["blocked_by"], list[0]["alarms"]})
	require.Equal(t, []any{nil, false, "a hold; an export", []any{"no result"}}, []any{list[1]["due_at"], list[1]["due"], list[1]["blocked_by"], list[1]["alarms"]})
	w.badly("approver", "GET", "/v1/retention/plan?before=soon", nil).refused(400, "invalid", "before")
	w.badly("approver", "GET", "/v1/retention/plan?until=2026-12-01T00:00:00Z", nil).refused(400, "invalid", "until")
	require.Zero(t, w.planner.pokes.Load(), "a dry run starts nothing")
}

func TestHolds(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	path := "/v1/exam-sessions/" + string(w.own.session.ID) + "/holds"
	h := w.as("reviewer", "POST", path, map[string]any{"kind": "court", "reference": "A420-117/26", "reason": "request of the court"}).want(201).json()
	require.Equal(t, []any{"court", true, "token-reviewer", 0.0}, []any{h["kind"], h["active"], h["placed_by"], h["gone_segments"]})
	e := w.audited("place_hold")[0]
	require.Equal(t, []any{"hold placed: court A420-117/26", w.own.session.ID}, []any{e.Detail, e.SessionID})
	body := map[string]any{"kind": "hold_release", "hold_id": h["id"], "reason": "The court has its copy"}
	yes := w.agreed("security", body)
	list := w.as("approver", "GET", "/v1/holds", nil).want(200).items()
	require.Len(t, list, 1, "an approval alone releases nothing")
	w.as("security", "POST", yes+"/use", nil).want(200)
	released := w.as("approver", "GET", "/v1/holds?session=riga-A", nil).want(200).items()[0]
	require.Equal(t, []any{"token-security", false}, []any{released["release_asked_by"], released["active"]})
	require.NotContains(t, []any{"", "token-security"}, released["released_by"])
	w.as("reviewer", "POST", "/v1/requests", body).refused(409, "conflict", "")
	require.Contains(t, w.audited("release_hold")[0].Detail, "hold released, asked for by token-security, approved by ")
	require.Empty(t, w.as("approver", "GET", "/v1/holds", nil).want(200).items(), "active ones only")
	require.Len(t, w.as("approver", "GET", "/v1/holds?session=riga-A", nil).want(200).items(), 1, "all of a session")
	require.Positive(t, w.planner.pokes.Load())
	for _, kind := range []lieciba.LeafKind{lieciba.LeafHold} {
		for _, subject := range []string{h["id"].(string), h["id"].(string) + ":released"} {
			_, err := w.catalog.LeafOf(t.Context(), kind, subject)
			require.NoError(t, err, subject)
		}
	}
}

func TestHoldsAreChecked(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"an unknown kind":            {map[string]any{"kind": "forever"}, "kind"},
		"no reference":               {map[string]any{"reference": ""}, "reference"},
		"a long reference":           {map[string]any{"reference": strings.Repeat("x", 201)}, "reference"},
		"a personal code":            {map[string]any{"reference": "150685-11111"}, "reference"},
		"one without a dash":         {map[string]any{"reason": "asked by 15068511111"}, "reason"},
		"a new one":                  {map[string]any{"reason": "asked by 321234-12345"}, "reason"},
		"no reason":                  {map[string]any{"reason": "\t"}, "reason"},
		"a long reason":              {map[string]any{"reason": strings.Repeat("x", 501)}, "reason"},
		"an appeal that is no code":  {map[string]any{"kind": "appeal", "reference": "a b"}, "reference"},
		"a release":                  {map[string]any{"released_by": "me"}, "released_by"},
		"an end that nobody decides": {map[string]any{"release_due": "2026-12-01T00:00:00Z"}, "release_due"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			body := map[string]any{"kind": "court", "reference": "C-1", "reason": "court"}
			for k, v := range c.change {
				body[k] = v
			}
			w.badly("reviewer", "POST", "/v1/exam-sessions/riga-A/holds", body).refused(400, "invalid", c.field)
		})
	}
	w.t = t
	require.Empty(t, w.as("security", "GET", "/v1/holds", nil).items())
	w.badly("security", "GET", "/v1/holds?sesion=riga-A", nil).refused(400, "invalid", "sesion")
	w.as("security", "GET", "/v1/holds?session=no-such", nil).refused(404, "not_found", "")
	w.as("reviewer", "POST", "/v1/exam-sessions/no-such/holds", map[string]any{"kind": "court", "reference": "C", "reason": "c"}).refused(404, "not_found", "")
}

// A hold that comes while footage goes keeps the rest and says what is gone.
func TestHoldTellsWhatIsGone(t *testing.T) {
	w := newWorld(t)
	d := w.deletion(w.own, false)
	segments, err := w.catalog.ClaimSegments(t.Context(), d.ID, 1)
	require.NoError(t, err)
	require.Len(t, segments, 1)
	h := w.as("security", "POST", "/v1/exam-sessions/"+string(d.SessionID)+"/holds", map[string]any{"kind": "request", "reference": "R-1", "reason": "access request"}).want(201).json()
	require.Equal(t, 1.0, h["gone_segments"])
}

func TestDeletions(t *testing.T) {
	w := newWorld(t)
	open, done := w.deletion(w.own, false), w.deletion(w.foreign, true)
	list := w.as("security", "GET", "/v1/deletions", nil).want(200).items()
	require.Len(t, list, 2)
	list = w.as("security", "GET", "/v1/deletions?state=done", nil).want(200).items()
	require.Len(t, list, 1)
	require.Equal(t, []any{string(done.ID), "done", "kept long enough"}, []any{list[0]["id"], list[0]["state"], list[0]["reason"]})
	first := w.as("security", "GET", "/v1/deletions?limit=1", nil).want(200)
	require.Len(t, w.as("security", "GET", "/v1/deletions?limit=1&before="+first.json()["next_before"].(string), nil).want(200).items(), 1)

	a := w.as("security", "GET", "/v1/deletions/"+string(done.ID)+"/certificate", nil).want(200)
	require.Equal(t, done.Certificate, a.body, "byte for byte")
	var c evidence.Certificate
	require.NoError(t, evidence.Decode(a.body, &c))
	leaf, err := w.catalog.LeafOf(t.Context(), lieciba.LeafDeletion, string(done.ID))
	require.NoError(t, err)
	require.Equal(t, leaf.Commitment, evidence.Commitment(leaf.Salt, a.body), "its hash is in the log")
	require.Contains(t, a.header.Get("Content-Disposition"), "deletion-"+string(done.ID)+".json")
	w.as("security", "GET", "/v1/deletions/"+string(open.ID)+"/certificate", nil).refused(409, "conflict", "")
	w.as("security", "GET", "/v1/deletions/"+lieciba.NewID[string](start)+"/certificate", nil).refused(404, "not_found", "")
	w.badly("security", "GET", "/v1/deletions?state=gone", nil).refused(400, "invalid", "state")
	require.True(t, json.Valid(a.body))
}
