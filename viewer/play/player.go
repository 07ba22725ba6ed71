package play

import (
	"time"

	"lieciba"
)

const (
	tick       = lieciba.VideoClockRate
	burstStep  = 90                    // ticks between the frames of a burst
	frameSpace = time.Second / 60      // pictures above 1× come no closer
	soundLead  = 60 * time.Millisecond // sound leaves earlier: receivers buffer it, pictures not
	soundLate  = 200 * time.Millisecond
	seekLimit  = 4 * time.Second // cameras that have nothing by then do not hold up a seek
	dataAhead  = 200 * time.Millisecond
	edgeAhead  = time.Second // what must be durable ahead before a clock that waited at the live edge goes on
	stillLimit = 2 * time.Second
	keysAbove  = 8.0   // above this speed key frames only
	maxDecode  = 400.0 // frames a second over all cameras that a browser is asked to decode
)

// Config is what a Player starts with.
type Config struct {
	Cameras   int
	Window    lieciba.Interval
	Sound     int       // camera whose sound plays; -1: none
	BurstRate int       // bits a second at which a burst leaves; the clock waits for it
	Base      uint32    // RTP timestamp at Start
	Start     time.Time // any moment; real time is counted from here
}

// Waiting says why a clock that should run stands.
type Waiting string

const (
	WaitNothing Waiting = ""
	WaitData    Waiting = "data"
	WaitEdge    Waiting = "live_edge"
)

// Player is the play clock of all cameras of a playback. Every method takes the
// time of the call, from one clock that never goes back, and returns what is to
// be done. Not safe for concurrent use.
type Player struct {
	cfg    Config
	cams   []camera
	rate   float64
	paused bool
	wait   bool // at gaps, instead of skipping them
	sound  int
	heard  bool // sound flowed at the last look

	pos     time.Time // of the clock at anchor, or where it stands
	anchor  time.Time // zero: the clock stands
	waiting Waiting
	mapRTP  uint32 // pos has this timestamp
	ended   bool

	gen  uint64
	mode Mode
	seek *seek
	find int64 // command that waits for Found; 0: none
	out  []Action
}

// seek waits until every camera has what it takes to show the target.
type seek struct {
	id    int64
	at    time.Time
	limit time.Time
}

// NewPlayer makes a player that stands at the start of the window, unpaused.
func NewPlayer(cfg Config) *Player {
	return &Player{cfg: cfg, cams: make([]camera, cfg.Cameras), rate: 1, sound: cfg.Sound, pos: cfg.Window.From}
}

func (p *Player) do(a Action) { p.out = append(p.out, a) }

func (p *Player) flush() []Action {
	out := p.out
	p.out = nil
	return out
}

// ticks is the RTP timestamp of real time.
func (p *Player) ticks(now time.Time) uint32 {
	return p.cfg.Base + uint32(int64(now.Sub(p.cfg.Start).Seconds()*tick))
}

// clock is the wall clock that is shown at now.
func (p *Player) clock(now time.Time) time.Time {
	if p.anchor.IsZero() || now.Before(p.anchor) {
		return p.pos
	}
	return p.pos.Add(time.Duration(float64(now.Sub(p.anchor)) * p.rate))
}

// span is how many ticks the clock takes for d at the current speed.
func (p *Player) span(d time.Duration) int64 {
	return int64(d.Seconds() * tick / p.rate)
}

func (p *Player) reverse() bool { return p.rate < 0 }

// reached reports whether the clock at pos has come to t.
func (p *Player) reached(pos, t time.Time) bool {
	if p.reverse() {
		return !pos.After(t)
	}
	return !pos.Before(t)
}

// stop lets the clock stand at pos.
func (p *Player) stop(pos time.Time) {
	p.pos, p.anchor = pos, time.Time{}
	p.mute()
}

func (p *Player) mute() {
	if p.heard {
		p.heard = false
		p.do(Mute{})
	}
}

