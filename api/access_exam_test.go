package api

import (
	"strings"

	"lieciba"
)

// What each role may do around an exam: columns and cells as in access_test.go.
func init() {
	topics = append(topics, accessTable{
		rows: map[string]string{
			"GET /v1/exam-sessions/:id/incidents":    "own all all all all - - -",
			"POST /v1/exam-sessions/:id/incidents":   "own - - - - - - -",
			"POST /v1/incidents/:id/correction":      "own - - - - - - -",
			"POST /v1/incidents/:id/retraction":      "own - - - - - - -",
			"POST /v1/incidents/:id/review":          "- all - - - - - -",
			"GET /v1/exam-sessions/:id/part-events":  "own all all all all - - -",
			"POST /v1/exam-sessions/:id/part-events": "own - - - - - - -",
			"GET /v1/appeals":                        "- yes yes yes - - - -",
			"POST /v1/appeals":                       "- all - - - - - -",
			"GET /v1/appeals/:id":                    "- all all all - - - -",
			"POST /v1/appeals/:id/state":             "- all - - - - - -",
		},
		id: func(k *walk, name string, p place, _ lieciba.Role) (string, bool) {
			switch {
			case strings.Contains(name, "/v1/incidents/:id/"):
				return string(k.w.incident(p.session).ID), true
			case strings.Contains(name, "/v1/appeals/:id"):
				return k.w.as("reviewer", "POST", "/v1/appeals", map[string]any{"session": string(p.session.ID),
					"reference": "A" + lieciba.NewID[string](start), "reason": "letter"}).want(201).json()["id"].(string), true
			case name == "POST /v1/exam-sessions/:id/part-events":
				return string(k.w.withPart(p).ID), true
			}
			return "", false
		},
		body: func(k *walk, name string, p place) (any, bool) {
			switch name {
			case "POST /v1/exam-sessions/:id/incidents", "POST /v1/incidents/:id/correction":
				return map[string]any{"kind": "phone", "seat": 7}, true
			case "POST /v1/incidents/:id/retraction", "POST /v1/incidents/:id/review":
				return map[string]any{"note": "nothing to see"}, true
			case "POST /v1/exam-sessions/:id/part-events":
				return map[string]any{"part_id": string(partOf(p)), "step": "started"}, true
			case "POST /v1/appeals":
				return map[string]any{"session": string(p.session.ID), "reference": "A" + lieciba.NewID[string](start), "reason": "letter"}, true
			case "POST /v1/appeals/:id/state":
				return map[string]any{"state": "court", "reason": "letter"}, true
			}
			return nil, false
		},
	})
}
