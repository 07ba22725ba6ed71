package h264gen

import "fmt"

// Encoder codes what is drawn on its Canvas. Not safe for concurrent use.
type Encoder struct {
	canvas   *Mosaic
	mbWidth  int
	mbHeight int
	sps, pps []byte
	frameNum uint32
	idrPicID uint32
	cb, cr   []uint8 // what a decoder has now, per 4x4 chroma block
	w        bitWriter
}

// New makes an encoder for pictures of width by height pixels, both even and
// from 64 to 4096. declaredRate, in frames a second, is only written into the
// SPS. The error says which number is out of range.
func New(width, height, declaredRate int) (*Encoder, error) {
	if width < 64 || height < 64 || width > 4096 || height > 4096 || width%2+height%2 != 0 {
		return nil, fmt.Errorf("h264gen: picture of %dx%d: sides must be even and from 64 to 4096", width, height)
	}
	if declaredRate < 1 || declaredRate > 1000 {
		return nil, fmt.Errorf("h264gen: declared rate %d: must be from 1 to 1000", declaredRate)
	}
	e := &Encoder{mbWidth: (width + 15) / 16, mbHeight: (height + 15) / 16}
	e.canvas = newMosaic(e.mbWidth, e.mbHeight)
	e.sps, e.pps = sps(width, height, declaredRate), pps()
	e.cb = make([]uint8, 4*e.mbWidth*e.mbHeight)
	e.cr = make([]uint8, 4*e.mbWidth*e.mbHeight)
	return e, nil
}

// Canvas is what the next call of IDR or P codes.
func (e *Encoder) Canvas() *Mosaic { return e.canvas }

// SPS and PPS are the parameter sets as NAL units; never to be changed.
func (e *Encoder) SPS() []byte { return e.sps }

// PPS: see SPS.
func (e *Encoder) PPS() []byte { return e.pps }

// IDR codes the canvas as a picture that needs no other: one NAL unit.
func (e *Encoder) IDR() []byte {
	e.frameNum = 0
	e.idrPicID ^= 1
	e.w.reset()
	e.sliceHeader(true)
	for y := range e.mbHeight {
		for x := range e.mbWidth {
			e.macroblock(x, y, 0)
		}
	}
	return e.finish(headerIDR)
}

// P codes what changed since the last picture: one NAL unit. The first picture
// of a stream must be an IDR.
func (e *Encoder) P() []byte {
	e.w.reset()
	e.sliceHeader(false)
	skip := uint32(0)
	for y := range e.mbHeight {
		if !e.canvas.dirtyRow[y] {
			skip += uint32(e.mbWidth)
			continue
		}
		for x := range e.mbWidth {
			if !e.canvas.dirty[y*e.mbWidth+x] {
				skip++
				continue
			}
			e.w.ue(skip)
			skip = 0
			e.macroblock(x, y, 5)
		}
	}
	if skip > 0 {
		e.w.ue(skip)
	}
	return e.finish(headerSlice)
}

func (e *Encoder) finish(header byte) []byte {
	e.w.trailing()
	e.frameNum++
	clear(e.canvas.dirty)
	clear(e.canvas.dirtyRow)
	return nalUnit(header, e.w.buf)
}

// sliceHeader codes 7.3.3 for the one slice of a picture.
func (e *Encoder) sliceHeader(idr bool) {
	w := &e.w
	w.ue(0) // first_mb_in_slice
	if idr {
		w.ue(7) // all slices are I
	} else {
		w.ue(5) // all slices are P
	}
	w.ue(0)
	w.u(log2FrameNum, e.frameNum)
	if idr {
		w.ue(e.idrPicID)
		w.u(2, 0) // output prior pictures, no long-term reference
	} else {
		w.u(2, 0) // no override of the reference count, no reordering
		w.flag(false)
	}
	w.se(0) // slice_qp_delta
	w.ue(1) // deblocking off
}

// macroblock codes one macroblock as Intra_16x16 with DC prediction (7.3.5).
// typeOffset is 5 in a P slice (Table 7-13), else 0.
func (e *Encoder) macroblock(x, y int, typeOffset uint32) {
	if e.predicted(x, y) {
		e.w.ue(typeOffset + 3) // I_16x16_2_0_0
		e.w.u(3, 7)            // DC chroma prediction, no mb_qp_delta, no luma level
		return
	}
	luma := e.lumaLevels(x, y)
	tint := e.canvas.tint[y*e.mbWidth+x]
	cb := e.chromaLevels(e.cb, x, y, int32(tint.Cb))
	cr := e.chromaLevels(e.cr, x, y, int32(tint.Cr))
	coloured := cb != [4]int32{} || cr != [4]int32{}
	if coloured {
		e.w.ue(typeOffset + 7) // I_16x16_2_1_0
	} else {
		e.w.ue(typeOffset + 3) // I_16x16_2_0_0
	}
	e.w.ue(0) // intra_chroma_pred_mode: DC
	e.w.se(0) // mb_qp_delta
	e.w.residual(luma[:])
	if coloured {
		e.w.residual(cb[:])
		e.w.residual(cr[:])
	}
}

