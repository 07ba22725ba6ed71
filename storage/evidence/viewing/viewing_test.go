package viewing_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence/viewing"
	"lieciba/storage/segment"
	"lieciba/storage/storagetest/footage"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 123457000, time.UTC)

func ids() segment.IDs {
	return segment.IDs{Segment: lieciba.NewID[lieciba.SegmentID](start)}
}

// record makes the segments of one run that begins d after start.
func record(t testing.TB, s footage.Spec, d, length time.Duration) []segment.Result {
	return footage.Encode(t, s).Record(t, t.TempDir(), start.Add(d), length, ids)
}

func sources(t testing.TB, list []segment.Result) (out []viewing.Source) {
	for _, r := range list {
		f, err := os.Open(r.Path)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, f.Close()) })
		out = append(out, viewing.Source{R: f, Size: r.Size})
	}
	return out
}

func options(from, to time.Duration) viewing.Options {
	return viewing.Options{From: start.Add(from), To: start.Add(to), Session: "EX-2026-11", Camera: "Room 1, front"}
}

// write makes a viewing copy and returns its path.
func write(t testing.TB, list []segment.Result, o viewing.Options) (string, viewing.Result) {
	t.Helper()
	var b bytes.Buffer
	r, err := viewing.Write(t.Context(), &b, sources(t, list), o)
	require.NoError(t, err)
	require.Equal(t, int64(b.Len()), r.Size)
	path := filepath.Join(t.TempDir(), "viewing.mp4")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path, r
}

func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	require.NoError(t, cmd.Run(), complaints.String())
	require.Empty(t, complaints.String(), "%s %s", name, strings.Join(args, " "))
	return out.String()
}

// packet is one sample as ffprobe sees it, its time in ticks of the track.
type packet struct {
	pts, size int64
	flags     string
	sum       string
}

func packets(t testing.TB, path, stream string) (out []packet) {
	t.Helper()
	var doc struct {
		Packets []struct {
			PTS   *int64 `json:"pts"`
			Size  string `json:"size"`
			Flags string `json:"flags"`
			Hash  string `json:"data_hash"`
		}
	}
	text := tool(t, "ffprobe", "-v", "error", "-select_streams", stream, "-show_packets", "-show_data_hash", "sha256", "-of", "json", path)
	require.NoError(t, json.Unmarshal([]byte(text), &doc))
	for _, p := range doc.Packets {
		size, err := strconv.ParseInt(p.Size, 10, 64)
		require.NoError(t, err)
		require.NotNil(t, p.PTS)
		out = append(out, packet{*p.PTS, size, p.Flags, p.Hash})
	}
	return out
}

// expected is what ffprobe sees in each native segment on its own, moved to
// where the segment stands after o.From. Sound that begins at o.To or later is
// not shown.
func expected(t testing.TB, list []segment.Result, o viewing.Options, stream string, rate int64) (out []packet) {
	for _, r := range list {
		if stream == "a" && r.Format.Audio == nil {
			continue
		}
		base := (r.From.Sub(o.From).Microseconds()*rate + 500_000) / 1_000_000
		for _, p := range packets(t, r.Path, stream) {
			if p.pts += base; p.pts*1_000_000/rate < o.To.Sub(o.From).Microseconds() {
				out = append(out, p)
			}
		}
	}
	return out
}

func requireSame(t *testing.T, want, got []packet) {
	t.Helper()
	require.Equal(t, len(want), len(got), "samples")
	for i := range want {
		require.InDelta(t, want[i].pts, got[i].pts, 1, "time of sample %d, in ticks", i)
		require.Equal(t, want[i].sum, got[i].sum, "bytes of sample %d", i)
		require.Equal(t, want[i].flags[:1], got[i].flags[:1], "key frame flag of sample %d", i)
	}
}

