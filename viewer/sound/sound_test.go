package sound

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/cmplx"
	"os/exec"
	"strconv"
	"testing"
	"time"

	wasmopus "github.com/jj11hh/opus"
	aacpcm "github.com/tphakala/go-aac/pcm"

	"github.com/gotranspile/g722"
	"github.com/stretchr/testify/require"

	"lieciba"
)

const tone = 1000.0 // Hz

// strength is the share of the signal's energy at hz (0…1).
func strength(samples []float64, rate, hz float64) float64 {
	var sum complex128
	var energy float64
	for i, v := range samples {
		sum += complex(v, 0) * cmplx.Exp(complex(0, -2*math.Pi*hz*float64(i)/rate))
		energy += v * v
	}
	if energy == 0 {
		return 0
	}
	return 2 * cmplx.Abs(sum) * cmplx.Abs(sum) / energy / float64(len(samples))
}

func sine(rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(12000 * math.Sin(2*math.Pi*tone*float64(i)/float64(rate)))
	}
	return out
}

// g711Frames is a tone in frames of 20 ms.
func g711Frames(codec lieciba.AudioCodec, count int) []lieciba.Frame {
	table := &toA
	if codec == lieciba.PCMU {
		table = &toU
	}
	in := sine(8000, 160*count)
	var out []lieciba.Frame
	for i := range count {
		unit := make([]byte, 160)
		for k := range unit {
			unit[k] = table[uint16(in[i*160+k])]
		}
		out = append(out, frameAt(unit, int64(i*160), 8000))
	}
	return out
}

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func frameAt(unit []byte, pts int64, rate int) lieciba.Frame {
	return lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: pts, DTS: pts,
		Time: epoch.Add(time.Duration(pts) * time.Second / time.Duration(rate)), Units: [][]byte{unit}}
}

// aacFrames is a tone as ffmpeg codes it, as raw units with their config.
func aacFrames(t *testing.T, rate, channels int, extra ...string) (lieciba.AudioFormat, []lieciba.Frame) {
	t.Helper()
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "sine=f=1000:r=" + strconv.Itoa(rate) + ":d=2",
		"-ac", strconv.Itoa(channels), "-c:a", "aac"}, extra...)
	adts, err := exec.Command("ffmpeg", append(args, "-f", "adts", "-")...).Output()
	require.NoError(t, err)
	var frames []lieciba.Frame
	var config []byte
	for len(adts) > 7 {
		size := int(adts[3]&3)<<11 | int(adts[4])<<3 | int(adts[5])>>5
		index, chans := adts[2]>>2&0xf, adts[2]&1<<2|adts[3]>>6
		config = []byte{2<<3 | index>>1, index<<7 | chans<<3}
		frames = append(frames, frameAt(adts[7:size], int64(len(frames)*1024), rate))
		adts = adts[size:]
	}
	require.NotEmpty(t, frames)
	return lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: rate, Channels: channels, Config: config}, frames
}

func pushAll(t *testing.T, p Pipe, frames []lieciba.Frame) []Packet {
	t.Helper()
	defer p.Close()
	var out []Packet
	for _, f := range frames {
		packets, err := p.Push(f)
		require.NoError(t, err)
		out = append(out, packets...)
	}
	return out
}

// listen decodes with decoders that are not under test; the first 200 ms are
// left out: encoders start up in them.
func listen(t *testing.T, codec string, channels int, packets []Packet) (samples []float64, rate float64) {
	t.Helper()
	switch codec {
	case Opus:
		d, err := wasmopus.NewDecoder(48000, channels)
		require.NoError(t, err)
		pcm := make([]int16, 5760*channels)
		for _, p := range packets {
			n, err := d.Decode(p.Payload, pcm)
			require.NoError(t, err)
			for i := range n {
				samples = append(samples, float64(pcm[i*channels]))
			}
		}
		rate = 48000
	case G722:
		for _, v := range g722.Decode(bytes.Join(payloads(packets), nil), g722.RateDefault, 0) {
			samples = append(samples, float64(v))
		}
		rate = 16000
	default:
		table := map[string]*[256]int16{PCMA: &aLaw, PCMU: &muLaw}[codec]
		for _, b := range bytes.Join(payloads(packets), nil) {
			samples = append(samples, float64(table[b]))
		}
		rate = 8000
	}
	return samples[int(rate)/5:], rate
}

func payloads(packets []Packet) [][]byte {
	var out [][]byte
	for _, p := range packets {
		out = append(out, p.Payload)
	}
	return out
}

func TestG711(t *testing.T) {
	for _, codec := range []lieciba.AudioCodec{lieciba.PCMA, lieciba.PCMU} {
		f := lieciba.AudioFormat{Codec: codec, SampleRate: 8000, Channels: 1}
		frames := g711Frames(codec, 100)
		for _, target := range Targets(f) {
			p, err := New(f, target)
			require.NoError(t, err)
			require.Equal(t, string(codec) == target, p.Passthrough())
			packets := pushAll(t, p, frames)
			samples, rate := listen(t, target, 1, packets)
			require.Greater(t, strength(samples, rate, tone), 0.97, "%s as %s", codec, target)
			for i, k := range packets[1:] {
				require.Equal(t, int64(ClockRate(target)/50), k.Ticks-packets[i].Ticks)
			}
		}
	}
}

