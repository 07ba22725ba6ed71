package viewer_test

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/picture"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

// tape keeps every packet of a client's picture, until it is stopped.
type tape struct {
	packets []*rtp.Packet
	stop    chan struct{}
	done    chan struct{}
}

func record(c *client) *tape {
	r := &tape{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			select {
			case p := <-c.video:
				r.packets = append(r.packets, p)
				continue
			default:
			}
			select {
			case p := <-c.video:
				r.packets = append(r.packets, p)
			case <-r.stop:
				return
			}
		}
	}()
	return r
}

// instants decodes all that was sent, as somebody would who kept it, and reads
// the time codes of the pictures.
func (r *tape) instants(t *testing.T) []time.Time {
	t.Helper()
	close(r.stop)
	<-r.done
	var stream []byte
	var unpack codecs.H264Packet
	for _, p := range r.packets {
		b, err := unpack.Unmarshal(p.Payload)
		require.NoError(t, err)
		stream = append(stream, b...)
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "fatal", "-flags", "+output_corrupt", "-f", "h264", "-i", "-",
		"-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-")
	cmd.Stdin = bytes.NewReader(stream)
	out, err := cmd.Output()
	require.NoError(t, err)
	const width, height = 1280, 720
	require.NotEmpty(t, out)
	var list []time.Time
	for ; len(out) > 0; out = out[width*height:] {
		ms, ok := picture.DecodeLuma(out, width, width, height)
		require.True(t, ok, "a picture that was sent cannot be read")
		list = append(list, time.UnixMilli(ms).UTC())
	}
	return list
}

// watchedSource notes what is read of an archive.
type watchedSource struct {
	*viewertest.Archive
	mu    sync.Mutex
	reads []readAt
}

type readAt struct {
	segment  lieciba.SegmentID
	off, end int64
}

func (s *watchedSource) ReadSegment(ctx context.Context, seg lieciba.Segment, p []byte, off int64) error {
	s.mu.Lock()
	s.reads = append(s.reads, readAt{seg.ID, off, off + int64(len(p))})
	s.mu.Unlock()
	return s.Archive.ReadSegment(ctx, seg, p, off)
}

// requireReadsWithin expects that only heads of files and fragments that begin in
// the span were read, of the one recording.
func (s *watchedSource) requireReadsWithin(t *testing.T, rec lieciba.RecordingID, span lieciba.Interval) {
	t.Helper()
	segments := map[lieciba.SegmentID]lieciba.Segment{}
	for at := span.From; at.Before(span.To); {
		seg, err := s.Catalog.SegmentAt(t.Context(), rec, at)
		require.NoError(t, err)
		segments[seg.ID], at = seg, seg.To
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.reads)
	for _, r := range s.reads {
		seg, ok := segments[r.segment]
		require.True(t, ok, "a segment outside of the scope was read")
		if r.off == 0 && r.end == seg.InitSize {
			continue
		}
		for _, f := range seg.Fragments {
			if r.off < f.Offset+f.Size && f.Offset < r.end {
				require.True(t, span.Contains(f.From), "the fragment of %s was read", f.From)
			}
		}
	}
}

// A grant of some seconds of one camera: whatever the page asks for, no picture
// outside of them can be made of what was sent, and no byte outside was read.
func TestNothingOutsideTheScopeIsSent(t *testing.T) {
	const length = 20 * time.Second
	sec := func(s float64) time.Time { return examStart.Add(time.Duration(s * float64(time.Second))) }
	a := viewertest.NewArchive(t, examStart, length)
	window := lieciba.Interval{From: examStart, To: examStart.Add(length)}
	c1, r1 := a.Camera(t, "A", lieciba.PCMA, examStart, window)
	c2, r2 := a.Camera(t, "B", "", examStart, window)
	a.Record(t, c1, r1, length)
	a.Record(t, c2, r2, length)
	a.Complete(t, r1)
	a.Complete(t, r2)
	source := &watchedSource{Archive: a}
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: source})
	// Neither edge is at a key frame: those are at 4, 6, 8, 10 and 12 s.
	scope := viewer.Scope{Cameras: []lieciba.CameraID{c1.ID}, Span: lieciba.Interval{From: sec(4.5), To: sec(11.3)}}
	c := newClient(t, clientOptions{})
	_, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	require.NoError(t, err)
	sent := record(c)
	var watched []viewer.Watched
	ended := make(chan struct{})
	require.NoError(t, c.dial(t, func(ctx context.Context, offer string) (string, string, error) {
		return v.Playback(ctx, a.Session, examStart, scope, offer, "anna", func(w []viewer.Watched) { watched = w; close(ended) })
	}))
	ready := must(t, c.events, func(e map[string]any) bool { return e["ev"] == "ready" })
	requireScopedReady(t, ready, sec)
	ssrc := must(t, c.ssrc, nil)
	state := must(t, c.events, func(e map[string]any) bool { return e["ev"] == "state" })
	require.Equal(t, ready["scope"], state["scope"])

	order := func(id int, command map[string]any) {
		t.Helper()
		require.NotContains(t, c.order(t, id, command), "error", "%v", command)
	}
	end := func() { must(t, c.events, func(e map[string]any) bool { return e["ev"] == "end" }) }
	order(1, map[string]any{"cmd": "pause"})
	order(2, map[string]any{"cmd": "seek", "at": examStart})
	order(3, map[string]any{"cmd": "step", "frames": 250})
	order(4, map[string]any{"cmd": "step", "frames": -250})
	order(5, map[string]any{"cmd": "seek", "at": sec(19)})
	require.NoError(t, c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
	require.Contains(t, c.order(t, 6, map[string]any{"cmd": "step", "frames": 1}), "error", "there is no frame in that direction")
	require.Contains(t, c.order(t, 7, map[string]any{"cmd": "step", "frames": -1, "camera": c2.ID}), "error", "not of the grant")
	order(8, map[string]any{"cmd": "audio", "camera": c2.ID})
	order(9, map[string]any{"cmd": "gaps", "mode": "wait"})
	for i, rate := range []float64{-16, 16, 4} { // key frames backwards, key frames, all frames
		order(20+10*i, map[string]any{"cmd": "seek", "at": map[bool]time.Time{true: examStart, false: sec(19)}[rate > 0]})
		order(21+10*i, map[string]any{"cmd": "speed", "rate": rate})
		order(22+10*i, map[string]any{"cmd": "play"})
		end()
	}
	require.NoError(t, v.Hangup(c.id))
	<-ended
	decodable := lieciba.Interval{From: sec(6), To: sec(11.3)}
	seen := map[time.Time]bool{}
	for _, at := range sent.instants(t) {
		require.True(t, decodable.Contains(at), "the picture of %s was sent", at)
		seen[at] = true
	}
	require.Len(t, seen, 133, "every picture of 5.3 s at 25 a second was shown")
	source.requireReadsWithin(t, r1.ID, decodable)
	for _, w := range watched {
		require.Equal(t, c1.ID, w.Camera)
		for _, span := range w.Spans {
			require.False(t, span.From.Before(decodable.From) || span.To.After(decodable.To), "%v", span)
		}
	}
}

