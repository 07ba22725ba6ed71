package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/api/passkey"
	"lieciba/api/password"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/localfs"
	"lieciba/storage/postgres"
	"lieciba/storage/secret"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is the server's, set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a running server on a real catalogue and a real media store; only
// cameras and WebRTC are played by seams.
type world struct {
	t       *testing.T
	cfg     Config
	server  *Server
	http    *httptest.Server
	catalog storage.Catalog
	media   storage.Media
	clock   *clock
	cameras *seamCameras
	viewer  *seamViewer
	source  *mediaSource
	refresh *seamRefresh
	log     *lockedBuffer
	exports *seamExporter
	checker *seamChecker
	planner *seamRetention
	witness *evidence.Key
	keyFile string  // of the hash log
	db      *sql.DB // the catalogue's database, past the catalogue
	ticks   bool    // each request comes a millisecond later, so that audit entries have an order
	own     place   // the supervisor's site
	foreign place
	tokens  map[lieciba.Role]string
	ids     map[lieciba.Role]lieciba.TokenID
}

// place is a site with one of everything.
type place struct {
	site    lieciba.Site
	room    lieciba.Room
	camera  lieciba.Camera
	session lieciba.ExamSession
	rec     lieciba.Recording
	segment lieciba.Segment
	bytes   []byte // of the segment
}

// start is a Wednesday before an exam, 08:30 in Riga.
var start = time.Date(2026, 11, 18, 6, 30, 0, 0, time.UTC)

type option func(*Config)

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	cat, db := openSQLite(t)
	return newWorldOn(t, cat, db, options...)
}

// openSQLite opens a new catalogue, and its database beside it.
func openSQLite(t *testing.T) (storage.Catalog, *sql.DB) {
	file := filepath.Join(t.TempDir(), "catalog.db")
	cat, err := sqlite.Open(t.Context(), file)
	require.NoError(t, err)
	return cat, openSQL(t, "sqlite", "file:"+file+"?mode=ro")
}

// newPostgresWorld is newWorld on a real PostgreSQL.
func newPostgresWorld(t *testing.T) *world {
	t.Helper()
	url := storagetest.PostgresFor(t, postgres.Open)
	cat, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	return newWorldOn(t, cat, openSQL(t, "pgx", url))
}

func openSQL(t *testing.T, driver, where string) *sql.DB {
	db, err := sql.Open(driver, where) // connects at its first query
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// newWorldOn takes the catalogue over; db opens its database beside it.
func newWorldOn(t *testing.T, cat storage.Catalog, db *sql.DB, options ...option) *world {
	t.Helper()
	w := newWorldWithoutHTTP(t, cat, db, options...)
	w.http = httptest.NewUnstartedServer(nil)
	w.http.Config = HTTPServer(w.server)
	w.http.Config.ErrorLog = slog.NewLogLogger(w.cfg.Log.Handler(), slog.LevelError)
	w.http.Start()
	t.Cleanup(w.http.Close)
	return w
}

// newWorldWithoutHTTP is a world whose server nobody serves yet.
func newWorldWithoutHTTP(t *testing.T, cat storage.Catalog, db *sql.DB, options ...option) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: start}, cameras: &seamCameras{}, viewer: newSeamViewer(), refresh: &seamRefresh{},
		exports: &seamExporter{files: map[lieciba.ExportID][]byte{}}, checker: &seamChecker{}, planner: &seamRetention{},
		log: &lockedBuffer{}, tokens: map[lieciba.Role]string{}, ids: map[lieciba.Role]lieciba.TokenID{}}
	dir := t.TempDir()
	w.keyFile, w.db = filepath.Join(dir, "log.key"), db
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	media, err := localfs.Open(filepath.Join(dir, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	box, err := secret.Open(filepath.Join(dir, "key"))
	require.NoError(t, err)
	w.catalog, w.media = cat, media
	w.witness, _, err = evidence.OpenWitnessKey(filepath.Join(dir, "witness.key"), "witness.test")
	require.NoError(t, err)
	logKey, _, err := evidence.OpenKey(w.keyFile)
	require.NoError(t, err)
	w.source = &mediaSource{media: media, growing: map[lieciba.RecordingID]lieciba.Segment{}}
	w.cfg = Config{Catalog: cat, Media: media, Source: w.source, Prober: w.cameras, Monitor: w.cameras, Live: w.viewer,
		Exporter: w.exports, Checker: w.checker, Retention: w.planner, LogKey: logKey.VerifierKey, Witnesses: []string{w.witness.VerifierKey()},
		Player: w.viewer, Refresh: w.refresh, Secrets: box, UIBuilt: true, Version: "test",
		UI:  http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { _, _ = rw.Write([]byte("<!doctype html>pages")) }),
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Now: w.clock.Now, Node: lieciba.NewID[lieciba.NodeID](start),
		Rates:   Rates{Rate{1e6, 1e6}, Rate{1e6, 1e6}, Rate{1e6, 1e6}}, // the clock stands still
		Margins: lieciba.Margins{Before: 10 * time.Minute, After: 5 * time.Minute}, Gatherer: prometheus.NewRegistry()}
	w.cfg.Passkeys, err = passkey.New(passkey.Config{Name: "Lieciba", Origin: "https://lieciba.test"})
	require.NoError(t, err)
	for _, o := range options {
		o(&w.cfg)
	}
	w.server, err = New(w.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.server.Close()) })
	w.own, w.foreign = w.place("riga"), w.place("liepaja")
	for _, r := range lieciba.Roles() {
		plain, tok := NewClientToken("token-"+string(r), []lieciba.Role{r}, []lieciba.SiteID{w.own.site.ID}, start, 24*time.Hour)
		require.NoError(t, cat.PutClientToken(t.Context(), tok))
		w.tokens[r], w.ids[r] = plain, tok.ID
	}
	for _, p := range []place{w.own, w.foreign} { // most tests of the archive are not about grants
		w.grant(w.principal(lieciba.RoleReviewer), p.session)
	}
	return w
}

