package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/storagetest"
)

// ready asks /readyz for its checks.
func (h *house) ready() (ok bool, checks map[string]bool) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.monitor.Base+"/readyz", nil)
	require.NoError(h.t, err)
	req.Header.Set("Authorization", "Bearer "+h.monitor.Token)
	resp, err := h.http.Do(req)
	require.NoError(h.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(h.t, err)
	require.NoError(h.t, resp.Body.Close())
	v := decode[struct {
		OK     bool            `json:"ok"`
		Checks map[string]bool `json:"checks"`
	}](h.t, body)
	require.Equal(h.t, v.OK, resp.StatusCode == http.StatusOK)
	return v.OK, v.Checks
}

// TestEvidenceThatCannotWorkStopsNoRecording: without the log's key, the
// authority's roots, the reaper's account and the folder of packages the server
// starts, tells, and records; what is mended makes up for the time.
func TestEvidenceThatCannotWorkStopsNoRecording(t *testing.T) {
	t.Parallel()
	h := newHouse(t, t.TempDir(), nil)
	h.camera(small("Priekša", ""))
	h.server.stop(t)
	key := filepath.Join(h.dir, "log.key")
	require.NoError(t, os.Rename(key, key+".away"))
	text, err := os.ReadFile(h.config)
	require.NoError(t, err)
	reaper, err := url.Parse(minioURL(storagetest.MinIO(t)))
	require.NoError(t, err)
	reaper.User = url.UserPassword(reaper.User.Username(), "another secret")
	nowhere := filepath.Join(h.config, "a file is no folder")
	broken := bytes.Join([][]byte{text,
		[]byte("evidence: {stamp: {url: \"http://127.0.0.1:1/\", roots: " + nowhere + "}}"),
		[]byte("export: {dir: " + nowhere + "}"),
		[]byte("media: {reaper: \"" + reaper.String() + "\"}"), nil}, []byte("\n"))
	require.NoError(t, os.WriteFile(h.config, broken, 0o600))

	h.serve()
	id := h.push("no-key", 5*time.Second)
	rec := h.complete(id, 1)[0]
	require.Equal(t, lieciba.RecordingComplete, rec.State, "nothing is sealed without the log")
	ok, checks := h.ready()
	require.False(t, ok)
	require.Equal(t, map[string]bool{"catalog": true, "media": true, "evidence": false, "retention": false}, checks)
	for _, told := range []string{"its signing key " + key + " is missing", "no time stamps are asked for", "a folder cannot be made"} {
		require.Contains(t, h.server.said(), told)
	}
	require.Positive(t, h.metric("lieciba_evidence_staged_leaves"))
	require.Positive(t, h.metric("lieciba_evidence_log_failing_seconds"))

	require.NoError(t, os.Rename(key+".away", key)) // under the running server
	until(t, "the recording is sealed", patience, func() bool { return h.timeline(id).Recordings[0].State == lieciba.RecordingSealed })
	until(t, "evidence is ready", patience, func() bool {
		_, checks = h.ready()
		return checks["evidence"]
	})
	h.server.stop(t)
	require.NoError(t, os.WriteFile(h.config, text, 0o600))
	h.serve()
	ok, _ = h.ready()
	require.True(t, ok)
	h.clean()
}
