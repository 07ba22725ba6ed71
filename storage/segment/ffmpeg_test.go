package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"lieciba"
)

// combinations are the codecs that a segment can hold, from real encoders.
var combinations = []struct {
	name    string
	video   lieciba.VideoCodec
	audio   lieciba.AudioCodec
	options []string
}{
	{"h264", lieciba.H264, "", []string{"-bf", "0", "-g", "25"}},
	{"h264-long-gop-aac", lieciba.H264, lieciba.AAC, []string{"-bf", "0", "-g", "60"}},
	{"h264-b-frames-aac", lieciba.H264, lieciba.AAC, []string{"-bf", "3", "-g", "40"}},
	{"h264-pcma", lieciba.H264, lieciba.PCMA, []string{"-bf", "0", "-g", "25"}},
	{"h264-pcmu", lieciba.H264, lieciba.PCMU, []string{"-bf", "0", "-g", "25"}},
	{"h264-opus", lieciba.H264, lieciba.Opus, []string{"-bf", "0", "-g", "25"}},
	{"h265-aac", lieciba.H265, lieciba.AAC, []string{"-bf", "0"}},
	{"h265-b-frames-opus", lieciba.H265, lieciba.Opus, []string{"-bf", "3"}},
	{"h265-pcma", lieciba.H265, lieciba.PCMA, []string{"-bf", "0"}},
}

// packet is one line of ffmpeg's framehash of the undecoded packets.
type packet struct {
	pts, dts, duration int64
	sum                string
}

// unknown is a field for which ffprobe prints N/A, as it does for the duration
// of the first AAC and Opus packets of any fragmented file, its own included.
const unknown = -1 << 62

// packets lets ffprobe demux the file: ffmpeg's own reading of time and bytes.
func packets(t testing.TB, file string) map[int][]packet {
	t.Helper()
	out := run(t, "ffprobe", "-v", "error", "-of", "csv=p=0", "-show_packets", "-show_data_hash", "sha256",
		"-show_entries", "packet=stream_index,pts,dts,duration,data_hash", file)
	list := map[int][]packet{}
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), ",")
		num := func(i int) int64 {
			if f[i] == "N/A" {
				return unknown
			}
			n, err := strconv.ParseInt(f[i], 10, 64)
			require.NoError(t, err, line)
			return n
		}
		list[int(num(0))] = append(list[int(num(0))], packet{num(1), num(2), num(3), strings.TrimPrefix(f[4], "SHA256:")})
	}
	return list
}

func payload(f lieciba.Frame) []byte {
	if f.Track == lieciba.TrackAudio {
		return f.Units[0]
	}
	var b []byte
	for _, u := range f.Units {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return b
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// TestFFmpegReadsEverySegment has ffprobe and ffmpeg open a segment of every
// codec: bytes, times, durations, and decoding without one complaint.
func TestFFmpegReadsEverySegment(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			s := encode(t, c.video, c.audio, c.options...)
			end := start.Add(4 * time.Second)
			r := write(t, s, end)
			require.Equal(t, start, r.From)
			require.Equal(t, end, r.To)
			require.Equal(t, len(s.of(lieciba.TrackVideo)), r.Frames)

			got := packets(t, r.Path)
			comparePackets(t, got[0], s.of(lieciba.TrackVideo), lieciba.VideoClockRate)
			var sum int64
			for _, p := range got[0] {
				sum += p.duration
			}
			require.Equal(t, toTicks(r.To.Sub(r.From), lieciba.VideoClockRate), sum, "durations sum up to the catalogue's")
			if c.audio != "" {
				comparePackets(t, got[1], s.of(lieciba.TrackAudio), int64(s.format.Audio.SampleRate))
			} else {
				require.NotContains(t, got, 1)
			}
			complaints := stderrOf(t, "ffmpeg", "-v", "warning", "-guess_layout_max", "0", "-i", r.Path, "-map", "0", "-f", "null", "-")
			require.Empty(t, complaints)
			checkProbe(t, r)
		})
	}
}

// comparePackets checks bytes and times; ffmpeg may shift DTS by a constant.
func comparePackets(t *testing.T, got []packet, want []lieciba.Frame, rate int64) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	shift := got[0].dts - want[0].DTS
	for i, f := range want {
		require.Equal(t, hexSum(payload(f)), got[i].sum, "bytes of packet %d", i)
		require.Equal(t, toTicks(f.Time.Sub(start), rate), got[i].pts, "pts of packet %d", i)
		require.Equal(t, f.DTS+shift, got[i].dts, "dts of packet %d", i)
		hidden := got[i].duration == unknown && f.Track == lieciba.TrackAudio
		if i+1 < len(want) && !hidden {
			require.Equal(t, want[i+1].DTS-f.DTS, got[i].duration, "duration of packet %d", i)
		}
	}
}

