package viewer

import (
	"context"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"lieciba"
)

// Viewer shows live and archived pictures over WebRTC. Safe for concurrent use.
type Viewer struct {
	cfg    Config
	engine *engine
	hub    *hub

	mu     sync.Mutex
	peers  map[string]*peer
	owners map[string]int
	closed bool
	wg     sync.WaitGroup
	gone   counters // of connections that ended
}

// counters add up over all connections; bursts counts starts, seeks and
// answered key frame requests.
type counters struct{ bytes, resent, bursts uint64 }

// Stats is a snapshot for metrics.
type Stats struct {
	Live      map[lieciba.CameraID]int // viewers by camera
	Playbacks int
	Bytes     uint64 // RTP payload sent since start, in bytes
	Resent    uint64 // packets sent again
	Bursts    uint64 // GOPs sent as a burst
	Encoders  int    // cameras whose sound is transcoded now
}

// New opens the media sockets. Close it.
func New(cfg Config) (*Viewer, error) {
	cfg = cfg.withDefaults()
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	v := &Viewer{cfg: cfg, engine: e, peers: map[string]*peer{}, owners: map[string]int{}}
	v.hub = newHub(cfg)
	return v, nil
}

// Port is the number of the UDP and TCP sockets.
func (v *Viewer) Port() int { return v.engine.port }

// reserve makes a peer and counts it against the limits. CodeRateLimited: the
// owner has too many; CodeUnavailable: the server has, or it stops.
func (v *Viewer) reserve(owner string, camera lieciba.CameraID, video []*track, audio *track) (*peer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the server is stopping")
	case len(v.peers) >= v.cfg.MaxViewers:
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "all %d viewing places are taken: try again later", v.cfg.MaxViewers)
	case v.owners[owner] >= v.cfg.MaxPerOwner:
		return nil, lieciba.Errorf(lieciba.CodeRateLimited, "you watch %d pictures already: close some", v.cfg.MaxPerOwner)
	}
	p := &peer{
		id: lieciba.NewID[string](time.Now()), owner: owner, camera: camera, log: v.cfg.Log,
		connected: make(chan struct{}), done: make(chan struct{}), video: video, audio: audio,
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	v.peers[p.id] = p
	v.owners[owner]++
	v.wg.Add(1)
	return p, nil
}

// release forgets a peer that has ended.
func (v *Viewer) release(p *peer) {
	p.cancel()
	if p.onEnd != nil {
		p.onEnd(p.began)
	}
	v.mu.Lock()
	for _, t := range p.tracks() {
		bytes, resent := t.counts()
		v.gone.bytes += bytes
		v.gone.resent += resent
	}
	delete(v.peers, p.id)
	if v.owners[p.owner]--; v.owners[p.owner] == 0 {
		delete(v.owners, p.owner)
	}
	v.mu.Unlock()
	close(p.done)
	v.wg.Done()
}

// connect answers the offer for a reserved peer whose tracks are set, and
// starts it. On error the peer is released.
func (v *Viewer) connect(ctx context.Context, p *peer, o offer, media *webrtc.MediaEngine, body func(context.Context)) (string, error) {
	pc, err := v.engine.newConnection(media)
	if err != nil {
		v.release(p)
		return "", lieciba.Wrap(err, lieciba.CodeInternal, "no connection could be made")
	}
	p.pc = pc
	answer, err := p.answer(ctx, o)
	if err != nil {
		p.shut()
		v.release(p)
		return "", err
	}
	p.began = true
	go func() {
		defer v.release(p)
		p.run(v.cfg.SetUp, body)
	}()
	return answer, nil
}

func (v *Viewer) burst() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone.bursts++
}

// Hangup ends a connection and waits until it has ended. CodeNotFound: there is
// none of that id.
func (v *Viewer) Hangup(id string) error {
	v.mu.Lock()
	p, ok := v.peers[id]
	v.mu.Unlock()
	if !ok {
		return lieciba.Errorf(lieciba.CodeNotFound, "nobody watches under this id")
	}
	p.cancel()
	<-p.done
	return nil
}

// Owner returns who opened the connection; false if there is none of that id.
func (v *Viewer) Owner(id string) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.peers[id]
	if !ok {
		return "", false
	}
	return p.owner, true
}

// Stats counts what goes on.
func (v *Viewer) Stats() Stats {
	s := Stats{Live: map[lieciba.CameraID]int{}}
	v.mu.Lock()
	defer v.mu.Unlock()
	s.Bytes, s.Resent, s.Bursts = v.gone.bytes, v.gone.resent, v.gone.bursts
	for _, p := range v.peers {
		if p.camera == "" {
			s.Playbacks++
		} else {
			s.Live[p.camera]++
		}
		for _, t := range p.tracks() {
			bytes, resent := t.counts()
			s.Bytes += bytes
			s.Resent += resent
		}
	}
	s.Encoders = v.hub.encoders()
	return s
}

// Close ends every connection, leaves every camera and closes the sockets. It
// returns when all of it has ended. Idempotent.
func (v *Viewer) Close() error {
	v.mu.Lock()
	first := !v.closed
	v.closed = true
	for _, p := range v.peers {
		p.cancel()
	}
	v.mu.Unlock()
	v.wg.Wait()
	if !first {
		return nil
	}
	v.hub.close()
	return v.engine.close()
}
