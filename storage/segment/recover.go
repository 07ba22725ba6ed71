package segment

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// Index is what Scan finds in a file.
type Index struct {
	Init
	Fragments   []lieciba.Fragment
	Frames      int       // video frames
	AudioFrames int       // sound frames
	End         int64     // offset behind the last whole fragment
	Until       time.Time // the time up to which whole fragments reach
	Torn        error     // why the rest of the file is no fragment; nil if nothing is left

	frags []fragment
	delay int64 // as in head
	lead  int64
}

// Scan walks a segment's boxes, checks every fragment and returns the index.
// The index area is not used. It needs memory for one fragment. An error means
// that the head does not parse or that r fails; a torn tail is no error but
// Index.Torn.
func Scan(r io.ReaderAt, size int64) (Index, error) {
	var x Index
	top := make([]byte, min(size, maxInitSize))
	if err := readFull(r, top, 0); err != nil {
		return x, err
	}
	var err error
	if x.Init, err = ParseInit(top); err != nil {
		return x, err
	}
	x.End, x.Until = x.Body, x.From
	if x.Body > size {
		x.End = size
		x.Torn = corrupt("the file ends before the first fragment")
		return x, nil
	}
	var buf []byte
	for x.End < size {
		var n int64
		if n, err = fragmentSize(r, x.End, size); err == nil {
			if int64(cap(buf)) < n {
				buf = make([]byte, n)
			}
			buf = buf[:n]
			if err = readFull(r, buf, x.End); err != nil {
				return x, err
			}
			err = x.add(buf)
		}
		if lieciba.CodeOf(err) == lieciba.CodeUnavailable { // the disk, not the bytes
			return x, err
		}
		if err != nil {
			x.Torn = err
			break
		}
	}
	if t := x.ticks(); x.Torn == nil && x.duration == t && t == toTicks(x.To.Sub(x.From), lieciba.VideoClockRate) {
		x.Until = x.To // Close had come that far
	}
	return x, nil
}

func (x *Index) ticks() (sum int64) {
	for i := range x.frags {
		sum += x.frags[i].ticks
	}
	return sum
}

// fragmentSize reads the box headers from off: prft boxes, moof, mdat.
func fragmentSize(r io.ReaderAt, off, size int64) (int64, error) {
	at := off
	for range 4 {
		var h [8]byte
		if size-at < 8 {
			return 0, corrupt("a box header is cut off at %d", at)
		}
		if err := readFull(r, h[:], at); err != nil {
			return 0, err
		}
		n := int64(binary.BigEndian.Uint32(h[:]))
		if n < 8 || n > size-at || at+n-off > maxFragmentSize {
			return 0, corrupt("box %q of %d bytes at %d does not fit", h[4:], n, at)
		}
		at += n
		if string(h[4:]) == "mdat" {
			return at - off, nil
		}
	}
	return 0, corrupt("no mdat at %d", off)
}

// add takes the whole fragment b, at x.End, into the index.
func (x *Index) add(b []byte) error {
	p, err := locate(b)
	if err != nil {
		return err
	}
	frames, err := ParseFragment(b, x.Init)
	if err != nil {
		return err
	}
	ticks := p.video.ticks()
	if len(x.frags) == 0 {
		x.delay = p.runPTS() - p.runDTS
	}
	if int(p.sequence) != len(x.frags)+1 || len(x.frags) == 0 && !p.video.key || p.video.tick != x.ticks() {
		return corrupt("fragment %d at %d does not follow the one before", p.sequence, x.End)
	}
	if p.audio.count > 0 && x.AudioFrames == 0 {
		rate := int64(x.Format.Audio.SampleRate)
		x.lead = max(0, p.audio.tick-toTicks(p.audio.wall.Sub(x.From), rate))
		if x.lead > toTicks(maxAudioLead, rate)+1 || p.audio.wall.After(x.From) {
			x.lead = 0
		}
	}
	f := fragment{ticks: ticks, audio: p.audio.count, Fragment: lieciba.Fragment{
		From: p.video.wall, PTS: p.runPTS(), Offset: x.End, Size: int64(len(b)), Frames: p.video.count, Key: p.video.key}}
	last := p.video.wall
	for i := range frames {
		if frames[i].Track == lieciba.TrackVideo && frames[i].Time.After(last) {
			last = frames[i].Time
		}
		if f.Key && frames[i].Key && frames[i].Track == lieciba.TrackVideo {
			f.sap = sapType(x.Format.Video.Codec, frames[i].Units)
		}
	}
	duration, _, _ := p.video.sample(p.video.count - 1)
	x.Until = last.Add(fromTicks(duration, lieciba.VideoClockRate))
	x.frags = append(x.frags, f)
	x.Fragments = append(x.Fragments, f.Fragment)
	x.Frames += f.Frames
	x.AudioFrames += f.audio
	x.End += f.Size
	return nil
}

func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return corrupt("the file is shorter than it was said to be")
	}
	return durable.Error(err)
}

// Recover finalises what a crash left: path ends in PartSuffix, and the result
// is the file without it, cut to its whole fragments and closed by the code
// that Close uses. A path without PartSuffix is a closed segment: it is checked
// and never changed; CodeCorrupt if a byte of it is not as Close left it.
//
// Without one whole fragment the error is ErrEmpty, the file stays, and the
// Result has the size, and the IDs and the format if the head could be read;
// Behind is then whether anything stands behind the head.
func Recover(path string) (Result, error) { return RecoverOn(durable.OS, path, nil) }

// RecoverOn is Recover on a disk other than durable.OS. keep, if not nil, gets
// what is about to be cut off; its error is returned and nothing is cut.
func RecoverOn(disk *durable.Disk, path string, keep Keep) (Result, error) {
	file, err := disk.OpenFile(path)
	if err != nil {
		return Result{}, err
	}
	x, err := Scan(file, file.Size())
	final, torn := strings.CutSuffix(path, PartSuffix)
	if torn && (lieciba.CodeOf(err) == lieciba.CodeCorrupt || err == nil && len(x.frags) == 0) {
		cause := errors.Join(ErrEmpty, err, x.Torn)
		err = lieciba.Wrap(cause, lieciba.CodeCorrupt, "the file holds no whole fragment")
	} else if err == nil && !torn && (x.Torn != nil || len(x.frags) == 0) {
		err = lieciba.Wrap(x.Torn, lieciba.CodeCorrupt, "the closed segment was changed")
	}
	r := Result{IDs: x.IDs, Path: path, Format: x.Format, From: x.From, To: x.From, Size: file.Size(), InitSize: x.Init.Size}
	if err != nil {
		empty, blankErr := blank(file, x.End, file.Size())
		r.Behind = !empty && x.Recording != ""
		return r, errors.Join(err, blankErr, file.Close())
	}
	cut := file.Size() - x.End
	if cut > 0 {
		if err := x.cut(file, keep); err != nil {
			return r, errors.Join(err, file.Close())
		}
	}
	f := finisher{disk: disk, file: file, path: final,
		head: head{format: x.Format, ids: x.IDs, from: x.From, delay: x.delay, lead: x.lead}, frags: x.frags}
	if x.muted != nil {
		f.head.format.Audio = x.muted
	}
	r, err = f.finish(x.Until)
	r.Cut = cut
	return r, err
}

// cut takes off what is behind the last whole fragment, once it is kept.
func (x *Index) cut(file *durable.File, keep Keep) error {
	if keep != nil {
		t, err := x.behind(file, file.Size())
		if err == nil {
			err = keep(t)
		}
		if err != nil {
			return err
		}
	}
	return file.Truncate(x.End)
}
