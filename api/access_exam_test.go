package api

import (
	"strings"

	"lieciba"
)

// What each role may do around an exam: columns and cells as in access_test.go.
func init() {
	topics = append(topics, accessTable{
		rows: map[string]string{
			"GET /v1/appeals":            "- yes yes yes - - - -",
			"POST /v1/appeals":           "- all - - - - - -",
			"GET /v1/appeals/:id":        "- all all all - - - -",
			"POST /v1/appeals/:id/state": "- all - - - - - -",
		},
		id: func(k *walk, name string, p place, _ lieciba.Role) (string, bool) {
			switch {
			case strings.Contains(name, "/v1/appeals/:id"):
				return k.w.as("reviewer", "POST", "/v1/appeals", map[string]any{"session": string(p.session.ID),
					"reference": "A" + lieciba.NewID[string](start), "reason": "letter"}).want(201).json()["id"].(string), true
			}
			return "", false
		},
		body: func(k *walk, name string, p place) (any, bool) {
			switch name {
			case "POST /v1/appeals":
				return map[string]any{"session": string(p.session.ID), "reference": "A" + lieciba.NewID[string](start), "reason": "letter"}, true
			case "POST /v1/appeals/:id/state":
				return map[string]any{"state": "court", "reason": "letter"}, true
			}
			return nil, false
		},
	})
}
