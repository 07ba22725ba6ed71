package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam"
	"lieciba/onvif/virtualcam/rtspcam"
	"lieciba/storage/fsck"
	"lieciba/viewer/probe"
)

// The margins and the segment length of every house.
const (
	marginBefore  = time.Second
	marginAfter   = time.Second
	segmentLength = 3 * time.Second
	frameTime     = 40 * time.Millisecond
)

// house is a site with a room, a serving process and a client for each role.
// The cameras live in the test's own process: they outlive the server.
type house struct {
	t      *testing.T
	dir    string // the server's data folder
	config string // file
	env    map[string]string
	server *child

	admin, supervisor, reviewer, security, source, monitor *probe.Client
	approver                                               *probe.Client // a person: no machine approves
	http                                                   *http.Client
}

// newHouse brings a house up in dir, on SQLite and a folder unless env names stores.
func newHouse(t *testing.T, dir string, env map[string]string) *house {
	t.Helper()
	h := &house{t: t, dir: dir, env: env, http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}
	t.Cleanup(h.http.CloseIdleConnections)
	h.config = filepath.Join(t.TempDir(), "lieciba.yaml")
	text := fmt.Sprintf("data: %s\nhttp: {listen: 127.0.0.1:0}\nwebrtc: {port: 0}\n"+
		"record: {before: %s, after: %s, segment: %s}\ncameras: {networks: [127.0.0.0/8], interfaces: [lo]}\n"+
		"sign_in: {approve_with: password}\n",
		dir, marginBefore, marginAfter, segmentLength)
	require.NoError(t, os.WriteFile(h.config, []byte(text), 0o600))
	h.serve()
	h.admin = h.token("admin")
	h.must(h.admin, http.MethodPut, "/v1/sites/riga", map[string]any{"name": "Rīga"}, nil)
	h.must(h.admin, http.MethodPut, "/v1/rooms/R1", map[string]any{"site": "riga", "name": "Telpa 1"}, nil)
	h.supervisor = h.token("supervisor", "--site", "riga")
	h.reviewer, h.security = h.token("reviewer"), h.token("security")
	h.source, h.monitor = h.token("citizenship"), h.token("monitoring")
	h.approver = h.person("approver")
	return h
}

// person signs somebody in who has one role.
func (h *house) person(role string) *probe.Client {
	h.t.Helper()
	const password = "a long enough one"
	code, _, errs := command(h.t, h.env, password+"\n", "user", "add", "e2e-"+role, "--role", role, "--keep", "-c", h.config)
	require.Zero(h.t, code, errs)
	c, err := probe.SignIn(h.t.Context(), h.server.url, h.http, "e2e-"+role, password)
	require.NoError(h.t, err)
	return c
}

// approved has somebody ask for something and the approver approve it, and uses
// it; it returns the ID of what came of it.
func (h *house) approved(asker *probe.Client, asked map[string]any) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id, err := probe.Approved(ctx, asker, h.approver, asked)
	require.NoError(h.t, err)
	return id
}

// mayWatch gives the reviewer a grant on all of a session.
func (h *house) mayWatch(id lieciba.SessionID) {
	h.t.Helper()
	h.approved(h.reviewer, map[string]any{"kind": "grant", "session_id": id, "purpose": "data_subject",
		"reason": "who was filmed asks to see it", "until": time.Now().Add(time.Hour).Format(time.RFC3339)})
}

// serve starts the server; after a kill or a stop it starts it again on the same data.
func (h *house) serve() {
	h.t.Helper()
	var env []string
	for k, v := range h.env {
		env = append(env, k+"="+v)
	}
	h.server = serve(h.t, h.config, env...)
	for _, c := range []*probe.Client{h.admin, h.supervisor, h.reviewer, h.security, h.source, h.monitor, h.approver} {
		if c != nil {
			c.Base = h.server.url
		}
	}
}

// token makes a client by `lieciba token add`, beside the running server.
func (h *house) token(role string, more ...string) *probe.Client {
	h.t.Helper()
	args := append([]string{"token", "add", "e2e-" + role, "--role", role, "-c", h.config}, more...)
	code, out, errs := command(h.t, h.env, "", args...)
	require.Zero(h.t, code, errs)
	return &probe.Client{Base: h.server.url, Token: strings.TrimSpace(out), HTTP: h.http}
}

// call is one request to the API.
func (h *house) call(c *probe.Client, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.Call(ctx, method, path, in, out)
}

