// Package footage makes native segments of real encoder output for tests of
// what is built on them. It needs ffmpeg.
package footage

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/segment"
)

// Spec says what a camera sends. The zero values are 320 by 240 pixels, 25
// pictures a second, a key frame a second and no sound.
type Spec struct {
	Video         lieciba.VideoCodec
	Audio         lieciba.AudioCodec
	Width, Height int
	GOP           int  // pictures
	BFrames       int  // between two others
	Quiet         bool // no parameter sets in the stream
	Seconds       int  // of the stream; 4 if 0
}

// Stream is what a camera sent, beginning at time 0: both tracks in the order
// of time. It is shared between tests; do not change it.
type Stream struct {
	Format lieciba.StreamFormat
	Frames []lieciba.Frame // Time is time.Time{} plus the PTS
}

var cache sync.Map // Spec to Stream

// Encode runs the encoders, once for each Spec.
func Encode(t testing.TB, s Spec) Stream {
	t.Helper()
	if s.Width == 0 {
		s.Width, s.Height = 320, 240
	}
	s.GOP, s.Seconds = max(s.GOP, 1), max(s.Seconds, 1)
	if known, ok := cache.Load(s); ok {
		return known.(Stream)
	}
	dir := t.TempDir()
	out := Stream{}
	video := picture(t, dir, s)
	out.Format.Video = format(t, s, video[0])
	if s.Quiet {
		for i := range video {
			video[i].Units = without(s.Video, video[i].Units)
		}
	}
	var audio []lieciba.Frame
	if s.Audio != "" {
		out.Format.Audio, audio = sound(t, dir, s)
	}
	out.Frames = merge(video, audio)
	cache.Store(s, out)
	return out
}

func run(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-threads", "1"}, args...)...).CombinedOutput()
	require.NoError(t, err, "ffmpeg %s: %s", strings.Join(args, " "), out)
}

const fragmented = "frag_keyframe+empty_moov+default_base_moof"

func picture(t testing.TB, dir string, s Spec) []lieciba.Frame {
	t.Helper()
	file := filepath.Join(dir, "v.mp4")
	args := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%dx%d:r=25", s.Width, s.Height), "-t", strconv.Itoa(s.Seconds), "-pix_fmt", "yuv420p"}
	gop, b := strconv.Itoa(max(s.GOP, 1)), strconv.Itoa(s.BFrames)
	if s.Video == lieciba.H265 {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hev1",
			"-x265-params", "log-level=none:repeat-headers=1:aud=1:open-gop=0:keyint="+gop+":bframes="+b)
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-g", gop, "-bf", b, "-x264-params", "repeat-headers=1:aud=1:scenecut=0")
	}
	run(t, append(args, "-movflags", fragmented, file)...)
	return demux(t, file, lieciba.TrackVideo)
}

func sound(t testing.TB, dir string, s Spec) (*lieciba.AudioFormat, []lieciba.Frame) {
	t.Helper()
	f := &lieciba.AudioFormat{Codec: s.Audio, SampleRate: 48000, Channels: 1}
	file := filepath.Join(dir, "a.mp4")
	tone := []string{"-f", "lavfi", "-i", "sine=f=1000:r=48000", "-t", strconv.Itoa(s.Seconds), "-ac", "1"}
	switch s.Audio {
	case lieciba.AAC:
		f.Config = []byte{0x11, 0x88} // AAC-LC, 48 kHz, mono
		run(t, append(tone, "-c:a", "aac", "-movflags", fragmented, file)...)
		return f, demux(t, file, lieciba.TrackAudio)
	case lieciba.Opus:
		run(t, append(tone, "-c:a", "libopus", "-b:a", "32k", "-movflags", fragmented, file)...)
		return f, demux(t, file, lieciba.TrackAudio)
	}
	f.SampleRate = 8000
	raw := filepath.Join(dir, "a.raw")
	run(t, append(tone, "-ar", "8000", "-f", map[lieciba.AudioCodec]string{lieciba.PCMA: "alaw", lieciba.PCMU: "mulaw"}[s.Audio], raw)...)
	b, err := os.ReadFile(raw)
	require.NoError(t, err)
	var frames []lieciba.Frame
	for i := 0; i+160 <= len(b); i += 160 { // 20 ms a frame, as RTP has it
		frames = append(frames, lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: int64(i), DTS: int64(i),
			Time: time.Time{}.Add(ticks(int64(i), 8000)), Units: [][]byte{b[i : i+160]}})
	}
	return f, frames
}

func ticks(n, rate int64) time.Duration {
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate*1_000_000/rate)*time.Microsecond
}

