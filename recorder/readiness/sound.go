package readiness

import (
	"encoding/binary"
	"io"
	"math"

	wasmopus "github.com/jj11hh/opus"
	aacpcm "github.com/tphakala/go-aac/pcm"

	"lieciba"
)

// SoundFacts is what some seconds of sound say.
type SoundFacts struct {
	Codec   lieciba.AudioCodec // empty: the camera has no sound track
	Trouble string             // why the level is not known; empty if it is
	Seconds float64            // of sound that was heard
	RMS     float64            // dBFS of a full-scale square wave, without the constant part; at least silence
	Peak    float64            // dBFS; at least silence
}

// silence stands for no level at all, in dBFS: below what 16 bits can tell.
const silence = -120

// decoder turns one coded frame into interleaved samples; valid until the next call.
type decoder interface {
	decode(unit []byte) ([]int16, error)
}

// listener measures a sound track. Not safe for concurrent use.
type listener struct {
	facts    SoundFacts
	dec      decoder
	rate     int // samples a second, of all channels together
	n        int64
	sum, sq  float64
	peak     float64
	broken   int
	lastFail error
}

// listenTo makes a listener for a format, nil for none.
func listenTo(f *lieciba.AudioFormat) *listener {
	if f == nil {
		return &listener{}
	}
	l := &listener{facts: SoundFacts{Codec: f.Codec}}
	var err error
	if l.dec, l.rate, err = newDecoder(*f); err != nil {
		l.facts.Trouble = words(err)
	}
	return l
}

// add takes in one frame of sound. A frame that cannot be decoded is counted:
// packets get lost.
func (l *listener) add(f lieciba.Frame) {
	if l.dec == nil || len(f.Units) == 0 {
		return
	}
	samples, err := l.dec.decode(f.Units[0])
	if err != nil {
		l.broken++
		l.lastFail = err
		return
	}
	for _, s := range samples {
		v := float64(s) / 32768
		l.sum += v
		l.sq += v * v
		l.peak = max(l.peak, math.Abs(v))
	}
	l.n += int64(len(samples))
}

// result sums up what was heard.
func (l *listener) result() SoundFacts {
	f := l.facts
	f.RMS, f.Peak = silence, silence
	if f.Codec == "" || f.Trouble != "" {
		return f
	}
	if l.n == 0 {
		f.Trouble = "the camera declares sound and sends none"
		if l.broken > 0 {
			f.Trouble = "none of the sound could be decoded: " + words(l.lastFail)
		}
		return f
	}
	n := float64(l.n)
	mean := l.sum / n
	f.Seconds = n / float64(l.rate)
	f.RMS = decibels(math.Sqrt(max(0, l.sq/n-mean*mean)))
	f.Peak = decibels(l.peak)
	return f
}

func decibels(v float64) float64 {
	if v <= 0 {
		return silence
	}
	return max(silence, 20*math.Log10(v))
}

// newDecoder returns a decoder and how many samples a second it makes, over all
// channels. CodeUnsupported says in words for users what cannot be heard.
func newDecoder(f lieciba.AudioFormat) (decoder, int, error) {
	channels := max(1, f.Channels)
	switch f.Codec {
	case lieciba.PCMA:
		return &g711{table: &aLaw}, f.SampleRate * channels, nil
	case lieciba.PCMU:
		return &g711{table: &muLaw}, f.SampleRate * channels, nil
	case lieciba.AAC:
		a := &aac{config: f.Config}
		if err := a.open(); err != nil {
			return nil, 0, err
		}
		info := a.dec.Info()
		if info.SampleRate <= 0 || info.Channels < 1 || info.Channels > 2 {
			return nil, 0, unsupportedAAC(nil)
		}
		a.channels = info.Channels
		return a, info.SampleRate * info.Channels, nil
	case lieciba.Opus:
		d, err := wasmopus.NewDecoder(opusRate, min(channels, 2))
		if err != nil {
			return nil, 0, lieciba.Wrap(err, lieciba.CodeUnsupported, "the camera's Opus sound cannot be decoded")
		}
		channels = min(channels, 2)
		return &opus{dec: d, channels: channels, out: make([]int16, opusLongest*channels)}, opusRate * channels, nil
	}
	return nil, 0, lieciba.Errorf(lieciba.CodeUnsupported, "%s sound cannot be decoded: set G.711 or AAC-LC on the camera", f.Codec)
}

