package segment

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"lieciba"
)

// traf is one track's share of a fragment, as found in its boxes.
type traf struct {
	wall    time.Time // of the first sample, from prft
	tick    int64     // tfdt
	flags   uint32    // of trun
	count   int
	key     bool
	samples []byte // trun's table
	stride  int    // bytes a sample
	data    int    // offset of the first sample in the fragment
}

// parsed is a fragment whose boxes were located and lie within bounds.
type parsed struct {
	sequence           uint32
	video, audio       traf // audio.count is 0 without sound
	runDTS, audioPTS   int64
	crc                uint32
	crcAt              int
	mdatFrom, mdatSize int
}

// runPTS is the PTS of the first video frame.
func (p *parsed) runPTS() int64 {
	_, _, composition := p.video.sample(0)
	return p.runDTS + composition
}

// sum computes the CRC that the fragment should have.
func (p *parsed) sum(b []byte) uint32 {
	crc := crc32.Update(0, castagnoli, b[:p.crcAt])
	crc = crc32.Update(crc, castagnoli, zero4[:])
	return crc32.Update(crc, castagnoli, b[p.crcAt+4:])
}

// locate finds the parts of the fragment that b holds exactly.
func locate(b []byte) (parsed, error) {
	var p parsed
	if len(b) > maxFragmentSize {
		return p, corrupt("a fragment of %d bytes is too large", len(b))
	}
	rest := b
	for {
		x, next, err := nextBox(rest)
		if err != nil {
			return p, err
		}
		at := len(b) - len(rest)
		rest = next
		switch x.typ {
		case "prft":
			if err := p.prft(x.payload); err != nil {
				return p, err
			}
		case "moof":
			if err := p.moof(x.payload, at); err != nil {
				return p, err
			}
			mdat, next, err := nextBox(rest)
			if err != nil {
				return p, err
			}
			if mdat.typ != "mdat" || len(next) > 0 {
				return p, corrupt("a fragment is not one moof and one mdat")
			}
			p.mdatFrom, p.mdatSize = len(b)-len(mdat.payload), len(mdat.payload)
			return p, p.check()
		default:
			return p, corrupt("box %q where a fragment should be", x.typ)
		}
	}
}

func (p *parsed) prft(b []byte) error {
	c := cursor{b: b}
	c.u32()
	track := c.u32()
	wall := fromNTP(c.u64())
	c.u64()
	if c.bad {
		return corrupt("prft is cut off")
	}
	switch track {
	case videoTrack:
		p.video.wall = wall
	case audioTrack:
		p.audio.wall = wall
	default:
		return corrupt("prft of track %d", track)
	}
	return nil
}

// moof reads the boxes of a moof that starts at `at`.
func (p *parsed) moof(b []byte, at int) error {
	base := at + 8 // of payload
	size := len(b)
	for len(b) > 0 {
		x, rest, err := nextBox(b)
		if err != nil {
			return err
		}
		switch x.typ {
		case "mfhd":
			c := cursor{b: x.payload}
			c.u32()
			p.sequence = c.u32()
		case "traf":
			if err := p.traf(x.payload, at); err != nil {
				return err
			}
		case "uuid":
			if len(x.payload) != runBoxSize-8 || [16]byte(x.payload) != runBox {
				return corrupt("an unknown uuid box in moof")
			}
			c := cursor{b: x.payload[16:]}
			if version := c.u32(); version != 0 {
				return lieciba.Errorf(lieciba.CodeUnsupported, "run box of version %#x: a newer program wrote it", version)
			}
			p.crcAt = base + size - len(b) + 8 + 20
			p.crc = c.u32()
			p.runDTS, p.audioPTS = int64(c.u64()), int64(c.u64())
		}
		b = rest
	}
	return nil
}