// place stores a site with a room, a camera, a running session and a segment.
func (w *world) place(code string) place {
	t, ctx := w.t, w.t.Context()
	p := place{}
	p.site = lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](start), Code: code, Name: "Site " + code, State: lieciba.PlaceActive, CreatedAt: start}
	require.NoError(t, w.catalog.PutSite(ctx, p.site))
	p.room = w.room(p.site.ID, code+"-201")
	p.camera = lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](start), SiteID: p.site.ID, Name: "front", Address: code + ".test:80",
		ONVIF: true, DeviceURL: "http://" + code + ".test/onvif/device_service", EndpointRef: "urn:uuid:" + lieciba.NewID[string](start),
		Streams: []lieciba.CameraStream{{Role: lieciba.StreamMain, URL: "rtsp://" + code + ".test/main", Video: lieciba.H264, Audio: lieciba.AAC, Width: 1920, Height: 1080, FPS: 25}},
		Purpose: "exam", LegalBasis: "MK 973", State: lieciba.CameraReady, CreatedAt: start}
	require.NoError(t, w.catalog.PutCamera(ctx, p.camera))
	require.NoError(t, w.catalog.AssignCamera(ctx, lieciba.CameraAssignment{CameraID: p.camera.ID, RoomID: p.room.ID, From: start.Add(-time.Hour)}))
	p.session = w.session("token-citizenship", code+"-A", p.room, start)
	p.rec, p.segment, p.bytes = w.record(p.session, p.camera.ID, bytes.Repeat([]byte(code), 100))
	return p
}

func (w *world) room(site lieciba.SiteID, code string) lieciba.Room {
	r := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](start), SiteID: site, Code: code, Name: "Room " + code, State: lieciba.PlaceActive, CreatedAt: start}
	require.NoError(w.t, w.catalog.PutRoom(w.t.Context(), r))
	return r
}

func (w *world) session(source, external string, room lieciba.Room, starts time.Time) lieciba.ExamSession {
	key := lieciba.SessionKey{Source: source, ExternalID: external}
	x := lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](start), SessionKey: key, SourceVersion: 1, SiteID: room.SiteID, RoomID: room.ID,
		StartsAt: starts, EndsAt: starts.Add(time.Hour), State: lieciba.SessionRunning, CreatedAt: start, UpdatedAt: start}
	require.NoError(w.t, w.catalog.ChangeSession(w.t.Context(), key,
		func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &x, nil }, nil))
	return x
}

