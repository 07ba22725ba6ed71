package api

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// contractAccess is the part of the access table about the contract with the
// citizenship system.
var contractAccess = accessTable{
	rows: map[string]string{
		"POST /v1/exam-sessions/:id/cancellation":   "own - - - - - - -",
		"DELETE /v1/exam-sessions/:id/cancellation": "own - - - - - - -",
	},
	id: func(k *walk, name string, p place, _ lieciba.Role) (string, bool) {
		if strings.HasSuffix(name, "/cancellation") {
			return string(k.w.cancelAsked(p).ID), true
		}
		return "", false
	},
	body: func(_ *walk, name string, _ place) (any, bool) {
		if name == "POST /v1/exam-sessions/:id/cancellation" {
			return map[string]any{"reason": "The commission did not come"}, true
		}
		return nil, false
	},
}

func init() { topics = append(topics, contractAccess) }

// cancelAsked stores a running session whose source asks to cancel it.
func (w *world) cancelAsked(p place) lieciba.ExamSession {
	x := w.session("token-citizenship", lieciba.NewID[string](start), p.room, start)
	require.NoError(w.t, w.catalog.ChangeSession(context.WithoutCancel(w.t.Context()), x.SessionKey,
		func(current *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			current.CancelAsked = true
			return current, nil
		}, nil))
	x.CancelAsked = true
	return x
}
