package viewer_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

// oneCamera is a finished session of 20 s.
func oneCamera(t *testing.T, gaps ...lieciba.Gap) (*viewertest.Archive, *viewertest.Camera, lieciba.Recording) {
	t.Helper()
	const length = 20 * time.Second
	a := viewertest.NewArchive(t, examStart, length)
	c, rec := a.Camera(t, "A", lieciba.PCMA, examStart, lieciba.Interval{From: examStart, To: examStart.Add(length)})
	a.Record(t, c, rec, length, gaps...)
	a.Complete(t, rec)
	return a, c, rec
}

func playback(v *viewer.Viewer, a *viewertest.Archive, at time.Time, onEnd func([]viewer.Watched)) post {
	return func(ctx context.Context, offer string) (string, string, error) {
		return v.Playback(ctx, a.Session, at, viewer.Scope{}, offer, "anna", onEnd)
	}
}

// order sends a command once the channel is open, and waits for its answer.
func (c *client) order(t *testing.T, id int, command map[string]any) map[string]any {
	t.Helper()
	command["id"] = id
	text, err := json.Marshal(command)
	require.NoError(t, err)
	require.NoError(t, c.channel.SendText(string(text)))
	return must(t, c.events, func(e map[string]any) bool { re, ok := e["re"].(float64); return ok && int(re) == id })
}

func TestPictureIsSentAgainInAPause(t *testing.T) {
	a, _, _ := oneCamera(t)
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, playback(v, a, examStart, nil)))
	must(t, c.events, func(e map[string]any) bool { return e["ev"] == "ready" })
	ssrc := must(t, c.ssrc, nil)
	require.NotContains(t, c.order(t, 1, map[string]any{"cmd": "pause"}), "error")
	require.NotContains(t, c.order(t, 2, map[string]any{"cmd": "seek", "at": examStart.Add(5 * time.Second)}), "error")
	bursts := v.Stats().Bursts
	drain(c.video)
	// The browser says that its picture is broken.
	require.NoError(t, c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
	must(t, c.video, isKey)
	frames := 0
	must(t, c.video, func(p *rtp.Packet) bool {
		if p.Marker {
			frames++
		}
		return frames == 25 // the key frame at 4 s, and 25 up to 5 s: one was taken above
	})
	require.Equal(t, bursts+1, v.Stats().Bursts)
	must(t, c.events, func(e map[string]any) bool { return e["ev"] == "map" && e["paused"] == true })
}

func drain[T any](ch <-chan T) {
	for {
		select {
		case <-ch:
		default:
			return
		}
	}
}

func TestPlaybackRefusals(t *testing.T) {
	a, _, _ := oneCamera(t)
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	offer := newClient(t, clientOptions{}).offer(t)
	_, _, err := v.Playback(t.Context(), "0198c0de-0000-7000-8000-000000000000", examStart, viewer.Scope{}, offer, "anna", nil)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))

	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	defer func() { require.NoError(t, pc.GracefulClose()) }()
	_, err = pc.CreateDataChannel("control", nil)
	require.NoError(t, err)
	o, err := pc.CreateOffer(nil)
	require.NoError(t, err)
	_, _, err = v.Playback(t.Context(), a.Session, examStart, viewer.Scope{}, o.SDP, "anna", nil)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	require.ErrorContains(t, err, "1 cameras")

	broken := strings.ReplaceAll(offer, "a=fingerprint", "a=fingerpaint")
	_, _, err = v.Playback(t.Context(), a.Session, examStart, viewer.Scope{}, broken, "anna", func([]viewer.Watched) { t.Error("it never began") })
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))

	_, _, err = v.Playback(t.Context(), a.Session, examStart, viewer.Scope{}, newClient(t, clientOptions{h265Only: true}).offer(t), "anna", nil)
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	_, _, err = newViewer(t, viewer.Config{}).Playback(t.Context(), a.Session, examStart, viewer.Scope{}, offer, "anna", nil)
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}

// stuckSource is an archive that gives nothing while it is stuck.
type stuckSource struct {
	*viewertest.Archive
	stuck   atomic.Bool
	waiting chan struct{}
}

