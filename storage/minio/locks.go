package minio

import (
	"context"
	"time"

	"github.com/minio/minio-go/v7"

	"lieciba"
)

// LockUntil implements storage.Media: GOVERNANCE retention, only ever extended.
// A date that is past forbids nothing, and S3 refuses it.
func (s *Store) LockUntil(ctx context.Context, ref lieciba.MediaRef, t time.Time) error {
	until, _, err := s.Lock(ctx, ref)
	if err != nil || !until.Before(t) || !t.After(s.now()) {
		return err
	}
	ctx, cancel, err := s.lockCall(ctx, ref)
	if err != nil {
		return err
	}
	defer cancel()
	mode := minio.Governance
	err = s.client.PutObjectRetention(ctx, s.cfg.Bucket, ref.Key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &t, VersionID: ref.Version})
	return mapRef(err, ref)
}

// SetHold implements storage.Media: S3 legal hold.
func (s *Store) SetHold(ctx context.Context, ref lieciba.MediaRef, on bool) error {
	ctx, cancel, err := s.lockCall(ctx, ref)
	if err != nil {
		return err
	}
	defer cancel()
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	err = s.client.PutObjectLegalHold(ctx, s.cfg.Bucket, ref.Key, minio.PutObjectLegalHoldOptions{Status: &status, VersionID: ref.Version})
	return mapRef(err, ref)
}

// Lock implements storage.Media.
func (s *Store) Lock(ctx context.Context, ref lieciba.MediaRef) (until time.Time, held bool, err error) {
	if !s.WriteOnce() && s.prepared.Load() && !s.cfg.ReadOnly {
		return time.Time{}, false, s.noLocks()
	}
	info, err := s.stat(ctx, ref)
	if err != nil {
		return time.Time{}, false, err
	}
	return retainUntil(info), legalHold(info), nil
}

// lockCall is call for a change of a lock: by version, on a store that proved it.
func (s *Store) lockCall(ctx context.Context, ref lieciba.MediaRef) (context.Context, context.CancelFunc, error) {
	if err := s.writable(); err != nil {
		return nil, nil, err
	}
	if ref.Version == "" {
		return nil, nil, lieciba.Invalid("version", "a lock is set on one version: name it")
	}
	ctx, cancel, err := s.call(ctx, ref.Key)
	if err == nil && !s.WriteOnce() {
		cancel()
		return nil, nil, s.noLocks()
	}
	return ctx, cancel, err
}

func (s *Store) noLocks() error {
	return lieciba.Errorf(lieciba.CodeUnsupported, "the media store did not prove its lock: %s", s.WriteOnceReason())
}

// retainUntil is zero for a version without retention.
func retainUntil(info minio.ObjectInfo) time.Time {
	t, err := time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	if err != nil {
		return time.Time{} // none was ever set
	}
	return t.UTC()
}

func legalHold(info minio.ObjectInfo) bool {
	return info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == string(minio.LegalHoldEnabled)
}
