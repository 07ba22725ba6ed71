package readiness

import (
	"bytes"
	"slices"
	"time"

	"lieciba"
)

// PictureFacts is what some seconds of a stream say without being decoded.
type PictureFacts struct {
	Trouble  string        // why there is no picture to judge; empty if there is
	Span     time.Duration // from the first to the last picture looked at
	Pictures int
	Declared float64 // frames a second that the camera declares; 0: nothing sensible
	Bitrate  int64   // bits a second of the pictures' own bytes, without filler

	Keys       int           // key frames, that of the GOP under way at the join included
	KeyPause   time.Duration // the longest time without one
	KeyBytes   int           // of the middle one of their sizes
	Deltas     int           // pictures that are no key frames
	Empty      int           // of those: that carry next to nothing (emptyBytes)
	Low, High  int           // bytes: a tenth of those is no larger, a tenth no smaller
	Blocks     int           // 16 by 16 pixels of the picture; 0: size unknown
	Arithmetic bool          // CABAC: a flat block costs a fraction of a bit

	Complaints []Complaint // what the camera itself says
}

// Complaint is what a camera says of its own picture.
type Complaint string

// The complaints that ONVIF cameras raise as events.
const (
	Tampered  Complaint = "tampered"
	Moved     Complaint = "moved"
	TooDark   Complaint = "dark"
	TooBright Complaint = "bright"
	Blurred   Complaint = "blurred"
	NoSignal  Complaint = "no_signal"
)

// emptyBytes is up to how many bytes a picture says "as before" and nothing
// else: one skip run, or CABAC's hundredth of a byte a block, and the headers.
func emptyBytes(blocks int) int { return 32 + blocks/80 }

// pictures collects PictureFacts. Not safe for concurrent use.
type pictures struct {
	format      lieciba.VideoFormat
	first, last time.Time
	lastKey     time.Time
	facts       PictureFacts
	keys        []int
	deltas      []int
	bytes       int64
}

func newPictures(f lieciba.VideoFormat) *pictures {
	p := &pictures{format: f}
	p.facts.Blocks = (f.Width + 15) / 16 * ((f.Height + 15) / 16)
	p.facts.Arithmetic = f.Codec == lieciba.H265 || arithmetic(f.PPS)
	return p
}

// add takes in a picture of the run.
func (p *pictures) add(f lieciba.Frame) {
	size := codedBytes(p.format.Codec, f.Units)
	if p.first.IsZero() {
		p.first, p.lastKey = f.Time, f.Time
	}
	p.last = latest(p.last, f.Time)
	p.bytes += int64(size)
	p.facts.Pictures++
	p.pauseUntil(f.Time)
	if f.Key {
		p.lastKey = latest(p.lastKey, f.Time)
		p.facts.Keys++
		p.keys = append(p.keys, size)
		return
	}
	p.facts.Deltas++
	p.deltas = append(p.deltas, size)
	if size <= emptyBytes(p.facts.Blocks) {
		p.facts.Empty++
	}
}

func (p *pictures) pauseUntil(t time.Time) {
	p.facts.KeyPause = max(p.facts.KeyPause, t.Sub(p.lastKey))
}

// result sums up what was added.
func (p *pictures) result() PictureFacts {
	f := p.facts
	f.Span = p.last.Sub(p.first)
	if f.Span > 0 {
		f.Bitrate = int64(float64(p.bytes*8) / f.Span.Seconds())
	}
	if len(p.keys) > 0 {
		slices.Sort(p.keys)
		f.KeyBytes = p.keys[len(p.keys)/2]
	}
	if n := len(p.deltas); n > 0 {
		slices.Sort(p.deltas)
		f.Low, f.High = p.deltas[n/10], p.deltas[n-1-n/10]
	}
	return f
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// codedBytes counts the bytes that code the picture: slices, without filler,
// parameter sets, SEI and cabac_zero_words, which a camera sends whatever it sees.
func codedBytes(codec lieciba.VideoCodec, units [][]byte) int {
	n := 0
	for _, u := range units {
		if len(u) > 0 && isSlice(codec, u[0]) {
			n += len(withoutPadding(u))
		}
	}
	return n
}

// withoutPadding cuts the cabac_zero_words, 00 00 03 each (H.264 7.3.2.10).
func withoutPadding(u []byte) []byte {
	for bytes.HasSuffix(u, []byte{0, 0, 3}) {
		u = u[:len(u)-3]
	}
	return u
}

// isSlice reads the first byte of a NAL unit's header (H.264 table 7-1: 1 to 5;
// H.265 table 7-1: 0 to 31).
func isSlice(codec lieciba.VideoCodec, head byte) bool {
	if codec == lieciba.H265 {
		return head>>1&0x3f < 32
	}
	t := head & 0x1f
	return t >= 1 && t <= 5
}

// arithmetic reads entropy_coding_mode_flag of an H.264 PPS (7.3.2.2): true for
// CABAC. A PPS that cannot be read counts as CAVLC, whose pictures are larger.
func arithmetic(pps []byte) bool {
	if len(pps) < 2 {
		return false
	}
	at := 8 // behind the header of the NAL unit
	bit := func() int {
		if at/8 >= len(pps) {
			return 0
		}
		b := int(pps[at/8]>>(7-at%8)) & 1
		at++
		return b
	}
	for range 2 { // pic_parameter_set_id, seq_parameter_set_id: ue(v), small in all that is filmed
		zeros := 0
		for bit() == 0 {
			if zeros++; zeros > 16 {
				return false
			}
		}
		for range zeros {
			bit()
		}
	}
	return bit() == 1
}
