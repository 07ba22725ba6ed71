package viewing

import (
	"time"

	"lieciba"
)

// movie is what moov says.
type movie struct {
	o            Options
	end          int64 // ticks of the movie
	video, audio *track
}

const movieRate = lieciba.VideoClockRate

func (m *movie) encode() []byte {
	w := &boxes{}
	w.box("moov", func() {
		w.full("mvhd", 1, 0, func() {
			m.created(w)
			w.u32(movieRate)
			w.u64(uint64(m.end))
			w.u32(0x10000) // rate 1.0
			w.u16(0x100)   // volume 1.0
			w.zero(10)
			w.matrix()
			w.zero(24)
			w.u32(audioTrack + 1)
		})
		m.trak(w, videoTrack, m.video)
		if len(m.audio.sizes) > 0 {
			m.trak(w, audioTrack, m.audio)
		}
		m.udta(w)
	})
	return w.b
}

// created writes creation and modification: seconds since 1904 (8.2.2.3).
func (m *movie) created(w *boxes) {
	s := uint64(m.o.From.Unix() + 2_082_844_800)
	w.u64(s)
	w.u64(s)
}

// shown is how long the track is shown, in ticks of the movie.
func (m *movie) shown(t *track) (before, length int64) {
	before = t.start() * movieRate / t.rate
	return before, max(1, min(t.end*movieRate/t.rate, m.end)-before)
}

func (m *movie) trak(w *boxes, id uint32, t *track) {
	before, length := m.shown(t)
	w.box("trak", func() {
		w.full("tkhd", 1, 3, func() {
			m.created(w)
			w.u32(id)
			w.u32(0)
			w.u64(uint64(before + length))
			w.zero(12)
			w.u16(map[uint32]uint16{audioTrack: 0x100}[id]) // volume
			w.u16(0)
			w.matrix()
			if id == videoTrack { // width and height of the first entry
				w.u32(uint32(be.Uint16(t.entries[0][32:])) << 16)
				w.u32(uint32(be.Uint16(t.entries[0][34:])) << 16)
			} else {
				w.u64(0)
			}
		})
		w.box("edts", func() { t.elst(w, before, length) })
		w.box("mdia", func() { m.mdia(w, id, t) })
	})
}

// elst shows nothing up to the first sample, then the samples from time 0 on
// (8.6.6).
func (t *track) elst(w *boxes, before, length int64) {
	w.full("elst", 1, 0, func() {
		if before > 0 {
			w.u32(2)
			w.u64(uint64(before))
			w.u64(1<<64 - 1)
			w.u32(0x10000)
		} else {
			w.u32(1)
		}
		w.u64(uint64(length))
		w.u64(uint64(t.start() - t.first))
		w.u32(0x10000)
	})
}

func (m *movie) mdia(w *boxes, id uint32, t *track) {
	w.full("mdhd", 1, 0, func() {
		m.created(w)
		w.u32(uint32(t.rate))
		w.u64(uint64(t.media()))
		w.u16(0x55c4) // language "und"
		w.u16(0)
	})
	w.full("hdlr", 0, 0, func() {
		w.u32(0)
		w.str(map[uint32]string{videoTrack: "vide", audioTrack: "soun"}[id])
		w.zero(12)
		w.str(map[uint32]string{videoTrack: "viewing copy\x00", audioTrack: "viewing copy sound\x00"}[id])
	})
	w.box("minf", func() {
		if id == videoTrack {
			w.full("vmhd", 0, 1, func() { w.u64(0) })
		} else {
			w.full("smhd", 0, 0, func() { w.u32(0) })
		}
		w.box("dinf", func() {
			w.full("dref", 0, 0, func() {
				w.u32(1)
				w.full("url ", 0, 1, func() {})
			})
		})
		w.box("stbl", func() { t.stbl(w, id) })
	})
}

func (t *track) stbl(w *boxes, id uint32) {
	w.full("stsd", 0, 0, func() {
		w.u32(uint32(len(t.entries)))
		for _, e := range t.entries {
			w.b = append(w.b, e...)
		}
	})
	last := t.durations
	last.add(uint32(max(1, t.end-t.last)))
	w.full("stts", 0, 0, func() { w.pairs(last) })
	if t.shifted {
		w.full("ctts", 1, 0, func() { w.pairs(t.offsets) })
	}
	if id == videoTrack {
		w.full("stss", 0, 0, func() { w.list(t.sync) })
	}
	w.full("stsc", 0, 0, func() {
		w.u32(uint32(len(t.samples)))
		for _, c := range t.samples {
			w.u32(c.first)
			w.u32(c.samples)
			w.u32(c.entry)
		}
	})
	w.full("stsz", 0, 0, func() {
		w.u32(0)
		w.list(t.sizes)
	})
	w.full("co64", 0, 0, func() {
		w.u32(uint32(len(t.chunks)))
		for _, c := range t.chunks {
			w.u64(uint64(c))
		}
	})
}

func (w *boxes) pairs(r runs) {
	w.u32(uint32(len(r)))
	for _, p := range r {
		w.u32(p.count)
		w.u32(p.value)
	}
}

func (w *boxes) list(values []uint32) {
	w.u32(uint32(len(values)))
	for _, v := range values {
		w.u32(v)
	}
}

// udta says what this file is, where common players and tools show it
// (QuickTime File Format, metadata item list).
func (m *movie) udta(w *boxes) {
	item := func(typ, text string) {
		w.box(typ, func() {
			w.box("data", func() {
				w.u32(1) // UTF-8
				w.u32(0)
				w.str(text)
			})
		})
	}
	w.box("udta", func() {
		w.full("meta", 0, 0, func() {
			w.full("hdlr", 0, 0, func() {
				w.u32(0)
				w.str("mdirappl")
				w.zero(9)
			})
			w.box("ilst", func() {
				item("\xa9nam", Mark)
				item("\xa9cmt", m.o.Comment())
			})
		})
	})
}

// Mark stands in the title and the comment of every viewing copy.
const Mark = "viewing copy, not evidence"

// Comment is what the file says of itself.
func (o Options) Comment() string {
	return Mark + "; session " + o.Session + "; camera " + o.Camera +
		"; starts " + o.From.UTC().Format("2006-01-02T15:04:05.000000Z") +
		"; ends " + o.To.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func ticks(d time.Duration, rate int64) int64 {
	us := d.Microseconds()*rate + 500_000
	q := us / 1_000_000
	if us%1_000_000 < 0 {
		q--
	}
	return q
}