// run lets the clock run from where it stands, and maps it.
func (p *Player) run(now time.Time) {
	p.waiting = WaitNothing
	rtp := p.ticks(now)
	for i := range p.cams {
		if c := &p.cams[i]; c.any && int32(rtp-c.lastTS) < burstStep {
			rtp = c.lastTS + burstStep
		}
	}
	p.anchor, p.mapRTP = now, rtp
	m := Map{Rate: p.rate, At: p.pos}
	for i := range p.cams {
		m.Tracks = append(m.Tracks, TrackMap{i, rtp, rtp})
	}
	p.do(m)
}

// still maps a clock that stands so that each picture on screen keeps its time.
func (p *Player) still() {
	m := Map{Rate: p.rate, Paused: p.paused, At: p.pos}
	for i := range p.cams {
		c := &p.cams[i]
		f, ok := c.shown()
		if !ok || p.pos.Sub(f.Time).Abs() > stillLimit {
			continue
		}
		m.Tracks = append(m.Tracks, TrackMap{i, c.lastTS + uint32(p.span(p.pos.Sub(f.Time))), c.lastTS})
	}
	p.do(m)
}

// refetch restarts the feeders at the position.
func (p *Player) refetch(at time.Time, burst bool) {
	p.gen++
	p.mode = p.modeFor(p.rate)
	for i := range p.cams {
		p.cams[i].reset(at)
	}
	p.do(Refetch{Fetch{Gen: p.gen, At: at, Mode: p.mode, Burst: burst}})
}

func (p *Player) modeFor(rate float64) Mode {
	if rate < 0 {
		return KeysReverse
	}
	total := 0.0
	for i := range p.cams {
		total += p.cams[i].fps
	}
	if rate > keysAbove || rate > 1 && total*rate > maxDecode {
		return KeysForward
	}
	return AllFrames
}

// Deliver takes what a feeder found.
func (p *Player) Deliver(now time.Time, d Delivery) []Action {
	if d.Gen != p.gen {
		return nil
	}
	c := &p.cams[d.Camera]
	switch d.Kind {
	case Media:
		p.media(d.Camera, c, d)
	case GapAhead:
		c.ahead(d.Gap, d.Cause, p.mode)
	case AtEdge:
		c.edge = true
	case AtEnd:
		c.end, c.edge, c.openGap = true, false, false
	case Failed:
		c.needKey = true
		p.do(Trouble{d.Camera, d.Err})
	}
	p.step(now)
	return p.flush()
}

func (p *Player) media(i int, c *camera, d Delivery) {
	if c.openGap {
		c.closeGap(d.Chunk.From)
	}
	c.take(d.Chunk, p.mode, d.Lead)
	if len(d.Chunk.Video) == 0 {
		p.do(Consume{i, p.gen, d.Chunk.Bytes})
	}
}

// Advance does what is due. wake is when to call it again at the latest.
func (p *Player) Advance(now time.Time) (actions []Action, wake time.Time) {
	p.step(now)
	return p.flush(), p.wake(now)
}

func (p *Player) step(now time.Time) {
	if p.seek != nil && (p.settled() || !now.Before(p.seek.limit)) {
		s := p.seek
		p.seek = nil
		p.cut(now, p.durable(s.at), s.id, true)
	}
	if p.seek == nil && !p.paused {
		p.play(now)
	}
}

// durable clips a target behind all that is on record: to the last instant that
// every growing camera has, or where none grows to the last frame of all.
func (p *Player) durable(t time.Time) time.Time {
	var last, grown time.Time
	for i := range p.cams {
		c := &p.cams[i]
		if !c.end && !c.edge && !c.openGap || c.horizon.After(t) || c.leadTo.After(t) {
			return t
		}
		if c.leadTo.After(last) {
			last = c.leadTo
		}
		if c.edge && !c.openGap && !c.leadTo.IsZero() && (grown.IsZero() || c.leadTo.Before(grown)) {
			grown = c.leadTo
		}
	}
	if !grown.IsZero() {
		last = grown
	}
	if last.IsZero() {
		return t
	}
	return last.Add(-time.Microsecond)
}

