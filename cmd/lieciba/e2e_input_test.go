package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam"
)

// TestBadInputIsAnsweredClearly asks one server for what it must refuse.
func TestBadInputIsAnsweredClearly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	t.Run("camera address outside of the allowed networks", h.outsideAddress)
	t.Run("wrong password", h.wrongPassword)
	t.Run("session documents", h.badDocuments)
	t.Run("path-like IDs", h.pathLikeIDs)
	require.True(t, h.server.alive())
}

func (h *house) newCamera(body map[string]any) error {
	for k, v := range map[string]any{"name": "X", "site": "riga", "purpose": "test", "legal_basis": "test"} {
		if _, given := body[k]; !given {
			body[k] = v
		}
	}
	return h.call(h.admin, http.MethodPost, "/v1/cameras", body, nil)
}

func (h *house) outsideAddress(t *testing.T) {
	for field, address := range map[string]string{"address": "192.0.2.10:80", "url": "rtsp://192.0.2.10/stream1"} {
		e := h.refused(h.newCamera(map[string]any{field: address}), lieciba.CodeInvalid, field)
		require.Contains(t, e.Message, "outside the allowed camera networks")
	}
	for _, bad := range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "rtsp://user:geheim@127.0.0.1/x", "rtsp://127.0.0.1:0/x"} {
		e := h.refused(h.newCamera(map[string]any{"url": bad}), lieciba.CodeInvalid, "url")
		require.NotContains(t, e.Message, "geheim")
	}
	h.refused(h.newCamera(map[string]any{"address": "127.0.0.1:80/../x"}), lieciba.CodeInvalid, "address")
}

func (h *house) wrongPassword(t *testing.T) {
	v, err := virtualcam.Start(virtualcam.Options{Streams: small("Logs", "")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	before := v.Failures()
	err = h.newCamera(map[string]any{"address": v.Address(), "username": v.Username(), "password": "nepareiza"})
	e := h.refused(err, lieciba.CodeRefused, "password")
	require.NotContains(t, e.Message, "nepareiza")
	require.LessOrEqual(t, v.Failures()-before, 2, "no lock-out loop")
	require.Zero(t, v.RTSP().Failures())
}

func (h *house) badDocuments(t *testing.T) {
	push := func(change func(*lieciba.SessionDocument)) error {
		d := document(time.Hour)
		d.SourceVersion = 7
		change(&d)
		return h.call(h.source, http.MethodPut, "/v1/exam-sessions/documents", d, nil)
	}
	require.NoError(t, push(func(*lieciba.SessionDocument) {}))
	for name, c := range map[string]struct {
		change func(*lieciba.SessionDocument)
		code   lieciba.Code
		field  string
		says   string
	}{
		"offset that disagrees with Riga": {func(d *lieciba.SessionDocument) { d.StartsAt = "2026-12-01T09:00:00+03:00" },
			lieciba.CodeInvalid, "starts_at", "disagrees with Europe/Riga"},
		"UTC": {func(d *lieciba.SessionDocument) { d.StartsAt = "2026-12-01T09:00:00Z" }, lieciba.CodeInvalid, "starts_at", "+02:00"},
		"local time that does not exist": {func(d *lieciba.SessionDocument) {
			d.StartsAt, d.EndsAt = "2027-03-28T03:30:00+02:00", "2027-03-28T06:00:00+03:00"
		}, lieciba.CodeInvalid, "starts_at", "does not exist"},
		"stale version": {func(d *lieciba.SessionDocument) { d.SourceVersion = 6 }, lieciba.CodeConflict, "source_version", "older than 7"},
		"same version, other body": {func(d *lieciba.SessionDocument) { d.Seats = 99 },
			lieciba.CodeConflict, "source_version", "raise the version"},
		"unknown room": {func(d *lieciba.SessionDocument) { d.Room = "R999" }, lieciba.CodeInvalid, "room", "create it first"},
		"unknown part": {func(d *lieciba.SessionDocument) { d.Parts[0].Kind = "dancing" }, lieciba.CodeInvalid, "parts[0].kind", "speaking"},
	} {
		e := h.refused(push(c.change), c.code, c.field)
		require.Contains(t, e.Message, c.says, name)
	}
	err := h.call(h.source, http.MethodPut, "/v1/exam-sessions/documents", map[string]any{"source_version": 8, "personal_code": "010101-12345"}, nil)
	e := h.refused(err, lieciba.CodeInvalid, "personal_code")
	require.NotContains(t, e.Message, "12345")
}

// pathLikeIDs sends raw requests: a client library would clean the paths.
func (h *house) pathLikeIDs(t *testing.T) {
	for _, id := range []string{"..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "....", "..\\..\\x", "a%00b", "%2fetc%2fpasswd",
		"0198c0de-0000-7000-8000-00000000000g", "0198C0DE-0000-7000-8000-000000000000", strings.Repeat("a", 5000)} {
		for _, path := range []string{"/v1/segments/" + id + "/content", "/v1/cameras/" + id, "/v1/exam-sessions/" + id + "/timeline", "/assets/" + id} {
			status, body := h.raw(path)
			if strings.HasPrefix(path, "/assets/") && status == http.StatusOK { // the page itself
				require.Contains(t, strings.ToLower(body), "<!doctype html", path)
				continue
			}
			require.GreaterOrEqual(t, status, 400, path)
			require.Less(t, status, 500, "%s: %s", path, body)
			require.NotContains(t, body, "root:")
		}
	}
}

// raw sends a path as it is written.
func (h *house) raw(path string) (status int, body string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.url, nil)
	require.NoError(h.t, err)
	req.URL.Opaque = path
	req.Header.Set("Authorization", "Bearer "+h.reviewer.Token)
	res, err := h.http.Do(req)
	require.NoError(h.t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	require.NoError(h.t, res.Body.Close())
	return res.StatusCode, string(b)
}
