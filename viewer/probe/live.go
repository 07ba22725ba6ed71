package probe

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"lieciba"
)

// Live is one live picture being received.
type Live struct {
	peer  *peer
	video *track
	sound atomic.Int64
	// FirstFrame is how long it took from the request to the first whole key frame.
	FirstFrame time.Duration
}

// Live joins a camera's stream and returns when the first key frame is there.
// The caller closes it.
func (c *Client) Live(ctx context.Context, camera lieciba.CameraID, role lieciba.StreamRole) (*Live, error) {
	p, err := newPeer(c)
	if err != nil {
		return nil, err
	}
	l := &Live{peer: p, video: newTrack()}
	p.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		p.readers.Add(1)
		go func() {
			defer p.readers.Done()
			if remote.Kind() == webrtc.RTPCodecTypeVideo {
				l.video.read(remote)
				return
			}
			for {
				if _, _, err := remote.ReadRTP(); err != nil {
					return
				}
				l.sound.Add(1)
			}
		}()
	})
	start := time.Now()
	if err := p.dial(ctx, query("/v1/cameras/"+string(camera)+"/whep", "stream", string(role)), 1); err != nil {
		return nil, joinClose(ctx, p, err)
	}
	for {
		f, ok, next := l.video.start()
		if ok && f.key {
			l.FirstFrame = f.at.Sub(start)
			return l, nil
		}
		if ok {
			return nil, joinClose(ctx, p, lieciba.Errorf(lieciba.CodeCorrupt, "camera %s: the first live frame is no key frame", camera))
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, joinClose(ctx, p, lieciba.Errorf(lieciba.CodeUnavailable, "camera %s: no live picture", camera))
		}
	}
}

// Frames and SoundPackets count what has come so far.
func (l *Live) Frames() int { _, n, _ := l.video.frame(); return n }

// SoundPackets counts the RTP packets of sound.
func (l *Live) SoundPackets() int { return int(l.sound.Load()) }

// Close hangs up and waits. Idempotent.
func (l *Live) Close(ctx context.Context) error { return l.peer.close(ctx) }
