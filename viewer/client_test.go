package viewer_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// client is a viewer written with pion: it sees packets, not pictures.
type client struct {
	pc      *webrtc.PeerConnection
	id      string
	video   chan *rtp.Packet
	audio   chan *rtp.Packet
	events  chan map[string]any
	channel *webrtc.DataChannel
	ssrc    chan webrtc.SSRC
}

type clientOptions struct {
	h265Only bool
	tcp      bool
}

func newClient(t *testing.T, o clientOptions) *client {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if o.h265Only {
		require.NoError(t, m.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH265, ClockRate: 90000}, PayloadType: 98,
		}, webrtc.RTPCodecTypeVideo))
		require.NoError(t, m.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, PayloadType: 111,
		}, webrtc.RTPCodecTypeAudio))
	} else {
		registerCodecs(t, m)
	}
	s := webrtc.SettingEngine{}
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if o.tcp {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	c := &client{pc: pc, video: make(chan *rtp.Packet, 8192), audio: make(chan *rtp.Packet, 1024),
		events: make(chan map[string]any, 256), ssrc: make(chan webrtc.SSRC, 1)}
	t.Cleanup(func() { require.NoError(t, pc.GracefulClose()) })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(t, err)
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		out := c.audio
		if tr.Kind() == webrtc.RTPCodecTypeVideo {
			out = c.video
			c.ssrc <- tr.SSRC()
		}
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			select {
			case out <- p:
			default: // a test that does not look
			}
		}
	})
	c.channel, err = pc.CreateDataChannel("info", nil)
	require.NoError(t, err)
	c.channel.OnMessage(func(m webrtc.DataChannelMessage) {
		var e map[string]any
		if json.Unmarshal(m.Data, &e) == nil {
			select {
			case c.events <- e:
			default:
			}
		}
	})
	return c
}

// registerCodecs takes what a browser without H.265 takes.
func registerCodecs(t *testing.T, m *webrtc.MediaEngine) {
	t.Helper()
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	for pt, fmtp := range map[webrtc.PayloadType]string{
		102: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
		104: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
		106: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	} {
		require.NoError(t, m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: feedback}}, webrtc.RTPCodecTypeVideo))
	}
	for pt, c := range map[webrtc.PayloadType]webrtc.RTPCodecCapability{
		111: {MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
		9:   {MimeType: webrtc.MimeTypeG722, ClockRate: 8000},
		0:   {MimeType: webrtc.MimeTypePCMU, ClockRate: 8000},
		8:   {MimeType: webrtc.MimeTypePCMA, ClockRate: 8000},
	} {
		require.NoError(t, m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: c}, webrtc.RTPCodecTypeAudio))
	}
}

func (c *client) offer(t *testing.T) string {
	t.Helper()
	o, err := c.pc.CreateOffer(nil)
	require.NoError(t, err)
	done := webrtc.GatheringCompletePromise(c.pc)
	require.NoError(t, c.pc.SetLocalDescription(o))
	<-done
	return c.pc.LocalDescription().SDP
}

// dial posts the offer by the given function and applies the answer.
func (c *client) dial(t *testing.T, post func(ctx context.Context, offer string) (id, answer string, err error)) error {
	t.Helper()
	id, answer, err := post(t.Context(), c.offer(t))
	if err != nil {
		return err
	}
	c.id = id
	return c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

var errSilent = errors.New("nothing came in 10 s")

// next waits for a packet that passes the test.
func next[T any](ch <-chan T, ok func(T) bool) (T, error) {
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	for {
		select {
		case v, open := <-ch:
			if !open {
				return v, io.EOF
			}
			if ok == nil || ok(v) {
				return v, nil
			}
		case <-timer.C:
			var zero T
			return zero, errSilent
		}
	}
}

func must[T any](t *testing.T, ch <-chan T, ok func(T) bool) T {
	t.Helper()
	v, err := next(ch, ok)
	require.NoError(t, err)
	return v
}
