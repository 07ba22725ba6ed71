package lieciba

import "time"

// VideoCodec and AudioCodec name what is stored byte for byte as the camera sent it.
type (
	VideoCodec string
	AudioCodec string
)

const (
	H264 VideoCodec = "h264"
	H265 VideoCodec = "h265"

	AAC  AudioCodec = "aac"  // MPEG-4 AAC, raw access units (RFC 3640)
	PCMA AudioCodec = "pcma" // G.711 A-law, 8 kHz
	PCMU AudioCodec = "pcmu" // G.711 µ-law, 8 kHz
	Opus AudioCodec = "opus" // RTP clock is 48 kHz whatever the coded rate (RFC 7587)
)

// VideoClockRate is the tick rate of every video PTS and DTS, in Hz.
const VideoClockRate = 90_000

// VideoFormat is what a decoder needs before the first key frame. The
// parameter sets are NAL units without start code or length. Treat as immutable.
type VideoFormat struct {
	Codec         VideoCodec
	Width, Height int    // of the picture after cropping; 0 if unknown
	VPS           []byte // H.265 only
	SPS, PPS      []byte
}

// AudioFormat is what a decoder needs. Treat as immutable.
type AudioFormat struct {
	Codec      AudioCodec
	SampleRate int // Hz; also the tick rate of PTS
	Channels   int
	Config     []byte // AAC: AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1); else nil
}

// StreamFormat describes one run of a stream: it never changes within a run.
type StreamFormat struct {
	Video VideoFormat
	Audio *AudioFormat // nil: no sound
}

// Track tells the two tracks of a stream apart.
type Track uint8

const (
	TrackVideo Track = iota
	TrackAudio
)

// Frame is one video access unit or one audio frame, in decode order per track.
// Units are shared between all readers and must never be changed. Video: the
// NAL units as they came, without start codes. Audio: exactly one unit.
type Frame struct {
	Track Track
	Key   bool      // random access point: IDR (H.264) or IRAP (H.265); true for audio
	Time  time.Time // of the PTS, by the time model (recorder/TIME.md), UTC
	PTS   int64     // ticks of the track's clock since the start of the run
	DTS   int64     // the same clock; equals PTS without B-frames and for audio
	Units [][]byte
}

// Size is the payload size in bytes.
func (f Frame) Size() int {
	n := 0
	for _, u := range f.Units {
		n += len(u)
	}
	return n
}
