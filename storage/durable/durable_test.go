package durable_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/durable"
)

var errInjected = errors.New("injected")

// nth fails the n-th step; persisted says whether the step took effect.
type nth struct {
	n         int
	persisted bool
	seen      []durable.Step
}

func (f *nth) fault(step durable.Step, _ string, do func() error) error {
	f.seen = append(f.seen, step)
	if len(f.seen)-1 != f.n {
		return do()
	}
	if f.persisted {
		if err := do(); err != nil {
			return err
		}
	}
	return errInjected
}

// everyFault runs act once per step and both ways, in a fresh folder, with
// prepare before and check after a repeat without faults.
func everyFault(t *testing.T, prepare func(t *testing.T, dir string), act func(d *durable.Disk, dir string) error,
	after func(t *testing.T, dir string, failed durable.Step, persisted bool), done func(t *testing.T, dir string)) {
	count := &nth{n: -1}
	dir := t.TempDir()
	prepare(t, dir)
	require.NoError(t, act(durable.OS.With(count.fault), dir))
	done(t, dir)
	require.NotEmpty(t, count.seen)
	for n, step := range count.seen {
		for _, persisted := range []bool{false, true} {
			name := string(step) + "/lost"
			if persisted {
				name = string(step) + "/persisted"
			}
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				prepare(t, dir)
				f := &nth{n: n, persisted: persisted}
				err := act(durable.OS.With(f.fault), dir)
				require.ErrorIs(t, err, errInjected, "a failed %s must not be swallowed", step)
				require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
				if after != nil {
					after(t, dir, step, persisted)
				}
				require.NoError(t, act(durable.OS, dir), "a repeat must succeed")
				done(t, dir)
			})
		}
	}
}

func names(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func content(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestWriteFileIsOldOrNewAtEveryFault(t *testing.T) {
	everyFault(t,
		func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(dir+"/f", []byte("old"), 0o600)) },
		func(d *durable.Disk, dir string) error { return d.WriteFile(dir+"/f", []byte("new"), 0o600) },
		func(t *testing.T, dir string, failed durable.Step, persisted bool) {
			want := "old"
			if failed == durable.StepSyncDir || failed == durable.StepRename && persisted {
				want = "new"
			}
			require.Equal(t, want, content(t, dir+"/f"))
			require.Equal(t, []string{"f"}, names(t, dir), "no temporary file may stay")
		},
		func(t *testing.T, dir string) { require.Equal(t, "new", content(t, dir+"/f")) })
}

func TestRenameBetweenFolders(t *testing.T) {
	everyFault(t,
		func(t *testing.T, dir string) {
			require.NoError(t, os.MkdirAll(dir+"/a", 0o700))
			require.NoError(t, os.MkdirAll(dir+"/b", 0o700))
			require.NoError(t, os.WriteFile(dir+"/a/f", []byte("x"), 0o600))
		},
		func(d *durable.Disk, dir string) error { return d.Rename(dir+"/a/f", dir+"/b/g") },
		nil,
		func(t *testing.T, dir string) {
			require.Equal(t, "x", content(t, dir+"/b/g"))
			require.Empty(t, names(t, dir+"/a"))
		})
}

func TestRemoveAndMkdirAllRepeat(t *testing.T) {
	everyFault(t,
		func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(dir+"/f", nil, 0o600)) },
		func(d *durable.Disk, dir string) error {
			return errors.Join(d.Remove(dir+"/f"), d.MkdirAll(dir+"/a/b/c", 0o700))
		},
		nil,
		func(t *testing.T, dir string) {
			require.NoFileExists(t, dir+"/f")
			require.DirExists(t, dir+"/a/b/c")
		})
}

func TestRenameOfNothingIsNotFound(t *testing.T) {
	dir := t.TempDir()
	err := durable.Rename(dir+"/a", dir+"/b")
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
}

func TestMkdirAllRefusesAFileInTheWay(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/f", nil, 0o600))
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(durable.MkdirAll(dir+"/f", 0o700)))
	require.Error(t, durable.MkdirAll(dir+"/f/g", 0o700))
}

