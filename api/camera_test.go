package api

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func newCameraBody(change map[string]any) map[string]any {
	d := map[string]any{"address": "192.0.2.10:8080", "name": "back", "site": "riga", "username": "user-of-camera", "password": "s3cret-of-camera",
		"purpose": "exam", "legal_basis": "MK 973"}
	for k, v := range change {
		if v == nil {
			delete(d, k)
			continue
		}
		d[k] = v
	}
	return d
}

func TestAdoptCamera(t *testing.T) {
	w := newWorld(t)
	w.cameras.answer = Probed{Camera: lieciba.Camera{Address: "192.0.2.10:8080", ONVIF: true, EndpointRef: "urn:uuid:1", Maker: "Maker", Model: "M1",
		DeviceURL: "http://192.0.2.10:8080/onvif/device_service", ClockOffset: -1500 * time.Millisecond,
		Streams: []lieciba.CameraStream{{Role: lieciba.StreamMain, URL: "rtsp://192.0.2.10/main?token=inner", Video: lieciba.H264}}},
		Advice: []string{"sends B-frames: live view will stutter"}}
	a := w.as("admin", "POST", "/v1/cameras", newCameraBody(nil)).want(201)
	m := a.json()
	require.Equal(t, "enrolled", m["state"])
	require.Equal(t, float64(-1500), m["clock_offset_ms"])
	require.Equal(t, []any{"sends B-frames: live view will stutter"}, m["advice"])
	require.Nil(t, m["status"])
	require.Equal(t, 1, w.refresh.count())
	require.Equal(t, Credentials{"user-of-camera", "s3cret-of-camera"}, w.cameras.probed[0].Credentials)

	id := lieciba.CameraID(m["id"].(string))
	sealed, err := w.catalog.CameraSecret(t.Context(), id)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "s3cret-of-camera")
	cred, err := OpenCredentials(w.cfg.Secrets, id, sealed)
	require.NoError(t, err)
	require.Equal(t, Credentials{"user-of-camera", "s3cret-of-camera"}, cred)
	_, err = OpenCredentials(w.cfg.Secrets, w.own.camera.ID, sealed)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "a sealed secret cannot move to another camera")

	w.as("admin", "POST", "/v1/cameras", newCameraBody(nil)).refused(409, "conflict", "address") // the same camera again
	require.Equal(t, "camera adopted at 192.0.2.10:8080", w.audited("manage_cameras")[0].Detail)
}

func TestAdoptCameraRefusals(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		err    error
		status int
		code   lieciba.Code
		field  string
	}{
		"wrong password":         {lieciba.Invalid("password", "the camera refused"), 422, "refused", "password"},
		"as unauthenticated":     {lieciba.Errorf(lieciba.CodeUnauthenticated, "no"), 422, "refused", "password"},
		"user without the right": {lieciba.Errorf(lieciba.CodeForbidden, "no"), 422, "refused", "username"},
		"outside the networks":   {lieciba.Invalid("address", "is outside the allowed networks"), 400, "invalid", "address"},
		"does not answer":        {lieciba.Errorf(lieciba.CodeUnavailable, "no answer"), 503, "unavailable", ""},
		"not a *lieciba.Error":   {http.ErrBodyNotAllowed, 500, "internal", ""},
	} {
		w.cameras.err = c.err
		says := w.as("admin", "POST", "/v1/cameras", newCameraBody(nil)).refused(c.status, c.code, c.field)
		require.NotContains(t, says, "http:", name)
	}
	require.Len(t, w.as("admin", "GET", "/v1/cameras?site=riga", nil).items(), 1, "nothing was adopted")
}

