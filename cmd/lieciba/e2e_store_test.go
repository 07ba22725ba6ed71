package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage/storagetest"
)

// metric reads one value of /metrics.
func (h *house) metric(name string) float64 {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.url+"/metrics", nil)
	require.NoError(h.t, err)
	req.Header.Set("Authorization", "Bearer "+h.monitor.Token)
	res, err := h.http.Do(req)
	require.NoError(h.t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	require.NoError(h.t, res.Body.Close())
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(body)
	require.NotNil(h.t, found, "%s\n%s", name, body)
	v, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(h.t, err)
	return v
}

// outage is how long the issue wants the store to be away.
const outage = 60 * time.Second

// TestStoreAwayForAMinute stops MinIO in mid-recording.
func TestStoreAwayForAMinute(t *testing.T) {
	t.Parallel()
	m := storagetest.MinIO(t)
	h := newHouse(t, t.TempDir(), map[string]string{config.EnvCatalogURL: storagetest.Postgres(t), config.EnvMediaURL: minioURL(m)})
	h.camera(small("Priekša", lieciba.PCMA))
	h.camera(small("Durvis", lieciba.AAC))
	id := h.push("outage", outage+12*time.Second)
	h.grown(id, 2, 1)
	m.Stop(t)
	stopped := time.Now()
	early := 0.0
	until(t, "the store is away for long enough", outage+patience, func() bool {
		if early == 0 && time.Since(stopped) > outage/6 {
			early = h.metric("lieciba_spool_bytes")
		}
		return time.Since(stopped) > outage
	})
	require.Positive(t, early)
	require.Greater(t, h.metric("lieciba_spool_bytes"), 3*early, "the spool grows")
	require.Greater(t, h.metric("lieciba_upload_lag_seconds"), outage.Seconds()/2)
	require.GreaterOrEqual(t, h.metric("lieciba_spool_segments"), 20.0, "ten of each camera at least")
	m.Start(t)
	for _, rec := range h.complete(id, 2) {
		require.Empty(t, rec.Gaps, "nothing is lost")
		require.Equal(t, rec.ExpectedS, rec.RecordedS)
		require.Greater(t, len(rec.Segments), 10)
		h.fetch(rec.Segments[len(rec.Segments)/2]) // its bytes were in the spool when the store was away
	}
	until(t, "the spool drains", patience, func() bool {
		return h.metric("lieciba_spool_bytes") == 0 && h.metric("lieciba_spool_segments") == 0
	})
	h.clean()
}
