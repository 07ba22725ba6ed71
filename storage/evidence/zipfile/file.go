package zipfile

import (
	"bytes"
	"errors"
	"io"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

// JournalSuffix is added to the archive's path for its journal.
const JournalSuffix = ".journal"

// File is an archive on disk that grows by whole entries: a crash costs the
// entry that was being written, never one that Finish returned. Its journal has
// one line of canonical JSON for each whole entry, written after the entry's
// bytes are durable. Not safe for concurrent use.
type File struct {
	disk    *durable.Disk
	zip     *Writer
	data    *durable.File
	journal *durable.File
	ends    []int64 // of the journal's lines
}

// line is one entry in the journal.
type line struct {
	Name   string        `json:"name"`
	Offset int64         `json:"offset"`
	Size   int64         `json:"size"`
	CRC32  uint32        `json:"crc32"`
	SHA256 evidence.Hash `json:"sha256"`
}

// OpenFile begins an archive at path, or goes on with one that a crash or an
// error left there: both files are cut back to the last whole entry. The caller
// keeps other processes away from path.
func OpenFile(disk *durable.Disk, path string) (*File, error) {
	f := &File{disk: disk}
	var err error
	if f.data, err = openOrCreate(disk, path); err != nil {
		return nil, err
	}
	if f.journal, err = openOrCreate(disk, path+JournalSuffix); err == nil {
		err = f.recover()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func openOrCreate(disk *durable.Disk, path string) (*durable.File, error) {
	f, err := disk.OpenFile(path)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return disk.Create(path, 0o600)
	}
	return f, err
}

// recover reads the journal as far as it makes sense and the data reach, and
// cuts off the rest.
func (f *File) recover() error {
	b := make([]byte, f.journal.Size())
	if len(b) > 0 {
		if _, err := f.journal.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			return durable.Error(err)
		}
	}
	var entries []Entry
	var at, journaled int64
	for {
		n := bytes.IndexByte(b, '\n') + 1
		var l line
		if n == 0 || evidence.Decode(b[:n], &l) != nil {
			break // torn: its entry is written again
		}
		e := Entry{l.Name, l.Offset, l.Size, l.CRC32, l.SHA256}
		if e.Offset != at || e.Size < 0 || e.Size > f.data.Size() || e.End() > f.data.Size() {
			break
		}
		b, at, journaled = b[n:], e.End(), journaled+int64(n)
		entries, f.ends = append(entries, e), append(f.ends, journaled)
	}
	return f.cut(entries)
}

// cut sets both files back to the entries. The journal goes first: it may never
// name what is not there.
func (f *File) cut(entries []Entry) (err error) {
	var journal, data int64
	if n := len(entries); n > 0 {
		journal, data = f.ends[n-1], entries[n-1].End()
	}
	f.ends = f.ends[:len(entries)]
	for _, x := range []struct {
		f    *durable.File
		size int64
	}{{f.journal, journal}, {f.data, data}} {
		if x.f.Size() != x.size {
			if err := x.f.Truncate(x.size); err != nil {
				return err
			}
		}
	}
	f.zip, err = NewWriter(appender{f.data}, entries)
	return err
}

// Rewind forgets all entries but the first keep, durably.
func (f *File) Rewind(keep int) error {
	entries := f.Entries()
	if keep < 0 || keep > len(entries) {
		return lieciba.Errorf(lieciba.CodeInternal, "an archive of %d entries cannot go back to %d", len(entries), keep)
	}
	return f.cut(entries[:keep:keep])
}

// Entries are those that are whole and durable.
func (f *File) Entries() []Entry { return f.zip.Entries() }

// Offset is how many bytes the archive has.
func (f *File) Offset() int64 { return f.zip.Offset() }

// Create is that of Writer.
func (f *File) Create(name string) (io.Writer, error) { return f.zip.Create(name) }

// Pending is that of Writer.
func (f *File) Pending() Entry { return f.zip.Pending() }

// Finish is that of Writer; on return the entry is durable.
func (f *File) Finish() (Entry, error) {
	e, err := f.zip.Finish()
	if err != nil {
		return e, err
	}
	if err := f.data.Sync(); err != nil {
		return e, err
	}
	if _, err := f.journal.Append(evidence.Encode(line{e.Name, e.Offset, e.Size, e.CRC32, e.SHA256})); err != nil {
		return e, err
	}
	f.ends = append(f.ends, f.journal.Size())
	return e, f.journal.Sync()
}

// Complete writes the directory, durably. The archive is then whole; OpenFile
// would cut the directory off again and go on.
func (f *File) Complete() error {
	if err := f.zip.Close(); err != nil {
		return err
	}
	return f.data.Sync()
}

// ReadAt reads the archive as it is.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.data.ReadAt(p, off) }

// Size is the length of the file on disk in bytes.
func (f *File) Size() int64 { return f.data.Size() }

// Close closes the files and keeps what is in them. A second Close does nothing.
func (f *File) Close() error {
	err := f.data.Close()
	if f.journal != nil {
		err = errors.Join(err, f.journal.Close())
	}
	return err
}

type appender struct{ f *durable.File }

func (a appender) Write(p []byte) (int, error) { return a.f.Append(p) }