// record stores a recording of 10 s with one verified segment of content.
func (w *world) record(x lieciba.ExamSession, cam lieciba.CameraID, content []byte) (lieciba.Recording, lieciba.Segment, []byte) {
	t, ctx := w.t, w.t.Context()
	rec, err := w.catalog.EnsureRecording(ctx, lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](start), SessionID: x.ID, CameraID: cam,
		RoomID: x.RoomID, NodeID: w.cfg.Node, Window: lieciba.Interval{From: start, To: start.Add(10 * time.Second)},
		State: lieciba.RecordingRecording, CreatedAt: start})
	require.NoError(t, err)
	run := lieciba.Run{ID: lieciba.NewID[lieciba.RunID](start), CameraID: cam, RecordingID: rec.ID, NodeID: w.cfg.Node, StartedAt: start,
		Format: lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 1920, Height: 1080, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}}}}
	require.NoError(t, w.catalog.PutRun(ctx, run))
	seg := lieciba.Segment{ID: lieciba.NewID[lieciba.SegmentID](start), RecordingID: rec.ID, CameraID: cam, RunID: run.ID, NodeID: w.cfg.Node,
		From: start, To: start.Add(4 * time.Second), Size: int64(len(content)), SHA256: sha256.Sum256(content), InitSize: 10,
		Video: lieciba.H264, Frames: 100, ClockQuality: lieciba.ClockGood, ClockOffset: 12 * time.Millisecond, State: lieciba.SegmentHashed,
		Fragments: []lieciba.Fragment{{From: start, Offset: 10, Size: int64(len(content)) - 10, Frames: 100, Key: true}}}
	require.NoError(t, w.catalog.AddSegment(ctx, seg))
	obj, err := w.media.Put(ctx, storage.SegmentKey(rec.ID, seg.ID), bytes.NewReader(content), seg.Size, seg.SHA256)
	require.NoError(t, err)
	require.NoError(t, w.catalog.VerifySegment(ctx, seg.ID, obj.Ref))
	seg.State, seg.Media = lieciba.SegmentVerified, obj.Ref
	return rec, seg, content
}

// user stores a user and returns it.
func (w *world) user(login, plain string, sites []lieciba.SiteID, roles ...lieciba.Role) lieciba.User {
	hash, err := password.Hash(plain)
	require.NoError(w.t, err)
	u := lieciba.User{ID: lieciba.NewID[lieciba.UserID](start), Login: login, Name: "Name of " + login, PasswordHash: hash, Roles: roles, SiteIDs: sites, CreatedAt: start}
	require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	return u
}

// answer is a response that was read to its end.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// request is one call of the API; bad says that its input breaks the document on purpose.
type request struct {
	method, path string
	token        string
	body         any // string and []byte go as they are, the rest as JSON
	contentType  string
	header       http.Header
	bad          bool
	client       *http.Client // with a cookie jar, for browsers
}

func (w *world) do(r request) answer {
	w.t.Helper()
	if w.ticks {
		w.clock.add(time.Millisecond)
	}
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case string:
		body = bytes.NewReader([]byte(b))
	case []byte:
		body = bytes.NewReader(b)
	default:
		j, err := json.Marshal(b)
		require.NoError(w.t, err)
		body = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(context.WithValue(w.t.Context(), badKey{}, r.bad), r.method, w.http.URL+r.path, body)
	require.NoError(w.t, err)
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.contentType == "" && r.body != nil {
		r.contentType = "application/json"
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	client := &http.Client{}
	if r.client != nil {
		copied := *r.client
		client = &copied
	}
	client.Transport = &checkingTransport{t: w.t, base: w.http.Client().Transport}
	resp, err := client.Do(req)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return answer{t: w.t, status: resp.StatusCode, header: resp.Header, body: b}
}

// as calls with the token of a role.
func (w *world) as(role lieciba.Role, method, path string, body any) answer {
	w.t.Helper()
	return w.do(request{method: method, path: path, token: w.tokens[role], body: body})
}

// badly is as with input that breaks the document on purpose.
func (w *world) badly(role lieciba.Role, method, path string, body any) answer {
	w.t.Helper()
	return w.do(request{method: method, path: path, token: w.tokens[role], body: body, bad: true})
}

func (a answer) want(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "answer: %s", a.body)
	return a
}

// refused checks the error shape.
func (a answer) refused(status int, code lieciba.Code, field string) string {
	a.t.Helper()
	a.want(status)
	var e errorBody
	require.NoError(a.t, json.Unmarshal(a.body, &e))
	require.Equal(a.t, code, e.Error.Code, "answer: %s", a.body)
	require.Equal(a.t, field, e.Error.Field, "answer: %s", a.body)
	require.NotEmpty(a.t, e.Error.Message)
	return e.Error.Message
}

func (a answer) json() map[string]any {
	a.t.Helper()
	var m map[string]any
	require.NoError(a.t, json.Unmarshal(a.body, &m), "answer: %s", a.body)
	return m
}

// items is the list in an answer.
func (a answer) items() []map[string]any {
	a.t.Helper()
	var m struct{ Items []map[string]any }
	require.NoError(a.t, json.Unmarshal(a.body, &m))
	return m.Items
}

// audited returns the entries of an act, newest first.
func (w *world) audited(act string) []lieciba.AuditEntry {
	w.t.Helper()
	list, err := w.catalog.ListAudit(w.t.Context(), storage.AuditFilter{Act: act})
	require.NoError(w.t, err)
	return list
}
