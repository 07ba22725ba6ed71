package h264gen_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/onvif/virtualcam/h264gen"
)

var startCode = []byte{0, 0, 0, 1}

func annexB(dst []byte, units ...[]byte) []byte {
	for _, u := range units {
		dst = append(append(dst, startCode...), u...)
	}
	return dst
}

// decode gives the luma and chroma planes of every picture as ffmpeg sees
// them, and fails the test on any warning.
func decode(t *testing.T, stream []byte, width, height int) [][]byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "warning", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-")
	var warnings bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stream), &warnings
	out, err := cmd.Output()
	require.NoError(t, err, warnings.String())
	require.Empty(t, warnings.String())
	size := width * height * 3 / 2
	require.Zero(t, len(out)%size)
	var pictures [][]byte
	for ; len(out) > 0; out = out[size:] {
		pictures = append(pictures, out[:size])
	}
	return pictures
}

// cropped is the luma plane that a perfect decoder shows.
func cropped(m *h264gen.Mosaic, width, height int) []byte {
	out := make([]byte, 0, width*height)
	for y := range height {
		for x := range width {
			out = append(out, byte(m.At(x/4, y/4))*16)
		}
	}
	return out
}

func TestEveryPixelIsExact(t *testing.T) {
	for _, size := range [][2]int{{64, 64}, {320, 180}, {768, 432}, {1280, 720}, {1920, 1080}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			width, height := size[0], size[1]
			random := rand.New(rand.NewPCG(1, uint64(width)))
			e, err := h264gen.New(width, height, 25)
			require.NoError(t, err)
			m := e.Canvas()
			var stream []byte
			var want [][]byte
			for i := range 300 { // frame_num wraps at 256
				draw := 30
				if i == 0 {
					draw = m.Columns * m.Rows / 2
				}
				for range draw {
					m.Set(random.IntN(m.Columns), random.IntN(m.Rows), h264gen.Level(random.IntN(16)))
				}
				m.Paint(random.IntN(m.Columns), random.IntN(m.Rows), 9, 9, h264gen.Tint{Cb: uint8(random.IntN(200)) + 20, Cr: uint8(random.IntN(200)) + 20})
				if i == 0 || i == 270 {
					stream = annexB(stream, e.SPS(), e.PPS(), e.IDR())
				} else {
					stream = annexB(stream, e.P())
				}
				if i%50 == 0 || i == 299 {
					want = append(want, cropped(m, width, height))
				} else {
					want = append(want, nil)
				}
			}
			got := decode(t, stream, width, height)
			require.Len(t, got, len(want))
			for i := range want {
				if want[i] != nil {
					require.True(t, bytes.Equal(want[i], got[i][:width*height]), "picture %d", i)
				}
			}
			requireTints(t, m, got[299][width*height:], width, height)
		})
	}
}

// requireTints checks the last picture's chroma against the promise of Tint.
func requireTints(t *testing.T, m *h264gen.Mosaic, chroma []byte, width, height int) {
	t.Helper()
	for y := range height / 2 {
		for x := range width / 2 {
			want := m.TintAt(x/2, y/2)
			require.InDelta(t, want.Cb, chroma[y*width/2+x], 2)
			require.InDelta(t, want.Cr, chroma[width*height/4+y*width/2+x], 2)
		}
	}
}

func TestFlatPictureIsSmall(t *testing.T) {
	e, err := h264gen.New(1920, 1080, 25)
	require.NoError(t, err)
	require.Less(t, len(e.IDR()), 16_000)
	require.Less(t, len(e.P()), 16)
	e.Canvas().Set(100, 100, h264gen.White)
	require.Less(t, len(e.P()), 64)
}

func TestFillerAndUserDataDoNotDisturb(t *testing.T) {
	e, err := h264gen.New(320, 180, 25)
	require.NoError(t, err)
	uuid := [16]byte{1, 0, 0, 1}
	data := bytes.Repeat([]byte{0, 0, 1}, 200)
	sei := h264gen.UserDataSEI(uuid, data)
	require.False(t, bytes.Contains(sei, []byte{0, 0, 1}), "start code inside a NAL unit")
	stream := annexB(nil, e.SPS(), e.PPS(), sei, e.IDR(), h264gen.Filler(5000))
	stream = annexB(stream, sei, e.P(), h264gen.Filler(2))
	require.Len(t, decode(t, stream, 320, 180), 2)
}

func TestNewRefusesBadSizes(t *testing.T) {
	for _, c := range [][3]int{{63, 64, 25}, {64, 65, 25}, {5000, 64, 25}, {0, 0, 25}, {320, 180, 0}} {
		_, err := h264gen.New(c[0], c[1], c[2])
		require.Error(t, err, "%v", c)
	}
}

func BenchmarkP(b *testing.B) {
	e, err := h264gen.New(1280, 720, 25)
	require.NoError(b, err)
	e.IDR()
	for i := 0; b.Loop(); i++ {
		for x := range 96 {
			e.Canvas().Set(x*3, 9, h264gen.Level(i%16))
		}
		e.P()
	}
}
