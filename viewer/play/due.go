package play

import (
	"time"

	"lieciba"
)

// due sends every frame whose moment has come.
func (p *Player) due(now, pos time.Time) {
	for i := range p.cams {
		c := &p.cams[i]
		for len(c.video) > 0 && p.reached(pos, c.video[0].frame.Time) {
			q := c.video[0]
			c.video = c.video[1:]
			p.consume(i, q)
			if p.skippable(c, q) {
				continue
			}
			p.send(i, c, q, p.mapRTP+uint32(p.span(q.frame.Time.Sub(p.pos))))
			c.watch(q.frame)
		}
		p.speak(i, c, pos)
	}
}

// skippable reports whether a frame cannot or need not be shown.
func (p *Player) skippable(c *camera, q queued) bool {
	if c.needKey && !q.frame.Key {
		return true
	}
	c.needKey = false
	f, ok := c.shown()
	// Backwards from a key frame: it is on screen already.
	return p.reverse() && ok && q.frame.Time.Equal(f.Time)
}

func (p *Player) consume(i int, q queued) {
	if q.last {
		p.do(Consume{i, p.gen, q.chunk.Bytes})
	}
}

// send puts a frame on the track; timestamps of a track only ever rise.
func (p *Player) send(i int, c *camera, q queued, ts uint32) {
	if c.any && int32(ts-c.lastTS) <= 0 {
		ts = c.lastTS + 1
	}
	c.note(q, ts)
	p.do(Send{i, q.frame, q.chunk, ts})
}

// speak plays the sound that is due, or drops it where none is heard.
func (p *Player) speak(i int, c *camera, pos time.Time) {
	audible := i == p.sound && p.rate == 1
	for len(c.audio) > 0 {
		q := c.audio[0]
		late := q.frame.Time.Before(pos.Add(-soundLate))
		if !late && pos.Add(soundLead).Before(q.frame.Time) {
			return
		}
		c.audio = c.audio[1:]
		if audible && !late {
			p.heard = true
			p.do(PlaySound{i, q.frame, q.chunk})
		}
	}
}

// gaps tells of gaps that the clock enters and leaves.
func (p *Player) gaps(pos time.Time) {
	for i := range p.cams {
		c := &p.cams[i]
		for len(c.gaps) > 0 {
			g := c.gaps[0]
			if !p.reached(pos, p.near(g.span)) || c.inGap != nil && !p.left(pos, c.inGap.span) {
				break
			}
			c.gaps = c.gaps[1:]
			p.leave(i, c)
			if p.left(pos, g.span) {
				continue // passed within one step
			}
			c.inGap = &g
			p.do(GapNote{Camera: i, Entered: true, Span: g.span, Cause: g.cause})
		}
		if c.inGap != nil && p.left(pos, c.inGap.span) {
			p.leave(i, c)
		}
	}
}

// near is the edge of a gap that the clock meets first, far the other one.
func (p *Player) near(g lieciba.Interval) time.Time {
	if p.reverse() {
		return g.To
	}
	return g.From
}

func (p *Player) far(g lieciba.Interval) time.Time {
	if p.reverse() {
		return g.From
	}
	return g.To
}

func (p *Player) left(pos time.Time, g lieciba.Interval) bool {
	far := p.far(g)
	return !far.IsZero() && p.reached(pos, far)
}

func (p *Player) leave(i int, c *camera) {
	if c.inGap != nil {
		p.do(GapNote{Camera: i, Span: c.inGap.span, Cause: c.inGap.cause})
		c.inGap = nil
	}
}

// closeGap sets the end of an open gap: frames came again.
func (c *camera) closeGap(at time.Time) {
	c.openGap = false
	if n := len(c.gaps); n > 0 && c.gaps[n-1].span.To.IsZero() {
		c.gaps[n-1].span.To = at
	}
	if c.inGap != nil && c.inGap.span.To.IsZero() {
		g := *c.inGap
		g.span.To = at
		c.inGap = &g
	}
}

// skip jumps to the first camera that has something again, if none has anything
// at the clock.
func (p *Player) skip(now, pos time.Time) bool {
	var to time.Time
	for i := range p.cams {
		c := &p.cams[i]
		if c.inGap == nil {
			if c.end && len(c.video) == 0 && p.reached(pos, c.horizon) {
				continue
			}
			return false
		}
		far := p.far(c.inGap.span)
		if far.IsZero() {
			continue
		}
		if to.IsZero() || p.reverse() == far.After(to) {
			to = far
		}
	}
	if to.IsZero() {
		return false
	}
	p.stop(to)
	p.run(now)
	p.due(now, to)
	p.gaps(to)
	return true
}
