package storage

import (
	"encoding/binary"
	"time"

	"lieciba"
)

// The fragment index of a segment is kept as one compact value in the segment's
// row: a seek reads it with the row, and a million segments stay small (about
// ten bytes a fragment). Layout: version, count, then for each fragment the
// differences to the one before, as varints (encoding/binary):
//
//	From (µs, signed) · PTS (ticks, signed) · Offset − end of the one before
//	(bytes, signed) · Size (bytes, signed) · Frames·2 + Key
const fragmentsVersion = 1

// minFragment is the least number of bytes a fragment can take.
const minFragment = 5

// EncodeFragments packs a segment's fragments. Times are cut to the microsecond.
func EncodeFragments(list []lieciba.Fragment) []byte {
	b := make([]byte, 0, 2+12*len(list)+16)
	b = append(b, fragmentsVersion)
	b = binary.AppendUvarint(b, uint64(len(list)))
	var from, pts, end int64
	for _, f := range list {
		us := f.From.UnixMicro()
		b = binary.AppendVarint(b, us-from)
		b = binary.AppendVarint(b, f.PTS-pts)
		b = binary.AppendVarint(b, f.Offset-end)
		b = binary.AppendVarint(b, f.Size)
		n := int64(f.Frames) << 1
		if f.Key {
			n |= 1
		}
		b = binary.AppendVarint(b, n)
		from, pts, end = us, f.PTS, f.Offset+f.Size
	}
	return b
}

// DecodeFragments unpacks what EncodeFragments packed; nil for none. The error
// is CodeCorrupt; no input makes it panic or allocate more than a small multiple
// of len(b).
func DecodeFragments(b []byte) ([]lieciba.Fragment, error) {
	if len(b) == 0 || b[0] != fragmentsVersion {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the fragment index has no version that this program knows")
	}
	r := varints{b: b[1:]}
	count := r.uint()
	if r.bad || count > uint64(len(r.b)/minFragment) {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the fragment index is shorter than its count")
	}
	if count == 0 && len(r.b) == 0 {
		return nil, nil
	}
	list := make([]lieciba.Fragment, 0, count)
	var from, pts, end int64
	for range count {
		from += r.int()
		pts += r.int()
		f := lieciba.Fragment{From: time.UnixMicro(from).UTC(), PTS: pts, Offset: end + r.int(), Size: r.int()}
		n := r.int()
		f.Frames, f.Key = int(n>>1), n&1 == 1
		end = f.Offset + f.Size
		list = append(list, f)
	}
	if r.bad || len(r.b) != 0 {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the fragment index is torn")
	}
	return list, nil
}

// varints reads varints until the first bad one, then zeroes.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	return skip(r, v, n)
}

func (r *varints) int() int64 {
	v, n := binary.Varint(r.b)
	return skip(r, v, n)
}

func skip[T any](r *varints, v T, n int) T {
	if n <= 0 || r.bad {
		r.bad, r.b = true, nil
		var zero T
		return zero
	}
	r.b = r.b[n:]
	return v
}
