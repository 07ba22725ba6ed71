package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// MediaSetup is a store that TestMedia may use, stop and start. Every test gets
// one of its own.
type MediaSetup struct {
	// Open opens the store on the same data as before; the test closes it.
	Open func(t testing.TB) storage.Media
	// Stop makes writes impossible (a dead server, a file system that went
	// read-only), Start ends that.
	Stop, Start func(t testing.TB)
	// Hide puts a delete marker over the key, as anybody with the right could;
	// Versions counts the versions and markers of a key. nil: it keeps none.
	Hide     func(t testing.TB, key string)
	Versions func(t testing.TB, key string) int
}

// TestMedia runs the contract of storage.Media.
func TestMedia(t *testing.T, setup func(t *testing.T) MediaSetup) {
	tests := []struct {
		name string
		run  func(t *testing.T, s MediaSetup)
	}{
		{"PutReadBack", testMediaPutReadBack},
		{"PutIsIdempotent", testMediaPutIsIdempotent},
		{"PutRefusesOtherBytes", testMediaPutRefusesOtherBytes},
		{"PutRefusesAWrongSum", testMediaPutRefusesAWrongSum},
		{"PutRefusesABadSource", testMediaPutRefusesABadSource},
		{"PutGivenUp", testMediaPutGivenUp},
		{"ConcurrentPutsOfOneKey", testMediaConcurrentSame},
		{"ConcurrentPutsOfOtherBytes", testMediaConcurrentOther},
		{"RangeEdges", testMediaRangeEdges},
		{"UnsafeKeys", testMediaUnsafeKeys},
		{"ListInKeyOrder", testMediaList},
		{"Remove", testMediaRemove},
		{"RemoveAll", testMediaRemoveAll},
		{"Locks", testMediaLocks},
		{"Missing", testMediaMissing},
		{"Big", testMediaBig},
		{"SurvivesReopen", testMediaSurvivesReopen},
		{"OutageAndRecovery", testMediaOutage},
		{"FaultsThenRepeat", testMediaFaults},
		{"Closed", testMediaClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, setup(t)) })
	}
}

// blob is deterministic noise.
func blob(seed uint64, size int) []byte {
	b := make([]byte, size)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = src.Read(b) // documented never to fail
	return b
}

func openMedia(t *testing.T, s MediaSetup) storage.Media {
	t.Helper()
	m := s.Open(t)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func put(t *testing.T, m storage.Media, key string, b []byte) storage.Object {
	t.Helper()
	obj, err := m.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
	require.NoError(t, err)
	require.Equal(t, key, obj.Ref.Key)
	require.Equal(t, int64(len(b)), obj.Size)
	return obj
}

// mustHold checks every way of reading an object.
func mustHold(t *testing.T, m storage.Media, ref lieciba.MediaRef, want []byte) {
	t.Helper()
	obj, err := m.Stat(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, int64(len(want)), obj.Size)
	sum, err := m.Sum(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(want), sum)
	got := make([]byte, len(want))
	require.NoError(t, m.ReadRange(t.Context(), ref, got, 0))
	require.True(t, bytes.Equal(want, got), "the bytes differ")
	r, err := m.Open(t.Context(), ref)
	require.NoError(t, err)
	got, err = io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.True(t, bytes.Equal(want, got), "the streamed bytes differ")
}

func mustCode(t *testing.T, want lieciba.Code, err error) {
	t.Helper()
	require.Equal(t, want, lieciba.CodeOf(err), "error: %v", err)
}

func keys(t *testing.T, m storage.Media, prefix string) []string {
	t.Helper()
	out := []string{}
	require.NoError(t, m.List(t.Context(), prefix, func(o storage.Object) error {
		out = append(out, o.Ref.Key)
		return nil
	}))
	return out
}

const mediaKey = "segments/0198c0de-0000-7000-8000-000000000001/0198c0de-0000-7000-8000-000000000002.mp4"

func testMediaPutReadBack(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	require.NotEmpty(t, m.Name())
	require.NoError(t, m.Ping(t.Context()))
	for i, size := range []int{0, 1, 4096, 1<<20 + 7} {
		b := blob(uint64(i), size)
		obj := put(t, m, fmt.Sprintf("segments/a/%d.mp4", i), b)
		mustHold(t, m, obj.Ref, b)
		mustHold(t, m, lieciba.MediaRef{Key: obj.Ref.Key}, b) // the newest version
	}
}

func testMediaPutIsIdempotent(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 10_000)
	first := put(t, m, mediaKey, b)
	require.Equal(t, first, put(t, m, mediaKey, b), "a repeat must not make another version")
	require.Equal(t, []string{mediaKey}, keys(t, m, ""))
}

