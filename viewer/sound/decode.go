package sound

import (
	"encoding/binary"
	"io"

	aacpcm "github.com/tphakala/go-aac/pcm"

	"lieciba"
)

// decoder turns one coded frame into interleaved samples. The slice is valid
// until the next call.
type decoder interface {
	decode(unit []byte) ([]int16, error)
}

func newDecoder(f lieciba.AudioFormat) (d decoder, rate, channels int, err error) {
	switch f.Codec {
	case lieciba.PCMA:
		return &g711{table: &aLaw}, f.SampleRate, max(1, f.Channels), nil
	case lieciba.PCMU:
		return &g711{table: &muLaw}, f.SampleRate, max(1, f.Channels), nil
	case lieciba.AAC:
		a := &aac{config: f.Config}
		if err := a.open(); err != nil {
			return nil, 0, 0, err
		}
		info := a.dec.Info()
		if info.SampleRate <= 0 || info.Channels < 1 || info.Channels > 2 {
			return nil, 0, 0, unsupportedAAC(nil)
		}
		a.channels = info.Channels
		return a, info.SampleRate, info.Channels, nil
	}
	return nil, 0, 0, lieciba.Errorf(lieciba.CodeUnsupported, "%s sound cannot be decoded", f.Codec)
}

// aac decodes AAC-LC access units one by one. The library pulls from a reader;
// asked for exactly one frame of samples, it reads exactly one unit.
type aac struct {
	config   []byte
	channels int
	dec      *aacpcm.Decoder
	in       []byte // unread input: length prefix and unit
	raw      []byte
	out      []int16
}

const aacFrame = 1024 // samples per channel

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
	if len(unit) == 0 || len(unit) > 0xffff {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "AAC unit of %d bytes", len(unit))
	}
	a.in = append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(unit)), uint16(len(unit))), unit...)
	if cap(a.raw) == 0 {
		a.raw = make([]byte, aacFrame*a.channels*2)
	}
	n, err := a.dec.Read(a.raw)
	if err != nil {
		// The library latches errors: start it anew for the next unit.
		a.in = nil
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

// g711 decodes by table (ITU-T G.711).
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

var aLaw, muLaw = func() (a, u [256]int16) {
	for i := range 256 {
		a[i], u[i] = expandA(byte(i)), expandU(byte(i))
	}
	return a, u
}()

func expandA(b byte) int16 {
	b ^= 0x55
	exp, mant := int(b>>4&7), int(b&0x0f)
	v := mant<<4 + 8
	if exp > 0 {
		v = (v + 256) << (exp - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

func expandU(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// compressA and compressU find the nearest code: once, into tables.
var toA, toU = func() (a, u [65536]byte) {
	fill := func(dst *[65536]byte, src *[256]int16) {
		best := func(v int) byte {
			at, d := 0, 1<<30
			for i, s := range src {
				if e := max(v-int(s), int(s)-v); e < d {
					at, d = i, e
				}
			}
			return byte(at)
		}
		// Codes change at most every 4 samples: probe coarsely.
		for v := -32768; v < 32768; v += 4 {
			b := best(v)
			for k := range 4 {
				dst[uint16(int16(v+k))] = b
			}
		}
	}
	fill(&a, &aLaw)
	fill(&u, &muLaw)
	return a, u
}()
