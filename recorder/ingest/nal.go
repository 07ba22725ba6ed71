package ingest

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"lieciba"
)

// nalKind is what the recorder needs to know of a NAL unit.
type nalKind uint8

const (
	nalOther nalKind = iota // SEI, delimiter, filler
	nalSlice
	nalKeySlice
	nalVPS
	nalSPS
	nalPPS
)

func (k nalKind) picture() bool { return k == nalSlice || k == nalKeySlice }

// kindOf reads the NAL unit header: H.264 table 7-1, H.265 table 7-1.
func kindOf(codec lieciba.VideoCodec, nal []byte) nalKind {
	if len(nal) == 0 {
		return nalOther
	}
	if codec == lieciba.H264 {
		switch t := nal[0] & 0x1f; {
		case t == 5:
			return nalKeySlice
		case t >= 1 && t <= 4:
			return nalSlice
		case t == 7:
			return nalSPS
		case t == 8:
			return nalPPS
		}
		return nalOther
	}
	switch t := nal[0] >> 1 & 0x3f; {
	case t >= 16 && t <= 21: // BLA, IDR, CRA
		return nalKeySlice
	case t <= 9:
		return nalSlice
	case t == 32:
		return nalVPS
	case t == 33:
		return nalSPS
	case t == 34:
		return nalPPS
	}
	return nalOther
}

// IsKey reports whether the units hold a slice of a random access picture.
func IsKey(codec lieciba.VideoCodec, nals [][]byte) bool {
	for _, n := range nals {
		if kindOf(codec, n) == nalKeySlice {
			return true
		}
	}
	return false
}

// WithParameters returns f with the first parameter sets found among the
// units, and whether that changed it. Copies what it keeps; f's own bytes are
// not touched. An SPS that cannot be read leaves width and height at 0.
func WithParameters(f lieciba.VideoFormat, nals [][]byte) (lieciba.VideoFormat, bool) {
	var seen [nalPPS + 1]bool
	changed := false
	take := func(dst *[]byte, kind nalKind, nal []byte) {
		if seen[kind] {
			return
		}
		seen[kind] = true
		if !bytes.Equal(*dst, nal) {
			*dst, changed = bytes.Clone(nal), true
		}
	}
	for _, n := range nals {
		switch k := kindOf(f.Codec, n); k {
		case nalVPS:
			take(&f.VPS, k, n)
		case nalSPS:
			take(&f.SPS, k, n)
		case nalPPS:
			take(&f.PPS, k, n)
		}
	}
	if changed {
		f.Width, f.Height = pictureSize(f.Codec, f.SPS)
	}
	return f, changed
}

// Complete reports whether a decoder could start with the format.
func Complete(f lieciba.VideoFormat) bool {
	return len(f.SPS) > 0 && len(f.PPS) > 0 && (f.Codec == lieciba.H264 || len(f.VPS) > 0)
}

// pictureSize reads the cropped size; a camera's SPS may be odd, so that a
// failure means unknown and not an error.
func pictureSize(codec lieciba.VideoCodec, sps []byte) (w, h int) {
	defer func() {
		if recover() != nil { // the parser is foreign and the input is hostile
			w, h = 0, 0
		}
	}()
	if codec == lieciba.H264 {
		var s h264.SPS
		if s.Unmarshal(sps) == nil {
			return s.Width(), s.Height()
		}
		return 0, 0
	}
	var s h265.SPS
	if s.Unmarshal(sps) == nil {
		return s.Width(), s.Height()
	}
	return 0, 0
}
