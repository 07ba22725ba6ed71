package viewer_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

var examStart = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// theatre is an archive with a viewer and a browser in front of it.
type theatre struct {
	*viewertest.Archive
	browser *viewertest.Browser
	cams    []*viewertest.Camera
	watched chan []viewer.Watched
}

func newTheatre(t *testing.T, a *viewertest.Archive, cams ...*viewertest.Camera) *theatre {
	t.Helper()
	th := &theatre{Archive: a, cams: cams, watched: make(chan []viewer.Watched, 8)}
	v := newViewer(t, viewer.Config{Catalog: a.Catalog, Source: a})
	th.browser = viewertest.NewBrowser(t, map[string]viewertest.Dial{"/playback": func(ctx context.Context, r *http.Request, offer string) (string, string, error) {
		var at time.Time
		if s := r.FormValue("at"); s != "" {
			var err error
			if at, err = time.Parse(time.RFC3339Nano, s); err != nil {
				return "", "", err
			}
		}
		return v.Playback(ctx, a.Session, at, viewer.Scope{}, offer, "anna", func(w []viewer.Watched) { th.watched <- w })
	}})
	return th
}

// twoCameras is 40 s on record: one camera with G.711, one with AAC that runs
// 13 ms and 21 frames out of step with the first, in GOP and frame.
func twoCameras(t *testing.T) *theatre {
	t.Helper()
	const length = 40 * time.Second
	window := lieciba.Interval{From: examStart, To: examStart.Add(length)}
	a := viewertest.NewArchive(t, examStart, length)
	c1, r1 := a.Camera(t, "A", lieciba.PCMA, examStart, window)
	c2, r2 := a.Camera(t, "B", lieciba.AAC, examStart.Add(-853*time.Millisecond), window)
	a.Record(t, c1, r1, length)
	a.Record(t, c2, r2, length+853*time.Millisecond)
	a.Complete(t, r1)
	a.Complete(t, r2)
	return newTheatre(t, a, c1, c2)
}

// frameAt is the time of the frame that camera c shows at wall clock at, in ms.
func frameAt(c *viewertest.Camera, at time.Time) int64 {
	n := at.Sub(c.Zero) / (time.Second / viewertest.FPS)
	return c.Zero.Add(n * time.Second / viewertest.FPS).UnixMilli()
}

// dialPlayback opens the playback in the page, as `call`, with screens s[i] in
// the order of cameras.
const dialPlayback = `
	const call = window.call = await dial("/playback?at=%s", 2, "control");
	await until("ready", () => call.ready && call.screens.length === 2);
	window.cams = call.ready.cameras.map((c) => c.camera);
	window.s = call.ready.cameras.map((c) => call.screens.find((x) => x.mid === c.mid));
	await until("pictures", () => s.every((x) => x.frames.length > 2));
	return call.ready;
`

func (th *theatre) dial(t *testing.T, at time.Time) {
	t.Helper()
	var ready struct {
		Cameras []struct {
			Camera lieciba.CameraID
			Codec  string
			Error  any
		}
		Audio struct{ Codec string }
	}
	th.browser.Eval(t, fmt.Sprintf(dialPlayback, at.Format(time.RFC3339Nano)), &ready)
	require.Len(t, ready.Cameras, 2)
	for i, c := range ready.Cameras {
		require.Equal(t, th.cams[i].ID, c.Camera)
		require.Nil(t, c.Error)
	}
}

// seek seeks and waits until both screens show what they should.
func (th *theatre) seek(t *testing.T, at time.Time) {
	t.Helper()
	want := []int64{frameAt(th.cams[0], at), frameAt(th.cams[1], at)}
	th.expect(t, fmt.Sprintf(`await call.send({ cmd: "seek", at: %q })`, at.Format(time.RFC3339Nano)), want)
}

