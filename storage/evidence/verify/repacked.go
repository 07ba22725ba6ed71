package verify

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"errors"
	"io"
	"slices"
	"strings"

	"lieciba"
	"lieciba/storage/evidence"
)

const (
	maxDirectory = 32 << 20 // bytes that are read to find a foreign ZIP's directory
	maxRatio     = 200      // of contents to a foreign ZIP's size: more is no recording, but an attack
)

// repacked opens a container that the builder did not write, the way that any
// ZIP program does: by its directory. A nil source without a finding means that
// such a program could not read all of it either, so that nothing may be said
// of its contents from the directory.
func repacked(r io.ReaderAt, size int64) (*source, *Finding) {
	z, err := zip.NewReader(&limited{r, maxDirectory}, size)
	if z == nil || err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, nil
	}
	for _, f := range z.File { // what was opened through the limit is read without it below
		if f.Flags&1 != 0 || f.UncompressedSize64 > 1<<62 {
			return nil, nil
		}
	}
	z, err = zip.NewReader(r, size)
	if z == nil || err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, nil
	}
	s := &source{}
	var spans []span
	var total uint64
	for _, f := range z.File {
		at, ok := dataOf(r, f, size)
		if !ok {
			return nil, nil
		}
		spans = append(spans, span{at, at + int64(f.CompressedSize64)})
		if total += f.UncompressedSize64; total > maxRatio*uint64(size)+maxDocument {
			return nil, nil
		}
		if !strings.HasSuffix(f.Name, "/") {
			s.files = append(s.files, unpacking(r, f, at))
		}
	}
	if overlap(spans) {
		return nil, nil
	}
	s.strip()
	s.dropLeftovers()
	if !slices.ContainsFunc(s.files, func(f *file) bool { return belongs(f.name) }) {
		return nil, reason(CodeNoPackage, notInside)
	}
	s.findings = append(s.findings, find(CodeRepacked))
	return s, nil
}

// belongs tells a name that only a package has.
func belongs(name string) bool {
	return name == evidence.ManifestName || strings.HasPrefix(name, evidenceFolder) || strings.HasPrefix(name, segmentFolder)
}

type span struct{ from, to int64 }

func overlap(list []span) bool {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i, x := range list {
		if i > 0 && x.from < list[i-1].to {
			return true
		}
	}
	return false
}

// dataOf finds the packed content of an entry, if all that a ZIP program looks at is in order.
func dataOf(r io.ReaderAt, f *zip.File, size int64) (int64, bool) {
	at, err := f.DataOffset()
	if err != nil || f.CompressedSize64 > uint64(size) || at+int64(f.CompressedSize64) > size-2 {
		return 0, false
	}
	same := f.CompressedSize64 == f.UncompressedSize64
	if f.Method != zip.Store && f.Method != zip.Deflate || same != (f.Method == zip.Store) {
		return 0, false
	}
	mark := make([]byte, 2) // of a descriptor, the next header or the directory
	if readFull(r, mark, at+int64(f.CompressedSize64)) != nil {
		return 0, false
	}
	return at, string(mark) == "PK" || f.Method == zip.Deflate
}

// unpacking makes a file of an entry.
func unpacking(r io.ReaderAt, f *zip.File, at int64) *file {
	out := &file{name: f.Name, size: int64(f.UncompressedSize64)}
	if f.Method == zip.Store {
		out.open = section(r, at, out.size)
		return out
	}
	out.packed = true
	out.open = func() (io.ReaderAt, io.Closer, error) {
		x := &inflater{src: io.NewSectionReader(r, at, int64(f.CompressedSize64))}
		return x, x, nil
	}
	return out
}

// inflater reads deflated bytes, best from front to back. Not safe for concurrent use.
type inflater struct {
	src *io.SectionReader
	r   io.ReadCloser
	at  int64
}

// ReadAt implements io.ReaderAt. Bytes that do not inflate are CodeCorrupt.
func (x *inflater) ReadAt(p []byte, off int64) (int, error) {
	if x.r == nil || off < x.at {
		x.r, x.at = flate.NewReader(io.NewSectionReader(x.src, 0, x.src.Size())), 0
	}
	n, err := io.CopyN(io.Discard, x.r, off-x.at)
	x.at += n
	if err == nil {
		var got int
		got, err = io.ReadFull(x.r, p)
		x.at += int64(got)
		if err == nil {
			return got, nil
		}
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "the packed content does not unpack")
	}
	return 0, err
}

// Close implements io.Closer.
func (x *inflater) Close() error {
	if x.r == nil {
		return nil
	}
	return x.r.Close()
}

// strip takes off the folder that a program put the whole package into.
func (s *source) strip() {
	folder := ""
	for _, f := range s.files {
		first, rest, ok := strings.Cut(f.name, "/")
		switch {
		case f.name == evidence.ManifestName:
			return
		case ok && rest == evidence.ManifestName && folder != "":
			return
		case ok && rest == evidence.ManifestName:
			folder = first + "/"
		}
	}
	for _, f := range s.files {
		f.name = strings.TrimPrefix(f.name, folder)
	}
}

// dropLeftovers sets aside what an operating system puts among the files.
func (s *source) dropLeftovers() {
	s.files = slices.DeleteFunc(s.files, func(f *file) bool {
		if !leftover(f.name) {
			return false
		}
		s.findings = append(s.findings, find(CodeLeftover).in(f.name))
		return true
	})
}

// leftover tells the files that operating systems leave in folders, by exact name.
func leftover(name string) bool {
	parts := strings.Split(name, "/")
	switch parts[len(parts)-1] {
	case ".DS_Store", "Thumbs.db", "desktop.ini":
		return true
	}
	return parts[0] == "__MACOSX" && len(parts) > 1
}

// limited reads so many bytes and no more.
type limited struct {
	io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (l *limited) ReadAt(p []byte, off int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, lieciba.Errorf(lieciba.CodeCorrupt, "the directory is too large")
	}
	return l.ReaderAt.ReadAt(p, off)
}
