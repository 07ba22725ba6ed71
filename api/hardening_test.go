package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// raw sends a request line as it is, because clients clean paths. Its answer is
// not held against the document.
func (w *world) raw(method, target, token string, header ...string) *http.Response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://test/", nil)
	u, err := url.ParseRequestURI(target)
	require.NoError(w.t, err)
	r.URL, r.RequestURI = u, target
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return rec.Result()
}

// CVE-2018-15745 (Argus): a path that leaves its folder. Nothing path-like is an
// ID here, whatever way it is written, and the pages never get a dot segment.
func TestNeverAgainCVE201815745Traversal(t *testing.T) {
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
			{"approver", "POST", "/v1/holds/", "/release"}, {"reviewer", "POST", "/v1/holds/", "/release-request"},
			{"approver", "POST", "/v1/retention/policies/", "/approval"}, {"security", "GET", "/v1/exam-sessions/", "/coverage"},
			{"security", "GET", "/v1/exam-sessions/", "/events"}, {"citizenship", "POST", "/v1/exam-sessions/", "/events"},
			{"reviewer", "POST", "/v1/exam-sessions/", "/exports"}, {"reviewer", "POST", "/v1/exam-sessions/", "/holds"},
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

// MediaMTX PR 5602: a stream's name became a path. Names that people choose are
// never part of a path or a key here.
func TestNeverAgainMediaMTX5602NamesAreNoPaths(t *testing.T) {
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

// CVE-2024-29192 (go2rtc): another page changed the configuration through the
// browser of somebody who was signed in.
func TestNeverAgainCVE202429192CrossOrigin(t *testing.T) {
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

// CVE-2024-29191 and CVE-2024-29193 (go2rtc): a stream's name ran as a script.
// Names leave as JSON that no browser takes for HTML, under a policy without
// inline scripts.
func TestNeverAgainCVE202429191ScriptInNames(t *testing.T) {
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

func TestSecurityHeaders(t *testing.T) {
	w := newWorld(t)
	for _, a := range []answer{
		w.do(request{method: "GET", path: "/"}).want(200),
		w.do(request{method: "GET", path: "/v1/me"}).want(401),
		w.do(request{method: "POST", path: "/v1/sign-out", header: http.Header{"Origin": {"https://evil.example"}}}).want(403),
	} {
		csp := a.header.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.Contains(t, csp, "frame-ancestors 'none'")
		require.Contains(t, csp, "script-src 'self';")
		require.NotContains(t, csp, "unsafe")
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"))
		require.Equal(t, "DENY", a.header.Get("X-Frame-Options"))
		require.NotEmpty(t, a.header.Get("X-Request-Id"))
	}
}

// CVE-2026-33470 (Frigate): the snapshot skipped the check of the camera.
func TestNeverAgainCVE202633470SnapshotOfAnotherSite(t *testing.T) {
	w := newWorld(t)
	w.as("supervisor", "GET", "/v1/cameras/"+string(w.foreign.camera.ID)+"/snapshot", nil).refused(404, "not_found", "")
	w.as("admin", "GET", "/v1/cameras/"+string(w.own.camera.ID)+"/snapshot", nil).refused(403, "forbidden", "")
	require.Empty(t, w.cameras.used, "no picture was taken")
}

// CVE-2026-54258 (ZoneMinder): media by its ID skipped the list of rights.
func TestNeverAgainCVE202654258SegmentByID(t *testing.T) {
	w := newWorld(t)
	for _, role := range lieciba.Roles() {
		a := w.as(role, "GET", "/v1/segments/"+string(w.own.segment.ID)+"/content", nil)
		if role == lieciba.RoleReviewer {
			a.want(200)
			continue
		}
		a.refused(403, "forbidden", "")
	}
	w.do(request{method: "GET", path: "/v1/segments/" + string(w.own.segment.ID) + "/content"}).want(401)
	require.Equal(t, 1, w.source.reads, "bytes were read for the reviewer only")
}

// CVE-2026-55863 (motionEye): recording was stopped without a sign-in.
func TestNeverAgainCVE202655863ChangesWithoutSignIn(t *testing.T) {
	w := newWorld(t)
	before := w.as("reviewer", "GET", "/v1/exam-sessions/"+string(w.own.session.ID), nil).body
	for _, r := range w.server.routes() {
		if r.method == http.MethodGet || r.path == "/v1/sign-in" {
			continue
		}
		require.False(t, r.open, "%s %s changes something and is open", r.method, r.path)
		resp := w.raw(r.method, strings.Replace(r.path, ":id", string(w.own.camera.ID), 1), "", "Content-Type", "application/json")
		require.Equal(t, 401, resp.StatusCode, "%s %s", r.method, r.path)
	}
	require.Equal(t, before, w.as("reviewer", "GET", "/v1/exam-sessions/"+string(w.own.session.ID), nil).body)
	require.Zero(t, w.refresh.count())
}

// CVE-2017-7921 (Hikvision) let in by a query parameter, CVE-2021-33044 (Dahua)
// by what the caller said of itself.
func TestNeverAgainCVE20177921AndCVE202133044SelfMadeAuthority(t *testing.T) {
	w := newWorld(t)
	w.user("admin", goodPassword, nil, lieciba.RoleAdmin)
	for _, query := range []string{"auth=YWRtaW46MTEK", "access_token=" + w.tokens["admin"], "token=" + w.tokens["admin"]} {
		require.Equal(t, 401, w.raw("GET", "/v1/users?"+query, "").StatusCode, query)
	}
	for _, h := range [][2]string{{"X-Forwarded-For", "127.0.0.1"}, {"X-Real-Ip", "127.0.0.1"}, {"X-Remote-User", "admin"}, {"X-Original-Url", "/healthz"},
		{"Cookie", "lieciba_session=admin"}, {"Authorization", "Basic YWRtaW46MTEK"}, {"X-Http-Method-Override", "GET"}} {
		require.Equal(t, 401, w.raw("GET", "/v1/users", "", h[0], h[1]).StatusCode, h[0])
	}
	w.do(request{method: "POST", path: "/v1/sign-in", bad: true, body: map[string]any{"login": "admin", "password": "", "loginType": "NetKeyboard"}}).
		refused(400, "invalid", "loginType")
	// The address in the audit log is the peer's, not the one that a header claims.
	w.do(request{method: "POST", path: "/v1/sign-in", body: map[string]any{"login": "admin", "password": "wrong password!"}, header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}).want(401)
	require.Equal(t, "127.0.0.1", w.audited("sign_in")[0].Address)
}

// CVE-2021-36260 (Hikvision) and CVE-2026-25643 (Frigate) ran what was written
// into a setting. No route takes a command or a configuration, and the address
// of a camera can only be one of a camera.
func TestNeverAgainCVE202136260AndCVE202625643NothingRuns(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/SDK/webLanguage", "/api/config/save", "/api/restart"} {
		for _, method := range []string{"PUT", "POST"} {
			require.Equal(t, 404, w.raw(method, path, w.tokens["admin"]).StatusCode)
		}
	}
	for _, u := range []string{"exec:id", "exec://id", "pipe:1", "ffmpeg:rtsp://x", "rtsp://$(id)/x", "rtsp://`id`/x", "rtsp://x;id/y"} {
		w.badly("admin", "POST", "/v1/cameras", newCameraBody(map[string]any{"address": nil, "url": u})).refused(400, "invalid", "url")
	}
	require.Empty(t, w.cameras.probed)
}

func TestUnknownAddresses(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 401, w.raw("GET", "/v1/nothing", "").StatusCode, "who is not signed in learns nothing of the API")
	require.Equal(t, 404, w.raw("GET", "/v1/nothing", w.tokens["admin"]).StatusCode)
	require.Equal(t, 404, w.raw("GET", "/v1", w.tokens["admin"]).StatusCode)
	require.Equal(t, 404, w.raw("TRACE", "/v1/me", w.tokens["admin"]).StatusCode)
	require.Equal(t, 404, w.raw("GET", "/v1/me/", w.tokens["admin"]).StatusCode)
	require.Equal(t, 404, w.raw("POST", "/", "").StatusCode)
	a := w.do(request{method: "GET", path: "/sessions/deep/link"}).want(200)
	require.Contains(t, string(a.body), "pages")
}

func TestPanicsAreRecovered(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.UI = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/late" {
				_, _ = rw.Write([]byte("half")) // the panic below is what counts
				rw.(http.Flusher).Flush()
			}
			panic("secret detail")
		})
	})
	says := w.do(request{method: "GET", path: "/boom"}).refused(500, "internal", "")
	require.NotContains(t, says, "secret detail")
	require.Contains(t, w.log.String(), "secret detail")
	resp, err := w.http.Client().Get(w.http.URL + "/late")
	require.NoError(t, err)
	_, err = resp.Body.Read(make([]byte, 4))
	for err == nil {
		_, err = resp.Body.Read(make([]byte, 4))
	}
	require.ErrorContains(t, err, "unexpected EOF", "half an answer must not look whole")
	require.NoError(t, resp.Body.Close())
	w.as("admin", "GET", "/v1/me", nil).want(200)
}

