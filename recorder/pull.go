package recorder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/ingest"
)

// puller pulls one stream of one camera for as long as it runs: connect, hand
// frames to the hub, say why they ended, wait, connect again.
type puller struct {
	env    *env
	camera lieciba.CameraID
	stream lieciba.CameraStream
	hub    *hub
	meter  *meter
	offset *cameraClock
	rates  [2]clock.Rate

	mu    sync.Mutex
	creds credentials
	notes []string
	since time.Time // of the present state
	known bool      // creds were read

	told told // owned by run

	renew chan struct{} // ask for a new run; capacity 1
	retry chan struct{} // do not wait any longer; capacity 1
	live  atomic.Bool

	halted atomic.Pointer[ending] // why it is being stopped
}

type credentials struct{ user, password string }

func newPuller(s *stream, def lieciba.CameraStream) *puller {
	return &puller{env: s.env, camera: s.camera, stream: def, hub: s.hub, meter: s.meter, offset: s.offset,
		rates: [2]clock.Rate{{Hz: lieciba.VideoClockRate}}, since: s.env.now(),
		renew: make(chan struct{}, 1), retry: make(chan struct{}, 1)}
}

// run pulls until ctx ends. It never returns for a fault of the camera, nor for
// a panic in here.
func (p *puller) run(ctx context.Context) {
	wait := backoff{}
	for ctx.Err() == nil {
		began := p.env.now()
		last, err := p.once(ctx)
		if ctx.Err() != nil {
			stop := ending{cause: lieciba.CauseServerDown, detail: "the server stopped pulling this camera"}
			if why := p.halted.Load(); why != nil {
				stop = *why
			}
			stop.at = last
			p.hub.end(stop)
			return
		}
		cause, detail := ingest.CauseOf(err), wordsOf(err)
		p.hub.end(ending{cause: cause, detail: detail, at: last})
		live := p.live.Swap(false)
		if live {
			p.setSince()
		}
		p.meter.reconnects.Add(1)
		if quiet, tell := p.told.of(cause, p.env.now(), live); tell {
			p.env.log.WarnContext(ctx, "stream ended", "camera", p.camera, "stream", p.stream.Role, "cause", cause, "err", detail, "not_logged", quiet)
		}
		d := wait.next(cause, p.env.now().Sub(began), !last.IsZero())
		p.sleep(ctx, d)
	}
}

func (p *puller) setSince() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = p.env.now()
}

// sleep waits for d, for a call of wake, or for ctx.
func (p *puller) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.retry:
	case <-ctx.Done():
	}
}

// wake ends a wait between two attempts, when credentials changed.
func (p *puller) wake() {
	select {
	case p.retry <- struct{}{}:
	default:
	}
}

// newRun asks for another run of the stream: the server's clock was stepped.
func (p *puller) newRun() {
	select {
	case p.renew <- struct{}{}:
	default:
	}
}

