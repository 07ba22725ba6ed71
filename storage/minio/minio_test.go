package minio_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	mc "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/minio"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(srv *storagetest.MinIOServer) minio.Config {
	return minio.Config{Endpoint: srv.Endpoint, Bucket: srv.Bucket, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey}
}

func open(t testing.TB, cfg minio.Config) *minio.Store {
	t.Helper()
	s, err := minio.Open(t.Context(), cfg)
	require.NoError(t, err)
	return s
}

// bypass is a client of an administrator.
func bypass(t testing.TB, srv *storagetest.MinIOServer) *mc.Client {
	c, err := mc.New(srv.Endpoint, &mc.Options{Creds: credentials.NewStaticV4(srv.AccessKey, srv.SecretKey, ""), Region: "us-east-1"})
	require.NoError(t, err)
	return c
}

func TestContract(t *testing.T) {
	srv := storagetest.MinIO(t)
	n := 0
	storagetest.TestMedia(t, func(*testing.T) storagetest.MediaSetup {
		cfg := config(srv)
		n++
		cfg.Bucket = fmt.Sprintf("%s-%d", srv.Bucket, n)
		return storagetest.MediaSetup{
			Open:  func(t testing.TB) storage.Media { return open(t, cfg) },
			Stop:  func(t testing.TB) { srv.Stop(t) },
			Start: func(t testing.TB) { srv.Start(t) },
			Hide: func(t testing.TB, key string) {
				require.NoError(t, bypass(t, srv).RemoveObject(t.Context(), cfg.Bucket, key, mc.RemoveObjectOptions{}))
			},
			Versions: func(t testing.TB, key string) int { return len(versions(t, srv, cfg.Bucket, key)) },
		}
	})
}

// versions lists every version and marker of exactly this key.
func versions(t testing.TB, srv *storagetest.MinIOServer, bucket, key string) (list []mc.ObjectInfo) {
	for o := range bypass(t, srv).ListObjectsIter(t.Context(), bucket, mc.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
		require.NoError(t, o.Err)
		if o.Key == key {
			list = append(list, o)
		}
	}
	return list
}

const key = "segments/0198c0de-0000-7000-8000-000000000001/0198c0de-0000-7000-8000-000000000002.mp4"

func put(t testing.TB, s *minio.Store, b []byte) (storage.Object, error) {
	return s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
}

// TestLockIsProven: real MinIO passes the proof; an object with retention
// cannot be removed, not even after a plain DELETE hid it.
func TestLockIsProven(t *testing.T) {
	srv := storagetest.MinIO(t)
	cfg := config(srv)
	cfg.LockDays = 1
	s := open(t, cfg)
	defer func() { require.NoError(t, s.Close()) }()
	require.True(t, s.WriteOnce(), s.WriteOnceReason())
	b := []byte("evidence")
	obj, err := put(t, s, b)
	require.NoError(t, err)
	require.NotEmpty(t, obj.Ref.Version)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(s.Remove(t.Context(), obj.Ref)))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(s.Remove(t.Context(), lieciba.MediaRef{Key: key})))

	admin := bypass(t, srv)
	mode, until, err := admin.GetObjectRetention(t.Context(), cfg.Bucket, key, obj.Ref.Version)
	require.NoError(t, err)
	require.Equal(t, mc.Governance, *mode)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 1), *until, time.Hour)
	info, err := admin.StatObject(t.Context(), cfg.Bucket, key, mc.StatObjectOptions{Checksum: true})
	require.NoError(t, err)
	require.NotEmpty(t, info.ChecksumSHA256, "the server keeps the sum that it checked")

	require.NoError(t, admin.RemoveObject(t.Context(), cfg.Bucket, key, mc.RemoveObjectOptions{}))
	_, err = s.Stat(t.Context(), lieciba.MediaRef{Key: key})
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "a delete marker hides the key")
	sum, err := s.Sum(t.Context(), obj.Ref)
	require.NoError(t, err, "and the version still stands")
	require.Equal(t, sha256.Sum256(b), sum)
}

func TestProofObjectsAreHiddenAndSwept(t *testing.T) {
	srv := storagetest.MinIO(t)
	for range 2 {
		s := open(t, config(srv))
		require.NoError(t, s.List(t.Context(), "", func(o storage.Object) error {
			return fmt.Errorf("%s is listed", o.Ref.Key)
		}))
		require.NoError(t, s.Close())
	}
	proofs := func() (n int) {
		for o := range bypass(t, srv).ListObjectsIter(t.Context(), srv.Bucket, mc.ListObjectsOptions{Recursive: true, WithVersions: true}) {
			require.NoError(t, o.Err)
			n++
		}
		return n
	}
	require.Equal(t, 2, proofs(), "one locked object a start; the held one is destroyed at once")

	// The locks end when an administrator lifts them; here that stands for time.
	admin := bypass(t, srv)
	for o := range admin.ListObjectsIter(t.Context(), srv.Bucket, mc.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		require.NoError(t, admin.PutObjectRetention(t.Context(), srv.Bucket, o.Key, mc.PutObjectRetentionOptions{VersionID: o.VersionID, GovernanceBypass: true}))
	}
	s, err := minio.OpenAt(t.Context(), config(srv), func() time.Time { return time.Now().Add(10 * time.Minute) })
	require.NoError(t, err)
	require.True(t, s.WriteOnce(), s.WriteOnceReason())
	require.NoError(t, s.Close())
	require.Equal(t, 1, proofs(), "the two old ones are gone")
}

