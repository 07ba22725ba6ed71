package segment

import (
	"encoding/binary"
	"encoding/json"
	"time"

	"lieciba"
)

// Track IDs in the file.
const (
	videoTrack = 1
	audioTrack = 2
)

const (
	indexEntries = 256                         // references that the index area holds
	sidxFixed    = 40                          // bytes of a sidx without references
	indexSize    = sidxFixed + 12*indexEntries // of the index area
)

var (
	identityBox = [16]byte{0xb5, 0x98, 0xae, 0x74, 0x68, 0x2a, 0x4c, 0xfb, 0x9d, 0xa6, 0xfe, 0x97, 0x25, 0x8f, 0xca, 0x1c}
	runBox      = [16]byte{0xab, 0x2f, 0x95, 0xee, 0x7c, 0x3f, 0x4b, 0xa8, 0x8b, 0xc2, 0x8e, 0x84, 0x9a, 0xa2, 0x7b, 0x22}
)

// head is all that ftyp and moov say. Its encoding has the same size whatever
// the values of the fields after ids.
type head struct {
	format lieciba.StreamFormat
	ids    IDs

	from, to time.Time // to is zero while the file grows
	duration int64     // of the video, 90 kHz ticks; 0 while the file grows
	delay    int64     // PTS − DTS of the first frame: ticks from the file's 0 to the first picture
	lead     int64     // ticks of sound before From
	mute     bool      // closed without sound: the track gives way to a free box
}

// encode returns ftyp and moov.
func (h *head) encode() ([]byte, error) {
	ids, err := json.Marshal(h.ids)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the IDs cannot be encoded")
	}
	video, err := videoEntry(h.format.Video)
	if err != nil {
		return nil, err
	}
	var audio []byte
	if h.format.Audio != nil {
		if audio, err = audioEntry(*h.format.Audio); err != nil {
			return nil, err
		}
	}
	w := &boxWriter{}
	ftyp := w.open("ftyp")
	w.str("iso6\x00\x00\x00\x00iso6iso5mp41")
	w.end(ftyp)
	moov := w.open("moov")
	h.mvhd(w)
	h.trak(w, videoTrack, video)
	if audio != nil {
		h.trak(w, audioTrack, audio)
	}
	h.mvex(w)
	id := w.uuid(&identityBox)
	body := len(w.b)
	w.u32(0)
	w.u64(uint64(micros(h.from)))
	w.u64(uint64(micros(h.to)))
	w.bytes(ids)
	w.end(id)
	w.end(moov)
	if len(w.b) > maxInitSize {
		return nil, lieciba.Errorf(lieciba.CodeTooLarge, "the parameter sets are too large for a segment: %d bytes of at most %d", len(w.b), maxInitSize)
	}
	binary.BigEndian.PutUint32(w.b[body:], uint32(len(w.b)+indexSize))
	return w.b, nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// creation is seconds since 1904 (ISO/IEC 14496-12, 8.2.2.3).
func (h *head) creation() uint64 {
	if h.from.IsZero() {
		return 0
	}
	return uint64(h.from.Unix() + 2_082_844_800)
}

func (h *head) mvhd(w *boxWriter) {
	at := w.full("mvhd", 1, 0)
	w.u64(h.creation())
	w.u64(h.creation())
	w.u32(lieciba.VideoClockRate)
	w.u64(uint64(h.duration))
	w.u32(0x10000) // rate 1.0
	w.u16(0x100)   // volume 1.0
	w.zero(10)
	w.matrix()
	w.zero(24)
	w.u32(audioTrack + 1) // next track
	w.end(at)
}

func (h *head) mvex(w *boxWriter) {
	at := w.open("mvex")
	x := w.full("mehd", 1, 0)
	w.u64(uint64(h.duration))
	w.end(x)
	trex := func(typ string, track uint32) {
		x := w.full(typ, 0, 0)
		w.u32(track)
		w.u32(1) // sample description
		w.zero(12)
		w.end(x)
	}
	trex("trex", videoTrack)
	if h.format.Audio != nil {
		trex(h.unlessMute("trex"), audioTrack)
	}
	w.end(at)
}

func (h *head) unlessMute(typ string) string {
	if h.mute {
		return "free"
	}
	return typ
}