// expect runs a command and waits for the pixels.
func (th *theatre) expect(t *testing.T, command string, want []int64) {
	t.Helper()
	var got struct {
		Reply struct {
			Error *struct{ Code, Message string }
		}
		Shown []*int64
		Walls []*float64
	}
	th.browser.Eval(t, fmt.Sprintf(`
		const reply = %s;
		const want = [%d, %d];
		const there = (x, i) => x.now() === want[i] && Math.abs(wall(call, cams[i], x.rtp) - want[i]) < 20;
		try { await until("frames", () => s.every(there), 4000); } catch (e) {}
		await wait(60); // and they stay
		return { reply, shown: s.map((x) => x.now()), walls: s.map((x, i) => wall(call, cams[i], x.rtp)) };
	`, command, want[0], want[1]), &got)
	require.Nil(t, got.Reply.Error)
	for i := range want {
		require.NotNil(t, got.Shown[i])
		require.Equal(t, want[i], *got.Shown[i], "camera %d shows a frame %d ms off after %s", i, *got.Shown[i]-want[i], command)
		require.NotNil(t, got.Walls[i])
		// The last callback may name a frame of the burst, 1 ms apart each.
		require.InDelta(t, want[i], *got.Walls[i], viewertest.FrameMs/2, "the map says otherwise than the pixels of camera %d after %s", i, command)
	}
}

