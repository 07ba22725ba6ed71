package play

import (
	"time"

	"lieciba"
)

// queued is one frame that waits for its moment.
type queued struct {
	frame lieciba.Frame
	chunk *Chunk
	last  bool // the last video frame of its chunk: playing it frees the chunk
}

// camera is what the player knows of one camera.
type camera struct {
	video []queued
	audio []queued
	gop   []queued // what a decoder has seen since its key frame, the frame on screen last

	absent  bool      // it has no track: nothing is waited for
	horizon time.Time // up to here (reverse: down to here) it is known what there is to show
	edge    bool      // nothing more is durable yet
	end     bool
	needKey bool // frames were lost: nothing can be decoded before a key frame
	gaps    []gapAhead
	inGap   *gapAhead // the one that the clock is in; nil: none
	openGap bool      // the end of the last of gaps is not known

	leadTo time.Time // how far the GOP that leads to the target is there
	fps    float64   // of the newest whole chunk; 0: not known yet

	any    bool
	lastTS uint32

	watched []lieciba.Interval
}

type gapAhead struct {
	span  lieciba.Interval
	cause string
}

// reset forgets what was delivered; what is on screen stays.
func (c *camera) reset(at time.Time) {
	c.video, c.audio, c.gaps = nil, nil, nil
	c.horizon, c.edge, c.end, c.needKey, c.openGap = at, false, c.absent, false, false
	c.leadTo = time.Time{}
}

// shown is the frame on screen; false: none yet.
func (c *camera) shown() (lieciba.Frame, bool) {
	if len(c.gop) == 0 {
		return lieciba.Frame{}, false
	}
	return c.gop[len(c.gop)-1].frame, true
}

// take delivers a chunk's frames into the queues.
func (c *camera) take(ch *Chunk, mode Mode, lead bool) {
	if d := ch.To.Sub(ch.From).Seconds(); d > 0 && (lead || mode == AllFrames) {
		c.fps = float64(len(ch.Video)) / d
	}
	if lead {
		c.leadTo = ch.To
	}
	for i, f := range ch.Video {
		c.video = append(c.video, queued{f, ch, i == len(ch.Video)-1})
	}
	for _, f := range ch.Audio {
		c.audio = append(c.audio, queued{f, ch, false})
	}
	c.edge = false
	if mode == KeysReverse {
		if !lead {
			c.horizon = ch.From
		}
	} else if lead || ch.To.After(c.horizon) {
		c.horizon = ch.To
	}
}

// ahead takes a gap into account.
func (c *camera) ahead(span lieciba.Interval, cause string, mode Mode) {
	if n := len(c.gaps); span.To.IsZero() && n > 0 && c.gaps[n-1].span.To.IsZero() {
		return // the open gap is known already
	}
	c.gaps = append(c.gaps, gapAhead{span, cause})
	switch {
	case span.To.IsZero():
		c.openGap = true
	case mode == KeysReverse:
		c.horizon = span.From
	default:
		c.openGap = false
		c.horizon = span.To
	}
}

// note remembers a frame that was sent.
func (c *camera) note(q queued, ts uint32) {
	if q.frame.Key {
		c.gop = c.gop[:0:0]
	}
	c.gop = append(c.gop, q)
	c.lastTS, c.any = ts, true
}

const (
	watchJoin = 5 * time.Second // spans closer than this are one: key frames are shown far apart
	watchMax  = 512
)

// watch remembers that a frame was shown.
func (c *camera) watch(f lieciba.Frame) {
	to := f.Time.Add(time.Millisecond)
	if n := len(c.watched); n > 0 {
		w := &c.watched[n-1]
		if !f.Time.Before(w.From.Add(-watchJoin)) && !f.Time.After(w.To.Add(watchJoin)) {
			if f.Time.Before(w.From) {
				w.From = f.Time
			}
			if to.After(w.To) {
				w.To = to
			}
			return
		}
	}
	if len(c.watched) >= watchMax {
		c.watched = lieciba.Merge(c.watched)
	}
	c.watched = append(c.watched, lieciba.Interval{From: f.Time, To: to})
}
