package durable

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Step names one act on the disk, for fault injection.
type Step string

// The steps, as a Fault sees them.
const (
	StepCreate   Step = "create"
	StepOpen     Step = "open"
	StepWrite    Step = "write"
	StepSync     Step = "sync" // of a file's data
	StepTruncate Step = "truncate"
	StepClose    Step = "close"
	StepRename   Step = "rename"
	StepLink     Step = "link"
	StepRemove   Step = "remove"
	StepMkdir    Step = "mkdir"
	StepSyncDir  Step = "sync_dir"
)

// Fault stands between a Disk and the operating system, for tests. It fails a
// step that did not persist by returning an error without calling do, and one
// that did by calling do first. It must be safe for concurrent use.
type Fault func(step Step, path string, do func() error) error

// files is what a Disk needs of the operating system; *os.Root has it too.
type files interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Rename(old, new string) error
	Link(old, new string) error
	Remove(name string) error
	Mkdir(name string, perm fs.FileMode) error
	Stat(name string) (fs.FileInfo, error)
}

type osFiles struct{}

func (osFiles) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (osFiles) Rename(old, new string) error              { return os.Rename(old, new) }
func (osFiles) Link(old, new string) error                { return os.Link(old, new) }
func (osFiles) Remove(name string) error                  { return os.Remove(name) }
func (osFiles) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }
func (osFiles) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }

// Disk makes durable changes below one root. Safe for concurrent use.
type Disk struct {
	fs    files
	fault Fault
}

// OS is the whole file system, without faults; the package's functions use it.
var OS = &Disk{fs: osFiles{}}

// In returns a Disk whose paths are relative to root and cannot leave it, not
// even through symbolic links (os.Root). The caller keeps root open.
func In(root *os.Root) *Disk { return &Disk{fs: root} }

// With returns the same disk with a fault before every step.
func (d *Disk) With(f Fault) *Disk { return &Disk{fs: d.fs, fault: f} }

func (d *Disk) step(s Step, path string, do func() error) error {
	if d.fault == nil {
		return do()
	}
	return d.fault(s, path, do)
}

// WriteFile replaces path by a file with this content: temporary file beside
// it, fsync, rename, fsync of the folder. Readers see the old or the new
// content and nothing between. On error the old content stands, unless only
// the last step failed.
func (d *Disk) WriteFile(path string, data []byte, perm fs.FileMode) error {
	return d.replace(path, path+"."+rand.Text()+TempSuffix, perm, func(f *File) error {
		_, err := f.Append(data)
		return err
	})
}

// CreateFile is WriteFile that never replaces (link(2)): CodeConflict when path
// is there with another content. A crash may leave the temporary file.
func (d *Disk) CreateFile(path string, data []byte, perm fs.FileMode) error {
	tmp := path + "." + rand.Text() + TempSuffix
	f, err := d.create(tmp, perm)
	if err != nil {
		return err
	}
	_, err = f.Append(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.link(tmp, path, data)
	}
	if err = errors.Join(err, d.unlink(tmp)); err != nil {
		return Error(err)
	}
	return d.SyncDir(filepath.Dir(path))
}

// link gives tmp its name; the same content under that name is a repeat.
func (d *Disk) link(tmp, path string, data []byte) error {
	err := d.step(StepLink, path, func() error { return d.fs.Link(tmp, path) })
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, openErr := d.fs.OpenFile(path, os.O_RDONLY, 0)
	if openErr != nil {
		return openErr
	}
	there, readErr := io.ReadAll(io.LimitReader(f, int64(len(data))+1))
	if readErr = errors.Join(readErr, f.Close()); readErr != nil {
		return readErr
	}
	if bytes.Equal(there, data) {
		return nil
	}
	return err
}

// TempSuffix ends the name of every temporary file; one that is left over by a
// crash is garbage.
const TempSuffix = ".tmp"

// Rename moves old to new, replacing it, and makes both folders durable. When
// old is gone and new is there, as after a repeat, it only syncs.
func (d *Disk) Rename(oldPath, newPath string) error {
	err := d.step(StepRename, newPath, func() error { return d.fs.Rename(oldPath, newPath) })
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := d.fs.Stat(newPath); statErr == nil {
			err = nil
		}
	}
	if err != nil {
		return Error(err)
	}
	if err := d.SyncDir(filepath.Dir(newPath)); err != nil {
		return err
	}
	if filepath.Dir(oldPath) == filepath.Dir(newPath) {
		return nil
	}
	return d.SyncDir(filepath.Dir(oldPath))
}

// Remove deletes a file, or an empty folder, and makes that durable. A missing
// one is no error.
func (d *Disk) Remove(path string) error {
	if err := d.unlink(path); err != nil {
		return Error(err)
	}
	err := d.SyncDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) { // the folder is gone with it
		return nil
	}
	return err
}

// unlink removes without making it durable: for garbage.
func (d *Disk) unlink(path string) error {
	err := d.step(StepRemove, path, func() error { return d.fs.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// MkdirAll makes the folder and its missing parents, each durable in its own
// parent. An existing folder is no error; its entry is synced again, because
// the call that made it may have been cut off before it could.
func (d *Disk) MkdirAll(path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	if info, err := d.fs.Stat(path); err == nil {
		if !info.IsDir() {
			return Error(&fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist})
		}
		err := d.SyncDir(filepath.Dir(path))
		if errors.Is(err, fs.ErrPermission) { // a parent that we may not read is not one of ours
			return nil
		}
		return err
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := d.MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	err := d.step(StepMkdir, path, func() error { return d.fs.Mkdir(path, perm) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return Error(err)
	}
	return d.SyncDir(parent)
}

// SyncDir makes the entries of a folder durable.
func (d *Disk) SyncDir(path string) error {
	return Error(d.step(StepSyncDir, path, func() error {
		dir, err := d.fs.OpenFile(path, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(dir.Sync(), dir.Close())
	}))
}

// CopyFile is WriteFile from a reader of exactly size bytes; another length is
// CodeInvalid and leaves nothing. check, if not nil, runs after the last byte
// was read and before the file gets its name: its error leaves nothing either.
// tmp is the path of the temporary file, on the same file system; it must not
// exist.
func (d *Disk) CopyFile(path, tmp string, src io.Reader, size int64, perm fs.FileMode, check func() error) error {
	return d.replace(path, tmp, perm, func(f *File) error {
		if err := f.fill(src, size); err != nil || check == nil {
			return err
		}
		return check()
	})
}

// replace fills tmp, makes it durable and gives it its name.
func (d *Disk) replace(path, tmp string, perm fs.FileMode, fill func(*File) error) error {
	f, err := d.create(tmp, perm)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Rename(tmp, path)
	}
	if err != nil {
		return Error(errors.Join(err, d.unlink(tmp)))
	}
	return nil
}