func testMediaPutRefusesOtherBytes(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 10_000)
	obj := put(t, m, mediaKey, b)
	for _, other := range [][]byte{blob(2, 10_000), blob(1, 9_999), {}} {
		_, err := m.Put(t.Context(), mediaKey, bytes.NewReader(other), int64(len(other)), sha256.Sum256(other))
		mustCode(t, lieciba.CodeConflict, err)
	}
	mustHold(t, m, obj.Ref, b)
	mustHold(t, m, lieciba.MediaRef{Key: mediaKey}, b)
}

func testMediaPutRefusesAWrongSum(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	for _, size := range []int{10, 3 << 20} {
		b := blob(1, size)
		_, err := m.Put(t.Context(), mediaKey, bytes.NewReader(b), int64(size), sha256.Sum256([]byte("other")))
		mustCode(t, lieciba.CodeInvalid, err)
		mustBeEmpty(t, m)
	}
	b := blob(1, 10)
	mustHold(t, m, put(t, m, mediaKey, b).Ref, b)
}

func mustBeEmpty(t *testing.T, m storage.Media) {
	t.Helper()
	require.Empty(t, keys(t, m, ""))
	_, err := m.Stat(t.Context(), lieciba.MediaRef{Key: mediaKey})
	mustCode(t, lieciba.CodeNotFound, err)
}

// failingReader is a source on a disk that fails half-way.
type failingReader struct{ good *bytes.Reader }

var errSource = errors.New("the source's disk failed")

func (f failingReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.good.Size() {
		return 0, errSource
	}
	n, err := f.good.ReadAt(p, off)
	if err == io.EOF {
		err = errSource
	}
	return n, err
}

func testMediaPutRefusesABadSource(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 300_000)
	_, err := m.Put(t.Context(), mediaKey, bytes.NewReader(b[:100_000]), int64(len(b)), sha256.Sum256(b))
	mustCode(t, lieciba.CodeInvalid, err)
	mustBeEmpty(t, m)
	_, err = m.Put(t.Context(), mediaKey, failingReader{bytes.NewReader(b[:100_000])}, int64(len(b)), sha256.Sum256(b))
	mustCode(t, lieciba.CodeInternal, err)
	require.ErrorIs(t, err, errSource)
	mustBeEmpty(t, m)
	mustHold(t, m, put(t, m, mediaKey, b).Ref, b)
}

// cancelReader gives the context up in the middle of the transfer.
type cancelReader struct {
	*bytes.Reader
	cancel context.CancelFunc
}

func (c cancelReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= c.Size()/2 {
		c.cancel()
	}
	return c.Reader.ReadAt(p, off)
}

func testMediaPutGivenUp(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 8<<20)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := m.Put(ctx, mediaKey, cancelReader{bytes.NewReader(b), cancel}, int64(len(b)), sha256.Sum256(b))
	mustCode(t, lieciba.CodeUnavailable, err)
	mustBeEmpty(t, m)
	_, err = m.Stat(ctx, lieciba.MediaRef{Key: mediaKey})
	mustCode(t, lieciba.CodeUnavailable, err)
	mustHold(t, m, put(t, m, mediaKey, b).Ref, b)
}

func testMediaConcurrentSame(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 2<<20)
	objs, errs := make([]storage.Object, 8), make([]error, 8)
	var wg sync.WaitGroup
	for i := range objs {
		wg.Go(func() {
			objs[i], errs[i] = m.Put(t.Context(), mediaKey, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
		})
	}
	wg.Wait()
	for i := range objs {
		require.NoError(t, errs[i])
		require.Equal(t, objs[0], objs[i], "one version for all")
	}
	mustHold(t, m, objs[0].Ref, b)
}

func testMediaConcurrentOther(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			b := blob(uint64(i), 1<<20)
			_, errs[i] = m.Put(t.Context(), mediaKey, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
		})
	}
	wg.Wait()
	won := slices.Index(errs, nil)
	require.GreaterOrEqual(t, won, 0, "one must win: %v", errs)
	for i, err := range errs {
		if i != won {
			mustCode(t, lieciba.CodeConflict, err)
		}
	}
	mustHold(t, m, lieciba.MediaRef{Key: mediaKey}, blob(uint64(won), 1<<20))
}

