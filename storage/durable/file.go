package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"lieciba"
)

// File is a file that grows at its end. It keeps two lengths apart: what was
// appended, and what the last Sync made durable. Not safe for concurrent use,
// except ReadAt.
type File struct {
	disk    *Disk
	f       *os.File
	path    string
	size    int64 // appended
	durable int64 // synced
	bad     error // a write failed: only Rollback helps; or a sync did: nothing does
	lost    bool  // a sync failed
}

// Create makes a new file, CodeConflict if it exists. Its folder entry is durable.
func (d *Disk) Create(path string, perm fs.FileMode) (*File, error) {
	f, err := d.create(path, perm)
	if err != nil {
		return nil, err
	}
	if err := d.SyncDir(filepath.Dir(path)); err != nil {
		return nil, Error(errors.Join(err, f.Close(), d.unlink(path)))
	}
	return f, nil
}

// create makes a new file whose folder entry is not durable yet.
func (d *Disk) create(path string, perm fs.FileMode) (*File, error) {
	f := &File{disk: d, path: path}
	err := d.step(StepCreate, path, func() (err error) {
		f.f, err = d.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		return err
	})
	if err != nil && f.f != nil { // made, and reported as failed
		err = errors.Join(err, f.f.Close(), d.unlink(path))
	}
	if err != nil {
		return nil, Error(err)
	}
	return f, nil
}

// OpenFile opens an existing file for appending, as recovery does. All that it
// holds is made durable first: a crashed writer may not have done so.
func (d *Disk) OpenFile(path string) (*File, error) {
	f := &File{disk: d, path: path}
	err := d.step(StepOpen, path, func() (err error) {
		f.f, err = d.fs.OpenFile(path, os.O_RDWR, 0)
		return err
	})
	if err != nil {
		if f.f != nil {
			err = errors.Join(err, f.f.Close())
		}
		return nil, Error(err)
	}
	info, err := f.f.Stat()
	if err == nil {
		f.size = info.Size()
		err = f.Sync()
	}
	if err != nil {
		return nil, Error(errors.Join(err, f.Close()))
	}
	return f, nil
}

// Append writes p whole at the end. It is durable after Sync. After an error
// the tail is undefined and every call but Rollback and Close fails with it.
func (f *File) Append(p []byte) (int, error) {
	n, err := f.write(p, f.size)
	if err != nil {
		return n, err
	}
	f.size += int64(n)
	return n, nil
}

// Patch overwrites bytes that exist already; it cannot grow the file, so a full
// disk does not stop it. It is durable after Sync.
func (f *File) Patch(p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > f.size {
		return lieciba.Errorf(lieciba.CodeInternal, "patch of bytes %d to %d of a file of %d", off, off+int64(len(p)), f.size)
	}
	_, err := f.write(p, off)
	return err
}

func (f *File) write(p []byte, off int64) (n int, err error) {
	if f.bad != nil {
		return 0, f.bad
	}
	if f.disk.fault == nil { // no closure, no allocation: this is the recorder's hot path
		n, err = f.f.WriteAt(p, off)
	} else {
		n, err = f.faultyWrite(p, off)
	}
	if err == nil && n != len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		f.bad = Error(err)
	}
	return n, f.bad
}

func (f *File) faultyWrite(p []byte, off int64) (n int, err error) {
	err = f.disk.fault(StepWrite, f.path, func() (err error) {
		n, err = f.f.WriteAt(p, off)
		return err
	})
	return n, err
}

// Sync makes all that was appended and patched durable (fdatasync). After a
// failure the kernel may have dropped the pages and would report success the
// next time, so the file stays broken: close it and recover from its bytes.
func (f *File) Sync() error {
	if f.bad != nil {
		return f.bad
	}
	var err error
	if f.disk.fault == nil {
		err = datasync(f.f)
	} else {
		err = f.disk.fault(StepSync, f.path, func() error { return datasync(f.f) })
	}
	if err != nil {
		f.bad, f.lost = Error(err), true
		return f.bad
	}
	f.durable = f.size
	return nil
}

// Rollback cuts the file back to what the last Sync made durable, after a
// failed Append; then the file works again. Patches since then are undefined.
// It cannot undo a failed Sync.
func (f *File) Rollback() error {
	if f.lost {
		return f.bad
	}
	return f.cut(f.durable)
}

// Truncate cuts the file to size bytes, durably: for recovery of a torn tail.
func (f *File) Truncate(size int64) error {
	if f.bad != nil {
		return f.bad
	}
	if size > f.size {
		return lieciba.Errorf(lieciba.CodeInternal, "truncate of a file of %d bytes to %d", f.size, size)
	}
	return f.cut(size)
}

func (f *File) cut(size int64) error {
	err := f.disk.step(StepTruncate, f.path, func() error { return f.f.Truncate(size) })
	if err != nil {
		f.bad = Error(err)
		return f.bad
	}
	f.bad = nil
	f.size = size
	return f.Sync()
}

// Size is the length with what is appended and not yet synced, in bytes.
func (f *File) Size() int64 { return f.size }

// Durable is the length that the last Sync made durable, in bytes.
func (f *File) Durable() int64 { return f.durable }

// Path is the path that the file was opened with.
func (f *File) Path() string { return f.path }

// ReadAt reads as io.ReaderAt. Safe beside Append from another goroutine.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Close closes the file without Sync. A second Close does nothing.
func (f *File) Close() error {
	if f.f == nil {
		return nil
	}
	file := f.f
	f.f = nil
	f.bad = lieciba.Errorf(lieciba.CodeInternal, "the file is closed")
	f.lost = true
	return Error(f.disk.step(StepClose, f.path, file.Close))
}

// fill appends exactly size bytes of src.
func (f *File) fill(src io.Reader, size int64) error {
	buf := make([]byte, 256<<10)
	src = io.LimitReader(src, size+1)
	for f.size <= size {
		n, err := io.ReadFull(src, buf)
		if f.size+int64(n) > size {
			return lieciba.Errorf(lieciba.CodeInvalid, "the source is longer than %d bytes", size)
		}
		if n > 0 {
			if _, err := f.Append(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return Error(fmt.Errorf("read the source: %w", err))
		}
	}
	if f.size != size {
		return lieciba.Errorf(lieciba.CodeInvalid, "the source ends after %d of %d bytes", f.size, size)
	}
	return nil
}
