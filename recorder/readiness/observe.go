package readiness

import (
	"context"
	"errors"
	"io"
	"time"

	"lieciba"
)

// observation is what a look at a camera's stream gave.
type observation struct {
	picture PictureFacts
	sound   SoundFacts
	trial   *trial // nil: nothing to write came
}

// taker takes the frames of one run apart.
type taker struct {
	pictures *pictures
	listener *listener // nil: sound is not wanted
	trial    *trial
	format   lieciba.StreamFormat
	heard    bool // a run began
}

// observe joins the camera's live stream and looks at it for about Config.Look:
// longer while no new key frame came, up to Config.Patience. A camera that is
// just connecting again is waited for as long.
func (c *Checker) observe(ctx context.Context, id lieciba.CameraID, withSound bool) observation {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Patience)
	defer cancel()
	feed, err := c.join(ctx, id)
	if err != nil {
		return observation{picture: PictureFacts{Trouble: words(err)}, sound: SoundFacts{Trouble: "the camera is not connected", Codec: "unknown"}}
	}
	defer feed.Close()
	t := &taker{}
	trouble := c.look(ctx, feed, t, id, withSound)
	out := observation{trial: t.trial}
	if t.pictures != nil {
		out.picture = t.pictures.result()
	}
	if t.listener != nil {
		out.sound = t.listener.result()
	}
	out.picture.Trouble = trouble
	return out
}

// join retries while the camera connects.
func (c *Checker) join(ctx context.Context, id lieciba.CameraID) (lieciba.LiveFeed, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience/2)
	defer cancel()
	for {
		feed, err := c.cfg.Live.Join(ctx, id, lieciba.StreamMain)
		if err == nil || lieciba.CodeOf(err) != lieciba.CodeUnavailable {
			return feed, err
		}
		wait := time.NewTimer(rejoin)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, err
		}
	}
}

const (
	rejoin = 500 * time.Millisecond
	stall  = 5 * time.Second // without a frame: the stream stands
)

// look feeds the taker until it has enough. It says what went wrong, if so.
func (c *Checker) look(ctx context.Context, feed lieciba.LiveFeed, t *taker, id lieciba.CameraID, withSound bool) (trouble string) {
	for {
		f, err := next(ctx, feed)
		switch {
		case errors.Is(err, io.EOF):
			return "the camera was taken out of use, or the server stops"
		case err != nil && t.pictures == nil:
			return "the camera sent nothing"
		case err != nil:
			return "the camera sent nothing for " + stall.String()
		}
		if f.Restart || !t.heard {
			t.begin(feed.Format(), withSound)
			t.trial.abandon()
			t.trial = c.newTrial(id, t.format.Video)
		}
		t.take(f)
		if t.enough(c.cfg.Look, c.cfg.Patience) {
			return ""
		}
	}
}

// next is Next with a bound on how long a stream may stand.
func next(ctx context.Context, feed lieciba.LiveFeed) (lieciba.LiveFrame, error) {
	ctx, cancel := context.WithTimeout(ctx, stall)
	defer cancel()
	return feed.Next(ctx)
}

// begin starts anew: what a camera sent before it restarted is another stream.
func (t *taker) begin(f lieciba.StreamFormat, withSound bool) {
	t.heard, t.format = true, f
	t.pictures, t.listener = newPictures(f.Video), nil
	if withSound {
		t.listener = listenTo(f.Audio)
	}
}

func (t *taker) take(f lieciba.LiveFrame) {
	if f.Track == lieciba.TrackAudio {
		if t.listener != nil && !f.Backlog {
			t.listener.add(f.Frame)
		}
		return
	}
	if f.Skipped { // this reader was too slow: the pictures between are missing here, and nowhere else
		t.pictures.lastKey = f.Time
	}
	t.pictures.add(f.Frame)
	t.trial.write(f.Frame)
}

// enough reports whether the look lasted long enough, and over a key frame.
func (t *taker) enough(look, patience time.Duration) bool {
	span := t.pictures.last.Sub(t.pictures.first)
	return span >= look && t.pictures.facts.Keys >= 2 || span >= patience
}
