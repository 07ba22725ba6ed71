package viewing

import (
	"encoding/binary"
)

var be = binary.BigEndian

// boxes appends ISO base media boxes.
type boxes struct{ b []byte }

// box writes one box around what content appends.
func (w *boxes) box(typ string, content func()) {
	at := len(w.b)
	w.b = append(w.b, 0, 0, 0, 0)
	w.b = append(w.b, typ...)
	content()
	be.PutUint32(w.b[at:], uint32(len(w.b)-at))
}

// full writes a full box.
func (w *boxes) full(typ string, version byte, flags uint32, content func()) {
	w.box(typ, func() {
		w.u32(uint32(version)<<24 | flags)
		content()
	})
}

func (w *boxes) u16(v uint16) { w.b = be.AppendUint16(w.b, v) }
func (w *boxes) u32(v uint32) { w.b = be.AppendUint32(w.b, v) }
func (w *boxes) u64(v uint64) { w.b = be.AppendUint64(w.b, v) }
func (w *boxes) str(s string) { w.b = append(w.b, s...) }
func (w *boxes) zero(n int)   { w.b = append(w.b, make([]byte, n)...) }

// matrix writes the unity matrix.
func (w *boxes) matrix() {
	for _, v := range [9]uint32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000} {
		w.u32(v)
	}
}

// each calls fn for the boxes in b, as far as they are whole, until it says no.
func each(b []byte, fn func(typ string, box, payload []byte) bool) {
	for len(b) >= 8 {
		n := int64(be.Uint32(b))
		if n < 8 || n > int64(len(b)) || !fn(string(b[4:8]), b[:n:n], b[8:n:n]) {
			return
		}
		b = b[n:]
	}
}

// find returns the payload of the first box at the end of the path, or nil.
func find(b []byte, path ...string) []byte {
	for _, want := range path {
		var found []byte
		each(b, func(typ string, _, payload []byte) bool {
			if typ == want {
				found = payload
			}
			return found == nil
		})
		if found == nil {
			return nil
		}
		b = found
	}
	return b
}
