package picture

import (
	"image"

	"golang.org/x/image/font/basicfont"

	"lieciba/onvif/virtualcam/h264gen"
)

// glyphs are bitmaps of 6 by 13 pixels for printable ASCII.
var (
	glyphs = basicfont.Face7x13
	mask   = glyphs.Mask.(*image.Alpha)
)

// glyphHeight is the height of a line of text in font pixels.
const glyphHeight = 13

// textStyle is how text is drawn: every font pixel becomes scale by scale
// cells, characters stand advance font pixels apart.
type textStyle struct {
	scale, advance int
	ink, paper     h264gen.Level
}

// drawText draws a line with its upper left corner at a cell. Characters that
// neither the font nor the Latvian alphabet has become "?".
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

// mark is what a Latvian letter has more than a letter of ASCII: the inked
// columns of its rows, the topmost row of a lower-case letter first.
type mark struct {
	row  int // in the glyph of a lower-case letter
	rows []string
}

var (
	macron  = mark{2, []string{" ###", "    "}}
	caron   = mark{1, []string{" # #", "  # "}}
	cedilla = mark{11, []string{"  # ", " #  "}}
	comma   = mark{1, []string{"   #", "  # "}}
)

// marked are the letters that the bitmap font, which is ASCII, lacks.
var marked = map[rune]struct {
	base rune
	mark mark
}{
	'ā': {'a', macron}, 'ē': {'e', macron}, 'ī': {'i', macron}, 'ū': {'u', macron},
	'Ā': {'A', macron}, 'Ē': {'E', macron}, 'Ī': {'I', macron}, 'Ū': {'U', macron},
	'č': {'c', caron}, 'š': {'s', caron}, 'ž': {'z', caron},
	'Č': {'C', caron}, 'Š': {'S', caron}, 'Ž': {'Z', caron},
	'ķ': {'k', cedilla}, 'ļ': {'l', cedilla}, 'ņ': {'n', cedilla},
	'Ģ': {'G', cedilla}, 'Ķ': {'K', cedilla}, 'Ļ': {'L', cedilla}, 'Ņ': {'N', cedilla},
	'ģ': {'g', comma},
}

// inked tells whether a font pixel of a character is set.
func inked(r rune, x, y int) bool {
	if l, ok := marked[r]; ok {
		row := y - l.mark.row
		if l.base < 'a' && l.mark.row < glyphHeight/2 {
			row = y - l.mark.row + 1 // capitals are higher
		}
		if l.base == 'i' && y < 5 && row != 0 {
			return false // the dot gives way
		}
		if row >= 0 && row < len(l.mark.rows) && x < len(l.mark.rows[row]) && l.mark.rows[row][x] == '#' {
			return true
		}
		r = l.base
	}
	if r < ' ' || r > '~' {
		r = '?'
	}
	if x >= glyphs.Width {
		return false
	}
	return mask.AlphaAt(x, int(r-' ')*glyphHeight+y).A > 0x7f
}
