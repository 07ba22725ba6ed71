package packet

import (
	"encoding/binary"

	"lieciba"
)

// NAL unit types of H.264 (ITU-T H.264 table 7-1) and the two payload
// structures of RFC 6184 section 5.2.
const (
	h264SPS    = 7
	h264PPS    = 8
	h264AUD    = 9
	h264Filler = 12
	stapA      = 24
	fuA        = 28
)

// select264 returns the units to send: parameter sets first on a key frame,
// delimiters and filler left out.
func (p *Packetizer) select264(f lieciba.Frame) [][]byte {
	units := make([][]byte, 0, len(f.Units)+2)
	hasSPS, hasPPS := false, false
	for _, u := range f.Units {
		if len(u) == 0 {
			continue
		}
		switch u[0] & 0x1f {
		case h264AUD, h264Filler:
			continue
		case h264SPS:
			p.sps, hasSPS = u, true
		case h264PPS:
			p.pps, hasPPS = u, true
		}
		units = append(units, u)
	}
	if !f.Key || hasSPS && hasPPS || len(units) == 0 {
		return units
	}
	// Incomplete sets in the frame are replaced by the whole newest pair.
	sets := make([][]byte, 0, len(units)+2)
	for _, set := range [][]byte{p.sps, p.pps} {
		if len(set) > 0 {
			sets = append(sets, set)
		}
	}
	for _, u := range units {
		if t := u[0] & 0x1f; t != h264SPS && t != h264PPS {
			sets = append(sets, u)
		}
	}
	return sets
}

// unreferenced264 reports whether no slice of the frame is referred to:
// nal_ref_idc 0 (ITU-T H.264 section 7.4.1).
func unreferenced264(f lieciba.Frame) bool {
	for _, u := range f.Units {
		if len(u) > 0 && u[0]&0x1f >= 1 && u[0]&0x1f <= 5 && u[0]&0x60 != 0 {
			return false
		}
	}
	return true
}

// aggregate264 makes a STAP-A (RFC 6184 section 5.7.1).
func aggregate264(units [][]byte, size int) []byte {
	out := make([]byte, 1, size)
	for _, u := range units {
		// F is the or, NRI the maximum of the units'.
		out[0] = out[0]&0x80 | u[0]&0x80 | max(out[0]&0x60, u[0]&0x60) | stapA
		out = binary.BigEndian.AppendUint16(out, uint16(len(u)))
		out = append(out, u...)
	}
	return out
}

// fragment264 cuts a unit into FU-A payloads (RFC 6184 section 5.8).
func fragment264(w *writer, u []byte) {
	w.fragment(u[1:], 2, func(dst []byte, start, end bool) {
		dst[0] = u[0]&0xe0 | fuA
		dst[1] = u[0] & 0x1f
		setEnds(&dst[1], start, end)
	})
}

func setEnds(b *byte, start, end bool) {
	if start {
		*b |= 0x80
	}
	if end {
		*b |= 0x40
	}
}
