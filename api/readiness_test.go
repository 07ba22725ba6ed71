package api

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// planned stores a session of the place's room that begins in an hour.
func (w *world) planned(p place, external string) lieciba.ExamSession {
	x := w.session("token-citizenship", external, p.room, start.Add(time.Hour))
	require.NoError(w.t, w.catalog.ChangeSession(w.t.Context(), x.SessionKey, func(s *lieciba.ExamSession) (*lieciba.ExamSession, error) {
		s.State = lieciba.SessionPlanned
		return s, nil
	}, nil))
	x.State = lieciba.SessionPlanned
	return x
}

func (w *world) stateOf(x lieciba.ExamSession) lieciba.SessionState {
	w.t.Helper()
	now, err := w.catalog.Session(w.t.Context(), x.ID)
	require.NoError(w.t, err)
	return now.State
}

func TestASessionBecomesReadyWhenAllPassedAndSomebodySigned(t *testing.T) {
	w := newWorld(t)
	x := w.planned(w.own, "ready-1")
	path := "/v1/exam-sessions/" + string(x.ID) + "/readiness"
	v := w.as("supervisor", "GET", path, nil).want(200).json()
	require.Equal(t, "unchecked", v["state"])
	require.Equal(t, true, v["needs_reason"])
	require.Nil(t, v["signed_off"])
	one := v["cameras"].([]any)[0].(map[string]any)
	require.Equal(t, "unchecked", one["state"])
	require.Nil(t, one["at"])

	w.as("supervisor", "POST", path+"/sign-off", map[string]any{}).refused(400, "invalid", "reason")
	w.checked(x, w.own.camera.ID, lieciba.ReadinessPassed)
	v = w.as("supervisor", "POST", path+"/sign-off", map[string]any{}).want(201).json()
	require.Equal(t, true, v["ready"])
	require.Equal(t, "token-supervisor", v["signed_off"].(map[string]any)["by"])
	require.Equal(t, lieciba.SessionReady, w.stateOf(x))
	e := w.audited("check_readiness")[0]
	require.Equal(t, []any{"signed off", x.ID, "token-supervisor", "ok"}, []any{e.Detail, e.SessionID, e.Who, e.Outcome})

	w.checked(x, w.own.camera.ID, lieciba.ReadinessFailed)
	v = w.as("supervisor", "GET", path, nil).want(200).json()
	require.Equal(t, []any{"failed", false, nil}, []any{v["state"], v["ready"], v["signed_off"]})
	require.Equal(t, lieciba.SessionReady, w.stateOf(x), "never backwards")
}

func TestAnOverrideNeedsAFailedCheckAndAReason(t *testing.T) {
	w := newWorld(t)
	x := w.planned(w.own, "ready-2")
	path := "/v1/exam-sessions/" + string(x.ID) + "/readiness"
	body := func(reason string) map[string]any {
		return map[string]any{"camera_id": w.own.camera.ID, "reason": reason}
	}
	w.as("supervisor", "POST", path+"/override", body("why")).refused(409, "conflict", "camera_id")
	failed := w.checked(x, w.own.camera.ID, lieciba.ReadinessFailed)
	w.badly("supervisor", "POST", path+"/override", body("")).refused(400, "invalid", "reason")
	w.as("supervisor", "POST", path+"/override", body("of 010190-12345")).refused(400, "invalid", "reason")
	w.badly("supervisor", "POST", path+"/override", map[string]any{"camera_id": "../x", "reason": "r"}).refused(400, "invalid", "camera_id")
	w.as("supervisor", "POST", path+"/sign-off", map[string]any{}).refused(400, "invalid", "reason")
	w.as("supervisor", "POST", path+"/sign-off", map[string]any{"reason": "the exam must go on"}).want(201)
	require.Equal(t, lieciba.SessionPlanned, w.stateOf(x), "what failed is not ready, whoever signed")

	v := w.as("supervisor", "POST", path+"/override", body("the lamp is being mended")).want(201).json()
	require.Equal(t, []any{"overridden", true}, []any{v["state"], v["ready"]})
	one := v["cameras"].([]any)[0].(map[string]any)
	require.Equal(t, "the lamp is being mended", one["reason"])
	require.Equal(t, "dark", one["items"].([]any)[0].(map[string]any)["fact"], "what was overridden is told")
	require.Equal(t, lieciba.SessionReady, w.stateOf(x), "the sign-off came first, and stands")
	rows, err := w.catalog.SessionReadiness(t.Context(), x.ID)
	require.NoError(t, err)
	last := rows[len(rows)-1]
	require.Equal(t, []any{failed.ID, "token-supervisor", lieciba.ReadinessOverridden}, []any{last.Follows, last.By, last.State})
	w.as("supervisor", "POST", path+"/override", body("again")).refused(409, "conflict", "camera_id")
	var told []lieciba.CameraID
	for _, e := range w.audited("check_readiness") {
		if e.Detail == "overridden: the lamp is being mended" {
			told = append(told, e.CameraID)
		}
	}
	require.Equal(t, []lieciba.CameraID{w.own.camera.ID}, told)
}

