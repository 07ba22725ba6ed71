package minio_test

import (
	"crypto/sha256"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	mc "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/minio"
	"lieciba/storage/storagetest"
)

// account makes an account of MinIO's own with one of the policies that the
// administrator is told to use: a temporary one, whose rights are exactly those.
func account(t testing.TB, srv *storagetest.MinIOServer, bucket, policy string) minio.Config {
	t.Helper()
	doc, err := os.ReadFile("../../deploy/minio/" + policy)
	require.NoError(t, err)
	sts, err := credentials.NewSTSAssumeRole("http://"+srv.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, DurationSeconds: 3600,
		Policy: strings.ReplaceAll(string(doc), ":::lieciba", ":::"+bucket)})
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	v, err := sts.GetWithContext(&credentials.CredContext{Client: client})
	for n := 0; err != nil && strings.Contains(err.Error(), "not initialized") && n < 100; n++ { // a part of MinIO that is ready last
		<-time.After(50 * time.Millisecond)
		v, err = sts.GetWithContext(&credentials.CredContext{Client: client})
	}
	require.NoError(t, err)
	cfg := minio.Config{Endpoint: srv.Endpoint, Bucket: bucket}
	return minio.Temporary(cfg, v.AccessKeyID, v.SecretAccessKey, v.SessionToken)
}

// house is a bucket with a server's account and a reaper's, as deployed.
type house struct {
	srv            *storagetest.MinIOServer
	bucket         string
	server, reaper *minio.Store
}

func newHouse(t *testing.T, lockDays int) *house {
	srv := storagetest.MinIO(t)
	h := &house{srv: srv, bucket: srv.Bucket}
	require.NoError(t, bypass(t, srv).MakeBucket(t.Context(), h.bucket, mc.MakeBucketOptions{ObjectLocking: true}))
	cfg := account(t, srv, h.bucket, "server.json")
	cfg.LockDays = lockDays
	h.server, h.reaper = open(t, cfg), open(t, account(t, srv, h.bucket, "reaper.json"))
	t.Cleanup(func() {
		require.NoError(t, h.server.Close())
		require.NoError(t, h.reaper.Close())
	})
	return h
}

// endLock lets an administrator end a version's retention; it stands for time.
func (h *house) endLock(t *testing.T, ref lieciba.MediaRef) {
	require.NoError(t, bypass(t, h.srv).PutObjectRetention(t.Context(), h.bucket, ref.Key, mc.PutObjectRetentionOptions{VersionID: ref.Version, GovernanceBypass: true}))
}

// TestServerAccountCannotDelete: refused before the date, refused under legal
// hold after it, and refused for a free version too: that is the reaper's part.
func TestServerAccountCannotDelete(t *testing.T) {
	h := newHouse(t, 30)
	require.True(t, h.server.WriteOnce(), h.server.WriteOnceReason())
	b := []byte("evidence")
	obj, err := put(t, h.server, b)
	require.NoError(t, err)
	refuse := func(when string, s *minio.Store) {
		t.Helper()
		for _, err := range []error{s.Remove(t.Context(), obj.Ref), s.Remove(t.Context(), lieciba.MediaRef{Key: key}), s.RemoveAll(t.Context(), key)} {
			require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "%s: %v", when, err)
		}
		sum, err := h.server.Sum(t.Context(), obj.Ref)
		require.NoError(t, err, when)
		require.Equal(t, sha256.Sum256(b), sum)
	}
	refuse("before the date", h.server)
	refuse("before the date, the reaper", h.reaper)
	until, held, err := h.server.Lock(t.Context(), obj.Ref)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 30), until, 2*time.Hour, "locked as it was written")
	require.False(t, held)
	require.NoError(t, h.server.LockUntil(t.Context(), obj.Ref, time.Now().AddDate(0, 2, 0)), "a lock may be prolonged")
	require.NoError(t, h.reaper.LockUntil(t.Context(), obj.Ref, time.Now().AddDate(0, 3, 0)))

	require.NoError(t, h.reaper.SetHold(t.Context(), obj.Ref, true))
	h.endLock(t, obj.Ref)
	until, held, err = h.server.Lock(t.Context(), obj.Ref)
	require.NoError(t, err)
	require.Zero(t, until)
	require.True(t, held, "both accounts see the hold")
	refuse("under legal hold after the date", h.server)
	refuse("under legal hold after the date, the reaper", h.reaper)
	require.Error(t, h.server.SetHold(t.Context(), obj.Ref, false), "the server's account cannot lift a hold")
	refuse("still held", h.reaper)

	require.NoError(t, h.reaper.SetHold(t.Context(), obj.Ref, false))
	refuse("free, and not the server's to delete", h.server)
	require.NoError(t, h.reaper.RemoveAll(t.Context(), key))
	require.Empty(t, versions(t, h.srv, h.bucket, key))
}

// TestNoAccountCanBypass: no account destroys a locked version, whatever it
// asks, and none changes the bucket. MinIO lets s3:PutObjectRetention shorten a
// lock with the bypass header alone, without s3:BypassGovernanceRetention: so the
// server's account has no right to delete footage, locked or not.
func TestNoAccountCanBypass(t *testing.T) {
	h := newHouse(t, 30)
	obj, err := put(t, h.server, []byte("evidence"))
	require.NoError(t, err)
	denied := func(err error) {
		t.Helper()
		require.Equal(t, "AccessDenied", mc.ToErrorResponse(err).Code, "%v", err)
	}
	for _, policy := range []string{"server.json", "reaper.json"} {
		c := minio.Client(t, account(t, h.srv, h.bucket, policy))
		denied(c.RemoveObject(t.Context(), h.bucket, key, mc.RemoveObjectOptions{VersionID: obj.Ref.Version, GovernanceBypass: true}))
		mode, days, unit := mc.Governance, uint(1), mc.Days
		denied(c.SetBucketObjectLockConfig(t.Context(), h.bucket, &mode, &days, &unit))
		denied(c.SuspendVersioning(t.Context(), h.bucket))
		denied(c.RemoveBucket(t.Context(), h.bucket))
	}
	server, off := minio.Client(t, account(t, h.srv, h.bucket, "server.json")), mc.LegalHoldDisabled
	denied(server.PutObjectLegalHold(t.Context(), h.bucket, key, mc.PutObjectLegalHoldOptions{VersionID: obj.Ref.Version, Status: &off}))
	denied(server.RemoveObject(t.Context(), h.bucket, key, mc.RemoveObjectOptions{})) // not even hide it
	h.endLock(t, obj.Ref)                                                             // as if the account had shortened the lock
	denied(server.RemoveObject(t.Context(), h.bucket, key, mc.RemoveObjectOptions{VersionID: obj.Ref.Version, GovernanceBypass: true}))
	require.Len(t, versions(t, h.srv, h.bucket, key), 1)
}

// TestReaperAccountCannotWrite: it deletes what is due and adds nothing.
func TestReaperAccountCannotWrite(t *testing.T) {
	h := newHouse(t, 0)
	require.True(t, h.reaper.WriteOnce(), h.reaper.WriteOnceReason())
	_, err := put(t, h.reaper, []byte("forged"))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err), "%v", err)
	require.Empty(t, versions(t, h.srv, h.bucket, key))
}
