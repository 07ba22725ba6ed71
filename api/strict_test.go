package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// A field that is sent twice has two meanings: one for who checks the first and
// one for who takes the last. encoding/json also takes ROOM for room, and ſeats
// for seats.
func TestBodiesHaveOneMeaning(t *testing.T) {
	w := newWorld(t)
	const doc = `{"source_version":1,"room":"riga-201","starts_at":"2026-12-01T09:00:00+02:00","ends_at":"2026-12-01T10:00:00+02:00"`
	for name, c := range map[string]struct{ body, field string }{
		"twice":                {doc + `,"room":"liepaja-201"}`, "room"},
		"twice the same":       {doc + `,"source_version":1}`, "source_version"},
		"other letters":        {doc + `,"ROOM":"liepaja-201"}`, "ROOM"},
		"other letters, alone": {doc + `,"Cancelled":true}`, "Cancelled"},
		"folded":               {doc + `,"ſeats":5}`, "ſeats"},
		"twice in a part":      {doc + `,"parts":[{"kind":"reading"},{"kind":"reading","kind":"speaking"}]}`, "kind"},
		"escaped":              {doc + `,"\u0072oom":"liepaja-201"}`, "room"},
		"null":                 {`null`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.badly("citizenship", "PUT", "/v1/exam-sessions/strict", c.body).refused(400, "invalid", c.field)
		})
	}
	w.t = t
	w.as("citizenship", "PUT", "/v1/exam-sessions/strict", " \r\n"+doc+`,"parts":[{"kind":"reading"},{"kind":"reading"}]}`).want(201)
	w.badly("admin", "PATCH", "/v1/cameras/"+string(w.own.camera.ID), `{"name":"a","NAME":"b"}`).refused(400, "invalid", "NAME")
	says := w.badly("citizenship", "PUT", "/v1/exam-sessions/strict", doc+`,"seats":1.5}`).refused(400, "invalid", "seats")
	require.Contains(t, says, "integer")
}

func TestCheckKeysEndsOnBrokenInput(t *testing.T) {
	for _, body := range []string{`{"a":[1,{"b":null}],"c":{}}`, `{"a":[[],[[{}]]]}`, `{}`} {
		var v map[string]any
		require.NoError(t, decodeJSON([]byte(body), &v), body)
	}
	for _, body := range []string{``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":[}`, `[`, "\x00"} {
		var v map[string]any
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(decodeJSON([]byte(body), &v)), body)
	}
}

// No route that takes JSON lets a field pass that it does not know: what a
// caller believes to have asked for must not be dropped in silence.
func TestEveryBodyRefusesUnknownFields(t *testing.T) {
	w := newWorld(t)
	k := &walk{w: w}
	tried := []string{}
	for _, r := range w.server.routes() {
		name := r.method + " " + r.path
		if r.method == http.MethodGet {
			continue
		}
		req := k.changing(name, r)
		body, ok := req.body.(map[string]any)
		if !ok {
			continue // SDP, or none
		}
		tried = append(tried, parameter.ReplaceAllString(name, "*"))
		t.Run(name, func(t *testing.T) {
			w.t = t
			body["surprise"] = true
			req.bad = true
			w.do(req).refused(400, "invalid", "surprise")
			req.body = strings.Repeat("x", maxBody+1)
			w.do(req).refused(413, "too_large", "")
			req.body, req.contentType = body, "text/plain"
			w.do(req).refused(422, "unsupported", "Content-Type")
		})
		w.t = t
	}
	require.ElementsMatch(t, documentedBodies(), tried, "every body that the document knows was tried")
}

// documentedBodies are the operations of the document that take JSON.
func documentedBodies() (names []string) {
	for path, item := range document.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil && op.RequestBody.Value.Content.Get("application/json") != nil {
				names = append(names, method+" "+parameter.ReplaceAllString(path, "*"))
			}
		}
	}
	return names
}
