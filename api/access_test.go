package api

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// want is what each role may do on a route, at its own and at a foreign site:
//
//	all     at every site
//	own     at its own site; a foreign object looks as if it did not exist
//	yes     the route concerns no single site
//	-       never: 403 before any object is looked at
//	mine    only whoever began the thing
//	open    everybody, signed in or not
//
// The columns: supervisor reviewer approver security admin citizenship monitoring witness.
var want = map[string]string{
	"GET /healthz": "open open open open open open open open",
	"GET /readyz":  "open open open open open open open open",
	"GET /metrics": "- - - - yes - yes -",

	"POST /v1/sign-in":     "open open open open open open open open",
	"POST /v1/sign-out":    "yes yes yes yes yes yes yes yes",
	"GET /v1/me":           "yes yes yes yes yes yes yes yes",
	"GET /v1/system":       "yes yes yes yes yes yes yes yes",
	"GET /v1/openapi.yaml": "yes yes yes yes yes yes yes yes",

	"GET /v1/sites":           "yes yes yes yes yes - - -",
	"GET /v1/sites/:id/rooms": "own all all all all - - -",
	"PUT /v1/sites/:id":       "- - - - yes - - -",
	"PUT /v1/rooms/:id":       "- - - - all - - -",

	"GET /v1/cameras":                "yes yes - yes yes - - -",
	"POST /v1/cameras":               "- - - - all - - -",
	"GET /v1/cameras/:id":            "own all - all all - - -",
	"PATCH /v1/cameras/:id":          "- - - - all - - -",
	"PUT /v1/cameras/:id/assignment": "- - - - all - - -",
	"POST /v1/cameras/:id/key-frame": "own - - - - - - -",
	"GET /v1/cameras/:id/snapshot":   "own - - - - - - -",
	"POST /v1/cameras/:id/whep":      "own - - - - - - -",
	"DELETE /v1/whep/:id":            "mine mine mine mine mine mine mine mine",

	"POST /v1/discoveries":    "- - - - yes - - -",
	"GET /v1/discoveries/:id": "- - - - yes - - -",

	"GET /v1/exam-sessions":               "yes yes yes yes yes yes - -",
	"POST /v1/exam-sessions":              "own - - - - - - -",
	"PUT /v1/exam-sessions/:id":           "- - - - - all - -",
	"GET /v1/exam-sessions/:id":           "own all all all all all - -",
	"GET /v1/exam-sessions/:id/timeline":  "own all all all all all - -",
	"POST /v1/exam-sessions/:id/playback": "own all - all - - - -", // under a grant: TestNoRoleAloneOpensTheArchive
	"DELETE /v1/playbacks/:id":            "mine mine mine mine mine mine mine mine",
	"GET /v1/segments/:id/content":        "own all - all - - - -",

	"GET /v1/users":                "- - - - yes - - -",
	"POST /v1/users":               "- - - - yes - - -",
	"PATCH /v1/users/:id":          "- - - - yes - - -",
	"GET /v1/client-tokens":        "- - - - yes - - -",
	"POST /v1/client-tokens":       "- - - - yes - - -",
	"DELETE /v1/client-tokens/:id": "- - - - yes - - -",
	"GET /v1/audit":                "- - - yes - - - -",

	"GET /v1/exam-sessions/:id/coverage": "own all all all all all - -",
	"GET /v1/exports":                    "- yes - - - - - -",
	"GET /v1/exports/:id":                "- all - - - - - -",
	"GET /v1/exports/:id/content":        "- all - - - - - -", // who asked for it: TestExportIsFetchedByWhoAskedForIt

	"GET /v1/log/checkpoint":    "- yes yes yes - - - yes",
	"GET /v1/log/consistency":   "- yes yes yes - - - yes",
	"GET /v1/log/leaves":        "- yes yes yes - - - yes",
	"GET /v1/log/keys":          "- yes yes yes - - - yes",
	"GET /v1/log/state":         "- yes yes yes - - - yes",
	"POST /v1/log/cosignatures": "- - - - - - - yes",
	"GET /v1/log/check":         "- - - yes - - - -",
	"POST /v1/log/check":        "- - - yes - - - -",

	"GET /v1/exam-sessions/:id/events":  "- all all all all - - -",
	"POST /v1/exam-sessions/:id/events": "- - - - - all - -",
	"GET /v1/retention/policies":        "- yes yes yes yes - - -",
	"POST /v1/retention/policies":       "- - - - yes - - -",
	"GET /v1/retention/plan":            "- yes yes yes yes - - -",
	"GET /v1/holds":                     "- yes yes yes yes - - -",
	"POST /v1/exam-sessions/:id/holds":  "- all - all - - - -",
	"GET /v1/deletions":                 "- yes yes yes yes - - -",
	"GET /v1/deletions/:id/certificate": "- all all all all - - -",
}

