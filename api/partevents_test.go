package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// partOf is the ID of the part that withPart gives the place's session.
func partOf(p place) lieciba.PartID {
	return lieciba.PartID(string(p.session.ID)[:35] + "f")
}

// withPart gives the place's session a speaking part, which nobody has started.
func (w *world) withPart(p place) lieciba.ExamSession {
	x := w.session("token-citizenship", "P"+lieciba.NewID[string](start), p.room, start)
	part := lieciba.Part{ID: partOf(p), Kind: lieciba.PartSpeaking, StartsAt: x.StartsAt, EndsAt: x.EndsAt, Sound: true, State: lieciba.PartPlanned}
	require.NoError(w.t, w.catalog.ChangeSession(w.t.Context(), x.SessionKey, func(x *lieciba.ExamSession) (*lieciba.ExamSession, error) {
		x.Parts = []lieciba.Part{part}
		return x, nil
	}, nil))
	return x
}

// Parts are started, paused, resumed and ended; a correction is added.
func TestRunPart(t *testing.T) {
	w := newWorld(t)
	x := w.withPart(w.own)
	path := "/v1/exam-sessions/" + string(x.ID) + "/part-events"
	step := func(step string, more ...any) map[string]any {
		t.Helper()
		b := map[string]any{"part_id": partOf(w.own), "step": step}
		for i := 0; i+1 < len(more); i += 2 {
			b[more[i].(string)] = more[i+1]
		}
		return b
	}
	id := lieciba.NewID[string](start)
	w.as("supervisor", "POST", path, step("ended")).refused(409, "conflict", "step")
	a := w.as("supervisor", "POST", path, step("started", "id", id, "ago_ms", 500)).want(201).json()
	part := func(a map[string]any) map[string]any { return a["parts"].([]any)[0].(map[string]any) }
	require.Equal(t, "running", part(a)["state"])
	require.Equal(t, []any{map[string]any{"from": "2026-11-18T06:29:59.5Z", "to": nil}}, part(a)["running"])
	again := w.as("supervisor", "POST", path, step("started", "id", id, "ago_ms", 900)).want(200).json()
	require.Equal(t, a, again, "sent again over a bad line")
	w.clock.add(time.Minute)
	w.as("supervisor", "POST", path, step("paused")).want(201)
	w.clock.add(time.Minute)
	w.as("supervisor", "POST", path, step("resumed")).want(201)
	w.clock.add(time.Minute)
	a = w.as("supervisor", "POST", path, step("ended")).want(201).json()
	require.Equal(t, "ended", part(a)["state"])
	require.Len(t, part(a)["running"], 2)
	w.as("supervisor", "POST", path, step("resumed")).refused(409, "conflict", "step")

	w.badly("supervisor", "POST", path, step("started", "corrects", id)).refused(400, "invalid", "note")
	fixed := step("started", "corrects", id, "note", "pressed too late", "at", "2026-11-18T06:29:00Z")
	w.clock.add(time.Second) // entries of one instant have no order
	a = w.as("supervisor", "POST", path, fixed).want(201).json()
	require.Equal(t, "2026-11-18T06:29:00Z", part(a)["running"].([]any)[0].(map[string]any)["from"])
	require.Len(t, a["events"], 5, "the event that was corrected stays on record")
	w.as("supervisor", "POST", path, fixed).refused(409, "conflict", "corrects")
	w.as("supervisor", "POST", path, step("started", "void", true, "corrects", lieciba.NewID[string](start), "note", "x")).refused(400, "invalid", "corrects")
	w.as("supervisor", "POST", path, step("started", "at", "2026-11-18T23:00:00Z")).refused(400, "invalid", "at")
	other := step("started")
	other["part_id"] = lieciba.NewID[string](start)
	w.as("supervisor", "POST", path, other).refused(400, "invalid", "part_id")
	require.Len(t, w.audited("run_part"), 6)
	require.Equal(t, "part speaking started, corrects "+id, w.audited("run_part")[0].Detail)
	require.Positive(t, w.refresh.count(), "the recorder hears of it")
}

// What never happened is taken back by adding.
func TestVoidPartEvent(t *testing.T) {
	w := newWorld(t)
	x := w.withPart(w.own)
	path := "/v1/exam-sessions/" + string(x.ID) + "/part-events"
	a := w.as("supervisor", "POST", path, map[string]any{"part_id": partOf(w.own), "step": "started"}).want(201).json()
	id := a["events"].([]any)[0].(map[string]any)["id"]
	a = w.as("supervisor", "POST", path, map[string]any{"part_id": partOf(w.own), "step": "started", "corrects": id, "void": true, "note": "wrong room"}).want(201).json()
	require.Equal(t, "planned", a["parts"].([]any)[0].(map[string]any)["state"])
	require.Len(t, a["events"], 2)
}