// predicted tells whether a macroblock is of one level and tint with all that
// surrounds it before: most of a still room.
func (e *Encoder) predicted(x, y int) bool {
	if x == 0 || y == 0 {
		return false
	}
	m, width := e.canvas, 2*e.mbWidth
	at := 2*y*width + 2*x
	tint := m.tint[y*e.mbWidth+x]
	for _, i := range [4]int{at - 1, at - 1 + width, at - width, at - width + 1} {
		if e.cb[i] != tint.Cb || e.cr[i] != tint.Cr {
			return false
		}
	}
	first := (4*y-1)*m.Columns + 4*x // the cells above
	level := m.luma[first]
	for row := range 5 {
		line := m.luma[first+row*m.Columns-1:][:5] // the cell to the left is the first
		if row > 0 && line[0] != level || line[1] != level || line[2] != level || line[3] != level || line[4] != level {
			return false
		}
	}
	for _, i := range [4]int{at, at + 1, at + width, at + width + 1} {
		e.cb[i], e.cr[i] = tint.Cb, tint.Cr
	}
	return true
}

// zigzag is the frame scan of a 4x4 block (Table 8-2) as raster positions.
var zigzag = [16]int{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// lumaLevels finds the DC levels that turn the prediction into the canvas.
// Exact: cells differ by multiples of 16, so the transform leaves no fraction.
func (e *Encoder) lumaLevels(x, y int) (levels [16]int32) {
	m := e.canvas
	pred := e.lumaPrediction(x, y)
	var d [16]int32
	for i := range d {
		d[i] = 16*int32(m.At(4*x+i%4, 4*y+i/4)) - pred
	}
	for i := range 4 { // rows, then columns
		hadamard(&d[4*i], &d[4*i+1], &d[4*i+2], &d[4*i+3])
	}
	for i := range 4 {
		hadamard(&d[i], &d[i+4], &d[i+8], &d[i+12])
	}
	for i, at := range zigzag {
		levels[i] = d[at] / 16
	}
	return levels
}

// hadamard applies the transform of 8.5.10 to one row or column.
func hadamard(a, b, c, d *int32) {
	s, t, u, v := *a+*b, *a-*b, *c+*d, *c-*d
	*a, *b, *c, *d = s+u, s-u, t-v, t+v
}

// lumaPrediction is Intra_16x16_DC (8.3.3.3).
func (e *Encoder) lumaPrediction(x, y int) int32 {
	m := e.canvas
	sum, sides := int32(0), int32(0)
	if x > 0 {
		sides++
		for i := range 4 {
			sum += 64 * int32(m.At(4*x-1, 4*y+i))
		}
	}
	if y > 0 {
		sides++
		for i := range 4 {
			sum += 64 * int32(m.At(4*x+i, 4*y-1))
		}
	}
	if sides == 0 {
		return 128
	}
	return (sum + 8*sides) / (16 * sides)
}

// chromaLevels finds the DC levels that bring the four chroma blocks nearest
// to want, and records in plane what a decoder makes of them (8.5.11).
func (e *Encoder) chromaLevels(plane []uint8, x, y int, want int32) (levels [4]int32) {
	pred := e.chromaPrediction(plane, x, y)
	var d [4]int32
	for i := range d {
		d[i] = want - pred[i]
	}
	c := butterfly(d)
	for i := range c {
		levels[i] = (c[i] + 2) >> 2
	}
	f := butterfly(levels)
	for i := range f {
		at := (2*y+i/2)*2*e.mbWidth + 2*x + i%2
		plane[at] = uint8(min(max(pred[i]+f[i], 0), 255))
	}
	return levels
}

func butterfly(d [4]int32) [4]int32 {
	return [4]int32{d[0] + d[1] + d[2] + d[3], d[0] - d[1] + d[2] - d[3], d[0] + d[1] - d[2] - d[3], d[0] - d[1] - d[2] + d[3]}
}

// chromaPrediction is Intra_Chroma_DC (8.3.4) of the four 4x4 blocks, whose
// neighbours are flat too.
func (e *Encoder) chromaPrediction(plane []uint8, x, y int) (pred [4]int32) {
	width := 2 * e.mbWidth
	at := 2*y*width + 2*x
	for i := range pred {
		var left, top int32
		if x > 0 {
			left = int32(plane[at+i/2*width-1])
		}
		if y > 0 {
			top = int32(plane[at-width+i%2])
		}
		switch {
		case x == 0 && y == 0:
			pred[i] = 128
		case x == 0 || y > 0 && i == 1:
			pred[i] = top
		case y == 0 || i == 2:
			pred[i] = left
		default:
			pred[i] = (left + top + 1) / 2
		}
	}
	return pred
}