// trak writes one track around its sample entry.
func (h *head) trak(w *boxWriter, id uint32, entry []byte) {
	typ, handler, name, rate := "trak", "vide", "video", uint32(lieciba.VideoClockRate)
	if id == audioTrack {
		typ, handler, name, rate = h.unlessMute(typ), "soun", "sound", uint32(h.format.Audio.SampleRate)
	}
	at := w.open(typ)
	h.tkhd(w, id, entry)
	if id == audioTrack {
		edts(w, h.lead)
	} else {
		edts(w, h.delay)
	}
	mdia := w.open("mdia")
	x := w.full("mdhd", 1, 0)
	w.u64(h.creation())
	w.u64(h.creation())
	w.u32(rate)
	w.u64(0)      // the samples are all in fragments
	w.u16(0x55c4) // language "und"
	w.u16(0)
	w.end(x)
	x = w.full("hdlr", 0, 0)
	w.u32(0)
	w.str(handler)
	w.zero(12)
	w.str(name)
	w.u8(0)
	w.end(x)
	minf := w.open("minf")
	if id == audioTrack {
		x = w.full("smhd", 0, 0)
		w.u32(0)
	} else {
		x = w.full("vmhd", 0, 1)
		w.u64(0)
	}
	w.end(x)
	sampleTable(w, entry)
	w.end(minf)
	w.end(mdia)
	w.end(at)
}

func (h *head) tkhd(w *boxWriter, id uint32, entry []byte) {
	x := w.full("tkhd", 1, 3) // enabled, in movie
	w.u64(h.creation())
	w.u64(h.creation())
	w.u32(id)
	w.u32(0)
	w.u64(0)
	w.zero(12)
	if id == audioTrack {
		w.u16(0x100) // volume
	} else {
		w.u16(0)
	}
	w.u16(0)
	w.matrix()
	if id == videoTrack {
		c := cursor{b: entry[32:]}
		w.u32(uint32(c.u16()) << 16)
		w.u32(uint32(c.u16()) << 16)
	} else {
		w.u64(0)
	}
	w.end(x)
}

// edts tells which media time is From, so that players show it at 0.
func edts(w *boxWriter, from int64) {
	typ := "edts"
	if from <= 0 {
		typ = "free"
	}
	at := w.open(typ)
	x := w.full("elst", 1, 0)
	w.u32(1)
	w.u64(0) // to the end, fragments included (ISO/IEC 14496-12, 8.6.6)
	w.u64(uint64(from))
	w.u32(0x10000)
	w.end(x)
	w.end(at)
}

// sampleTable writes dinf and stbl: one description, no samples.
func sampleTable(w *boxWriter, entry []byte) {
	dinf := w.open("dinf")
	x := w.full("dref", 0, 0)
	w.u32(1)
	u := w.full("url ", 0, 1) // in this file
	w.end(u)
	w.end(x)
	w.end(dinf)
	stbl := w.open("stbl")
	x = w.full("stsd", 0, 0)
	w.u32(1)
	w.bytes(entry)
	w.end(x)
	for _, typ := range [...]string{"stts", "stsc", "stsz", "stco"} {
		x = w.full(typ, 0, 0)
		w.u32(0)
		if typ == "stsz" {
			w.u32(0)
		}
		w.end(x)
	}
	w.end(stbl)
}

// indexArea returns the bytes between moov and the first fragment: free, or
// with fragments a sidx (ISO/IEC 14496-12, 8.16.3) and free.
func indexArea(frags []fragment) []byte {
	w := &boxWriter{b: make([]byte, 0, indexSize)}
	if len(frags) == 0 {
		at := w.open("free")
		w.zero(indexSize - 8)
		w.end(at)
		return w.b
	}
	group := (len(frags) + indexEntries - 1) / indexEntries
	refs := (len(frags) + group - 1) / group
	rest := indexSize - sidxFixed - 12*refs
	at := w.full("sidx", 1, 0)
	w.u32(videoTrack)
	w.u32(lieciba.VideoClockRate)
	w.u64(0)            // earliest presentation time: the edit list is applied
	w.u64(uint64(rest)) // first offset
	w.u16(0)
	w.u16(uint16(refs))
	for len(frags) > 0 {
		n := min(group, len(frags))
		var size, ticks int64
		for _, f := range frags[:n] {
			size += f.Size
			ticks += f.ticks
		}
		w.u32(uint32(size))
		w.u32(uint32(ticks))
		sap := uint32(frags[0].sap)
		w.u32(min(sap, 1)<<31 | sap<<28)
		frags = frags[n:]
	}
	w.end(at)
	if rest > 0 {
		at = w.open("free")
		w.zero(rest - 8)
		w.end(at)
	}
	return w.b
}
