package picture

import (
	"image"
	"image/color"

	"lieciba/onvif/virtualcam/h264gen"
)

const (
	codeBits  = 48
	codeRow   = 16 // luma rows of each of the two rows of the code
	threshold = 64 // of 255: what a bit and its inverse differ by at least
)

// MinWidth is the narrowest picture that carries the time code, in pixels.
const MinWidth = 192

// bitWidth is the width of a bit in pixels of the coded picture.
func bitWidth(width int) int {
	switch {
	case width >= 768:
		return 16
	case width >= 384:
		return 8
	default:
		return 4
	}
}

// drawTimecode draws the instant, in Unix milliseconds, as timecode.md says.
func drawTimecode(m *h264gen.Mosaic, width int, ms int64) {
	cells := bitWidth(width) / h264gen.Cell
	const rows = codeRow / h264gen.Cell
	for i := range codeBits {
		bit, inverse := h264gen.Black, h264gen.White
		if ms>>i&1 == 1 {
			bit, inverse = inverse, bit
		}
		m.Fill(i*cells, 0, cells, rows, bit)
		m.Fill(i*cells, rows, cells, rows, inverse)
	}
}

// decodeTimecode reads the code through a brightness function of coordinates
// of the coded picture.
func decodeTimecode(width int, brightness func(x, y int) int) (ms int64, ok bool) {
	cell := bitWidth(width)
	for i := range codeBits {
		x := i*cell + cell/2
		d := brightness(x, codeRow/2) - brightness(x, codeRow+codeRow/2)
		if d > -threshold && d < threshold {
			return 0, false
		}
		if d > 0 {
			ms |= 1 << i
		}
	}
	return ms, true
}

// DecodeLuma reads the time code from a luma plane of the coded size, one byte
// a pixel: Unix milliseconds, UTC. ok is false when the picture is broken or
// carries no code.
func DecodeLuma(plane []byte, stride, width, height int) (ms int64, ok bool) {
	if width < MinWidth || stride < width || height < 2*codeRow || len(plane) < 2*codeRow*stride {
		return 0, false
	}
	return decodeTimecode(width, func(x, y int) int { return int(plane[y*stride+x]) })
}

// DecodeTimecode reads the time code from a picture of any size; codedWidth and
// codedHeight are those of the stream it was made from. Result as DecodeLuma.
func DecodeTimecode(img image.Image, codedWidth, codedHeight int) (ms int64, ok bool) {
	b := img.Bounds()
	if codedWidth < MinWidth || codedHeight < 2*codeRow || b.Empty() {
		return 0, false
	}
	return decodeTimecode(codedWidth, func(x, y int) int {
		at := img.At(b.Min.X+x*b.Dx()/codedWidth, b.Min.Y+y*b.Dy()/codedHeight)
		return int(color.GrayModel.Convert(at).(color.Gray).Y)
	})
}
