package ingest

import (
	"errors"

	"github.com/pion/rtp"

	"lieciba"
)

// Bounds on one access unit; a camera that exceeds them is faulty or hostile.
const (
	maxUnitSize  = 16 << 20
	maxNALs      = 512
	maxFragments = 32 << 10 // of one NAL unit; each keeps its packet in memory
)

var (
	errShort  = errors.New("an RTP payload is shorter than its own headers say")
	errTooBig = errors.New("an access unit is over 16 MiB, 512 NAL units or 32768 fragments")
	errKind   = errors.New("an RTP payload structure that is not supported (interleaved mode)")
	errTorn   = errors.New("a fragment of a NAL unit is missing")
)

// depacketizer puts NAL units together again: RFC 6184 (single, STAP-A, FU-A;
// modes 0 and 1) and RFC 7798 (single, AP, FU, without DON). gortsplib's own
// decoders are not used for video because they look for start codes inside NAL
// units and split there, which breaks signed SEI: here every byte stays.
//
// An access unit ends with the marker bit, if it holds a picture, or with a new
// timestamp. Units without a picture (parameter sets sent on their own) are
// carried over into the next one. Not safe for concurrent use.
type depacketizer struct {
	codec lieciba.VideoCodec

	nals      [][]byte
	size      int
	picture   bool
	damaged   bool
	rtp       uint32
	first     rtpArrival
	fragments [][]byte // bodies of the NAL unit under way
	fragSize  int      // with its header; 0: none is under way
	header    [2]byte
	nextSeq   uint16
	haveSeq   bool
}

// rtpArrival is set by the caller: when the packet came.
type rtpArrival = int64

// accessUnit is what add completes.
type accessUnit struct {
	nals    [][]byte
	rtp     uint32
	arrival rtpArrival // of its first packet, Unix nanoseconds on the time line
	damaged bool
}

// add takes one packet in. It calls emit for each access unit that it
// completes. An error is about this packet only; the next one may be fine.
func (d *depacketizer) add(p *rtp.Packet, arrival rtpArrival, emit func(accessUnit)) error {
	lost := d.haveSeq && p.SequenceNumber != d.nextSeq
	d.haveSeq, d.nextSeq = true, p.SequenceNumber+1
	if lost {
		d.dropFragments()
		d.damaged = true
	}
	if len(d.nals) > 0 && p.Timestamp != d.rtp {
		d.flush(emit)
	}
	if len(d.nals) == 0 && d.fragSize == 0 {
		d.first = arrival
	}
	d.rtp = p.Timestamp
	err := d.payload(p.Payload)
	if err != nil {
		d.damaged = true
	}
	if p.Marker && d.picture && d.fragSize == 0 {
		d.flush(emit)
	}
	return err
}

// flush emits what is there if it holds a picture; else it stays for the next.
func (d *depacketizer) flush(emit func(accessUnit)) {
	if !d.picture {
		return
	}
	au := accessUnit{nals: d.nals, rtp: d.rtp, arrival: d.first, damaged: d.damaged}
	d.nals, d.size, d.picture, d.damaged = nil, 0, false, false
	emit(au)
}

func (d *depacketizer) payload(b []byte) error {
	if d.codec == lieciba.H264 {
		return d.payload264(b)
	}
	return d.payload265(b)
}

func (d *depacketizer) payload264(b []byte) error {
	if len(b) < 1 {
		return errShort
	}
	switch t := b[0] & 0x1f; {
	case t >= 1 && t <= 23:
		return d.take(b)
	case t == 24: // STAP-A
		return d.aggregate(b[1:])
	case t == 28: // FU-A
		if len(b) < 2 {
			return errShort
		}
		return d.fragment(b[1], b[2:], 1, [2]byte{b[0]&0xe0 | b[1]&0x1f})
	}
	return errKind
}

func (d *depacketizer) payload265(b []byte) error {
	if len(b) < 2 {
		return errShort
	}
	switch t := b[0] >> 1 & 0x3f; {
	case t < 48:
		return d.take(b)
	case t == 48: // aggregation packet
		return d.aggregate(b[2:])
	case t == 49: // fragmentation unit
		if len(b) < 3 {
			return errShort
		}
		return d.fragment(b[2], b[3:], 2, [2]byte{b[0]&0x81 | b[2]&0x3f<<1, b[1]})
	}
	return errKind
}

// aggregate reads 16-bit sizes, each followed by a NAL unit. Zero padding at
// the end is passed over.
func (d *depacketizer) aggregate(b []byte) error {
	for len(b) >= 2 {
		n := int(b[0])<<8 | int(b[1])
		if n == 0 {
			return nil
		}
		if n > len(b)-2 {
			return errShort
		}
		if err := d.take(b[2 : 2+n : 2+n]); err != nil {
			return err
		}
		b = b[2+n:]
	}
	if len(b) != 0 && b[0] != 0 {
		return errShort
	}
	return nil
}

// fragment adds one fragment; the first n bytes of header are the NAL unit's
// own, rebuilt. Start and end in one packet is forbidden but seen, and taken.
func (d *depacketizer) fragment(fu byte, body []byte, n int, header [2]byte) error {
	if fu&0x80 != 0 {
		d.dropFragments()
		d.header, d.fragSize = header, n
	} else if d.fragSize == 0 {
		return errTorn
	}
	if d.size+d.fragSize+len(body) > maxUnitSize || len(d.fragments) >= maxFragments {
		d.dropFragments()
		return errTooBig
	}
	d.fragments = append(d.fragments, body)
	d.fragSize += len(body)
	if fu&0x40 == 0 {
		return nil
	}
	nal := append(make([]byte, 0, d.fragSize), d.header[:n]...)
	for _, f := range d.fragments {
		nal = append(nal, f...)
	}
	d.dropFragments()
	return d.take(nal)
}

func (d *depacketizer) dropFragments() {
	clear(d.fragments) // packets must not be kept alive
	d.fragments, d.fragSize = d.fragments[:0], 0
}

// take adds a whole NAL unit. It keeps the slice: packets own their memory.
func (d *depacketizer) take(nal []byte) error {
	if len(d.nals) >= maxNALs || d.size+len(nal) > maxUnitSize {
		d.nals, d.size, d.picture = nil, 0, false
		return errTooBig
	}
	if d.nals == nil {
		d.nals = make([][]byte, 0, 4)
	}
	d.nals = append(d.nals, nal)
	d.size += len(nal)
	d.picture = d.picture || kindOf(d.codec, nal).picture()
	return nil
}
