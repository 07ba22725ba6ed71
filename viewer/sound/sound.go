// Package sound turns what cameras send into what browsers play. G.711 and Opus
// pass through; AAC-LC is decoded, resampled and encoded as Opus. Opus comes
// from libopus where that library is installed, else from a WebAssembly build
// of it. G.711 can be encoded as Opus too, so that cameras with different
// codecs can share one track.
package sound

import (
	"slices"
	"time"

	"lieciba"
)

// The names of codecs in SDP, lower case.
const (
	Opus = "opus"
	PCMA = "pcma"
	PCMU = "pcmu"
	G722 = "g722"
)

// ClockRate is the RTP clock rate of a codec in Hz (RFC 7587, RFC 3551).
func ClockRate(codec string) int {
	if codec == Opus {
		return 48000
	}
	return 8000 // G.722 too, by an error of the first specification (RFC 3551 section 4.5.2)
}

// Targets lists the codecs that a format can be sent as, the best first. Empty:
// none, and New says why.
func Targets(f lieciba.AudioFormat) []string {
	switch f.Codec {
	case lieciba.Opus:
		return []string{Opus}
	case lieciba.PCMA:
		return []string{PCMA, Opus, PCMU, G722}
	case lieciba.PCMU:
		return []string{PCMU, Opus, PCMA, G722}
	case lieciba.AAC:
		return []string{Opus, G722, PCMU, PCMA}
	}
	return nil
}

// Packet is the payload of one RTP packet of sound.
type Packet struct {
	Payload []byte
	Ticks   int64     // start of the packet on the target's RTP clock; jumps where sound is missing
	Time    time.Time // wall clock of the start
}

// Pipe turns frames of one run into packets. Not safe for concurrent use.
type Pipe interface {
	// Push takes the next audio frame. Packets may lag behind it by up to 20 ms
	// and a frame. CodeCorrupt: the frame could not be decoded; go on with the next.
	// CodeUnsupported: the stream turned out to be of a kind that cannot be played.
	Push(f lieciba.Frame) ([]Packet, error)
	// Passthrough reports whether packets are the camera's own bytes.
	Passthrough() bool
	// Close frees the codec. Idempotent.
	Close()
}

// New makes a pipe to the target codec. CodeUnsupported says in words for users
// why there is no sound.
func New(f lieciba.AudioFormat, target string) (Pipe, error) {
	if string(f.Codec) == target {
		if f.SampleRate != ClockRate(target) || target != Opus && f.Channels > 1 {
			return nil, lieciba.Errorf(lieciba.CodeUnsupported,
				"the camera's %s sound has %d Hz and %d channels: only 8,000 Hz mono can be played; set that on the camera", f.Codec, f.SampleRate, f.Channels)
		}
		return &passthrough{}, nil
	}
	if !slices.Contains(Targets(f), target) {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "%s sound cannot be sent as %s: use a browser that plays %s", f.Codec, target, f.Codec)
	}
	dec, rate, channels, err := newDecoder(f)
	if err != nil {
		return nil, err
	}
	enc, err := newEncoder(target, channels)
	if err != nil {
		return nil, err
	}
	return newTranscoder(dec, rate, channels, enc, f.SampleRate), nil
}

// passthrough sends frames as they came.
type passthrough struct{}

func (*passthrough) Push(f lieciba.Frame) ([]Packet, error) {
	if len(f.Units) == 0 || len(f.Units[0]) == 0 {
		return nil, nil
	}
	return []Packet{{Payload: f.Units[0], Ticks: f.PTS, Time: f.Time}}, nil
}

func (*passthrough) Passthrough() bool { return true }
func (*passthrough) Close()            {}
