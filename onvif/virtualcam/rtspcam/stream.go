package rtspcam

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	mrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"lieciba/onvif/virtualcam/picture"
)

// payload is the most bytes of RTP payload in a packet.
const payload = 1400

// stream is one RTSP path. Its methods are called with the server's lock held.
type stream struct {
	cfg     Config
	scene   *picture.Scene
	out     *gortsplib.ServerStream
	readers atomic.Int32
	video   *track
	encoder *rtph264.Encoder
	sound   *sound // nil: none
	filler  int    // bytes a frame is brought to
	index   int    // frames since the start
	began   time.Time
	report  time.Time // when the next sender report is due
}

// track counts what a sender report tells of one media.
type track struct {
	media           *description.Media
	ssrc            uint32
	base            uint32 // RTP timestamp of began
	rate            int
	packets, octets uint32
}

func newStream(server *gortsplib.Server, c Config, width, height, bitrate int) (*stream, error) {
	scene, err := picture.New(picture.Config{Width: width, Height: height, DeclaredRate: c.DeclaredFPS, Name: c.Name})
	if err != nil {
		return nil, err
	}
	forma := &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: scene.Encoder.SPS(), PPS: scene.Encoder.PPS()}
	video := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{forma}}
	s := &stream{cfg: c, scene: scene, filler: bitrate / 8 / c.FPS, began: time.Now()}
	s.video = newTrack(video, 90_000)
	ssrc := s.video.ssrc
	s.encoder = &rtph264.Encoder{PayloadType: 96, PacketizationMode: 1, SSRC: &ssrc, PayloadMaxSize: payload}
	if err := s.encoder.Init(); err != nil {
		return nil, err
	}
	medias := []*description.Media{video}
	if c.Audio != "" {
		if s.sound, err = newSound(c.Audio, s.began); err != nil {
			return nil, err
		}
		medias = append(medias, s.sound.track.media)
	}
	s.out = &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: medias}}
	return s, s.out.Initialize()
}

func newTrack(m *description.Media, rate int) *track {
	return &track{media: m, ssrc: random32(), base: random32(), rate: rate}
}

func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return binary.BigEndian.Uint32(b[:])
}

// timestamp is the RTP time of an instant.
func (t *track) timestamp(began, at time.Time) uint32 {
	return t.base + uint32(at.Sub(began).Microseconds()*int64(t.rate)/1_000_000)
}

// frame makes one picture of now, its sound, and a sender report when one is due.
func (s *stream) frame(now time.Time, skew time.Duration, loss float64) {
	key := s.index%s.cfg.GOP == 0
	s.index++
	if s.readers.Load() == 0 {
		return
	}
	if s.cfg.SenderReports > 0 && !now.Before(s.report) {
		s.report = now.Add(s.cfg.SenderReports)
		s.sendReports(now, skew)
	}
	var unit [][]byte
	if key {
		unit = append(s.scene.IDR(now), label(s.cfg.Name, now))
		unit[len(unit)-1], unit[len(unit)-2] = unit[len(unit)-2], unit[len(unit)-1] // SEI stands before the slice
	} else {
		unit = s.scene.P(now)
	}
	packets, err := s.encoder.Encode(s.pad(unit))
	if err != nil {
		return // a unit that cannot be packed: none that is drawn here
	}
	at := s.video.timestamp(s.began, now)
	for _, p := range packets {
		p.Timestamp = at
		s.send(s.video, p, loss)
	}
	if s.sound != nil {
		for _, p := range s.sound.until(now) {
			s.send(s.sound.track, p, loss)
		}
	}
}

func (s *stream) send(t *track, p *rtp.Packet, loss float64) {
	t.packets++
	t.octets += uint32(len(p.Payload))
	if loss > 0 && mrand.Float64() < loss {
		return
	}
	_ = s.out.WritePacketRTP(t.media, p) // a reader that is gone is no fault of the camera
}

// fillerUnit is shared by all cameras: NAL type 12 (7.3.2.7) of any length is a
// slice of it.
var fillerUnit = bytes.Repeat([]byte{0xff}, 1<<20)

// pad brings an access unit to the wanted size with one filler NAL unit.
func (s *stream) pad(unit [][]byte) [][]byte {
	n := s.filler
	for _, u := range unit {
		n -= len(u)
	}
	if n < 3 {
		return unit
	}
	f := make([]byte, min(n, len(fillerUnit)))
	f[0] = 12
	copy(f[1:], fillerUnit)
	f[len(f)-1] = 0x80 // rbsp_trailing_bits
	return append(unit, f)
}

// label is an SEI message user_data_unregistered (H.264 D.1.7) with the
// camera's name and the instant, so that tests can follow it into the archive.
func label(name string, at time.Time) []byte {
	text := name + " " + at.UTC().Format(time.RFC3339Nano)
	uuid := []byte("lieciba-camera-1") // 16 bytes
	size := len(uuid) + len(text)
	if size > 254 {
		text = text[:254-len(uuid)]
		size = 254
	}
	nal := append([]byte{6, 5, byte(size)}, uuid...)
	nal = append(nal, text...)
	return append(nal, 0x80)
}

// sendReports tells readers which wall-clock time belongs to which RTP time
// (RFC 3550 section 6.4.1), by the camera's own clock.
func (s *stream) sendReports(now time.Time, skew time.Duration) {
	tracks := []*track{s.video}
	if s.sound != nil {
		tracks = append(tracks, s.sound.track)
	}
	for _, t := range tracks {
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
