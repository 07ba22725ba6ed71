package viewer

import (
	"context"
	"sync"
	"time"

	"lieciba/viewer/packet"
)

const (
	pacerDepth  = 64 << 10 // bytes that may leave at once
	pacerQueue  = 12 << 20 // bytes that may wait
	probeAfter  = 60 * time.Millisecond
	probeRepeat = 250 * time.Millisecond
)

// outFrame is one frame with the timestamp that it has for this viewer.
type outFrame struct {
	packet.Frame
	ts   uint32
	wall time.Time       // for sender reports
	done func(sent bool) // called when the last packet was written, or the frame dropped; may be nil
}

// pacer sends the frames of one track in order, spread so that a burst does not
// overrun the path. Safe for concurrent use; run is called once.
type pacer struct {
	track *track

	mu     sync.Mutex
	queue  []outFrame
	bytes  int
	rate   int // bits a second
	wake   chan struct{}
	sentAt time.Time // of the last packet
}

func newPacer(t *track, rate int) *pacer {
	return &pacer{track: t, rate: rate, wake: make(chan struct{}, 1)}
}

// put queues a frame; false when too much waits already: it is not queued then.
func (p *pacer) put(f outFrame) bool {
	p.mu.Lock()
	ok := p.bytes+f.Bytes <= pacerQueue || len(p.queue) == 0
	if ok {
		p.queue = append(p.queue, f)
		p.bytes += f.Bytes
	}
	p.mu.Unlock()
	if ok {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	return ok
}

// waiting is how many bytes are queued.
func (p *pacer) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// clear drops what is queued. A frame whose packets are leaving is finished:
// half a frame would cost the decoder a key frame request.
func (p *pacer) clear() {
	p.mu.Lock()
	dropped := p.queue
	p.queue, p.bytes = nil, 0
	p.mu.Unlock()
	for _, f := range dropped {
		if f.done != nil {
			f.done(false)
		}
	}
}

// setRate changes the pace, in bits a second.
func (p *pacer) setRate(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// quietFor is the time since the last packet; long if none was sent.
func (p *pacer) quietFor(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.sentAt)
}

func (p *pacer) take() (f outFrame, rate int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return f, p.rate, false
	}
	f = p.queue[0]
	p.queue[0] = outFrame{}
	p.queue = p.queue[1:]
	p.bytes -= f.Bytes
	return f, p.rate, true
}

// run sends until ctx ends. It returns the error of a connection that is gone.
func (p *pacer) run(ctx context.Context) error {
	defer p.clear()
	budget, at := float64(pacerDepth), time.Now()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	probes := 0
	for {
		f, rate, ok := p.take()
		if !ok {
			timer.Reset(probeWait(probes))
			select {
			case <-ctx.Done():
				return nil
			case <-p.wake:
			case <-timer.C:
				if probes < 2 {
					probes++
					if err := p.track.resendLast(); err != nil {
						return err
					}
				}
			}
			continue
		}
		probes = 0
		for i, payload := range f.Payloads {
			now := time.Now()
			budget = min(pacerDepth, budget+now.Sub(at).Seconds()*float64(rate)/8)
			at = now
			if budget < 0 {
				timer.Reset(time.Duration(-budget * 8 / float64(rate) * float64(time.Second)))
				select {
				case <-ctx.Done():
					return nil
				case <-timer.C:
				}
			}
			if err := p.track.write(payload, f.ts, i == len(f.Payloads)-1); err != nil {
				return err
			}
			budget -= float64(len(payload))
		}
		p.sent(f)
	}
}

func probeWait(probes int) time.Duration {
	switch probes {
	case 0:
		return probeAfter
	case 1:
		return probeRepeat
	}
	return time.Hour
}

func (p *pacer) sent(f outFrame) {
	now := time.Now()
	p.track.note(f.ts, f.wall, now)
	p.mu.Lock()
	p.sentAt = now
	p.mu.Unlock()
	if f.done != nil {
		f.done(true)
	}
}
