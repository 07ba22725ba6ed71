package verify_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
)

func codes(r verify.Report) (list []verify.Code) {
	for _, f := range r.Findings {
		list = append(list, f.Code)
	}
	return list
}

func (h *house) trust() verify.Options {
	return verify.Options{Keys: []string{h.key.Fingerprint()}, Witnesses: []string{h.witness.Fingerprint()}}
}

func judge(t testing.TB, b []byte, o verify.Options) verify.Report {
	r, err := verify.VerifyBytes(context.Background(), "p.zip", b, o)
	require.NoError(t, err)
	return r
}

func TestVerdictsOfUntouchedPackages(t *testing.T) {
	h := newHouse(t)
	whole, gappy := h.hold("S-1", 2, 2, -1), h.hold("S-2", 2, 3, 1)
	for _, c := range []struct {
		p    parcel
		want verify.Verdict
	}{{h.pack(whole), verify.Complete}, {h.pack(gappy), verify.CompleteWithGaps}} {
		r := judge(t, c.p.zip(t), h.trust())
		require.Empty(t, r.Findings)
		require.Equal(t, c.want, r.Verdict)
		require.Zero(t, r.Verdict.ExitCode())
		require.True(t, r.Log.KeyCompared)
		require.True(t, r.Witnessed)
		require.True(t, r.Witnesses[0].Compared)
		require.Equal(t, h.key.Fingerprint(), r.Log.Fingerprint)

		r = judge(t, c.p.zip(t), verify.Options{})
		require.Equal(t, c.want, r.Verdict)
		require.Equal(t, []verify.Code{verify.CodeWitnessOpen, verify.CodeNotCompared}, codes(r))
		require.False(t, r.Log.KeyCompared)

		r, err := verify.Verify(t.Context(), c.p.folder(t), h.trust())
		require.NoError(t, err)
		require.Empty(t, r.Findings)
		require.Equal(t, c.want, r.Verdict)
	}
	r := judge(t, h.pack(gappy).zip(t), h.trust())
	require.Equal(t, 1, r.Totals.Gaps)
	require.EqualValues(t, 1_520_000, r.Totals.Missing)
	require.Equal(t, r.Totals.Expected, r.Totals.Recorded+r.Totals.Missing)
	require.Equal(t, lieciba.CauseNetworkLoss, r.Recorded[1].Gaps[0].Cause)
}

// A session that was cancelled before it began expects nothing: that is complete.
func TestNothingExpected(t *testing.T) {
	h := newHouse(t)
	r := judge(t, h.pack(h.hold("S-1", 2, 0, -1)).zip(t), h.trust())
	require.Empty(t, r.Findings)
	require.Equal(t, verify.Complete, r.Verdict)
	require.Zero(t, r.Totals.Expected)
}

func TestEncryptedPackage(t *testing.T) {
	h := newHouse(t)
	p := h.pack(h.hold("S-1", 2, 6, -1))
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "p.zip.age")
	f, err := os.Create(path)
	require.NoError(t, err)
	w, err := age.Encrypt(f, id.Recipient())
	require.NoError(t, err)
	_, err = w.Write(p.zip(t))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	o := h.trust()
	r, err := verify.Verify(t.Context(), path, o)
	require.NoError(t, err)
	require.Equal(t, verify.Unverifiable, r.Verdict)
	require.Equal(t, []verify.Code{verify.CodeNoIdentity}, codes(r))
	require.Contains(t, r.Findings[0].Message, "give --identity FILE")
	o.Identities = []age.Identity{other}
	r, err = verify.Verify(t.Context(), path, o)
	require.NoError(t, err)
	require.Equal(t, verify.Unverifiable, r.Verdict)
	require.Contains(t, r.Findings[0].Message, "none of the keys given with --identity")
	o.Identities = []age.Identity{other, id}
	r, err = verify.Verify(t.Context(), path, o)
	require.NoError(t, err)
	require.Equal(t, verify.Complete, r.Verdict)
	require.True(t, r.Encrypted)

	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Greater(t, len(b), 2*64<<10, "more than one block")
	b[10_000] ^= 1
	r = judge(t, b, o)
	require.Equal(t, verify.Altered, r.Verdict)
	require.Contains(t, codes(r), verify.CodeEncryption)
	require.True(t, slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.SegmentID != "" }), "the segment is named")
	r = judge(t, b[:len(b)-1], o)
	require.Equal(t, verify.Altered, r.Verdict)
}