func TestChangeCamera(t *testing.T) {
	w := newWorld(t)
	path := "/v1/cameras/" + string(w.own.camera.ID)
	w.as("admin", "PATCH", path, map[string]any{"username": "op", "password": "first-secret"}).want(200)
	a := w.as("admin", "PATCH", path, map[string]any{"name": "door", "password": "second-secret"}).want(200).json()
	require.Equal(t, "door", a["name"])
	require.Equal(t, "riga-201", a["room_code"])
	require.Equal(t, "ready", a["state"], "a change of the name leaves the state")
	last := w.cameras.probed[len(w.cameras.probed)-1]
	require.Equal(t, Credentials{"op", "second-secret"}, last.Credentials, "the user name stays, and is never sent out")
	w.cameras.err = lieciba.Invalid("password", "the camera refused")
	w.as("admin", "PATCH", path, map[string]any{"password": "third-secret"}).refused(422, "refused", "password")
	cred, err := w.server.credentials(t.Context(), w.own.camera.ID)
	require.NoError(t, err)
	require.Equal(t, "second-secret", cred.Password, "what the camera refused is not kept")
	w.cameras.err = lieciba.Errorf(lieciba.CodeUnavailable, "off")
	w.as("admin", "PATCH", path, map[string]any{"password": "fourth-secret"}).want(200) // cannot be tried now
	w.cameras.err = nil
	w.badly("admin", "PATCH", path, map[string]any{"state": "ready"}).refused(400, "invalid", "state")
	w.badly("admin", "PATCH", path, map[string]any{"name": ""}).refused(400, "invalid", "name")
	require.Equal(t, "retired", w.as("admin", "PATCH", path, map[string]any{"state": "retired"}).want(200).json()["state"])
	w.as("supervisor", "GET", path+"/snapshot", nil).refused(409, "conflict", "")
	require.Equal(t, "enrolled", w.as("admin", "PATCH", path, map[string]any{"state": "enrolled"}).want(200).json()["state"])
}

func TestAssignCamera(t *testing.T) {
	w := newWorld(t)
	path := "/v1/cameras/" + string(w.own.camera.ID)
	second := w.room(w.own.site.ID, "riga-202")
	later := start.Add(time.Hour)
	a := w.as("admin", "PUT", path+"/assignment", map[string]any{"room": second.Code, "from": later.Format(time.RFC3339)}).want(200).json()
	require.Equal(t, string(second.ID), a["room_id"])
	require.Equal(t, "riga-201", w.as("supervisor", "GET", path, nil).json()["room_code"])
	w.clock.add(time.Hour)
	require.Equal(t, "riga-202", w.as("supervisor", "GET", path, nil).json()["room_code"])
	w.clock.add(time.Minute)
	w.as("admin", "PUT", path+"/assignment", map[string]any{"room": ""}).want(200)
	require.Nil(t, w.as("supervisor", "GET", path, nil).json()["room_code"])
	w.as("admin", "PUT", path+"/assignment", map[string]any{"room": "R999"}).refused(400, "invalid", "room")
	w.as("admin", "PUT", path+"/assignment", map[string]any{"room": w.foreign.room.Code}).refused(400, "invalid", "room")
	w.as("admin", "PUT", path+"/assignment", map[string]any{"room": "riga-201", "from": start.Format(time.RFC3339)}).refused(400, "invalid", "from")
	w.badly("admin", "PUT", path+"/assignment", map[string]any{}).refused(400, "invalid", "room")
}