// decodes lets ffmpeg decode all of the file; it may not complain.
func decodes(t testing.TB, path string) {
	t.Helper()
	tool(t, "ffmpeg", "-v", "warning", "-xerror", "-threads", "1", "-guess_layout_max", "0", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-")
}

type probe struct {
	Format struct {
		Duration string
		Tags     map[string]string
	}
	Streams []struct {
		CodecType string `json:"codec_type"`
		CodecTag  string `json:"codec_tag_string"`
		Frames    string `json:"nb_read_frames"`
		StartTime string `json:"start_time"`
		Duration  string
	}
}

func look(t testing.TB, path string) (p probe) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(tool(t, "ffprobe", "-v", "error", "-count_frames", "-show_format", "-show_streams", "-of", "json", path)), &p))
	return p
}

func seconds(t testing.TB, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return f
}

var specs = map[string]footage.Spec{
	"h264":               {Video: lieciba.H264, GOP: 25, Seconds: 6},
	"h264-aac":           {Video: lieciba.H264, Audio: lieciba.AAC, GOP: 25, Seconds: 6},
	"h264-b-frames-aac":  {Video: lieciba.H264, Audio: lieciba.AAC, GOP: 40, BFrames: 3, Seconds: 6},
	"h264-quiet-opus":    {Video: lieciba.H264, Audio: lieciba.Opus, GOP: 25, Quiet: true, Seconds: 6},
	"h264-pcma":          {Video: lieciba.H264, Audio: lieciba.PCMA, GOP: 50, Seconds: 6},
	"h264-pcmu":          {Video: lieciba.H264, Audio: lieciba.PCMU, GOP: 50, Seconds: 6},
	"h265-aac":           {Video: lieciba.H265, Audio: lieciba.AAC, GOP: 25, Seconds: 6},
	"h265-b-frames-opus": {Video: lieciba.H265, Audio: lieciba.Opus, GOP: 25, BFrames: 3, Seconds: 6},
}

// TestEveryFrameAtItsTime: the copy has each picture and sound of the native
// segments, with the same bytes, at the same time of the wall clock, to a tick.
func TestEveryFrameAtItsTime(t *testing.T) {
	for name, s := range specs {
		t.Run(name, func(t *testing.T) {
			list := record(t, s, 0, 2*time.Second)
			require.Greater(t, len(list), 1, "more than one segment")
			o := viewing.Options{From: list[0].From, To: list[len(list)-1].To}
			path, r := write(t, list, o)
			decodes(t, path)
			requireSame(t, expected(t, list, o, "v", 90_000), packets(t, path, "v"))
			p := look(t, path)
			require.Equal(t, strconv.Itoa(r.Frames), p.Streams[0].Frames)
			require.InDelta(t, o.To.Sub(o.From).Seconds(), seconds(t, p.Format.Duration), 0.001)
			require.Equal(t, map[lieciba.VideoCodec]string{lieciba.H264: "avc1", lieciba.H265: "hvc1"}[s.Video], p.Streams[0].CodecTag)
			if s.Audio != "" {
				rate := int64(list[0].Format.Audio.SampleRate)
				requireSame(t, expected(t, list, o, "a", rate), packets(t, path, "a"))
			}
		})
	}
}

// TestGapsFreezeThePicture: a window with a hole at its start, in its middle
// and at its end keeps the wall clock.
func TestGapsFreezeThePicture(t *testing.T) {
	s := specs["h264-b-frames-aac"]
	list := append(record(t, s, 3*time.Second, time.Minute), record(t, s, 20*time.Second+7*time.Millisecond, 2*time.Second)...)
	o := options(0, 40*time.Second)
	path, _ := write(t, list, o)
	decodes(t, path)
	requireSame(t, expected(t, list, o, "v", 90_000), packets(t, path, "v"))
	requireSame(t, expected(t, list, o, "a", 48_000), packets(t, path, "a"))
	p := look(t, path)
	require.InDelta(t, 40, seconds(t, p.Format.Duration), 0.001)
	require.InDelta(t, 3, seconds(t, p.Streams[0].StartTime), 0.0001)
	require.Equal(t, "viewing copy, not evidence", p.Format.Tags["title"])
	require.Equal(t, "viewing copy, not evidence; session EX-2026-11; camera Room 1, front; starts 2026-11-22T10:00:00.123457Z; ends 2026-11-22T10:00:40.123457Z",
		p.Format.Tags["comment"])
	require.Equal(t, "2026-11-22T10:00:00.000000Z", p.Format.Tags["creation_time"])
}

