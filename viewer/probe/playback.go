package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"lieciba"
)

// Playback is one archive playback being received: all cameras of a session.
type Playback struct {
	peer    *peer
	control *webrtc.DataChannel
	mu      sync.Mutex
	byMid   map[string]*track
	heard   message              // the "ready" event
	maps    map[string][]mapping // by camera, newest first
	seq     int
	gone    map[string]bool // cameras that have nothing on record here
	waits   map[int]chan message
	next    int
	bell    chan struct{} // closed and renewed at each event
	sound   int
	// FirstFrame is how long it took from the request until every camera had its first frame.
	FirstFrame time.Duration
}

type mapping struct {
	rtp, first uint32
	at         time.Time
	rate       float64
}

// message is every message of viewer/PROTOCOL.md that the probe reads.
type message struct {
	Re    int            `json:"re"`
	OK    bool           `json:"ok"`
	Error *lieciba.Error `json:"error"`
	Ev    string         `json:"ev"`
	Seq   int            `json:"seq"`
	Rate  float64        `json:"rate"`
	At    time.Time      `json:"at"`
	Cam   string         `json:"camera"`
	Cams  []struct {
		Camera string         `json:"camera"`
		Mid    string         `json:"mid"`
		Error  *lieciba.Error `json:"error"`
	} `json:"cameras"`
	Tracks []struct {
		Camera string `json:"camera"`
		RTP    uint32 `json:"rtp"`
		First  uint32 `json:"first"`
	} `json:"tracks"`
}

// Playback starts the archive of a session at a time, for so many cameras, and
// returns when every camera has shown its first frame. The caller closes it.
func (c *Client) Playback(ctx context.Context, session lieciba.SessionID, at time.Time, cameras int) (*Playback, error) {
	p, err := newPeer(c)
	if err != nil {
		return nil, err
	}
	b := &Playback{peer: p, byMid: map[string]*track{}, maps: map[string][]mapping{}, gone: map[string]bool{},
		waits: map[int]chan message{}, bell: make(chan struct{})}
	p.pc.OnTrack(b.onTrack)
	if b.control, err = p.pc.CreateDataChannel("control", nil); err != nil {
		return nil, joinClose(ctx, p, err)
	}
	b.control.OnMessage(func(m webrtc.DataChannelMessage) { b.onMessage(m.Data) })
	start := time.Now()
	path := query("/v1/exam-sessions/"+string(session)+"/playback", "at", timeText(at))
	if err := p.dial(ctx, path, cameras); err != nil {
		return nil, joinClose(ctx, p, err)
	}
	if err := b.wait(ctx, func() bool { return b.shownSince(0) }); err != nil {
		return nil, joinClose(ctx, p, fmt.Errorf("session %s: no archive picture: %w", session, err))
	}
	b.FirstFrame = time.Since(start)
	return b, nil
}

func joinClose(ctx context.Context, p *peer, err error) error {
	return errors.Join(err, p.close(context.WithoutCancel(ctx)))
}

func (b *Playback) onTrack(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	b.peer.readers.Add(1)
	go func() {
		defer b.peer.readers.Done()
		if remote.Kind() == webrtc.RTPCodecTypeVideo {
			b.track(b.mid(receiver)).read(remote)
			return
		}
		for {
			if _, _, err := remote.ReadRTP(); err != nil {
				return
			}
			b.mu.Lock()
			b.sound++
			b.mu.Unlock()
		}
	}()
}

func (b *Playback) mid(receiver *webrtc.RTPReceiver) string {
	for _, t := range b.peer.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			return t.Mid()
		}
	}
	return ""
}

func (b *Playback) track(mid string) *track {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byMid[mid] == nil {
		b.byMid[mid] = newTrack()
		b.ring()
	}
	return b.byMid[mid]
}

// ring wakes every waiter; the lock is held.
func (b *Playback) ring() {
	close(b.bell)
	b.bell = make(chan struct{})
}

func (b *Playback) onMessage(raw []byte) {
	var m message
	if json.Unmarshal(raw, &m) != nil {
		return // unknown messages are to be ignored (viewer/PROTOCOL.md)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case m.Ev == "ready":
		b.heard = m
	case m.Ev == "gap", m.Ev == "gap_end":
		b.gone[m.Cam] = m.Ev == "gap"
	case m.Ev == "map":
		b.seq = m.Seq
		for _, t := range m.Tracks {
			one := mapping{rtp: t.RTP, first: t.First, at: m.At, rate: m.Rate}
			b.maps[t.Camera] = append([]mapping{one}, b.maps[t.Camera][:min(15, len(b.maps[t.Camera]))]...)
		}
	case m.Ev == "" && b.waits[m.Re] != nil:
		b.waits[m.Re] <- m // one slot, one answer
		delete(b.waits, m.Re)
	}
	b.ring()
}
