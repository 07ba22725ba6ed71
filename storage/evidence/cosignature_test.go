package evidence_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"lieciba"
	"lieciba/storage/evidence"
)

var someText = evidence.CheckpointText("log.example/1", 1234, someRoot)

// TestCosignatureAsTheSpecSays takes the line apart by the words of C2SP
// tlog-cosignature, with nothing of our own code.
func TestCosignatureAsTheSpecSays(t *testing.T) {
	w := newWitness(t)
	at := time.Date(2026, 5, 4, 12, 0, 7, 999, time.UTC)
	line, err := w.Cosign(someText, at)
	require.NoError(t, err)

	fields := strings.Split(w.VerifierKey(), "+")
	key, err := base64.StdEncoding.DecodeString(strings.Join(fields[2:], "+"))
	require.NoError(t, err)
	require.Equal(t, byte(4), key[0])
	id := sha256.Sum256(append([]byte("witness.example/1\n"), key...))

	b64, ok := strings.CutPrefix(line, "— witness.example/1 ")
	require.True(t, ok)
	raw, err := base64.StdEncoding.DecodeString(b64)
	require.NoError(t, err)
	require.Len(t, raw, 4+8+64)
	require.Equal(t, id[:4], raw[:4])
	require.EqualValues(t, at.Unix(), binary.BigEndian.Uint64(raw[4:]))
	signed := "cosignature/v1\ntime " + strconv.FormatInt(at.Unix(), 10) + "\n" + someText
	require.True(t, ed25519.Verify(key[1:], []byte(signed), raw[12:]))

	got, err := evidence.CheckCosignature(w.Verifier(), someText, line)
	require.NoError(t, err)
	require.Equal(t, at.Truncate(time.Second), got)
}

// TestCosignatureVerifiesInsideANote uses the verifier where any reader of notes would.
func TestCosignatureVerifiesInsideANote(t *testing.T) {
	k, w := newKey(t), newWitness(t)
	line, err := w.Cosign(someText, noon)
	require.NoError(t, err)
	both, err := evidence.WithCosignatures(signedCheckpoint(t, k).Note, line)
	require.NoError(t, err)
	n, err := note.Open(both, note.VerifierList(k.Verifier(), w.Verifier()))
	require.NoError(t, err)
	require.Len(t, n.Sigs, 2)
}

func TestWrongCosignatures(t *testing.T) {
	w, k := newWitness(t), newKey(t)
	line, err := w.Cosign(someText, noon)
	require.NoError(t, err)
	s, err := evidence.ParseSignature(line)
	require.NoError(t, err)
	change := func(i int) string {
		c := s
		c.Bytes = append([]byte(nil), s.Bytes...)
		c.Bytes[i] ^= 1
		return c.Line()
	}
	short := s
	short.Bytes = s.Bytes[:71]
	never := s
	never.Bytes = append(make([]byte, 8), s.Bytes[8:]...)
	other, _, err := evidence.OpenWitnessKey(t.TempDir()+"/o", "witness.example/1")
	require.NoError(t, err)
	byOther, err := other.Cosign(someText, noon)
	require.NoError(t, err)
	logLine := strings.Split(strings.SplitN(string(signedCheckpoint(t, k).Note), "\n\n", 2)[1], "\n")[0]

	for name, bad := range map[string]string{"another time": change(7), "another signature": change(20), "short": short.Line(),
		"no time": never.Line(), "another witness of that name": byOther, "the log's own": logLine, "nothing": "", "with a line end": line + "\n"} {
		_, err := evidence.CheckCosignature(w.Verifier(), someText, bad)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
	}
	_, err = evidence.CheckCosignature(w.Verifier(), strings.Replace(someText, "1234", "1235", 1), line)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "another checkpoint")
	_, err = evidence.CheckCosignature(k.Verifier(), someText, logLine)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "a log is no witness")
}

func TestKeysDoNotDoTheOthersWork(t *testing.T) {
	w, k := newWitness(t), newKey(t)
	_, err := k.Cosign(someText, noon)
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
	_, err = w.Sign(someText)
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
	_, err = w.Cosign("anything\n", noon)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "a witness signs checkpoints only")
}

func FuzzCosignature(f *testing.F) {
	w := newWitness(f)
	line, err := w.Cosign(someText, noon)
	require.NoError(f, err)
	f.Add(line)
	f.Add("— witness.example/1 AAAAAAAAAAAAAAAA")
	f.Add("— a AAAAAAB=")
	f.Fuzz(func(t *testing.T, s string) {
		if parsed, err := evidence.ParseSignature(s); err == nil {
			require.Equal(t, s, parsed.Line())
		}
		if _, err := evidence.CheckCosignature(w.Verifier(), someText, s); err == nil {
			require.Equal(t, line, s, "only that one was ever made")
		}
	})
}