func (s *stuckSource) ReadSegment(ctx context.Context, seg lieciba.Segment, p []byte, off int64) error {
	if !s.stuck.Load() {
		return s.Archive.ReadSegment(ctx, seg, p, off)
	}
	select {
	case s.waiting <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

// Whoever holds the key down does not wait for the steps that were overtaken.
func TestOvertakenStepReadsNoMore(t *testing.T) {
	a, _, _ := oneCamera(t)
	source := &stuckSource{Archive: a, waiting: make(chan struct{}, 1)}
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: source, ReadAhead: 1})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, playback(v, a, examStart.Add(10*time.Second), nil)))
	must(t, c.events, func(e map[string]any) bool { return e["ev"] == "ready" })
	require.NotContains(t, c.order(t, 1, map[string]any{"cmd": "pause"}), "error")
	require.NotContains(t, c.order(t, 2, map[string]any{"cmd": "seek", "at": examStart.Add(10 * time.Second)}), "error")
	source.stuck.Store(true)
	require.NoError(t, c.channel.SendText(`{"id":3,"cmd":"step","frames":-200}`))
	must(t, source.waiting, nil)
	source.stuck.Store(false)
	require.NoError(t, c.channel.SendText(`{"id":4,"cmd":"step","frames":-1}`))
	re := func(id float64) func(map[string]any) bool {
		return func(e map[string]any) bool { return e["re"] == id }
	}
	require.Contains(t, must(t, c.events, re(3)), "error", "overtaken")
	require.NotContains(t, must(t, c.events, re(4)), "error")
}

func TestWatchedRangesAreToldOnce(t *testing.T) {
	a, cam, _ := oneCamera(t)
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	c := newClient(t, clientOptions{})
	told := make(chan []viewer.Watched, 2)
	require.NoError(t, c.dial(t, playback(v, a, examStart.Add(2*time.Second), func(w []viewer.Watched) { told <- w })))
	must(t, c.events, func(e map[string]any) bool { return e["ev"] == "ready" })
	must(t, c.video, func(p *rtp.Packet) bool { return p.Marker })
	require.NotContains(t, c.order(t, 1, map[string]any{"cmd": "pause"}), "error")
	c.order(t, 2, map[string]any{"cmd": "seek", "at": examStart.Add(15 * time.Second)})
	require.Equal(t, 1, v.Stats().Playbacks)
	require.NoError(t, v.Hangup(c.id))
	watched := must(t, told, nil)
	require.Len(t, watched, 1)
	require.Equal(t, cam.ID, watched[0].Camera)
	require.Len(t, watched[0].Spans, 2)
	require.Equal(t, examStart.Add(2*time.Second), watched[0].Spans[0].From)
	require.Equal(t, examStart.Add(15*time.Second), watched[0].Spans[1].From)
	require.Empty(t, told)
}

// A byte of a fragment is not what was written: said, skipped, and gone on.
func TestCorruptSegmentIsSaidAndSkipped(t *testing.T) {
	a, _, rec := oneCamera(t)
	seg, err := a.Catalog.SegmentAt(t.Context(), rec.ID, examStart.Add(5*time.Second))
	require.NoError(t, err)
	path := filepath.Join(a.Dir(), "media", storage.SegmentKey(rec.ID, seg.ID))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	frag := seg.Fragments[1]
	_, err = f.WriteAt([]byte{0xde, 0xad, 0xbe, 0xef}, frag.Offset+frag.Size-40)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	c := newClient(t, clientOptions{})
	require.NoError(t, c.dial(t, playback(v, a, examStart.Add(4*time.Second), nil)))
	e := must(t, c.events, func(e map[string]any) bool { return e["ev"] == "error" })
	require.Equal(t, "corrupt", e["code"])
	require.NotContains(t, c.order(t, 1, map[string]any{"cmd": "seek", "at": examStart.Add(12 * time.Second)}), "error")
	drain(c.video)
	must(t, c.video, func(p *rtp.Packet) bool { return p.Marker })
}