// demux reads the only track of a fragmented file of ffmpeg.
func demux(t testing.TB, file string, track lieciba.Track) (frames []lieciba.Frame) {
	t.Helper()
	m, err := mp4.ReadMP4File(file)
	require.NoError(t, err)
	rate, want := int64(m.Moov.Trak.Mdia.Mdhd.Timescale), int64(lieciba.VideoClockRate)
	if track == lieciba.TrackAudio {
		want = 48000
	}
	var shift int64
	for _, seg := range m.Segments {
		for _, frag := range seg.Fragments {
			samples, err := frag.GetFullSamples(m.Moov.Mvex.Trex)
			require.NoError(t, err)
			for _, s := range samples {
				dts, pts := int64(s.DecodeTime)*want/rate, s.PresentationTime()*want/rate
				if len(frames) == 0 {
					shift = pts
				}
				f := lieciba.Frame{Track: track, Key: s.IsSync(), PTS: pts - shift, DTS: dts - shift,
					Time: time.Time{}.Add(ticks(pts-shift, want)), Units: [][]byte{s.Data}}
				if track == lieciba.TrackVideo {
					f.Units = split(s.Data)
				}
				frames = append(frames, f)
			}
		}
	}
	require.NotEmpty(t, frames)
	return frames
}

func split(b []byte) (units [][]byte) {
	for len(b) > 0 {
		n := 4 + binary.BigEndian.Uint32(b)
		units = append(units, b[4:n])
		b = b[n:]
	}
	return units
}

// parameter tells which set a unit is: 'v', 's', 'p', or 0.
func parameter(codec lieciba.VideoCodec, u []byte) byte {
	if codec == lieciba.H265 {
		return map[byte]byte{32: 'v', 33: 's', 34: 'p'}[u[0]>>1&63]
	}
	return map[byte]byte{7: 's', 8: 'p'}[u[0]&31]
}

func without(codec lieciba.VideoCodec, units [][]byte) (out [][]byte) {
	for _, u := range units {
		if parameter(codec, u) == 0 {
			out = append(out, u)
		}
	}
	return out
}

func format(t testing.TB, s Spec, key lieciba.Frame) lieciba.VideoFormat {
	t.Helper()
	f := lieciba.VideoFormat{Codec: s.Video, Width: s.Width, Height: s.Height}
	for _, u := range key.Units {
		switch parameter(s.Video, u) {
		case 'v':
			f.VPS = u
		case 's':
			f.SPS = u
		case 'p':
			f.PPS = u
		}
	}
	require.NotEmpty(t, f.SPS)
	require.NotEmpty(t, f.PPS)
	return f
}

// merge puts two tracks in the order in which a camera sends them.
func merge(video, audio []lieciba.Frame) (out []lieciba.Frame) {
	decode := func(f lieciba.Frame) time.Time { return f.Time.Add(-ticks(f.PTS-f.DTS, lieciba.VideoClockRate)) }
	for len(video) > 0 || len(audio) > 0 {
		if len(audio) == 0 || len(video) > 0 && !decode(video[0]).After(audio[0].Time) {
			out, video = append(out, video[0]), video[1:]
		} else {
			out, audio = append(out, audio[0]), audio[1:]
		}
	}
	return out
}

// Record stores the stream as a run of segments that begins at from; a new
// segment begins at the first key frame after each length. ids gives each
// segment its IDs.
func (s Stream) Record(t testing.TB, dir string, from time.Time, length time.Duration, ids func() segment.IDs) (out []segment.Result) {
	t.Helper()
	var w *segment.Writer
	var began time.Time
	var sound []lieciba.Frame // that was sent before the key frame that starts the next segment
	for _, f := range s.Frames {
		f.Time = from.Add(f.Time.Sub(time.Time{}))
		if f.Track == lieciba.TrackVideo && f.Key && (w == nil || f.Time.Sub(began) >= length) {
			if w != nil {
				out = append(out, finish(t, w, f.Time))
			}
			id := ids()
			var err error
			w, err = segment.Create(filepath.Join(dir, string(id.Segment)+".mp4"), segment.Params{IDs: id, Format: s.Format})
			require.NoError(t, err)
			began = f.Time
		}
		if w == nil {
			sound = append(sound, f)
			continue
		}
		_, err := w.WriteFrame(f)
		require.NoError(t, err)
		for _, early := range sound {
			_, err := w.WriteFrame(early)
			require.NoError(t, err)
		}
		sound = nil
	}
	return append(out, finish(t, w, time.Time{}))
}

func finish(t testing.TB, w *segment.Writer, end time.Time) segment.Result {
	t.Helper()
	r, err := w.Close(end)
	require.NoError(t, err)
	return r
}
