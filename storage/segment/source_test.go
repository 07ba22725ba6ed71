package segment

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"lieciba"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 123457000, time.UTC)

// stream is what a camera sent: real encoder output, as frames of one run.
type stream struct {
	format lieciba.StreamFormat
	frames []lieciba.Frame // both tracks in order of time
}

func (s stream) of(t lieciba.Track) (list []lieciba.Frame) {
	for _, f := range s.frames {
		if f.Track == t {
			list = append(list, f)
		}
	}
	return list
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), stderr.String())
	return string(out)
}

var encoded = map[string]stream{} // tests run one after another

// encode runs ffmpeg's encoders for 4 s of picture and sound, once for each
// combination, and returns the frames. options are ffmpeg's.
func encode(t testing.TB, video lieciba.VideoCodec, audio lieciba.AudioCodec, options ...string) stream {
	t.Helper()
	key := fmt.Sprint(video, audio, options)
	s, ok := encoded[key]
	if !ok {
		s = encodeNow(t, video, audio, options...)
		encoded[key] = s
	}
	s.frames = slices.Clone(s.frames)
	return s
}

func encodeNow(t testing.TB, video lieciba.VideoCodec, audio lieciba.AudioCodec, options ...string) stream {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "v.mp4")
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-t", "4", "-pix_fmt", "yuv420p", "-threads", "1"}
	switch video {
	case lieciba.H264:
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "repeat-headers=1:aud=1")
	case lieciba.H265:
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hev1", "-x265-params", "log-level=none:repeat-headers=1:aud=1:keyint=25")
	}
	args = append(append(args, options...), "-movflags", "frag_keyframe+empty_moov+default_base_moof", file)
	run(t, "ffmpeg", args...)
	var s stream
	frames := demux(t, file, lieciba.TrackVideo)
	s.format.Video = videoFormat(t, video, frames[0])
	if audio == "" {
		s.frames = frames
		return s
	}
	s.format.Audio, s.frames = sound(t, dir, audio)
	s.frames = merge(frames, s.frames)
	return s
}

// sound encodes a tone of 4 s.
func sound(t testing.TB, dir string, codec lieciba.AudioCodec) (*lieciba.AudioFormat, []lieciba.Frame) {
	f := &lieciba.AudioFormat{Codec: codec, SampleRate: 48000, Channels: 1}
	file := filepath.Join(dir, "a.mp4")
	tone := []string{"-v", "error", "-f", "lavfi", "-i", "sine=f=1000:r=48000", "-t", "4", "-ac", "1"}
	switch codec {
	case lieciba.AAC:
		f.Config = []byte{0x11, 0x88} // AAC-LC, 48 kHz, mono
		run(t, "ffmpeg", append(tone, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof", file)...)
	case lieciba.Opus:
		run(t, "ffmpeg", append(tone, "-c:a", "libopus", "-b:a", "32k", "-movflags", "frag_keyframe+empty_moov+default_base_moof", file)...)
	default: // 20 ms of G.711 a frame, as RTP has it
		f.SampleRate = 8000
		raw := filepath.Join(dir, "a.raw")
		format := map[lieciba.AudioCodec]string{lieciba.PCMA: "alaw", lieciba.PCMU: "mulaw"}[codec]
		run(t, "ffmpeg", append(tone, "-ar", "8000", "-f", format, raw)...)
		b, err := os.ReadFile(raw)
		require.NoError(t, err)
		var frames []lieciba.Frame
		for i := 0; i+160 <= len(b); i += 160 {
			frames = append(frames, lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: int64(i), DTS: int64(i),
				Time: start.Add(fromTicks(int64(i), 8000)), Units: [][]byte{b[i : i+160]}})
		}
		return f, frames
	}
	return f, demux(t, file, lieciba.TrackAudio)
}

// demux reads the only track of a fragmented MP4 file of ffmpeg with mp4ff.
func demux(t testing.TB, file string, track lieciba.Track) []lieciba.Frame {
	t.Helper()
	m, err := mp4.ReadMP4File(file)
	require.NoError(t, err)
	rate := int64(m.Moov.Trak.Mdia.Mdhd.Timescale)
	want := int64(lieciba.VideoClockRate)
	if track == lieciba.TrackAudio {
		want = 48000
	}
	var frames []lieciba.Frame
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
					Time: start.Add(fromTicks(pts-shift, want)), Units: [][]byte{s.Data}}
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

func videoFormat(t testing.TB, codec lieciba.VideoCodec, key lieciba.Frame) lieciba.VideoFormat {
	f := lieciba.VideoFormat{Codec: codec, Width: 320, Height: 240}
	for _, u := range key.Units {
		switch {
		case codec == lieciba.H264 && u[0]&31 == 7, codec == lieciba.H265 && u[0]>>1 == 33:
			f.SPS = u
		case codec == lieciba.H264 && u[0]&31 == 8, codec == lieciba.H265 && u[0]>>1 == 34:
			f.PPS = u
		case codec == lieciba.H265 && u[0]>>1 == 32:
			f.VPS = u
		}
	}
	require.NotEmpty(t, f.SPS)
	require.NotEmpty(t, f.PPS)
	return f
}

// merge puts two tracks in the order in which a camera sends them.
func merge(video, audio []lieciba.Frame) (out []lieciba.Frame) {
	decode := func(f lieciba.Frame) time.Time { return f.Time.Add(-fromTicks(f.PTS-f.DTS, 90000)) }
	for len(video) > 0 || len(audio) > 0 {
		if len(audio) == 0 || len(video) > 0 && !decode(video[0]).After(audio[0].Time) {
			out, video = append(out, video[0]), video[1:]
		} else {
			out, audio = append(out, audio[0]), audio[1:]
		}
	}
	return out
}

func testIDs() IDs {
	id := func(n int) string { return fmt.Sprintf("0198c0de-0000-7000-8000-%012d", n) }
	return IDs{Recording: lieciba.RecordingID(id(1)), Camera: lieciba.CameraID(id(2)), Run: lieciba.RunID(id(3)),
		Segment: lieciba.SegmentID(id(4)), Node: lieciba.NodeID(id(5))}
}

// write stores frames as one segment.
func write(t testing.TB, s stream, end time.Time) Result {
	t.Helper()
	w, err := Create(filepath.Join(t.TempDir(), "s.mp4"), Params{IDs: testIDs(), Format: s.format})
	require.NoError(t, err)
	for _, f := range s.frames {
		_, err := w.WriteFrame(f)
		require.NoError(t, err)
	}
	r, err := w.Close(end)
	require.NoError(t, err)
	return r
}