// accessTable is the part of the table that a topic adds in a test file of its
// own: its rows as in want, and how a good request of its routes looks.
type accessTable struct {
	rows map[string]string
	// id is what stands for :id of the route at the place; false: not of this topic.
	id func(k *walk, name string, p place, role lieciba.Role) (string, bool)
	// body is a good JSON body; false: not of this topic.
	body func(k *walk, name string, p place) (any, bool)
	// changing is a good request of a changing route on fresh objects, where body
	// with a role's token will not do; false: not of this topic.
	changing func(k *walk, name string, r route) (request, bool)
	// entries is how many audit entries a changing route makes, where that is not one.
	entries map[string]int
	// unrecorded are changing routes that run no act, and why.
	unrecorded map[string]string
	// refused is what an open route answers everybody whose request is not good here.
	refused map[string][]int
}

// refusedTo returns the statuses by which an open route refuses everybody here.
func refusedTo(name string) []int {
	for _, topic := range topics {
		if codes := topic.refused[name]; codes != nil {
			return codes
		}
	}
	return nil
}

// topics are filled by the test files of the topics.
var topics []accessTable

// wanted is the whole table.
func wanted(t *testing.T) map[string]string {
	t.Helper()
	all := maps.Clone(want)
	for _, topic := range topics {
		for name, line := range topic.rows {
			require.NotContains(t, all, name, "two tables hold this route")
			all[name] = line
		}
	}
	return all
}

// walk makes a good request for a route at a place, by a role.
type walk struct {
	w *world
	n int
}