func TestBucketWithoutVersioningIsRefused(t *testing.T) {
	srv := storagetest.MinIO(t)
	require.NoError(t, bypass(t, srv).MakeBucket(t.Context(), srv.Bucket, mc.MakeBucketOptions{}))
	_, err := minio.Open(t.Context(), config(srv))
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "versioning")

	require.NoError(t, bypass(t, srv).EnableVersioning(t.Context(), srv.Bucket))
	s := open(t, config(srv))
	defer func() { require.NoError(t, s.Close()) }()
	require.False(t, s.WriteOnce())
	require.Contains(t, s.WriteOnceReason(), "without object lock")
}

func TestWrongKeysAreToldAndNeverQuoted(t *testing.T) {
	srv := storagetest.MinIO(t)
	cfg := config(srv)
	cfg.SecretKey = "wrong-but-still-secret"
	_, err := minio.Open(t.Context(), cfg)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "refuses this server's account")
	require.NotContains(t, err.Error(), cfg.SecretKey)
}

func TestOfflineStart(t *testing.T) {
	srv := storagetest.MinIO(t)
	cfg := config(srv)
	srv.Stop(t)
	_, err := minio.Open(t.Context(), cfg)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	cfg.AllowOffline = true
	s := open(t, cfg)
	defer func() { require.NoError(t, s.Close()) }()
	require.False(t, s.WriteOnce())
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(s.Ping(t.Context())))
	_, err = put(t, s, []byte("x"))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	srv.Start(t)
	_, err = put(t, s, []byte("x"))
	require.NoError(t, err)
	require.True(t, s.WriteOnce(), "proven as soon as the store answers")
}

func TestReadOnly(t *testing.T) {
	srv := storagetest.MinIO(t)
	cfg := config(srv)
	cfg.ReadOnly = true
	_, err := minio.Open(t.Context(), cfg)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "no bucket is made")
	owner := open(t, config(srv))
	defer func() { require.NoError(t, owner.Close()) }()
	obj, err := put(t, owner, []byte("x"))
	require.NoError(t, err)
	r := open(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	require.NoError(t, r.ReadRange(t.Context(), obj.Ref, make([]byte, 1), 0))
	require.False(t, r.WriteOnce())
	require.Contains(t, r.WriteOnceReason(), "reading only")
	_, err = put(t, r, []byte("x"))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(r.Remove(t.Context(), obj.Ref)))
}

// TestFullStore: MinIO on a file system of 64 MiB; tests run as root (README).
func TestFullStore(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", 0, "size=64m"), "mounting a tmpfs needs root: run the tests as root, as the README says")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	t.Setenv("TMPDIR", dir) // where the server keeps its data
	s := open(t, config(storagetest.MinIO(t)))
	defer func() { require.NoError(t, s.Close()) }()
	small, err := put(t, s, []byte("fits"))
	require.NoError(t, err)
	b := make([]byte, 80<<20)
	_, err = s.Put(t.Context(), "segments/big.mp4", bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err), "%v", err)
	_, err = s.Stat(t.Context(), lieciba.MediaRef{Key: "segments/big.mp4"})
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	require.NoError(t, s.ReadRange(t.Context(), small.Ref, make([]byte, 4), 0), "what is there stays readable")
}

// TestStalledServerIsGivenUp: a server that accepts and never answers.
func TestStalledServerIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	cfg := minio.Config{Endpoint: l.Addr().String(), Bucket: "bucket", AccessKey: "key", SecretKey: "secret", Timeout: 100 * time.Millisecond}
	_, err = minio.Open(t.Context(), cfg)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
}

func TestParseURL(t *testing.T) {
	c, err := minio.ParseURL("s3://user:p%40ss%2Fword@127.0.0.1:9000/my-bucket?secure=false&region=eu&lock_days=30")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9000", c.Endpoint)
	require.Equal(t, "my-bucket", c.Bucket)
	require.Equal(t, "user", c.AccessKey)
	require.Equal(t, "p@ss/word", c.SecretKey)
	require.False(t, c.Secure)
	require.Equal(t, "eu", c.Region)
	require.Equal(t, 30, c.LockDays)
	c2, err := minio.ParseURL("s3://user:secret@store.example/my-bucket")
	require.NoError(t, err)
	require.True(t, c2.Secure)

	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("store", "media", c)
	for _, text := range []string{log.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v", &c)} {
		require.Contains(t, text, "my-bucket")
		require.NotContains(t, text, "p@ss/word")
		require.NotContains(t, text, "user")
	}
	for _, bad := range []string{
		"", "http://user:hush@h/bucket", "s3:///bucket", "s3://h:9000/bucket", "s3://user@h/bucket", "s3://user:hush@h",
		"s3://user:hush@h/Bad_Bucket", "s3://user:hush@h/a/b", "s3://user:hush@h:port/bucket", "s3://user:hush@h/bucket?nope=1",
		"s3://user:hush@h/bucket?secure=maybe", "s3://user:hush@h/bucket?lock_days=-1", "s3://user:hu%zzsh@h/bucket", "s3://user:hush@h/bucket#f",
	} {
		_, err := minio.ParseURL(bad)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "%q", bad)
		require.NotContains(t, err.Error(), "hu", "%q", bad)
	}
}
