package segment

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// finisher turns a file whose fragments are all whole and durable into a closed
// segment. Close and Recover share it.
type finisher struct {
	disk  *durable.Disk
	file  *durable.File
	path  string // final; equal to file's path for a segment that was closed before
	head  head
	frags []fragment
	buf   []byte // scratch
}

// finish writes the head for the end of time `to`, hashes the file and renames it.
// It closes the file in any case. Every step may be repeated by Recover.
func (f *finisher) finish(to time.Time) (Result, error) {
	r, err := f.seal(to)
	err = errors.Join(err, f.file.Close())
	if err == nil && f.path != f.file.Path() {
		err = f.disk.Rename(f.file.Path(), f.path)
	}
	if err != nil {
		return Result{}, err
	}
	return r, nil
}

func (f *finisher) seal(to time.Time) (Result, error) {
	r := Result{IDs: f.head.ids, Path: f.path, Format: f.head.format, From: f.head.from, To: to, Size: f.file.Size()}
	var ticks int64
	for _, x := range f.frags {
		ticks += x.ticks
		r.Frames += x.Frames
		r.AudioFrames += x.audio
		r.Fragments = append(r.Fragments, x.Fragment)
	}
	f.head.to, f.head.duration = to, ticks
	f.head.mute = f.head.format.Audio != nil && r.AudioFrames == 0
	if f.head.mute {
		r.Format.Audio = nil
	}
	init, err := f.head.encode()
	if err != nil {
		return r, err
	}
	r.InitSize = int64(len(init))
	top := append(init, indexArea(f.frags)...)
	if int64(len(top)) != f.frags[0].Offset {
		return r, lieciba.Errorf(lieciba.CodeInternal, "the head of %d bytes does not end at the first fragment, %d", len(top), f.frags[0].Offset)
	}
	if last := f.frags[len(f.frags)-1]; last.Offset+last.Size != f.file.Size() {
		return r, lieciba.Errorf(lieciba.CodeInternal, "the last fragment ends at %d of %d bytes", last.Offset+last.Size, f.file.Size())
	}
	if err := f.patch(top); err != nil {
		return r, err
	}
	r.SHA256, err = f.sum(int64(len(top)))
	return r, err
}

// patch writes the head, unless it is there already. A file that was closed
// under its final name is never changed.
func (f *finisher) patch(top []byte) error {
	old := make([]byte, len(top))
	if _, err := f.file.ReadAt(old, 0); err != nil {
		return durable.Error(err)
	}
	if bytes.Equal(old, top) {
		return nil
	}
	if f.path == f.file.Path() {
		return corrupt("the head of the closed segment was changed")
	}
	if err := f.file.Patch(top, 0); err != nil {
		return err
	}
	return f.file.Sync()
}

// sum reads the whole file back: its SHA-256, with every fragment checked.
func (f *finisher) sum(headSize int64) (sum [32]byte, err error) {
	h := sha256.New()
	if err := f.hashRange(h, 0, headSize); err != nil {
		return sum, err
	}
	for i := range f.frags {
		x := &f.frags[i]
		if err := f.hashRange(h, x.Offset, x.Size); err != nil {
			return sum, err
		}
		if !crcOK(f.buf) {
			return sum, corrupt("the disk gave back other bytes than were written in the fragment at %d", x.Offset)
		}
	}
	h.Sum(sum[:0])
	return sum, nil
}

// hashRange reads a range into f.buf and adds it to h.
func (f *finisher) hashRange(h hash.Hash, off, size int64) error {
	if int64(cap(f.buf)) < size {
		f.buf = make([]byte, size)
	}
	f.buf = f.buf[:size]
	if n, err := f.file.ReadAt(f.buf, off); err != nil && (err != io.EOF || n < len(f.buf)) {
		return durable.Error(err)
	}
	h.Write(f.buf) // never fails
	return nil
}

// crcOK compares a whole fragment with its CRC.
func crcOK(b []byte) bool {
	p, err := locate(b)
	if err != nil {
		return false
	}
	return p.crc == p.sum(b)
}

var zero4 [4]byte
