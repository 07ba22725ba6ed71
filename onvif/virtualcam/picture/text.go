package picture

import (
	"image/color"

	"golang.org/x/image/font/basicfont"

	"lieciba/onvif/virtualcam/h264gen"
)

// glyphs are bitmaps of 6 by 13 pixels for printable ASCII.
var glyphs = basicfont.Face7x13

// glyphHeight is the height of a line of text in font pixels.
const glyphHeight = 13

// textStyle is how text is drawn: every font pixel becomes scale by scale
// cells, characters stand advance font pixels apart.
type textStyle struct {
	scale, advance int
	ink, paper     h264gen.Level
}

// drawText draws a line with its upper left corner at a cell. Characters that
// the font lacks become "?".
func drawText(m *h264gen.Mosaic, x, y int, text string, s textStyle) {
	for _, r := range text {
		for j := range glyphHeight {
			for i := range s.advance {
				l := s.paper
				if inked(r, i, j) {
					l = s.ink
				}
				m.Fill(x+i*s.scale, y+j*s.scale, s.scale, s.scale, l)
			}
		}
		x += s.advance * s.scale
	}
}

// inked tells whether a font pixel of a character is set.
func inked(r rune, x, y int) bool {
	if r < ' ' || r > '~' {
		r = '?'
	}
	if x >= glyphs.Width {
		return false
	}
	_, _, _, a := glyphs.Mask.At(x, int(r-' ')*glyphHeight+y).RGBA()
	return a > uint32(color.Opaque.A)/2
}
