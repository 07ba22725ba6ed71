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
	descriptorSize      = 24
)

// salvage looks for the files of a container that is not in its form, from the
// front: each is what stands between a local header and a descriptor that is
// followed by another header. What is found is for naming damage only: the
// verdict is altered already.
func salvage(r io.ReaderAt, size int64, cause error) (*source, *Finding) {
	s := &source{findings: []Finding{find(CodeContainer, why(cause))}}
	for at := int64(0); ; {
		start, err := search(r, at, size, localSignature)
		if err != nil {
			return nil, reason(CodeUnreadable, err.Error())
		}
		if start < 0 {
			break
		}
		name, content := localHeader(r, start, size)
		if name == "" {
			at = start + 1
			continue
		}
		end, next, err := contentEnd(r, content, size)
		if err != nil {
			return nil, reason(CodeUnreadable, err.Error())
		}
		s.files = append(s.files, &file{name: name, size: end - content, open: section(r, content, end-content)})
		at = next
	}
	if len(s.files) == 0 {
		return nil, reason(CodeNoPackage, why(cause))
	}
	return s, nil
}

// localHeader reads the name in a local header and where its content starts; an
// empty name means that there is no such header.
func localHeader(r io.ReaderAt, at, size int64) (name string, content int64) {
	fixed := make([]byte, localSize)
	if at+localSize > size || readFull(r, fixed, at) != nil {
		return "", 0
	}
	n := int64(binary.LittleEndian.Uint16(fixed[26:]))
	content = at + localSize + n + localExtra
	if n == 0 || n > 255 || content > size {
		return "", 0
	}
	b := make([]byte, n)
	if readFull(r, b, at+localSize) != nil || zipfile.CheckName(string(b)) != nil {
		return "", 0
	}
	return string(b), content
}

// contentEnd finds where a content ends: at a descriptor before the next header,
// or at the end of what is there.
func contentEnd(r io.ReaderAt, content, size int64) (end, next int64, err error) {
	for at := content; ; {
		d, err := search(r, at, size, descriptorSignature)
		if err != nil {
			return 0, 0, err
		}
		if d < 0 || d+descriptorSize+4 > size {
			return size, size, nil
		}
		after := make([]byte, 4)
		if err := readFull(r, after, d+descriptorSize); err != nil {
			return 0, 0, err
		}
		if string(after) == localSignature || string(after) == centralSignature {
			return d, d + descriptorSize, nil
		}
		at = d + 1
	}
}

// search returns the first offset of mark from at on, -1 if there is none.
func search(r io.ReaderAt, at, size int64, mark string) (int64, error) {
	buf := make([]byte, min(1<<20, max(0, size-at)))
	for at+int64(len(mark)) <= size {
		b := buf[:min(int64(len(buf)), size-at)]
		if err := readFull(r, b, at); err != nil {
			return -1, err
		}
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			return at + int64(i), nil
		}
		if at+int64(len(b)) == size {
			break
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
