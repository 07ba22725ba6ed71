package secret_test

import (
	"encoding/hex"
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
	newer[0] = 3
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

// What the first format sealed opens still, and becomes an envelope.
func TestOlderFormatOpens(t *testing.T) {
	box, err := secret.FromHex(strings.Repeat("a1", 32))
	require.NoError(t, err)
	old, err := hex.DecodeString("010e57f906dce89a7cf41f918c73fa4f740d9f855dfdaec4aa6dbf4c3525437ce195e9cd2ee1e9aa1ec2314c")
	require.NoError(t, err)
	plain, err := box.Unseal(old, []byte("camera:1"))
	require.NoError(t, err)
	require.Equal(t, "parole 2025", string(plain))
	_, err = box.Unseal(old, []byte("camera:2"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	id, envelope, err := secret.KeyOf(old)
	require.NoError(t, err)
	require.False(t, envelope)
	require.Equal(t, box.Keys(), []secret.KeyID{id})
	fresh, changed, err := box.Rewrap(old, []byte("camera:1"))
	require.NoError(t, err)
	require.True(t, changed)
	_, envelope, err = secret.KeyOf(fresh)
	require.NoError(t, err)
	require.True(t, envelope)
	plain, err = box.Unseal(fresh, []byte("camera:1"))
	require.NoError(t, err)
	require.Equal(t, "parole 2025", string(plain))
}

// A rotation wraps the data key anew and leaves the text as it is; from then on
// the new master key alone opens it.
func TestRewrap(t *testing.T) {
	a, b := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	boxes := map[string]*secret.Box{}
	for _, keys := range []string{a, b, b + "\n" + a} {
		box, err := secret.FromHex(keys)
		require.NoError(t, err)
		boxes[keys] = box
	}
	old, both, alone := boxes[a], boxes[b+"\n"+a], boxes[b]
	sealed := old.Seal([]byte("parole"), []byte("camera:1"))
	_, changed, err := old.Rewrap(sealed, []byte("camera:1"))
	require.NoError(t, err)
	require.False(t, changed)
	plain, err := both.Unseal(sealed, []byte("camera:1"))
	require.NoError(t, err)
	require.Equal(t, "parole", string(plain))
	_, err = alone.Unseal(sealed, []byte("camera:1"))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))

	fresh, changed, err := both.Rewrap(sealed, []byte("camera:1"))
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, sealed[len(sealed)-34:], fresh[len(fresh)-34:], "the text was not sealed anew")
	plain, err = alone.Unseal(fresh, []byte("camera:1"))
	require.NoError(t, err)
	require.Equal(t, "parole", string(plain))
	_, err = old.Unseal(fresh, []byte("camera:1"))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))

	_, _, err = both.Rewrap(sealed, []byte("camera:2"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "a rotation moves no secret to another owner")
	broken := append([]byte(nil), sealed...)
	broken[len(broken)-1] ^= 1
	_, _, err = both.Rewrap(broken, []byte("camera:1"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "what was changed is not carried on")
	_, err = secret.FromHex(a + " " + a)
	require.ErrorContains(t, err, "twice")
}

// Two secrets of one master key share no data key: the parts of one do not fit
// the other, also of one owner.
func TestEachSecretHasItsOwnDataKey(t *testing.T) {
	box := open(t, t.TempDir()+"/key")
	one, two := box.Seal([]byte("one"), []byte("camera:1")), box.Seal([]byte("two"), []byte("camera:1"))
	mixed := append(append([]byte(nil), one[:5+60]...), two[5+60:]...)
	_, err := box.Unseal(mixed, []byte("camera:1"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
}

func TestKeyFileThroughARotation(t *testing.T) {
	path := t.TempDir() + "/secret.key"
	running := open(t, path) // a server that goes on while the file changes
	sealed := running.Seal([]byte("parole"), nil)
	old := running.Keys()[0]

	next, added, err := secret.Prepare(path)
	require.NoError(t, err)
	require.True(t, added)
	again, added, err := secret.Prepare(path)
	require.NoError(t, err)
	require.False(t, added)
	require.Equal(t, next, again)
	require.Equal(t, []secret.KeyID{old, next}, open(t, path).Keys(), "it opens and does not seal yet")
	id, _, err := secret.KeyOf(running.Seal(nil, nil))
	require.NoError(t, err)
	require.Equal(t, old, id)

	first, added, err := secret.Promote(path)
	require.NoError(t, err)
	require.True(t, added)
	require.Equal(t, next, first, "the one that waited, which other nodes have by now")
	first, added, err = secret.Promote(path)
	require.NoError(t, err)
	require.False(t, added, "a rotation under way goes on with its key")
	require.Equal(t, next, first)
	id, _, err = secret.KeyOf(running.Seal(nil, nil))
	require.NoError(t, err)
	require.Equal(t, next, id, "the running server reads the file again")

	_, err = secret.Retire(path, secret.KeyID{1, 2, 3, 4})
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.Len(t, open(t, path).Keys(), 2)
	retired, err := secret.Retire(path, next)
	require.NoError(t, err)
	require.Equal(t, []string{path + ".retired-" + old.String()}, retired)
	require.Equal(t, []secret.KeyID{next}, open(t, path).Keys())
	plain, err := open(t, retired[0]).Unseal(sealed, nil)
	require.NoError(t, err, "the old key is kept for old backups")
	require.Equal(t, "parole", string(plain))
	retired, err = secret.Retire(path, next)
	require.NoError(t, err)
	require.Empty(t, retired)

	fresh, added, err := secret.Promote(path)
	require.NoError(t, err)
	require.True(t, added)
	require.NotEqual(t, next, fresh)
}

// A server finds a key that another process has put into the file since, and
// keeps the ones it has when the file cannot be read.
func TestRunningBoxFindsNewKeys(t *testing.T) {
	path := t.TempDir() + "/secret.key"
	running := open(t, path)
	sealed := running.Seal([]byte("one"), nil)
	_, _, err := secret.Promote(path)
	require.NoError(t, err)
	fresh := open(t, path).Seal([]byte("two"), nil)
	plain, err := running.Unseal(fresh, nil)
	require.NoError(t, err)
	require.Equal(t, "two", string(plain))
	require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
	for _, s := range [][]byte{sealed, fresh, running.Seal([]byte("three"), nil)} {
		_, err := running.Unseal(s, nil)
		require.NoError(t, err)
	}
	_, err = secret.Load(t.TempDir() + "/none")
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	_, err = secret.FromHex("next " + strings.Repeat("a1", 32))
	require.Error(t, err, "no key that seals")
}