func stderrOf(t *testing.T, name string, args ...string) string {
	t.Helper()
	return run(t, "sh", append([]string{"-c", `exec "$0" "$@" 2>&1 >/dev/null`, name}, args...)...)
}

func checkProbe(t *testing.T, r Result) {
	t.Helper()
	var probe struct {
		Streams []struct {
			CodecName     string `json:"codec_name"`
			Width, Height int
			Tag           string `json:"codec_tag_string"`
		}
		Format struct {
			Duration  string
			StartTime string `json:"start_time"`
			Name      string `json:"format_name"`
		}
	}
	out := run(t, "ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", r.Path)
	require.NoError(t, json.Unmarshal([]byte(out), &probe))
	seconds, err := strconv.ParseFloat(probe.Format.Duration, 64)
	require.NoError(t, err)
	require.InDelta(t, r.To.Sub(r.From).Seconds(), seconds, 0.05)
	begin, err := strconv.ParseFloat(probe.Format.StartTime, 64)
	require.NoError(t, err)
	require.InDelta(t, 0, begin, 0.001)
	require.Contains(t, probe.Format.Name, "mp4")
	require.Equal(t, 320, probe.Streams[0].Width)
	require.Equal(t, 240, probe.Streams[0].Height)
	want := map[lieciba.AudioCodec]string{lieciba.AAC: "aac", lieciba.Opus: "opus", lieciba.PCMA: "pcm_alaw", lieciba.PCMU: "pcm_mulaw"}
	require.Equal(t, string(r.Format.Video.Codec), map[string]string{"h264": "h264", "hevc": "h265"}[probe.Streams[0].CodecName])
	if r.Format.Audio != nil {
		require.Equal(t, want[r.Format.Audio.Codec], probe.Streams[1].CodecName)
	}
}

// readBoxes reads a file's top-level boxes with mp4ff. Its DecodeFile (v0.51.0)
// looks for a moof where a sidx reference starts, and a prft stands there.
func readBoxes(t testing.TB, file string) (moov *mp4.MoovBox, sidx *mp4.SidxBox, frags []*mp4.Fragment) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	r := bytes.NewReader(raw)
	frag := &mp4.Fragment{}
	for at := uint64(0); at < uint64(len(raw)); {
		b, err := mp4.DecodeBox(at, r)
		require.NoError(t, err)
		switch b := b.(type) {
		case *mp4.MoovBox:
			moov = b
		case *mp4.SidxBox:
			sidx = b
		case *mp4.MoofBox:
			frag.AddChild(b)
		case *mp4.MdatBox:
			frag.AddChild(b)
			frags = append(frags, frag)
			frag = &mp4.Fragment{}
		}
		at += b.Size()
	}
	return moov, sidx, frags
}

// TestMp4ffReadsEverySegment compares NAL units through a reader that shares no
// code with the writer, and the index with the boxes it finds.
func TestMp4ffReadsEverySegment(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			s := encode(t, c.video, c.audio, c.options...)
			r := write(t, s, time.Time{})
			moov, sidx, frags := readBoxes(t, r.Path)
			require.EqualValues(t, 360000, moov.Mvhd.Duration)
			require.EqualValues(t, 360000, moov.Mvex.Mehd.FragmentDuration)
			require.Len(t, frags, len(r.Fragments))
			require.Len(t, sidx.SidxRefs, len(r.Fragments))
			at := sidx.AnchorPoint // with first_offset
			for i, ref := range sidx.SidxRefs {
				require.EqualValues(t, r.Fragments[i].Offset, at)
				require.EqualValues(t, r.Fragments[i].Size, ref.ReferencedSize)
				require.Equal(t, r.Fragments[i].Key, ref.StartsWithSAP == 1)
				at += uint64(ref.ReferencedSize)
			}
			require.EqualValues(t, r.Size, at)
			samples := map[lieciba.Track][][]byte{}
			for _, frag := range frags {
				for i, traf := range frag.Moof.Trafs {
					off := uint32(uint64(traf.Trun.DataOffset) + frag.Moof.StartPos - frag.Mdat.PayloadAbsoluteOffset())
					for _, x := range traf.Trun.GetFullSamples(off, 0, frag.Mdat) {
						samples[lieciba.Track(i)] = append(samples[lieciba.Track(i)], x.Data)
					}
				}
			}
			for _, f := range s.frames {
				require.NotEmpty(t, samples[f.Track])
				got := samples[f.Track][0]
				samples[f.Track] = samples[f.Track][1:]
				if f.Track == lieciba.TrackVideo {
					require.Equal(t, f.Units, split(got))
				} else {
					require.Equal(t, f.Units[0], got)
				}
			}
			require.Empty(t, samples[lieciba.TrackVideo])
			require.Empty(t, samples[lieciba.TrackAudio])
		})
	}
}
