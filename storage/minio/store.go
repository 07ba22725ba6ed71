package minio

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"lieciba"
	"lieciba/storage"
)

// metaSum is the user metadata that keeps the SHA-256, hex, on every store.
const metaSum = "Sha256"

// maxObject is the most that S3 takes in one PUT, in bytes.
const maxObject = 5 << 30

// Store is a storage.Media in one bucket.
type Store struct {
	cfg       Config
	client    *minio.Client
	core      minio.Core
	transport *http.Transport
	now       func() time.Time

	prepare  chan struct{} // holds a token while the start-up checks run
	prepared atomic.Bool
	lock     atomic.Pointer[lockProof]
	closed   atomic.Bool
}

// lockProof is what the start-up proof found.
type lockProof struct {
	proven bool
	reason string // why it is as it is, for people
}

var _ storage.Media = (*Store)(nil)

// Open connects, makes the bucket with object lock if it is missing, refuses
// one without versioning (CodeInvalid) and asks the store to prove its lock.
// CodeUnavailable when it does not answer, unless cfg.AllowOffline.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	return openAt(ctx, cfg, time.Now)
}

func openAt(ctx context.Context, cfg Config, now func() time.Time) (*Store, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Store{cfg: cfg, transport: newTransport(3 * cfg.Timeout), now: now, prepare: make(chan struct{}, 1)}
	client, err := minio.New(cfg.Endpoint, &minio.Options{
		Creds:           credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, cfg.token),
		Secure:          cfg.Secure,
		Region:          cfg.Region,
		Transport:       s.transport,
		TrailingHeaders: true, // minio-go sends x-amz-checksum-* only with it
		MaxRetries:      1,    // the caller repeats, with its own backoff
	})
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInvalid, "the media store's endpoint cannot be used")
	}
	s.client, s.core = client, minio.Core{Client: client}
	s.lock.Store(&lockProof{reason: "not proven yet: the store did not answer"})
	err = s.ready(ctx)
	if lieciba.CodeOf(err) == lieciba.CodeUnavailable && cfg.AllowOffline {
		return s, nil
	}
	if err != nil {
		s.transport.CloseIdleConnections()
		return nil, err
	}
	return s, nil
}

// ready runs the start-up checks unless they have passed already.
func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the media store is closed: the server is stopping")
	}
	if s.prepared.Load() {
		return nil
	}
	select {
	case s.prepare <- struct{}{}:
		defer func() { <-s.prepare }()
	case <-ctx.Done():
		return mapError(ctx.Err())
	}
	if s.prepared.Load() {
		return nil
	}
	if err := s.checkBucket(ctx); err != nil {
		return err
	}
	proof := lockProof{reason: "not proven: the store is open for reading only"}
	if !s.cfg.ReadOnly {
		var err error
		if proof, err = s.proveLock(ctx); err != nil {
			return err
		}
	}
	s.lock.Store(&proof)
	s.prepared.Store(true)
	return nil
}

// Name implements storage.Media.
func (s *Store) Name() string { return "minio" }

// WriteOnce implements storage.Media: true only after the proof at start.
func (s *Store) WriteOnce() bool { return s.lock.Load().proven }

// WriteOnceReason says, for people, why WriteOnce is what it is.
func (s *Store) WriteOnceReason() string { return s.lock.Load().reason }

