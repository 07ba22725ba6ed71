package viewer

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/viewer/packet"
)

// farEnd is a track's far end: it notes what was sent when.
type farEnd struct {
	webrtc.TrackLocalWriter
	mu   sync.Mutex
	at   []time.Duration
	seqs []uint16
	zero time.Time
}

// look returns what was sent so far.
func (w *farEnd) look() ([]time.Duration, []uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.at), slices.Clone(w.seqs)
}

func (w *farEnd) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = append(w.at, time.Since(w.zero))
	w.seqs = append(w.seqs, h.SequenceNumber)
	return len(payload), nil
}

func boundTrack() (*track, *farEnd) {
	t := newTrack(webrtc.RTPCodecTypeVideo, "v", "s", codec{name: "h264", clock: 90000, pt: 96})
	w := &farEnd{zero: time.Now()}
	t.writer = w
	return t, w
}

func frameOf(key bool, packets int) packet.Frame {
	f := packet.Frame{Frame: lieciba.Frame{Key: key, Time: time.Now()}}
	for range packets {
		f.Payloads = append(f.Payloads, make([]byte, 1000))
		f.Bytes += 1000
	}
	return f
}

func TestPacerSpreadsABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, w := boundTrack()
		p := newPacer(tr, 8_000_000) // a packet a millisecond
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.run(ctx) }()
		sent := make(chan bool, 1)
		require.True(t, p.put(outFrame{Frame: frameOf(true, 564), ts: 1, done: func(ok bool) { sent <- ok }}))
		require.True(t, <-sent)
		synctest.Wait()
		times, _ := w.look()
		first := 0
		for _, at := range times {
			if at == 0 {
				first++
			}
		}
		require.InDelta(t, pacerDepth/1000, first, 2, "what may leave at once")
		require.InDelta(t, 0.5, times[len(times)-1].Seconds(), 0.01, "the rest at the pace")

		// The last packet is sent twice more, so that its loss is noticed.
		time.Sleep(5 * time.Second)
		synctest.Wait()
		_, seqs := w.look()
		require.Len(t, seqs, 566)
		require.Equal(t, seqs[563], seqs[564])
		require.Equal(t, seqs[563], seqs[565])

		// What waits is dropped by clear, and whoever waits for it is told.
		p.setRate(8_000)
		require.True(t, p.put(outFrame{Frame: frameOf(true, 300), ts: 2}))
		require.True(t, p.put(outFrame{Frame: frameOf(false, 1), ts: 3, done: func(ok bool) { sent <- ok }}))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		p.clear()
		require.False(t, <-sent)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestSlowViewerLosesFramesUpToAKeyFrame(t *testing.T) {
	tr, _ := boundTrack()
	sub := &liveSub{peer: &peer{log: slog.New(slog.DiscardHandler)}, video: tr, pacer: newPacer(tr, 1)} // nothing ever leaves
	sub.begin(lieciba.StreamFormat{})
	for i := range 40 {
		f := frameOf(i%20 == 0, 200)
		f.PTS = int64(i) * 3600
		sub.picture(f, false)
	}
	n := len(sub.pacer.queue)
	require.Less(t, n, 20, "the queue is bounded")
	require.LessOrEqual(t, sub.pacer.waiting(), liveQueue+200_000)
	sub.pacer.clear() // the line is free again
	p := frameOf(false, 1)
	p.PTS = 40 * 3600
	sub.picture(p, false)
	require.Empty(t, sub.pacer.queue, "no picture without its key frame")
	p = frameOf(true, 1)
	p.PTS = 41 * 3600
	sub.picture(p, false)
	require.Len(t, sub.pacer.queue, 1)
}

func TestSenderReport(t *testing.T) {
	tr, _ := boundTrack()
	now := time.Date(2026, 11, 22, 9, 0, 0, 500_000_000, time.UTC)
	require.Nil(t, tr.report(now), "nothing was sent")
	tr.note(1000, now, now)
	sr := tr.report(now.Add(time.Second))
	raw, err := sr.Marshal()
	require.NoError(t, err)
	// Bytes by RFC 3550 section 6.4.1: 1900 is 2,208,988,800 s before 1970.
	seconds := uint32(now.Unix() + 1 + 2208988800)
	require.Equal(t, []byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds)}, raw[8:12])
	require.Equal(t, []byte{0x80, 0, 0, 0}, raw[12:16], "half a second")
	require.Equal(t, []byte{0, 1, 0x63, 0x78}, raw[16:20], "91,000 ticks")
}

// A browser that never connects is forgotten by itself.
func TestNeverConnected(t *testing.T) {
	v, err := New(Config{Live: onePicture{}, SetUp: 30 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	defer func() { require.NoError(t, pc.GracefulClose()) }()
	_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	require.NoError(t, err)
	offer, err := pc.CreateOffer(nil)
	require.NoError(t, err)
	id, _, err := v.Live(t.Context(), "c", lieciba.StreamMain, offer.SDP, "anna")
	require.NoError(t, err)
	v.mu.Lock()
	p := v.peers[id]
	v.mu.Unlock()
	if p != nil {
		<-p.done
	}
	_, ok := v.Owner(id)
	require.False(t, ok)
}

// onePicture is a camera that sends one key frame and then nothing.
type onePicture struct{}

func (onePicture) Join(context.Context, lieciba.CameraID, lieciba.StreamRole) (lieciba.LiveFeed, error) {
	return &onePictureFeed{}, nil
}

type onePictureFeed struct{ given bool }

func (*onePictureFeed) Format() lieciba.StreamFormat {
	return lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, SPS: []byte{0x67, 0x42, 0xe0, 0x1f}, PPS: []byte{0x68, 1}}}
}

func (f *onePictureFeed) Next(ctx context.Context) (lieciba.LiveFrame, error) {
	if f.given {
		<-ctx.Done()
		return lieciba.LiveFrame{}, io.EOF
	}
	f.given = true
	return lieciba.LiveFrame{Frame: lieciba.Frame{Key: true, Time: time.Now(), Units: [][]byte{{0x65, 1}}}}, nil
}

func (*onePictureFeed) Close() {}

func FuzzOffer(f *testing.F) {
	f.Add("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n")
	f.Add("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 8 111\r\na=mid:1\r\na=rtpmap:111 opus/48000/2\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOffer(text)
		if err != nil {
			require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
			return
		}
		require.LessOrEqual(t, o.lines, maxMLines)
		require.NotContains(t, o.sdp, "a=candidate")
		for _, l := range o.video {
			l.pickVideo(lieciba.VideoFormat{Codec: lieciba.H264, SPS: []byte{0x67, 0x42}})
		}
		o.audio.pickAudio("opus")
	})
}
