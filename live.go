package lieciba

import "context"

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
