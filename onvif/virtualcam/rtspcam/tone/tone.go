// Package tone makes a 1 kHz tone as a camera would send it: G.711 computed,
// AAC and Opus from recorded loops.
package tone

import (
	_ "embed"
	"math"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Hertz is the frequency of the tone.
const Hertz = 1000

// The clocks of the kinds of sound in Hz, and what a frame of them holds.
const (
	G711Rate       = 8000
	AACRate        = 48_000
	SamplesPerAAC  = 1024
	OpusRate       = 48_000
	SamplesPerOpus = 960  // 20 ms
	amplitude      = 8000 // of 32767: well heard, never clipped
	samplesAPeriod = G711Rate / Hertz
)

// G711 returns one period of the tone, to be repeated: A-law, or µ-law if mulaw.
func G711(mulaw bool) []byte {
	pcm := make([]byte, 2*samplesAPeriod) // 16 bits, big endian
	for i := range samplesAPeriod {
		v := int16(amplitude * math.Sin(2*math.Pi*float64(i)/samplesAPeriod))
		pcm[2*i], pcm[2*i+1] = byte(uint16(v)>>8), byte(v)
	}
	if mulaw {
		b, err := g711.Mulaw(pcm).Marshal()
		must(err)
		return b
	}
	b, err := g711.Alaw(pcm).Marshal()
	must(err)
	return b
}

// recorded with: ffmpeg -f lavfi -i sine=frequency=1000:sample_rate=48000
// -af volume=6dB -c:a aac -ac 1 -b:a 64k; frames 48 to 95, which hold a whole
// number of periods, so that the loop has no seam.
//
//go:embed aac.adts
var recorded []byte

// AAC returns the access units of a loop of the tone, 48 kHz mono AAC-LC, and
// their configuration. Treat both as immutable.
func AAC() ([][]byte, *mpeg4audio.AudioSpecificConfig) {
	var packets mpeg4audio.ADTSPackets
	must(packets.Unmarshal(recorded))
	units := make([][]byte, 0, len(packets))
	for _, p := range packets {
		units = append(units, p.AU)
	}
	return units, &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: AACRate, ChannelCount: 1}
}

// recorded as above with -c:a libopus -b:a 32k -vbr off: frames 40 to 89, which
// hold whole periods each.
//
//go:embed opus.cbr
var recordedOpus []byte

// Opus returns the frames of a loop of the tone, mono. Treat as immutable.
func Opus() [][]byte {
	const size = 80 // 20 ms at 32 kbit/s
	return slices.Collect(slices.Chunk(recordedOpus, size))
}

// must is for data that is compiled in.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// SilentG711 is the code of the sample nearest to none (ITU-T G.711).
func SilentG711(mulaw bool) byte {
	if mulaw {
		return 0xff
	}
	return 0xd5
}

// SilentAAC is an AAC-LC access unit of one channel that holds no sound: a
// single_channel_element without a section (ISO/IEC 14496-3, 4.4.2.1). Treat as
// immutable.
func SilentAAC() []byte { return silentAAC }

// SilentOpus is a packet of 20 ms of one channel that holds no sound (RFC 6716
// section 3.1: CELT, full band, one frame). Treat as immutable.
func SilentOpus() []byte { return silentOpus }

var (
	silentAAC  = []byte{0x00, 0xc8, 0x00, 0x80, 0x23, 0x80}
	silentOpus = []byte{0xf8, 0xff, 0xfe}
)
