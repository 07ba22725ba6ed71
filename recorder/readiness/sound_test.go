package readiness

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam/tone"
)

// hear runs units through a listener and judges what it heard.
func hear(f *lieciba.AudioFormat, units [][]byte, times int) (SoundFacts, lieciba.ReadinessItem) {
	l := listenTo(f)
	for range times {
		for _, u := range units {
			l.add(lieciba.Frame{Track: lieciba.TrackAudio, Units: [][]byte{u}})
		}
	}
	facts := l.result()
	return facts, JudgeSound(facts, true)
}

func aacFormat(t *testing.T) *lieciba.AudioFormat {
	t.Helper()
	_, config := tone.AAC()
	raw, err := config.Marshal()
	require.NoError(t, err)
	return &lieciba.AudioFormat{Codec: lieciba.AAC, SampleRate: tone.AACRate, Channels: 1, Config: raw}
}

// The tone of virtual cameras has an amplitude of 8000 of 32768: a peak of -12.2
// dBFS, and 3 dB less on average. The recorded loops were made 6 dB louder than
// ffmpeg's sine, of an eighth.
func TestTheToneIsHeardInEveryCodec(t *testing.T) {
	aac, _ := tone.AAC()
	for name, c := range map[string]struct {
		format  *lieciba.AudioFormat
		units   [][]byte
		silence []byte
		peak    float64
	}{
		"pcma": {&lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}, [][]byte{tone.G711(false)}, []byte{tone.SilentG711(false)}, -12.2},
		"pcmu": {&lieciba.AudioFormat{Codec: lieciba.PCMU, SampleRate: 8000, Channels: 1}, [][]byte{tone.G711(true)}, []byte{tone.SilentG711(true)}, -12.2},
		"aac":  {aacFormat(t), aac, tone.SilentAAC(), -12.2},
		"opus": {&lieciba.AudioFormat{Codec: lieciba.Opus, SampleRate: tone.OpusRate, Channels: 1}, tone.Opus(), tone.SilentOpus(), -12.2},
	} {
		t.Run(name, func(t *testing.T) {
			facts, item := hear(c.format, c.units, 20)
			require.Equal(t, "ok", item.Fact, "%+v", facts)
			require.InDelta(t, c.peak, facts.Peak, 0.8)
			require.InDelta(t, c.peak-3, facts.RMS, 0.8)
			require.Positive(t, facts.Seconds)

			facts, item = hear(c.format, [][]byte{c.silence}, 200)
			require.Equal(t, "silent", item.Fact, "%+v", facts)
			require.Equal(t, lieciba.OutcomeFailed, item.Outcome)
			require.GreaterOrEqual(t, facts.RMS, float64(silence))
		})
	}
}

// The tables are those of ITU-T G.711: values of its tables 1a and 2a, in steps
// of 16 bits.
func TestG711Tables(t *testing.T) {
	for code, want := range map[byte]int16{0xd5: 8, 0x55: -8, 0xaa: 32256, 0x2a: -32256, 0xd4: 24, 0xc5: 264, 0x80: 5504} {
		require.Equal(t, want, aLaw[code], "A-law %#x", code)
	}
	for code, want := range map[byte]int16{0xff: 0, 0x7f: 0, 0xfe: 8, 0x7e: -8, 0x80: 32124, 0x00: -32124, 0xef: 132} {
		require.Equal(t, want, muLaw[code], "µ-law %#x", code)
	}
}

// A line that hums at a constant level, one that toggles its lowest bit, and one
// that stands at the rail hold no sound.
func TestWhatIsNoSound(t *testing.T) {
	f := &lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}
	for _, unit := range [][]byte{{0xd5, 0x55}, {0xaa}, {0x2a, 0x2a, 0x2a}} {
		_, item := hear(f, [][]byte{unit}, 8000)
		require.Equal(t, "silent", item.Fact, "%x", unit)
	}
	quiet := make([]byte, 8000) // a room's noise, some steps around nothing
	for i := range quiet {
		quiet[i] = []byte{0xd5, 0xd4, 0xd1, 0x55, 0x51, 0x57, 0xd7}[i*i%7]
	}
	_, item := hear(f, [][]byte{quiet}, 1)
	require.Equal(t, "ok", item.Fact, "%+v", item)
}

func TestSoundThatCannotBeJudged(t *testing.T) {
	for fact, c := range map[string]struct {
		format *lieciba.AudioFormat
		units  [][]byte
	}{
		"no_sound_track": {},
		"no_sound":       {format: &lieciba.AudioFormat{Codec: lieciba.PCMA, SampleRate: 8000, Channels: 1}},
	} {
		_, item := hear(c.format, c.units, 1)
		require.Equal(t, fact, item.Fact)
		require.Equal(t, lieciba.OutcomeFailed, item.Outcome)
	}
	_, item := hear(aacFormat(t), [][]byte{{0xff, 0xff, 0xff, 0xff}}, 3)
	require.Equal(t, "no_sound", item.Fact, "nothing could be decoded")
	_, item = hear(&lieciba.AudioFormat{Codec: lieciba.AAC, Config: []byte{0x2b, 0x92, 0x08, 0x00}, SampleRate: 48000, Channels: 2}, nil, 0)
	require.Equal(t, "no_sound", item.Fact, "HE-AAC")
	_, item = hear(&lieciba.AudioFormat{Codec: "g726"}, nil, 0)
	require.Contains(t, item.Measured, "g726")
	require.Equal(t, lieciba.OutcomeNotNeeded, JudgeSound(SoundFacts{}, false).Outcome)
}

