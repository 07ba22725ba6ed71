package viewer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"lieciba"
	"lieciba/viewer/packet"
)

// streamKey names one stream of one camera.
type streamKey struct {
	camera lieciba.CameraID
	role   lieciba.StreamRole
}

// hub joins each stream once, however many people watch it.
type hub struct {
	source LiveSource
	join   time.Duration
	linger time.Duration
	log    *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	streams map[streamKey]*liveStream
}

func newHub(cfg Config) *hub {
	h := &hub{source: cfg.Live, join: cfg.LiveJoin, linger: cfg.Linger, log: cfg.Log, streams: map[streamKey]*liveStream{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// open returns the stream with one more user, once its first frame is there.
// The caller calls release. CodeUnavailable: no frame came in time.
func (h *hub) open(ctx context.Context, key streamKey) (*liveStream, error) {
	if h.source == nil {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "this server shows no live pictures")
	}
	h.mu.Lock()
	s, ok := h.streams[key]
	if !ok {
		s = newLiveStream(h, key)
		h.streams[key] = s
		h.wg.Go(s.run)
	}
	s.users++
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	h.mu.Unlock()

	timer := time.NewTimer(h.join)
	defer timer.Stop()
	var err error
	select {
	case <-s.ready:
		s.mu.Lock()
		err = s.err
		s.mu.Unlock()
	case <-timer.C:
		err = lieciba.Errorf(lieciba.CodeUnavailable, "the camera sends no picture now")
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		h.release(s)
		return nil, err
	}
	return s, nil
}

// release gives a stream back. The last user's leaving ends it after a while,
// so that a page that is loaded again finds it warm.
func (h *hub) release(s *liveStream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.users--
	if s.users > 0 || s.idle != nil {
		return
	}
	s.idle = time.AfterFunc(h.linger, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if s.users == 0 {
			h.forget(s)
		}
	})
}

// forget ends a stream; h.mu is held.
func (h *hub) forget(s *liveStream) {
	if h.streams[s.key] == s {
		delete(h.streams, s.key)
	}
	if s.idle != nil {
		s.idle.Stop()
	}
	s.cancel()
}

// encoders counts the streams whose sound is transcoded.
func (h *hub) encoders() int {
	h.mu.Lock()
	list := make([]*liveStream, 0, len(h.streams))
	for _, s := range h.streams {
		list = append(list, s)
	}
	h.mu.Unlock()
	n := 0
	for _, s := range list {
		s.mu.Lock()
		n += s.transcodes()
		s.mu.Unlock()
	}
	return n
}

func (h *hub) close() {
	h.mu.Lock()
	for _, s := range h.streams {
		h.forget(s)
	}
	h.mu.Unlock()
	h.cancel()
	h.wg.Wait()
}

// liveStream is one joined stream: its newest GOP as RTP payloads and the
// people who watch it.
type liveStream struct {
	hub    *hub
	key    streamKey
	ctx    context.Context
	cancel context.CancelFunc
	ready  chan struct{} // closed at the first frame, or at the end
	once   sync.Once

	users int         // guarded by hub.mu
	idle  *time.Timer // guarded by hub.mu

	mu     sync.Mutex
	err    error // why it ended
	format lieciba.StreamFormat
	gop    []packet.Frame
	subs   map[*liveSub]struct{}
	sounds map[string]*liveSound // by target codec
}

func newLiveStream(h *hub, key streamKey) *liveStream {
	s := &liveStream{hub: h, key: key, ready: make(chan struct{}), subs: map[*liveSub]struct{}{}, sounds: map[string]*liveSound{}}
	s.ctx, s.cancel = context.WithCancel(h.ctx)
	return s
}

// run pulls frames until the camera is removed or nobody watches any more.
func (s *liveStream) run() {
	err := s.pull()
	if err == nil || errors.Is(err, io.EOF) || s.ctx.Err() != nil {
		err = lieciba.Errorf(lieciba.CodeUnavailable, "the camera's stream has ended")
	}
	s.hub.mu.Lock()
	s.hub.forget(s)
	s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.once.Do(func() { close(s.ready) })
	for sub := range s.subs {
		sub.ended()
	}
	for _, snd := range s.sounds {
		snd.close()
	}
}

// pull hands on frames until the stream ends. What it unpacks came from a
// camera: a panic over it ends this stream alone.
func (s *liveStream) pull() (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.hub.log.Error("panic while showing a camera", "camera", s.key.camera, "stream", s.key.role, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = lieciba.Errorf(lieciba.CodeInternal, "internal error while showing the camera")
		}
	}()
	feed, err := s.hub.source.Join(s.ctx, s.key.camera, s.key.role)
	if err != nil {
		return err
	}
	defer feed.Close()
	var pack *packet.Packetizer
	for {
		f, err := feed.Next(s.ctx)
		if err != nil {
			return err
		}
		if pack == nil || f.Restart {
			format := feed.Format()
			pack = packet.New(format.Video)
			s.restart(format)
		}
		if f.Track == lieciba.TrackAudio {
			if !f.Backlog {
				s.sound(f.Frame)
			}
			continue
		}
		s.picture(pack.Packetize(f.Frame), f)
	}
}

// restart begins a run.
func (s *liveStream) restart(format lieciba.StreamFormat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.format, s.gop = format, nil
	for _, snd := range s.sounds {
		snd.open(format.Audio)
	}
	for sub := range s.subs {
		sub.restarted(format)
	}
}

// picture keeps the frame in the GOP and hands it to everyone.
func (s *liveStream) picture(p packet.Frame, f lieciba.LiveFrame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.Key:
		s.gop = append([]packet.Frame(nil), p)
	case len(s.gop) == 0:
		return // nothing to show before a key frame
	case f.Skipped:
		s.gop = nil
		return
	default:
		s.gop = append(s.gop, p)
	}
	s.once.Do(func() { close(s.ready) })
	for sub := range s.subs {
		sub.picture(p, f.Backlog)
	}
}

// subscribe starts with the current GOP as a burst; later frames follow.
func (s *liveStream) subscribe(sub *liveSub) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	sub.begin(s.format)
	for _, p := range s.gop {
		sub.picture(p, true)
	}
	sub.settle()
	s.subs[sub] = struct{}{}
	if sub.audio != nil {
		s.listen(sub)
	}
	return nil
}

func (s *liveStream) unsubscribe(sub *liveSub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, sub)
	if sub.audio != nil {
		s.unlisten(sub)
	}
}

// again sends the current GOP to one viewer that lost its picture.
func (s *liveStream) again(sub *liveSub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.subs[sub]; !ok {
		return
	}
	sub.rewind()
	for _, p := range s.gop {
		sub.picture(p, true)
	}
	sub.settle()
}
