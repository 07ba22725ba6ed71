package zipfile

import (
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"io"

	"lieciba"
)

// Writer writes an archive as a stream, in constant memory apart from one Entry
// for each file. Not safe for concurrent use. After an error every call fails
// with it: what was written since the last whole entry is to be cut off.
type Writer struct {
	w       io.Writer
	at      int64
	entries []Entry
	names   names
	open    *entryWriter
	closed  bool
	err     error
	buf     []byte
}

// NewWriter starts an archive at the current end of w. entries are those that w
// holds already, whole and from its start: nil for a new archive, what a journal
// kept after a crash. They are checked as the names and offsets of this form.
func NewWriter(w io.Writer, entries []Entry) (*Writer, error) {
	z := &Writer{w: w, names: names{}}
	for _, e := range entries {
		if err := z.names.add(e.Name); err != nil {
			return nil, err
		}
		if e.Offset != z.at || e.Size < 0 || e.End() < z.at {
			return nil, corrupt("entry %q of %d bytes cannot start at %d", e.Name, e.Size, e.Offset)
		}
		z.entries = append(z.entries, e)
		z.at = e.End()
	}
	return z, nil
}

// Entries are those that are whole, in order. The slice is the Writer's.
func (z *Writer) Entries() []Entry { return z.entries }

// Offset is how many bytes were written, with those of earlier entries.
func (z *Writer) Offset() int64 { return z.at }

// Create starts the next entry; what is written to the io.Writer until Finish
// is its content. CodeInvalid for a name that CheckName refuses or that is there.
func (z *Writer) Create(name string) (io.Writer, error) {
	switch {
	case z.err != nil:
		return nil, z.err
	case z.closed || z.open != nil:
		return nil, lieciba.Errorf(lieciba.CodeInternal, "an entry was begun in an archive that is closed or in another entry")
	}
	if err := z.names.add(name); err != nil {
		return nil, err
	}
	e := &entryWriter{z: z, entry: Entry{Name: name, Offset: z.at}, sha: sha256.New()}
	if err := z.write(appendLocal(z.buf[:0], e.entry)); err != nil {
		return nil, err
	}
	z.open = e
	return e, nil
}

// Pending is the entry that Create began, as far as it was written, so that a
// caller can compare it before it ends it; the zero Entry if none was begun.
func (z *Writer) Pending() Entry {
	if z.open == nil {
		return Entry{}
	}
	e := z.open.entry
	z.open.sha.Sum(e.SHA256[:0])
	return e
}

// Finish ends the entry that Create began.
func (z *Writer) Finish() (Entry, error) {
	e := z.open
	if z.err != nil {
		return Entry{}, z.err
	}
	if e == nil {
		return Entry{}, lieciba.Errorf(lieciba.CodeInternal, "no entry was begun")
	}
	e.sha.Sum(e.entry.SHA256[:0])
	if err := z.write(appendDescriptor(z.buf[:0], e.entry)); err != nil {
		return Entry{}, err
	}
	z.open = nil
	z.entries = append(z.entries, e.entry)
	return e.entry, nil
}

// Close writes the directory; it does not close the underlying writer. A
// second Close does nothing.
func (z *Writer) Close() error {
	if z.err != nil || z.closed {
		return z.err
	}
	if z.open != nil {
		return lieciba.Errorf(lieciba.CodeInternal, "the archive was closed inside of an entry")
	}
	z.closed = true
	t := tail{entries: int64(len(z.entries)), offset: z.at}
	b := z.buf[:0]
	for _, e := range z.entries {
		if b = appendCentral(b, e); len(b) > 64<<10 {
			if err := z.write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	if err := z.write(b); err != nil {
		return err
	}
	t.size = z.at - t.offset
	return z.write(t.append(z.buf[:0]))
}

// write sends bytes of the form itself and keeps the buffer.
func (z *Writer) write(b []byte) error {
	z.buf = b
	if z.err = writeAll(z.w, b); z.err == nil {
		z.at += int64(len(b))
	}
	return z.err
}

type entryWriter struct {
	z     *Writer
	entry Entry
	sha   hash.Hash
}

// Write implements io.Writer.
func (e *entryWriter) Write(p []byte) (int, error) {
	if e.z.err != nil {
		return 0, e.z.err
	}
	if e.z.open != e {
		return 0, lieciba.Errorf(lieciba.CodeInternal, "a write to an entry that is finished")
	}
	if e.z.err = writeAll(e.z.w, p); e.z.err != nil {
		return 0, e.z.err
	}
	e.z.at += int64(len(p))
	e.entry.Size += int64(len(p))
	e.entry.CRC32 = crc32.Update(e.entry.CRC32, crc32.IEEETable, p)
	e.sha.Write(p)
	return len(p), nil
}