// A frame that is damaged on its way does not end the listening.
func TestSoundGoesOnAfterADamagedFrame(t *testing.T) {
	units, _ := tone.AAC()
	l := listenTo(aacFormat(t))
	for i := range 60 {
		u := units[i%len(units)]
		if i == 30 {
			u = []byte{0xff, 0xff, 0xff}
		}
		l.add(lieciba.Frame{Track: lieciba.TrackAudio, Units: [][]byte{u}})
	}
	f := l.result()
	require.Empty(t, f.Trouble)
	require.Greater(t, f.Seconds, 1.0)
	require.Greater(t, f.RMS, -20.0)
	require.False(t, math.IsNaN(f.RMS))
}

func TestClockLimits(t *testing.T) {
	for off, want := range map[time.Duration]string{0: "ok", 250 * time.Millisecond: "ok", -250 * time.Millisecond: "ok",
		251 * time.Millisecond: "clock_drifting", -time.Second: "clock_drifting", 1001 * time.Millisecond: "clock_off", -time.Hour: "clock_off"} {
		i := JudgeClock(ClockFacts{Known: true, Offset: off, Source: "rtcp"})
		require.Equal(t, want, i.Fact, "%s", off)
		require.Equal(t, want == "clock_off", i.Outcome == lieciba.OutcomeFailed)
	}
	require.Equal(t, lieciba.OutcomeNotNeeded, JudgeClock(ClockFacts{}).Outcome)
}

func TestTheWholeSessionMustFit(t *testing.T) {
	f := SpaceFacts{Rates: []int64{4 << 20, 0}, Window: time.Hour, SpoolFree: 1 << 40}
	wanted, assumed := f.Wanted()
	require.Equal(t, 1, assumed, "a camera that is not measured is not free of charge")
	require.InDelta(t, float64((4<<20)+assumedRate)/8*3600*1.3, float64(wanted), 1)
	require.Equal(t, "ok", JudgeSpace(f).Fact)
	f.SpoolFree = wanted - 1
	require.Equal(t, "spool_low", JudgeSpace(f).Fact)
	f.SpoolFree, f.StoreKnown, f.StoreFree = wanted, true, wanted-1
	require.Equal(t, "store_low", JudgeSpace(f).Fact)
	f.StoreFree = wanted
	require.Equal(t, "ok", JudgeSpace(f).Fact)
	f.Trouble = "disk_full"
	require.Equal(t, "spool_shut", JudgeSpace(f).Fact)
}

// Each fact that fails the picture, alone.
func TestPictureFacts(t *testing.T) {
	good := PictureFacts{Span: 6 * time.Second, Pictures: 151, Declared: 25, Keys: 4, KeyPause: 2 * time.Second, KeyBytes: 40_000,
		Deltas: 147, Low: 1000, High: 9000, Blocks: 3600, Bitrate: 2_000_000}
	require.Equal(t, "ok", JudgePicture(good).Fact)
	for want, change := range map[string]func(*PictureFacts){
		"no_picture":    func(f *PictureFacts) { f.Trouble = "camera_offline" },
		"dark":          func(f *PictureFacts) { f.Complaints = []Complaint{TooBright, TooDark} },
		"tampered":      func(f *PictureFacts) { f.Complaints = []Complaint{Tampered, TooDark} },
		"blurred":       func(f *PictureFacts) { f.Complaints = []Complaint{Blurred} },
		"no_key_frames": func(f *PictureFacts) { f.KeyPause = 11 * time.Second },
		"frozen":        func(f *PictureFacts) { f.Empty = 74 },
		"frame_rate":    func(f *PictureFacts) { f.Pictures = 70 },
	} {
		f := good
		change(&f)
		item := JudgePicture(f)
		require.Equal(t, want, item.Fact, "%+v", item)
		require.Equal(t, lieciba.OutcomeFailed, item.Outcome)
		require.NotEmpty(t, item.Measured)
	}
	slow := good
	slow.Pictures, slow.Declared = 40, 2147483647
	require.Equal(t, "ok", JudgePicture(slow).Fact, "a rate that no camera has declares nothing")
	slow.Pictures = 25
	require.Equal(t, "frame_rate", JudgePicture(slow).Fact)
	short := good
	short.Span = time.Second
	require.Equal(t, "no_picture", JudgePicture(short).Fact)
}
