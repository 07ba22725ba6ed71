package viewer

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/viewer/packet"
	"lieciba/viewer/play"
)

const (
	stateEvery = 250 * time.Millisecond
	// idlePLI: Chromium asks for a key frame when nothing came for 3 s. A request
	// this long after the last packet is that timer, not a loss.
	idlePLI = 2500 * time.Millisecond
)

// playback is one viewer's archive playback. Its own goroutine (run) owns
// everything that has no lock; others reach it through inbox.
type playback struct {
	v     *Viewer
	peer  *peer
	cams  []*playCamera
	cache *play.Cache

	scope       Scope
	window      lieciba.Interval // of the session, cut to the scope
	start       time.Time
	soundCamera int // at the start; -1: none
	soundTrack  *track
	sound       playSound

	player     *play.Player
	inbox      chan func(now time.Time)
	deliveries chan play.Delivery
	ctx        context.Context // of run
	seq        int             // of the last map event
	token      int64           // of the last command
	ids        map[int64]int64 // token → id on the wire
	lastState  stateEvent
	edge       time.Time // newest durable instant that was seen growing, at edgeAt
	edgeAt     time.Time
	pending    []sendFrame

	finders  sync.WaitGroup
	stopFind context.CancelFunc // of the newest find; nil before the first

	mu    sync.Mutex
	shown [][]lieciba.Interval
}

// playCamera is one camera of a playback.
type playCamera struct {
	id     lieciba.CameraID
	rec    lieciba.RecordingID
	name   string
	mid    string
	format lieciba.StreamFormat // where the playback started
	err    error                // why there is no picture; then track is nil
	reader *play.Reader         // of its feeder
	find   *play.Reader         // of Find, under findMu
	findMu sync.Mutex
	feeder *play.Feeder
	track  *track
	pacer  *pacer

	run     lieciba.RunID // that pack is for
	pack    *packet.Packetizer
	pliAt   time.Time
	refused bool // told that a run's codec cannot be sent
}

type sendFrame struct {
	cam int
	out outFrame
}

func (b *playback) watched() []Watched {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Watched
	for i, spans := range b.shown {
		if len(spans) > 0 {
			out = append(out, Watched{b.cams[i].id, spans})
		}
	}
	return out
}

// run plays until ctx ends.
func (b *playback) run(ctx context.Context) {
	ctx, cancel := b.bound(ctx)
	var wg sync.WaitGroup
	b.ctx, b.ids = ctx, map[int64]int64{}
	now := time.Now()
	b.player = play.NewPlayer(play.Config{
		Cameras: len(b.cams), Window: b.window, Sound: b.soundCamera,
		BurstRate: b.v.cfg.BurstRate, Base: rand.Uint32(), Start: now,
	})
	b.sound = playSound{b: b}
	for i, c := range b.cams {
		c.feeder = play.NewFeeder(i, c.reader, b.deliveries, time.Now)
		if c.track == nil {
			continue
		}
		wg.Go(func() { c.feeder.Run(ctx) })
		wg.Go(func() {
			if err := c.pacer.run(ctx); err != nil {
				b.peer.cancel()
			}
		})
	}
	b.ready()
	for i, c := range b.cams {
		if c.track == nil {
			b.player.Absent(i)
		}
	}
	b.act(now, b.player.Seek(now, 0, b.start))
	b.loop(ctx)
	cancel()
	wg.Wait()
	b.finders.Wait()
	b.sound.close()
	b.mu.Lock()
	b.shown = b.player.Watched()
	b.mu.Unlock()
}

// bound ends the playback when its right ends by itself.
func (b *playback) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.scope.Until.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, b.scope.Until)
}

func (b *playback) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	state := time.NewTicker(stateEvery)
	defer state.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-b.deliveries:
			now := time.Now()
			b.act(now, b.player.Deliver(now, d))
		case f := <-b.inbox:
			f(time.Now())
			b.state(time.Now(), false)
		case <-timer.C:
		case <-state.C:
			b.state(time.Now(), true)
		}
		now := time.Now()
		actions, wake := b.player.Advance(now)
		b.act(now, actions)
		timer.Reset(max(0, time.Until(wake)))
	}
}

