package rtspcam

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/onvif/virtualcam/picture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := Start(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// withUser puts the credentials into the URL, for ffmpeg only.
func withUser(s *Server, role lieciba.StreamRole) string {
	return strings.Replace(s.URL(role), "rtsp://", "rtsp://"+s.cfg.Username+":"+s.cfg.Password+"@", 1)
}

// ffmpeg reads a stream and returns what it wrote to standard output.
func ffmpeg(t *testing.T, transport, url string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "warning", "-rtsp_transport", transport, "-i", url}, args...)...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	require.NoError(t, cmd.Run(), complaint.String())
	return out.Bytes()
}

func TestFFmpegReadsTheTimeCode(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		for _, role := range []lieciba.StreamRole{lieciba.StreamMain, lieciba.StreamSub} {
			t.Run(transport+" "+string(role), func(t *testing.T) {
				s := start(t, Config{Name: "Front", Username: "u", Password: "p", UDP: true})
				width, height := s.cfg.Width, s.cfg.Height
				if role == lieciba.StreamSub {
					width, height = s.cfg.SubWidth, s.cfg.SubHeight
				}
				before := time.Now().UnixMilli()
				raw := ffmpeg(t, transport, withUser(s, role), "-frames:v", "30", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-vsync", "passthrough", "-")
				after := time.Now().UnixMilli()
				size := width * height * 3 / 2
				require.Equal(t, 30*size, len(raw))
				last := before - 1
				for i := range 30 {
					ms, ok := picture.DecodeLuma(raw[i*size:], width, width, height)
					require.True(t, ok, "frame %d", i)
					require.Greater(t, ms, last)
					require.LessOrEqual(t, ms, after)
					last = ms
				}
			})
		}
	}
}

func TestToneIsOneKilohertz(t *testing.T) {
	for _, codec := range []lieciba.AudioCodec{lieciba.AAC, lieciba.PCMA, lieciba.PCMU, lieciba.Opus} {
		t.Run(string(codec), func(t *testing.T) {
			t.Parallel()
			s := start(t, Config{Name: "Front", Username: "u", Password: "p", Audio: codec})
			raw := ffmpeg(t, "tcp", withUser(s, lieciba.StreamMain), "-t", "2", "-vn", "-f", "s16le", "-ac", "1", "-ar", "8000", "-")
			require.Greater(t, len(raw), 8000)
			samples := make([]float64, 8000)
			tail := raw[len(raw)-2*len(samples):]
			for i := range samples {
				samples[i] = float64(int16(binary.LittleEndian.Uint16(tail[2*i:])))
			}
			tone, all := power(samples, 1000), 0.0
			for _, v := range samples {
				all += v * v
			}
			require.Greater(t, tone/all, 0.9, "share of the energy at 1 kHz")
			require.Greater(t, math.Sqrt(all/8000), 500.0, "loud enough to be heard")
		})
	}
}

// power is the energy of one frequency in samples at 8 kHz, by Goertzel's algorithm.
func power(samples []float64, hertz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hertz/8000)
	var a, b float64
	for _, v := range samples {
		a, b = v+k*a-b, a
	}
	return 2 * (a*a + b*b - k*a*b) / float64(len(samples))
}

func TestWrongPasswordIsRefused(t *testing.T) {
	s := start(t, Config{Name: "Front", Username: "u", Password: "p"})
	for _, url := range []string{s.URL(lieciba.StreamMain), strings.Replace(withUser(s, lieciba.StreamMain), ":p@", ":q@", 1)} {
		out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", url).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "401")
	}
}

func TestBitrateIsReached(t *testing.T) {
	s := start(t, Config{Name: "Front", Username: "u", Password: "p", Bitrate: 2_000_000, Width: 1920, Height: 1080})
	raw := ffmpeg(t, "tcp", withUser(s, lieciba.StreamMain), "-frames:v", "50", "-c", "copy", "-f", "h264", "-")
	require.InEpsilon(t, 2_000_000/8*2, len(raw), 0.2)
}

func TestNTPFractionIsBinary(t *testing.T) {
	for _, fraction := range []float64{0, 0.1, 0.5, 0.999} {
		at := time.Unix(1_800_000_000, int64(fraction*1e9))
		v := ntp(at)
		require.Equal(t, uint64(1_800_000_000+2_208_988_800), v>>32)
		got := float64(uint32(v)) / (1 << 32)
		require.InDelta(t, fraction, got, 1e-6, strconv.FormatFloat(fraction, 'f', -1, 64))
	}
}

// ffprobe says what is wrong with the main stream, or nothing.
func ffprobe(s *Server) string {
	out, _ := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", withUser(s, lieciba.StreamMain)).CombinedOutput()
	return string(out)
}

func TestH265IsDecodedWithoutComplaint(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		s := start(t, Config{Name: "Front", Username: "u", Password: "p", Video: lieciba.H265, UDP: true})
		cmd := exec.Command("ffmpeg", "-v", "warning", "-rtsp_transport", transport, "-i", withUser(s, lieciba.StreamMain), "-frames:v", "120", "-f", "framecrc", "-")
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Empty(t, complaint.String())
		require.Contains(t, string(out), "1280x720")
		out, err = exec.Command("ffprobe", "-v", "error", "-rtsp_transport", transport, "-show_entries", "stream=codec_name,has_b_frames", "-of", "csv=p=0", withUser(s, lieciba.StreamMain)).Output()
		require.NoError(t, err)
		require.Equal(t, "hevc,0", strings.TrimSpace(string(out)))
	}
}

func TestSizeChangesInMidStream(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180})
	cmd := exec.Command("ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", s.URL(lieciba.StreamMain), "-c", "copy", "-f", "h264", "-flush_packets", "1", "-")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	sps := func() string { // the next parameter set that is not the last one
		var b []byte
		one := make([]byte, 4096)
		for {
			n, err := out.Read(one)
			require.NoError(t, err)
			b = append(b, one[:n]...)
			if i := bytes.LastIndex(b, []byte{0, 0, 1, 0x67}); i >= 0 && len(b) > i+24 {
				return string(b[i+3 : i+24])
			}
		}
	}
	first := sps()
	require.NoError(t, s.ChangeSize(lieciba.StreamMain, 640, 360))
	require.Equal(t, 640, s.Config().Width)
	for sps() == first {
	}
	require.Error(t, s.ChangeSize(lieciba.StreamMain, 641, 360))
}

func TestPictureFreezesWhilePacketsFlow(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180})
	s.FreezePicture(true)
	raw := ffmpeg(t, "tcp", s.URL(lieciba.StreamMain), "-frames:v", "10", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-")
	const size = 320 * 180
	for i := range 10 {
		require.Equal(t, raw[:size], raw[i*size:(i+1)*size])
	}
}