func TestInternalErrorsSayNothing(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.catalog.Close())
	a := w.as("admin", "GET", "/v1/cameras", nil)
	require.GreaterOrEqual(t, a.status, 500)
	require.NotContains(t, strings.ToLower(string(a.body)), "sql")
}

func TestAccessLog(t *testing.T) {
	w := newWorld(t)
	a := w.as("reviewer", "GET", "/v1/exam-sessions?external_id=typed-by-hand", nil).want(200)
	line := w.log.String()
	require.NotContains(t, line, "typed-by-hand")
	require.NotContains(t, line, w.tokens["reviewer"])
	for _, part := range []string{`"status":200`, `"path":"/v1/exam-sessions"`, `"method":"GET"`, `"address":"127.0.0.1"`, a.header.Get("X-Request-Id"), string(w.ids["reviewer"])} {
		require.Contains(t, line, part)
	}
}

// brokenPing is a real catalogue that does not answer.
type brokenPing struct{ storage.Catalog }

func (brokenPing) Ping(context.Context) error {
	return lieciba.Errorf(lieciba.CodeUnavailable, "secret address of the database")
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	get := func(path, token string) answer { return w.do(request{method: "GET", path: path, token: token}) }
	require.Equal(t, map[string]any{"ok": true}, get("/healthz", "").want(200).json())
	require.Equal(t, map[string]any{"ok": true}, get("/readyz", "").want(200).json())
	require.Equal(t, map[string]any{"ok": true, "checks": map[string]any{"catalog": true, "media": true}}, get("/readyz", w.tokens["monitoring"]).want(200).json())
	w.server.cfg.Catalog = brokenPing{w.catalog}
	get("/readyz", "").want(200) // of a moment ago
	w.clock.add(time.Second)
	a := get("/readyz", "").want(503)
	require.Equal(t, map[string]any{"ok": false}, a.json())
	require.Equal(t, map[string]any{"catalog": false, "media": true}, get("/readyz", w.tokens["monitoring"]).want(503).json()["checks"])
	get("/healthz", "").want(200)
}

