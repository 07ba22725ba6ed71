package viewer_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

type post = func(ctx context.Context, offer string) (string, string, error)

func live(v *viewer.Viewer, id lieciba.CameraID, owner string) post {
	return func(ctx context.Context, offer string) (string, string, error) {
		return v.Live(ctx, id, lieciba.StreamMain, offer, owner)
	}
}

func isKey(p *rtp.Packet) bool {
	// A STAP-A with the parameter sets in front.
	return len(p.Payload) > 3 && p.Payload[0]&0x1f == 24 && p.Payload[3]&0x1f == 7
}

// stream checks continuity and returns packets up to the n-th marker.
func stream(t *testing.T, c *client, frames int) []*rtp.Packet {
	t.Helper()
	var out []*rtp.Packet
	for frames > 0 {
		p := must(t, c.video, nil)
		if n := len(out); n > 0 && p.SequenceNumber == out[n-1].SequenceNumber {
			continue // a probe
		}
		out = append(out, p)
		if p.Marker {
			frames--
		}
	}
	return out
}

func TestLiveStartsWithTheCurrentGOP(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", lieciba.PCMU, 1200*time.Millisecond)
	v := newViewer(t, viewer.Config{Live: site})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))

	packets := stream(t, c, 60)
	require.True(t, isKey(packets[0]), "the first packet brings SPS and PPS")
	burst, steady := 0, 0
	for i, p := range packets[1:] {
		require.Equal(t, packets[i].SequenceNumber+1, p.SequenceNumber)
		switch d := p.Timestamp - packets[i].Timestamp; d {
		case 0:
		case 90:
			burst++
		case lieciba.VideoClockRate / viewertest.FPS:
			steady++
		default:
			t.Fatalf("a step of %d ticks", d)
		}
	}
	require.Greater(t, burst, 20)
	require.Greater(t, steady, 5)
	m := must(t, c.events, func(e map[string]any) bool { return e["ev"] == "map" })
	require.Contains(t, m, "first")
	require.Equal(t, uint8(0), must(t, c.audio, nil).PayloadType, "G.711 µ-law as it came")
	require.Equal(t, map[lieciba.CameraID]int{cam.ID: 1}, v.Stats().Live)
	require.Zero(t, v.Stats().Encoders)
}

func TestOneJoinAndOneEncoderHoweverManyWatch(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", lieciba.AAC, time.Second)
	v := newViewer(t, viewer.Config{Live: site})
	var list []*client
	for range 4 {
		c := newClient(t, clientOptions{})
		require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
		must(t, c.video, nil)
		require.Equal(t, uint8(111), must(t, c.audio, nil).PayloadType, "AAC is heard as Opus")
		list = append(list, c)
	}
	require.Equal(t, 1, cam.Joined())
	require.Equal(t, 1, v.Stats().Encoders)
	for _, c := range list {
		owner, ok := v.Owner(c.id)
		require.True(t, ok)
		require.Equal(t, "anna", owner)
		require.NoError(t, v.Hangup(c.id))
	}
	require.Zero(t, v.Stats().Encoders, "nobody listens any more")
	require.Empty(t, v.Stats().Live)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(v.Hangup(list[0].id)))
	_, ok := v.Owner(list[0].id)
	require.False(t, ok)
}

func TestLostPacketsComeAgain(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	v := newViewer(t, viewer.Config{Live: site})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	ssrc := must(t, c.ssrc, nil)
	packets := stream(t, c, 40)

	// A PLI brings the current GOP from its key frame.
	require.NoError(t, c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
	last := packets[len(packets)-1]
	key := must(t, c.video, func(p *rtp.Packet) bool { return isKey(p) && int16(p.SequenceNumber-last.SequenceNumber) > 0 })
	require.Positive(t, int32(key.Timestamp-last.Timestamp))

	// A flood of them does not bring a flood of bursts.
	before := v.Stats().Bursts
	for range 50 {
		require.NoError(t, c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
	}
	stream(t, c, 10)
	require.LessOrEqual(t, v.Stats().Bursts-before, uint64(2))

	// NACK: SRTP hides a copy of what came, so the count tells.
	resent := v.Stats().Resent
	require.NoError(t, c.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
		MediaSSRC: uint32(ssrc), Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{last.SequenceNumber, last.SequenceNumber - 1}),
	}}))
	must(t, c.video, func(*rtp.Packet) bool { return v.Stats().Resent >= resent+2 })
}