// TestFileFaults fails each step of a growing file. What Sync reported durable
// must be in the file whatever fails later.
func TestFileFaults(t *testing.T) {
	grow := func(d *durable.Disk, path string) (err error) {
		f, err := d.Create(path, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		for _, part := range []string{"one", "two"} {
			if _, err := f.Append([]byte(part)); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
		}
		if err := f.Patch([]byte("ONE"), 0); err != nil {
			return err
		}
		return f.Sync()
	}
	count := &nth{n: -1}
	require.NoError(t, grow(durable.OS.With(count.fault), t.TempDir()+"/f"))
	for n, step := range count.seen {
		for _, persisted := range []bool{false, true} {
			f := &nth{n: n, persisted: persisted}
			err := grow(durable.OS.With(f.fault), t.TempDir()+"/f")
			require.ErrorIs(t, err, errInjected, "step %d %s", n, step)
			require.Equal(t, durable.StepClose, lastOf(f.seen, step), "the file is closed after a failed %s", step)
		}
	}
}

// lastOf is the last step seen; a failed create never opened the file, and its
// clean-up removes it.
func lastOf(seen []durable.Step, failed durable.Step) durable.Step {
	if failed == durable.StepCreate || failed == durable.StepSyncDir {
		return durable.StepClose
	}
	return seen[len(seen)-1]
}

func TestCreateFileIsWholeOrNotThere(t *testing.T) {
	everyFault(t, func(*testing.T, string) {},
		func(d *durable.Disk, dir string) error { return d.CreateFile(dir+"/f", []byte("new"), 0o600) },
		func(t *testing.T, dir string, failed durable.Step, persisted bool) {
			if failed == durable.StepRemove && !persisted { // the crash that leaves the temporary file
				for _, name := range names(t, dir) {
					if name != "f" {
						require.NoError(t, os.Remove(dir+"/"+name))
					}
				}
			}
			if slices.Contains(names(t, dir), "f") {
				require.Equal(t, "new", content(t, dir+"/f"))
			}
		},
		func(t *testing.T, dir string) {
			require.Equal(t, "new", content(t, dir+"/f"))
			require.Equal(t, []string{"f"}, names(t, dir))
			err := durable.CreateFile(dir+"/f", []byte("newer"), 0o600)
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
			require.Equal(t, "new", content(t, dir+"/f"), "it never replaces")
		})
}

func TestCreateCanBeRepeated(t *testing.T) {
	everyFault(t, func(*testing.T, string) {},
		func(d *durable.Disk, dir string) error {
			f, err := d.Create(dir+"/f", 0o600)
			if err == nil {
				t.Cleanup(func() { require.NoError(t, f.Close()) })
			}
			return err
		}, nil,
		func(t *testing.T, dir string) { require.Equal(t, []string{"f"}, names(t, dir)) })
}

func TestFailedSyncPoisonsTheFile(t *testing.T) {
	fail := false
	disk := durable.OS.With(func(s durable.Step, _ string, do func() error) error {
		if fail && s == durable.StepSync {
			return syscall.EIO
		}
		return do()
	})
	f, err := disk.Create(t.TempDir()+"/f", 0o600)
	require.NoError(t, err)
	_, err = f.Append([]byte("abc"))
	require.NoError(t, err)
	fail = true
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(f.Sync()))
	fail = false
	require.Equal(t, int64(0), f.Durable())
	require.ErrorIs(t, f.Sync(), syscall.EIO, "a second sync must not report success: the kernel dropped the pages")
	_, err = f.Append([]byte("d"))
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorIs(t, f.Rollback(), syscall.EIO)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
}

// TestFullDisk uses a real file system of 1 MiB: the append fails as full, the
// roll-back keeps what was durable, patches still work, and after space was
// made the file grows again.
func TestFullDisk(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	f, err := durable.Create(dir+"/f", 0o600)
	require.NoError(t, err)
	first := bytes.Repeat([]byte{1}, 300<<10)
	_, err = f.Append(first)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, os.WriteFile(dir+"/ballast", make([]byte, 600<<10), 0o600))

	_, err = f.Append(bytes.Repeat([]byte{2}, 400<<10))
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err), "got %v", err)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(f.Sync()), "a broken tail must not be synced as if it were whole")
	require.NoError(t, f.Rollback())
	require.Equal(t, int64(len(first)), f.Size())
	require.NoError(t, f.Patch([]byte{9}, 0))
	require.NoError(t, f.Sync())

	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(durable.WriteFile(dir+"/g", make([]byte, 500<<10), 0o600)))
	require.ElementsMatch(t, []string{"ballast", "f"}, names(t, dir), "nothing half-written may stay")

	require.NoError(t, durable.Remove(dir+"/ballast"))
	_, err = f.Append(bytes.Repeat([]byte{3}, 400<<10))
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	got := content(t, dir+"/f")
	require.Len(t, got, 700<<10)
	require.Equal(t, byte(9), got[0])
	require.Equal(t, byte(3), got[300<<10])
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=1m"))
	err := durable.WriteFile(dir+"/f", []byte("x"), 0o600)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "read-only")
}

