// Package hevc is a short recorded loop of H.265 for cameras of that kind: the
// drawn room without clock and time code, 1280 by 720, no B-frames.
package hevc

import (
	"bytes"
	_ "embed"
	"sync"
)

// Width and Height are of the recorded picture, in pixels.
const (
	Width  = 1280
	Height = 720
)

// recorded from 100 pictures of package picture with: ffmpeg -c:v libx265
// -x265-params bframes=0:keyint=50:scenecut=0:repeat-headers=1:info=0:slices=1:crf=30
//
//go:embed room.h265
var recorded []byte

// NAL unit types (ITU-T H.265, Table 7-1).
const (
	typeFirstIRAP = 16
	typeFirstNot  = 32 // of the types that are no slices
	typeVPS       = 32
	typeSPS       = 33
	typePPS       = 34
)

// Loop is a recording to be repeated. Treat as immutable.
type Loop struct {
	Units         [][][]byte // access units of NAL units, in decode and display order
	VPS, SPS, PPS []byte
	GOP           int // access units from one key frame to the next
}

// Room is the recording.
var Room = sync.OnceValue(func() Loop {
	var l Loop
	var unit [][]byte
	for _, nal := range bytes.Split(recorded, []byte{0, 0, 1})[1:] {
		nal = bytes.TrimRight(nal, "\x00") // of the next start code: a NAL unit ends with a one bit
		unit = append(unit, nal)
		kind := nal[0] >> 1 & 0x3f
		switch kind {
		case typeVPS:
			l.VPS = nal
		case typeSPS:
			l.SPS = nal
		case typePPS:
			l.PPS = nal
		}
		if kind >= typeFirstNot {
			continue
		}
		if kind >= typeFirstIRAP { // recorded with one length of GOP
			l.GOP = max(len(l.Units), l.GOP)
		}
		l.Units = append(l.Units, unit) // one slice a picture
		unit = nil
	}
	return l
})
