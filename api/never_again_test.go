package api

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// What this field got wrong before: each test bears the name of a fault of a peer
// and says how it failed there. TestEveryFaultOfPeersHasATest, in the root
// package, holds the list.

// Argus Surveillance served any file of the machine to a path with dots in it.
// Nothing path-like is an ID here, whatever way it is written, and the pages never get a dot segment.
func TestCVE_2018_15745_PathsLeaveNoFolder(t *testing.T) {
	w := newWorld(t)
	upper := strings.ToUpper(string(w.own.camera.ID))
	for _, id := range []string{"..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f", "%5c..%5c", upper, "{" + string(w.own.camera.ID) + "}",
		string(w.own.camera.ID) + "%00", string(w.own.camera.ID) + ".mp4", "0", "x'%20OR%201=1", "%252e%252e", strings.Repeat("a", 5000)} {
		for _, c := range []struct {
			role                  lieciba.Role
			method, before, after string
		}{
			{"admin", "GET", "/v1/cameras/", ""}, {"supervisor", "GET", "/v1/cameras/", "/snapshot"}, {"admin", "GET", "/v1/sites/", "/rooms"},
			{"reviewer", "GET", "/v1/segments/", "/content"}, {"admin", "GET", "/v1/discoveries/", ""}, {"admin", "DELETE", "/v1/client-tokens/", ""},
			{"reviewer", "GET", "/v1/exports/", ""}, {"reviewer", "GET", "/v1/exports/", "/content"}, {"approver", "GET", "/v1/deletions/", "/certificate"},
			{"reviewer", "GET", "/v1/requests/", ""}, {"reviewer", "POST", "/v1/requests/", "/use"},
			{"approver", "POST", "/v1/requests/", "/approval"}, {"security", "GET", "/v1/exam-sessions/", "/coverage"},
			{"security", "GET", "/v1/exam-sessions/", "/events"}, {"citizenship", "POST", "/v1/exam-sessions/", "/events"},
			{"reviewer", "POST", "/v1/exam-sessions/", "/holds"},
		} {
			resp := w.raw(c.method, c.before+id+c.after, w.tokens[c.role])
			require.Contains(t, []int{400, 404}, resp.StatusCode, "%s %s%s%s", c.method, c.before, id, c.after)
			require.Contains(t, resp.Header.Get("Content-Type"), "application/json")
		}
	}
	for _, target := range []string{"/../etc/passwd", "/assets/../../etc/passwd", "/assets/%2e%2e/x", "/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/../metrics", "/assets/..%5c..%5cx", "/."} {
		require.Equal(t, 400, w.raw("GET", target, "").StatusCode, target)
	}
	require.Equal(t, 200, w.raw("GET", "/assets/app.1.2..js", "").StatusCode, "two dots inside of a name are no path")
}

// MediaMTX wrote recordings to wherever a stream's name led, such as ../../x. Names
// that people choose are never part of a path or a key here.
func TestMediaMTX_5602_NamesAreNoPaths(t *testing.T) {
	w := newWorld(t)
	for _, ext := range []string{"..%2f..%2fx", "a%2fb", ".hidden", "-rf", "a%20b", "%ff", strings.Repeat("x", 65)} {
		resp := w.raw("PUT", "/v1/exam-sessions/"+ext, w.tokens["citizenship"], "Content-Type", "application/json")
		require.Contains(t, []int{400, 404}, resp.StatusCode, ext)
	}
	w.as("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"name": "../../etc/cron.d/x"})).want(201) // a name is a text
	require.NoError(t, w.media.List(t.Context(), "", func(o storage.Object) error {
		require.Regexp(t, `^segments/[0-9a-f-]{36}/[0-9a-f-]{36}\.mp4$`, o.Ref.Key)
		return nil
	}))
}

// go2rtc took a configuration from any page that a browser on its network had open.
func TestCVE_2024_29192_OtherOriginsChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleAdmin)
	b := w.browser()
	w.signIn(b, "anna", goodPassword).want(200)
	send := func(header http.Header) answer {
		return w.do(request{method: "PUT", path: "/v1/sites/evil", body: map[string]any{"name": "Evil"}, client: b, header: header})
	}
	for _, h := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		send(h).refused(403, "forbidden", "")
	}
	// A form needs no preflight, and sends no JSON.
	w.do(request{method: "PUT", path: "/v1/sites/evil", body: "name=Evil", contentType: "application/x-www-form-urlencoded", client: b, bad: true}).
		refused(422, "unsupported", "Content-Type")
	require.Len(t, w.as("admin", "GET", "/v1/sites", nil).items(), 2)
	send(http.Header{"Sec-Fetch-Site": {"same-origin"}}).want(201)
	send(http.Header{"Origin": {w.http.URL}}).want(200)
	// And no other origin may read answers.
	a := w.do(request{method: "GET", path: "/v1/me", client: b, header: http.Header{"Origin": {"https://evil.example"}}}).want(200)
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "same-origin", a.header.Get("Cross-Origin-Resource-Policy"))
}

