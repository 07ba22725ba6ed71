package fsck_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/fsck"
)

// TestRepair: a segment that was uploaded and not stated verified, then its spool
// file. A dry run changes nothing; what is done has its entry in the audit log.
func TestRepair(t *testing.T) {
	onStores(t, func(s *site) {
		ctx := t.Context()
		row, path := s.hashed(0, 30)
		_, other := s.hashed(30, 60) // it is in the spool only: nothing to repair
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		obj, err := s.media.Put(ctx, storage.SegmentKey(row.RecordingID, row.ID), bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
		require.NoError(t, err)

		list := s.repair(false)
		require.Len(t, list, 1)
		require.Equal(t, fsck.FixVerify, list[0].Action)
		require.Equal(t, "segment "+string(row.ID), list[0].Object)
		require.Equal(t, "hashed", list[0].Before)
		require.False(t, list[0].Done)
		now, err := s.catalog.Segment(ctx, row.ID)
		require.NoError(t, err)
		require.Equal(t, lieciba.SegmentHashed, now.State, "a dry run changes nothing")

		list = s.repair(true)
		require.Len(t, list, 1, "its leaf is not in the log: the file stays")
		require.True(t, list[0].Done, list[0].Error)
		now, err = s.catalog.Segment(ctx, row.ID)
		require.NoError(t, err)
		require.Equal(t, obj.Ref, now.Media)
		require.FileExists(t, path)
		s.clean()

		s.sequence(1000)
		s.broken(path, "should be gone", fsck.RuleSpool)
		lock, err := durable.LockDir(s.spool)
		require.NoError(t, err)
		list = s.repair(true)
		require.Len(t, list, 1)
		require.False(t, list[0].Done)
		require.Contains(t, list[0].Error, "a recorder has the spool")
		require.FileExists(t, path)
		require.NoError(t, lock.Close())

		list = s.repair(false)
		require.Equal(t, fsck.FixSpool, list[0].Action)
		require.FileExists(t, path)
		list = s.repair(true)
		require.Len(t, list, 1)
		require.True(t, list[0].Done, list[0].Error)
		require.NoFileExists(t, path)
		require.FileExists(t, other)
		s.clean()
		require.Empty(t, s.repair(true))

		entries, err := s.catalog.ListAudit(ctx, storage.AuditFilter{Act: "repair"})
		require.NoError(t, err)
		require.Len(t, entries, 2)
		for _, e := range entries {
			require.Equal(t, "operator", e.Who)
			require.Equal(t, "segment:"+string(row.ID), e.Object)
			require.Contains(t, e.Detail, "before: ")
		}
	})
}

// TestRepairNeverTrustsAnObject: an object with other bytes, or none, verifies
// nothing and clears nothing.
func TestRepairNeverTrustsAnObject(t *testing.T) {
	s := localSite(t)
	row, path := s.hashed(0, 60)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	wrong := bytes.Clone(b)
	wrong[len(wrong)-1] ^= 1
	obj, err := s.media.Put(t.Context(), storage.SegmentKey(row.RecordingID, row.ID), bytes.NewReader(wrong), int64(len(wrong)), sha256.Sum256(wrong))
	require.NoError(t, err)
	require.Empty(t, s.repair(true))
	require.NoError(t, s.catalog.VerifySegment(t.Context(), row.ID, obj.Ref)) // somebody lied
	s.sequence(1000)
	require.Empty(t, s.repair(true))
	require.FileExists(t, path)
	require.NoError(t, s.media.Remove(t.Context(), obj.Ref))
	require.Empty(t, s.repair(true))
	require.FileExists(t, path)
}