// A part that does not work is named; the process is healthy all the same, and
// nobody restarts it in mid-recording.
func TestReadinessOfParts(t *testing.T) {
	var broken error
	w := newWorld(t, func(c *Config) {
		c.Parts = map[string]func(context.Context) error{"evidence": func(context.Context) error { return broken }}
	})
	get := func(path, token string) answer { return w.do(request{method: "GET", path: path, token: token}) }
	get("/readyz", "").want(200)
	broken = lieciba.Errorf(lieciba.CodeNotFound, "the signing key is missing")
	w.clock.add(time.Second)
	require.Equal(t, map[string]any{"ok": false}, get("/readyz", "").want(503).json())
	require.Equal(t, map[string]any{"catalog": true, "media": true, "evidence": false}, get("/readyz", w.tokens["monitoring"]).want(503).json()["checks"])
	get("/healthz", "").want(200)
}

func TestSystem(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, map[string]any{"version": "test", "node": string(w.cfg.Node), "catalog": "sqlite", "media": "localfs", "write_once": false, "ui": true, "tls_fingerprint": ""},
		w.as("monitoring", "GET", "/v1/system", nil).want(200).json())
}

func TestMetrics(t *testing.T) {
	more := prometheus.NewRegistry()
	more.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "more_metrics"}, func() float64 { return 7 }))
	w := newWorld(t, func(c *Config) {
		c.Gatherer = more
		c.Stats = func() Stats {
			return Stats{SpoolBytes: 1 << 20, SpoolFiles: 3, UploadLag: 90 * time.Second, LiveViewers: 5, Playbacks: 2,
				Evidence: EvidenceStats{LogSize: 4211, StagedLeaves: 3, OldestStaged: 1500 * time.Millisecond,
					LogFailing: 12 * time.Second, StampFailing: 13 * time.Second, ExportsOpen: 2, RetentionDue: 6,
					RetentionAlarms: 7, DiskPressure: 1}, Cameras: []CameraStats{
					{CameraID: "id-1", Name: `fr"ont`, CameraStatus: lieciba.CameraStatus{Connected: true, Bitrate: 2_000_000, FPS: 25, LostPackets: 4,
						LastFrameAge: 40 * time.Millisecond, LastDurableAge: -1, GapOpenSince: start, Viewers: 5}}}}
		}
	})
	w.as("monitoring", "GET", "/v1/me", nil).want(200)
	body := string(w.as("monitoring", "GET", "/metrics", nil).want(200).body)
	for _, line := range []string{
		`lieciba_camera_bitrate_bits_per_second{camera="fr\"ont",camera_id="id-1"} 2e+06`,
		"lieciba_evidence_log_size 4211", "lieciba_evidence_staged_leaves 3", "lieciba_evidence_oldest_staged_seconds 1.5",
		"lieciba_evidence_log_failing_seconds 12", "lieciba_evidence_stamp_failing_seconds 13",
		"lieciba_exports_open 2", "lieciba_retention_due 6", "lieciba_retention_alarms 7", "lieciba_disk_pressure_level 1",
		`lieciba_camera_frames_per_second{camera="fr\"ont",camera_id="id-1"} 25`,
		`lieciba_camera_lost_packets_total{camera="fr\"ont",camera_id="id-1"} 4`,
		`lieciba_camera_last_frame_age_seconds{camera="fr\"ont",camera_id="id-1"} 0.04`,
		`lieciba_camera_gap_open{camera="fr\"ont",camera_id="id-1"} 1`,
		`lieciba_camera_viewers{camera="fr\"ont",camera_id="id-1"} 5`,
		"lieciba_spool_bytes 1.048576e+06", "lieciba_spool_segments 3", "lieciba_upload_lag_seconds 90", "lieciba_live_viewers 5", "lieciba_archive_viewers 2",
		"more_metrics 7", `lieciba_http_request_seconds_count{method="GET",route="/v1/me",status="200"} 1`,
	} {
		require.Contains(t, body, line+"\n")
	}
	require.NotContains(t, body, "lieciba_camera_last_durable_age_seconds{", "unknown ages are absent, not zero")
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	_, err := New(Config{})
	for _, name := range []string{"Catalog", "Media", "Source", "Prober", "Monitor", "Live", "Player", "Refresh", "Secrets", "UI"} {
		require.ErrorContains(t, err, "Config."+name)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code, status := range map[lieciba.Code]int{"invalid": 400, "unauthenticated": 401, "forbidden": 403, "not_found": 404, "conflict": 409, "too_large": 413,
		"unsupported": 422, "refused": 422, "rate_limited": 429, "unavailable": 503, "full": 507, "corrupt": 500, "internal": 500} {
		require.Equal(t, status, statusOf[code], code)
	}
	require.Equal(t, lieciba.CodeInternal, asError(lieciba.Errorf("made_up", "x"), "id").Code)
	require.Equal(t, lieciba.CodeUnavailable, asError(context.DeadlineExceeded, "id").Code)
}

