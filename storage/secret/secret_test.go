package secret_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/secret"
)

func open(t *testing.T, path string) *secret.Box {
	box, err := secret.Open(path)
	require.NoError(t, err)
	return box
}

func TestSealIsBoundToOwnerAndKey(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir+"/a"), open(t, dir+"/b")
	plain, owner := []byte("user\x00pass\x00word"), []byte("0198c0de-0000-7000-8000-000000000001")
	sealed := a.Seal(plain, owner)
	require.NotContains(t, string(sealed), "pass")
	require.NotEqual(t, sealed, a.Seal(plain, owner), "the nonce must differ")
	got, err := a.Unseal(sealed, owner)
	require.NoError(t, err)
	require.Equal(t, plain, got)
	got, err = open(t, dir+"/a").Unseal(sealed, owner)
	require.NoError(t, err, "the key must survive a restart")
	require.Equal(t, plain, got)

	_, err = a.Unseal(sealed, []byte("0198c0de-0000-7000-8000-000000000002"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	_, err = b.Unseal(sealed, owner)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
}

func TestEveryChangedByteIsFound(t *testing.T) {
	box := open(t, t.TempDir()+"/key")
	sealed := box.Seal([]byte("secret"), nil)
	for i := range sealed {
		bad := append([]byte(nil), sealed...)
		bad[i] ^= 1
		_, err := box.Unseal(bad, nil)
		require.Error(t, err, "byte %d", i)
		_, err = box.Unseal(sealed[:i], nil)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "cut at %d", i)
	}
	newer := append([]byte(nil), sealed...)
	newer[0] = 2
	_, err := box.Unseal(newer, nil)
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}

func TestKeyFileIsPrivate(t *testing.T) {
	path := t.TempDir() + "/key"
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, strings.TrimSpace(string(text)), 64)

	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		require.NoError(t, os.Chmod(path, mode))
		_, err = secret.Open(path)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "mode %o", mode)
		require.Contains(t, err.Error(), "chmod 600")
	}
	require.NoError(t, os.Chmod(path, 0o400))
	open(t, path)
}

func TestBadKeysAreRefusedWithoutQuotingThem(t *testing.T) {
	good := strings.Repeat("a1", 32)
	for _, text := range []string{"", "0123456789abcdef", strings.Repeat("zq", 32), good + "00", good[:62]} {
		path := t.TempDir() + "/key"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := secret.Open(path)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "%q", text)
		_, hexErr := secret.FromHex(text)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(hexErr))
		if text != "" {
			require.NotContains(t, err.Error()+hexErr.Error(), text)
		}
	}
	_, err := secret.FromHex(good + "\n")
	require.NoError(t, err)
	_, err = secret.New(make([]byte, 16))
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	_, err = secret.Open(t.TempDir())
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	_, err = secret.Open(t.TempDir() + "/no/such/folder")
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
}

// TestOpenRace: of many that make the key at once, all that succeed have one key.
func TestOpenRace(t *testing.T) {
	path := t.TempDir() + "/key"
	var wg sync.WaitGroup
	sealed := make([][]byte, 8)
	for i := range sealed {
		wg.Go(func() {
			if box, err := secret.Open(path); err == nil { // one that meets a half-written file is refused
				sealed[i] = box.Seal([]byte("x"), nil)
			}
		})
	}
	wg.Wait()
	box, n := open(t, path), 0
	for _, s := range sealed {
		if s != nil {
			_, err := box.Unseal(s, nil)
			require.NoError(t, err)
			n++
		}
	}
	require.Positive(t, n)
}