func (p *parsed) traf(b []byte, moof int) error {
	tfhd, err := child(b, "tfhd")
	if err != nil {
		return err
	}
	tfdt, err := child(b, "tfdt")
	if err != nil {
		return err
	}
	trun, err := child(b, "trun")
	if err != nil {
		return err
	}
	c := cursor{b: tfhd}
	c.u32()
	track := c.u32()
	t := &p.video
	if track == audioTrack {
		t = &p.audio
	} else if track != videoTrack {
		return corrupt("traf of track %d", track)
	}
	if t.count > 0 {
		return corrupt("two trafs of track %d", track)
	}
	c = cursor{b: tfdt}
	c.u32()
	t.tick = int64(c.u64())
	r := cursor{b: trun}
	t.flags = r.u32() & 0xffffff
	count := r.u32()
	offset := int64(int32(r.u32()))
	if t.flags&trunFirst != 0 {
		t.key = r.u32() == flagsSync
	}
	t.stride = 8
	if t.flags&trunComposed != 0 {
		t.stride = 12
	}
	const must = trunOffset | trunDuration | trunSize
	switch {
	case c.bad || r.bad || t.tick < 0 || t.tick > 1<<50:
		return corrupt("a track of the fragment is cut off")
	case t.flags&must != must || t.flags&^(must|trunFirst|trunComposed) != 0:
		return corrupt("trun flags %#x", t.flags)
	case count == 0 || count > maxSamples || len(r.b) != int(count)*t.stride:
		return corrupt("trun of %d samples in %d bytes", count, len(r.b))
	case offset < 0 || offset > maxFragmentSize:
		return corrupt("data offset %d", offset)
	}
	t.count, t.samples, t.data = int(count), r.b, moof+int(offset)
	return nil
}

// check proves that the samples fill mdat exactly.
func (p *parsed) check() error {
	const far = 1 << 50
	for _, t := range []int64{p.runDTS, p.audioPTS} {
		if t < -far || t > far {
			return corrupt("the run box holds time %d", t)
		}
	}
	switch {
	case p.crcAt == 0:
		return corrupt("a fragment without run box")
	case p.video.count == 0 || p.video.wall.IsZero():
		return corrupt("a fragment without picture or without its time")
	case p.audio.count > 0 && p.audio.wall.IsZero():
		return corrupt("sound without its time")
	}
	end, err := p.video.extent(p.mdatFrom)
	if err != nil {
		return err
	}
	if p.audio.count > 0 {
		if end, err = p.audio.extent(end); err != nil {
			return err
		}
	}
	if end != p.mdatFrom+p.mdatSize {
		return corrupt("the samples end at %d and the fragment at %d", end, p.mdatFrom+p.mdatSize)
	}
	return nil
}

// extent returns where the track's data ends when it starts at `from`.
func (t *traf) extent(from int) (int, error) {
	if t.data != from {
		return 0, corrupt("samples at %d instead of %d", t.data, from)
	}
	end := from
	for i := range t.count {
		_, size, _ := t.sample(i)
		if size == 0 || end+size > maxFragmentSize {
			return 0, corrupt("a sample of %d bytes", size)
		}
		end += size
	}
	return end, nil
}

// sample returns duration and size and composition offset of sample i.
func (t *traf) sample(i int) (duration int64, size int, composition int64) {
	s := t.samples[i*t.stride:]
	if t.stride == 12 {
		composition = int64(int32(binary.BigEndian.Uint32(s[8:])))
	}
	return int64(binary.BigEndian.Uint32(s)), int(binary.BigEndian.Uint32(s[4:])), composition
}

// ticks is the sum of the durations.
func (t *traf) ticks() (sum int64) {
	for i := range t.count {
		d, _, _ := t.sample(i)
		sum += d
	}
	return sum
}

// ParseFragment reads one fragment: Size bytes from Offset of a
// lieciba.Fragment of the file that in belongs to. The frames' units point into
// b. Frames of each track come in decode order, the tracks merged by the time of
// decoding. A first frame's Time is exact; the others' follow by the media
// clock (FORMAT.md, Time). CodeCorrupt if a byte is not as it was written.
func ParseFragment(b []byte, in Init) ([]lieciba.Frame, error) {
	p, err := locate(b)
	if err != nil {
		return nil, err
	}
	if p.crc != p.sum(b) {
		return nil, corrupt("the fragment's checksum does not match its bytes")
	}
	return p.frames(b, in)
}