// A grant of the second camera alone: its line comes before the one that stays inactive.
func TestTheSecondCameraAlonePlays(t *testing.T) {
	const length = 2 * time.Second
	a := viewertest.NewArchive(t, examStart, length)
	window := lieciba.Interval{From: examStart, To: examStart.Add(length)}
	c1, r1 := a.Camera(t, "A", "", examStart, window)
	c2, r2 := a.Camera(t, "B", "", examStart, window)
	a.Record(t, c1, r1, length)
	a.Record(t, c2, r2, length)
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	c := newClient(t, clientOptions{})
	_, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	require.NoError(t, err)
	scope := viewer.Scope{Cameras: []lieciba.CameraID{c2.ID}}
	require.NoError(t, c.dial(t, func(ctx context.Context, offer string) (string, string, error) {
		return v.Playback(ctx, a.Session, examStart, scope, offer, "anna", func([]viewer.Watched) {})
	}))
	cameras := must(t, c.events, func(e map[string]any) bool { return e["ev"] == "ready" })["cameras"].([]any)
	require.Equal(t, "needs_grant", cameras[1].(map[string]any)["error"].(map[string]any)["code"])
	require.Nil(t, cameras[0].(map[string]any)["error"])
	must(t, c.ssrc, nil)
	require.NoError(t, v.Hangup(c.id))
}

func requireScopedReady(t *testing.T, ready map[string]any, sec func(float64) time.Time) {
	t.Helper()
	const layout = "2006-01-02T15:04:05.000000Z"
	from, to := sec(4.5).UTC().Format(layout), sec(11.3).UTC().Format(layout)
	require.Equal(t, map[string]any{"from": from, "to": to, "until": nil}, ready["scope"])
	require.Equal(t, map[string]any{"from": from, "to": to}, ready["window"])
	cameras := ready["cameras"].([]any)
	require.Nil(t, cameras[0].(map[string]any)["error"])
	require.Equal(t, "needs_grant", cameras[1].(map[string]any)["error"].(map[string]any)["code"])
}

// A playback ends when its right does, with nobody there to end it.
func TestPlaybackEndsWithItsScope(t *testing.T) {
	a, _, _ := oneCamera(t)
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	c := newClient(t, clientOptions{})
	ended := make(chan []viewer.Watched, 1)
	scope := viewer.Scope{Until: time.Now().Add(2 * time.Second)}
	require.NoError(t, c.dial(t, func(ctx context.Context, offer string) (string, string, error) {
		return v.Playback(ctx, a.Session, examStart, scope, offer, "anna", func(w []viewer.Watched) { ended <- w })
	}))
	require.NotEmpty(t, must(t, ended, nil))
	_, ok := v.Owner(c.id)
	require.False(t, ok)
}

// What the scope leaves nothing of is refused, and tells which it is.
func TestEmptyScopes(t *testing.T) {
	a, cam, _ := oneCamera(t)
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	for _, c := range []struct {
		scope viewer.Scope
		want  lieciba.Code
	}{
		{viewer.Scope{Cameras: []lieciba.CameraID{}}, lieciba.CodeNeedsGrant},
		{viewer.Scope{Cameras: []lieciba.CameraID{cam.ID}, Span: lieciba.Interval{From: examStart.Add(time.Hour)}}, lieciba.CodeNotFound},
		{viewer.Scope{Span: lieciba.Interval{From: examStart.Add(4100 * time.Millisecond), To: examStart.Add(5900 * time.Millisecond)}}, lieciba.CodeNotFound},
	} {
		_, _, err := v.Playback(t.Context(), a.Session, examStart, c.scope, newClient(t, clientOptions{}).offer(t), "anna", nil)
		require.Equal(t, c.want, lieciba.CodeOf(err), "%+v", c.scope)
	}
}
