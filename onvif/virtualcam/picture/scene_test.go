package picture

import (
	"bytes"
	"fmt"
	"image"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 11, 22, 9, 59, 58, 120e6, time.UTC)

func stream(t *testing.T, s *Scene, frames int) []byte {
	t.Helper()
	var out []byte
	for i := range frames {
		at := start.Add(time.Duration(i) * 40 * time.Millisecond)
		units := s.P
		if i%50 == 0 {
			units = s.IDR
		}
		for _, u := range units(at) {
			out = append(append(out, 0, 0, 0, 1), u...)
		}
	}
	return out
}

func TestEveryDecodedPictureTellsItsInstant(t *testing.T) {
	for _, size := range [][2]int{{192, 108}, {320, 180}, {640, 360}, {768, 432}, {1280, 720}, {1920, 1080}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			width, height := size[0], size[1]
			s, err := New(Config{Width: width, Height: height, DeclaredRate: 25, Name: "Rīga 101 A"})
			require.NoError(t, err)
			raw := stream(t, s, 120)
			require.Less(t, len(raw), 120*4000, "the stream is meant to be small")
			cmd := exec.Command("ffmpeg", "-v", "warning", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-")
			var warnings bytes.Buffer
			cmd.Stdin, cmd.Stderr = bytes.NewReader(raw), &warnings
			out, err := cmd.Output()
			require.NoError(t, err)
			require.Empty(t, warnings.String())
			require.Len(t, out, 120*width*height)
			for i := range 120 {
				ms, ok := DecodeLuma(out[i*width*height:], width, width, height)
				require.True(t, ok, "picture %d", i)
				require.Equal(t, start.UnixMilli()+int64(i)*40, ms, "picture %d", i)
			}
		})
	}
}

func TestSnapshotTellsItsInstantWhateverItsSize(t *testing.T) {
	s, err := New(Config{Width: 1280, Height: 720, DeclaredRate: 25, Name: "A"})
	require.NoError(t, err)
	s.Draw(start)
	img := s.Image()
	ms, ok := DecodeTimecode(img, 1280, 720)
	require.True(t, ok)
	require.Equal(t, start.UnixMilli(), ms)

	half := image.NewGray(image.Rect(0, 0, 640, 360))
	for y := range 360 {
		for x := range 640 {
			half.Set(x, y, img.At(2*x, 2*y))
		}
	}
	ms, ok = DecodeTimecode(half, 1280, 720)
	require.True(t, ok)
	require.Equal(t, start.UnixMilli(), ms)
}

func TestBrokenPictureHasNoInstant(t *testing.T) {
	s, err := New(Config{Width: 768, Height: 432, DeclaredRate: 25, Name: "A"})
	require.NoError(t, err)
	s.Draw(start)
	plane := s.Image().Y
	for y := range 32 {
		for x := 16 * 20; x < 16*21; x++ {
			plane[y*768+x] = 128
		}
	}
	_, ok := DecodeLuma(plane, 768, 768, 432)
	require.False(t, ok)
	_, ok = DecodeLuma(plane[:100], 768, 768, 432)
	require.False(t, ok)
}

// TestMotion proves that a frozen picture is seen: successive frames differ
// outside the time code too.
func TestMotion(t *testing.T) {
	s, err := New(Config{Width: 1280, Height: 720, DeclaredRate: 25, Name: "A"})
	require.NoError(t, err)
	s.Draw(start)
	before := s.Image()
	s.Draw(start.Add(40 * time.Millisecond))
	strip := s.layout.stripY * 4 * before.YStride
	require.NotEqual(t, before.Y[strip:], s.Image().Y[strip:])
}

// TestDrawingDependsOnTheInstantAlone holds what is drawn bit by bit against
// what is drawn afresh.
func TestDrawingDependsOnTheInstantAlone(t *testing.T) {
	config := Config{Width: 1280, Height: 720, DeclaredRate: 25, Name: "A"}
	s, err := New(config)
	require.NoError(t, err)
	for _, ahead := range []time.Duration{0, 40 * time.Millisecond, 1880 * time.Millisecond, time.Hour, -time.Minute} {
		fresh, err := New(config)
		require.NoError(t, err)
		s.Draw(start.Add(ahead))
		fresh.Draw(start.Add(ahead))
		require.Equal(t, fresh.Image().Y, s.Image().Y, "%s", ahead)
	}
}

func BenchmarkP(b *testing.B) {
	s, err := New(Config{Width: 1280, Height: 720, DeclaredRate: 25, Name: "A"})
	require.NoError(b, err)
	s.IDR(start)
	n := 0
	at := start
	for b.Loop() {
		at = at.Add(40 * time.Millisecond)
		n += len(s.P(at)[0])
	}
	b.ReportMetric(float64(n)/float64(b.N), "bytes/frame")
}

// TestACoveredLens holds a stream that goes dark in mid-GOP, and back, against
// ffmpeg: black and nothing else, and then the room as if nothing had been.
func TestACoveredLens(t *testing.T) {
	const width, height = 320, 180
	config := Config{Width: width, Height: height, DeclaredRate: 25, Name: "A"}
	s, err := New(config)
	require.NoError(t, err)
	var raw []byte
	for i := range 30 {
		s.SetDark(i >= 10 && i < 20)
		units := s.P
		if i == 0 {
			units = s.IDR
		}
		for _, u := range units(start.Add(time.Duration(i) * 40 * time.Millisecond)) {
			raw = append(append(raw, 0, 0, 0, 1), u...)
		}
	}
	cmd := exec.Command("ffmpeg", "-v", "warning", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Len(t, out, 30*width*height)
	require.LessOrEqual(t, out[10*width*height], byte(16))
	black := bytes.Repeat([]byte{out[10*width*height]}, width*height)
	for i := range 30 {
		one := out[i*width*height:][:width*height]
		if i >= 10 && i < 20 {
			require.True(t, bytes.Equal(black, one), "picture %d", i)
			continue
		}
		ms, ok := DecodeLuma(one, width, width, height)
		require.True(t, ok, "picture %d", i)
		require.Equal(t, start.UnixMilli()+int64(i)*40, ms)
	}
	fresh, err := New(config)
	require.NoError(t, err)
	fresh.Draw(start.Add(29 * 40 * time.Millisecond))
	require.Equal(t, fresh.Image(), s.Image())
}
