package segment

import (
	"bytes"
	"io"
	"time"

	"lieciba"
)

// Damage is a stretch of a closed segment file that is not as it was written.
// Size 0: bytes are missing at Offset. From and To bound the pictures and the
// sound that it held, told by the whole fragments around it.
type Damage struct {
	Offset, Size int64
	From, To     time.Time
}

// Damages is what FindDamage learns of a file.
type Damages struct {
	Head  bool // ftyp, moov or the index is not as it was written
	List  []Damage
	Whole int // fragments that are as they were written
}

// piece is a whole fragment of a file that may be damaged elsewhere.
type piece struct {
	at, size int64
	sequence uint32
	from, to time.Time
	tick     int64 // of the file, behind it
}

// FindDamage walks a segment file that does not have its hash, and goes on
// behind each damage. span is the time that the segment should cover. Fragments
// are judged by their CRC-32C, which tells accidents and not forgers: an empty
// List proves nothing. It needs memory for one fragment; an error is one of r.
func FindDamage(r io.ReaderAt, size int64, span lieciba.Interval) (Damages, error) {
	d := damageWalk{r: r, size: size, last: span.From}
	top := make([]byte, min(size, maxInitSize))
	if err := readFull(r, top, 0); err != nil {
		return d.out, err
	}
	in, err := ParseInit(top)
	d.out.Head = err != nil
	if err != nil {
		if in.Body, err = nextStart(r, 0, size); err != nil {
			return d.out, err
		}
		if in.Body < 0 {
			in.Body = size
		}
	}
	d.at = min(in.Body, size)
	if err := d.walk(); err != nil {
		return d.out, err
	}
	if d.at < size || d.tick < in.duration || d.out.Whole == 0 {
		d.add(size, span.To)
	}
	if len(d.out.List) == 0 && !d.out.Head {
		d.out.Head, err = headDiffers(r, size, span)
	}
	return d.out, err
}

type damageWalk struct {
	r        io.ReaderAt
	size     int64
	at       int64 // end of the last whole fragment
	last     time.Time
	tick     int64
	sequence uint32
	out      Damages
}

// walk visits whole fragments in their order and notes what lies between.
func (d *damageWalk) walk() error {
	for search := d.at; search < d.size; {
		p, err := wholePiece(d.r, search, d.size)
		if err != nil {
			return err
		}
		if p.size == 0 || p.sequence <= d.sequence { // damaged, or one that stands here a second time
			if search, err = nextStart(d.r, search+1, d.size); err != nil || search < 0 {
				return err
			}
			continue
		}
		if p.at > d.at || p.sequence > d.sequence+1 {
			d.add(p.at, p.from)
		}
		d.out.Whole++
		d.at, d.last, d.tick, d.sequence = p.at+p.size, p.to, p.tick, p.sequence
		search = d.at
	}
	return nil
}

// add notes a damage from the last whole fragment to `end` of the file and `to`
// of the time.
func (d *damageWalk) add(end int64, to time.Time) {
	from := d.last
	if from.After(to) { // the frame before it was said to last longer
		from = to
	}
	d.out.List = append(d.out.List, Damage{Offset: d.at, Size: end - d.at, From: from, To: to})
}

// wholePiece reads the fragment at off; its size is 0 if there is no whole one.
func wholePiece(r io.ReaderAt, off, size int64) (piece, error) {
	n, err := fragmentSize(r, off, size)
	if lieciba.CodeOf(err) == lieciba.CodeCorrupt {
		return piece{}, nil
	}
	if err != nil {
		return piece{}, err
	}
	b := make([]byte, n)
	if err := readFull(r, b, off); err != nil {
		return piece{}, err
	}
	p, err := locate(b)
	if err != nil || p.crc != p.sum(b) {
		return piece{}, nil // what is wrong with it does not matter here
	}
	ticks := p.video.ticks()
	return piece{off, n, p.sequence, p.video.wall, p.video.wall.Add(fromTicks(ticks, lieciba.VideoClockRate)), p.video.tick + ticks}, nil
}

// headDiffers compares the head and the index with those that Close would write
// for that span and the fragments, which are all whole.
func headDiffers(r io.ReaderAt, size int64, span lieciba.Interval) (bool, error) {
	x, err := Scan(r, size)
	if err != nil || x.Torn != nil || len(x.frags) == 0 {
		return err == nil, err
	}
	h := head{format: x.Format, ids: x.IDs, from: span.From, to: span.To, duration: x.ticks(), delay: x.delay, lead: x.lead}
	if x.muted != nil {
		h.format.Audio = x.muted
	}
	h.mute = h.format.Audio != nil && x.AudioFrames == 0
	want, err := h.encode()
	if err != nil {
		return true, nil // such a head was never written
	}
	want = append(want, indexArea(x.frags)...)
	if int64(len(want)) > size {
		return true, nil
	}
	got := make([]byte, len(want))
	if err := readFull(r, got, 0); err != nil {
		return false, err
	}
	return !bytes.Equal(got, want), nil
}
