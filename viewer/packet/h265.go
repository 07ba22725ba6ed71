package packet

import (
	"encoding/binary"

	"lieciba"
)

// NAL unit types of H.265 (ITU-T H.265 table 7-1) and the two payload
// structures of RFC 7798 section 4.4.
const (
	h265VPS    = 32
	h265SPS    = 33
	h265PPS    = 34
	h265AUD    = 35
	h265Filler = 38
	ap265      = 48
	fu265      = 49
)

func type265(u []byte) byte { return u[0] >> 1 & 0x3f }

// select265 is select264 for H.265.
func (p *Packetizer) select265(f lieciba.Frame) [][]byte {
	units := make([][]byte, 0, len(f.Units)+3)
	seen := 0
	for _, u := range f.Units {
		if len(u) < 2 {
			continue
		}
		switch type265(u) {
		case h265AUD, h265Filler:
			continue
		case h265VPS:
			p.vps = u
			seen |= 1
		case h265SPS:
			p.sps = u
			seen |= 2
		case h265PPS:
			p.pps = u
			seen |= 4
		}
		units = append(units, u)
	}
	if !f.Key || seen == 7 || len(units) == 0 {
		return units
	}
	sets := make([][]byte, 0, len(units)+3)
	for _, set := range [][]byte{p.vps, p.sps, p.pps} {
		if len(set) >= 2 {
			sets = append(sets, set)
		}
	}
	for _, u := range units {
		if t := type265(u); t < h265VPS || t > h265PPS {
			sets = append(sets, u)
		}
	}
	return sets
}

// aggregate265 makes an aggregation packet (RFC 7798 section 4.4.2).
func aggregate265(units [][]byte, size int) []byte {
	out := make([]byte, 2, size)
	layer, tid := byte(0x3f), byte(7)
	for _, u := range units {
		out[0] |= u[0] & 0x80
		layer = min(layer, u[0]&1<<5|u[1]>>3)
		tid = min(tid, u[1]&7)
		out = binary.BigEndian.AppendUint16(out, uint16(len(u)))
		out = append(out, u...)
	}
	out[0] |= ap265<<1 | layer>>5
	out[1] = layer<<3 | tid
	return out
}

// fragment265 cuts a unit into fragmentation units (RFC 7798 section 4.4.3).
func fragment265(w *writer, u []byte) {
	w.fragment(u[2:], 3, func(dst []byte, start, end bool) {
		dst[0] = u[0]&0x81 | fu265<<1
		dst[1] = u[1]
		dst[2] = type265(u)
		setEnds(&dst[2], start, end)
	})
}