// ref is what stands for :id in a path, for the object of that place.
func (k *walk) ref(name, path string, p place, role lieciba.Role) string {
	for _, topic := range topics {
		if topic.id == nil {
			continue
		}
		if id, ok := topic.id(k, name, p, role); ok {
			return strings.Replace(path, ":id", id, 1)
		}
	}
	id := "" // made where it is needed
	switch {
	case strings.Contains(path, "/sites/:id/rooms"):
		id = string(p.site.ID)
	case strings.Contains(path, "/sites/"):
		id = p.site.Code
	case strings.Contains(path, "/rooms/"):
		id = p.room.Code
	case strings.Contains(path, "/cameras/"):
		id = string(p.camera.ID)
	case path == "/v1/exam-sessions/:id/events":
		id = p.session.ExternalID
	case strings.Contains(path, "/exports/"):
		x, _ := k.w.finished(p)
		id = string(k.w.export(x, "", []byte("a package")).ID)
	case strings.Contains(path, "/deletions/"):
		id = string(k.w.deletion(p, true).ID)
	case strings.HasPrefix(path, "/v1/log/"):
		k.w.sequence()
		if strings.HasSuffix(path, "consistency") || strings.HasSuffix(path, "leaves") {
			path += "?from=1&to=2"
		}
	case strings.HasSuffix(path, "/playback"):
		k.w.grant(k.w.principal(role), p.session)
		id = string(p.session.ID)
	case strings.Contains(path, "/exam-sessions/"):
		id = string(p.session.ID)
	case strings.Contains(path, "/segments/"):
		k.w.grant(k.w.principal(role), p.session)
		id = string(p.segment.ID)
	case strings.Contains(path, "/users/"):
		id = string(k.w.user("victim-"+lieciba.NewID[string](start)[24:], "a long enough one", nil, lieciba.RoleMonitoring).ID)
	case strings.Contains(path, "/client-tokens/"):
		_, tok := NewClientToken("victim", []lieciba.Role{lieciba.RoleMonitoring}, nil, start, 1e12)
		require.NoError(k.w.t, k.w.catalog.PutClientToken(k.w.t.Context(), tok))
		id = string(tok.ID)
	case strings.Contains(path, "/discoveries/"):
		job, err := k.w.server.discoveries.start(k.w.cameras, DiscoverRequest{Duration: 1}, k.w.clock.Now, 1e12, func() error { return nil })
		require.NoError(k.w.t, err)
		k.w.server.discoveries.jobs.Wait()
		id = job.id
	case strings.Contains(path, "/whep/"), strings.Contains(path, "/playbacks/"):
		var err error
		id, _, err = k.w.viewer.Live(k.w.t.Context(), "", lieciba.StreamSub, "", lieciba.Principal{ID: string(k.w.ids[role])})
		require.NoError(k.w.t, err)
	}
	return strings.Replace(path, ":id", id, 1)
}

// body is a good body for the route at the place.
func (k *walk) body(name string, p place) (body any, contentType string) {
	k.n++
	fresh := lieciba.NewID[string](start)
	for _, topic := range topics {
		if topic.body == nil {
			continue
		}
		if body, ok := topic.body(k, name, p); ok {
			if f, ok := body.(form); ok {
				return string(f), "application/x-www-form-urlencoded"
			}
			return body, ""
		}
	}
	switch name {
	case "POST /v1/sign-in":
		return map[string]any{"login": "nobody", "password": "wrong"}, ""
	case "PUT /v1/sites/:id":
		return map[string]any{"name": p.site.Name}, ""
	case "PUT /v1/rooms/:id":
		return map[string]any{"site": p.site.Code, "name": p.room.Name}, ""
	case "POST /v1/cameras":
		return map[string]any{"address": "cam.test", "name": "new", "site": p.site.Code, "purpose": "exam", "legal_basis": "law"}, ""
	case "PATCH /v1/cameras/:id":
		return map[string]any{"name": "front"}, ""
	case "PUT /v1/cameras/:id/assignment":
		k.w.clock.add(1e6) // assignments begin one after the other
		return map[string]any{"room": p.room.Code}, ""
	case "POST /v1/cameras/:id/whep", "POST /v1/exam-sessions/:id/playback":
		return "v=0\r\n", "application/sdp"
	case "POST /v1/discoveries":
		return map[string]any{"seconds": 1}, ""
	case "POST /v1/exam-sessions":
		return map[string]any{"room": k.w.room(p.site.ID, "r"+fresh).Code, "minutes": 5}, ""
	case "PUT /v1/exam-sessions/:id":
		return map[string]any{"source_version": 1, "room": p.room.Code, "starts_at": "2026-11-19T09:00:00+02:00", "ends_at": "2026-11-19T10:00:00+02:00"}, ""
	case "PATCH /v1/users/:id":
		return map[string]any{"name": "N"}, ""
	case "POST /v1/exam-sessions/:id/holds":
		return map[string]any{"kind": "court", "reference": "C-1", "reason": "court"}, ""
	case "POST /v1/exam-sessions/:id/events":
		return map[string]any{"event_id": fresh, "kind": "result_notified", "at": "2026-11-18T08:30:00+02:00"}, ""
	case "POST /v1/retention/policies":
		return newPolicyBody(map[string]any{"name": "d" + fresh}), ""
	case "POST /v1/log/cosignatures":
		return k.w.cosignature(k.w.sequence()), ""
	case "POST /v1/client-tokens":
		return map[string]any{"name": "t" + fresh, "roles": []string{"monitoring"}}, ""
	}
	return nil, ""
}

