package localfs_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/localfs"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string, opts ...localfs.Option) *localfs.Store {
	s, err := localfs.Open(dir, opts...)
	require.NoError(t, err)
	return s
}

// mount makes a file system of its own; tests run as root (README).
func mount(t testing.TB, size string) (dir string, remount func(t testing.TB, flags uintptr)) {
	dir = t.TempDir()
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", 0, "size="+size), "mounting a tmpfs needs root: run the tests as root, as the README says")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir, func(t testing.TB, flags uintptr) {
		require.NoError(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|flags, "size="+size))
	}
}

func TestContract(t *testing.T) {
	storagetest.TestMedia(t, func(t *testing.T) storagetest.MediaSetup {
		dir, remount := mount(t, "160m")
		return storagetest.MediaSetup{
			Open:  func(t testing.TB) storage.Media { return open(t, dir) },
			Stop:  func(t testing.TB) { remount(t, syscall.MS_RDONLY) },
			Start: func(t testing.TB) { remount(t, 0) },
		}
	})
}

const key = "segments/0198c0de-0000-7000-8000-000000000001/0198c0de-0000-7000-8000-000000000002.mp4"

func put(t testing.TB, s *localfs.Store, b []byte) error {
	_, err := s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
	return err
}

// TestEveryDiskStepFails fails each step of Put and Remove before and after it
// took effect; the object is whole or not there, and a repeat ends right.
func TestEveryDiskStepFails(t *testing.T) {
	injected := errors.New("injected")
	b := bytes.Repeat([]byte("segment"), 50_000)
	acts := map[string]func(s *localfs.Store) error{
		"put":    func(s *localfs.Store) error { return put(t, s, b) },
		"remove": func(s *localfs.Store) error { return s.Remove(t.Context(), lieciba.MediaRef{Key: key}) },
	}
	for name, act := range acts {
		for persisted, struck := false, true; ; persisted = true {
			for n := 1; struck; n++ {
				steps := 0
				armed := false
				s := open(t, t.TempDir(), localfs.WithFault(func(_ durable.Step, _ string, do func() error) error {
					if !armed {
						return do()
					}
					if steps++; steps != n {
						return do()
					}
					if persisted {
						if err := do(); err != nil {
							return err
						}
					}
					return injected
				}))
				if name == "remove" {
					require.NoError(t, put(t, s, b))
				}
				armed = true
				err := act(s)
				struck = steps >= n
				require.Equal(t, struck, errors.Is(err, injected), "%s step %d: %v", name, n, err)
				sum, err := s.Sum(t.Context(), lieciba.MediaRef{Key: key})
				if err == nil {
					require.Equal(t, sha256.Sum256(b), sum, "%s step %d", name, n)
				} else {
					require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
				}
				armed = false
				require.NoError(t, act(s), "%s step %d", name, n)
				_, err = s.Stat(t.Context(), lieciba.MediaRef{Key: key})
				require.Equal(t, name == "put", err == nil)
				require.NoError(t, s.Close())
			}
			if persisted {
				break
			}
			struck = true
		}
	}
}

func TestFullDiskLeavesNothing(t *testing.T) {
	dir, _ := mount(t, "1m")
	s := open(t, dir)
	defer func() { require.NoError(t, s.Close()) }()
	err := put(t, s, make([]byte, 2<<20))
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err))
	left, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, put(t, s, make([]byte, 100<<10)), "and smaller ones still go")
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := localfs.Open(dir)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), dir)
	require.NoError(t, s.Close())
	require.NoError(t, open(t, dir).Close())
}

func TestLeftoversOfACrashGo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, dir).Close())
	left := filepath.Join(dir, ".tmp", "x"+durable.TempSuffix)
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o600))
	s := open(t, dir)
	require.NoFileExists(t, left)
	require.NoError(t, s.Close())
}

func TestSymlinksAndOddFilesAreRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	s := open(t, dir)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, os.WriteFile(outside+"/secret", []byte("secret"), 0o600))
	require.NoError(t, os.Mkdir(dir+"/segments", 0o700))
	require.NoError(t, os.Symlink(outside, dir+"/segments/out"))
	require.NoError(t, os.Symlink(outside+"/secret", dir+"/segments/link.mp4"))
	require.NoError(t, syscall.Mkfifo(dir+"/segments/pipe.mp4", 0o600))
	b := []byte("x")
	for _, k := range []string{"segments/out/secret", "segments/link.mp4", "segments/pipe.mp4", "segments/out/new"} {
		_, err := s.Open(t.Context(), lieciba.MediaRef{Key: k})
		require.Error(t, err, k)
		require.Error(t, s.ReadRange(t.Context(), lieciba.MediaRef{Key: k}, make([]byte, 1), 0), k)
		_, err = s.Put(t.Context(), k, bytes.NewReader(b), 1, sha256.Sum256(b))
		require.Error(t, err, k)
		require.NoError(t, s.List(t.Context(), "", func(o storage.Object) error {
			return errors.New("listed " + o.Ref.Key)
		}))
	}
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.False(t, s.WriteOnce())
	require.True(t, strings.Contains(s.WriteOnceReason(), "owner"))
}

func TestVanishedFolderIsSeen(t *testing.T) {
	dir := t.TempDir() + "/media"
	s := open(t, dir)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, os.RemoveAll(dir))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(s.Ping(t.Context())))
}

func TestReaderBesideTheOwner(t *testing.T) {
	dir := t.TempDir()
	_, err := localfs.OpenReader(dir + "/none")
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	owner := open(t, dir)
	defer func() { require.NoError(t, owner.Close()) }()
	r, err := localfs.OpenReader(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	b := []byte("bytes")
	require.NoError(t, put(t, owner, b))
	sum, err := r.Sum(t.Context(), lieciba.MediaRef{Key: key})
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(b), sum)
	require.NoError(t, r.Ping(t.Context()))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(put(t, r, b)))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(r.Remove(t.Context(), lieciba.MediaRef{Key: key})))
}
