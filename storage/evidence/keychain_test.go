package evidence_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

func handover(t *testing.T, old, next *evidence.Key) evidence.KeyDetail {
	t.Helper()
	d, err := evidence.Handover(old, next, "planned")
	require.NoError(t, err)
	return d
}

func TestKeyChain(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	first, second, third := evidence.FirstKey(a, "first"), handover(t, a, b), handover(t, b, c)
	require.NoError(t, evidence.CheckKeyChain([]evidence.KeyDetail{first, second, third}))

	thief := newKey(t)
	stolen := handover(t, thief, c)
	stolen.Previous = b.VerifierKey() // signed by who has no right to
	unsigned := second
	unsigned.Handover = ""
	half := second
	half.Handover = half.Handover[:strings.LastIndex(half.Handover, "— ")]
	other := second
	other.Handover = handover(t, a, c).Handover
	begins := first
	begins.Handover = second.Handover
	for name, chain := range map[string][]evidence.KeyDetail{
		"empty": nil, "without its first": {second, third}, "a link left out": {first, third}, "twice": {first, second, second},
		"by a thief": {first, second, stolen}, "without a handover": {first, unsigned}, "signed by one": {first, half},
		"a handover to another": {first, other}, "a first that was handed over": {begins},
	} {
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckKeyChain(chain)), name)
	}
	_, err := evidence.Handover(a, a, "")
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	stranger, _, err := evidence.OpenKey(t.TempDir() + "/k")
	require.NoError(t, err)
	_, err = evidence.Handover(a, stranger, "")
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "of another log")
}

func TestKeyOfLeaf(t *testing.T) {
	a, b := newKey(t), newKey(t)
	d := handover(t, a, b)
	l := evidence.NewLeaf(lieciba.LeafKey, b.VerifierKey(), noon, d)
	got, err := evidence.KeyOfLeaf(l)
	require.NoError(t, err)
	require.Equal(t, d, got)
	for name, bad := range map[string]lieciba.Leaf{
		"another kind":    evidence.NewLeaf(lieciba.LeafSeal, b.VerifierKey(), noon, d),
		"another subject": evidence.NewLeaf(lieciba.LeafKey, a.VerifierKey(), noon, d),
		"another shape":   evidence.NewLeaf(lieciba.LeafKey, b.VerifierKey(), noon, evidence.ExportDetail{}),
	} {
		_, err := evidence.KeyOfLeaf(bad)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
	}
}

func TestFollowKeys(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	chain := []evidence.KeyDetail{evidence.FirstKey(a, ""), handover(t, a, b), handover(t, b, c)}
	open := func(keys ...*evidence.Key) evidence.Note {
		n, err := evidence.ParseNote(signedCheckpoint(t, keys...).Note)
		require.NoError(t, err)
		return n
	}
	vkeys := func(keys ...*evidence.Key) (out []string) {
		for _, k := range keys {
			out = append(out, k.VerifierKey())
		}
		return out
	}
	for name, tc := range map[string]struct {
		signed []*evidence.Key
		want   []string
	}{
		"the trusted key itself": {[]*evidence.Key{a}, nil},
		"the change":             {[]*evidence.Key{a, b}, vkeys(b)},
		"after the change":       {[]*evidence.Key{b}, vkeys(b)},
		"the second change":      {[]*evidence.Key{b, c}, vkeys(b, c)},
		"after two changes":      {[]*evidence.Key{c}, vkeys(b, c)},
	} {
		got, err := evidence.FollowKeys(a.VerifierKey(), chain, open(tc.signed...))
		require.NoError(t, err, name)
		require.Equal(t, tc.want, got, name)
	}
	_, err := evidence.FollowKeys(a.VerifierKey(), chain, open(newKey(t)))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "a stranger")
	_, err = evidence.FollowKeys(c.VerifierKey(), chain, open(a))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "never backwards")
	forged := handover(t, newKey(t), b)
	forged.Previous = a.VerifierKey()
	_, err = evidence.FollowKeys(a.VerifierKey(), []evidence.KeyDetail{forged}, open(b))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	circle := []evidence.KeyDetail{handover(t, a, b), handover(t, b, a)}
	_, err = evidence.FollowKeys(a.VerifierKey(), circle, open(c))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "a circle ends")
}

func TestSignersOfACheckpoint(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	keys := []evidence.KeyAt{{Index: 2, Key: a.VerifierKey()}, {Index: 10, Key: b.VerifierKey()}, {Index: 20, Key: c.VerifierKey()}}
	for _, tc := range []struct {
		before, size int64
		want         []*evidence.Key
	}{
		{0, 1, []*evidence.Key{a}}, // leaves older than the first key's
		{0, 3, []*evidence.Key{a}},
		{3, 10, []*evidence.Key{a}},
		{10, 11, []*evidence.Key{a, b}},
		{5, 15, []*evidence.Key{a, b}},
		{11, 12, []*evidence.Key{b}},
		{11, 21, []*evidence.Key{b, c}},
		{5, 21, []*evidence.Key{a, b, c}},
		{21, 30, []*evidence.Key{c}},
	} {
		got := evidence.SignersOf(keys, tc.before, tc.size)
		var want []string
		for _, k := range tc.want {
			want = append(want, k.VerifierKey())
		}
		require.Equal(t, want, got, "%d to %d", tc.before, tc.size)
		signed, err := evidence.SignCheckpoint("log.example/1", tc.size, someRoot, tc.want...)
		require.NoError(t, err)
		require.NoError(t, evidence.CheckSigners(signed, got))
		signed.Size++
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckSigners(signed, got)), "the row says another size than the note")
	}
	both := signedCheckpoint(t, a, b)
	for _, wrong := range [][]string{{a.VerifierKey()}, {b.VerifierKey(), a.VerifierKey()}, {a.VerifierKey(), b.VerifierKey(), c.VerifierKey()}} {
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckSigners(both, wrong)))
	}
}

func TestClosing(t *testing.T) {
	k := newKey(t)
	files := map[string][]byte{evidence.CheckpointName: []byte("c"), evidence.ProofsName: []byte("p"), evidence.StampsName: []byte("s")}
	closing, err := evidence.SignClosing(k, files)
	require.NoError(t, err)
	require.NoError(t, evidence.CheckClosing(closing, k.Verifier(), files))
	for _, name := range evidence.ClosedFiles() {
		changed := map[string][]byte{evidence.CheckpointName: []byte("c"), evidence.ProofsName: []byte("p"), evidence.StampsName: []byte("s")}
		changed[name] = []byte("x")
		err := evidence.CheckClosing(closing, k.Verifier(), changed)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
		require.ErrorContains(t, err, name)
		delete(changed, name)
		require.ErrorContains(t, evidence.CheckClosing(closing, k.Verifier(), changed), name)
		_, err = evidence.SignClosing(k, changed)
		require.ErrorContains(t, err, name)
	}
	require.Error(t, evidence.CheckClosing(closing, newKey(t).Verifier(), files))
	for i := range closing {
		bad := append([]byte(nil), closing...)
		bad[i] ^= 1
		require.Error(t, evidence.CheckClosing(bad, k.Verifier(), files), "byte %d", i)
	}
}