func TestCameraRestartGoesOn(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", lieciba.PCMA, time.Second)
	v := newViewer(t, viewer.Config{Live: site})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	before := stream(t, c, 40)
	cam.Restart(t)
	must(t, c.events, func(e map[string]any) bool { return e["ev"] == "state" && e["kind"] == "restart" })
	last := before[len(before)-1]
	for range 30 {
		for _, p := range stream(t, c, 1) {
			require.Equal(t, last.SequenceNumber+1, p.SequenceNumber)
			require.Less(t, p.Timestamp-last.Timestamp, uint32(3*lieciba.VideoClockRate), "timestamps go on")
			last = p
		}
	}
}

func TestH265FallsBackToTheSubStream(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	cam.PretendH265()
	v := newViewer(t, viewer.Config{Live: site})

	c := newClient(t, clientOptions{})
	err := c.dial(t, live(v, cam.ID, "anna"))
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	require.ErrorContains(t, err, "sub stream")

	sub := site.Add(t, "A sub", "", time.Second)
	site.Sub[cam.ID] = sub
	c = newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	require.True(t, isKey(stream(t, c, 1)[0]))
	must(t, c.events, func(e map[string]any) bool { return e["kind"] == "sub_stream" })

	c = newClient(t, clientOptions{h265Only: true})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	require.Equal(t, uint8(98), must(t, c.video, nil).PayloadType)
}

func TestViewingOverTCP(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	v := newViewer(t, viewer.Config{Live: site})
	c := newClient(t, clientOptions{tcp: true})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	stream(t, c, 40)
	pair, err := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	require.NoError(t, err)
	require.Equal(t, webrtc.ICEProtocolTCP, pair.Remote.Protocol)
	require.Equal(t, v.Port(), int(pair.Remote.Port))
}

func TestAnswerHoldsTheConfiguredCandidatesOnly(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	for _, public := range [][]string{nil, {"203.0.113.7"}} {
		v := newViewer(t, viewer.Config{Live: site, PublicIPs: public})
		c := newClient(t, clientOptions{})
		_, answer, err := v.Live(t.Context(), cam.ID, lieciba.StreamMain, c.offer(t), "anna")
		require.NoError(t, err)
		want := "127.0.0.1"
		if public != nil {
			want = public[0]
		}
		n := 0
		for line := range strings.Lines(answer) {
			if strings.HasPrefix(line, "a=candidate:") && strings.Fields(line)[1] == "1" {
				n++
				require.Contains(t, line, " "+want+" ")
				require.Contains(t, line, "typ host")
			}
		}
		require.Equal(t, 2, n, "UDP and TCP: %s", answer)
		require.Contains(t, answer, "a=ice-lite")
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for _, cfg := range []viewer.Config{{ListenAddresses: []string{"0.0.0.0"}}, {ListenAddresses: []string{"::"}}, {ListenAddresses: []string{"example.com"}}, {PublicIPs: []string{"x"}}} {
		_, err := viewer.New(cfg)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), "%v", cfg)
	}
	v := newViewer(t, viewer.Config{})
	_, err := viewer.New(viewer.Config{Port: v.Port()})
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
}

