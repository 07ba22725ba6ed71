package sound

import (
	"github.com/gotranspile/g722"
	wasmopus "github.com/jj11hh/opus"

	"lieciba"
)

const (
	frameMillis = 20
	opusBitrate = 48_000 // bits a second and channel: speech without audible loss
	opusMax     = 1275   // bytes, the largest Opus frame (RFC 6716 section 3.4)
)

// encoder codes frames of 20 ms of interleaved samples at rate().
type encoder interface {
	rate() int     // of the samples that it takes, in Hz
	channels() int // of them
	clock() int    // RTP ticks a second
	encode(samples []int16) ([]byte, error)
	close()
}

func newEncoder(target string, channels int) (encoder, error) {
	switch target {
	case Opus:
		if lib := libopus(); lib != nil {
			return lib.newEncoder(channels)
		}
		return newWasmEncoder(channels)
	case G722:
		return &g722Encoder{enc: g722.NewEncoder(g722.RateDefault, 0)}, nil
	case PCMA:
		return &g711Encoder{table: &toA}, nil
	case PCMU:
		return &g711Encoder{table: &toU}, nil
	}
	return nil, lieciba.Errorf(lieciba.CodeUnsupported, "sound cannot be encoded as %s", target)
}

// wasmEncoder is libopus as WebAssembly, for machines without the library.
type wasmEncoder struct {
	enc *wasmopus.Encoder
	n   int
	buf [opusMax]byte
}

func newWasmEncoder(channels int) (encoder, error) {
	e, err := wasmopus.NewEncoder(48000, channels, wasmopus.AppAudio)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the Opus encoder did not start")
	}
	if err := e.SetBitrate(opusBitrate * channels); err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the Opus encoder did not start")
	}
	return &wasmEncoder{enc: e, n: channels}, nil
}

func (e *wasmEncoder) rate() int     { return 48000 }
func (e *wasmEncoder) channels() int { return e.n }
func (e *wasmEncoder) clock() int    { return 48000 }
func (e *wasmEncoder) close()        {}

func (e *wasmEncoder) encode(samples []int16) ([]byte, error) {
	n, err := e.enc.Encode(samples, e.buf[:])
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "sound could not be encoded")
	}
	return append([]byte(nil), e.buf[:n]...), nil
}

// g722Encoder takes 16 kHz mono; its RTP clock is 8 kHz.
type g722Encoder struct{ enc *g722.Encoder }

func (*g722Encoder) rate() int     { return 16000 }
func (*g722Encoder) channels() int { return 1 }
func (*g722Encoder) clock() int    { return 8000 }
func (*g722Encoder) close()        {}

func (e *g722Encoder) encode(samples []int16) ([]byte, error) {
	out := make([]byte, len(samples)/2)
	return out[:e.enc.Encode(out, samples)], nil
}

type g711Encoder struct{ table *[65536]byte }

func (*g711Encoder) rate() int     { return 8000 }
func (*g711Encoder) channels() int { return 1 }
func (*g711Encoder) clock() int    { return 8000 }
func (*g711Encoder) close()        {}

func (e *g711Encoder) encode(samples []int16) ([]byte, error) {
	out := make([]byte, len(samples))
	for i, s := range samples {
		out[i] = e.table[uint16(s)]
	}
	return out, nil
}