func TestAuditIsReadInPages(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	for range 5 {
		w.as("supervisor", "GET", "/v1/cameras/"+string(w.own.camera.ID)+"/snapshot", nil).want(200)
	}
	path, n := "/v1/audit?act=watch_live&limit=2", 0
	for {
		a := w.as("security", "GET", path, nil).want(200)
		n += len(a.items())
		next := a.json()["next_before"]
		if next == nil {
			break
		}
		path = "/v1/audit?act=watch_live&limit=2&before=" + next.(string)
	}
	require.Equal(t, 5, n)
	require.Len(t, w.as("security", "GET", "/v1/audit?camera="+string(w.own.camera.ID)+"&from=2026-11-18T00:00:00Z", nil).items(), 5)
	require.Empty(t, w.as("security", "GET", "/v1/audit?session="+string(w.foreign.session.ID), nil).items())
	for query, field := range map[string]string{"camera=1": "camera", "session=../x": "session", "to=x": "to", "outcome=fine": "outcome",
		"who=" + strings.Repeat("x", 201): "who", "text=%ff": "text", "text=%00": "text", "who=a%0ab": "who", "act=%1b": "act", "session_id=x": "session_id", "Act=x": "Act"} {
		w.badly("security", "GET", "/v1/audit?"+query, nil).refused(400, "invalid", field)
	}
}

func TestNetworksOfPeers(t *testing.T) {
	require.False(t, network("not an address").IsValid())
	require.Equal(t, 32, network(net.IPv4(192, 0, 2, 1).String()).Bits())
}
