package play

import (
	"math"
	"time"

	"lieciba"
)

// cut shows the frame at t on every camera: what is queued up to t leaves as a
// burst, of which only the last frame matters. fresh: the queues start at a key
// frame and replace what is being sent. The clock then stands, or runs from t on
// once the burst has left.
func (p *Player) cut(now, t time.Time, id int64, fresh bool) {
	p.stop(t)
	lists := make([][]queued, len(p.cams))
	rtp := p.ticks(now)
	bytes := 0
	for i := range p.cams {
		c := &p.cams[i]
		lists[i] = p.upTo(i, c, t, fresh)
		bytes = max(bytes, size(lists[i]))
		need := int64(1)
		if n := len(lists[i]); n > 0 {
			need += p.back(lists[i][n-1].frame, t) + int64(n-1)*burstStep
		}
		if c.any && int64(int32(rtp-c.lastTS)) < need {
			rtp = c.lastTS + uint32(need)
		}
		if fresh {
			p.do(Drop{i})
		}
	}
	p.mapRTP = rtp
	m := Map{Rate: p.rate, Paused: p.paused, At: t}
	for i := range p.cams {
		m.Tracks = append(m.Tracks, TrackMap{i, rtp, p.firstOf(rtp, lists[i], t)})
	}
	p.do(m)
	for i, list := range lists {
		c := &p.cams[i]
		first := p.firstOf(rtp, list, t)
		for k, q := range list {
			ts := first + uint32(k)*burstStep
			p.send(i, c, q, ts)
		}
		if n := len(list); n > 0 {
			c.watch(list[n-1].frame)
		}
	}
	p.do(Cut{ID: id})
	p.forgetGap(t)
	p.gaps(t)
	if !p.paused {
		p.waiting = WaitNothing
		p.anchor = now.Add(time.Duration(float64(bytes) * 8 / float64(p.cfg.BurstRate) * float64(time.Second)))
	}
}

// forgetGap ends gap notes of a place that the clock has jumped away from.
func (p *Player) forgetGap(t time.Time) {
	for i := range p.cams {
		c := &p.cams[i]
		if c.inGap != nil && (t.Before(c.inGap.span.From) || !c.inGap.span.To.IsZero() && !t.Before(c.inGap.span.To)) {
			p.leave(i, c)
		}
	}
}

// upTo takes the frames up to t out of the queue, from their last key frame on.
// After a jump, frames that ended before t are not shown: t lies in a gap.
func (p *Player) upTo(i int, c *camera, t time.Time, fresh bool) []queued {
	n := 0
	for n < len(c.video) && !c.video[n].frame.Time.After(t) {
		n++
	}
	list := c.video[:n:n]
	c.video = c.video[n:]
	for _, q := range list {
		p.consume(i, q)
	}
	for k := len(list) - 1; k >= 0; k-- {
		if list[k].frame.Key {
			list, c.needKey = list[k:], false
			break
		}
	}
	for len(c.audio) > 0 && c.audio[0].frame.Time.Before(t) {
		c.audio = c.audio[1:]
	}
	if len(list) == 0 || c.needKey {
		return nil
	}
	past := t.Sub(list[len(list)-1].chunk.To) > gapTolerance
	if fresh && (past || !list[0].frame.Key) {
		return nil
	}
	return list
}

// back is how many ticks before t's timestamp the frame on screen lies. A frame
// in front of a gap counts as one at t: its time is said by the gap event.
func (p *Player) back(f lieciba.Frame, t time.Time) int64 {
	d := t.Sub(f.Time)
	if d > stillLimit {
		return 0
	}
	return p.span(d)
}

// firstOf is the timestamp of the first frame of a burst that ends at t.
func (p *Player) firstOf(rtp uint32, list []queued, t time.Time) uint32 {
	n := len(list)
	if n == 0 {
		return rtp
	}
	return rtp - uint32(p.back(list[n-1].frame, t)) - uint32(n-1)*burstStep
}

func size(list []queued) int {
	n := 0
	for _, q := range list {
		n += q.frame.Size()
	}
	return n
}

// Again sends what is on screen once more, from its key frame on: the viewer
// has lost something.
func (p *Player) Again(now time.Time, i int) []Action {
	c := &p.cams[i]
	n := len(c.gop)
	if n == 0 || p.seek != nil {
		return p.flush()
	}
	gop := c.gop
	step, ts := uint32(burstStep), c.lastTS+1
	if p.anchor.IsZero() {
		// The picture stands: its timestamp may move, and the map with it.
		f := gop[n-1].frame
		if r := p.ticks(now); int32(r-c.lastTS) > int32(n*burstStep) {
			ts = r - uint32(n-1)*burstStep
		}
		last := ts + uint32(n-1)*burstStep
		p.do(Map{Rate: p.rate, Paused: p.paused, At: p.pos,
			Tracks: []TrackMap{{i, last + uint32(p.back(f, p.pos)), ts}}})
	} else {
		// All within the time of one frame, so that the map stays right to a frame.
		step = uint32(max(1, min(burstStep, 2400/n/int(math.Ceil(math.Abs(p.rate))))))
	}
	c.gop = nil
	for k, q := range gop {
		p.send(i, c, q, ts+uint32(k)*step)
	}
	return p.flush()
}