func (h *house) must(c *probe.Client, method, path string, in, out any) {
	h.t.Helper()
	require.NoError(h.t, h.call(c, method, path, in, out))
}

// refused expects an error of the code whose field is as given.
func (h *house) refused(err error, code lieciba.Code, field string) *lieciba.Error {
	h.t.Helper()
	var e *lieciba.Error
	require.ErrorAs(h.t, err, &e)
	require.Equal(h.t, []any{code, field}, []any{e.Code, e.Field}, "%v", err)
	return e
}

// small is a camera that costs little to simulate: a key frame each second.
func small(name string, audio lieciba.AudioCodec) rtspcam.Config {
	return rtspcam.Config{Name: name, Username: "lieciba", Password: "slepens-" + name, Audio: audio,
		Width: 320, Height: 192, SubWidth: 320, SubHeight: 192, GOP: 25}
}

// camera starts a virtual camera, adopts it by its address and puts it in the room.
func (h *house) camera(c rtspcam.Config) (*virtualcam.Camera, lieciba.CameraID) {
	h.t.Helper()
	v, err := virtualcam.Start(virtualcam.Options{Streams: c})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, v.Close()) })
	return v, h.adopt(map[string]any{"address": v.Address(), "name": c.Name, "username": c.Username, "password": c.Password})
}

// adopt adopts a camera, assigns it to the room and waits for its picture.
func (h *house) adopt(body map[string]any) lieciba.CameraID {
	h.t.Helper()
	var c struct {
		ID lieciba.CameraID `json:"id"`
	}
	body["site"], body["purpose"], body["legal_basis"] = "riga", "test", "none: simulated pictures"
	h.must(h.admin, http.MethodPost, "/v1/cameras", body, &c)
	h.must(h.admin, http.MethodPut, "/v1/cameras/"+string(c.ID)+"/assignment", map[string]any{"room": "R1"}, nil)
	h.connected(c.ID)
	return c.ID
}

type cameraState struct {
	Status *struct {
		Connected    bool             `json:"connected"`
		FPS          float64          `json:"fps"`
		Recording    bool             `json:"recording"`
		GapOpenSince *time.Time       `json:"gap_open_since"`
		GapCause     lieciba.GapCause `json:"gap_cause"`
		DurableAgeMS *int64           `json:"last_durable_age_ms"`
	} `json:"status"`
}

func (h *house) state(id lieciba.CameraID) cameraState {
	h.t.Helper()
	var c cameraState
	h.must(h.admin, http.MethodGet, "/v1/cameras/"+string(id), nil, &c)
	return c
}

// connected waits until the camera's frames arrive.
func (h *house) connected(id lieciba.CameraID) {
	h.t.Helper()
	until(h.t, "the camera is connected", patience, func() bool {
		s := h.state(id).Status
		return s != nil && s.Connected && s.FPS > 0
	})
}

// document is a session of that length that starts when the margin before it has passed.
func document(length time.Duration) lieciba.SessionDocument {
	start := time.Now().Add(marginBefore + 500*time.Millisecond).In(lieciba.Riga)
	return lieciba.SessionDocument{SourceVersion: 1, Room: "R1", Seats: 12,
		StartsAt: start.Format(time.RFC3339Nano), EndsAt: start.Add(length).Format(time.RFC3339Nano),
		Parts: []lieciba.PartDocument{{Kind: lieciba.PartSpeaking}}}
}

// push sends a session as the citizenship system does.
func (h *house) push(externalID string, length time.Duration) lieciba.SessionID {
	h.t.Helper()
	var s struct {
		ID lieciba.SessionID `json:"id"`
	}
	h.must(h.source, http.MethodPut, "/v1/exam-sessions/"+externalID, document(length), &s)
	return s.ID
}

// fsck runs the command beside the running server, if one runs.
func (h *house) fsck() (code int, r fsck.Report) {
	h.t.Helper()
	code, out, errs := command(h.t, h.env, "", "fsck", "--json", "-c", h.config)
	require.NotEmpty(h.t, out, errs)
	return code, decode[fsck.Report](h.t, []byte(out))
}

// clean expects that fsck finds nothing.
func (h *house) clean() {
	h.t.Helper()
	code, r := h.fsck()
	require.Empty(h.t, r.Violations)
	require.Zero(h.t, code)
	require.Positive(h.t, r.Checked.Recordings)
}
