package segment

import (
	"encoding/binary"
)

// boxWriter appends boxes to b. It allocates only to grow b.
type boxWriter struct{ b []byte }

// open starts a box and returns where, for end.
func (w *boxWriter) open(typ string) int {
	at := len(w.b)
	w.b = append(w.b, 0, 0, 0, 0, typ[0], typ[1], typ[2], typ[3])
	return at
}

// full starts a full box (ISO/IEC 14496-12, 4.2).
func (w *boxWriter) full(typ string, version byte, flags uint32) int {
	at := w.open(typ)
	w.u32(uint32(version)<<24 | flags)
	return at
}

// uuid starts a uuid box that is a full box of version 0.
func (w *boxWriter) uuid(id *[16]byte) int {
	at := w.open("uuid")
	w.b = append(w.b, id[:]...)
	w.u32(0)
	return at
}

// end writes the size of the box that was started at.
func (w *boxWriter) end(at int) { binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at)) }

func (w *boxWriter) u8(v byte)      { w.b = append(w.b, v) }
func (w *boxWriter) u16(v uint16)   { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *boxWriter) u32(v uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *boxWriter) u64(v uint64)   { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *boxWriter) bytes(p []byte) { w.b = append(w.b, p...) }
func (w *boxWriter) str(s string)   { w.b = append(w.b, s...) }
func (w *boxWriter) zero(n int) {
	for range n {
		w.b = append(w.b, 0)
	}
}

// matrix writes the unity matrix.
func (w *boxWriter) matrix() {
	for _, v := range [9]uint32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000} {
		w.u32(v)
	}
}

// box is one box inside a buffer: its type and what follows the header.
type box struct {
	typ     string
	payload []byte
}

// nextBox splits the first box off b. Sizes of 0 (to the end) and 1 (64 bits)
// are never written and are refused.
func nextBox(b []byte) (box, []byte, error) {
	if len(b) < 8 {
		return box{}, nil, corrupt("a box header is cut off")
	}
	size := binary.BigEndian.Uint32(b)
	if size < 8 || uint64(size) > uint64(len(b)) {
		return box{}, nil, corrupt("box %q of %d bytes does not fit", b[4:8], size)
	}
	return box{string(b[4:8]), b[8:size]}, b[size:], nil
}

// eachBox calls fn for every box in b, in order, up to fn's first error.
func eachBox(b []byte, fn func(box) error) error {
	for len(b) > 0 {
		x, rest, err := nextBox(b)
		if err != nil {
			return err
		}
		if err := fn(x); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// child returns the payload of the first box of a type inside b.
func child(b []byte, typ string) ([]byte, error) {
	for len(b) > 0 {
		x, rest, err := nextBox(b)
		if err != nil {
			return nil, err
		}
		if x.typ == typ {
			return x.payload, nil
		}
		b = rest
	}
	return nil, corrupt("box %q is missing", typ)
}

// cursor reads big-endian fields; once a read does not fit, bad is set and
// every read gives 0.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u8() byte {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}
