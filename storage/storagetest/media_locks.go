package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// testMediaRemoveAll: nothing of the key is left, whatever became of it before,
// and nothing else is touched.
func testMediaRemoveAll(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	longer, before := put(t, m, mediaKey+".longer", blob(3, 100)).Ref, put(t, m, "segments/0.mp4", blob(4, 100)).Ref
	require.NoError(t, m.RemoveAll(t.Context(), mediaKey), "a missing key is no error")
	var refs []lieciba.MediaRef
	for i := range 3 { // each put again after it was removed or hidden
		refs = append(refs, put(t, m, mediaKey, blob(uint64(i), 1000)).Ref)
		if s.Hide != nil {
			s.Hide(t, mediaKey)
		} else if i < 2 {
			require.NoError(t, m.Remove(t.Context(), refs[i]))
		}
	}
	require.NoError(t, m.RemoveAll(t.Context(), mediaKey))
	for _, ref := range append(refs, lieciba.MediaRef{Key: mediaKey}) {
		_, err := m.Stat(t.Context(), ref)
		mustCode(t, lieciba.CodeNotFound, err)
		_, err = m.Sum(t.Context(), ref)
		mustCode(t, lieciba.CodeNotFound, err)
	}
	if s.Versions != nil {
		require.Zero(t, s.Versions(t, mediaKey), "versions and markers of the key")
	}
	require.NoError(t, m.RemoveAll(t.Context(), mediaKey), "again is no error")
	mustHold(t, m, longer, blob(3, 100))
	mustHold(t, m, before, blob(4, 100))
	mustHold(t, m, put(t, m, mediaKey, blob(5, 10)).Ref, blob(5, 10))
}

// testMediaLocks: a store that proved its lock keeps every promise of the locks;
// any other says that it cannot, and changes nothing.
func testMediaLocks(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 100)
	ref := put(t, m, mediaKey, b).Ref
	soon := lieciba.Micro(time.Now().Add(48 * time.Hour)).Truncate(time.Second)
	if !m.WriteOnce() {
		mustCode(t, lieciba.CodeUnsupported, m.LockUntil(t.Context(), ref, soon))
		mustCode(t, lieciba.CodeUnsupported, m.SetHold(t.Context(), ref, true))
		_, _, err := m.Lock(t.Context(), ref)
		mustCode(t, lieciba.CodeUnsupported, err)
		require.NoError(t, m.RemoveAll(t.Context(), mediaKey))
		return
	}
	mustLock(t, m, ref, time.Time{}, false)
	mustCode(t, lieciba.CodeInvalid, m.SetHold(t.Context(), lieciba.MediaRef{Key: mediaKey}, true))
	missing := lieciba.MediaRef{Key: mediaKey, Version: "0198c0de-0000-7000-8000-00000000dead"}
	mustCode(t, lieciba.CodeNotFound, m.SetHold(t.Context(), missing, true))
	mustCode(t, lieciba.CodeNotFound, m.LockUntil(t.Context(), missing, soon))

	require.NoError(t, m.LockUntil(t.Context(), ref, time.Now().Add(-time.Hour)), "a date that is past forbids nothing")
	mustLock(t, m, ref, time.Time{}, false)
	for range 2 { // each call may be repeated
		require.NoError(t, m.SetHold(t.Context(), ref, true))
		mustLock(t, m, ref, time.Time{}, true)
		mustRefuse(t, m, ref, b)
	}
	require.NoError(t, m.LockUntil(t.Context(), ref, soon))
	for range 2 {
		require.NoError(t, m.SetHold(t.Context(), ref, false))
		mustLock(t, m, ref, soon, false)
		mustRefuse(t, m, ref, b)
	}
	later := soon.Add(48 * time.Hour)
	require.NoError(t, m.LockUntil(t.Context(), ref, later), "a lock is extended")
	mustLock(t, m, ref, later, false)
	require.NoError(t, m.LockUntil(t.Context(), ref, soon), "and never shortened, which is no error")
	mustLock(t, m, ref, later, false)
	mustRefuse(t, m, ref, b)

	free := put(t, m, "segments/free.mp4", b).Ref
	require.NoError(t, m.SetHold(t.Context(), free, true))
	mustRefuse(t, m, free, b)
	require.NoError(t, m.SetHold(t.Context(), free, false))
	require.NoError(t, m.Remove(t.Context(), free), "nothing holds it any more")
}

func mustLock(t *testing.T, m storage.Media, ref lieciba.MediaRef, until time.Time, held bool) {
	t.Helper()
	gotUntil, gotHeld, err := m.Lock(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, []any{until, held}, []any{gotUntil, gotHeld})
}

// mustRefuse tries every way to destroy the version.
func mustRefuse(t *testing.T, m storage.Media, ref lieciba.MediaRef, b []byte) {
	t.Helper()
	mustCode(t, lieciba.CodeForbidden, m.Remove(t.Context(), ref))
	mustCode(t, lieciba.CodeForbidden, m.Remove(t.Context(), lieciba.MediaRef{Key: ref.Key}))
	mustCode(t, lieciba.CodeForbidden, m.RemoveAll(t.Context(), ref.Key))
	mustHold(t, m, ref, b)
}