func TestLimits(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	v := newViewer(t, viewer.Config{Live: site, MaxPerOwner: 1, MaxViewers: 2})
	require.NoError(t, newClient(t, clientOptions{}).dial(t, live(v, cam.ID, "anna")))
	require.Equal(t, lieciba.CodeRateLimited, lieciba.CodeOf(newClient(t, clientOptions{}).dial(t, live(v, cam.ID, "anna"))))
	require.NoError(t, newClient(t, clientOptions{}).dial(t, live(v, cam.ID, "berta")))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(newClient(t, clientOptions{}).dial(t, live(v, cam.ID, "carla"))))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(newClient(t, clientOptions{}).dial(t, live(v, "none", "carla"))))
	require.NoError(t, v.Close())
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(newClient(t, clientOptions{}).dial(t, live(v, cam.ID, "carla"))))
}

func TestBadOffers(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	v := newViewer(t, viewer.Config{Live: site})
	good := newClient(t, clientOptions{}).offer(t)
	swap := func(old, new string) string { return strings.ReplaceAll(good, old, new) }
	for name, sdp := range map[string]string{
		"empty":          "",
		"prose":          "hello",
		"html":           "<html></html>",
		"long":           good + strings.Repeat("a=x:y\r\n", 10_000),
		"many lines":     good + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:x\r\na=recvonly\r\n", 40),
		"no media":       good[:strings.Index(good, "m=")],
		"sendonly":       swap("a=recvonly", "a=sendonly"),
		"no mid":         swap("a=mid:", "a=mud:"),
		"no fingerprint": swap("a=fingerprint", "a=fingerpaint"),
		"no ufrag":       swap("a=ice-ufrag", "a=ice-ufrog"),
		"text line":      good + "m=text 9 UDP 0\r\na=mid:9\r\n",
		"binary":         string([]byte{0, 1, 2, 255}),
		"cut":            good[:len(good)/3],
		"payload types":  swap("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF"+strings.Repeat(" 102", 128)), // thousands took pion 14 s
	} {
		_, _, err := v.Live(t.Context(), cam.ID, lieciba.StreamMain, sdp, "anna")
		var e *lieciba.Error
		require.ErrorAs(t, err, &e, name)
		if e.Code == lieciba.CodeUnsupported {
			continue // cut in the list of codecs: whole SDP, nothing that fits
		}
		require.Equal(t, lieciba.CodeInvalid, e.Code, "%s: %v", name, err)
		require.Equal(t, "offer", e.Field, name)
	}
	require.Empty(t, v.Stats().Live, "nothing is left behind")
}

// A page that opens data channels without end is hung up.
func TestManyDataChannels(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", "", time.Second)
	v := newViewer(t, viewer.Config{Live: site})
	c := newClient(t, clientOptions{})
	gone := make(chan struct{})
	var once sync.Once
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s > webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(gone) })
		}
	})
	for range 7 { // and one that every client has
		_, err := c.pc.CreateDataChannel("more", nil)
		require.NoError(t, err)
	}
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	must(t, c.video, func(p *rtp.Packet) bool { return p.Marker })
	_, watching := v.Owner(c.id)
	require.True(t, watching)
	_, err := c.pc.CreateDataChannel("one too many", nil)
	require.NoError(t, err)
	<-gone // nothing but the server ends it
}

func TestSoundThatCannotBePlayedIsSaid(t *testing.T) {
	site := viewertest.NewLiveSite()
	cam := site.Add(t, "A", lieciba.AAC, time.Second)
	he := *cam.Format.Audio
	he.Config = []byte{0x2b, 0x11, 0x88, 0x00} // HE-AAC, explicit (ISO/IEC 14496-3, 1.6.2.1)
	cam.SetSound(&he)
	v := newViewer(t, viewer.Config{Live: site})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, live(v, cam.ID, "anna")))
	e := must(t, c.events, func(e map[string]any) bool { return e["kind"] == "sound_error" })
	require.Contains(t, e["text"], "AAC-LC")
	must(t, c.video, func(p *rtp.Packet) bool { return p.Marker })
}