func TestPlaybackInChromium(t *testing.T) {
	th := twoCameras(t)
	th.dial(t, examStart.Add(3*time.Second))

	t.Run("plays in step with sound", func(t *testing.T) {
		var got struct {
			Skews  []float64
			Frames []shown
			Walls  []*float64
			Tones  []float64
		}
		th.browser.Eval(t, `
			const skews = [];
			const from = s[0].frames.length;
			for (let i = 0; i < 40; i++) { await wait(37); skews.push(Math.abs(s[0].now() - s[1].now())); }
			const frames = s[0].frames.slice(from);
			const tones = [await until("G.711", () => { const x = call.ear.share(1000); return x > 0.8 && x; })];
			await call.send({ cmd: "audio", camera: null });
			await until("silence", () => call.ear.share(1000) < 0.1);
			await call.send({ cmd: "audio", camera: cams[1] });
			tones.push(await until("AAC", () => { const x = call.ear.share(1000); return x > 0.8 && x; }));
			return { skews, frames, walls: frames.map((f) => wall(call, cams[0], f.rtp)), tones };
		`, &got)
		late := 0
		for _, s := range got.Skews {
			if s > viewertest.FrameMs+1 {
				late++
			}
		}
		// A sample may fall between two pictures that one refresh of a busy screen parts.
		require.LessOrEqual(t, late, len(got.Skews)/10, "cameras out of step: %v", got.Skews)
		var last int64
		for _, f := range got.Frames {
			require.NotNil(t, f.MS)
			require.Greater(t, *f.MS, last)
			last = *f.MS
		}
		requireWalls(t, got.Frames, got.Walls)
		require.Len(t, got.Tones, 2)
	})

	t.Run("pause holds", func(t *testing.T) {
		var got struct{ Before, After []int64 }
		th.browser.Eval(t, `
			await call.send({ cmd: "pause" });
			await wait(200);
			const before = s.map((x) => x.now());
			await wait(1200);
			return { before, after: s.map((x) => x.now()) };
		`, &got)
		require.Equal(t, got.Before, got.After)
		require.InDelta(t, got.Before[0], got.Before[1], viewertest.FrameMs)
	})

	t.Run("seek is exact", func(t *testing.T) {
		for _, ms := range []int{12000, 12001, 12039, 12040, 13999, 14000, 5000, 27391, 39000, 0, 20} {
			th.seek(t, examStart.Add(time.Duration(ms)*time.Millisecond))
		}
	})

	t.Run("steps", func(t *testing.T) {
		at := examStart.Add(15960 * time.Millisecond) // the last frame of a GOP and segment
		th.seek(t, at)
		for _, n := range []int{1, 1, -1, -1, -1, 3, -7, 30, -60} {
			at = at.Add(time.Duration(n) * viewertest.FrameMs * time.Millisecond)
			th.expect(t, fmt.Sprintf(`await call.send({ cmd: "step", frames: %d })`, n),
				[]int64{frameAt(th.cams[0], at), frameAt(th.cams[1], at)})
		}
	})

	t.Run("reverse goes back", func(t *testing.T) {
		th.seek(t, examStart.Add(30*time.Second))
		var got struct{ Frames []shown }
		th.browser.Eval(t, `
			const from = s[0].frames.length;
			await call.send({ cmd: "speed", rate: -8 });
			await call.send({ cmd: "play" });
			await until("six key frames", () => s[0].frames.length >= from + 6);
			await call.send({ cmd: "pause" });
			return { frames: s[0].frames.slice(from) };
		`, &got)
		last := examStart.Add(30 * time.Second).UnixMilli()
		for _, f := range got.Frames[:6] {
			require.Less(t, *f.MS, last)
			require.Zero(t, (*f.MS-examStart.UnixMilli())%2000, "a key frame")
			last = *f.MS
		}
	})

	t.Run("speeds", func(t *testing.T) {
		for _, rate := range []float64{0.5, 2, 4, 8, 16} {
			th.browser.Eval(t, `await call.send({ cmd: "speed", rate: 1 })`, nil)
			th.seek(t, examStart.Add(2*time.Second))
			var got struct {
				Walls  []*float64
				Frames []shown
				Keys   bool
			}
			th.browser.Eval(t, fmt.Sprintf(`
				await call.send({ cmd: "speed", rate: %v });
				const from = s[0].frames.length;
				await call.send({ cmd: "play" });
				await wait(1500);
				await call.send({ cmd: "pause" });
				const frames = s[0].frames.slice(from);
				return { frames, walls: frames.map((f) => wall(call, cams[0], f.rtp)), keys: call.states.at(-1).keys_only };
			`, rate), &got)
			require.Equal(t, rate > 8, got.Keys)
			require.Greater(t, len(got.Frames), 4)
			for i, f := range got.Frames {
				// Pixels are read when a newer frame may be on screen already.
				require.InDelta(t, *f.MS, *got.Walls[i], viewertest.FrameMs*max(1, rate)+2, "speed %v", rate)
			}
			gone := float64(*got.Frames[len(got.Frames)-1].MS - *got.Frames[0].MS)
			took := got.Frames[len(got.Frames)-1].At - got.Frames[0].At
			require.InDelta(t, rate, gone/took, rate*0.25, "speed %v", rate)
		}
		th.browser.Eval(t, `await call.send({ cmd: "speed", rate: 1 })`, nil)
	})

	t.Run("a lost picture comes back while paused", func(t *testing.T) {
		at := examStart.Add(9 * time.Second)
		th.seek(t, at)
		// Chromium's idle timer asks for key frames in a pause: the picture must not
		// flicker, and stay right.
		var got struct {
			Frames int
			Shown  []int64
		}
		th.browser.Eval(t, `
			const from = s[0].frames.length;
			await wait(4500);
			return { frames: s[0].frames.length - from, shown: s.map((x) => x.now()) };
		`, &got)
		require.Equal(t, frameAt(th.cams[0], at), got.Shown[0])
		require.LessOrEqual(t, got.Frames, 1)
	})

	t.Run("bad commands are answered", func(t *testing.T) {
		var got []struct {
			Error *struct{ Code, Field, Message string }
		}
		th.browser.Eval(t, `
			const out = [];
			for (const c of [{cmd:"dance"}, {cmd:"seek"}, {cmd:"seek", at:"noon"}, {cmd:"speed", rate:99}, {cmd:"speed"}, {cmd:"step", frames:0},
				{cmd:"audio", camera:"x"}, {cmd:"gaps", mode:"?"}, {cmd:"play", extra:1}, {cmd:"step", frames:1, camera:"x"}]) {
				const id = ++call.seq;
				out.push(await Promise.race([new Promise((r) => { call.replies.set(id, r); call.replies.set(0, r); call.channel.send(JSON.stringify({id, ...c})); }), wait(3000)]));
			}
			return out;
		`, &got)
		for i, field := range []string{"cmd", "at", "at", "rate", "rate", "frames", "camera", "mode", "extra", "camera"} {
			require.NotNil(t, got[i].Error, "%d", i)
			require.Equal(t, "invalid", got[i].Error.Code)
			require.Equal(t, field, got[i].Error.Field, "%d: %s", i, got[i].Error.Message)
		}
	})

	th.browser.Eval(t, `hangUpAll()`, nil)
	watched := <-th.watched
	require.Len(t, watched, 2)
	require.Equal(t, th.cams[0].ID, watched[0].Camera)
	first := watched[0].Spans[0]
	require.False(t, first.From.Before(examStart))
	require.NotEmpty(t, watched[1].Spans)
}
