package play

import (
	"math"
	"time"

	"lieciba"
)

// Bounds of commands.
const (
	MinRate  = 0.25
	MaxRate  = 16
	MaxSteps = 250
)

// Seek shows t, and runs on from there unless paused. t is clipped to the window.
func (p *Player) Seek(now time.Time, id int64, t time.Time) []Action {
	if t.Before(p.cfg.Window.From) {
		t = p.cfg.Window.From
	}
	if t.After(p.cfg.Window.To) {
		t = p.cfg.Window.To
	}
	p.seekTo(now, id, t)
	return p.flush()
}

func (p *Player) seekTo(now time.Time, id int64, t time.Time) {
	p.overtaken()
	p.stop(t)
	p.ended = false
	p.refetch(t, true)
	p.seek = &seek{id: id, at: t, limit: now.Add(seekLimit)}
	p.waiting = WaitData
}

// overtaken answers commands that wait for something that will not come.
func (p *Player) overtaken() {
	err := lieciba.Errorf(lieciba.CodeConflict, "a newer command took its place")
	if p.seek != nil && p.seek.id != 0 {
		p.do(Reply{p.seek.id, err})
	}
	if p.find != 0 {
		p.do(Reply{p.find, err})
	}
	p.seek, p.find = nil, 0
}

// Play lets the clock run.
func (p *Player) Play(now time.Time, id int64) []Action {
	p.do(Reply{ID: id})
	if p.paused {
		p.paused = false
		p.step(now)
	}
	return p.flush()
}

// Pause lets the clock stand.
func (p *Player) Pause(now time.Time, id int64) []Action {
	p.pause(now)
	p.do(Reply{ID: id})
	return p.flush()
}

func (p *Player) pause(now time.Time) {
	if p.paused {
		return
	}
	p.step(now)
	if p.paused {
		return // the end was reached in this very moment
	}
	p.paused = true
	if p.seek != nil {
		return
	}
	p.stop(p.clock(now))
	p.waiting = WaitNothing
	p.still()
}

// Speed sets the rate.
func (p *Player) Speed(now time.Time, id int64, rate float64) []Action {
	if a := math.Abs(rate); math.IsNaN(rate) || a < MinRate || a > MaxRate {
		p.do(Reply{id, lieciba.Invalid("rate", "is not between %v and %v, or the same negative", MinRate, MaxRate)})
		return p.flush()
	}
	p.do(Reply{ID: id})
	if p.seek == nil && !p.paused {
		p.step(now)
	}
	pos := p.clock(now)
	p.stop(pos)
	before := p.mode
	p.rate = rate
	switch mode := p.modeFor(rate); {
	case p.seek != nil:
		at, waiting := p.seek.at, p.seek.id
		p.seek.id = 0
		p.seekTo(now, waiting, at)
	case mode == before:
		p.resume(now)
	case mode == AllFrames:
		p.seekTo(now, 0, pos)
	default:
		p.refetch(pos, false)
		p.resume(now)
	}
	return p.flush()
}

// resume lets the clock go on where it stands, or maps it standing.
func (p *Player) resume(now time.Time) {
	if p.paused {
		p.still()
		return
	}
	p.step(now)
}

// Step moves by frames of a camera; -1 takes the first that has a picture.
func (p *Player) Step(now time.Time, id int64, frames, cam int) []Action {
	if frames == 0 || frames > MaxSteps || frames < -MaxSteps {
		p.do(Reply{id, lieciba.Invalid("frames", "is not between 1 and %d, or the same negative", MaxSteps)})
		return p.flush()
	}
	if cam < 0 {
		cam = p.leader()
	}
	p.pause(now)
	from := p.pos
	if p.seek != nil {
		from = p.seek.at
	}
	p.overtaken()
	p.find = id
	p.do(Find{Camera: cam, ID: id, From: from, Frames: frames})
	return p.flush()
}

// leader is the first camera that shows something at the clock.
func (p *Player) leader() int {
	for i := range p.cams {
		if _, ok := p.cams[i].shown(); ok && p.cams[i].inGap == nil {
			return i
		}
	}
	return 0
}

// Found answers a Find. An answer that is not waited for any more is ignored.
func (p *Player) Found(now time.Time, id int64, t time.Time, err error) []Action {
	if p.find != id || id == 0 {
		return nil
	}
	p.find = 0
	switch {
	case err != nil:
		p.do(Reply{id, err})
	case p.here(t):
		p.cut(now, t, id, false)
	default:
		p.seekTo(now, id, t)
	}
	return p.flush()
}

// here reports whether all frames from the clock to t are queued.
func (p *Player) here(t time.Time) bool {
	if p.mode != AllFrames || t.Before(p.pos) || p.ended {
		return false
	}
	for i := range p.cams {
		c := &p.cams[i]
		if _, ok := c.shown(); !c.end && (!ok || c.needKey || !c.horizon.After(t)) {
			return false
		}
	}
	return true
}

// Gaps sets whether the clock runs through gaps that all cameras share.
func (p *Player) Gaps(now time.Time, id int64, wait bool) []Action {
	p.wait = wait
	p.do(Reply{ID: id})
	p.step(now)
	return p.flush()
}

// Sound sets the camera that is heard; -1: none.
func (p *Player) Sound(id int64, cam int) []Action {
	if cam != p.sound {
		p.mute()
		p.sound = cam
	}
	p.do(Reply{ID: id})
	return p.flush()
}

// Status is what the page is told regularly.
type Status struct {
	At       time.Time
	Paused   bool
	Rate     float64
	Waiting  Waiting
	KeysOnly bool
	Sound    int // camera; -1: none
}

// Status reads the clock.
func (p *Player) Status(now time.Time) Status {
	s := Status{At: p.clock(now), Paused: p.paused, Rate: p.rate, Waiting: p.waiting, KeysOnly: p.mode != AllFrames, Sound: p.sound}
	if p.seek != nil {
		s.At = p.seek.at
	}
	return s
}

// Watched returns what was shown of each camera so far, merged.
func (p *Player) Watched() [][]lieciba.Interval {
	out := make([][]lieciba.Interval, len(p.cams))
	for i := range p.cams {
		out[i] = lieciba.Merge(p.cams[i].watched)
	}
	return out
}

// Absent marks a camera that has no track: nothing is ever waited for.
func (p *Player) Absent(cam int) {
	p.cams[cam].absent, p.cams[cam].end = true, true
}