// act does what the player decided.
func (b *playback) act(now time.Time, actions []play.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case play.Send:
			b.queue(now, a)
		case play.PlaySound:
			b.sound.play(now, a)
		case play.Mute:
			b.sound.mute()
		case play.Map:
			b.tellMap(a)
		case play.Cut:
			b.put(a.ID)
			b.v.burst()
		case play.Drop:
			if p := b.cams[a.Camera].pacer; p != nil {
				p.clear()
			}
		case play.Consume:
			b.cams[a.Camera].feeder.Consumed(a.Gen, a.Bytes)
		case play.Refetch:
			for _, c := range b.cams {
				c.feeder.Start(a.Fetch)
			}
		case play.Find:
			b.find(a)
		default:
			b.tell(a)
		}
	}
	b.put(0)
}

// queue makes payloads of a frame; put hands them to the pacers.
func (b *playback) queue(now time.Time, s play.Send) {
	c := b.cams[s.Camera]
	if c.pack == nil || c.run != s.Chunk.Run {
		c.run, c.pack, c.refused = s.Chunk.Run, packet.New(s.Chunk.Format.Video), false
	}
	if string(s.Chunk.Format.Video.Codec) != c.track.codec.name {
		if !c.refused {
			c.refused = true
			b.tell(play.Trouble{Camera: s.Camera, Err: lieciba.Errorf(lieciba.CodeUnsupported,
				"the camera was recorded as %s here: open the playback again at this instant", videoName(s.Chunk.Format.Video.Codec))})
		}
		return
	}
	if f := c.pack.Packetize(s.Frame); len(f.Payloads) > 0 {
		b.pending = append(b.pending, sendFrame{s.Camera, outFrame{Frame: f, ts: s.TS, wall: now}})
	}
}

// put queues the pending frames. A command that waits for them is answered when
// the last one of each camera has left.
func (b *playback) put(token int64) {
	last := map[int]int{}
	for i, f := range b.pending {
		last[f.cam] = i
	}
	if token != 0 {
		id := b.wireID(token)
		left := int32(len(last))
		if left == 0 {
			b.peer.tell(response{Re: id, OK: true})
		}
		done := b.answerWhenSent(id, left)
		for _, i := range last {
			b.pending[i].out.done = done
		}
	}
	for _, f := range b.pending {
		if !b.cams[f.cam].pacer.put(f.out) {
			// The viewer's browser will miss it and ask for a key frame.
			b.peer.log.Debug("frame dropped: the viewer's path is too slow", "viewer", b.peer.id)
			if f.out.done != nil {
				f.out.done(false)
			}
		}
	}
	clear(b.pending)
	b.pending = b.pending[:0]
}

func (b *playback) answerWhenSent(id int64, count int32) func(bool) {
	var left atomic.Int32
	var dropped atomic.Bool
	left.Store(count)
	return func(sent bool) {
		if !sent {
			dropped.Store(true)
		}
		if left.Add(-1) > 0 {
			return
		}
		if dropped.Load() {
			b.peer.tell(response{Re: id, Error: wire(lieciba.Errorf(lieciba.CodeConflict, "a newer command took its place"))})
			return
		}
		b.peer.tell(response{Re: id, OK: true})
	}
}

// find looks for a frame beside the loop: it may have to read. It ends the find
// before it, whose answer nobody waits for any more.
func (b *playback) find(f play.Find) {
	c := b.cams[f.Camera]
	if c.track == nil {
		now := time.Now()
		b.act(now, b.player.Found(now, f.ID, time.Time{}, lieciba.Invalid("camera", "has no picture here")))
		return
	}
	if b.stopFind != nil {
		b.stopFind()
	}
	ctx, stop := context.WithCancel(b.ctx)
	b.stopFind = stop
	b.finders.Go(func() {
		defer stop()
		c.findMu.Lock()
		t, err := c.find.Nth(ctx, f.From, f.Frames)
		c.findMu.Unlock()
		select {
		case b.inbox <- func(now time.Time) { b.act(now, b.player.Found(now, f.ID, t, err)) }:
		case <-ctx.Done():
		}
	})
}

// keyFrame answers a PLI with what is on screen, unless it is Chromium's idle
// timer or a burst is under way.
func (b *playback) keyFrame(cam int) {
	select {
	case b.inbox <- func(now time.Time) {
		c := b.cams[cam]
		if c.pacer.waiting() > 0 || now.Sub(c.pliAt) < pliEvery || c.pacer.quietFor(now) > idlePLI {
			return
		}
		c.pliAt = now
		b.act(now, b.player.Again(now, cam))
		b.v.burst()
	}:
	default: // the browser asks again
	}
}