func TestWhatIsNoPackage(t *testing.T) {
	for name, b := range map[string][]byte{"empty": {}, "text": []byte("hello"), "zeros": make([]byte, 100_000)} {
		r := judge(t, b, verify.Options{})
		require.Equal(t, verify.Unverifiable, r.Verdict, name)
		require.Equal(t, 2, r.Verdict.ExitCode())
		require.Equal(t, []verify.Code{verify.CodeNoPackage}, codes(r))
	}
	r, err := verify.Verify(t.Context(), filepath.Join(t.TempDir(), "none"), verify.Options{})
	require.NoError(t, err)
	require.Equal(t, []verify.Code{verify.CodeUnreadable}, codes(r))
	r, err = verify.Verify(t.Context(), t.TempDir(), verify.Options{})
	require.NoError(t, err)
	require.Equal(t, verify.Unverifiable, r.Verdict)
}

func TestKeysThatAreNone(t *testing.T) {
	for _, o := range []verify.Options{{Keys: []string{"abc"}}, {Witnesses: []string{""}}, {Keys: []string{"name+12345678+AAAA"}}} {
		_, err := verify.VerifyBytes(t.Context(), "", nil, o)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	}
}

func TestAnotherKeyOrWitness(t *testing.T) {
	h, stranger := newHouse(t), newHouse(t)
	b := h.pack(h.hold("S-1", 1, 1, -1)).zip(t)
	r := judge(t, b, verify.Options{Keys: []string{stranger.key.Fingerprint()}})
	require.Equal(t, verify.Unverifiable, r.Verdict)
	require.Contains(t, codes(r), verify.CodeKeyOther)
	require.True(t, r.Log.KeyDiffers)
	require.False(t, r.Log.KeyCompared)
	colons := strings.ReplaceAll(evidence.FingerprintGroups(h.key.Fingerprint()), " ", ":")
	r = judge(t, b, verify.Options{Keys: []string{strings.ToUpper(colons)}})
	require.True(t, r.Log.KeyCompared)
	require.False(t, r.Log.KeyDiffers)
	r = judge(t, b, verify.Options{Keys: h.keys, Witnesses: []string{stranger.witness.VerifierKey()}})
	require.Equal(t, verify.Unverifiable, r.Verdict)
	require.Contains(t, codes(r), verify.CodeNoWitness)
	require.True(t, r.Witnessed)
}

// TestKeyRotation: who knows the old key is led to the new one.
func TestKeyRotation(t *testing.T) {
	h := newHouse(t)
	x := h.hold("S-1", 1, 1, -1)
	old := h.key
	next, _, err := evidence.CreateKey(filepath.Join(h.dir, "next.key"), old.Name())
	require.NoError(t, err)
	require.NoError(t, h.log.Rotate(t.Context(), next, "yearly"))
	h.key, h.keys = next, append(h.keys, next.VerifierKey())
	p := h.pack(x)
	for _, k := range []*evidence.Key{old, next} {
		r := judge(t, p.zip(t), verify.Options{Keys: []string{k.Fingerprint()}, Witnesses: []string{h.witness.VerifierKey()}})
		require.Equal(t, verify.Complete, r.Verdict, "%v", r.Findings)
		require.Equal(t, next.Fingerprint(), r.Log.Fingerprint)
	}
	short := p.clone()
	keys := evidence.Keys{Log: []string{next.VerifierKey()}, Witnesses: []string{h.witness.VerifierKey()}, Stamps: []string{}}
	short.set(evidence.KeysName, evidence.Encode(keys))
	r := judge(t, short.zip(t), verify.Options{})
	require.Equal(t, verify.Altered, r.Verdict)
	require.Contains(t, codes(r), verify.CodeKeyChain)
}

// TestTailCutAndSignedAgain: whoever holds the log's key cuts its end off, writes
// another history and packs it. Only the witness can tell.
func TestTailCutAndSignedAgain(t *testing.T) {
	h := newHouse(t)
	seen := h.pack(h.hold("S-1", 1, 3, -1))
	require.Equal(t, verify.Complete, judge(t, seen.zip(t), h.trust()).Verdict)

	liar := newHouseOf(t, h.key, h.witness) // the right key
	liar.unseen = true
	p := liar.pack(liar.hold("S-1", 1, 3, 1)) // what was recorded is now a gap
	r := judge(t, p.zip(t), h.trust())
	require.Equal(t, verify.Unverifiable, r.Verdict)
	require.Equal(t, []verify.Code{verify.CodeNoWitness, verify.CodeNotWitness}, codes(r))

	r = judge(t, p.zip(t), verify.Options{Keys: h.keys})
	require.False(t, r.Witnessed)
	require.Equal(t, []verify.Code{verify.CodeNotWitness}, codes(r))
	var text stringWriter
	require.NoError(t, r.Print(&text, "en"))
	require.Contains(t, text.s, "NOT WITNESSED")
	text = stringWriter{}
	require.NoError(t, r.Print(&text, "lv"))
	require.Contains(t, text.s, "NAV LĪDZPARAKSTA")

	// The cosignature of the true log does not fit the other one.
	genuine, err := evidence.ParseNote(seen.get(evidence.CheckpointName))
	require.NoError(t, err)
	forged, err := evidence.ParseNote(p.get(evidence.CheckpointName))
	require.NoError(t, err)
	p.set(evidence.CheckpointName, forged.With(genuine.Signatures[1]).Encode())
	p.forgeClosing(t, h.key)
	r = judge(t, p.zip(t), h.trust())
	require.Equal(t, verify.Altered, r.Verdict)
	require.Contains(t, codes(r), verify.CodeCosignature)
}