func testMediaRangeEdges(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	const size = 10_000
	b := blob(1, size)
	ref := put(t, m, mediaKey, b).Ref
	for _, r := range []struct {
		off, n int64
		code   lieciba.Code
	}{
		{0, size, ""}, {0, 1, ""}, {size - 1, 1, ""}, {1, size - 1, ""}, {4095, 2, ""},
		{0, 0, ""}, {size, 0, ""}, {5, 0, ""},
		{size + 1, 0, lieciba.CodeCorrupt}, {0, size + 1, lieciba.CodeCorrupt}, {size - 1, 2, lieciba.CodeCorrupt},
		{size, 1, lieciba.CodeCorrupt}, {size + 100, 5, lieciba.CodeCorrupt}, {-1, 1, lieciba.CodeInvalid},
	} {
		p := make([]byte, r.n)
		err := m.ReadRange(t.Context(), ref, p, r.off)
		require.Equal(t, r.code, lieciba.CodeOf(err), "%d bytes at %d: %v", r.n, r.off, err)
		if r.code == "" {
			require.True(t, bytes.Equal(b[r.off:r.off+r.n], p), "%d bytes at %d", r.n, r.off)
		}
	}
	var wg sync.WaitGroup
	for i := range int64(16) {
		wg.Go(func() {
			p := make([]byte, 500)
			if err := m.ReadRange(t.Context(), ref, p, i*600); err != nil || !bytes.Equal(b[i*600:i*600+500], p) {
				t.Errorf("range %d in parallel: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func testMediaUnsafeKeys(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := []byte("x")
	for _, key := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/", "./a", "a/./b", ".lock", ".tmp/x",
		"a\x00b", "a\\b", "A/b", "a b", "a?versionid=1", "a%2e%2e/b", "ā", "a/" + string(bytes.Repeat([]byte("x"), 600))} {
		ref := lieciba.MediaRef{Key: key}
		_, err := m.Put(t.Context(), key, bytes.NewReader(b), 1, sha256.Sum256(b))
		mustCode(t, lieciba.CodeInvalid, err)
		_, err = m.Stat(t.Context(), ref)
		mustCode(t, lieciba.CodeInvalid, err)
		mustCode(t, lieciba.CodeInvalid, m.ReadRange(t.Context(), ref, make([]byte, 1), 0))
		_, err = m.Open(t.Context(), ref)
		mustCode(t, lieciba.CodeInvalid, err)
		_, err = m.Sum(t.Context(), ref)
		mustCode(t, lieciba.CodeInvalid, err)
		mustCode(t, lieciba.CodeInvalid, m.Remove(t.Context(), ref))
		mustCode(t, lieciba.CodeInvalid, m.RemoveAll(t.Context(), key))
	}
	require.Empty(t, keys(t, m, "../"))
	require.Empty(t, keys(t, m, "/"))
}

func testMediaList(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	all := []string{"segments/a-b/1.mp4", "segments/a/1.mp4", "segments/a/2.mp4", "segments/a0/1.mp4", "segments/b.mp4", "zz"}
	for i := len(all) - 1; i >= 0; i-- {
		put(t, m, all[i], blob(uint64(i), 100+i))
	}
	require.True(t, slices.IsSorted(all))
	require.Equal(t, all, keys(t, m, ""))
	require.Equal(t, all[:5], keys(t, m, "segments/"))
	require.Equal(t, all[:4], keys(t, m, "segments/a"))
	require.Equal(t, all[1:3], keys(t, m, "segments/a/"))
	require.Equal(t, all[2:3], keys(t, m, "segments/a/2.mp4"))
	require.Empty(t, keys(t, m, "segments/c"))
	stop, seen := errors.New("enough"), 0
	require.ErrorIs(t, m.List(t.Context(), "", func(o storage.Object) error {
		require.Equal(t, int64(100+seen), o.Size)
		mustHold(t, m, o.Ref, blob(uint64(seen), 100+seen))
		if seen++; seen == 3 {
			return stop
		}
		return nil
	}), stop)
	require.Equal(t, 3, seen)
}

func testMediaRemove(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 1000)
	ref := put(t, m, mediaKey, b).Ref
	require.NoError(t, m.Remove(t.Context(), ref))
	mustBeEmpty(t, m)
	_, err := m.Stat(t.Context(), ref)
	mustCode(t, lieciba.CodeNotFound, err)
	require.NoError(t, m.Remove(t.Context(), ref), "a missing object is no error")

	other := blob(2, 1000)
	put(t, m, mediaKey, other)
	require.NoError(t, m.Remove(t.Context(), lieciba.MediaRef{Key: mediaKey}), "without a version: the newest")
	mustBeEmpty(t, m)
}

func testMediaMissing(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	held := put(t, m, mediaKey, []byte("x")).Ref
	for _, ref := range []lieciba.MediaRef{{Key: "segments/none.mp4"}, {Key: mediaKey + "/below"},
		{Key: held.Key, Version: "0198c0de-0000-7000-8000-00000000dead"}, {Key: held.Key, Version: "no-such-version"}} {
		_, err := m.Stat(t.Context(), ref)
		mustCode(t, lieciba.CodeNotFound, err)
		mustCode(t, lieciba.CodeNotFound, m.ReadRange(t.Context(), ref, make([]byte, 1), 0))
		_, err = m.Open(t.Context(), ref)
		mustCode(t, lieciba.CodeNotFound, err)
		_, err = m.Sum(t.Context(), ref)
		mustCode(t, lieciba.CodeNotFound, err)
		require.NoError(t, m.Remove(t.Context(), ref))
	}
	mustHold(t, m, held, []byte("x"))
}

func testMediaBig(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	const size = 64 << 20
	b := blob(7, size)
	ref := put(t, m, mediaKey, b).Ref
	sum, err := m.Sum(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(b), sum)
	p := make([]byte, 1<<20)
	require.NoError(t, m.ReadRange(t.Context(), ref, p, 37<<20+5))
	require.True(t, bytes.Equal(b[37<<20+5:38<<20+5], p))
	r, err := m.Open(t.Context(), ref) // closed early, after a few bytes
	require.NoError(t, err)
	_, err = io.ReadFull(r, p[:10])
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, b[:10], p[:10])
}

func testMediaSurvivesReopen(t *testing.T, s MediaSetup) {
	b := blob(1, 5000)
	m := s.Open(t)
	ref := put(t, m, mediaKey, b).Ref
	require.NoError(t, m.Close())
	require.NoError(t, m.Close(), "Close is idempotent")
	m = openMedia(t, s)
	mustHold(t, m, ref, b)
	require.Equal(t, ref, put(t, m, mediaKey, b).Ref)
}

func testMediaOutage(t *testing.T, s MediaSetup) {
	m := openMedia(t, s)
	b := blob(1, 5000)
	before := put(t, m, "segments/before.mp4", b).Ref
	s.Stop(t)
	_, err := m.Put(t.Context(), mediaKey, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
	mustCode(t, lieciba.CodeUnavailable, err)
	mustCode(t, lieciba.CodeUnavailable, m.Remove(t.Context(), before))
	mustCode(t, lieciba.CodeUnavailable, m.RemoveAll(t.Context(), before.Key))
	s.Start(t)
	require.NoError(t, m.Ping(t.Context()))
	mustHold(t, m, before, b)
	mustHold(t, m, put(t, m, mediaKey, b).Ref, b)
}

// testMediaFaults fails each write before and after it took effect; the repeat
// must end in the same state.
func testMediaFaults(t *testing.T, s MediaSetup) {
	m := NewFaultMedia(openMedia(t, s))
	b := blob(1, 5000)
	for i, fail := range []func(MediaStep, int, error){m.FailBefore, m.FailAfter} {
		fail(MediaPut, 1, Outage())
		_, err := m.Put(t.Context(), mediaKey, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
		mustCode(t, lieciba.CodeUnavailable, err)
		_, err = m.Stat(t.Context(), lieciba.MediaRef{Key: mediaKey})
		require.Equal(t, i == 1, err == nil, "failed after means that it is there")
		ref := put(t, m, mediaKey, b).Ref
		mustHold(t, m, ref, b)
		require.Equal(t, []string{mediaKey}, keys(t, m, ""))

		fail(MediaRemove, 1, Outage())
		mustCode(t, lieciba.CodeUnavailable, m.Remove(t.Context(), ref))
		_, err = m.Stat(t.Context(), ref)
		require.Equal(t, i == 0, err == nil)
		require.NoError(t, m.Remove(t.Context(), ref))
		mustBeEmpty(t, m)

		ref = put(t, m, mediaKey, b).Ref
		fail(MediaRemove, 1, Outage())
		mustCode(t, lieciba.CodeUnavailable, m.RemoveAll(t.Context(), mediaKey))
		_, err = m.Stat(t.Context(), ref)
		require.Equal(t, i == 0, err == nil)
		require.NoError(t, m.RemoveAll(t.Context(), mediaKey))
		mustBeEmpty(t, m)
	}
}

func testMediaClosed(t *testing.T, s MediaSetup) {
	m := s.Open(t)
	require.NoError(t, m.Close())
	_, err := m.Stat(t.Context(), lieciba.MediaRef{Key: mediaKey})
	mustCode(t, lieciba.CodeUnavailable, err)
	mustCode(t, lieciba.CodeUnavailable, m.Ping(t.Context()))
	_, err = m.Put(t.Context(), mediaKey, bytes.NewReader(nil), 0, sha256.Sum256(nil))
	mustCode(t, lieciba.CodeUnavailable, err)
}