// TestEveryRouteForEveryRole is invariant 8: it walks the route table of the
// server, and each role tries each route at its own and at a foreign site.
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newWorld(t)
	k := &walk{w: w}
	seen, table := map[string]bool{}, wanted(t)
	for _, r := range w.server.routes() {
		name := r.method + " " + r.path
		line, ok := table[name]
		require.True(t, ok, "%s has no line in the table of this test", name)
		seen[name] = true
		cells := strings.Fields(line)
		require.Len(t, cells, len(lieciba.Roles()), name)
		t.Run(name, func(t *testing.T) {
			k.nobody(t, name, r, cells[0])
			for i, role := range lieciba.Roles() {
				k.try(t, name, r, role, cells[i])
			}
		})
	}
	for name := range table {
		require.True(t, seen[name], "%s is in the table of this test and not on the server", name)
	}
}

func (k *walk) send(name string, r route, p place, role lieciba.Role, token string) answer {
	body, contentType := k.body(name, p)
	a := k.w.do(request{method: r.method, path: k.ref(name, r.path, p, role), token: token, body: body, contentType: contentType})
	k.w.server.discoveries.jobs.Wait()
	k.w.server.checks.jobs.Wait()
	return a
}

// nobody tries without a sign-in, and with a token that is not known.
func (k *walk) nobody(t *testing.T, name string, r route, cell string) {
	for _, token := range []string{"", "lct_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		a := k.send(name, r, k.w.own, lieciba.RoleAdmin, token)
		switch {
		case name == "POST /v1/sign-in":
			require.Equal(t, 401, a.status) // the wrong password
		case refusedTo(name) != nil:
			require.Contains(t, refusedTo(name), a.status)
		case cell == "open":
			require.Equal(t, 200, a.status)
		default:
			require.Equal(t, 401, a.status, "%s without a sign-in: %s", name, a.body)
			require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
		}
	}
}

func (k *walk) try(t *testing.T, name string, r route, role lieciba.Role, cell string) {
	own := k.send(name, r, k.w.own, role, k.w.tokens[role])
	foreign := k.send(name, r, k.w.foreign, role, k.w.tokens[role])
	ok := func(a answer, where string) {
		if name == "POST /v1/sign-in" {
			require.Contains(t, []int{401, 429}, a.status)
			return
		}
		if codes := refusedTo(name); codes != nil {
			require.Contains(t, codes, a.status, name)
			return
		}
		require.True(t, a.status >= 200 && a.status < 300, "%s by %s at %s site: %d %s", name, role, where, a.status, a.body)
	}
	switch cell {
	case "open", "yes", "all":
		ok(own, "its own")
		ok(foreign, "a foreign")
	case "own":
		ok(own, "its own")
		require.Equal(t, http.StatusNotFound, foreign.status, "%s by %s at a foreign site: %s", name, role, foreign.body)
	case "-":
		require.Equal(t, http.StatusForbidden, own.status, "%s by %s: %s", name, role, own.body)
		require.Equal(t, http.StatusForbidden, foreign.status, "%s by %s: %s", name, role, foreign.body)
	case "mine":
		ok(own, "its own")
		other := k.send(name, r, k.w.own, lieciba.RoleAdmin, k.w.tokens[role])
		if role != lieciba.RoleAdmin {
			require.Equal(t, http.StatusNotFound, other.status, "%s by %s of another's: %s", name, role, other.body)
		}
	default:
		require.Fail(t, "unknown cell", cell)
	}
}

