package zipfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"lieciba"
)

// maxEntries bounds what a Reader keeps in memory of a hostile archive.
const maxEntries = 1 << 20

// Reader reads an archive of the canonical form. Safe for concurrent use as far
// as its io.ReaderAt is.
type Reader struct {
	r       io.ReaderAt
	entries []Entry
}

// Open reads the directory and proves that the archive of size bytes is, apart
// from the contents, byte for byte what a Writer writes for these entries:
// every header, every descriptor, and nothing else. CodeCorrupt says where it
// is not, an error of r is CodeUnavailable. The contents are proved by reading
// them (Content).
func Open(r io.ReaderAt, size int64) (*Reader, error) {
	t, err := readTail(r, size)
	if err != nil {
		return nil, err
	}
	z := &Reader{r: r}
	if err := z.directory(t); err != nil {
		return nil, err
	}
	for _, e := range z.entries {
		if err := z.frame(e); err != nil {
			return nil, err
		}
	}
	return z, nil
}

// Entries lists the files in their order; SHA256 is zero. The slice is the
// Reader's.
func (z *Reader) Entries() []Entry { return z.entries }

func readTail(r io.ReaderAt, size int64) (tail, error) {
	var t tail
	if size < tailSize {
		return t, corrupt("a file of %d bytes is no evidence package", size)
	}
	b := make([]byte, tailSize)
	if err := readAt(r, b, size-tailSize); err != nil {
		return t, err
	}
	t = tail{entries: int64(le.Uint64(b[24:])), size: int64(le.Uint64(b[40:])), offset: int64(le.Uint64(b[48:]))}
	if !bytes.Equal(t.append(nil), b) {
		return t, corrupt("the end of the file is not that of a package: it was cut off, or something was added")
	}
	if t.entries < 0 || t.entries > maxEntries || t.size < t.entries*(centralFixed+1) || t.offset < 0 || t.size > size-tailSize ||
		t.offset != size-tailSize-t.size {
		return t, corrupt("the directory's place and size contradict the file's %d bytes", size)
	}
	return t, nil
}

// directory reads the central headers, comparing each with what it has to be.
func (z *Reader) directory(t tail) error {
	br := bufio.NewReaderSize(io.NewSectionReader(z.r, t.offset, t.size), 64<<10)
	seen := names{}
	var at, used int64
	var fixed, got, want []byte
	fixed = make([]byte, 46)
	for i := range t.entries {
		if _, err := io.ReadFull(br, fixed); err != nil {
			return readError(err)
		}
		got = append(got[:0], fixed...)
		got = append(got, make([]byte, int(le.Uint16(fixed[28:]))+28)...)
		if _, err := io.ReadFull(br, got[46:]); err != nil {
			return readError(err)
		}
		name, extra := got[46:len(got)-28], got[len(got)-28:]
		e := Entry{Name: string(name), CRC32: le.Uint32(fixed[16:]), Size: int64(le.Uint64(extra[4:])), Offset: at}
		if err := seen.add(e.Name); err != nil {
			return lieciba.Wrap(err, lieciba.CodeCorrupt, "entry %d has a name that no package has", i+1)
		}
		if want = appendCentral(want[:0], e); !bytes.Equal(got, want) {
			return corrupt("the directory's header of %s is not as it was written", e.Name)
		}
		if e.Size < 0 || e.Size > t.offset || e.End() > t.offset {
			return corrupt("%s would reach beyond the directory", e.Name)
		}
		at, used = e.End(), used+int64(len(got))
		z.entries = append(z.entries, e)
	}
	if at != t.offset || used != t.size {
		return corrupt("there are bytes in the file that belong to no entry")
	}
	return nil
}

// frame proves what stands before and behind a content.
func (z *Reader) frame(e Entry) error {
	for _, x := range []struct {
		want []byte
		at   int64
		what string
	}{
		{appendLocal(nil, e), e.Offset, "header"},
		{appendDescriptor(nil, e), e.Content() + e.Size, "descriptor"},
	} {
		got := make([]byte, len(x.want))
		if err := readAt(z.r, got, x.at); err != nil {
			return err
		}
		if !bytes.Equal(got, x.want) {
			return corrupt("the %s of %s is not as it was written", x.what, e.Name)
		}
	}
	return nil
}

// Content reads one entry from its start, in one pass.
func (z *Reader) Content(e Entry) *Content {
	return &Content{entry: e, src: io.NewSectionReader(z.r, e.Content(), e.Size), sha: sha256.New()}
}

// Content streams one file and hashes what it hands out. Not safe for
// concurrent use.
type Content struct {
	entry Entry
	src   *io.SectionReader
	sha   hash.Hash
	crc   uint32
	n     int64
}

// Read implements io.Reader. At the end it is io.EOF only if all bytes were
// there and have the entry's CRC-32, else CodeCorrupt.
func (c *Content) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	c.sha.Write(p[:n])
	c.n += int64(n)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) || c.n != c.entry.Size {
		return n, readError(err)
	}
	if c.crc != c.entry.CRC32 {
		return n, corrupt("the bytes of %s do not have the CRC-32 that stands behind them", c.entry.Name)
	}
	return n, io.EOF
}

// SHA256 is that of what was read so far; of the whole content after io.EOF.
func (c *Content) SHA256() (sum [32]byte) {
	c.sha.Sum(sum[:0])
	return sum
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return readError(err)
}

// readError tells a file that is too short from a disk that fails.
func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "the file ends too early")
	}
	return lieciba.Wrap(err, lieciba.CodeUnavailable, "the file cannot be read")
}