// aac decodes AAC-LC access units one by one. The library pulls from a reader;
// asked for one frame of samples, it reads one unit.
type aac struct {
	config   []byte
	channels int
	dec      *aacpcm.Decoder
	in       []byte // what the library has not read: length and unit
	raw      []byte
	out      []int16
}

const aacFrame = 1024 // samples of a channel in an AAC-LC unit (ISO/IEC 14496-3)

func unsupportedAAC(cause error) error {
	return &lieciba.Error{Code: lieciba.CodeUnsupported, Cause: cause,
		Message: "the camera's AAC is not AAC-LC with one or two channels: set AAC-LC or G.711 on the camera"}
}

func (a *aac) open() error {
	d, err := aacpcm.NewDecoder(a, aacpcm.WithRawStream(a.config))
	if err != nil {
		return unsupportedAAC(err)
	}
	a.dec = d
	return nil
}

// Read implements io.Reader for the library.
func (a *aac) Read(p []byte) (int, error) {
	if len(a.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, a.in)
	a.in = a.in[n:]
	return n, nil
}

func (a *aac) decode(unit []byte) ([]int16, error) {
	if len(unit) == 0 || len(unit) > math.MaxUint16 {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "AAC unit of %d bytes", len(unit))
	}
	a.in = append(binary.BigEndian.AppendUint16(nil, uint16(len(unit))), unit...)
	if a.raw == nil {
		a.raw = make([]byte, 2*aacFrame*a.channels)
	}
	n, err := a.dec.Read(a.raw)
	if err != nil {
		a.in = nil // the library keeps an error for good: begin anew with the next unit
		if again := a.open(); again != nil {
			return nil, again
		}
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "AAC unit could not be decoded")
	}
	a.out = a.out[:0]
	for i := 0; i+1 < n; i += 2 {
		a.out = append(a.out, int16(binary.LittleEndian.Uint16(a.raw[i:])))
	}
	return a.out, nil
}

// opus decodes with libopus as WebAssembly.
type opus struct {
	dec      *wasmopus.Decoder
	channels int
	out      []int16
}

const (
	opusRate    = 48_000
	opusLongest = 5760 // samples of a channel in 120 ms, the longest packet (RFC 6716 section 3.2)
)

func (o *opus) decode(unit []byte) ([]int16, error) {
	n, err := o.dec.Decode(unit, o.out)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "Opus packet could not be decoded")
	}
	return o.out[:n*o.channels], nil
}

// g711 expands by table (ITU-T G.711).
type g711 struct {
	table *[256]int16
	out   []int16
}

func (g *g711) decode(unit []byte) ([]int16, error) {
	g.out = g.out[:0]
	for _, b := range unit {
		g.out = append(g.out, g.table[b])
	}
	return g.out, nil
}

// aLaw and muLaw map each code to its sample of 16 bits.
var aLaw, muLaw = func() (a, u [256]int16) {
	for code := range 256 {
		a[code], u[code] = expandA(byte(code)), expandMu(byte(code))
	}
	return a, u
}()

// expandA: even bits are inverted on the line, the sign bit is set for positive
// values, and segment 0 has no hidden bit (G.711 table 1a).
func expandA(code byte) int16 {
	code ^= 0x55
	segment, step := int(code>>4&7), int(code&15)
	v := step<<4 + 8
	if segment > 0 {
		v = (v + 256) << (segment - 1)
	}
	if code&0x80 != 0 {
		return int16(v)
	}
	return int16(-v)
}

// expandMu: all bits are inverted on the line, and a bias of 33 steps of 4 makes
// each segment start at a power of two (G.711 table 2a).
func expandMu(code byte) int16 {
	code = ^code
	v := (int(code&15)<<3+132)<<(code>>4&7) - 132
	if code&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}