// call checks key and store, and bounds a call without a body.
func (s *Store) call(ctx context.Context, key string) (context.Context, context.CancelFunc, error) {
	if err := storage.CheckKey(key); err != nil {
		return nil, nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	return ctx, cancel, nil
}

// Stat implements storage.Media. Without a version it is the newest one.
func (s *Store) Stat(ctx context.Context, ref lieciba.MediaRef) (storage.Object, error) {
	info, err := s.stat(ctx, ref)
	if err != nil {
		return storage.Object{}, err
	}
	return object(ref.Key, info), nil
}

func (s *Store) stat(ctx context.Context, ref lieciba.MediaRef) (minio.ObjectInfo, error) {
	ctx, cancel, err := s.call(ctx, ref.Key)
	if err != nil {
		return minio.ObjectInfo{}, err
	}
	defer cancel()
	info, err := s.client.StatObject(ctx, s.cfg.Bucket, ref.Key, minio.StatObjectOptions{VersionID: ref.Version})
	return info, mapRef(err, ref)
}

func object(key string, info minio.ObjectInfo) storage.Object {
	return storage.Object{Ref: lieciba.MediaRef{Key: key, Version: info.VersionID}, Size: info.Size}
}

// mapRef is mapError for a call on one version: an ID that the store cannot
// even parse names nothing.
func mapRef(err error, ref lieciba.MediaRef) error {
	if res := minio.ToErrorResponse(err); ref.Version != "" && res.StatusCode == http.StatusBadRequest &&
		(res.Code == "InvalidArgument" || res.Code == "400 Bad Request" || strings.Contains(res.Message, "version")) {
		return lieciba.Wrap(err, lieciba.CodeNotFound, "there is no such version")
	}
	return mapError(err)
}

// Remove implements storage.Media: it destroys the version, or the newest one
// when ref names none, without ever asking to bypass a lock.
func (s *Store) Remove(ctx context.Context, ref lieciba.MediaRef) error {
	if err := s.writable(); err != nil {
		return err
	}
	// A DELETE without a version would only hide the object behind a marker.
	obj, err := s.Stat(ctx, ref)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return mapLocked(s.destroy(ctx, obj.Ref), ref.Key)
}

// RemoveAll implements storage.Media, version by version and without bypass.
// What is locked does not keep the rest: it is reported at the end.
func (s *Store) RemoveAll(ctx context.Context, key string) error {
	if err := s.writable(); err != nil {
		return err
	}
	if err := storage.CheckKey(key); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	var locked error
	// The prefix also matches longer keys, which come later in the listing.
	for info := range s.versions(ctx, key) {
		if info.Err != nil {
			return mapError(info.Err)
		}
		if info.Key != key {
			break
		}
		err := mapLocked(s.destroy(ctx, lieciba.MediaRef{Key: key, Version: info.VersionID}), key)
		switch lieciba.CodeOf(err) {
		case "", lieciba.CodeNotFound: // another reaper was first
		case lieciba.CodeForbidden:
			locked = err
		default:
			return err
		}
	}
	return errors.Join(locked, mapError(ctx.Err()))
}

// versions lists every version and marker whose key starts with prefix.
func (s *Store) versions(ctx context.Context, prefix string) iter.Seq[minio.ObjectInfo] {
	return func(yield func(minio.ObjectInfo) bool) {
		ctx, cancel := context.WithCancel(ctx) // ends the listing when the caller does
		defer cancel()
		for info := range s.client.ListObjectsIter(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
			if !yield(info) {
				return
			}
		}
	}
}

// mapLocked is mapError for a deletion: a lock's refusal is CodeForbidden.
func mapLocked(err error, key string) error {
	if lockRefusal(err) {
		return lieciba.Wrap(err, lieciba.CodeForbidden, "%s is locked or held, or this server's account may not delete", key)
	}
	return mapError(err)
}

func (s *Store) writable() error {
	if s.cfg.ReadOnly {
		return lieciba.Errorf(lieciba.CodeForbidden, "the media store is open for reading only")
	}
	return nil
}

// destroy deletes one version and returns the client's own error.
func (s *Store) destroy(ctx context.Context, ref lieciba.MediaRef) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return s.client.RemoveObject(ctx, s.cfg.Bucket, ref.Key, minio.RemoveObjectOptions{VersionID: ref.Version})
}

// List implements storage.Media. Objects of the start-up proof are not shown.
func (s *Store) List(ctx context.Context, prefix string, fn func(storage.Object) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if prefix != "" && storage.CheckKey(strings.TrimSuffix(prefix, "/")) != nil {
		return nil // no key starts like that, and a store may refuse to look
	}
	for info := range s.versions(ctx, prefix) {
		if info.Err != nil {
			return mapError(info.Err)
		}
		if !info.IsLatest || info.IsDeleteMarker || strings.HasPrefix(info.Key, proofPrefix) {
			continue
		}
		if err := fn(object(info.Key, info)); err != nil {
			return err
		}
	}
	return mapError(ctx.Err())
}

// Ping implements storage.Media.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	there, err := s.client.BucketExists(ctx, s.cfg.Bucket)
	if err == nil && !there {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the bucket %s is gone", s.cfg.Bucket)
	}
	return mapError(err)
}

// Close implements storage.Media. Calls under way end by themselves.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.transport.CloseIdleConnections()
	return nil
}

// sums returns the sum as S3 wants it: hex for the signature, base64 for the
// checksum header.
func sums(sum [32]byte) (hexSum, base64Sum string) {
	return hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])
}
