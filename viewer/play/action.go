package play

import (
	"time"

	"lieciba"
)

// Action is something that the owner of a Player has to do, in order.
type Action interface{ action() }

// Send puts one video frame on a camera's track.
type Send struct {
	Camera int
	Frame  lieciba.Frame
	Chunk  *Chunk // that the frame is from: for its format
	TS     uint32
}

// PlaySound puts one audio frame on the sound track. It is due now.
type PlaySound struct {
	Camera int
	Frame  lieciba.Frame
	Chunk  *Chunk
}

// Map says how RTP timestamps become wall clock from now on (PROTOCOL.md).
type Map struct {
	Rate   float64
	Paused bool
	At     time.Time
	Tracks []TrackMap
}

// TrackMap is the anchor of one camera's track.
type TrackMap struct {
	Camera     int
	RTP, First uint32
}

// Cut ends a burst: the Sends since the last Drop answer the command.
type Cut struct {
	ID int64 // of the command; 0: none waits
}

// Drop tells that frames queued for sending are not wanted any more.
type Drop struct{ Camera int }

// Reply answers a command at once.
type Reply struct {
	ID  int64
	Err error // nil: done
}

// GapNote tells that a camera entered a gap, or left it.
type GapNote struct {
	Camera  int
	Entered bool
	Span    lieciba.Interval // a zero To: not known yet
	Cause   string
}

// Trouble tells that stored bytes could not be read.
type Trouble struct {
	Camera int
	Err    error
}

// Refetch starts all feeders anew.
type Refetch struct{ Fetch Fetch }

// Find asks a camera's reader for Reader.Nth; the answer goes to Player.Found.
type Find struct {
	Camera int
	ID     int64
	From   time.Time
	Frames int
}

// Consume gives a feeder room for a chunk that was played.
type Consume struct {
	Camera int
	Gen    uint64
	Bytes  int
}

// Mute tells that sound was interrupted: what follows is a new stretch.
type Mute struct{}

// Ended tells that the clock reached the end of the window.
type Ended struct{}

func (Send) action()      {}
func (PlaySound) action() {}
func (Map) action()       {}
func (Cut) action()       {}
func (Drop) action()      {}
func (Reply) action()     {}
func (GapNote) action()   {}
func (Trouble) action()   {}
func (Refetch) action()   {}
func (Find) action()      {}
func (Consume) action()   {}
func (Mute) action()      {}
func (Ended) action()     {}
