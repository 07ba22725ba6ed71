package minio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"

	"lieciba"
)

const (
	// proofPrefix is where the objects of the start-up proof live.
	proofPrefix = "lieciba-proof/"
	// proofLock is their retention: longer than two clocks may differ by, short
	// enough that the next start can clean up.
	proofLock = 5 * time.Minute
	// proofSweep bounds the clean-up of one start.
	proofSweep = 1000
)

// checkBucket makes the bucket or checks the one that is there.
func (s *Store) checkBucket(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	there, err := s.client.BucketExists(ctx, s.cfg.Bucket)
	if err != nil {
		return mapError(err)
	}
	if !there && s.cfg.ReadOnly {
		return lieciba.Invalid("media.bucket", "there is no bucket %s", s.cfg.Bucket)
	}
	if !there {
		err := s.client.MakeBucket(ctx, s.cfg.Bucket, minio.MakeBucketOptions{Region: s.cfg.Region, ObjectLocking: true})
		if code := minio.ToErrorResponse(err).Code; err != nil && code != "BucketAlreadyOwnedByYou" && code != "BucketAlreadyExists" {
			return mapError(err)
		}
	}
	versioning, err := s.client.GetBucketVersioning(ctx, s.cfg.Bucket)
	if err != nil {
		return mapError(err)
	}
	if !versioning.Enabled() {
		return lieciba.Invalid("media.bucket", "the bucket %s has no versioning: name a new bucket, which is then made with versioning and object lock, or switch versioning on", s.cfg.Bucket)
	}
	return nil
}

// proveLock asks the store to refuse to destroy a version under retention, and
// one under legal hold; and, as a control, to destroy one that is free, so that
// a refusal is the lock's and not the account's policy. Some stores accept
// locks and do not enforce them. Only an outage is an error.
func (s *Store) proveLock(ctx context.Context) (lockProof, error) {
	enabled, err := s.lockEnabled(ctx)
	if err != nil {
		return lockProof{}, err
	}
	if !enabled {
		return lockProof{reason: fmt.Sprintf("the bucket %s was made without object lock, which cannot be added later: name a new bucket", s.cfg.Bucket)}, nil
	}
	if err := s.sweepProofs(ctx); err != nil {
		return lockProof{}, err
	}
	for _, step := range []func(context.Context) (string, error){s.proveHold, s.proveRetention} {
		doubt, err := step(ctx)
		if code := lieciba.CodeOf(err); code == lieciba.CodeUnavailable && !isRefused(err) {
			return lockProof{}, err
		}
		if err != nil {
			doubt = "the proof could not be made: " + err.Error()
		}
		if doubt != "" {
			return lockProof{reason: doubt}, nil
		}
	}
	return lockProof{proven: true, reason: "at start the store refused to destroy a version under retention and one under legal hold"}, nil
}

// isRefused tells a store that refuses the account from one that is down.
func isRefused(err error) bool {
	res, ok := asResponse(err)
	return ok && res.StatusCode >= 400 && res.StatusCode < 500
}

func (s *Store) lockEnabled(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	state, _, _, _, err := s.client.GetObjectLockConfig(ctx, s.cfg.Bucket)
	if res, ok := asResponse(err); ok && res.StatusCode >= 400 && res.StatusCode < 500 || ok && res.Code == "NotImplemented" {
		return false, nil // no lock configuration, or none that we may see
	}
	return state == "Enabled", mapError(err)
}

// putProof writes a small object and returns its version.
func (s *Store) putProof(ctx context.Context, opts minio.PutObjectOptions) (lieciba.MediaRef, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	body := []byte("lieciba asks this store to prove its object lock\n")
	sum := sha256.Sum256(body)
	hexSum, base64Sum := sums(sum)
	opts.UserMetadata = map[string]string{metaSum: hexSum, "x-amz-checksum-sha256": base64Sum}
	opts.DisableContentSha256 = true
	key := proofPrefix + lieciba.NewID[string](s.now())
	info, err := s.core.PutObject(ctx, s.cfg.Bucket, key, bytes.NewReader(body), int64(len(body)), "", hexSum, opts)
	if err == nil && info.VersionID == "" {
		err = lieciba.Errorf(lieciba.CodeUnsupported, "the store gives no version IDs")
	}
	return lieciba.MediaRef{Key: key, Version: info.VersionID}, mapError(err)
}

// proveRetention returns a doubt, or "" when the locked version survived.
func (s *Store) proveRetention(ctx context.Context) (doubt string, err error) {
	ref, err := s.putProof(ctx, minio.PutObjectOptions{Mode: minio.Governance, RetainUntilDate: s.now().Add(proofLock)})
	if err != nil {
		return "", err
	}
	return s.mustSurvive(ctx, ref, "under retention")
}

// proveHold returns a doubt, or "" when the held version survived and the same
// version, released, could be destroyed.
func (s *Store) proveHold(ctx context.Context) (doubt string, err error) {
	ref, err := s.putProof(ctx, minio.PutObjectOptions{})
	if err != nil {
		return "", err
	}
	if err := s.hold(ctx, ref, minio.LegalHoldEnabled); err != nil {
		return "", err
	}
	if doubt, err = s.mustSurvive(ctx, ref, "under legal hold"); doubt != "" || err != nil {
		return doubt, err
	}
	if err := s.hold(ctx, ref, minio.LegalHoldDisabled); err != nil {
		return "", err
	}
	err = s.destroy(ctx, ref)
	if lockRefusal(err) {
		return "this account may not destroy even a free version, so a refusal proves nothing: allow it s3:DeleteObjectVersion below " + proofPrefix, nil
	}
	return "", mapError(err)
}

// mustSurvive tries to destroy a version without bypass and expects a refusal.
func (s *Store) mustSurvive(ctx context.Context, ref lieciba.MediaRef, how string) (doubt string, err error) {
	err = s.destroy(ctx, ref)
	if err == nil {
		return "the store destroyed a version " + how + ", or said so: it accepts locks and does not enforce them", nil
	}
	if !lockRefusal(err) {
		return "", mapError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	_, err = s.client.StatObject(ctx, s.cfg.Bucket, ref.Key, minio.StatObjectOptions{VersionID: ref.Version})
	if err = mapError(err); lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return "the store refused to destroy a version " + how + " and destroyed it nevertheless", nil
	}
	return "", err
}

func (s *Store) hold(ctx context.Context, ref lieciba.MediaRef, status minio.LegalHoldStatus) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return mapError(s.client.PutObjectLegalHold(ctx, s.cfg.Bucket, ref.Key, minio.PutObjectLegalHoldOptions{VersionID: ref.Version, Status: &status}))
}

// sweepProofs destroys proof objects of earlier starts whose retention is over.
// One that is still locked or held, and an account that may not, are no error.
func (s *Store) sweepProofs(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	for info := range s.client.ListObjectsIter(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: proofPrefix, Recursive: true, WithVersions: true}) {
		if n++; info.Err != nil || n > proofSweep {
			if isRefused(info.Err) {
				return nil
			}
			return mapError(info.Err)
		}
		if !info.IsDeleteMarker && s.now().Sub(info.LastModified) < proofLock {
			continue
		}
		err := s.destroy(ctx, lieciba.MediaRef{Key: info.Key, Version: info.VersionID})
		if err != nil && !lockRefusal(err) && !isRefused(err) {
			return mapError(err)
		}
	}
	return nil
}
