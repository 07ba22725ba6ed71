package viewing

import (
	"context"
	"io"
	"math"
	"time"

	"lieciba"
)

// Options say what a viewing copy shows.
type Options struct {
	From, To time.Time // by the wall clock; time 0 of the file is From
	Session  string    // external ID, for the metadata
	Camera   string    // name, for the metadata
}

// Result is what was written.
type Result struct {
	Size        int64
	Frames      int // of the picture
	AudioFrames int
}

// Write writes one file that shows [o.From, o.To) of the sources: segments of
// one camera in order of time that Split put together. It begins at the key
// frame at or before o.From, which an edit list hides up to o.From. CodeNotFound
// when the sources hold no picture of the range, CodeCorrupt when a segment is
// not as it was written. An error leaves w unfinished.
func Write(ctx context.Context, w io.Writer, sources []Source, o Options) (Result, error) {
	c := copier{w: w, movie: movie{o: o, end: ticks(o.To.Sub(o.From), movieRate),
		video: &track{rate: movieRate}, audio: &track{}}}
	if c.movie.end <= 0 {
		return Result{}, lieciba.Invalid("to", "a viewing copy needs a range that ends after it starts")
	}
	heads, err := c.heads(sources)
	if err != nil {
		return Result{}, err
	}
	if err := c.begin(ctx, heads); err != nil {
		return Result{}, err
	}
	if len(c.movie.video.sizes) == 0 {
		return Result{}, lieciba.Errorf(lieciba.CodeNotFound, "there is no picture between %s and %s", o.From, o.To)
	}
	c.finish()
	moov := c.movie.encode()
	if len(moov) > math.MaxUint32 {
		return Result{}, lieciba.Errorf(lieciba.CodeTooLarge, "the tables of a viewing copy have %d bytes", len(moov))
	}
	if err := c.write(moov); err != nil {
		return Result{}, err
	}
	return Result{Size: c.at, Frames: len(c.movie.video.sizes), AudioFrames: len(c.movie.audio.sizes)}, nil
}

type copier struct {
	w     io.Writer
	at    int64
	movie movie
	buf   []byte
	out   []byte
	done  bool // the end of the range was reached

	standing int64 // PTS of the picture that is shown at the start of the range
}

// heads reads the starts of the sources and leaves out those that the range
// does not need.
func (c *copier) heads(sources []Source) ([]head, error) {
	var out []head
	for _, s := range sources {
		h, err := readHead(s)
		if err != nil {
			return nil, err
		}
		if !h.init.From.Before(c.movie.o.To) {
			break
		}
		if n := len(out); n > 0 && !joins(out[n-1].init.Format.Video.Codec, c.sound(), h) {
			return nil, lieciba.Errorf(lieciba.CodeUnsupported, "one file cannot hold a change of codec")
		}
		if len(out) > 0 && !h.init.From.After(c.movie.o.From) {
			out = out[:0] // the range begins in this segment or later
		}
		if out = append(out, h); h.audio != nil {
			c.movie.audio.entries = [][]byte{h.audio}
			c.movie.audio.rate = int64(h.init.Format.Audio.SampleRate)
		}
	}
	return out, nil
}

func (c *copier) sound() []byte {
	if len(c.movie.audio.entries) == 0 {
		return nil
	}
	return c.movie.audio.entries[0]
}

// begin writes ftyp and all fragments of the range.
func (c *copier) begin(ctx context.Context, heads []head) error {
	w := &boxes{}
	w.box("ftyp", func() { w.str("isom\x00\x00\x02\x00isomiso2mp41") })
	if err := c.write(w.b); err != nil {
		return err
	}
	for i, h := range heads {
		at := h.init.Body
		if i == 0 {
			var err error
			if at, err = c.keyBefore(ctx, h); err != nil {
				return err
			}
		}
		err := h.fragments(ctx, at, &c.buf, func(f fragment) (bool, error) {
			err := c.fragment(h, f)
			return !c.done, err
		})
		if err != nil || c.done {
			return err
		}
	}
	return nil
}

// keyBefore finds the last fragment of h that starts with a key frame which is
// shown at or before the start of the range; the first one else. It also finds
// the picture that stands at the start.
func (c *copier) keyBefore(ctx context.Context, h head) (int64, error) {
	at := h.init.Body
	c.standing = math.MinInt64
	if !h.init.From.Before(c.movie.o.From) {
		return at, nil
	}
	err := h.fragments(ctx, at, &c.buf, func(f fragment) (bool, error) {
		more := false
		first := f.first(lieciba.TrackVideo)
		for _, x := range f.frames {
			if x.Track != lieciba.TrackVideo {
				continue
			}
			if _, pts := c.place(h, f, x, first.DTS); pts <= 0 {
				c.standing, more = max(c.standing, pts), true
			}
		}
		if _, pts := c.place(h, f, first, first.DTS); pts <= 0 && first.Key {
			at = f.at
		}
		return more, nil
	})
	return at, err
}

