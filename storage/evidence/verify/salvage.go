package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"lieciba"
	"lieciba/storage/evidence/zipfile"
)

// Of the container's form (storage/evidence/zipfile).
const (
	localSignature      = "PK\x03\x04"
	centralSignature    = "PK\x01\x02"
	descriptorSignature = "PK\x07\x08"
	localSize           = 30
	localExtra          = 20
	localFixed          = "\x2d\x00\x08\x08\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff" // version to sizes
	descriptorSize      = 24
)

// salvage looks for the files of a container that is not in its form, from the
// front: each is what stands between a local header and a descriptor that is
// followed by another header. What is found is for naming damage only: the
// verdict is altered already.
func salvage(r io.ReaderAt, size int64, cause error) (*source, *Finding) {
	s := &source{findings: []Finding{find(CodeContainer, why(cause))}}
	w := &window{r: r, size: size}
	ours, all, known := 0, 0, false
	for at := int64(0); ; {
		start, err := w.search(at, localSignature)
		if err != nil {
			return nil, reason(CodeUnreadable, err.Error())
		}
		if start < 0 {
			break
		}
		name, content, own := localHeader(w, start, size)
		if name == "" {
			at = start + 1
			continue
		}
		all++
		if own {
			ours++
		}
		known = known || belongs(name)
		end, next, err := contentEnd(w, content)
		if err != nil {
			return nil, reason(CodeUnreadable, err.Error())
		}
		s.files = append(s.files, &file{name: name, size: end - content, open: section(r, content, end-content)})
		at = next
	}
	switch foreign := 2*ours < all; {
	case all == 0, foreign && !known:
		return nil, reason(CodeNoPackage, noZIP)
	case foreign: // where its contents begin and end only its directory could tell
		return nil, &s.findings[0]
	}
	return s, nil
}

// localHeader reads the name in a local header and where its content starts; an
// empty name means that there is no such header. Own tells the builder's headers
// from those of other programs.
func localHeader(r io.ReaderAt, at, size int64) (name string, content int64, own bool) {
	fixed := make([]byte, localSize)
	if at+localSize > size || readFull(r, fixed, at) != nil {
		return "", 0, false
	}
	n := int64(binary.LittleEndian.Uint16(fixed[26:]))
	content = at + localSize + n + localExtra
	if n == 0 || n > 255 || content > size {
		return "", 0, false
	}
	b := make([]byte, n)
	if readFull(r, b, at+localSize) != nil || zipfile.CheckName(string(b)) != nil {
		return "", 0, false
	}
	return string(b), content, string(fixed[4:26]) == localFixed && binary.LittleEndian.Uint16(fixed[28:]) == localExtra
}

// contentEnd finds where a content ends: at a descriptor before the next header,
// or at the end of what is there.
func contentEnd(w *window, content int64) (end, next int64, err error) {
	size := w.size
	for at := content; ; {
		d, err := w.search(at, descriptorSignature)
		if err != nil {
			return 0, 0, err
		}
		if d < 0 || d+descriptorSize+4 > size {
			return size, size, nil
		}
		after := make([]byte, 4)
		if err := readFull(w, after, d+descriptorSize); err != nil {
			return 0, 0, err
		}
		if string(after) == localSignature || string(after) == centralSignature {
			return d, d + descriptorSize, nil
		}
		at = d + 1
	}
}

// window is a piece of the file that is kept while one looks through it, so that
// a file full of what is sought is read once and not once for each find.
type window struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	from int64 // offset of buf
}

const windowSize = 1 << 20

// at returns what is there from an offset below size on: n bytes or more, unless
// the file ends before.
func (w *window) at(offset, n int64) ([]byte, error) {
	n = min(n, w.size-offset)
	if offset < w.from || offset+n > w.from+int64(len(w.buf)) {
		next := w.buf[:0]
		if cap(next) == 0 {
			next = make([]byte, 0, min(windowSize, w.size))
		}
		next = next[:min(int64(cap(next)), w.size-offset)]
		if err := readFull(w.r, next, offset); err != nil {
			w.buf = nil
			return nil, err
		}
		w.buf, w.from = next, offset
	}
	return w.buf[offset-w.from:], nil
}

// ReadAt implements io.ReaderAt for pieces that are smaller than the window.
func (w *window) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= w.size {
		return 0, io.EOF
	}
	b, err := w.at(offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n := copy(p, b)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// search returns the first offset of mark from at on, -1 if there is none.
func (w *window) search(at int64, mark string) (int64, error) {
	for at+int64(len(mark)) <= w.size {
		b, err := w.at(at, int64(len(mark)))
		if err != nil {
			return -1, err
		}
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			return at + int64(i), nil
		}
		at += int64(len(b) - len(mark) + 1)
	}
	return -1, nil
}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the file ends too early")
	}
	return err
}
