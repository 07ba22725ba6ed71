package h264gen

import "math/bits"

// bitWriter writes the bits of a raw byte sequence payload (H.264, 7.2).
type bitWriter struct {
	buf  []byte
	acc  uint64 // bits that are not in buf yet, right-aligned
	nacc uint   // how many, below 8 between calls
}

// reset empties w and keeps its memory.
func (w *bitWriter) reset() { w.buf, w.acc, w.nacc = w.buf[:0], 0, 0 }

// u writes the n low bits of v, n at most 32: the descriptor u(n).
func (w *bitWriter) u(n uint, v uint32) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	for w.nacc += n; w.nacc >= 8; {
		w.nacc -= 8
		w.buf = append(w.buf, byte(w.acc>>w.nacc))
	}
}

func (w *bitWriter) flag(on bool) {
	if on {
		w.u(1, 1)
	} else {
		w.u(1, 0)
	}
}

// ue writes an unsigned Exp-Golomb code (9.1).
func (w *bitWriter) ue(v uint32) {
	n := uint(bits.Len32(v+1)) - 1
	w.u(n, 0)
	w.u(n+1, v+1)
}

// se writes a signed Exp-Golomb code (9.1.1).
func (w *bitWriter) se(v int32) {
	if v > 0 {
		w.ue(uint32(2*v - 1))
	} else {
		w.ue(uint32(-2 * v))
	}
}

// trailing ends the payload: rbsp_trailing_bits (7.3.2.11).
func (w *bitWriter) trailing() {
	w.u(1, 1)
	if w.nacc > 0 {
		w.u(8-w.nacc, 0)
	}
}

// nalUnit puts the header byte before the payload and inserts
// emulation_prevention_three_byte (7.4.1). The result is newly allocated.
func nalUnit(header byte, rbsp []byte) []byte {
	out := make([]byte, 1, len(rbsp)+len(rbsp)/64+8)
	out[0] = header
	zeros := 0
	for _, b := range rbsp {
		if zeros == 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
