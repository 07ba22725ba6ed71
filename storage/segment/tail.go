package segment

import (
	"bytes"
	"io"

	"lieciba"
)

// Tail is what stands in a torn file behind its last whole fragment.
type Tail struct {
	io.Reader       // of all of it
	Offset    int64 // where it begins in the file
	Size      int64
	Whole     int  // whole fragments in it: the file is damaged in its middle, not torn at its end
	Blank     bool // all zeros: nothing was ever written there
}

// Keep stores the tail of a file before Recover cuts it off. An error leaves
// the file as it is.
type Keep func(Tail) error

// tailChunk is how much of a tail is searched at once, in bytes.
const tailChunk = 1 << 20

// behind describes the tail of a scanned file: all from x.End on.
func (x *Index) behind(r io.ReaderAt, size int64) (Tail, error) {
	t := Tail{Reader: io.NewSectionReader(r, x.End, size-x.End), Offset: x.End, Size: size - x.End}
	var err error
	if t.Blank, err = blank(r, x.End, size); err != nil || t.Blank {
		return t, err
	}
	for at := x.End + 1; ; {
		start, err := nextStart(r, at, size)
		if err != nil || start < 0 {
			return t, err
		}
		n, err := x.wholeAt(r, start, size)
		if err != nil {
			return t, err
		}
		if at = start + 1; n > 0 {
			t.Whole++
			at = start + n
		}
	}
}

// nextStart finds the next box that may begin a fragment, a prft, at `at` or
// behind it; -1 if there is none.
func nextStart(r io.ReaderAt, at, size int64) (int64, error) {
	mark := []byte("prft") // behind the box's length of 4 bytes
	buf := make([]byte, min(tailChunk, max(0, size-at)))
	for at+8 <= size {
		b := buf[:min(int64(len(buf)), size-at)]
		if err := readFull(r, b, at); err != nil {
			return -1, err
		}
		if i := bytes.Index(b[min(4, len(b)):], mark); i >= 0 {
			return at + int64(i), nil
		}
		if at+int64(len(b)) == size {
			return -1, nil
		}
		at += int64(len(b)) - 7 // a box header may reach over the chunk's end
	}
	return -1, nil
}

// wholeAt returns the size of the whole fragment at off, 0 if there is none.
func (x *Index) wholeAt(r io.ReaderAt, off, size int64) (int64, error) {
	n, err := fragmentSize(r, off, size)
	if err == nil {
		b := make([]byte, n)
		if err = readFull(r, b, off); err == nil {
			_, err = ParseFragment(b, x.Init)
		}
	}
	if lieciba.CodeOf(err) == lieciba.CodeCorrupt {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// blank reports whether all from `at` to size is zero, as a crash leaves blocks
// that were given to a file and never written.
func blank(r io.ReaderAt, at, size int64) (bool, error) {
	buf := make([]byte, min(tailChunk, max(0, size-at)))
	for at < size {
		b := buf[:min(int64(len(buf)), size-at)]
		if err := readFull(r, b, at); err != nil {
			return false, err
		}
		if len(bytes.Trim(b, "\x00")) > 0 {
			return false, nil
		}
		at += int64(len(b))
	}
	return true, nil
}
