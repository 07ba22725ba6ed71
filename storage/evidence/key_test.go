package evidence_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"lieciba"
	"lieciba/storage/evidence"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	_, err := evidence.ReadKey(path)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "reading never makes one")
	k, created, err := evidence.OpenKey(path)
	require.NoError(t, err)
	require.True(t, created)
	require.Regexp(t, `^lieciba\.local/[0-9a-f-]{36}$`, k.Name())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	signer, err := note.NewSigner(strings.TrimSuffix(string(text), "\n"))
	require.NoError(t, err, "the file is a signer key of golang.org/x/mod/sumdb/note")
	require.Equal(t, k.KeyHash(), signer.KeyHash())

	again, created, err := evidence.OpenKey(path)
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, k.VerifierKey(), again.VerifierKey())
	_, _, err = evidence.CreateKey(path, "another.example")
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	_, _, err = evidence.OpenWitnessKey(path, "")
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "a log's key is no witness's")
}

func TestKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	_, _, err := evidence.OpenKey(path)
	require.NoError(t, err)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o601} {
		require.NoError(t, os.Chmod(path, mode))
		_, _, err := evidence.OpenKey(path)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
		require.ErrorContains(t, err, "chmod 600")
	}
	require.NoError(t, os.Chmod(path, 0o400))
	_, _, err = evidence.OpenKey(path)
	require.NoError(t, err, "read-only is as good")
}

func TestDamagedKeyFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	_, _, err := evidence.OpenKey(path)
	require.NoError(t, err)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 4
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		_, _, err := evidence.OpenKey(path)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "byte %d", i)
		require.NotContains(t, err.Error(), string(good[40:60]))
	}
	for _, bad := range [][]byte{nil, good[:len(good)/2], good[:len(good)-1], append(good, '\n'), make([]byte, 8192)} {
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		_, created, err := evidence.OpenKey(path)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
		require.False(t, created, "a damaged key is never replaced")
	}
}

func TestOneKeyIsMadeByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	got := make([]string, 16)
	errs := make([]error, len(got))
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			k, _, err := evidence.OpenKey(path)
			if errs[i] = err; err == nil {
				got[i] = k.VerifierKey()
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	for _, vkey := range got {
		require.Equal(t, got[0], vkey)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestKeyNeverPrintsItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.key")
	k, _, err := evidence.OpenKey(path)
	require.NoError(t, err)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	secret := strings.SplitN(strings.TrimSpace(string(file)), "+", 5)[4]
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", k)
		fmt.Fprintf(&out, verb+"\n", struct{ K *evidence.Key }{k})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", k)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", k)
	require.NoError(t, json.NewEncoder(&out).Encode(map[string]any{"key": k}))
	require.NotContains(t, out.String(), secret)
	require.NotContains(t, out.String(), "PRIVATE")
	require.Contains(t, out.String(), k.VerifierKey())
}

func TestFingerprint(t *testing.T) {
	vkey := newKey(t).VerifierKey()
	f := evidence.Fingerprint(vkey)
	require.Regexp(t, `^[0-9a-f]{64}$`, f)
	groups := evidence.FingerprintGroups(f)
	require.Regexp(t, `^([0-9a-f]{4} ){15}[0-9a-f]{4}$`, groups)
	for _, given := range []string{f, groups, strings.ToUpper(groups), strings.ReplaceAll(strings.ToUpper(groups), " ", ":"), " " + f + "\n", vkey} {
		require.True(t, evidence.MatchKey(given, vkey), given)
	}
	for _, given := range []string{"", f[:63], f + "0", f[:8], vkey[:len(vkey)-1], evidence.Fingerprint(newKey(t).VerifierKey())} {
		require.False(t, evidence.MatchKey(given, vkey), given)
	}
}

func TestVerifierKeyHasOneSpelling(t *testing.T) {
	for _, vkey := range []string{newKey(t).VerifierKey(), newWitness(t).VerifierKey()} {
		_, err := evidence.NewVerifier(vkey)
		require.NoError(t, err)
		parts := strings.SplitN(vkey, "+", 3)
		for _, bad := range []string{"", parts[0], strings.ToUpper(vkey), vkey + "\n", " " + vkey, vkey[:len(vkey)-1], "x" + vkey,
			parts[0] + "+" + strings.ToUpper(parts[1]) + "X+" + parts[2], parts[0] + "++" + parts[2]} {
			_, err := evidence.NewVerifier(bad)
			require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), bad)
		}
	}
}