// A foreign object and a made-up one must give the same bytes.
func TestForeignLooksLikeMissing(t *testing.T) {
	w := newWorld(t)
	made := lieciba.NewID[string](start)
	for _, c := range []struct{ method, foreign, missing string }{
		{"GET", "/v1/sites/" + string(w.foreign.site.ID) + "/rooms", "/v1/sites/" + made + "/rooms"},
		{"GET", "/v1/cameras/" + string(w.foreign.camera.ID), "/v1/cameras/" + made},
		{"GET", "/v1/cameras/" + string(w.foreign.camera.ID) + "/snapshot", "/v1/cameras/" + made + "/snapshot"},
		{"GET", "/v1/exam-sessions/" + string(w.foreign.session.ID), "/v1/exam-sessions/" + made},
		{"GET", "/v1/exam-sessions/" + w.foreign.session.ExternalID, "/v1/exam-sessions/no-such"},
		{"GET", "/v1/exam-sessions?room=" + w.foreign.room.Code, "/v1/exam-sessions?room=no-such"},
		{"GET", "/v1/exam-sessions?site=" + w.foreign.site.Code, "/v1/exam-sessions?site=no-such"},
		{"GET", "/v1/cameras?site=" + string(w.foreign.site.ID), "/v1/cameras?site=" + made},
	} {
		a := w.as("supervisor", c.method, c.foreign, nil).want(404)
		b := w.as("supervisor", c.method, c.missing, nil).want(404)
		require.Equal(t, string(b.body), string(a.body), c.foreign)
	}
	body := func(room string) any { return map[string]any{"room": room, "minutes": 5} }
	a := w.as("supervisor", "POST", "/v1/exam-sessions", body(w.foreign.room.Code)).want(404)
	b := w.as("supervisor", "POST", "/v1/exam-sessions", body("no-such")).want(404)
	require.Equal(t, string(b.body), string(a.body))
}

// A supervisor without sites sees nothing, and not everything.
func TestSupervisorWithoutSites(t *testing.T) {
	w := newWorld(t)
	plain, tok := NewClientToken("lost", []lieciba.Role{lieciba.RoleSupervisor}, nil, start, 1e15)
	require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
	for _, path := range []string{"/v1/sites", "/v1/cameras", "/v1/exam-sessions"} {
		require.Empty(t, w.do(request{method: "GET", path: path, token: plain}).want(200).items(), path)
	}
	w.do(request{method: "GET", path: "/v1/exam-sessions/" + string(w.own.session.ID), token: plain}).want(404)
}

// Lists hold the supervisor's own site only.
func TestListsAreFiltered(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/sites", "/v1/cameras", "/v1/exam-sessions"} {
		require.Len(t, w.as("supervisor", "GET", path, nil).want(200).items(), 1, path)
		require.Len(t, w.as("reviewer", "GET", path, nil).want(200).items(), 2, path)
	}
}

// Refusals that concern pictures, cameras and accounts are in the audit log with their reason.
func TestRefusalsAreAudited(t *testing.T) {
	w := newWorld(t)
	w.as("supervisor", "GET", "/v1/cameras/"+string(w.foreign.camera.ID)+"/snapshot", nil).want(404)
	e := w.audited("watch_live")[0]
	require.Equal(t, "forbidden", e.Outcome)
	require.Equal(t, w.foreign.camera.ID, e.CameraID)
	require.Equal(t, "token-supervisor", e.Who)
	w.as("admin", "GET", "/v1/segments/"+string(w.own.segment.ID)+"/content", nil).want(403)
	e = w.audited("watch_archive")[0]
	require.Equal(t, "forbidden", e.Outcome)
	require.Equal(t, "token-admin", e.Who)
	require.Equal(t, "127.0.0.1", e.Address)
	w.as("reviewer", "GET", "/v1/users", nil).want(403)
	require.Equal(t, "forbidden", w.audited("manage_users")[0].Outcome)
	w.as("reviewer", "POST", "/v1/discoveries", map[string]any{}).want(403)
	require.Equal(t, "forbidden", w.audited("manage_cameras")[0].Outcome)
}
