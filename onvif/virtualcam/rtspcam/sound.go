package rtspcam

import (
	"bytes"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtplpcm"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpsimpleaudio"
	"github.com/pion/rtp"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam/tone"
)

// sound makes the packets of the tone.
type sound struct {
	track *track
	began time.Time
	sent  int64 // samples
	chunk int64 // samples a packet
	next  func(silent bool) ([]*rtp.Packet, error)
}

func newSound(codec lieciba.AudioCodec, began time.Time) (*sound, error) {
	switch codec {
	case lieciba.AAC:
		return newAAC(began)
	case lieciba.Opus:
		return newOpus(began)
	case lieciba.PCMA, lieciba.PCMU:
	default:
		return nil, lieciba.Invalid("audio", "unknown codec %q: use aac, opus, pcma or pcmu", codec)
	}
	mulaw := codec == lieciba.PCMU
	forma := &format.G711{MULaw: mulaw, SampleRate: tone.G711Rate, ChannelCount: 1, PayloadTyp: 8}
	if mulaw {
		forma.PayloadTyp = 0
	}
	s := &sound{track: newTrack(media(forma), tone.G711Rate), began: began, chunk: 160} // 20 ms
	enc := &rtplpcm.Encoder{PayloadType: forma.PayloadTyp, BitDepth: 8, ChannelCount: 1, PayloadMaxSize: payload}
	period := tone.G711(mulaw)
	samples := make([]byte, 0, s.chunk)
	for range int(s.chunk) / len(period) {
		samples = append(samples, period...)
	}
	nothing := bytes.Repeat([]byte{tone.SilentG711(mulaw)}, int(s.chunk))
	s.next = func(silent bool) ([]*rtp.Packet, error) {
		if silent {
			return enc.Encode(nothing)
		}
		return enc.Encode(samples)
	}
	return s, enc.Init()
}

func newAAC(began time.Time) (*sound, error) {
	units, config := tone.AAC()
	forma := &format.MPEG4Audio{PayloadTyp: 97, Config: config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
	s := &sound{track: newTrack(media(forma), tone.AACRate), began: began, chunk: tone.SamplesPerAAC}
	enc := &rtpmpeg4audio.Encoder{PayloadType: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3, PayloadMaxSize: payload}
	i := 0
	s.next = func(silent bool) ([]*rtp.Packet, error) {
		if silent {
			return enc.Encode([][]byte{tone.SilentAAC()})
		}
		i++
		return enc.Encode(units[(i-1)%len(units) : (i-1)%len(units)+1])
	}
	return s, enc.Init()
}

func newOpus(began time.Time) (*sound, error) {
	frames := tone.Opus()
	forma := &format.Opus{PayloadTyp: 98, ChannelCount: 1}
	s := &sound{track: newTrack(media(forma), tone.OpusRate), began: began, chunk: tone.SamplesPerOpus}
	enc := &rtpsimpleaudio.Encoder{PayloadType: 98, PayloadMaxSize: payload}
	i := 0
	s.next = func(silent bool) ([]*rtp.Packet, error) {
		i++
		frame := frames[(i-1)%len(frames)]
		if silent {
			frame = tone.SilentOpus()
		}
		p, err := enc.Encode(frame)
		return []*rtp.Packet{p}, err
	}
	return s, enc.Init()
}

func media(f format.Format) *description.Media {
	return &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{f}}
}

// until returns the packets of all sound that is over by now. After a pause
// (no reader) it starts at now instead of making up for it.
func (s *sound) until(now time.Time, silent bool) []*rtp.Packet {
	due := now.Sub(s.began).Microseconds() * int64(s.track.rate) / 1_000_000
	if due-s.sent > int64(s.track.rate) {
		s.sent += (due - s.sent) / s.chunk * s.chunk
	}
	var out []*rtp.Packet
	for ; s.sent+s.chunk <= due; s.sent += s.chunk {
		packets, err := s.next(silent)
		if err != nil {
			return out // the loops are compiled in: they always pack
		}
		for _, p := range packets {
			p.Timestamp = s.track.base + uint32(s.sent)
		}
		out = append(out, packets...)
	}
	return out
}
