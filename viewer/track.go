package viewer

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"lieciba"
)

// nackHistory is how many packets of a track can be sent again.
const nackHistory = 1024

// errNotBound: the track was not negotiated, or its connection is gone.
var errNotBound = errors.New("track is not bound")

// track is one outgoing RTP stream of one viewer: own sequence numbers, own
// SSRC, its retransmission history and its sender reports. Payloads are shared
// with other viewers and never copied or changed. It implements
// webrtc.TrackLocal. Safe for concurrent use.
type track struct {
	id, stream string
	kind       webrtc.RTPCodecType
	codec      codec

	mu      sync.Mutex
	writer  webrtc.TrackLocalWriter // nil: not bound
	header  rtp.Header              // reused for every packet
	seq     uint16
	history [nackHistory]sentPacket
	packets uint32
	octets  uint32 // of payload, as sender reports count them
	bytes   uint64 // of payload, retransmissions too
	resent  uint64
	started bool
	last    mark
}

type sentPacket struct {
	payload []byte // nil: empty slot
	seq     uint16
	ts      uint32
	marker  bool
}

// mark ties an RTP timestamp to the wall clock of its picture or sound, and to
// the moment at which it was sent.
type mark struct {
	ts   uint32
	wall time.Time // what the sender report says
	sent time.Time
}

func newTrack(kind webrtc.RTPCodecType, id, stream string, c codec) *track {
	return &track{id: id, stream: stream, kind: kind, codec: c, seq: uint16(rand.Uint32())}
}

// Bind implements webrtc.TrackLocal: it takes the negotiated payload type.
func (t *track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range c.CodecParameters() {
		if !strings.EqualFold(p.MimeType, t.kind.String()+"/"+t.codec.name) || uint8(p.PayloadType) != t.codec.pt {
			continue
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.header = rtp.Header{Version: 2, PayloadType: t.codec.pt, SSRC: uint32(c.SSRC())}
		for _, e := range c.HeaderExtensions() {
			if e.URI != playoutDelay || t.kind != webrtc.RTPCodecTypeVideo {
				continue
			}
			// 0/0: show each frame as soon as it is decoded.
			if err := t.header.SetExtension(uint8(e.ID), []byte{0, 0, 0}); err != nil {
				return webrtc.RTPCodecParameters{}, err
			}
		}
		t.writer = c.WriteStream()
		return p, nil
	}
	return webrtc.RTPCodecParameters{}, lieciba.Errorf(lieciba.CodeUnsupported, "%s was not negotiated", t.codec.name)
}

// Unbind implements webrtc.TrackLocal.
func (t *track) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = nil
	return nil
}

// ID, RID, StreamID and Kind implement webrtc.TrackLocal.
func (t *track) ID() string                { return t.id }
func (t *track) RID() string               { return "" }
func (t *track) StreamID() string          { return t.stream }
func (t *track) Kind() webrtc.RTPCodecType { return t.kind }

// write sends one packet.
func (t *track) write(payload []byte, ts uint32, marker bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writer == nil {
		return errNotBound
	}
	p := sentPacket{payload: payload, seq: t.seq, ts: ts, marker: marker}
	t.seq++
	t.history[p.seq%nackHistory] = p
	t.packets++
	t.octets += uint32(len(payload))
	return t.send(p)
}

func (t *track) send(p sentPacket) error {
	t.header.SequenceNumber, t.header.Timestamp, t.header.Marker = p.seq, p.ts, p.marker
	n, err := t.writer.WriteRTP(&t.header, p.payload)
	t.bytes += uint64(n)
	return err
}

// resend sends the named packets again, if they are still known. An error ends
// it: the connection is gone then.
func (t *track) resend(seqs ...uint16) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, seq := range seqs {
		p := t.history[seq%nackHistory]
		if t.writer == nil || p.payload == nil || p.seq != seq {
			continue
		}
		t.resent++
		if err := t.send(p); err != nil {
			return err
		}
	}
	return nil
}

// resendLast sends the newest packet again: if it was lost, the receiver learns
// of it; if not, SRTP drops the copy.
func (t *track) resendLast() error {
	t.mu.Lock()
	seq := t.seq - 1
	t.mu.Unlock()
	return t.resend(seq)
}

// note records which wall clock the frame sent last has.
func (t *track) note(ts uint32, wall, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.started = mark{ts, wall, now}, true
}

// report makes a sender report for now (RFC 3550 section 6.4.1); nil before the
// first frame. Tracks that note the same wall clock are in step by it.
func (t *track) report(now time.Time) rtcp.Packet {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started || t.writer == nil {
		return nil
	}
	gone := now.Sub(t.last.sent)
	return &rtcp.SenderReport{
		SSRC:        t.header.SSRC,
		NTPTime:     ntp(t.last.wall.Add(gone)),
		RTPTime:     t.last.ts + uint32(gone.Seconds()*float64(t.codec.clock)),
		PacketCount: t.packets,
		OctetCount:  t.octets,
	}
}

// ntp is the 64-bit NTP timestamp (RFC 5905 section 6): seconds since 1900 and
// a binary fraction.
func ntp(t time.Time) uint64 {
	const to1900 = 2208988800
	ns := uint64(t.Nanosecond())
	return uint64(t.Unix()+to1900)<<32 | ns<<32/1e9
}

// counts returns payload bytes sent and packets sent again.
func (t *track) counts() (bytes, resent uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes, t.resent
}
