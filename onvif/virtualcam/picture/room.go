package picture

import "lieciba/onvif/virtualcam/h264gen"

// Tints of the room.
var (
	wallTint  = h264gen.Tint{Cb: 120, Cr: 132}
	floorTint = h264gen.Tint{Cb: 112, Cr: 140}
	boardTint = h264gen.Tint{Cb: 124, Cr: 116}
	deskTint  = h264gen.Tint{Cb: 104, Cr: 146}
	skyTint   = h264gen.Tint{Cb: 142, Cr: 122}
)

// room draws the still part: wall, floor, board, window, desks with a sheet of
// paper each. Everything scales with the picture.
func (s *Scene) room() {
	m, l := s.Encoder.Canvas(), s.layout
	top := l.clockY + glyphHeight*l.text.scale
	horizon := top + (l.rows-top)*2/5
	m.Fill(0, 0, m.Columns, m.Rows, 9)
	m.Paint(0, 0, m.Columns, m.Rows, wallTint)
	m.Fill(0, horizon, m.Columns, m.Rows-horizon, 6)
	m.Paint(0, horizon, m.Columns, m.Rows-horizon, floorTint)

	boardX, boardW, boardH := l.columns/3, l.columns/3, (horizon-top)*3/4
	m.Fill(boardX-1, top+1, boardW+2, boardH+2, 11)
	m.Fill(boardX, top+2, boardW, boardH, 4)
	m.Paint(boardX, top+2, boardW, boardH, boardTint)
	windowX, windowW := l.columns*5/6, l.columns/8
	m.Fill(windowX, top+1, windowW, boardH, 13)
	m.Fill(windowX+windowW/2, top+1, 1, boardH, 7)
	m.Paint(windowX, top+1, windowW, boardH, skyTint)

	s.desks(horizon)
	m.Fill(0, l.stripY, m.Columns, 4, stripLevel)
	m.Paint(0, l.stripY, m.Columns, 4, h264gen.Grey)
	m.Fill(0, 0, m.Columns, l.nameY, 2)
	m.Paint(0, 0, m.Columns, top, h264gen.Grey)
	m.Fill(0, l.nameY, m.Columns, top-l.nameY, l.text.paper)
}

// desks draws two rows of four desks between the horizon and the strip.
func (s *Scene) desks(horizon int) {
	m, l := s.Encoder.Canvas(), s.layout
	deep := (l.stripY - horizon) / 5
	if deep < 2 {
		return
	}
	for row := range 2 {
		y := horizon + deep/2 + row*2*deep + deep/2
		w := l.columns/8 + row*l.columns/24
		for i := range 4 {
			x := (2*i+1)*l.columns/8 - w/2
			m.Fill(x, y, w, deep, 8+h264gen.Level(row))
			m.Paint(x, y, w, deep, deskTint)
			m.Fill(x+w*2/5, y+1, max(w/5, 1), max(deep/2, 1), 13)
			m.Fill(x, y+deep, w, 1, 4)
			m.Fill(x+1, y+deep+1, 1, deep/2, 3)
			m.Fill(x+w-2, y+deep+1, 1, deep/2, 3)
		}
	}
}
