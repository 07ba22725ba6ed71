package api

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/webhook"
)

// contractAccess is the part of the access table about the contract with the
// citizenship system.
var contractAccess = accessTable{
	rows: map[string]string{
		"POST /v1/exam-sessions/:id/cancellation":   "own - - - - - - -",
		"DELETE /v1/exam-sessions/:id/cancellation": "own - - - - - - -",
		"PUT /v1/exam-sessions/:id/link":            "own - - - all - - -",
		"DELETE /v1/exam-sessions/:id/link":         "- - - - all - - -",

		"GET /docs":                        "yes yes yes yes yes yes yes yes",
		"GET /v1/notices":                  "- - - - yes yes - -",
		"GET /v1/webhooks":                 "- - - yes yes - - -",
		"POST /v1/webhooks":                "- - - yes yes - - -",
		"PATCH /v1/webhooks/:id":           "- - - yes yes - - -",
		"DELETE /v1/webhooks/:id":          "- - - yes yes - - -",
		"GET /v1/webhooks/:id/deliveries":  "- - - yes yes - - -",
		"POST /v1/webhooks/:id/redelivery": "- - - yes yes - - -",
	},
	id: func(k *walk, name string, p place, _ lieciba.Role) (string, bool) {
		switch {
		case strings.HasSuffix(name, "/cancellation"):
			return string(k.w.cancelAsked(p).ID), true
		case name == "DELETE /v1/exam-sessions/:id/link":
			x := k.w.session(lieciba.SourceAdHoc, "adhoc-"+lieciba.NewID[string](start), p.room, start)
			k.w.linked(x, "real-"+lieciba.NewID[string](start))
			return string(x.ID), true
		case strings.HasSuffix(name, "/link"):
			return string(k.w.session(lieciba.SourceAdHoc, "adhoc-"+lieciba.NewID[string](start), p.room, start).ID), true
		case strings.Contains(name, "/webhooks/:id"):
			return string(k.w.hook("w" + lieciba.NewID[string](start)).ID), true
		}
		return "", false
	},
	body: func(_ *walk, name string, _ place) (any, bool) {
		fresh := lieciba.NewID[string](start)
		switch name {
		case "POST /v1/exam-sessions/:id/cancellation":
			return map[string]any{"reason": "The commission did not come"}, true
		case "PUT /v1/exam-sessions/:id/link":
			return map[string]any{"source": "token-citizenship", "external_id": "real-" + fresh}, true
		case "POST /v1/webhooks":
			return map[string]any{"name": "w" + fresh, "url": "https://pizis.example/hook?key=secret"}, true
		case "PATCH /v1/webhooks/:id":
			return map[string]any{"new_secret": true}, true
		case "POST /v1/webhooks/:id/redelivery":
			return map[string]any{}, true
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

// linked links a session that was started by hand to an ID of the citizenship system.
func (w *world) linked(x lieciba.ExamSession, external string) storage.SessionLink {
	l := storage.SessionLink{Key: lieciba.SessionKey{Source: "token-citizenship", ExternalID: external}, SessionID: x.ID, By: "anna", At: start}
	require.NoError(w.t, w.catalog.LinkSession(w.t.Context(), l))
	return l
}

// hook stores a webhook.
func (w *world) hook(name string) lieciba.Webhook {
	h := lieciba.Webhook{ID: lieciba.NewID[lieciba.WebhookID](start), Name: name, URL: "https://pizis.example/hook", CreatedAt: start}
	h.Secret = webhook.SealSecret(w.cfg.Secrets, h.ID, "a secret")
	require.NoError(w.t, w.catalog.PutWebhook(w.t.Context(), h))
	return h
}
