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
		for _, part := range []string{"style-src 'self';", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			require.Contains(t, csp, part)
		}
		require.Contains(t, a.header.Get("Permissions-Policy"), "camera=(), microphone=()")
		require.Equal(t, "same-origin", a.header.Get("Cross-Origin-Opener-Policy"))
		require.Equal(t, "same-origin", a.header.Get("Cross-Origin-Resource-Policy"))
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"))
		require.Equal(t, "DENY", a.header.Get("X-Frame-Options"))
		require.NotEmpty(t, a.header.Get("X-Request-Id"))
	}
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
