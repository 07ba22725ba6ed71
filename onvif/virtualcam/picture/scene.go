// Package picture draws what a virtual camera sees: an exam room with the time
// code of timecode.md, a readable clock, the camera's name and something that
// moves. What is drawn depends on the instant alone.
package picture

import (
	"image"
	"time"

	"lieciba/onvif/virtualcam/h264gen"
)

// Config describes a stream's picture.
type Config struct {
	Width, Height int    // pixels, as h264gen.New wants them; no code below MinWidth
	DeclaredRate  int    // frames a second, only for the SPS
	Name          string // drawn into the picture, as far as it fits; also picks the room's furniture
}

// Scene draws and codes the pictures of one stream. Not safe for concurrent use.
type Scene struct {
	Encoder *h264gen.Encoder
	config  Config
	shown   int64  // instant on the canvas, Unix milliseconds
	clock   string // that is on the canvas, ASCII
	squareX int    // where the square is
	dark    bool   // nothing is drawn: the canvas is black
	layout  layout
}

// layout places things on the canvas, in cells.
type layout struct {
	columns, rows int // what is visible
	text          textStyle
	nameY, textX  int
	clock         string // its format
	clockX        int
	clockY        int // that of the name where both fit on one line
	top           int // of the room
	stripY        int // of the strip on which the square moves
}

// New draws the room. Errors as h264gen.New.
func New(c Config) (*Scene, error) {
	e, err := h264gen.New(c.Width, c.Height, c.DeclaredRate)
	if err != nil {
		return nil, err
	}
	s := &Scene{Encoder: e, config: c, shown: -1, layout: layoutFor(c)}
	s.still()
	return s, nil
}

// still draws what stays: the room and the camera's name.
func (s *Scene) still() {
	s.room()
	l := s.layout
	name := []rune(s.config.Name)
	if space := (l.columns - l.textX) / (l.text.advance * l.text.scale); len(name) > space {
		name = name[:max(space, 0)]
	}
	drawText(s.Encoder.Canvas(), l.textX, l.nameY, string(name), l.text)
}

// SetDark covers the lens: all is black, time code included, until it is taken
// off again.
func (s *Scene) SetDark(on bool) {
	if on == s.dark {
		return
	}
	s.dark, s.shown, s.clock = on, -1, ""
	m := s.Encoder.Canvas()
	m.Fill(0, 0, m.Columns, m.Rows, h264gen.Black)
	m.Paint(0, 0, m.Columns, m.Rows, h264gen.Grey)
	if !on {
		s.still()
	}
}

func layoutFor(c Config) layout {
	l := layout{columns: c.Width / h264gen.Cell, rows: c.Height / h264gen.Cell, textX: 4}
	l.text = textStyle{scale: 1, advance: 7, ink: h264gen.White, paper: 2}
	if c.Height >= 900 {
		l.text.scale = 2
	}
	if l.columns < 12*7+8 {
		l.text.advance, l.textX = 6, 2
	}
	line := glyphHeight * l.text.scale
	l.nameY = 2 * codeRow / h264gen.Cell
	l.clock, l.clockX, l.clockY = clockFormat, l.textX, l.nameY+line
	if l.columns < 2*l.textX+len(clockFormat)*l.text.advance*l.text.scale {
		l.clock = shortFormat
	}
	for _, clock := range []string{clockFormat, shortFormat} {
		wide := l.text.advance * l.text.scale
		if (len([]rune(c.Name))+1+len(clock))*wide+2*margin <= l.columns {
			l.clock, l.textX = clock, margin
			l.clockX, l.clockY = l.columns-margin-len(clock)*wide, l.nameY
			break
		}
	}
	l.top = l.clockY + line
	l.stripY = l.rows - l.rows%4 - 4
	return l
}

const (
	clockFormat = "15:04:05.000 UTC"
	shortFormat = "15:04:05.000" // UTC too
	margin      = 3              // cells
)

// Draw puts the instant t on the canvas: code, clock and moving square.
func (s *Scene) Draw(t time.Time) {
	ms := t.UnixMilli()
	if ms == s.shown || s.dark {
		return
	}
	s.shown = ms
	m, l := s.Encoder.Canvas(), s.layout
	if s.config.Width >= MinWidth {
		drawTimecode(m, s.config.Width, ms)
	}
	clock := time.UnixMilli(ms).UTC().Format(l.clock)
	for i := range clock { // most digits stay
		if len(s.clock) != len(clock) || s.clock[i] != clock[i] {
			drawText(m, l.clockX+i*l.text.advance*l.text.scale, l.clockY, clock[i:i+1], l.text)
		}
	}
	s.clock = clock
	s.square(ms)
}

// square moves a bright square to and fro, one sweep in four seconds.
func (s *Scene) square(ms int64) {
	m, l := s.Encoder.Canvas(), s.layout
	const sweep = 4000
	at := ms % (2 * sweep)
	if at >= sweep {
		at = 2*sweep - 1 - at
	}
	x := int(at) * (l.columns - 4) / sweep
	m.Fill(s.squareX, l.stripY, 4, 4, stripLevel)
	m.Fill(x, l.stripY, 4, 4, h264gen.White)
	s.squareX = x
}

const stripLevel h264gen.Level = 3

// IDR draws t and codes an access unit that starts a GOP: SPS, PPS, slice.
func (s *Scene) IDR(t time.Time) [][]byte {
	s.Draw(t)
	return [][]byte{s.Encoder.SPS(), s.Encoder.PPS(), s.Encoder.IDR()}
}

// P draws t and codes the access unit that follows.
func (s *Scene) P(t time.Time) [][]byte {
	s.Draw(t)
	return [][]byte{s.Encoder.P()}
}

// Image is what is on the canvas now, in the layout that image/jpeg writes
// without conversion. The caller owns it.
func (s *Scene) Image() *image.YCbCr {
	m := s.Encoder.Canvas()
	img := image.NewYCbCr(image.Rect(0, 0, s.config.Width, s.config.Height), image.YCbCrSubsampleRatio420)
	for y := range s.config.Height {
		row := img.Y[y*img.YStride:]
		for x := range s.config.Width {
			row[x] = fullRange(byte(m.At(x/h264gen.Cell, y/h264gen.Cell)) * 16)
		}
	}
	for y := range (s.config.Height + 1) / 2 {
		for x := range (s.config.Width + 1) / 2 {
			t := m.TintAt(x/2, y/2)
			img.Cb[y*img.CStride+x], img.Cr[y*img.CStride+x] = t.Cb, t.Cr
		}
	}
	return img
}

// fullRange stretches studio range luma to the full range that JPEG uses.
func fullRange(y byte) byte { return byte(min(max((int(y)-16)*255/219, 0), 255)) }
