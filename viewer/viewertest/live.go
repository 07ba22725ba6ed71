package viewertest

import (
	"context"
	"io"
	"sync"
	"time"

	"lieciba"
)

// LiveCamera plays a camera in real time to whoever joins.
type LiveCamera struct {
	*Camera
	mu    sync.Mutex
	gop   []lieciba.LiveFrame
	feeds map[*liveFeed]struct{}
	Joins int // how often it was joined, under mu

	restart chan struct{}
}

type liveFeed struct {
	cam    *LiveCamera
	format lieciba.StreamFormat
	frames chan lieciba.LiveFrame
	once   sync.Once
	closed chan struct{}
}

func (f *liveFeed) Format() lieciba.StreamFormat { return f.format }

func (f *liveFeed) Next(ctx context.Context) (lieciba.LiveFrame, error) {
	select {
	case fr, ok := <-f.frames:
		if !ok {
			return lieciba.LiveFrame{}, io.EOF
		}
		return fr, nil
	case <-f.closed:
		return lieciba.LiveFrame{}, io.EOF
	case <-ctx.Done():
		return lieciba.LiveFrame{}, ctx.Err()
	}
}

func (f *liveFeed) Close() {
	f.once.Do(func() {
		close(f.closed)
		f.cam.mu.Lock()
		defer f.cam.mu.Unlock()
		delete(f.cam.feeds, f)
	})
}

func (c *LiveCamera) join() *liveFeed {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Joins++
	f := &liveFeed{cam: c, format: c.Format, frames: make(chan lieciba.LiveFrame, 4096), closed: make(chan struct{})}
	for _, g := range c.gop {
		g.Backlog = true
		f.frames <- g
	}
	c.feeds[f] = struct{}{}
	return f
}

func (c *LiveCamera) give(f lieciba.Frame, restart bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lf := lieciba.LiveFrame{Frame: f, Restart: restart}
	if f.Track == lieciba.TrackVideo {
		if f.Key {
			c.gop = nil
		}
		c.gop = append(c.gop, lf)
	}
	for feed := range c.feeds {
		feed.frames <- lf
	}
}

// LiveSite is a LiveSource of cameras that run until the test ends.
type LiveSite struct {
	Main, Sub map[lieciba.CameraID]*LiveCamera
}

func (s *LiveSite) Join(_ context.Context, id lieciba.CameraID, role lieciba.StreamRole) (lieciba.LiveFeed, error) {
	list := s.Main
	if role == lieciba.StreamSub {
		list = s.Sub
	}
	c, ok := list[id]
	if !ok {
		return nil, lieciba.Errorf(lieciba.CodeNotFound, "no such camera")
	}
	return c.join(), nil
}

func NewLiveSite() *LiveSite {
	return &LiveSite{Main: map[lieciba.CameraID]*LiveCamera{}, Sub: map[lieciba.CameraID]*LiveCamera{}}
}

// Add starts a camera that began its GOP `age` ago.
func (s *LiveSite) Add(tb TB, name string, sound lieciba.AudioCodec, age time.Duration, padding ...int) *LiveCamera {
	tb.Helper()
	c := &LiveCamera{Camera: NewCamera(tb, name, sound, time.Now().Add(-age).UTC()), feeds: map[*liveFeed]struct{}{}, restart: make(chan struct{})}
	for _, n := range padding {
		c.Padding = n
	}
	s.Main[c.ID] = c
	c.start(tb)
	return c
}

// start gives frames at their time until the test ends.
func (c *LiveCamera) start(tb TB) {
	stop, done := make(chan struct{}), make(chan struct{})
	tb.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			next := c.Zero.Add(time.Duration(c.count) * time.Second / FPS)
			timer.Reset(time.Until(next))
			select {
			case <-stop:
				return
			case <-c.restart:
				c.Zero, c.count, c.sounds = time.Now().UTC().Truncate(time.Millisecond), 0, 0
				c.give(c.video(), true)
				continue
			case <-timer.C:
			}
			c.give(c.video(), false)
			for f, ok := c.sound(next); ok; f, ok = c.sound(next) {
				c.give(f, false)
			}
		}
	}()
}

// Joined is how often the camera was joined.
func (c *LiveCamera) Joined() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Joins
}

// PretendH265 lets the camera claim to send H.265, before anyone joins.
func (c *LiveCamera) PretendH265() { c.Format.Video.Codec = lieciba.H265 }

// Restart begins a new run: timestamps start anew with a key frame.
func (c *LiveCamera) Restart(tb TB) {
	tb.Helper()
	select {
	case c.restart <- struct{}{}:
	case <-tb.Context().Done():
	}
}

// SetSound changes what the camera claims to send, before anyone joins.
func (c *LiveCamera) SetSound(f *lieciba.AudioFormat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Format.Audio = f
}