// go2rtc put a stream's name into its pages as HTML, where it ran as a script.
// Names leave as JSON that no browser takes for HTML, under a policy without
// inline scripts.
func TestCVE_2024_29191_CVE_2024_29193_NamesAreNoScripts(t *testing.T) {
	w := newWorld(t)
	script := `<img src=x onerror=alert(1)>"</script>`
	w.as("admin", "PATCH", "/v1/cameras/"+string(w.own.camera.ID), map[string]any{"name": script}).want(200)
	a := w.as("supervisor", "GET", "/v1/cameras/"+string(w.own.camera.ID), nil).want(200)
	require.Equal(t, script, a.json()["name"])
	require.NotContains(t, string(a.body), "<img", "escaped even inside of JSON")
	require.Equal(t, "application/json; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	b := w.badly("admin", "POST", "/v1/users", map[string]any{script: 1})
	require.NotContains(t, string(b.body), "<img", "an unknown field's name comes back escaped too")
	b.refused(400, "invalid", script)
}

// Frigate checked the role on its snapshot route, and not whose camera it was.
func TestCVE_2026_33470_SnapshotChecksTheCamera(t *testing.T) {
	w := newWorld(t)
	w.as("supervisor", "GET", "/v1/cameras/"+string(w.foreign.camera.ID)+"/snapshot", nil).refused(404, "not_found", "")
	w.as("admin", "GET", "/v1/cameras/"+string(w.own.camera.ID)+"/snapshot", nil).refused(403, "forbidden", "")
	require.Empty(t, w.cameras.used, "no picture was taken")
}

// ZoneMinder's routes for media by ID never asked the list of rights of the monitor.
func TestCVE_2026_54258_MediaByIDAsksThePolicy(t *testing.T) {
	w := newWorld(t)
	for _, role := range lieciba.Roles() {
		a := w.as(role, "GET", "/v1/segments/"+string(w.own.segment.ID)+"/content", nil)
		switch role {
		case lieciba.RoleReviewer: // who holds a grant
			a.want(200)
		case lieciba.RoleSupervisor, lieciba.RoleSecurity: // whose role needs one
			a.refused(403, "needs_grant", "")
		default:
			a.refused(403, "forbidden", "")
		}
	}
	w.do(request{method: "GET", path: "/v1/segments/" + string(w.own.segment.ID) + "/content"}).want(401)
	require.Equal(t, 1, w.source.reads, "bytes were read for the reviewer only")
}

// motionEye stopped a recording for whoever called its action, signed in or not.
func TestCVE_2026_55863_StrangersStopNoRecording(t *testing.T) {
	w := newWorld(t)
	before := w.as("reviewer", "GET", "/v1/exam-sessions/"+string(w.own.session.ID), nil).body
	for _, r := range w.server.routes() {
		if r.method == http.MethodGet || strings.HasPrefix(r.path, "/v1/sign-in") { // how one signs in is open
			continue
		}
		require.False(t, r.open, "%s %s changes something and is open", r.method, r.path)
		resp := w.raw(r.method, strings.Replace(r.path, ":id", string(w.own.camera.ID), 1), "", "Content-Type", "application/json")
		require.Equal(t, 401, resp.StatusCode, "%s %s", r.method, r.path)
	}
	require.Equal(t, before, w.as("reviewer", "GET", "/v1/exam-sessions/"+string(w.own.session.ID), nil).body)
	require.Zero(t, w.refresh.count())
}

// Hikvision let in whoever wrote ?auth= and any user's name behind an address.
func TestCVE_2017_7921_QueriesAreNoAuthority(t *testing.T) {
	w := newWorld(t)
	w.user("admin", goodPassword, nil, lieciba.RoleAdmin)
	for _, query := range []string{"auth=YWRtaW46MTEK", "access_token=" + w.tokens["admin"], "token=" + w.tokens["admin"], "lieciba_session=admin"} {
		for _, path := range []string{"/v1/users?", "/v1/cameras/" + string(w.own.camera.ID) + "/snapshot?", "/metrics?"} {
			require.Equal(t, 401, w.raw("GET", path+query, "").StatusCode, path+query)
		}
	}
}

// Dahua believed what a sign-in said of itself: a "NetKeyboard", or on loopback,
// needed no password.
func TestCVE_2021_33044_NobodyVouchesForThemselves(t *testing.T) {
	w := newWorld(t)
	w.user("admin", goodPassword, nil, lieciba.RoleAdmin)
	for _, h := range [][2]string{{"X-Forwarded-For", "127.0.0.1"}, {"X-Real-Ip", "127.0.0.1"}, {"X-Remote-User", "admin"}, {"X-Original-Url", "/healthz"},
		{"Cookie", "lieciba_session=admin"}, {"Authorization", "Basic YWRtaW46MTEK"}, {"X-Http-Method-Override", "GET"}, {"X-Client-Cert", "admin"}} {
		require.Equal(t, 401, w.raw("GET", "/v1/users", "", h[0], h[1]).StatusCode, h[0])
	}
	w.do(request{method: "POST", path: "/v1/sign-in", bad: true, body: map[string]any{"login": "admin", "password": "", "loginType": "NetKeyboard"}}).
		refused(400, "invalid", "loginType")
	// The address in the audit log is the peer's, not the one that a header claims.
	w.do(request{method: "POST", path: "/v1/sign-in", body: map[string]any{"login": "admin", "password": "wrong password!"}, header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}).want(401)
	require.Equal(t, "127.0.0.1", w.audited("sign_in")[0].Address)
}

// commands are texts that a shell would run.
var commands = []string{"exec:id", "exec://id", "pipe:1", "ffmpeg:rtsp://x", "rtsp://$(id)/x", "rtsp://`id`/x", "rtsp://x;id/y", "rtsp://x|id", "echo:#id"}

// Hikvision put the text of a language setting into a shell's command.
func TestCVE_2021_36260_NoTextReachesAShell(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 404, w.raw("PUT", "/SDK/webLanguage", w.tokens["admin"]).StatusCode)
	for _, u := range commands {
		w.badly("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"address": nil, "url": u})).refused(400, "invalid", "url")
	}
	for _, name := range []string{"$(id)", "`id`", "x;id", "x|id", "x&&id"} { // texts stay texts
		a := w.as("admin", "PATCH", "/v1/cameras/"+string(w.own.camera.ID), map[string]any{"name": name}).want(200)
		require.Equal(t, name, a.json()["name"])
	}
	require.Empty(t, w.cameras.probed)
}

// Frigate saved a configuration that a request sent, and ran the programs that it
// named. No route takes a configuration, and none a program.
func TestCVE_2026_25643_ConfigSaveCannotExec(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/api/config/save", "/api/config/set", "/api/config", "/v1/config", "/v1/system/config", "/v1/restart", "/api/restart", "/config"} {
		for _, method := range []string{"PUT", "POST", "PATCH"} {
			require.Equal(t, 404, w.raw(method, path, w.tokens["admin"], "Content-Type", "application/yaml").StatusCode, path)
		}
	}
	for _, r := range w.server.routes() {
		require.NotContains(t, r.path, "config", "a configuration is read from a file at start, and from nowhere else")
	}
	for _, field := range []string{"exec", "command", "ffmpeg", "args", "config", "output_args", "on_event"} {
		w.badly("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{field: "id"})).refused(400, "invalid", field)
		w.badly("admin", "PATCH", "/v1/cameras/"+string(w.own.camera.ID), map[string]any{field: []string{"id"}}).refused(400, "invalid", field)
	}
}

// go2rtc answered its configuration with the cameras' passwords in it. Here every
// route that reads, asked by every role, answers and logs none.
func TestGo2rtc_2298_NoAnswerHoldsAPassword(t *testing.T) {
	w := newWorld(t)
	secrets := []string{"s3cret-of-camera", "0ther-secret", "user-of-camera", "argon2id", goodPassword}
	w.user("anna", goodPassword, nil, lieciba.RoleAdmin)
	id := w.as("admin", "POST", "/v1/cameras", newCameraBody(nil)).want(201).json()["id"].(string)
	w.as("admin", "PATCH", "/v1/cameras/"+id, map[string]any{"password": "0ther-secret"}).want(200)
	adopted, err := w.catalog.Camera(t.Context(), lieciba.CameraID(id))
	require.NoError(t, err)
	own := w.own
	own.camera = adopted
	k, asked := &walk{w: w}, 0
	for _, r := range w.server.routes() {
		if r.method != http.MethodGet {
			continue
		}
		for _, role := range lieciba.Roles() {
			for _, p := range []place{own, w.own} {
				a := w.raw(r.method, k.ref(r.method+" "+r.path, r.path, p, role), w.tokens[role])
				body, err := io.ReadAll(a.Body)
				require.NoError(t, err)
				asked++
				for _, secret := range secrets {
					require.NotContains(t, string(body), secret, "%s by %s", r.path, role)
				}
				if r.path != "/v1/openapi.yaml" && r.path != "/docs" { // which explain what such an address is
					require.NotContains(t, string(body), "rtsp://", "%s by %s", r.path, role)
				}
			}
		}
	}
	require.Greater(t, asked, 300, "routes were asked")
	w.server.discoveries.jobs.Wait()
	w.server.checks.jobs.Wait()
	for _, secret := range secrets[:2] {
		require.NotContains(t, w.log.String(), secret)
	}
	sealed, err := w.catalog.CameraSecret(t.Context(), lieciba.CameraID(id))
	require.NoError(t, err)
	require.NotEmpty(t, sealed)
	require.NotContains(t, string(sealed), "0ther-secret", "nor is it in the database")
}

// D-Link's cameras connected to whatever host and port a request named.
// What is no plain host, and every scheme but those of cameras, is refused
// before anything is dialled; the networks are checked by package onvif.
func TestCVE_2018_15517_AddressesThatAreNoCameras(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{"http://127.0.0.1/", "127.0.0.1/../x", "a b", "user:pass@host", "host:99999", "host:0", "host#x", "host?x=1", "x\r\nHost: y", "[::1", strings.Repeat("a", 300), "ho%73t"} {
		w.badly("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"address": address})).refused(400, "invalid", "address")
		w.badly("admin", "POST", "/v1/discoveries", map[string]any{"addresses": []string{address}}).refused(400, "invalid", "addresses")
	}
	for _, u := range []string{"file:///etc/passwd", "gopher://x/", "rtsp://", "//host/x", "rtsp:host", "rtsp://user:pass@host/x", "rtsp://ho st/", "ftp://host/x", "http://host/#frag", "exec:id"} {
		w.badly("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"address": nil, "url": u})).refused(400, "invalid", "url")
	}
	require.Empty(t, w.cameras.probed)
	require.NotContains(t, w.log.String(), "user:pass")
	w.as("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"url": "rtsp://h/x"})).refused(400, "invalid", "address") // both
	w.as("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"onvif": false})).refused(400, "invalid", "url")
	w.as("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"address": nil, "url": "rtsp://h/x", "onvif": true})).refused(400, "invalid", "onvif")
	w.as("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"site": "nowhere"})).refused(400, "invalid", "site")
	for _, field := range []string{"name", "purpose", "legal_basis"} {
		w.badly("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{field: nil})).refused(400, "invalid", field)
	}
	w.as("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"address": nil, "url": "rtsp://[2001:db8::1]:554/x?ch=1"})).want(201)
	require.False(t, w.cameras.probed[0].ONVIF)
}
