package readiness

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/picture"
)

var start = time.Date(2026, 11, 18, 6, 0, 0, 0, time.UTC)

// lookAt runs access units of 25 frames a second through what a live stream runs
// through, the last seconds of them.
func lookAt(codec lieciba.VideoCodec, width, height int, units [][][]byte, last int) PictureFacts {
	f := lieciba.VideoFormat{Codec: codec, Width: width, Height: height}
	for _, u := range units[0] {
		if codec == lieciba.H264 && u[0]&0x1f == 8 {
			f.PPS = u
		}
	}
	p := newPictures(f)
	for i, u := range units {
		if i < len(units)-last*25 {
			continue
		}
		key := false
		for _, n := range u {
			key = key || codec == lieciba.H264 && n[0]&0x1f == 5 || codec == lieciba.H265 && n[0]>>1&0x3f >= 16 && n[0]>>1&0x3f < 24
		}
		p.add(lieciba.Frame{Key: key, Time: start.Add(time.Duration(i) * 40 * time.Millisecond), Units: u})
	}
	out := p.result()
	out.Declared = 25
	return out
}

// x26x codes 16 s of a lavfi source with ffmpeg and cuts them into access units,
// by the delimiter that is put before each.
func x26x(t *testing.T, codec lieciba.VideoCodec, source string, args ...string) [][][]byte {
	t.Helper()
	format := map[lieciba.VideoCodec]string{lieciba.H264: "h264", lieciba.H265: "hevc"}[codec]
	full := append([]string{"-v", "error", "-f", "lavfi", "-i", source, "-t", "16", "-pix_fmt", "yuv420p"}, args...)
	full = append(full, "-bf", "0", "-bsf:v", format+"_metadata=aud=insert", "-f", format, "-")
	var stderr bytes.Buffer
	cmd := exec.Command("ffmpeg", full...)
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	var out [][][]byte
	raw = bytes.ReplaceAll(raw, []byte{0, 0, 0, 1}, []byte{0, 0, 1})
	for _, nal := range bytes.Split(raw, []byte{0, 0, 1}) {
		if len(nal) == 0 {
			continue
		}
		if codec == lieciba.H264 && nal[0]&0x1f == 9 || codec == lieciba.H265 && nal[0]>>1 == 35 {
			out = append(out, nil)
			continue
		}
		out[len(out)-1] = append(out[len(out)-1], nal)
	}
	require.GreaterOrEqual(t, len(out), 390)
	return out
}

// What encoders that nobody here wrote make of a live, a frozen and a black
// picture, and of noise. Frozen ones are looked at after 10 s, as a picture is
// that froze before the check: an encoder goes on refining it for some seconds.
func TestPicturesOfX264(t *testing.T) {
	const size = "s=320x180:r=25"
	sources := map[string]string{
		"live":   "testsrc2=" + size,
		"frozen": "testsrc2=" + size + ",loop=loop=-1:size=1",
		"black":  "color=black:" + size,
		"noise":  "color=gray:" + size + ",noise=alls=60:allf=t",
		"room":   "mandelbrot=" + size + ",loop=loop=-1:size=1,noise=alls=3:allf=t", // a still scene with a sensor's noise
	}
	want := map[string]string{"live": "ok", "frozen": "frozen", "black": "dark", "noise": "ok", "room": "ok"}
	encoders := map[string]string{
		"cabac":    "-c:v libx264 -profile:v main -preset superfast -g 50 -crf 23",
		"baseline": "-c:v libx264 -profile:v baseline -preset superfast -g 50 -crf 23",
		"bitrate":  "-c:v libx264 -profile:v high -preset superfast -g 50 -b:v 150k",
		"constant": "-c:v libx264 -profile:v main -preset superfast -g 50 -x264-params nal-hrd=cbr:force-cfr=1 -b:v 500k -minrate 500k -maxrate 500k -bufsize 500k",
		"h265":     "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=0:keyint=50:repeat-headers=1 -crf 26",
	}
	for name, args := range encoders {
		codec := lieciba.H264
		if name == "h265" {
			codec = lieciba.H265
		}
		for what, source := range sources {
			if codec == lieciba.H265 && what == "noise" {
				continue // minutes of work for what the other encoders show
			}
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				facts := lookAt(codec, 320, 180, x26x(t, codec, source, strings.Fields(args)...), 6)
				wanted := want[what]
				if codec == lieciba.H265 && what == "room" {
					wanted = "frozen" // the known limit: this encoder hides the noise, so an empty room looks frozen
				}
				require.Equal(t, wanted, JudgePicture(facts).Fact, "%+v", facts)
			})
		}
	}
}

// The virtual camera's own pictures, of every size that it is used in.
func TestPicturesOfTheVirtualCamera(t *testing.T) {
	for _, size := range [][2]int{{320, 192}, {640, 360}, {1280, 720}, {1920, 1080}} {
		for _, frozen := range []bool{false, true} {
			s, err := picture.New(picture.Config{Width: size[0], Height: size[1], DeclaredRate: 25, Name: "Priekša"})
			require.NoError(t, err)
			var units [][][]byte
			for i := range 200 {
				at := start.Add(time.Duration(i) * 40 * time.Millisecond)
				if frozen {
					at = start
				}
				unit := s.P
				if i%50 == 0 {
					unit = s.IDR
				}
				units = append(units, bytesOf(unit(at)))
			}
			facts := lookAt(lieciba.H264, size[0], size[1], units, 8)
			want := "ok"
			if frozen {
				want = "frozen"
			}
			require.Equal(t, want, JudgePicture(facts).Fact, "%v %+v", size, facts)
		}
	}
}

// bytesOf copies a unit: the encoder may use its bytes again.
func bytesOf(units [][]byte) [][]byte {
	var out [][]byte
	for _, u := range units {
		out = append(out, bytes.Clone(u))
	}
	return out
}

// What pads a picture is not what it shows.
func TestPaddingDoesNotCount(t *testing.T) {
	slice := []byte{0x41, 1, 2, 3}
	units := [][]byte{{0x67, 1}, {0x68, 1}, {0x06, 5, 99, 99}, append(bytes.Clone(slice), 0, 0, 3, 0, 0, 3), bytes.Repeat([]byte{0x0c}, 5000)}
	require.Equal(t, len(slice), codedBytes(lieciba.H264, units))
	require.Equal(t, 3, codedBytes(lieciba.H265, [][]byte{{1 << 1, 0, 7}, {39 << 1, 0, 5}, {32 << 1, 0}}))
}

func TestEntropyCodingIsReadFromThePPS(t *testing.T) {
	require.True(t, arithmetic([]byte{0x68, 0xee, 0x3c, 0x80}))  // 1 1 1: x264, main
	require.False(t, arithmetic([]byte{0x68, 0xce, 0x3c, 0x80})) // 1 1 0: x264, baseline
	require.True(t, arithmetic([]byte{0x68, 0b00100010, 0x80}))  // IDs 3 and 1: 00100 010 1 …
	for _, broken := range [][]byte{nil, {0x68}, {0x68, 0, 0, 0, 0}} {
		require.False(t, arithmetic(broken))
	}
}
