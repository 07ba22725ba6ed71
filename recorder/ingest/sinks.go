package ingest

import (
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"lieciba"
)

// choose picks the first video stream that can be recorded and the first sound
// stream, and sets the stream's format.
func (s *Stream) choose(d *description.Session, sound bool) (video, audio source, err error) {
	for _, m := range d.Medias {
		if m.IsBackChannel {
			continue
		}
		for _, f := range m.Formats {
			switch {
			case m.Type == description.MediaTypeVideo && video.media == nil:
				if v, ok := videoFormat(f); ok {
					video, s.format.Video = source{m, f}, v
				}
			case m.Type == description.MediaTypeAudio && audio.media == nil && sound:
				a, note := audioFormat(f)
				if a != nil {
					audio, s.format.Audio = source{m, f}, a
				} else {
					s.notes = append(s.notes, note)
				}
			}
		}
	}
	if video.media == nil {
		return video, audio, &Error{Cause: lieciba.CauseDecodeError, Err: errors.New("the camera offers neither H.264 nor H.265")}
	}
	return video, audio, nil
}

func videoFormat(f format.Format) (lieciba.VideoFormat, bool) {
	switch f := f.(type) {
	case *format.H264:
		v, _ := WithParameters(lieciba.VideoFormat{Codec: lieciba.H264}, nonEmpty(f.SPS, f.PPS))
		return v, true
	case *format.H265:
		if f.MaxDONDiff != 0 {
			return lieciba.VideoFormat{}, false // interleaved; no camera was seen to do it
		}
		v, _ := WithParameters(lieciba.VideoFormat{Codec: lieciba.H265}, nonEmpty(f.VPS, f.SPS, f.PPS))
		return v, true
	}
	return lieciba.VideoFormat{}, false
}

func nonEmpty(list ...[]byte) [][]byte {
	var out [][]byte
	for _, b := range list {
		if len(b) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// audioFormat returns nil and a note for a codec that is not supported.
func audioFormat(f format.Format) (*lieciba.AudioFormat, string) {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		config, err := f.Config.Marshal()
		if err != nil {
			return nil, "the camera's AAC sound has a configuration that cannot be read: sound is not recorded"
		}
		return &lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: f.Config.SampleRate,
			Channels: f.Config.ChannelCount, Config: config}, ""
	case *format.G711:
		a := &lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: f.SampleRate, Channels: f.ChannelCount}
		if f.MULaw {
			a.Codec = lieciba.PCMU
		}
		return a, ""
	case *format.Opus:
		return &lieciba.AudioFormat{Codec: lieciba.Opus, SampleRate: 48_000, Channels: f.ChannelCount}, ""
	}
	return nil, "the camera sends sound as " + f.Codec() + ", which is not supported: sound is not recorded"
}

// videoSink makes the packet callback of a video track.
func (s *Stream) videoSink(src source) func(*rtp.Packet) {
	d := &depacketizer{codec: s.format.Video.Codec}
	synced := false // a stream is joined in the middle of a picture
	emit := func(au accessUnit) {
		synced = true
		s.handler.Unit(Unit{Track: lieciba.TrackVideo, Key: IsKey(d.codec, au.nals), RTP: au.rtp,
			Arrival: time.Unix(0, au.arrival).UTC(), NALs: au.nals, Damaged: au.damaged})
	}
	return func(p *rtp.Packet) {
		if err := d.add(p, s.now().UnixNano(), emit); err != nil && synced {
			s.handler.Lost(1) // a packet that cannot be used is a lost one
		}
	}
}

// audioSink makes the packet callback of a sound track.
func (s *Stream) audioSink(src source) (func(*rtp.Packet), error) {
	deliver := func(at uint32, frame []byte) {
		if len(frame) > 0 {
			s.handler.Unit(Unit{Track: lieciba.TrackAudio, Key: true, RTP: at, Arrival: s.now(), NALs: [][]byte{frame}})
		}
	}
	f, ok := src.forma.(*format.MPEG4Audio)
	if !ok { // G.711 and Opus: one frame a packet
		return func(p *rtp.Packet) { deliver(p.Timestamp, p.Payload) }, nil
	}
	dec, err := f.CreateDecoder()
	if err != nil {
		return nil, &Error{Cause: lieciba.CauseDecodeError, Err: err}
	}
	return func(p *rtp.Packet) {
		frames, err := dec.Decode(p)
		if err != nil {
			return // fragments to come, or a packet that Lost has counted
		}
		for i, frame := range frames {
			deliver(p.Timestamp+uint32(i)*mpeg4audio.SamplesPerAccessUnit, frame)
		}
	}, nil
}
