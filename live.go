package lieciba

import (
	"context"
	"time"
)

// LiveFeed is one reader's view of a live stream. It starts with the current
// GOP, so that a picture can be shown at once. Not safe for concurrent use;
// Close is idempotent and unblocks Next.
type LiveFeed interface {
	// Format is the format of the frames that Next returns; it changes only
	// when Next has returned a frame with Restart set.
	Format() StreamFormat
	// Next blocks for the next frame. It returns io.EOF when the camera was
	// removed or the server stops, and ctx's error when ctx ends. A reader that
	// is too slow loses frames up to a key frame; it is told by Skipped.
	Next(ctx context.Context) (LiveFrame, error)
	Close()
}

// LiveFrame is a Frame with what a live reader must know beside it.
type LiveFrame struct {
	Frame
	Backlog bool // part of the GOP that was already there at the join
	Restart bool // first frame of a new run: read Format again, timestamps start anew
	Skipped bool // frames before this one were dropped for this reader
}

// CameraStatus is how a camera does right now, as its recorder and its live
// viewers see it. Ages are relative to the moment of asking.
type CameraStatus struct {
	Connected      bool
	Since          time.Time     // of the present state: connected or not
	LastFrameAge   time.Duration // -1 before the first frame
	FPS            float64       // measured, frames a second
	Bitrate        int64         // measured, bits a second
	LostPackets    int64         // since the connection began
	Recording      bool
	SessionID      SessionID     // being recorded; empty if none
	LastDurableAge time.Duration // age of the newest frame on disk; -1 while nothing is recorded
	GapOpenSince   time.Time     // zero: no gap is open
	GapCause       GapCause
	Viewers        int
	Advice         []string // one plain sentence each
}
