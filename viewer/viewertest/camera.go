package viewertest

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	aacpcm "github.com/tphakala/go-aac/pcm"

	"lieciba"
	"lieciba/onvif/virtualcam/h264gen"
	"lieciba/onvif/virtualcam/picture"
)

// What every camera here sends.
const (
	FPS     = 25
	GOP     = 50 // frames: 2 s
	FrameMs = 1000 / FPS
	Tone    = 1000 // Hz
)

// Camera draws pictures that carry their own time and codes a tone.
type Camera struct {
	ID lieciba.CameraID
	// Padding is how many bytes of user data each picture carries, to reach the bit
	// rate of a real camera: 10,000 make 2 Mbit/s. Set it before the first picture.
	Padding int

	run    lieciba.RunID
	name   string
	Format lieciba.StreamFormat
	scene  *picture.Scene
	Zero   time.Time // PTS 0
	count  int       // video frames so far
	audio  func(n int) []byte
	sounds int // audio frames so far
	per    int // samples in an audio frame
}

func NewCamera(tb TB, name string, sound lieciba.AudioCodec, zero time.Time) *Camera {
	tb.Helper()
	zero = zero.UTC().Truncate(time.Millisecond) // what the time code can say
	scene, err := picture.New(picture.Config{Width: 1280, Height: 720, DeclaredRate: FPS, Name: name})
	require.NoError(tb, err)
	c := &Camera{ID: lieciba.NewID[lieciba.CameraID](zero), run: lieciba.NewID[lieciba.RunID](zero), name: name, scene: scene, Zero: zero}
	c.Format.Video = lieciba.VideoFormat{Codec: lieciba.H264, Width: 1280, Height: 720, SPS: scene.Encoder.SPS(), PPS: scene.Encoder.PPS()}
	switch sound {
	case lieciba.PCMA, lieciba.PCMU:
		c.Format.Audio = &lieciba.AudioFormat{Codec: sound, SampleRate: 8000, Channels: 1}
		c.per = 160
		c.audio = g711Tone(sound)
	case lieciba.AAC:
		units, config := aacTone(tb)
		c.Format.Audio = &lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: 48000, Channels: 1, Config: config}
		c.per = 1024
		c.audio = func(n int) []byte { return units[n%len(units)] }
	}
	return c
}

// video is the next picture, of the instant that it belongs to.
func (c *Camera) video() lieciba.Frame {
	at := c.Zero.Add(time.Duration(c.count) * time.Second / FPS)
	pts := int64(c.count) * lieciba.VideoClockRate / FPS
	f := lieciba.Frame{Key: c.count%GOP == 0, Time: at, PTS: pts, DTS: pts}
	if f.Key {
		f.Units = c.scene.IDR(at)
	} else {
		f.Units = c.scene.P(at)
	}
	for i, u := range f.Units {
		f.Units[i] = bytes.Clone(u)
	}
	if c.Padding > 0 {
		n := len(f.Units)
		f.Units = append(f.Units[:n-1:n-1], c.noise(), f.Units[n-1])
	}
	c.count++
	return f
}

// noise is user data that no compression shortens.
func (c *Camera) noise() []byte {
	data := make([]byte, c.Padding)
	r := rand.New(rand.NewPCG(uint64(c.count), 0))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return h264gen.UserDataSEI([16]byte{1}, data)
}

// sound is the next audio frame if it begins before t.
func (c *Camera) sound(t time.Time) (lieciba.Frame, bool) {
	if c.audio == nil {
		return lieciba.Frame{}, false
	}
	pts := int64(c.sounds * c.per)
	at := c.Zero.Add(time.Duration(pts) * time.Second / time.Duration(c.Format.Audio.SampleRate))
	if !at.Before(t) {
		return lieciba.Frame{}, false
	}
	c.sounds++
	return lieciba.Frame{Track: lieciba.TrackAudio, Key: true, Time: lieciba.Micro(at), PTS: pts, DTS: pts, Units: [][]byte{c.audio(c.sounds - 1)}}, true
}

// g711Tone codes the tone: 8 samples are one period, so every frame is alike.
func g711Tone(codec lieciba.AudioCodec) func(int) []byte {
	unit := make([]byte, 160)
	for i := range unit {
		v := 12000 * math.Sin(2*math.Pi*Tone*float64(i)/8000)
		if codec == lieciba.PCMU {
			unit[i] = muLaw(int(v))
		} else {
			unit[i] = aLaw(int(v))
		}
	}
	return func(int) []byte { return unit }
}

// muLaw and aLaw follow ITU-T G.711.
func muLaw(v int) byte {
	sign := byte(0)
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, 32635) + 132
	exp := byte(7)
	for m := 0x4000; exp > 0 && v&m == 0; m >>= 1 {
		exp--
	}
	return ^(sign | exp<<4 | byte(v>>(exp+3)&0xf))
}

func aLaw(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		sign, v = 0, -v
	}
	v = min(v, 32767)
	exp := byte(7)
	for m := 0x4000; exp > 0 && v&m == 0; m >>= 1 {
		exp--
	}
	mant := byte(v >> 4 & 0xf)
	if exp > 0 {
		mant = byte(v >> (exp + 3) & 0xf)
	}
	return (sign | exp<<4 | mant) ^ 0x55
}

// aacTone codes 48 s·125/125 of tone: 375 frames are 8 s, a whole number of periods.
var aacTone = func() func(tb TB) ([][]byte, []byte) {
	var once sync.Once
	var units [][]byte
	var config []byte
	return func(tb TB) ([][]byte, []byte) {
		tb.Helper()
		once.Do(func() {
			enc, err := aacpcm.NewFrameEncoder(aacpcm.Config{SampleRate: 48000, BitDepth: 16, Channels: 1, Bitrate: 64000})
			require.NoError(tb, err)
			var pcm []byte
			for i := range 1024 * 375 {
				v := int16(12000 * math.Sin(2*math.Pi*Tone*float64(i)/48000))
				pcm = binary.LittleEndian.AppendUint16(pcm, uint16(v))
			}
			require.NoError(tb, enc.EncodeInterleaved(pcm, func(au []byte, _ int) error {
				units = append(units, bytes.Clone(au))
				return nil
			}))
			config = enc.AudioSpecificConfig()
		})
		return units, config
	}
}()
