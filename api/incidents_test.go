package api

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// incident stores a mark on the session.
func (w *world) incident(x lieciba.ExamSession) lieciba.Incident {
	i := lieciba.Incident{ID: lieciba.NewID[lieciba.IncidentID](start), SessionID: x.ID, At: x.StartsAt, Kind: lieciba.IncidentPhone,
		Seat: 7, Step: lieciba.IncidentRaised, By: "anna", ByID: lieciba.NewID[string](start), RecordedAt: start}
	require.NoError(w.t, w.catalog.AddIncident(w.t.Context(), i))
	return i
}

// A mark has the server's time of the key press; sent again it stays one.
func TestMarkIncident(t *testing.T) {
	w := newWorld(t)
	path := "/v1/exam-sessions/" + string(w.own.session.ID) + "/incidents"
	id := lieciba.NewID[string](start)
	body := map[string]any{"id": id, "kind": "phone", "seat": 7, "note": "on the desk", "ago_ms": 2300, "camera_id": w.own.camera.ID}
	a := w.as("supervisor", "POST", path, body).want(201).json()
	require.Equal(t, []any{id, "2026-11-18T06:29:57.7Z", "raised", 7.0, "token-supervisor", string(w.own.camera.ID)},
		[]any{a["id"], a["at"], a["state"], a["seat"], a["by"], a["camera_id"]})
	w.clock.add(30 * time.Second)
	require.Equal(t, a, w.as("supervisor", "POST", path, body).want(200).json(), "sent again, the first press counts")
	require.Len(t, w.as("reviewer", "GET", path, nil).want(200).items(), 1)
	e := w.audited("mark_incident")
	require.Len(t, e, 2)
	require.Equal(t, []any{"incident raised: phone, repeated", w.own.session.ID, w.own.camera.ID}, []any{e[0].Detail, e[0].SessionID, e[0].CameraID})
	leaf, err := w.catalog.LeafOf(t.Context(), lieciba.LeafIncident, id)
	require.NoError(t, err)
	require.NotContains(t, string(leaf.Detail), "secret")
}

func TestBadMarks(t *testing.T) {
	w := newWorld(t)
	path := "/v1/exam-sessions/" + string(w.own.session.ID) + "/incidents"
	for field, body := range map[string]map[string]any{
		"kind":      {"kind": "dance"},
		"seat":      {"kind": "phone", "seat": -1},
		"note":      {"kind": "phone", "note": "candidate 131175-12345 copied"},
		"ago_ms":    {"kind": "phone", "ago_ms": -5},
		"camera_id": {"kind": "phone", "camera_id": w.foreign.camera.ID},
		"at":        {"kind": "phone", "at": "2026-11-18T09:00:00Z"},
		"id":        {"id": "../x", "kind": "phone"},
		"who":       {"kind": "phone", "who": "Jānis"},
	} {
		w.badly("supervisor", "POST", path, body).refused(400, "invalid", field)
	}
	w.badly("supervisor", "POST", path, map[string]any{"kind": "phone", "note": strings.Repeat("a", 281)}).refused(400, "invalid", "note")
	w.badly("supervisor", "POST", path, map[string]any{"kind": "phone", "ago_ms": 1, "at": "2026-11-18T06:30:00Z"}).refused(400, "invalid", "at")
	w.clock.add(-time.Hour)
	w.as("supervisor", "POST", path, map[string]any{"kind": "phone"}).refused(400, "invalid", "at")
	require.Empty(t, w.as("reviewer", "GET", path, nil).items())
}

// Corrections, retractions and reviews are added; what was marked first stays.
func TestIncidentStory(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	i := w.incident(w.own.session)
	at := "/v1/incidents/" + string(i.ID)
	a := w.as("supervisor", "POST", at+"/correction", map[string]any{"kind": "crib", "seat": 8}).want(201).json()
	require.Equal(t, []any{"crib", 8.0, "raised", "anna", "2026-11-18T06:30:00Z"}, []any{a["kind"], a["seat"], a["state"], a["by"], a["at"]})
	a = w.as("reviewer", "POST", at+"/review", map[string]any{"note": "seen at 08:30, nothing was read"}).want(201).json()
	require.Equal(t, "reviewed", a["state"])
	rows := a["rows"].([]any)
	require.Len(t, rows, 3)
	require.Equal(t, []any{"raised", "phone", 7.0}, []any{rows[0].(map[string]any)["step"], rows[0].(map[string]any)["kind"], rows[0].(map[string]any)["seat"]})
	w.badly("supervisor", "POST", at+"/retraction", map[string]any{"note": ""}).refused(400, "invalid", "note")
	w.as("supervisor", "POST", at+"/retraction", map[string]any{"note": "it was a calculator"}).want(201)
	w.as("reviewer", "POST", at+"/review", map[string]any{"note": "x"}).refused(409, "conflict", "step")
	w.as("supervisor", "POST", "/v1/incidents/"+rows[1].(map[string]any)["id"].(string)+"/correction", map[string]any{"kind": "phone"}).
		refused(404, "not_found", "")
	require.Len(t, w.audited("mark_incident"), 2)
	require.Len(t, w.audited("review_incident"), 1)
}
