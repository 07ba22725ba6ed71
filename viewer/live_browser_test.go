package viewer_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

func newViewer(t testing.TB, cfg viewer.Config) *viewer.Viewer {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	v, err := viewer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

func whep(v *viewer.Viewer) map[string]viewertest.Dial {
	return map[string]viewertest.Dial{"/whep": func(ctx context.Context, r *http.Request, offer string) (string, string, error) {
		role := lieciba.StreamRole(r.FormValue("stream"))
		return v.Live(ctx, lieciba.CameraID(r.FormValue("camera")), role, offer, "anna")
	}}
}

type shown struct {
	MS  *int64  `json:"ms"`
	RTP uint32  `json:"rtp"`
	Age float64 `json:"age"`
	At  float64 `json:"at"`
	// Sure: no newer frame had come when the pixels were read.
	Sure bool `json:"sure"`
}

func TestLiveInChromium(t *testing.T) {
	site := viewertest.NewLiveSite()
	g711 := site.Add(t, "KLASE 1", lieciba.PCMA, time.Second)
	aac := site.Add(t, "KLASE 2", lieciba.AAC, 1500*time.Millisecond)
	v := newViewer(t, viewer.Config{Live: site})
	b := viewertest.NewBrowser(t, whep(v))

	for _, cam := range []*viewertest.LiveCamera{g711, aac} {
		var got struct {
			Frames []shown
			Walls  []*float64
			Tone   float64
			States []struct{ Kind, Text string }
		}
		b.Eval(t, `
			const call = await dial("/whep?stream=main&camera=`+string(cam.ID)+`", 1, "info");
			const s = await until("picture", () => call.screens[0]);
			await until("100 frames", () => s.frames.length >= 100, 15000);
			const tone = await until("tone", () => { const x = call.ear?.share(1000); return x > 0.8 && x; });
			const frames = s.frames.slice(0, 100);
			return { frames, walls: frames.map((f) => wall(call, null, f.rtp)), tone, states: call.states };
		`, &got)
		require.Greater(t, got.Tone, 0.8)
		requireLiveOrder(t, got.Frames)
		requireWalls(t, got.Frames[60:], got.Walls[60:])
		require.Equal(t, "playing", got.States[0].Kind)
		b.Eval(t, `hangUpAll()`, nil)
	}
}

// requireLiveOrder: frames come in order, each once, and they are the newest.
func requireLiveOrder(t *testing.T, frames []shown) {
	t.Helper()
	var last int64
	for i, f := range frames {
		require.NotNil(t, f.MS, "frame %d is broken", i)
		require.GreaterOrEqual(t, *f.MS, last, "frame %d goes back", i)
		last = *f.MS
	}
	// After the burst the pictures are those of now: the browser's clock is ours.
	end := frames[len(frames)-1]
	require.Less(t, end.Age-float64(*end.MS), 2000.0, "the picture is not live")
	step := 0
	for i := 61; i < len(frames); i++ {
		if *frames[i].MS-*frames[i-1].MS == viewertest.FrameMs {
			step++
		}
	}
	require.Greater(t, step, 20, "the camera's frames in order, one by one")
}

// requireWalls: the wall clock that the data channel gives is that of the
// pixels. A callback may name one frame while a newer one is on screen already.
func requireWalls(t *testing.T, frames []shown, walls []*float64) {
	t.Helper()
	exact := 0
	for i, f := range frames {
		require.NotNil(t, f.MS, "frame %d is broken", i)
		require.NotNil(t, walls[i], "frame %d has no wall clock", i)
		d := *walls[i] - float64(*f.MS)
		require.LessOrEqual(t, d, viewertest.FrameMs+2.0, "frame %d: pixels older than its wall clock", i)
		if f.Sure {
			require.GreaterOrEqual(t, d, -viewertest.FrameMs-2.0, "frame %d: pixels newer than its wall clock", i)
		}
		if d > -2 && d < 2 {
			exact++
		}
	}
	require.Greater(t, exact, len(frames)*2/3)
}