// settled reports whether every camera has all frames up to the target.
func (p *Player) settled() bool {
	for i := range p.cams {
		c := &p.cams[i]
		switch {
		case c.end, c.edge, c.openGap, c.leadTo.After(p.seek.at):
		case p.mode == KeysReverse && c.horizon.Before(p.seek.at):
		case p.mode != KeysReverse && c.horizon.After(p.seek.at):
		default:
			return false
		}
	}
	return true
}

// play runs the clock to now and sends what is due.
func (p *Player) play(now time.Time) {
	limit, why := p.limit(now)
	if p.anchor.IsZero() {
		if !p.ready(limit, why) {
			p.waiting = why
			return
		}
		p.run(now)
	}
	pos := p.clock(now)
	stall := why != WaitNothing && p.reached(pos, limit)
	if stall && p.reached(p.pos, limit) {
		pos = p.pos
	} else if stall {
		pos = limit
	}
	p.due(now, pos)
	p.gaps(pos)
	switch {
	case p.finished(pos):
		p.finish(pos)
	case !p.wait && p.skip(now, pos):
	case stall:
		p.stop(pos)
		p.waiting = why
		p.still()
	}
}

// limit is how far the clock may run: what every camera's feeder knows of.
func (p *Player) limit(now time.Time) (time.Time, Waiting) {
	var limit time.Time
	why := WaitNothing
	for i := range p.cams {
		c := &p.cams[i]
		at, w := c.horizon, WaitData
		switch {
		case c.end:
			continue
		case c.openGap:
			at, w = now, WaitEdge // real time: what is not recorded yet cannot be shown
		case c.edge:
			w = WaitEdge
		}
		if why == WaitNothing || p.reverse() == at.After(limit) && !at.Equal(limit) {
			limit, why = at, w
		}
	}
	return limit, why
}

// ready reports whether enough lies ahead to let a standing clock run.
func (p *Player) ready(limit time.Time, why Waiting) bool {
	ahead := limit.Sub(p.pos)
	if p.reverse() {
		ahead = -ahead
	}
	switch why {
	case WaitNothing:
		return true
	case WaitEdge:
		return ahead >= edgeAhead
	}
	return ahead >= dataAhead
}

// finished reports whether nothing is left to show in the clock's direction.
func (p *Player) finished(pos time.Time) bool {
	if p.reverse() && !pos.After(p.cfg.Window.From) {
		return true
	}
	for i := range p.cams {
		c := &p.cams[i]
		if !c.end || len(c.video) > 0 || !p.reached(pos, c.horizon) {
			return false
		}
	}
	return true
}

func (p *Player) finish(pos time.Time) {
	if p.reverse() && pos.Before(p.cfg.Window.From) {
		pos = p.cfg.Window.From
	}
	p.stop(pos)
	p.paused, p.ended, p.waiting = true, true, WaitNothing
	p.still()
	p.do(Ended{})
}

// wake is the moment of the next frame.
func (p *Player) wake(now time.Time) time.Time {
	next := now.Add(250 * time.Millisecond)
	if p.seek != nil {
		return earlier(next, p.seek.limit)
	}
	if p.paused || p.anchor.IsZero() {
		return next
	}
	at := func(t time.Time) {
		w := p.anchor.Add(time.Duration(float64(t.Sub(p.pos)) / p.rate))
		next = earlier(next, w)
	}
	for i := range p.cams {
		c := &p.cams[i]
		if len(c.video) > 0 {
			at(c.video[0].frame.Time)
		}
		if len(c.gaps) > 0 {
			at(p.near(c.gaps[0].span))
		}
		if c.inGap != nil && !p.far(c.inGap.span).IsZero() {
			at(p.far(c.inGap.span))
		}
		if i == p.sound && p.rate == 1 && len(c.audio) > 0 {
			at(c.audio[0].frame.Time.Add(-soundLead))
		}
	}
	if limit, why := p.limit(now); why != WaitNothing {
		at(limit)
	}
	floor := now.Add(time.Millisecond)
	if p.rate > 1 || p.rate < 0 {
		floor = now.Add(frameSpace)
	}
	if next.Before(floor) {
		next = floor
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
