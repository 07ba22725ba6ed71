package h264gen

// Cell is the side of a cell in luma pixels.
const Cell = 4

// Level is a brightness in steps of 16: luma = 16*level. Studio range is
// Black to White.
type Level uint8

const (
	Black Level = 1  // luma 16
	White Level = 14 // luma 224
	limit Level = 15
)

// Tint is the colour of a macroblock (16x16 pixels): the chroma samples Cb and
// Cr, where 128 and 128 is grey. Tints are coded to within two steps.
type Tint struct{ Cb, Cr uint8 }

// Grey is the absence of colour.
var Grey = Tint{128, 128}

// Mosaic is a picture of flat cells that remembers what changed. Its size is
// that of the coded picture: whole macroblocks. Not safe for concurrent use.
type Mosaic struct {
	Columns, Rows int // in cells, multiples of four
	luma          []Level
	tint          []Tint // per macroblock
	dirty         []bool // per macroblock: differs from what was coded last
	dirtyRow      []bool // per row of macroblocks: one in it does
}

func newMosaic(mbWidth, mbHeight int) *Mosaic {
	m := &Mosaic{Columns: 4 * mbWidth, Rows: 4 * mbHeight}
	m.luma = make([]Level, m.Columns*m.Rows)
	m.tint = make([]Tint, mbWidth*mbHeight)
	m.dirty = make([]bool, mbWidth*mbHeight)
	m.dirtyRow = make([]bool, mbHeight)
	for i := range m.tint {
		m.tint[i] = Grey
	}
	m.Fill(0, 0, m.Columns, m.Rows, Black)
	return m
}

// Set gives the cell at column x and row y a level; what lies outside the
// picture is ignored.
func (m *Mosaic) Set(x, y int, l Level) {
	if x < 0 || y < 0 || x >= m.Columns || y >= m.Rows {
		return
	}
	if i := y*m.Columns + x; m.luma[i] != l {
		m.luma[i] = min(l, limit)
		m.dirty[y/4*(m.Columns/4)+x/4], m.dirtyRow[y/4] = true, true
	}
}

// At is the level of a cell inside the picture.
func (m *Mosaic) At(x, y int) Level { return m.luma[y*m.Columns+x] }

// Fill sets a rectangle of w by h cells.
func (m *Mosaic) Fill(x, y, w, h int, l Level) {
	for j := y; j < y+h; j++ {
		for i := x; i < x+w; i++ {
			m.Set(i, j, l)
		}
	}
}

// Paint tints every macroblock that the rectangle of w by h cells touches.
func (m *Mosaic) Paint(x, y, w, h int, t Tint) {
	width := m.Columns / 4
	for j := max(y, 0) / 4; j <= min(y+h-1, m.Rows-1)/4; j++ {
		for i := max(x, 0) / 4; i <= min(x+w-1, m.Columns-1)/4; i++ {
			if at := j*width + i; m.tint[at] != t {
				m.tint[at], m.dirty[at], m.dirtyRow[j] = t, true, true
			}
		}
	}
}

// TintAt is the tint of the macroblock that holds a cell.
func (m *Mosaic) TintAt(x, y int) Tint { return m.tint[y/4*(m.Columns/4)+x/4] }