// frames makes the frames of a fragment that was checked.
func (p *parsed) frames(b []byte, in Init) ([]lieciba.Frame, error) {
	rate := int64(lieciba.VideoClockRate)
	if p.audio.count > 0 {
		if in.Format.Audio == nil {
			return nil, corrupt("sound in a segment without sound track")
		}
		rate = int64(in.Format.Audio.SampleRate)
	}
	units, err := countUnits(b, &p.video)
	if err != nil {
		return nil, err
	}
	v := videoReader{p: p, b: b, at: p.video.data, units: make([][]byte, 0, units), dts: p.runDTS}
	a := audioReader{p: p, b: b, at: p.audio.data, units: make([][]byte, 0, p.audio.count), rate: rate}
	frames := make([]lieciba.Frame, 0, p.video.count+p.audio.count)
	vf, vt, vok := v.next()
	af, aok := a.next()
	for vok || aok {
		if vok && (!aok || !vt.After(af.Time)) {
			frames = append(frames, vf)
			vf, vt, vok = v.next()
		} else {
			frames = append(frames, af)
			af, aok = a.next()
		}
	}
	return frames, nil
}

// countUnits checks the NAL lengths of all samples and counts the units.
func countUnits(b []byte, t *traf) (int, error) {
	n, at := 0, t.data
	for i := range t.count {
		_, size, _ := t.sample(i)
		s := b[at : at+size]
		at += size
		for len(s) > 0 {
			if len(s) < 4 {
				return 0, corrupt("a NAL unit's length is cut off")
			}
			l := binary.BigEndian.Uint32(s)
			if l == 0 || uint64(l) > uint64(len(s)-4) {
				return 0, corrupt("a NAL unit of %d bytes does not fit", l)
			}
			s = s[4+l:]
			n++
		}
	}
	return n, nil
}

type videoReader struct {
	p     *parsed
	b     []byte
	units [][]byte
	i, at int
	dts   int64 // of the run
}

// next returns the next frame and the wall-clock time of its decoding.
func (v *videoReader) next() (f lieciba.Frame, decode time.Time, ok bool) {
	t := &v.p.video
	if v.i == t.count {
		return f, decode, false
	}
	duration, size, comp := t.sample(v.i)
	const rate = lieciba.VideoClockRate
	f = lieciba.Frame{Track: lieciba.TrackVideo, Key: v.i == 0 && t.key, DTS: v.dts, PTS: v.dts + comp}
	f.Time = t.wall.Add(fromTicks(f.PTS-v.p.runPTS(), rate))
	first := len(v.units)
	for end := v.at + size; v.at < end; {
		n := v.at + 4 + int(binary.BigEndian.Uint32(v.b[v.at:]))
		v.units = append(v.units, v.b[v.at+4:n:n])
		v.at = n
	}
	f.Units = v.units[first:len(v.units):len(v.units)]
	v.dts += duration
	v.i++
	return f, f.Time.Add(-fromTicks(comp, rate)), true
}

type audioReader struct {
	p     *parsed
	b     []byte
	units [][]byte
	i, at int
	tick  int64 // since the first frame
	rate  int64
}

func (a *audioReader) next() (f lieciba.Frame, ok bool) {
	t := &a.p.audio
	if a.i == t.count {
		return f, false
	}
	duration, size, _ := t.sample(a.i)
	pts := a.p.audioPTS + a.tick
	f = lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: pts, DTS: pts, Time: t.wall.Add(fromTicks(a.tick, a.rate))}
	a.units = append(a.units, a.b[a.at:a.at+size:a.at+size])
	f.Units = a.units[a.i : a.i+1 : a.i+1]
	a.at += size
	a.tick += duration
	a.i++
	return f, true
}
