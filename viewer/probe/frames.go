package probe

import (
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// shown is one frame that arrived whole.
type shown struct {
	rtp uint32
	key bool
	at  time.Time // when its last packet came
}

// track remembers the frames of one video track.
type track struct {
	mu      sync.Mutex
	first   shown
	last    shown
	count   int
	changed chan struct{} // closed and renewed at each frame
	key     bool          // the frame being received holds an IDR slice
}

func newTrack() *track { return &track{changed: make(chan struct{})} }

// read takes packets until the track ends.
func (t *track) read(remote *webrtc.TrackRemote) {
	for {
		pkt, _, err := remote.ReadRTP()
		if err != nil {
			return // the connection ended
		}
		t.packet(pkt)
	}
}

func (t *track) packet(pkt *rtp.Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.key = t.key || idr(pkt.Payload)
	if !pkt.Marker {
		return
	}
	t.last = shown{rtp: pkt.Timestamp, key: t.key, at: time.Now()}
	if t.count == 0 {
		t.first = t.last
	}
	t.key = false
	t.count++
	close(t.changed)
	t.changed = make(chan struct{})
}

// start returns the first frame and a channel that is closed at the next one;
// false before there was any.
func (t *track) start() (shown, bool, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first, t.count > 0, t.changed
}

// frame returns the last frame, how many there were, and a channel that is
// closed at the next one.
func (t *track) frame() (shown, int, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, t.count, t.changed
}

// idr reports whether an H.264 RTP payload (RFC 6184 section 5.2) carries an IDR slice.
func idr(p []byte) bool {
	const (
		sliceIDR = 5
		stapA    = 24
		fuA      = 28
	)
	if len(p) < 2 {
		return false
	}
	switch p[0] & 0x1f {
	case sliceIDR:
		return true
	case fuA:
		return p[1]&0x1f == sliceIDR
	case stapA:
		for p = p[1:]; len(p) > 2; {
			n := int(p[0])<<8 | int(p[1])
			if p[2]&0x1f == sliceIDR {
				return true
			}
			p = p[min(len(p), 2+n):]
		}
	}
	return false
}
