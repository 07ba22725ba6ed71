package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam"
	"lieciba/storage/minio"
	"lieciba/storage/postgres"
	"lieciba/storage/storagetest"
)

// serverHouse is a house on PostgreSQL and MinIO.
func serverHouse(t *testing.T) (*house, *storagetest.MinIOServer) {
	t.Helper()
	server := storagetest.MinIO(t)
	cat, err := postgres.Open(ctxb, storagetest.Postgres(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	media, err := minio.Open(ctxb, minio.Config{Endpoint: server.Endpoint, Bucket: server.Bucket, AccessKey: server.AccessKey, SecretKey: server.SecretKey, LockDays: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	h := &house{t: t, dir: t.TempDir(), now: time.Now, node: lieciba.NewID[lieciba.NodeID](time.Now()), catalog: cat, media: media}
	h.furnish(0)
	return h, server
}

func TestStoreIsAwayForAWhile(t *testing.T) {
	t.Parallel()
	h, server := serverHouse(t)
	h.move(t, small(rtspcam.Config{Audio: lieciba.AAC}), small(rtspcam.Config{}))
	r, stop := h.start()
	begin := h.now().Add(3 * time.Second)
	var ids []lieciba.SessionID
	for _, room := range h.rooms {
		ids = append(ids, h.session(room, begin, begin.Add(16*time.Second), nil))
	}
	time.Sleep(time.Until(begin.Add(3 * time.Second)))
	server.Stop(t)
	time.Sleep(10 * time.Second)
	st := r.Stats()
	require.Positive(t, st.SpoolBytes)
	require.GreaterOrEqual(t, st.UploadWaiting, int64(2))
	require.True(t, st.UploadFailing)
	require.Greater(t, st.UploadLag, 3*time.Second)
	server.Start(t)
	for _, id := range ids {
		x := h.settled(r, id, 1)[0]
		require.Empty(t, x.gaps)
		require.Equal(t, 16*time.Second, x.cover.Recorded)
		h.checkFiles(t, x)
	}
	require.Zero(t, r.Stats().SpoolBytes)
	stop()
}