// tmpfs mounts a small file system; tests run as root (README).
func tmpfs(t *testing.T, options string) string {
	dir := t.TempDir()
	err := syscall.Mount("none", dir, "tmpfs", 0, options)
	require.NoError(t, err, "mounting a tmpfs needs root: run the tests as root, as the README says")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

func TestOpenFileAppendsAndTruncates(t *testing.T) {
	path := t.TempDir() + "/f"
	require.NoError(t, os.WriteFile(path, []byte("good+torn"), 0o600))
	f, err := durable.OpenFile(path)
	require.NoError(t, err)
	require.Equal(t, int64(9), f.Durable())
	require.NoError(t, f.Truncate(5))
	_, err = f.Append([]byte("new"))
	require.NoError(t, err)
	require.Error(t, f.Patch([]byte("12"), 7), "a patch cannot grow the file")
	require.Error(t, f.Truncate(9), "neither can a truncate")
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	require.Equal(t, "good+new", content(t, path))
	_, err = durable.OpenFile(path + "x")
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	_, err = durable.Create(path, 0o600)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
}

func TestCopyFileChecksLengthAndContent(t *testing.T) {
	dir := t.TempDir()
	copyIn := func(body string, size int64, check func() error) error {
		return durable.OS.CopyFile(dir+"/f", dir+"/f.tmp", strings.NewReader(body), size, 0o600, check)
	}
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(copyIn("abc", 4, nil)))
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(copyIn("abc", 2, nil)))
	require.ErrorIs(t, copyIn("abc", 3, func() error { return errInjected }), errInjected)
	require.Empty(t, names(t, dir))
	require.NoError(t, copyIn("abc", 3, func() error { return nil }))
	require.NoError(t, copyIn("", 0, nil))
	require.Equal(t, "", content(t, dir+"/f"))
	require.NoError(t, os.WriteFile(dir+"/f.tmp", []byte("theirs"), 0o600))
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(copyIn("abc", 3, nil)))
	require.Equal(t, "theirs", content(t, dir+"/f.tmp"))
}

func TestRootCannotBeLeft(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	disk := durable.In(root)
	require.Error(t, disk.WriteFile("link/f", []byte("x"), 0o600))
	require.Error(t, disk.WriteFile("../f", []byte("x"), 0o600))
	require.Empty(t, names(t, outside))
	require.NoError(t, disk.MkdirAll("a/b", 0o700))
	require.NoError(t, disk.WriteFile("a/b/f", []byte("x"), 0o600))
	require.Equal(t, "x", content(t, dir+"/a/b/f"))
}

func TestLockDirIsExclusive(t *testing.T) {
	dir := t.TempDir()
	lock, err := durable.LockDir(dir)
	require.NoError(t, err)
	_, err = durable.LockDir(dir)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "in use by another")
	require.NoError(t, lock.Close())
	lock, err = durable.LockDir(dir)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestErrorKeepsCodes(t *testing.T) {
	require.NoError(t, durable.Error(nil))
	for errno, code := range map[error]lieciba.Code{
		syscall.ENOSPC: lieciba.CodeFull, syscall.EDQUOT: lieciba.CodeFull,
		syscall.EROFS: lieciba.CodeUnavailable, syscall.EIO: lieciba.CodeUnavailable,
		syscall.EACCES: lieciba.CodeUnavailable, syscall.EMFILE: lieciba.CodeUnavailable,
		syscall.ENOENT: lieciba.CodeNotFound, io.ErrShortWrite: lieciba.CodeInternal,
	} {
		err := durable.Error(&os.PathError{Op: "write", Path: "/secret/path", Err: errno})
		require.Equal(t, code, lieciba.CodeOf(err), "%v", errno)
		var e *lieciba.Error
		require.ErrorAs(t, err, &e)
		require.NotContains(t, e.Message, "/secret/path")
	}
	inner := lieciba.Errorf(lieciba.CodeFull, "x")
	require.Equal(t, inner, durable.Error(inner))
}

func BenchmarkAppend(b *testing.B) {
	f, err := durable.Create(b.TempDir()+"/f", 0o600)
	require.NoError(b, err)
	defer func() { require.NoError(b, f.Close()) }()
	p := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Append(p); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOrderOfSteps holds what a power cut needs and no test without one can
// see: the data before the name, and every folder after its entries changed.
func TestOrderOfSteps(t *testing.T) {
	dir := t.TempDir()
	var steps []string
	disk := durable.OS.With(func(s durable.Step, path string, do func() error) error {
		rel, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		if strings.HasSuffix(rel, durable.TempSuffix) {
			rel = "TMP"
		}
		steps = append(steps, string(s)+" "+rel)
		return do()
	})
	must := func(err error, want ...string) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want, steps)
		steps = nil
	}
	must(disk.MkdirAll(dir+"/a/b", 0o700), "sync_dir ..", "mkdir a", "sync_dir .", "mkdir a/b", "sync_dir a")
	must(disk.MkdirAll(dir+"/a/b", 0o700), "sync_dir a")
	must(disk.WriteFile(dir+"/a/f", []byte("x"), 0o600), "create TMP", "write TMP", "sync TMP", "close TMP", "rename a/f", "sync_dir a")
	must(disk.CopyFile(dir+"/a/g", dir+"/x.tmp", strings.NewReader("y"), 1, 0o600, nil),
		"create TMP", "write TMP", "sync TMP", "close TMP", "rename a/g", "sync_dir a", "sync_dir .")
	must(disk.Rename(dir+"/a/f", dir+"/a/h"), "rename a/h", "sync_dir a")
	must(disk.Rename(dir+"/a/h", dir+"/a/b/h"), "rename a/b/h", "sync_dir a/b", "sync_dir a")
	must(disk.Remove(dir+"/a/b/h"), "remove a/b/h", "sync_dir a/b")
	f, err := disk.Create(dir+"/n", 0o600)
	must(err, "create n", "sync_dir .")
	must(f.Close(), "close n")
	f, err = disk.OpenFile(dir + "/n")
	must(err, "open n", "sync n")
	must(f.Close(), "close n")
}