// changed is a camera that comes back with another picture size, whose key
// frames hold no parameter sets, and goes back to the first.
func changed(t testing.TB) []segment.Result {
	first := footage.Spec{Video: lieciba.H264, GOP: 25, Seconds: 3}
	other := footage.Spec{Video: lieciba.H264, GOP: 25, Seconds: 3, Width: 160, Height: 120, Quiet: true}
	return append(append(record(t, first, 0, time.Minute), record(t, other, 4*time.Second, time.Minute)...),
		record(t, first, 8*time.Second, time.Minute)...)
}

func TestParameterSetsChange(t *testing.T) {
	list := changed(t)
	groups, err := viewing.Split(sources(t, list))
	require.NoError(t, err)
	require.Len(t, groups, 1, "one codec: one file")
	o := options(0, 11*time.Second)
	path, r := write(t, list, o)
	require.Equal(t, 225, r.Frames)
	sizes := strings.Fields(tool(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", path))
	require.Len(t, sizes, 225)
	for i, s := range sizes {
		want := "320"
		if i >= 75 && i < 150 {
			want = "160"
		}
		require.Equal(t, want, strings.Trim(s, ","), "width of frame %d", i)
	}
	tool(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-")
}

func TestACodecChangeIsANewFile(t *testing.T) {
	list := record(t, specs["h264-aac"], 0, 2*time.Second)
	list = append(list, record(t, specs["h265-aac"], 10*time.Second, time.Minute)...)           // picture
	list = append(list, record(t, specs["h265-b-frames-opus"], 20*time.Second, time.Minute)...) // sound
	list = append(list, record(t, footage.Spec{Video: lieciba.H265, GOP: 25, Seconds: 6}, 30*time.Second, time.Minute)...)
	list = append(list, record(t, specs["h265-aac"], 40*time.Second, time.Minute)...)
	list = append(list, record(t, specs["h265-aac"], 7*time.Hour, time.Minute)...)
	groups, err := viewing.Split(sources(t, list))
	require.NoError(t, err)
	var sizes []int
	for _, g := range groups {
		sizes = append(sizes, len(g))
	}
	require.Equal(t, []int{len(list) - 5, 1, 2, 1, 1}, sizes)
	_, err = viewing.Write(t.Context(), &bytes.Buffer{}, sources(t, list), options(0, time.Minute))
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}

func TestNothingInTheRange(t *testing.T) {
	list := record(t, specs["h264"], time.Minute, time.Minute)
	_, err := viewing.Write(t.Context(), &bytes.Buffer{}, sources(t, list), options(0, time.Second))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	_, err = viewing.Write(t.Context(), &bytes.Buffer{}, sources(t, list), options(time.Second, time.Second))
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
}

// TestDamagedSegmentsAreRefused: no changed byte of a segment's media gets into
// a viewing copy unseen.
func TestDamagedSegmentsAreRefused(t *testing.T) {
	r := record(t, specs["h264-aac"], 0, time.Minute)[0]
	b, err := os.ReadFile(r.Path)
	require.NoError(t, err)
	o := options(0, 6*time.Second)
	try := func(b []byte) error {
		_, err := viewing.Write(t.Context(), &bytes.Buffer{}, []viewing.Source{{R: bytes.NewReader(b), Size: int64(len(b))}}, o)
		return err
	}
	require.NoError(t, try(b))
	for at := int(r.Fragments[0].Offset); at < len(b); at += len(b) / 60 {
		bad := bytes.Clone(b)
		bad[at] ^= 4
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(try(bad)), "byte %d", at)
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(try(b[:at+3])), "cut at %d", at)
	}
}
