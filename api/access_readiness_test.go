package api

import (
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// seamReadiness stands where package recorder/readiness is wired in.
type seamReadiness struct {
	mu       sync.Mutex
	started  [][]lieciba.CameraID
	progress map[lieciba.SessionID]ReadinessProgress
	err      error
}

func (s *seamReadiness) Start(_ lieciba.ExamSession, cameras []lieciba.Camera) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []lieciba.CameraID
	for _, c := range cameras {
		ids = append(ids, c.ID)
	}
	s.started = append(s.started, ids)
	return s.err
}

func (s *seamReadiness) Progress(id lieciba.SessionID) (ReadinessProgress, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.progress[id]
	return p, ok
}

func init() {
	topics = append(topics, accessTable{rows: map[string]string{
		"GET /v1/exam-sessions/:id/readiness":           "own all all all all - - -",
		"POST /v1/exam-sessions/:id/readiness":          "own - - - - - - -",
		"POST /v1/exam-sessions/:id/readiness/override": "own - - - - - - -",
		"POST /v1/exam-sessions/:id/readiness/sign-off": "own - - - - - - -",
	}, unrecorded: map[string]string{
		"POST /v1/exam-sessions/:id/readiness": "its entry is written before it begins (TestReadinessByHandBeginsRecorded)",
	}, id: func(k *walk, name string, p place, _ lieciba.Role) (string, bool) {
		if !strings.Contains(name, "/readiness") {
			return "", false
		}
		if k.w.server.cfg.Readiness == nil {
			k.w.server.cfg.Readiness = &seamReadiness{}
		}
		return string(p.session.ID), true
	}, body: func(k *walk, name string, p place) (any, bool) {
		switch name {
		case "POST /v1/exam-sessions/:id/readiness":
			return map[string]any{}, true
		case "POST /v1/exam-sessions/:id/readiness/override":
			k.w.checked(p.session, p.camera.ID, lieciba.ReadinessFailed)
			return map[string]any{"camera_id": p.camera.ID, "reason": "the lamp is being mended"}, true
		case "POST /v1/exam-sessions/:id/readiness/sign-off":
			return map[string]any{"reason": "looked at the live picture"}, true
		}
		return nil, false
	}})
}

// checked stores a check of a camera as package readiness does.
func (w *world) checked(x lieciba.ExamSession, id lieciba.CameraID, state lieciba.ReadinessState) lieciba.Readiness {
	w.t.Helper()
	rows, err := w.catalog.SessionReadiness(w.t.Context(), x.ID)
	require.NoError(w.t, err)
	at := lieciba.Micro(w.clock.Now())
	if n := len(rows); n > 0 && !at.After(rows[n-1].At) {
		at = rows[n-1].At.Add(1e3)
	}
	outcome, fact := lieciba.OutcomePassed, "ok"
	if state == lieciba.ReadinessFailed {
		outcome, fact = lieciba.OutcomeFailed, "dark"
	}
	r := lieciba.Readiness{ID: lieciba.NewID[lieciba.ReadinessID](at), SessionID: x.ID, CameraID: id, NodeID: w.cfg.Node, When: lieciba.ReadinessT60,
		At: at, State: state, By: "system", ByID: "system",
		Items: []lieciba.ReadinessItem{{Check: lieciba.CheckPicture, Outcome: outcome, Fact: fact, Value: 24.9, Unit: "fps", Measured: "A sentence."}}}
	require.NoError(w.t, w.catalog.AddReadiness(w.t.Context(), r))
	return r
}
