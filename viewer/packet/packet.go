// Package packet cuts access units into RTP payloads: H.264 (RFC 6184,
// packetization-mode 1) and H.265 (RFC 7798). The payloads of a frame are made
// once and shared by every viewer; only RTP headers differ between them.
//
// What the browser does not need is left out on the way out only: access unit
// delimiters and filler, and in a stream with B-frames the H.264 frames that no
// other refers to, because browsers show frames in the order of arrival.
// Parameter sets are put before every key frame.
package packet

import "lieciba"

// MaxPayload is the largest payload in bytes. With RTP header, extensions,
// SRTP tag, UDP and IPv6 headers a packet stays below the 1,280 bytes that
// every IPv6 path carries (RFC 8200 section 5).
const MaxPayload = 1180

// Frame is one access unit as RTP payloads, in order; the last one carries the
// marker bit. Immutable once made, and shared.
type Frame struct {
	lieciba.Frame
	Payloads [][]byte
	Bytes    int // sum of the payload sizes
}

// Packetizer turns the frames of one run into payloads. It remembers the
// newest parameter sets of the stream. Not safe for concurrent use.
type Packetizer struct {
	codec         lieciba.VideoCodec
	vps, sps, pps []byte
	newest        int64 // PTS
	reorders      bool  // frames come in another order than they are shown: B-frames
}

// New starts a packetizer with the parameter sets of the format.
func New(f lieciba.VideoFormat) *Packetizer {
	return &Packetizer{codec: f.Codec, vps: f.VPS, sps: f.SPS, pps: f.PPS}
}

// Packetize returns the payloads of one video frame. The frame's units are not
// changed; payloads may alias them. A frame that is left out has no payloads.
func (p *Packetizer) Packetize(f lieciba.Frame) Frame {
	w := writer{}
	if p.disposable(f) {
		return Frame{Frame: f}
	}
	if p.codec == lieciba.H265 {
		w.write(p.select265(f), aggregate265, fragment265)
	} else {
		w.write(p.select264(f), aggregate264, fragment264)
	}
	return Frame{Frame: f, Payloads: w.payloads, Bytes: w.bytes}
}

// disposable reports whether the frame is one that a stream with B-frames can
// do without. The first such frame gives the stream away.
func (p *Packetizer) disposable(f lieciba.Frame) bool {
	back := !f.Key && f.PTS < p.newest
	p.newest = max(p.newest, f.PTS)
	if f.Key {
		p.newest = f.PTS
	}
	p.reorders = p.reorders || back || f.DTS != f.PTS
	return p.reorders && p.codec == lieciba.H264 && !f.Key && unreferenced264(f)
}

// writer collects the payloads of one frame.
type writer struct {
	payloads [][]byte
	bytes    int
	pending  [][]byte // small units that may share a payload
	size     int      // of the aggregate of pending, in bytes
}

// write packs the units: neighbours that fit share an aggregate, a unit that
// fits stands alone, a larger one is cut.
func (w *writer) write(units [][]byte, aggregate func([][]byte, int) []byte, fragment func(*writer, []byte)) {
	flush := func() {
		switch len(w.pending) {
		case 0:
			return
		case 1:
			w.add(w.pending[0])
		default:
			w.add(aggregate(w.pending, w.size))
		}
		w.pending, w.size = w.pending[:0], 0
	}
	for _, u := range units {
		if len(u) > MaxPayload {
			flush()
			fragment(w, u)
			continue
		}
		if w.size == 0 {
			w.size = 2 // room for the longer of the two aggregate headers
		}
		if w.size+2+len(u) > MaxPayload {
			flush()
			w.size = 2
		}
		w.pending = append(w.pending, u)
		w.size += 2 + len(u)
	}
	flush()
}

func (w *writer) add(payload []byte) {
	w.payloads = append(w.payloads, payload)
	w.bytes += len(payload)
}

// fragment cuts body into equal pieces behind a header of n bytes that head
// fills in; start and end flags tell the first and the last piece.
func (w *writer) fragment(body []byte, n int, head func(dst []byte, start, end bool)) {
	room := MaxPayload - n
	count := (len(body) + room - 1) / room
	size := (len(body) + count - 1) / count
	buf := make([]byte, 0, len(body)+count*n) // one allocation for all pieces
	for i := 0; len(body) > 0; i++ {
		k := min(size, len(body))
		at := len(buf)
		buf = buf[:at+n]
		head(buf[at:], i == 0, k == len(body))
		buf = append(buf, body[:k]...)
		w.add(buf[at:len(buf):len(buf)])
		body = body[k:]
	}
}
