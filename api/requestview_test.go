package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

// summaryOf asks for something by a role and returns what stands beside it.
func (w *world) summaryOf(role lieciba.Role, body map[string]any) map[string]any {
	w.t.Helper()
	return w.as(role, "POST", "/v1/requests", body).want(201).json()["summary"].(map[string]any)
}

const otherRecipient = "age12m535savutlryw20nhgfh7w75a5uvj965pu0kksmkc4crr0uug8szzljk5"

// Whoever approves a package reads that all footage of its cameras leaves,
// whatever the clip, and whether the key is one that the recipient had before.
func TestPackageSaysWhatLeavesAndToWhom(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	court := func(key string) map[string]any {
		return packageBody(x, map[string]any{"recipient_kind": "court", "recipient_name": "Court", "recipient": key,
			"clip_from": "2026-11-18T06:30:01Z", "clip_to": "2026-11-18T06:30:02Z"})
	}
	sum := w.summaryOf("reviewer", court(goodRecipient))
	footage := sum["footage"].(map[string]any)
	require.Equal(t, []any{1.0, "2026-11-18T06:30:00Z"}, []any{footage["cameras"], footage["from"]})
	require.Greater(t, footage["seconds"], 1.0, "not the clip alone")
	require.Regexp(t, `^All footage of 1 camera\(s\) leaves the house, 18\.11\.2026 08:30:00 to .* cuts nothing\.$`, sum["notice"])
	require.Equal(t, map[string]any{"fingerprint": evidence.Fingerprint(goodRecipient), "packages": 0.0, "other_keys": 0.0, "other_names": []any{}}, sum["recipient"])

	w.export(x, goodRecipient, []byte("a package")) // to "court"
	w.clock.add(time.Minute)
	require.Equal(t, 1.0, w.summaryOf("reviewer", court(goodRecipient))["recipient"].(map[string]any)["packages"])
	other := w.summaryOf("reviewer", court(otherRecipient))["recipient"].(map[string]any)
	require.Equal(t, []any{0.0, 1.0}, []any{other["packages"], other["other_keys"]}, "a key of somebody else under the court's name")
	police := packageBody(x, map[string]any{"recipient_kind": "police", "recipient_name": "Valsts policija"})
	require.Equal(t, []any{"court"}, w.summaryOf("reviewer", police)["recipient"].(map[string]any)["other_names"])
}

// The case number of a person's own request names them to nobody.
func TestPackageForADataSubjectNamesItsCase(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	w.as("reviewer", "POST", "/v1/requests", packageBody(x, map[string]any{"recipient_kind": "data_subject", "recipient_name": "DS-2026-17"})).want(201)
}

// An approver of roles sees the sites, those of now and those that are asked for.
func TestRolesRequestNamesTheSites(t *testing.T) {
	w := newWorld(t)
	u := w.user("dace", goodPassword, []lieciba.SiteID{w.foreign.site.ID}, lieciba.RoleSupervisor)
	sum := w.summaryOf("admin", map[string]any{"kind": "roles", "reason": "She moves to Riga", "user_id": u.ID, "roles": []string{"supervisor"},
		"site_ids": []lieciba.SiteID{w.own.site.ID}})
	require.Equal(t, []any{map[string]any{"id": string(w.own.site.ID), "code": "riga", "name": "Site riga"}}, sum["sites"])
	now := sum["user"].(map[string]any)
	require.Equal(t, []any{map[string]any{"id": string(w.foreign.site.ID), "code": "liepaja", "name": "Site liepaja"}}, now["sites"])
}

// Whoever approves a grant for an incident sees which one and who marked it; one
// that was none opens nothing.
func TestGrantForAnIncidentNamesIt(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	i := w.incident(w.own.session)
	body := map[string]any{"kind": "grant", "reason": "A phone was seen", "session_id": w.own.session.ExternalID, "incident_id": i.ID,
		"until": w.clock.Now().Add(time.Hour).Format(time.RFC3339)}
	a := w.as("reviewer", "POST", "/v1/requests", body).want(201).json()
	got := a["summary"].(map[string]any)["incident"].(map[string]any)
	require.Equal(t, []any{string(i.ID), string(i.Kind), i.By, "raised"}, []any{got["id"], got["kind"], got["by"], got["state"]})
	w.as("supervisor", "POST", "/v1/incidents/"+string(i.ID)+"/retraction", map[string]any{"note": "It was a calculator"}).want(201)
	w.as("reviewer", "POST", "/v1/requests", body).refused(400, lieciba.CodeInvalid, "incident_id")
	again := w.as("reviewer", "GET", "/v1/requests/"+a["id"].(string), nil).want(200).json()
	require.Equal(t, "retracted", again["summary"].(map[string]any)["incident"].(map[string]any)["state"])
}

// Whoever approves a shorter policy reads that it is one.
func TestPolicyRequestSaysThatItShortens(t *testing.T) {
	w := newWorld(t)
	p := w.draft("kept")
	_, err := w.catalog.ApprovePolicy(t.Context(), p.ID, "boss", lieciba.NewID[string](start), start)
	require.NoError(t, err)
	body := newPolicyBody(map[string]any{"name": "kept", "keep": map[string]any{"months": 0, "days": 1}})
	id := w.as("admin", "POST", "/v1/retention/policies", body).want(201).json()["id"]
	sum := w.summaryOf("admin", map[string]any{"kind": "retention_policy", "reason": "The ministry asks", "policy_id": id})
	require.Equal(t, true, sum["policy"].(map[string]any)["shortens"])
	require.Contains(t, sum["policy"].(map[string]any)["notice"], "shortens keep")
}
