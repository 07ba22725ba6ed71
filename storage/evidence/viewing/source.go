package viewing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage/segment"
)

const (
	videoTrack, audioTrack = 1, 2
	maxInit                = 64 << 10 // as storage/segment bounds it
	maxFragment            = 64 << 20
	// maxFreeze bounds the time that one sample lasts: some players keep it in 31 bits.
	maxFreeze = 6 * time.Hour
)

// Source is one native segment of a camera: all of its bytes.
type Source struct {
	R    io.ReaderAt
	Size int64
}

// head is what is known of a source from its start.
type head struct {
	src          Source
	init         segment.Init
	video, audio []byte // sample entries, re-labelled; audio is nil without sound
	delay, lead  int64  // file time of the first picture and of From, in ticks of the track
}

// readHead reads ftyp and moov of a source.
func readHead(src Source) (head, error) {
	h := head{src: src}
	b := make([]byte, min(src.Size, maxInit))
	if err := readAt(src.R, b, 0); err != nil {
		return h, err
	}
	in, err := segment.ParseInit(b)
	if err != nil {
		return h, err
	}
	b = bytes.Clone(b[:in.Size]) // the format points into it, and many heads are kept
	if h.init, err = segment.ParseInit(b); err != nil {
		return h, err
	}
	if h.init.To.IsZero() || !h.init.To.After(h.init.From) {
		return h, corrupt("segment %s was not closed", h.init.Segment)
	}
	each(find(b, "moov"), func(typ string, _, trak []byte) bool {
		tkhd, entry := find(trak, "tkhd"), find(trak, "mdia", "minf", "stbl", "stsd")
		if typ != "trak" || len(tkhd) < 24 || len(entry) < 16 {
			return true
		}
		entry = bytes.Clone(entry[8:])
		start := int64(0)
		if elst := find(trak, "edts", "elst"); len(elst) >= 24 {
			start = int64(be.Uint64(elst[16:]))
		}
		if be.Uint32(tkhd[20:]) == videoTrack {
			h.video, h.delay = relabel(entry), start
		} else if h.init.Format.Audio != nil {
			h.audio, h.lead = entry, start
		}
		return true
	})
	return h, nil
}

// relabel names the entry as one whose parameter sets are in it.
func relabel(entry []byte) []byte {
	switch string(entry[4:8]) {
	case "avc3":
		copy(entry[4:], "avc1")
	case "hev1":
		copy(entry[4:], "hvc1")
	}
	return entry
}

// joins reports whether next can stand in one file behind sound of the format
// of last (nil: none so far).
func joins(video lieciba.VideoCodec, last []byte, next head) bool {
	return video == next.init.Format.Video.Codec && (last == nil || next.audio == nil || bytes.Equal(last, next.audio))
}

// Split groups the segments of one camera, which are in order of time, into
// those that one file can hold: a new one begins where the codec of the picture
// or the format of the sound changes, and behind a gap of more than 6 h.
func Split(sources []Source) ([][]Source, error) {
	var out [][]Source
	var sound []byte
	var last head
	for _, s := range sources {
		h, err := readHead(s)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || !joins(last.init.Format.Video.Codec, sound, h) || h.init.From.Sub(last.init.To) > maxFreeze {
			out, sound = append(out, nil), nil
		}
		out[len(out)-1] = append(out[len(out)-1], s)
		if last = h; h.audio != nil {
			sound = h.audio
		}
	}
	return out, nil
}

// Span is the time that a native segment covers, from its own head.
func Span(src Source) (lieciba.Interval, error) {
	h, err := readHead(src)
	return lieciba.Interval{From: h.init.From, To: h.init.To}, err
}

// fragment is one fragment of a source with the file times of its tracks.
type fragment struct {
	at           int64
	frames       []lieciba.Frame // units point into the buffer
	video, audio int64           // tfdt
}

// first is the first frame of a track; every fragment has a picture.
func (f fragment) first(t lieciba.Track) lieciba.Frame {
	i := slices.IndexFunc(f.frames, func(x lieciba.Frame) bool { return x.Track == t })
	return f.frames[max(0, i)]
}

// fragments calls fn for each fragment from offset at on, until it says no. The
// buffer is reused: what fn gets is valid until it returns.
func (h head) fragments(ctx context.Context, at int64, buf *[]byte, fn func(fragment) (more bool, err error)) error {
	for more := true; more && at < h.src.Size; {
		if err := ctx.Err(); err != nil {
			return lieciba.Wrap(err, lieciba.CodeUnavailable, "the viewing copy was stopped")
		}
		size, err := h.extent(at)
		if err != nil {
			return err
		}
		if int64(cap(*buf)) < size {
			*buf = make([]byte, size)
		}
		b := (*buf)[:size]
		if err := readAt(h.src.R, b, at); err != nil {
			return err
		}
		f := fragment{at: at}
		if f.frames, err = segment.ParseFragment(b, h.init); err != nil {
			return err
		}
		f.times(b)
		if more, err = fn(f); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// extent walks the boxes of a fragment to the end of its mdat.
func (h head) extent(at int64) (int64, error) {
	var b [8]byte
	for end := at; ; {
		if err := readAt(h.src.R, b[:], end); err != nil {
			return 0, err
		}
		n := int64(be.Uint32(b[:]))
		end += n
		if n < 8 || end > h.src.Size || end-at > maxFragment {
			return 0, corrupt("a fragment of segment %s does not fit", h.init.Segment)
		}
		if string(b[4:]) == "mdat" {
			return end - at, nil
		}
	}
}

// times finds where the tracks stand in the file's time; ParseFragment has
// checked the boxes.
func (f *fragment) times(b []byte) {
	each(find(b, "moof"), func(typ string, _, traf []byte) bool {
		tfhd, tfdt := find(traf, "tfhd"), find(traf, "tfdt")
		if typ != "traf" || len(tfhd) < 8 || len(tfdt) < 12 {
			return true
		}
		if be.Uint32(tfhd[4:]) == videoTrack {
			f.video = int64(be.Uint64(tfdt[4:]))
		} else {
			f.audio = int64(be.Uint64(tfdt[4:]))
		}
		return true
	})
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return corrupt("a segment ends at byte %d", off+int64(n))
	}
	return lieciba.Wrap(err, lieciba.CodeUnavailable, "a segment cannot be read")
}
