package picture

import (
	"hash/fnv"

	"lieciba/onvif/virtualcam/h264gen"
)

// Tints of the room.
var (
	ceilingTint = h264gen.Tint{Cb: 124, Cr: 130}
	wallTints   = []h264gen.Tint{{Cb: 120, Cr: 132}, {Cb: 124, Cr: 124}, {Cb: 130, Cr: 126}, {Cb: 118, Cr: 130}}
	floorTint   = h264gen.Tint{Cb: 112, Cr: 138}
	boardTint   = h264gen.Tint{Cb: 124, Cr: 116}
	doorTint    = h264gen.Tint{Cb: 106, Cr: 144}
	skyTint     = h264gen.Tint{Cb: 142, Cr: 122}
	deskTint    = h264gen.Tint{Cb: 106, Cr: 142}
	skinTint    = h264gen.Tint{Cb: 112, Cr: 144}
	shirtTints  = []h264gen.Tint{{Cb: 148, Cr: 118}, {Cb: 116, Cr: 116}, {Cb: 122, Cr: 152}, {Cb: 134, Cr: 134}, {Cb: 138, Cr: 112}}
)

// What the wall is made of, as levels.
const (
	ceilingLevel h264gen.Level = 12
	wallLevel    h264gen.Level = 10
	floorLevel   h264gen.Level = 6
	boardLevel   h264gen.Level = 4
)

// seatsARow is how many desks stand beside each other.
const seatsARow = 4

// room draws the still part: ceiling, wall with board, window and door, and two
// rows of desks with people. Everything scales with the picture; the camera's
// name decides on which side the window is, the colours, and the empty seat.
func (s *Scene) room() {
	m, l := s.Encoder.Canvas(), s.layout
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.config.Name)) // a hash never fails
	pick := int(h.Sum32() >> 8)
	horizon := whole(l.top + (l.stripY-l.top)*2/5)

	s.flat(0, 0, m.Columns, horizon, wallLevel, wallTints[pick%len(wallTints)])
	s.flat(0, 0, m.Columns, whole(l.top)+max((horizon-l.top)/10, 1), ceilingLevel, ceilingTint)
	s.flat(0, horizon, m.Columns, m.Rows-horizon, floorLevel, floorTint)
	m.Fill(0, horizon-max(l.rows/90, 1), m.Columns, max(l.rows/90, 1), 7) // skirting board
	s.wall(horizon, pick/8%2 == 1)
	s.seats(horizon, pick/16)

	s.flat(0, l.stripY, m.Columns, m.Rows-l.stripY, stripLevel, h264gen.Grey)
	m.Paint(0, 0, m.Columns, l.top, h264gen.Grey)
	m.Fill(0, 0, m.Columns, l.top, l.text.paper)
}

// whole rounds cells to the macroblocks that tints are kept for.
func whole(cells int) int { return (cells + 2) / 4 * 4 }

// flat fills a rectangle and tints the macroblocks that mostly lie in it.
func (s *Scene) flat(x, y, w, h int, l h264gen.Level, t h264gen.Tint) {
	m := s.Encoder.Canvas()
	m.Fill(x, y, w, h, l)
	left, top := whole(x), whole(y)
	if right, bottom := whole(x+w), whole(y+h); right > left && bottom > top {
		m.Paint(left, top, right-left, bottom-top, t)
	}
}

// wall hangs the board between a window and a door.
func (s *Scene) wall(horizon int, windowLeft bool) {
	m, l := s.Encoder.Canvas(), s.layout
	from := whole(l.top + (horizon-l.top)/10 + l.rows/45 + 2)
	high := whole((horizon - from) * 3 / 4)
	x, w := whole(l.columns/3), whole(l.columns/3)
	m.Fill(x-1, from-1, w+2, high+2, 12)
	s.flat(x, from, w, high, boardLevel, boardTint)
	word := textStyle{scale: l.text.scale, advance: 7, ink: 11, paper: boardLevel}
	const lesson = "Eksāmens"
	long := len([]rune(lesson)) * word.advance * word.scale
	if left := w - long; left >= 0 && high > glyphHeight*word.scale {
		drawText(m, x+left/2, from+(high-glyphHeight*word.scale)/2, lesson, word)
	}

	window, door := whole(l.columns*5/6), whole(l.columns/8)
	wide := whole(l.columns / 8)
	if windowLeft {
		window, door = whole(l.columns/16), whole(l.columns*13/16)
	}
	m.Fill(window-1, from-1, wide+2, high+2, 13)
	s.flat(window, from, wide, high, 14, skyTint)
	m.Fill(window+wide/2, from, 1, high, 10)
	m.Fill(window, from+high/3, wide, 1, 10)
	leaf := whole(l.columns / 12)
	s.flat(door, from, leaf, horizon-from, 7, doorTint)
	m.Fill(door, from, 1, horizon-from, 5)
	m.Fill(door+leaf-1, from, 1, horizon-from, 5)
	m.Fill(door+leaf-max(leaf/6, 2)-1, from+(horizon-from)/2, max(leaf/10, 1), max(l.rows/90, 1), 13) // handle
}

// seats draws two rows of desks between the horizon and the strip, the back one
// first, and somebody behind each but one.
func (s *Scene) seats(horizon, pick int) {
	l := s.layout
	unit := (l.stripY - horizon) / 7
	if unit < 2 {
		return
	}
	for row := range 2 {
		y := whole(horizon + (2+3*row)*unit)
		w := whole(l.columns/8 + row*l.columns/24)
		for i := range seatsARow {
			centre := (2*i + 1) * l.columns / (2 * seatsARow)
			seat := row*seatsARow + i
			if seat != pick%(2*seatsARow) {
				s.person(centre, y, unit*(3+row)/3, pick>>seat)
			}
			s.desk(whole(centre-w/2), y, w, unit*(3+row)/3, row)
		}
	}
}

// person draws head and shoulders behind a desk whose edge is at y.
func (s *Scene) person(centre, y, unit, pick int) {
	m := s.Encoder.Canvas()
	wide, high := max(unit*3/2, 3), max(unit*3/4, 2)
	shirt := shirtTints[pick%len(shirtTints)]
	s.flat(centre-wide/2, y-high, wide, high, 5+h264gen.Level(pick%4), shirt)
	head, tall := max(unit*5/8, 2), max(unit*3/4, 2)
	top := y - high - tall
	s.flat(centre-head/2, top, head, tall, 11-h264gen.Level(pick%2), skinTint)
	m.Fill(centre-head/2, top, head, max(tall/3, 1), 2+h264gen.Level(pick%3)) // hair
}

// desk draws a desk with a sheet of paper on it.
func (s *Scene) desk(x, y, w, unit, row int) {
	m := s.Encoder.Canvas()
	deep := max(unit*2/3, 2)
	s.flat(x, y, w, deep, 9+h264gen.Level(row), deskTint)
	m.Fill(x+w*2/5, y+max(deep/5, 0), max(w/5, 1), max(deep/2, 1), 13)
	m.Fill(x, y+deep, w, max(unit/8, 1), 4)
	leg := max(unit/8, 1)
	m.Fill(x+leg, y+deep+leg, leg, unit/2, 3)
	m.Fill(x+w-2*leg, y+deep+leg, leg, unit/2, 3)
}