func TestTimeStamps(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	p := h.pack(h.hold("S-1", 1, 1, -1))
	r := judge(t, p.zip(t), h.trust())
	require.Empty(t, r.Findings)
	require.Len(t, r.Stamps, 1)
	require.Equal(t, "Laika zīmogs", r.Stamps[0].Authority)
	require.Equal(t, h.keyring().Stamps[0], r.Stamps[0].Root)

	withStamp := func(token evidence.StampToken) []byte {
		x := p.clone()
		x.set(evidence.StampsName, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{token}}))
		x.forgeClosing(t, h.key)
		return x.zip(t)
	}
	var list evidence.Stamps
	require.NoError(t, evidence.Decode(p.get(evidence.StampsName), &list))
	bare := list.Tokens[0]
	bare.Root = []byte{}
	r = judge(t, withStamp(bare), h.trust())
	require.Equal(t, verify.Complete, r.Verdict)
	require.Equal(t, []verify.Code{verify.CodeStampOpen}, codes(r), "without its root a token is left aside")
	o := h.trust()
	o.StampRoots = []*x509.Certificate{h.authority.root}
	require.Len(t, judge(t, withStamp(bare), o).Stamps, 1, "the judge may bring the root")

	cp, err := h.catalog.NewestCheckpoint(t.Context())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		by   authority
		note []byte
		want verify.Code
	}{"of something else": {h.authority, []byte("another"), verify.CodeStamps}, "by a stranger": {other.authority, cp.Note, verify.CodeStampOpen}} {
		q, err := evidence.NewStampRequest(c.note)
		require.NoError(t, err)
		token, err := c.by.stamp(q.Query, start)
		require.NoError(t, err)
		r := judge(t, withStamp(evidence.StampToken{Authority: "x", Token: token, Root: c.by.root.Raw}), h.trust())
		require.Equal(t, []verify.Code{c.want}, codes(r), name)
		require.Empty(t, r.Stamps)
	}
}

func TestCancelled(t *testing.T) {
	h := newHouse(t)
	b := h.pack(h.hold("S-1", 1, 1, -1)).zip(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := h.trust()
	o.Progress = func(int64, int64) { cancel() }
	_, err := verify.VerifyBytes(ctx, "", b, o)
	require.ErrorIs(t, err, context.Canceled)
}

func TestReportForPeopleAndPrograms(t *testing.T) {
	h := newHouse(t)
	p := h.pack(h.hold("S-1\x1b[2J", 2, 2, 1))
	x := p.clone()
	name := x.parts[0].name
	data := slices.Clone(x.parts[0].data)
	data[len(data)/2] ^= 1
	x.set(name, data)
	r := judge(t, x.zip(t), h.trust())
	for lang, want := range map[string][]string{"lv": {"Slēdziens: IZMAINĪTS", "ieraksts ir izmainīts", "pārrāvums"}, "en": {"Verdict: ALTERED", "the recording was changed", name}} {
		var b = new(stringWriter)
		require.NoError(t, r.Print(b, lang))
		for _, w := range want {
			require.Contains(t, b.s, w)
		}
		require.NotContains(t, b.s, "\x1b", "a package must not drive the terminal")
	}
	j, err := json.Marshal(r)
	require.NoError(t, err)
	for _, field := range []string{`"verdict":"altered"`, `"key_compared":true`, `"witnessed":true`, `"segment_id":"`, `"fingerprint":"`, `"code":"segment_changed"`} {
		require.Contains(t, string(j), field)
	}
}

type stringWriter struct{ s string }

func (w *stringWriter) Write(p []byte) (int, error) {
	w.s += string(p)
	return len(p), nil
}
