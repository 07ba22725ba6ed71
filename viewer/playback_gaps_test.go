package viewer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/viewer/viewertest"
)

type pageEvent struct {
	Ev     string
	Camera lieciba.CameraID
	From   time.Time
	To     *time.Time
	Cause  string
}

// One camera has a hole of 6 s, then both have one of 8 s.
func TestGapsInChromium(t *testing.T) {
	const length = 40 * time.Second
	sec := func(n int) time.Time { return examStart.Add(time.Duration(n) * time.Second) }
	window := lieciba.Interval{From: examStart, To: examStart.Add(length)}
	a := viewertest.NewArchive(t, examStart, length)
	c1, r1 := a.Camera(t, "A", lieciba.PCMU, examStart, window)
	c2, r2 := a.Camera(t, "B", "", examStart, window)
	both := lieciba.Gap{From: sec(20), To: sec(28), Cause: lieciba.CauseServerDown}
	a.Record(t, c1, r1, length, both)
	a.Record(t, c2, r2, length, lieciba.Gap{From: sec(6), To: sec(12), Cause: lieciba.CauseCameraOffline}, both)
	a.Complete(t, r1)
	a.Complete(t, r2)
	th := newTheatre(t, a, c1, c2)
	th.dial(t, sec(4))

	var got struct {
		Events []pageEvent
		Second *int64
		First  int64
	}
	th.browser.Eval(t, `
		await until("gap", () => call.events.some((e) => e.ev === "gap"));
		await wait(800);
		const held = s[1].now(), first = s[0].now();
		return { events: call.events.filter((e) => e.ev.startsWith("gap")), second: held, first };
	`, &got)
	require.Len(t, got.Events, 1)
	require.Equal(t, c2.ID, got.Events[0].Camera)
	require.Equal(t, "camera_offline", got.Events[0].Cause)
	require.Equal(t, sec(6), got.Events[0].From.UTC())
	require.Equal(t, sec(12), got.Events[0].To.UTC())
	require.Equal(t, sec(6).UnixMilli()-viewertest.FrameMs, *got.Second, "the last picture stays")
	require.Greater(t, got.First, sec(6).UnixMilli()+400, "the other camera plays on")

	// The hole that both have is jumped over, and both go on in step.
	var jump struct {
		Took   float64
		Skew   float64
		Events []pageEvent
	}
	seekTo := func(at time.Time) string {
		return fmt.Sprintf(`await call.send({ cmd: "seek", at: %q });`, at.Format(time.RFC3339Nano))
	}
	th.browser.Eval(t, seekTo(sec(19))+fmt.Sprintf(`
		const before = call.events.length, start = performance.now();
		await until("behind the hole", () => s.every((x) => x.now() >= %d), 6000);
		const took = performance.now() - start;
		await wait(200);
		return { took, skew: Math.abs(s[0].now() - s[1].now()), events: call.events.slice(before).filter((e) => e.ev.startsWith("gap")) };
	`, sec(28).UnixMilli()), &jump)
	require.Less(t, jump.Took, 4000.0)
	require.LessOrEqual(t, jump.Skew, float64(viewertest.FrameMs))
	require.Len(t, jump.Events, 4, "both enter and leave: %v", jump.Events)

	// Told to wait, the clock runs through it.
	var waited struct {
		Shown []int64
		At    time.Time
	}
	th.browser.Eval(t, `await call.send({ cmd: "gaps", mode: "wait" });`+seekTo(sec(19))+`
		await wait(3000);
		return { shown: s.map((x) => x.now()), at: call.states.at(-1).at };
	`, &waited)
	require.Equal(t, []int64{sec(20).UnixMilli() - viewertest.FrameMs, sec(20).UnixMilli() - viewertest.FrameMs}, waited.Shown)
	require.Greater(t, waited.At, sec(21))
	require.Less(t, waited.At, sec(24))

	// A seek into a hole says so; the end says so.
	var into struct {
		Events []pageEvent
		Ended  bool
		Paused bool
	}
	th.browser.Eval(t, seekTo(sec(10))+`
		await until("gap told", () => call.events.some((e) => e.ev === "gap" && e.camera === cams[1] && e.cause === "camera_offline"));
	`+seekTo(sec(38))+`
		await until("end", () => call.events.some((e) => e.ev === "end"), 8000);
		await wait(300);
		return { ended: true, paused: call.states.at(-1).paused };
	`, &into)
	require.True(t, into.Paused)
}

// The session is still being recorded: what is durable plays, the edge waits.
func TestGrowingSessionInChromium(t *testing.T) {
	start := time.Now().UTC().Truncate(time.Second).Add(-20 * time.Second)
	window := lieciba.Interval{From: start, To: start.Add(time.Hour)}
	a := viewertest.NewArchive(t, start, time.Hour)
	c1, r1 := a.Camera(t, "A", lieciba.AAC, start, window)
	c2, r2 := a.Camera(t, "B", lieciba.PCMA, start.Add(-300*time.Millisecond), window)
	a.Grow(t, c1, r1)
	a.Grow(t, c2, r2)
	th := newTheatre(t, a, c1, c2)
	th.dial(t, start.Add(10*time.Second))
	th.browser.Eval(t, `await call.send({ cmd: "pause" })`, nil)
	th.seek(t, start.Add(12345*time.Millisecond))

	var got struct {
		Ages   []float64
		Skews  []float64
		Edge   *time.Time
		Tone   float64
		Played float64
	}
	// A seek beyond the edge shows the newest frame, then goes on as it comes.
	th.browser.Eval(t, fmt.Sprintf(`
		await call.send({ cmd: "seek", at: %q });
		await call.send({ cmd: "play" });
		await wait(2500);
		const first = s[0].now(), ages = [], skews = [];
		for (let i = 0; i < 60; i++) { await wait(50); ages.push(Date.now() - s[0].now()); skews.push(Math.abs(s[0].now() - s[1].now())); }
		const tone = await until("tone", () => { const x = call.ear.share(1000); return x > 0.8 && x; });
		return { ages, skews, edge: call.states.at(-1).live_edge, tone, played: s[0].now() - first };
	`, start.Add(30*time.Minute).Format(time.RFC3339Nano)), &got)
	require.NotNil(t, got.Edge)
	late := 0
	for i := range got.Ages {
		require.Greater(t, got.Ages[i], 0.0)
		require.Less(t, got.Ages[i], 6000.0, "%v", got.Ages)
		if got.Skews[i] > viewertest.FrameMs+1 {
			late++
		}
	}
	require.LessOrEqual(t, late, len(got.Skews)/10, "cameras out of step: %v", got.Skews)
	require.Greater(t, got.Played, 1500.0, "it goes on as it is recorded")
}