func TestCameraStatus(t *testing.T) {
	w := newWorld(t)
	w.cameras.status = map[lieciba.CameraID]lieciba.CameraStatus{w.own.camera.ID: {Connected: true, Since: start, LastFrameAge: 40 * time.Millisecond, FPS: 25,
		Bitrate: 2_000_000, LostPackets: 3, Recording: true, SessionID: w.own.session.ID, LastDurableAge: 800 * time.Millisecond, Viewers: 2}}
	m := w.as("supervisor", "GET", "/v1/cameras/"+string(w.own.camera.ID), nil).want(200).json()["status"].(map[string]any)
	require.Equal(t, map[string]any{"connected": true, "since": "2026-11-18T06:30:00Z", "last_frame_age_ms": 40.0, "fps": 25.0, "bitrate": 2e6, "lost_packets": 3.0,
		"recording": true, "session_id": string(w.own.session.ID), "last_durable_age_ms": 800.0, "gap_open_since": nil, "gap_cause": nil, "viewers": 2.0, "advice": []any{}}, m)
	w.cameras.status[w.own.camera.ID] = lieciba.CameraStatus{LastFrameAge: -1, LastDurableAge: -1, GapOpenSince: start, GapCause: lieciba.CauseCameraOffline}
	m = w.as("supervisor", "GET", "/v1/cameras/"+string(w.own.camera.ID), nil).want(200).json()["status"].(map[string]any)
	require.Nil(t, m["last_frame_age_ms"])
	require.Equal(t, "camera_offline", m["gap_cause"])
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	w.cameras.hold = make(chan struct{})
	w.cameras.found = []Found{
		{Camera: lieciba.Camera{EndpointRef: w.own.camera.EndpointRef, Address: "192.0.2.1:80", Name: "known"}},
		{Camera: lieciba.Camera{EndpointRef: "urn:uuid:new", Address: "192.0.2.2:80"}, NeedsCredentials: true, Err: lieciba.Invalid("username", "wants a user name")},
		{Camera: lieciba.Camera{EndpointRef: "urn:uuid:new", Address: "192.0.2.2:80", Name: "newest answer counts"}, NeedsCredentials: true},
	}
	a := w.as("admin", "POST", "/v1/discoveries", map[string]any{"seconds": 4, "addresses": []string{"192.0.2.2", "[2001:db8::1]:80"}}).want(201)
	require.Equal(t, "discovery at 2 addresses: 192.0.2.2, [2001:db8::1]:80", w.audited("manage_cameras")[0].Detail)
	require.Less(t, len(discoveryDetail(DiscoverRequest{Addresses: slices.Repeat([]string{"192.0.2.2"}, 256)})), 1100)
	require.Equal(t, "running", a.json()["state"])
	path := a.header.Get("Location")
	require.Equal(t, "/v1/discoveries/"+a.json()["id"].(string), path)
	w.clock.add(time.Second)
	require.InDelta(t, 0.25, w.as("admin", "GET", path, nil).want(200).json()["progress"], 1e-9)
	w.as("admin", "POST", "/v1/discoveries", map[string]any{}).want(201)
	third := w.as("admin", "POST", "/v1/discoveries", map[string]any{})
	third.refused(429, "rate_limited", "")
	require.Equal(t, "5", third.header.Get("Retry-After"))
	close(w.cameras.hold)
	w.server.discoveries.jobs.Wait()
	m := w.as("admin", "GET", path, nil).want(200).json()
	require.Equal(t, "done", m["state"])
	require.Equal(t, 1.0, m["progress"])
	found := m["found"].([]any)
	require.Len(t, found, 2)
	require.Equal(t, string(w.own.camera.ID), found[0].(map[string]any)["adopted_camera_id"])
	require.Nil(t, found[1].(map[string]any)["adopted_camera_id"])
	require.Equal(t, "newest answer counts", found[1].(map[string]any)["name"])
	w.clock.add(10 * time.Minute)
	w.as("admin", "GET", path, nil).refused(404, "not_found", "")
	require.Empty(t, w.server.discoveries.byID, "forgotten")

	w.cameras.err = lieciba.Invalid("interfaces", "there is no interface eth9")
	path = w.as("admin", "POST", "/v1/discoveries", map[string]any{"interfaces": []string{"eth9"}}).want(201).header.Get("Location")
	w.server.discoveries.jobs.Wait()
	m = w.as("admin", "GET", path, nil).want(200).json()
	require.Equal(t, "failed", m["state"])
	require.Equal(t, "there is no interface eth9", m["error"])
	for field, bad := range map[string]any{"seconds": map[string]any{"seconds": 0.5}, "interfaces": map[string]any{"interfaces": []string{"../x"}}} {
		w.as("admin", "GET", "/v1/discoveries/"+lieciba.NewID[string](start), nil).want(404)
		if field == "interfaces" {
			w.as("admin", "POST", "/v1/discoveries", bad).refused(400, "invalid", field)
			continue
		}
		w.badly("admin", "POST", "/v1/discoveries", bad).refused(400, "invalid", field)
	}
}

// Close ends a discovery that would go on, and starts no other.
func TestCloseEndsDiscoveries(t *testing.T) {
	w := newWorld(t)
	w.cameras.hold = make(chan struct{})
	path := w.as("admin", "POST", "/v1/discoveries", map[string]any{}).want(201).header.Get("Location")
	require.NoError(t, w.server.Close())
	require.Equal(t, "failed", w.as("admin", "GET", path, nil).want(200).json()["state"])
	w.as("admin", "POST", "/v1/discoveries", map[string]any{}).want(429)
}

func TestDiscoveriesAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range maxFound + 5 {
		w.cameras.found = append(w.cameras.found, Found{Camera: lieciba.Camera{EndpointRef: "urn:" + lieciba.NewID[string](start), Address: string(rune('a' + i%26))}})
	}
	var path string
	for range maxKept + 5 {
		path = w.as("admin", "POST", "/v1/discoveries", map[string]any{}).want(201).header.Get("Location")
		w.server.discoveries.jobs.Wait()
	}
	m := w.as("admin", "GET", path, nil).want(200).json()
	require.Len(t, m["found"], maxFound)
	require.NotEmpty(t, m["error"])
	require.LessOrEqual(t, len(w.server.discoveries.byID), maxKept+1)
}
