package segment

import (
	"encoding/json"
	"time"

	"lieciba"
)

// Init is what the start of a segment (ftyp and moov) tells.
type Init struct {
	IDs
	Format   lieciba.StreamFormat
	Size     int64     // bytes of ftyp and moov
	Body     int64     // offset of the first fragment
	From     time.Time // of the first key frame
	To       time.Time // zero while the file grows
	duration int64     // of mehd

	muted *lieciba.AudioFormat // of a sound track that gave way to a free box
}

// ParseInit reads ftyp and moov from the start of b; what follows is ignored.
// The format's byte slices point into b. CodeUnsupported for an MP4 file that
// is no Lieciba segment, CodeCorrupt for anything else that does not parse.
func ParseInit(b []byte) (Init, error) {
	var in Init
	b = b[:min(len(b), maxInitSize)]
	ftyp, rest, err := nextBox(b)
	if err != nil {
		return in, err
	}
	if ftyp.typ != "ftyp" {
		return in, corrupt("the file does not start with ftyp")
	}
	moov, rest, err := nextBox(rest)
	if err != nil {
		return in, err
	}
	if moov.typ != "moov" {
		return in, lieciba.Errorf(lieciba.CodeUnsupported, "no moov after ftyp: this is no Lieciba segment")
	}
	in.Size = int64(len(b) - len(rest))
	if err := in.findIdentity(moov.payload); err != nil {
		return Init{}, err
	}
	err = eachBox(moov.payload, func(x box) error {
		switch x.typ {
		case "mvhd", "uuid":
			return nil
		case "trak":
			return in.trak(x.payload)
		case "mvex":
			mehd, err := child(x.payload, "mehd")
			c := cursor{b: mehd}
			c.u32()
			in.duration = int64(c.u64())
			return err
		}
		// A sound track that Close took out; or was about to, when a crash tore
		// the four letters of its type.
		var was Init
		if was.trak(x.payload) == nil && was.Format.Audio != nil {
			in.muted = was.Format.Audio
		}
		return nil
	})
	if err == nil && in.Format.Video.Codec == "" {
		err = corrupt("no video track")
	}
	if err != nil {
		return Init{}, err
	}
	return in, nil
}

// findIdentity reads the identity box, which tells our files from others.
func (in *Init) findIdentity(moov []byte) error {
	known := false
	err := eachBox(moov, func(x box) error {
		if x.typ != "uuid" || len(x.payload) < 16 || [16]byte(x.payload) != identityBox {
			return nil
		}
		known = true
		return in.identity(x.payload[16:])
	})
	if err == nil && !known {
		return lieciba.Errorf(lieciba.CodeUnsupported, "no identity box: this is no Lieciba segment")
	}
	return err
}

func (in *Init) identity(b []byte) error {
	c := cursor{b: b}
	if version := c.u32(); version != 0 {
		return lieciba.Errorf(lieciba.CodeUnsupported, "identity box of version %#x: a newer program wrote it", version)
	}
	in.Body = int64(c.u32())
	in.From = time.UnixMicro(int64(c.u64())).UTC()
	if to := int64(c.u64()); to != 0 {
		in.To = time.UnixMicro(to).UTC()
	}
	if c.bad || in.Body < in.Size || in.Body > in.Size+indexSize {
		return corrupt("the identity box contradicts the file")
	}
	if err := json.Unmarshal(c.b, &in.IDs); err != nil {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "the identity box does not parse")
	}
	return in.IDs.check()
}

// check lets nothing but IDs through: they become names of files and objects.
func (ids *IDs) check() error {
	for _, x := range []struct{ name, id string }{
		{"recording", string(ids.Recording)}, {"camera", string(ids.Camera)}, {"run", string(ids.Run)},
		{"segment", string(ids.Segment)}, {"node", string(ids.Node)},
	} {
		if x.id == "" {
			continue
		}
		if _, err := lieciba.ParseID[string](x.name, x.id); err != nil {
			return lieciba.Wrap(err, lieciba.CodeCorrupt, "the identity box holds no ID")
		}
	}
	return nil
}

