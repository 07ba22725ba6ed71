// Package segment writes, reads and recovers the on-disk segment: one standard
// fragmented MP4 file that needs no database to be understood. FORMAT.md
// describes it box by box; this package and that page change together.
//
// Errors are *lieciba.Error. Nothing here starts a goroutine or reads a clock.
package segment

import (
	"errors"
	"time"

	"lieciba"
)

// PartSuffix is added to the name of a segment that is still being written.
const PartSuffix = ".part"

// Bounds of what is written, and of what a reader accepts.
const (
	maxInitSize     = 64 << 10
	maxFragmentSize = 64 << 20
	maxFrameSize    = 16 << 20 // one frame's payload
	splitSize       = 8 << 20  // a fragment that reaches it is closed early
	maxSamples      = 100_000  // of both tracks in one fragment
	maxAudioLead    = time.Second
	maxAudioSkew    = 100 * time.Millisecond // beyond it, sound is put in line with the wall clock again
	loneFrame       = 40 * time.Millisecond  // duration of a frame that has no neighbour
)

// ErrEmpty says that a file holds not one whole fragment, so that there is
// nothing to finalise. errors.Is finds it below the *lieciba.Error.
var ErrEmpty = errors.New("no whole fragment")

// IDs tell where a segment belongs; each may be empty.
type IDs struct {
	Recording lieciba.RecordingID `json:"recording,omitempty"`
	Camera    lieciba.CameraID    `json:"camera,omitempty"`
	Run       lieciba.RunID       `json:"run,omitempty"`
	Segment   lieciba.SegmentID   `json:"segment,omitempty"`
	Node      lieciba.NodeID      `json:"node,omitempty"`
}

// Result is what a closed segment is.
type Result struct {
	IDs
	Path         string               // final name
	Format       lieciba.StreamFormat // of what is in the file: Audio is nil when no sound was written
	From, To     time.Time
	Size         int64 // bytes
	SHA256       [32]byte
	InitSize     int64 // bytes of ftyp and moov
	Frames       int   // video frames
	AudioFrames  int
	Fragments    []lieciba.Fragment
	DroppedAudio int   // sound frames that Writer refused because they lie before From
	Cut          int64 // bytes of a torn tail that Recover removed
	Behind       bool  // with ErrEmpty: something stands behind the head, damaged or torn
}

// Segment returns the catalogue row for the file. Its State is hashed; what the
// file does not know (lost packets, clock offset, Media) is left zero.
func (r Result) Segment() lieciba.Segment {
	s := lieciba.Segment{
		ID: r.IDs.Segment, RecordingID: r.Recording, CameraID: r.Camera, RunID: r.Run, NodeID: r.Node,
		From: r.From, To: r.To, Size: r.Size, SHA256: r.SHA256, InitSize: r.InitSize,
		Video: r.Format.Video.Codec, Frames: r.Frames, State: lieciba.SegmentHashed, Fragments: r.Fragments,
	}
	if r.Format.Audio != nil {
		s.Audio = r.Format.Audio.Codec
	}
	return s
}

func corrupt(format string, args ...any) error {
	return lieciba.Errorf(lieciba.CodeCorrupt, format, args...)
}
