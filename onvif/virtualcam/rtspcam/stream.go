package rtspcam

import (
	"crypto/rand"
	"encoding/binary"
	mrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"lieciba"
)

// payload is the most bytes of RTP payload in a packet.
const payload = 1400

// stream is one RTSP path. Its methods are called with the server's lock held.
type stream struct {
	cfg     Config
	out     *gortsplib.ServerStream
	readers atomic.Int32
	source  video
	packer  packer
	video   *track
	sound   *sound // nil: none
	index   int    // frames since a key frame was asked for
	began   time.Time
	report  time.Time // when the next sender report is due
}

// track counts what a sender report tells of one media.
type track struct {
	media           *description.Media
	ssrc            uint32
	base            uint32 // RTP timestamp of began
	shift           uint16 // added to sequence numbers
	other           bool   // ssrc is not the server's: see gateConn.Write
	rate            int
	packets, octets uint32
}

func newStream(server *gortsplib.Server, c Config, width, height, bitrate int) (*stream, error) {
	s := &stream{cfg: c, began: time.Now()}
	var err error
	if s.source, err = newVideo(c, width, height, bitrate); err != nil {
		return nil, err
	}
	if s.packer, err = s.source.packer(); err != nil {
		return nil, err
	}
	media := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{s.source.format()}}
	s.video = newTrack(media, 90_000)
	medias := []*description.Media{media}
	if c.Audio != "" {
		if s.sound, err = newSound(c.Audio, s.began); err != nil {
			return nil, err
		}
		medias = append(medias, s.sound.track.media)
	}
	s.out = &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: medias}}
	if err := s.out.Initialize(); err != nil {
		return nil, err
	}
	for _, t := range s.tracks() { // the server picks the SSRC of what it sends
		t.ssrc = s.out.Stats().Medias[t.media].Formats[t.media.Formats[0]].LocalSSRC
	}
	return s, nil
}

func newTrack(m *description.Media, rate int) *track {
	return &track{media: m, base: random32(), rate: rate}
}

func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return binary.BigEndian.Uint32(b[:])
}

func (s *stream) tracks() []*track {
	if s.sound == nil {
		return []*track{s.video}
	}
	return []*track{s.video, s.sound.track}
}

// timestamp is the RTP time of an instant.
func (t *track) timestamp(began, at time.Time) uint32 {
	return t.base + uint32(at.Sub(began).Microseconds()*int64(t.rate)/1_000_000)
}

// renumber goes on with other timestamps and sequence numbers, and a key frame.
func (s *stream) renumber() {
	for _, t := range s.tracks() {
		t.ssrc, t.other, t.base, t.shift, t.packets, t.octets = random32(), true, random32(), uint16(random32()), 0, 0
	}
	s.index, s.report = 0, time.Time{}
}

// resize goes on with pictures of another size, told in band only.
func (s *stream) resize(width, height, bitrate int) error {
	if s.cfg.Video == lieciba.H265 {
		return lieciba.Invalid("size", "the recorded H.265 has one size")
	}
	source, err := newVideo(s.cfg, width, height, bitrate)
	if err != nil {
		return err
	}
	s.source, s.index = source, 0
	if f, ok := source.format().(*format.H264); ok {
		s.video.media.Formats[0].(*format.H264).SafeSetParams(f.SPS, f.PPS) // for who asks from now on
	}
	return nil
}

// frame makes one picture of now, its sound, and a sender report when one is due.
func (s *stream) frame(now time.Time, f faults) {
	index := s.index
	s.index++
	if s.readers.Load() == 0 {
		return
	}
	if s.cfg.SenderReports > 0 && !f.noReports && !now.Before(s.report) {
		s.report = now.Add(s.cfg.SenderReports)
		s.sendReports(now, f.skew)
	}
	shown := now
	if f.still {
		shown = f.stillSince
	}
	if f.noKeys && index%s.cfg.GOP == 0 { // its place in time stays empty
		return
	}
	if d, ok := s.source.(*drawn); ok {
		d.scene.SetDark(f.dark)
	}
	packets, err := s.packer.Encode(s.source.unit(shown, index))
	if err != nil {
		return // a unit that cannot be packed: none that is made here
	}
	at := s.video.timestamp(s.began, now)
	for _, p := range packets {
		p.Timestamp = at
	}
	s.send(s.video, packets, f)
	if s.sound != nil {
		s.send(s.sound.track, s.sound.until(now, f.silent), f)
	}
}

// send writes packets to all readers, without those that a fault loses and in
// the order that a fault makes.
func (s *stream) send(t *track, packets []*rtp.Packet, f faults) {
	for i := 1; i < len(packets); i++ { // packets carry their numbers already
		if f.reorder > 0 && mrand.Float64() < f.reorder {
			packets[i-1], packets[i] = packets[i], packets[i-1]
		}
	}
	for _, p := range packets {
		p.SequenceNumber += t.shift
		if t.other {
			p.CSRC = []uint32{t.ssrc}
		}
		t.packets++
		t.octets += uint32(len(p.Payload))
		if f.loss > 0 && mrand.Float64() < f.loss {
			continue
		}
		_ = s.out.WritePacketRTP(t.media, p) // a reader that is gone is no fault of the camera
	}
}

// sendReports tells readers which wall-clock time belongs to which RTP time
// (RFC 3550 section 6.4.1), by the camera's own clock.
func (s *stream) sendReports(now time.Time, skew time.Duration) {
	for _, t := range s.tracks() {
		sr := &rtcp.SenderReport{SSRC: t.ssrc, NTPTime: ntp(now.Add(skew)), RTPTime: t.timestamp(s.began, now),
			PacketCount: t.packets, OctetCount: t.octets}
		_ = s.out.WritePacketRTCP(t.media, sr) // as for send
	}
}

// ntp is a 64-bit NTP time (RFC 5905 section 6): seconds since 1900 and a
// binary fraction.
func ntp(t time.Time) uint64 {
	const since1900 = 2_208_988_800
	sec := uint64(t.Unix() + since1900)
	return sec<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}