// once is one connection: last is when its last frame ends, zero if none came.
func (p *puller) once(ctx context.Context) (last time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.env.log.ErrorContext(ctx, "panic while pulling a camera", "camera", p.camera, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = &ingest.Error{Cause: lieciba.CauseDecodeError, Err: errors.New("internal error while pulling the camera")}
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	creds, err := p.credentials(ctx)
	if err != nil {
		return last, &ingest.Error{Cause: lieciba.CauseStoreUnavailable, Err: errors.New("the camera's credentials cannot be read")}
	}
	select { // a wish that this connection fulfils
	case <-p.renew:
	default:
	}
	p.env.timeline.Resync(false)
	ends := make(chan error, 1)
	a := &assembler{hub: p.hub, now: p.env.now, stall: p.env.cfg.StallAfter, offset: p.offset, meter: p.meter, rates: p.rates,
		fail: func(cause lieciba.GapCause, err error) { ends <- &ingest.Error{Cause: cause, Err: err} }}
	s, err := p.env.open(ctx, ingest.Options{URL: p.stream.URL, User: creds.user, Password: creds.password, Sound: true,
		Dial: p.env.cfg.Dial, Now: p.env.now, Timeout: p.env.cfg.DialTimeout}, a)
	if err != nil {
		return last, err
	}
	p.mu.Lock()
	p.notes = s.Notes()
	p.mu.Unlock()
	err = p.watch(ctx, s, a, ends)
	s.Close()
	a.flush()
	p.rates = a.rates
	return a.lastEnd(), err
}

// watch waits for the end of a connection and finds the ends that it does not
// tell itself: no frames, no key frame.
func (p *puller) watch(ctx context.Context, s link, a *assembler, ends <-chan error) error {
	tick := time.NewTicker(p.env.cfg.StallAfter / 8)
	defer tick.Stop()
	opened := p.env.now()
	asked := false
	for {
		select {
		case <-ctx.Done():
			return &ingest.Error{Cause: lieciba.CauseServerDown, Err: ctx.Err()}
		case err := <-ends:
			return err
		case <-s.Ended():
			return s.Err()
		case <-p.renew:
			return &ingest.Error{Cause: lieciba.CauseCameraRestarted, Err: errors.New("the server's clock was stepped: a new run takes it over")}
		case <-tick.C:
		}
		now := p.env.now()
		if a.started.Load() {
			if p.live.CompareAndSwap(false, true) {
				p.setSince()
			}
		} else if now.Sub(opened) > 500*time.Millisecond && !asked && p.env.cfg.RequestKeyFrame != nil {
			asked = true
			p.env.spawn(func() {
				_ = p.env.guard("request a key frame", func() error { p.env.cfg.RequestKeyFrame(ctx, p.camera); return nil })
			})
		}
		if err := p.stalled(now, opened, a); err != nil {
			return err
		}
	}
}

// stalled finds a connection that stands.
func (p *puller) stalled(now, opened time.Time, a *assembler) error {
	last := a.lastArrival.Load()
	if last == 0 {
		if now.Sub(opened) > p.env.cfg.StallAfter+p.env.cfg.DialTimeout {
			return &ingest.Error{Cause: lieciba.CauseNetworkLoss, Err: errors.New("the camera accepted the connection and sent no picture")}
		}
		return nil
	}
	silent := now.Sub(time.Unix(0, last))
	if silent > stallLimit(p.env.cfg.StallAfter, time.Duration(a.usual.Load())) {
		return &ingest.Error{Cause: lieciba.CauseNetworkLoss, Err: fmt.Errorf("no frame for %s", silent.Round(100*time.Millisecond))}
	}
	if !a.started.Load() && now.Sub(opened) > noKeyFrame {
		return &ingest.Error{Cause: lieciba.CauseDecodeError, Err: fmt.Errorf("no key frame with parameter sets for %s", noKeyFrame)}
	}
	return nil
}

// noKeyFrame is how long a connection may last without one.
const noKeyFrame = 20 * time.Second

// credentials reads them anew for each connection; while the catalogue is down
// the last ones are used.
func (p *puller) credentials(ctx context.Context) (credentials, error) {
	if p.env.cfg.Secrets == nil {
		return credentials{}, nil
	}
	user, password, err := p.env.cfg.Secrets(ctx, p.camera)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if p.known {
			return p.creds, nil
		}
		return credentials{}, err
	}
	p.creds, p.known = credentials{user, password}, true
	return p.creds, nil
}

// changedCredentials reports whether others are stored than were last used.
func (p *puller) changedCredentials(ctx context.Context) bool {
	if p.env.cfg.Secrets == nil {
		return false
	}
	user, password, err := p.env.cfg.Secrets(ctx, p.camera)
	p.mu.Lock()
	defer p.mu.Unlock()
	return err == nil && p.known && p.creds != credentials{user, password}
}

// backoff decides how long to wait before the next attempt. Outages of seconds
// must not become gaps of minutes, so it starts fast; refused credentials are
// tried rarely, because cameras lock accounts.
type backoff struct {
	failures int
	refused  int
}

func (b *backoff) next(cause lieciba.GapCause, lasted time.Duration, frames bool) time.Duration {
	if cause == lieciba.CauseAuthFailed {
		b.refused++
		return jitter(min(30*time.Second<<min(b.refused-1, 4), 5*time.Minute))
	}
	b.refused = 0
	if frames && lasted > 10*time.Second {
		b.failures = 0
	}
	b.failures++
	switch n := b.failures; {
	case n == 1:
		return jitter(50 * time.Millisecond)
	case n <= 30:
		return jitter(300 * time.Millisecond)
	default:
		return jitter(min(time.Second<<min((n-31)/4, 4), 10*time.Second))
	}
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