func TestG711Passthrough(t *testing.T) {
	p, err := New(lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}, PCMA)
	require.NoError(t, err)
	in := g711Frames(lieciba.PCMA, 3)
	out := pushAll(t, p, in)
	require.Equal(t, in[2].Units[0], out[2].Payload)
	require.Equal(t, int64(320), out[2].Ticks)
}

func TestAAC(t *testing.T) {
	for _, c := range []struct{ rate, channels int }{{8000, 1}, {16000, 1}, {32000, 1}, {44100, 2}, {48000, 1}, {48000, 2}} {
		f, frames := aacFrames(t, c.rate, c.channels)
		for _, target := range Targets(f) {
			p, err := New(f, target)
			require.NoError(t, err, "%d Hz", c.rate)
			channels := 1
			if target == Opus {
				channels = c.channels
			}
			packets := pushAll(t, p, frames)
			require.Greater(t, len(packets), 90)
			samples, rate := listen(t, target, channels, packets)
			require.Greater(t, strength(samples, rate, tone), 0.95, "%d Hz, %d channels as %s", c.rate, c.channels, target)
			last := packets[len(packets)-1]
			require.InDelta(t, last.Time.Sub(epoch).Seconds(), float64(last.Ticks)/float64(ClockRate(target)), 0.002)
		}
	}
}

func TestAACThatIsNotLC(t *testing.T) {
	// AudioSpecificConfig of HE-AAC, explicit: object type 5 (ISO/IEC 14496-3, 1.6.2.1).
	_, err := New(lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x2b, 0x11, 0x88, 0x00}}, Opus)
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	require.ErrorContains(t, err, "AAC-LC")
	_, err = New(lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: 48000, Channels: 2}, Opus)
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}

func TestJunkUnitIsAnErrorAndNotTheEnd(t *testing.T) {
	f, frames := aacFrames(t, 48000, 1)
	p, err := New(f, Opus)
	require.NoError(t, err)
	defer p.Close()
	_, err = p.Push(frames[0])
	require.NoError(t, err)
	junk := frames[1]
	junk.Units = [][]byte{bytes.Repeat([]byte{0xff}, 30)}
	_, err = p.Push(junk)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	packets := 0
	for _, f := range frames[2:20] {
		out, err := p.Push(f)
		require.NoError(t, err)
		packets += len(out)
	}
	require.Greater(t, packets, 15)
}

func TestTicksJumpWhereFramesAreMissing(t *testing.T) {
	f, frames := aacFrames(t, 48000, 1)
	p, err := New(f, Opus)
	require.NoError(t, err)
	packets := pushAll(t, p, append(frames[:20:20], frames[40:]...))
	jumps := 0
	for i, k := range packets[1:] {
		if d := k.Ticks - packets[i].Ticks; d != 960 {
			jumps++
			require.InDelta(t, 20*1024, d, 2048)
			require.Equal(t, frames[40].Time, k.Time)
		}
	}
	require.Equal(t, 1, jumps)
}

func TestWasmEncoderEqualsLibrary(t *testing.T) {
	e, err := newWasmEncoder(1)
	require.NoError(t, err)
	defer e.close()
	in := sine(48000, 48000)
	var packets []Packet
	for len(in) >= 960 {
		b, err := e.encode(in[:960])
		require.NoError(t, err)
		packets, in = append(packets, Packet{Payload: b}), in[960:]
	}
	samples, rate := listen(t, Opus, 1, packets)
	require.Greater(t, strength(samples, rate, tone), 0.97)
}

// The decoder under test and ffmpeg agree on what is in the units.
func TestAACDecoderGivesWholeFrames(t *testing.T) {
	f, frames := aacFrames(t, 48000, 2)
	d := &aac{config: f.Config, channels: 2}
	require.NoError(t, d.open())
	var framed []byte
	for _, u := range frames {
		out, err := d.decode(u.Units[0])
		require.NoError(t, err)
		require.Len(t, out, aacFrame*2)
		framed = append(binary.BigEndian.AppendUint16(framed, uint16(len(u.Units[0]))), u.Units[0]...)
	}
	whole, err := aacpcm.NewDecoder(bytes.NewReader(framed), aacpcm.WithRawStream(f.Config))
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, whole)
	require.NoError(t, err)
	require.Equal(t, int64(len(frames)*aacFrame*4), n)
}

func BenchmarkAACToOpus(b *testing.B) {
	enc, err := aacpcm.NewFrameEncoder(aacpcm.Config{SampleRate: 48000, BitDepth: 16, Channels: 1, Bitrate: 64000})
	if err != nil {
		b.Fatal(err)
	}
	var pcm []byte
	for _, s := range sine(48000, 48000) {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
	}
	var frames []lieciba.Frame
	if err := enc.EncodeInterleaved(pcm, func(au []byte, _ int) error {
		frames = append(frames, frameAt(bytes.Clone(au), int64(len(frames)*1024), 48000))
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	p, err := New(lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: 48000, Channels: 1, Config: enc.AudioSpecificConfig()}, Opus)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() { // one second of sound
		for _, f := range frames {
			if _, err := p.Push(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}