// trak reads one track into the format.
func (in *Init) trak(b []byte) error {
	tkhd, err := child(b, "tkhd")
	if err != nil {
		return err
	}
	c := cursor{b: tkhd}
	c.take(20)
	id := c.u32()
	mdia, err := child(b, "mdia")
	if err != nil {
		return err
	}
	mdhd, err := child(mdia, "mdhd")
	if err != nil {
		return err
	}
	c = cursor{b: mdhd}
	c.take(20)
	rate := c.u32()
	entry, err := stsdEntry(mdia)
	if err != nil {
		return err
	}
	switch {
	case id == videoTrack && in.Format.Video.Codec == "" && rate == lieciba.VideoClockRate:
		return in.video(entry)
	case id == audioTrack && in.Format.Audio == nil && rate > 0 && rate <= 1<<20:
		in.Format.Audio = &lieciba.AudioFormat{SampleRate: int(rate)}
		return parseAudio(entry, in.Format.Audio)
	}
	return corrupt("track %d of %d ticks a second cannot be", id, rate)
}

// stsdEntry descends from mdia to the sample entry.
func stsdEntry(mdia []byte) (box, error) {
	b, err := child(mdia, "minf")
	if err == nil {
		b, err = child(b, "stbl")
	}
	if err == nil {
		b, err = child(b, "stsd")
	}
	if err != nil {
		return box{}, err
	}
	if len(b) < 8 {
		return box{}, corrupt("stsd is cut off")
	}
	entry, _, err := nextBox(b[8:])
	return entry, err
}

func (in *Init) video(entry box) error {
	c := cursor{b: entry.payload}
	c.take(24)
	v := &in.Format.Video
	v.Width, v.Height = int(c.u16()), int(c.u16())
	c.take(50)
	if c.bad {
		return corrupt("the video sample entry is cut off")
	}
	switch entry.typ {
	case "avc3":
		v.Codec = lieciba.H264
		conf, err := child(c.b, "avcC")
		if err != nil {
			return err
		}
		c := cursor{b: conf}
		c.take(6)
		v.SPS = c.take(int(c.u16()))
		c.u8()
		v.PPS = c.take(int(c.u16()))
		if c.bad || len(v.SPS) == 0 || len(v.PPS) == 0 {
			return corrupt("avcC does not parse")
		}
		return nil
	case "hev1":
		v.Codec = lieciba.H265
		conf, err := child(c.b, "hvcC")
		if err != nil {
			return err
		}
		c := cursor{b: conf}
		c.take(23)
		for _, u := range []*[]byte{&v.VPS, &v.SPS, &v.PPS} {
			c.take(3)
			*u = c.take(int(c.u16()))
			if c.bad || len(*u) == 0 {
				return corrupt("hvcC does not parse")
			}
		}
		return nil
	}
	return lieciba.Errorf(lieciba.CodeUnsupported, "video sample entry %q is none of ours", entry.typ)
}

var audioEntries = map[string]lieciba.AudioCodec{
	"mp4a": lieciba.AAC, "alaw": lieciba.PCMA, "ulaw": lieciba.PCMU, "Opus": lieciba.Opus,
}

func parseAudio(entry box, f *lieciba.AudioFormat) error {
	codec, ok := audioEntries[entry.typ]
	if !ok {
		return lieciba.Errorf(lieciba.CodeUnsupported, "audio sample entry %q is none of ours", entry.typ)
	}
	f.Codec = codec
	c := cursor{b: entry.payload}
	c.take(16)
	f.Channels = int(c.u16())
	c.take(10)
	if c.bad {
		return corrupt("the audio sample entry is cut off")
	}
	if codec != lieciba.AAC {
		return nil
	}
	conf, err := child(c.b, "esds")
	if err != nil {
		return err
	}
	c = cursor{b: conf}
	c.take(4 + 5 + 2 + 13) // as entry.go writes it
	tag, n := c.u8(), c.u8()
	f.Config = c.take(int(n))
	if c.bad || tag != 5 || n < 2 {
		return corrupt("esds does not parse")
	}
	return nil
}