// Rows of a node whose clock is ahead do not hide what a person decides here.
func TestDecisionsFollowRowsOfAClockThatIsAhead(t *testing.T) {
	w := newWorld(t)
	x := w.planned(w.own, "ready-3")
	w.clock.add(time.Minute)
	w.checked(x, w.own.camera.ID, lieciba.ReadinessFailed)
	w.clock.add(-time.Minute)
	path := "/v1/exam-sessions/" + string(x.ID) + "/readiness"
	v := w.as("supervisor", "POST", path+"/override", map[string]any{"camera_id": w.own.camera.ID, "reason": "why"}).want(201).json()
	require.Equal(t, "overridden", v["state"])
	require.Equal(t, true, w.as("supervisor", "POST", path+"/sign-off", map[string]any{}).want(201).json()["ready"])
}

func TestReadinessByHandBeginsRecorded(t *testing.T) {
	seam := &seamReadiness{}
	w := newWorld(t, func(c *Config) { c.Readiness = seam })
	x := w.planned(w.own, "ready-4")
	path := "/v1/exam-sessions/" + string(x.ID) + "/readiness"
	seam.progress = map[lieciba.SessionID]ReadinessProgress{x.ID: {StartedAt: start, Total: 3, Running: []lieciba.CameraID{w.own.camera.ID}}}
	v := w.as("supervisor", "POST", path, nil).want(202).json()
	require.Equal(t, map[string]any{"started_at": "2026-11-18T06:30:00Z", "total": 3.0, "done": 2.0}, v["running"])
	require.Equal(t, true, v["cameras"].([]any)[0].(map[string]any)["checking"])
	require.Equal(t, [][]lieciba.CameraID{{w.own.camera.ID}}, seam.started)
	require.Equal(t, "asked for a check by hand", w.audited("check_readiness")[0].Detail)
	w.as("supervisor", "POST", path, map[string]any{"camera_ids": []string{string(w.own.camera.ID)}}).want(202)
	w.as("supervisor", "POST", path, map[string]any{"camera_ids": []string{string(w.foreign.camera.ID)}}).refused(400, "invalid", "camera_ids")
	seam.err = lieciba.Errorf(lieciba.CodeUnavailable, "another node has them")
	w.as("supervisor", "POST", path, nil).refused(503, "unavailable", "")
	seam.err = nil
	begun := len(seam.started)

	w.server.cfg.Catalog = noAudit{w.catalog}
	w.as("supervisor", "POST", path, nil).want(503)
	require.Len(t, seam.started, begun, "nothing begins without its entry")
	w.server.cfg.Catalog = w.catalog

	over, _ := w.finished(w.own)
	for _, p := range []string{"", "/override", "/sign-off"} {
		w.as("supervisor", "POST", "/v1/exam-sessions/"+string(over.ID)+"/readiness"+p,
			map[string]map[string]any{"": {}, "/override": {"camera_id": w.own.camera.ID, "reason": "r"}, "/sign-off": {"reason": "r"}}[p]).refused(409, "conflict", "")
	}
	w.server.cfg.Readiness = nil
	w.as("supervisor", "POST", path, nil).refused(422, "unsupported", "")
}

// brokenReadiness is a catalogue that cannot read what was checked.
type brokenReadiness struct{ noAudit }

func (brokenReadiness) SessionReadiness(context.Context, lieciba.SessionID) ([]lieciba.Readiness, error) {
	return nil, errors.New("disk I/O error")
}

func TestReadinessThatCannotBeReadIsAnError(t *testing.T) {
	w := newWorld(t)
	w.server.cfg.Catalog = brokenReadiness{noAudit{w.catalog}}
	w.as("supervisor", "GET", "/v1/exam-sessions/"+string(w.own.session.ID)+"/readiness", nil).refused(500, "internal", "")
}
