package viewer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"lieciba"
)

// ICE: a browser that went away without a word is noticed within iceFailed.
const (
	iceDisconnected = 5 * time.Second
	iceFailed       = 10 * time.Second
	iceKeepAlive    = 2 * time.Second
	reportEvery     = time.Second
	maxMessage      = 16 << 10 // bytes of one command
	maxBuffered     = 1 << 20  // bytes that may wait on a data channel before events are dropped
	maxChannels     = 8        // data channels that a page may open; the first one counts
)

// peer is one viewer's connection. It lives until its ctx ends; close is then
// run by its own goroutine.
type peer struct {
	id     string
	owner  string
	camera lieciba.CameraID // live: which camera; archive: empty
	log    *slog.Logger

	pc        *webrtc.PeerConnection
	ctx       context.Context
	cancel    context.CancelFunc
	connected chan struct{} // closed once media can flow
	done      chan struct{} // closed when everything of it has ended
	once      sync.Once
	wg        sync.WaitGroup
	video     []*track
	audio     *track

	keyFrame func(track int)   // a PLI or FIR came for a video track; may be nil
	command  func(text []byte) // a message came from the page; may be nil
	onEnd    func(began bool)  // everything has ended; began: the answer was given; may be nil
	began    bool

	mu      sync.Mutex
	channel *webrtc.DataChannel
	opened  int      // data channels, by the page
	backlog [][]byte // events before the channel was open
}

// tracks lists the tracks that are there.
func (p *peer) tracks() []*track {
	list := make([]*track, 0, len(p.video)+1)
	for _, t := range p.video {
		if t != nil {
			list = append(list, t)
		}
	}
	if p.audio != nil {
		list = append(list, p.audio)
	}
	return list
}

// answer applies the offer, attaches the tracks in the order of the media lines
// and returns the answer with all candidates.
func (p *peer) answer(ctx context.Context, o offer) (string, error) {
	refuse := func(err error) error {
		return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "offer", Cause: err,
			Message: "cannot be answered: send the unchanged offer of an RTCPeerConnection"}
	}
	p.pc.OnConnectionStateChange(p.stateChanged)
	p.pc.OnDataChannel(p.channelCame)
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.sdp}); err != nil {
		return "", refuse(err)
	}
	if err := p.attach(o); err != nil {
		return "", refuse(err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", refuse(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", refuse(err)
	}
	select {
	case <-gathered:
		return p.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// attach gives each track its transceiver; video track i goes to the i-th video
// line of the offer. A nil track leaves its line inactive.
func (p *peer) attach(o offer) error {
	byMid := map[string]*webrtc.RTPTransceiver{}
	for _, t := range p.pc.GetTransceivers() {
		byMid[t.Mid()] = t
	}
	for i, line := range o.video {
		var t *track
		if i < len(p.video) {
			t = p.video[i]
		}
		if err := p.attachOne(byMid[line.mid], t, i); err != nil {
			return err
		}
	}
	if o.audio == nil {
		return nil
	}
	return p.attachOne(byMid[o.audio.mid], p.audio, -1)
}

func (p *peer) attachOne(tr *webrtc.RTPTransceiver, t *track, index int) error {
	if tr == nil {
		return errors.New("a media line has no transceiver")
	}
	if t == nil {
		return nil
	}
	sender, err := p.pc.AddTrack(t)
	if err != nil {
		return err
	}
	if tr.Sender() != sender {
		return errors.New("media lines are out of order")
	}
	p.wg.Go(func() { p.drain(sender, t, index) })
	return nil
}

// drain reads all RTCP of a track until the sender stops.
func (p *peer) drain(sender *webrtc.RTPSender, t *track, index int) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch r := packet.(type) {
			case *rtcp.TransportLayerNack:
				for _, pair := range r.Nacks {
					if err := t.resend(pair.PacketList()...); err != nil {
						p.cancel()
						return
					}
				}
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				if index >= 0 && p.keyFrame != nil {
					p.keyFrame(index)
				}
			}
		}
	}
}

func (p *peer) stateChanged(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		p.once.Do(func() { close(p.connected) })
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		p.cancel()
	}
}

// channelCame takes the first data channel that the page opens. Each costs a
// goroutine, and there could be 65,534: a page that opens many is hung up.
func (p *peer) channelCame(d *webrtc.DataChannel) {
	p.mu.Lock()
	p.opened++
	many := p.opened > maxChannels
	p.mu.Unlock()
	if many {
		p.log.Info("viewer opened too many data channels", "viewer", p.id)
		p.cancel()
		return
	}
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		if p.command == nil || !m.IsString || len(m.Data) > maxMessage {
			return
		}
		p.command(m.Data)
	})
	d.OnOpen(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.channel != nil {
			return
		}
		p.channel = d
		for _, m := range p.backlog {
			p.send(m)
		}
		p.backlog = nil
	})
}

// tell sends one event. Before the channel is open events wait, up to a bound;
// without a channel they are lost, which PROTOCOL.md allows.
func (p *peer) tell(event any) {
	text, err := json.Marshal(event)
	if err != nil {
		p.log.Error("event cannot be written as JSON", "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.channel == nil {
		if len(p.backlog) < 64 {
			p.backlog = append(p.backlog, text)
		}
		return
	}
	p.send(text)
}

// send writes to the open channel; p.mu is held. A page that does not read
// loses events, not memory of this server.
func (p *peer) send(text []byte) {
	if p.channel.BufferedAmount() > maxBuffered {
		return
	}
	if err := p.channel.SendText(string(text)); err != nil {
		p.log.Debug("event not sent", "viewer", p.id, "error", err)
	}
}

// reports sends sender reports until ctx ends.
func (p *peer) reports() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		var list []rtcp.Packet
		now := time.Now()
		for _, t := range p.tracks() {
			if r := t.report(now); r != nil {
				list = append(list, r)
			}
		}
		if len(list) > 0 {
			if err := p.pc.WriteRTCP(list); err != nil {
				p.cancel()
				return
			}
		}
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// run waits for the connection, runs body, and ends everything. body returns
// when its ctx ends.
func (p *peer) run(setUp time.Duration, body func(ctx context.Context)) {
	timer := time.NewTimer(setUp)
	defer timer.Stop()
	select {
	case <-p.connected:
		p.wg.Go(p.reports)
		body(p.ctx)
	case <-timer.C:
		p.log.Info("viewer never connected", "viewer", p.id, "after", setUp)
	case <-p.ctx.Done():
	}
	p.shut()
}

// shut ends the connection and waits for all that belongs to it.
func (p *peer) shut() {
	p.cancel()
	if err := p.pc.GracefulClose(); err != nil {
		p.log.Debug("connection did not close cleanly", "viewer", p.id, "error", err)
	}
	p.wg.Wait()
}
