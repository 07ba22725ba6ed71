package evidence_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"lieciba"
	"lieciba/storage/evidence"
)

var someRoot = [32]byte{1, 2, 3}

func signedCheckpoint(t testing.TB, keys ...*evidence.Key) lieciba.Checkpoint {
	t.Helper()
	c, err := evidence.SignCheckpoint("log.example/1", 1234, someRoot, keys...)
	require.NoError(t, err)
	return c
}

func TestCheckpointIsWhatOthersRead(t *testing.T) {
	k := newKey(t)
	c := signedCheckpoint(t, k)
	require.True(t, strings.HasPrefix(string(c.Note), "log.example/1\n1234\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— log.example/1 "), string(c.Note))

	theirs, err := note.NewVerifier(k.VerifierKey())
	require.NoError(t, err, "the verifier key is one of golang.org/x/mod/sumdb/note")
	n, err := note.Open(c.Note, note.VerifierList(theirs))
	require.NoError(t, err)
	require.Len(t, n.Sigs, 1)

	got, err := evidence.ParseCheckpoint(c.Note, verifier(t, k))
	require.NoError(t, err)
	require.Equal(t, c, got)
}

func TestCheckpointHasOneSpelling(t *testing.T) {
	k := newKey(t)
	sign := func(text string) []byte {
		n, err := k.Sign(text)
		require.NoError(t, err)
		return n
	}
	root := "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, text := range map[string]string{
		"no root":              "log.example/1\n1234\n",
		"extension line":       "log.example/1\n1234\n" + root + "\nmore\n",
		"leading zero":         "log.example/1\n01234\n" + root + "\n",
		"plus":                 "log.example/1\n+1234\n" + root + "\n",
		"negative":             "log.example/1\n-1\n" + root + "\n",
		"hexadecimal":          "log.example/1\n0x12\n" + root + "\n",
		"size without end":     "log.example/1\n4611686018427387905\n" + root + "\n",
		"too large to be one":  "log.example/1\n99999999999999999999\n" + root + "\n",
		"space":                "log.example/1\n1234 \n" + root + "\n",
		"spare bits of base64": "log.example/1\n1234\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
		"base64 for URLs":      "log.example/1\n1234\n" + strings.Repeat("_", 43) + "=\n",
		"short root":           "log.example/1\n1234\nAQID\n",
		"no origin":            "\n1234\n" + root + "\n",
		"origin with a space":  "log example\n1234\n" + root + "\n",
		"origin with a plus":   "log+example\n1234\n" + root + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := evidence.ParseCheckpoint(sign(text), verifier(t, k))
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "%v", err)
		})
	}
}

func TestSignatureLinesHaveOneSpelling(t *testing.T) {
	k := newKey(t)
	good := string(signedCheckpoint(t, k).Note)
	at := strings.LastIndex(good, " ") + 1
	b64 := strings.TrimSuffix(good[at:], "\n")
	raw, err := base64.StdEncoding.DecodeString(b64)
	require.NoError(t, err)
	require.Len(t, raw, 68, "so the last digit of the base64 has spare bits")
	spare := []byte(b64)
	last := strings.IndexByte(b64, '=') - 1
	spare[last]++
	same, err := base64.StdEncoding.DecodeString(string(spare))
	require.NoError(t, err)
	require.Equal(t, raw, same, "another text, the same signature")

	line := good[strings.Index(good, "— "):]
	for name, bad := range map[string]string{
		"spare bits":           good[:at] + string(spare) + "\n",
		"line break inside":    good[:at] + b64[:10] + "\r" + b64[10:] + "\n",
		"no line end":          strings.TrimSuffix(good, "\n"),
		"another line end":     good + "\n",
		"text after it":        good + "x\n",
		"hyphen for the dash":  strings.Replace(good, "— ", "- ", 1),
		"two spaces":           strings.Replace(good, "— ", "—  ", 1),
		"the same twice":       good + line,
		"control character":    strings.Replace(good, "log", "l\x07og", 1),
		"not UTF-8":            strings.Replace(good, "log", "l\xffg", 1),
		"no signature":         good[:strings.Index(good, "— ")],
		"no blank line":        strings.Replace(good, "\n\n", "\n", 1),
		"longer than any note": good + strings.Repeat("x", 70_000) + "\n",
		"signature cut":        good[:at] + base64.StdEncoding.EncodeToString(raw[:4]) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := evidence.ParseCheckpoint([]byte(bad), verifier(t, k))
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "%v", err)
		})
	}
}

func TestCheckpointNeedsAnExpectedSignature(t *testing.T) {
	k, other := newKey(t), newKey(t)
	c := signedCheckpoint(t, k)
	_, err := evidence.ParseCheckpoint(c.Note, verifier(t, other))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err))
	_, err = evidence.ParseCheckpoint(c.Note)
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err))

	n, err := evidence.ParseNote(c.Note)
	require.NoError(t, err)
	n.Signatures[0].Bytes[5] ^= 1
	_, err = evidence.ParseCheckpoint(n.Encode(), verifier(t, k))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
}

func TestOnlyKeepsWhatAStampCovers(t *testing.T) {
	k, w := newKey(t), newWitness(t)
	c := signedCheckpoint(t, k)
	line, err := w.Cosign(evidence.CheckpointText(c.Origin, c.Size, c.Root), noon)
	require.NoError(t, err)
	published, err := evidence.WithCosignatures(c.Note, line)
	require.NoError(t, err)
	require.NotEqual(t, c.Note, published)
	n, err := evidence.ParseNote(published)
	require.NoError(t, err)
	require.Equal(t, c.Note, n.Only(verifier(t, k)).Encode())
	by, unknown, err := n.Check(verifier(t, k))
	require.NoError(t, err)
	require.Len(t, by, 1)
	require.Equal(t, []evidence.Signature{n.Signatures[1]}, unknown)
}

func FuzzParseCheckpoint(f *testing.F) {
	k := newKey(f)
	c := signedCheckpoint(f, k)
	f.Add(c.Note)
	line, err := newWitness(f).Cosign(evidence.CheckpointText(c.Origin, c.Size, c.Root), noon)
	require.NoError(f, err)
	cosigned, err := evidence.WithCosignatures(c.Note, line)
	require.NoError(f, err)
	f.Add(cosigned)
	f.Add([]byte("o\n0\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— o AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n, err := evidence.UnverifiedCheckpoint(b)
		if err != nil {
			return
		}
		require.Equal(t, b, n.Encode())
		require.Equal(t, n.Text, evidence.CheckpointText(p.Origin, p.Size, p.Root))
		if v, err := evidence.ParseCheckpoint(b, k.Verifier()); err == nil {
			require.Equal(t, c.Root, v.Root, "only the one text was ever signed")
		}
	})
}
