package probe

import (
	"context"
	"encoding/json"
	"time"
)

// Seek goes to a wall-clock time and returns how long it took until every
// camera showed a frame of it and the server had answered.
func (b *Playback) Seek(ctx context.Context, at time.Time) (time.Duration, error) {
	b.mu.Lock()
	seq := b.seq
	b.mu.Unlock()
	start := time.Now()
	if err := b.command(ctx, map[string]any{"cmd": "seek", "at": timeText(at)}); err != nil {
		return 0, err
	}
	err := b.wait(ctx, func() bool { return b.shownSince(seq) })
	return time.Since(start), err
}

// Play and Pause run and stop the play clock.
func (b *Playback) Play(ctx context.Context) error {
	return b.command(ctx, map[string]any{"cmd": "play"})
}

// Pause stops the play clock.
func (b *Playback) Pause(ctx context.Context) error {
	return b.command(ctx, map[string]any{"cmd": "pause"})
}

// SoundPackets counts the RTP packets of sound so far.
func (b *Playback) SoundPackets() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sound
}

// Skew watches until each camera has shown n more frames and returns, for each
// frame that came, how far apart in wall-clock time the cameras' newest frames were.
func (b *Playback) Skew(ctx context.Context, n int) ([]time.Duration, error) {
	var out []time.Duration
	counts := b.counts()
	last := map[string]uint32{}
	err := b.wait(ctx, func() bool {
		low, high, fresh := time.Time{}, time.Time{}, false
		done := true
		for camera, t := range b.cameraTracks() {
			f, count, _ := t.frame()
			wall, ok := b.wall(camera, f.rtp)
			if !ok {
				return false
			}
			fresh = fresh || last[camera] != f.rtp
			last[camera] = f.rtp
			done = done && count >= counts[camera]+n
			if low.IsZero() || wall.Before(low) {
				low = wall
			}
			if wall.After(high) {
				high = wall
			}
		}
		if fresh {
			out = append(out, high.Sub(low))
		}
		return done
	})
	return out, err
}

// Close hangs up and waits. Idempotent.
func (b *Playback) Close(ctx context.Context) error { return b.peer.close(ctx) }

// command sends one command and waits for its answer.
func (b *Playback) command(ctx context.Context, fields map[string]any) error {
	b.mu.Lock()
	b.next++
	id := b.next
	answer := make(chan message, 1)
	b.waits[id] = answer
	b.mu.Unlock()
	fields["id"] = id
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if err := b.control.SendText(string(raw)); err != nil {
		return err
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return m.Error
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait blocks until done says true; done is asked at each event and each frame.
func (b *Playback) wait(ctx context.Context, done func() bool) error {
	for {
		wake, stop := b.anyChange()
		if done() {
			stop()
			return nil
		}
		select {
		case <-wake:
			stop()
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
}

// anyChange returns a channel that is closed at the next event or frame.
func (b *Playback) anyChange() (<-chan struct{}, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	b.mu.Lock()
	sources := []<-chan struct{}{b.bell}
	for _, t := range b.byMid {
		_, _, next := t.frame()
		sources = append(sources, next)
	}
	b.mu.Unlock()
	for _, s := range sources {
		go func() {
			select {
			case <-s:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx.Done(), cancel
}

// cameraTracks returns the tracks of the cameras that have a picture.
func (b *Playback) cameraTracks() map[string]*track {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]*track{}
	for _, c := range b.heard.Cams {
		if t := b.byMid[c.Mid]; t != nil && c.Error == nil {
			out[c.Camera] = t
		}
	}
	return out
}

func (b *Playback) counts() map[string]int {
	out := map[string]int{}
	for camera, t := range b.cameraTracks() {
		_, out[camera], _ = t.frame()
	}
	return out
}

// shownSince reports whether a mapping newer than seq came and every camera
// that has a picture there has shown a frame under it.
func (b *Playback) shownSince(seq int) bool {
	b.mu.Lock()
	now, expected := b.seq, 0
	for _, c := range b.heard.Cams {
		if c.Error == nil {
			expected++
		}
	}
	b.mu.Unlock()
	tracks := b.cameraTracks()
	if now <= seq || expected == 0 || len(tracks) != expected {
		return false
	}
	for camera, t := range tracks {
		f, n, _ := t.frame()
		b.mu.Lock()
		list, gone := b.maps[camera], b.gone[camera]
		b.mu.Unlock()
		if gone {
			continue // its last picture stays, as the page says
		}
		if n == 0 || len(list) == 0 || int32(f.rtp-list[0].first) < 0 {
			return false
		}
	}
	return true
}

// wall is the wall-clock time of a frame by the newest mapping that holds for it.
func (b *Playback) wall(camera string, rtp uint32) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.maps[camera] {
		if int32(rtp-m.first) >= 0 {
			ticks := float64(int32(rtp - m.rtp))
			return m.at.Add(time.Duration(ticks / 90_000 * m.rate * float64(time.Second))), true
		}
	}
	return time.Time{}, false
}