// videoTimes places a picture. The one that stands at the start of the range
// begins there: ffmpeg moves a track whose edit begins inside of a picture.
func (c *copier) videoTimes(h head, f fragment, x lieciba.Frame, first int64) (dts, pts int64) {
	dts, pts = c.place(h, f, x, first)
	if pts == c.standing {
		pts = 0
	}
	return dts, pts
}

// place tells the times of a picture after the start of the range; first is the
// DTS of the fragment's first one.
func (c *copier) place(h head, f fragment, x lieciba.Frame, first int64) (dts, pts int64) {
	base := ticks(h.init.From.Sub(c.movie.o.From), movieRate)
	dts = base + f.video - h.delay + x.DTS - first
	return dts, dts + x.PTS - x.DTS
}

// fragment writes the samples of one fragment as one mdat.
func (c *copier) fragment(h head, f fragment) error {
	m := &c.movie
	entry := m.video.use(h.video)
	c.out = append(c.out[:0], 0, 0, 0, 0, 'm', 'd', 'a', 't')
	var firstVideo, firstAudio lieciba.Frame
	pictures, sounds := 0, 0
	for _, x := range f.frames {
		if x.Track != lieciba.TrackVideo {
			continue
		}
		if pictures == 0 {
			firstVideo = x
		}
		dts, pts := c.videoTimes(h, f, x, firstVideo.DTS)
		if dts >= m.end {
			c.done = true
			break
		}
		m.video.add(dts, pts, c.picture(h, x, entry), x.Key)
		pictures++
	}
	if pictures > 0 {
		m.video.chunk(c.at+8, pictures, entry)
		m.video.end = min(m.end, ticks(h.init.To.Sub(m.o.From), movieRate))
	}
	soundAt := c.at + int64(len(c.out))
	for _, x := range f.frames {
		if x.Track != lieciba.TrackAudio {
			continue
		}
		if sounds == 0 {
			firstAudio = x
		}
		at := ticks(h.init.From.Sub(m.o.From), m.audio.rate) + f.audio - h.lead + x.PTS - firstAudio.PTS
		if at >= m.end*m.audio.rate/movieRate {
			break
		}
		c.out = append(c.out, x.Units[0]...)
		m.audio.add(at, at, len(x.Units[0]), false)
		sounds++
	}
	if sounds > 0 {
		m.audio.chunk(soundAt, sounds, 1)
	}
	if pictures+sounds == 0 {
		return nil
	}
	be.PutUint32(c.out, uint32(len(c.out)))
	return c.write(c.out)
}

// picture adds one access unit, length-prefixed as it is stored, and in front
// of a key frame of a later sample entry its parameter sets, unless the camera
// sends them.
func (c *copier) picture(h head, x lieciba.Frame, entry uint32) int {
	start := len(c.out)
	v := h.init.Format.Video
	units := x.Units
	if x.Key && entry > 1 && !hasParameters(v.Codec, units) {
		if len(units) > 0 && isDelimiter(v.Codec, units[0]) { // it must stay first
			c.unit(units[0])
			units = units[1:]
		}
		for _, u := range [][]byte{v.VPS, v.SPS, v.PPS} {
			c.unit(u)
		}
	}
	for _, u := range units {
		c.unit(u)
	}
	return len(c.out) - start
}

func (c *copier) unit(u []byte) {
	if len(u) > 0 {
		c.out = append(be.AppendUint32(c.out, uint32(len(u))), u...)
	}
}

// hasParameters reports whether the units hold a sequence parameter set
// (H.264 table 7-1, H.265 table 7-1).
func hasParameters(codec lieciba.VideoCodec, units [][]byte) bool {
	for _, u := range units {
		if len(u) > 0 && (codec == lieciba.H264 && u[0]&31 == 7 || codec == lieciba.H265 && u[0]>>1&63 == 33) {
			return true
		}
	}
	return false
}

func isDelimiter(codec lieciba.VideoCodec, u []byte) bool {
	return len(u) > 0 && (codec == lieciba.H264 && u[0]&31 == 9 || codec == lieciba.H265 && u[0]>>1&63 == 35)
}

// finish gives the last samples their lengths: the last picture stays to the end
// of the range, the last sound lasts as long as the one before.
func (c *copier) finish() {
	m := &c.movie
	m.video.end = max(m.video.last+1, min(m.end, m.video.last+ticks(maxFreeze, movieRate)))
	if a := m.audio; len(a.sizes) > 0 {
		length := a.rate / 50
		if n := len(a.durations); n > 0 {
			length = min(int64(a.durations[n-1].value), a.rate)
		}
		a.end = a.last + length
	}
}

func (c *copier) write(b []byte) error {
	n, err := c.w.Write(b)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	c.at += int64(n)
	return err
}
