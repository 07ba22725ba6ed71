package rtspcam

import (
	"bytes"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/picture"
)

// The reader of these tests is ffmpeg: nobody here wrote it.

// shown decodes frames of the main stream as they come and returns the instants
// that they show and what ffmpeg complained of. begun is called after the first.
func shown(t *testing.T, s *Server, transport string, frames int, begun func()) (instants []int64, complaint string) {
	t.Helper()
	c := s.Config()
	cmd := exec.Command("ffmpeg", "-v", "warning", "-rtsp_transport", transport, "-i", withUser(s, lieciba.StreamMain),
		"-frames:v", strconv.Itoa(frames), "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-flush_packets", "1", "-")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	frame := make([]byte, c.Width*c.Height)
	for i := range frames {
		if _, err := io.ReadFull(out, frame); err != nil {
			break // lost frames; ffmpeg's own error tells of worse
		}
		if i == 0 {
			begun()
		}
		if ms, ok := picture.DecodeLuma(frame, c.Width, c.Width, c.Height); ok {
			instants = append(instants, ms)
		}
	}
	require.NoError(t, cmd.Wait(), errs.String())
	return instants, errs.String()
}

// requireWell holds a camera to what it does without fault.
func requireWell(t *testing.T, s *Server, transport string) {
	t.Helper()
	requireWellDuring(t, s, transport, func() {})
}

// requireWellDuring wants ten pictures of now, in order, that decode without
// complaint whatever begins after the first.
func requireWellDuring(t *testing.T, s *Server, transport string, begun func()) {
	t.Helper()
	before := time.Now().UnixMilli()
	instants, complaint := shown(t, s, transport, 10, begun)
	require.Empty(t, complaint)
	require.Len(t, instants, 10)
	for _, ms := range instants {
		require.GreaterOrEqual(t, ms, before)
		before = ms + 1
	}
	require.LessOrEqual(t, before, time.Now().UnixMilli()+1)
}

func TestLossOverUDPIsNoticedAndEnds(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, GOP: 25, Bitrate: 2_000_000, UDP: true})
	requireWell(t, s, "udp")
	s.SetLoss(0.1)
	_, complaint := shown(t, s, "udp", 25, func() {})
	require.Contains(t, complaint, "missed", "what ffmpeg says of lost packets")
	s.SetLoss(0)
	requireWell(t, s, "udp")
}

func TestReorderOverUDPCanBeUndone(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, GOP: 25, Bitrate: 2_000_000, UDP: true})
	// ffmpeg sorts what comes over UDP, but not before the first packet it sees
	requireWellDuring(t, s, "udp", func() { s.SetReorder(0.3) })
	s.SetReorder(0)
	requireWell(t, s, "udp")
}

func TestKeyFramesAreHeldBack(t *testing.T) {
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, GOP: 5})
	s.HoldKeyFrames(true)
	w := play(t, s, lieciba.StreamMain)
	for pictures := 0; pictures < 15; {
		p, _ := w.read()
		if p == nil {
			continue
		}
		kind := p.payload[0] & 0x1f
		if kind == 28 { // FU-A: the kind of what is fragmented
			kind = p.payload[1] & 0x1f
		}
		require.NotEqualValues(t, 5, kind, "a key frame")
		if _, sps, ok := instant(p.payload); ok {
			require.False(t, sps)
			pictures++
		}
	}
	s.HoldKeyFrames(false)
	for key := false; !key; {
		p, _ := w.read()
		if p != nil {
			_, key, _ = instant(p.payload)
		}
	}
	requireWell(t, s, "tcp")
}

func TestCameraIsWellAfterItsFaults(t *testing.T) {
	for name, fault := range map[string]func(t *testing.T, s *Server){
		"other SSRC":    func(_ *testing.T, s *Server) { s.ChangeSSRC() },
		"other size":    func(t *testing.T, s *Server) { require.NoError(t, s.ChangeSize(lieciba.StreamMain, 640, 360)) },
		"restart":       func(t *testing.T, s *Server) { require.NoError(t, s.Restart(640, 360)) },
		"disconnect":    func(_ *testing.T, s *Server) { s.Disconnect(time.Hour); s.Disconnect(0) },
		"freeze":        func(_ *testing.T, s *Server) { s.Freeze(true); s.Freeze(false) },
		"still picture": func(_ *testing.T, s *Server) { s.FreezePicture(true); s.FreezePicture(false) },
		"clock skew":    func(_ *testing.T, s *Server) { s.SetClockSkew(time.Hour) },
		"no reports":    func(_ *testing.T, s *Server) { s.SetReports(false) },
		"junk":          func(_ *testing.T, s *Server) { s.SendJunk() },
		"held keys":     func(_ *testing.T, s *Server) { s.HoldKeyFrames(true); s.HoldKeyFrames(false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, Config{Name: "Front", Width: 320, Height: 180, GOP: 25, Audio: lieciba.AAC})
			w := play(t, s, lieciba.StreamMain) // somebody watches when it happens
			w.read()
			fault(t, s)
			requireWell(t, s, "tcp")
		})
	}
}

// TestDeclaredRateIsFalse: the SPS promises 50 pictures a second, 10 come. Raw
// H.264 has no times, so that ffprobe says what is declared.
func TestDeclaredRateIsFalse(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, FPS: 10, DeclaredFPS: 50})
	cmd := exec.Command("ffprobe", "-v", "error", "-f", "h264", "-show_entries", "stream=has_b_frames,r_frame_rate", "-of", "csv=p=0", "-")
	cmd.Stdin = bytes.NewReader(ffmpeg(t, "tcp", s.URL(lieciba.StreamMain), "-frames:v", "10", "-c", "copy", "-f", "h264", "-"))
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "0,50/1", strings.TrimSpace(string(out)))

	w := play(t, s, lieciba.StreamMain)
	var first, last uint32
	const frames = 20
	for i := 0; i <= frames; {
		p, _ := w.read()
		if p == nil || !p.marker {
			continue
		}
		if i == 0 {
			first = p.time
		}
		last = p.time
		i++
	}
	require.GreaterOrEqual(t, last-first, uint32(frames-1)*90_000/10, "ticks at 90 kHz")
}

func TestNoReportsAtAll(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Name: "Front", Width: 320, Height: 180, GOP: 25, SenderReports: -1})
	w := play(t, s, lieciba.StreamMain)
	for range 30 {
		_, r := w.read()
		require.Nil(t, r)
	}
	requireWell(t, s, "tcp")
}

// TestAMutedMicrophone: sound goes on in every codec, and ffmpeg hears nothing in it.
func TestAMutedMicrophone(t *testing.T) {
	for _, codec := range []lieciba.AudioCodec{lieciba.PCMA, lieciba.PCMU, lieciba.AAC, lieciba.Opus} {
		t.Run(string(codec), func(t *testing.T) {
			s := start(t, Config{Name: "Front", Width: 320, Height: 180, GOP: 25, Audio: codec})
			loudest := func() (peak int) {
				raw := ffmpeg(t, "tcp", withUser(s, lieciba.StreamMain), "-vn", "-t", "1", "-ac", "1", "-f", "s16le", "-")
				require.Greater(t, len(raw), 8000)
				for i := 0; i+1 < len(raw); i += 2 {
					v := int(int16(uint16(raw[i]) | uint16(raw[i+1])<<8))
					peak = max(peak, v, -v)
				}
				return peak
			}
			s.SetSilent(true)
			require.LessOrEqual(t, loudest(), 16)
			s.SetSilent(false)
			require.Greater(t, loudest(), 4000)
		})
	}
}
