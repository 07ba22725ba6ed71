// Command bench measures in Chromium what a person sees: how old the live
// picture is, how long after the click it comes, how long a seek takes, and how
// far cameras are apart. It prints a table and asserts nothing. Run it by
// `make bench-view`.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"lieciba"
	"lieciba/viewer"
	"lieciba/viewer/viewertest"
)

// harness is a viewertest.TB for a program: a failure ends it.
type harness struct {
	ctx     context.Context
	cleanup []func()
}

func (h *harness) Helper()                      {}
func (h *harness) Error(args ...any)            { log.Print(args...) }
func (h *harness) Errorf(f string, args ...any) { log.Printf(f, args...) }
func (h *harness) Context() context.Context     { return h.ctx }
func (h *harness) Cleanup(f func())             { h.cleanup = append(h.cleanup, f) }

func (h *harness) FailNow() {
	h.close()
	os.Exit(1)
}

func (h *harness) close() {
	for len(h.cleanup) > 0 {
		f := h.cleanup[len(h.cleanup)-1]
		h.cleanup = h.cleanup[:len(h.cleanup)-1]
		f()
	}
}

func (h *harness) TempDir() string {
	dir, err := os.MkdirTemp("", "lieciba-bench-")
	if err != nil {
		log.Fatal(err)
	}
	h.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			log.Print(err)
		}
	})
	return dir
}

const (
	sessionLength = 4 * time.Minute
	seeks         = 40
	joins         = 10
	bytesPerFrame = 10_000 // 2 Mbit/s
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == watchFlag {
		n, err := strconv.Atoi(os.Args[3])
		if err == nil {
			err = watch(os.Args[2], n)
		}
		log.Fatal(err)
	}
	h := &harness{ctx: context.Background()}
	defer h.close()
	site := viewertest.NewLiveSite()
	cam := site.Add(h, "LIVE", lieciba.PCMA, time.Second, bytesPerFrame)
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	archive := viewertest.NewArchive(h, start, sessionLength)
	window := lieciba.Interval{From: start, To: start.Add(sessionLength)}
	for i, name := range []string{"A", "B"} {
		c, rec := archive.Camera(h, name, lieciba.PCMA, start.Add(-time.Duration(i)*853*time.Millisecond), window)
		c.Padding = bytesPerFrame
		archive.Record(h, c, rec, sessionLength)
		archive.Complete(h, rec)
	}
	v, err := viewer.New(viewer.Config{Live: site, Catalog: archive.Catalog, Source: archive, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	h.Cleanup(func() {
		if err := v.Close(); err != nil {
			log.Print(err)
		}
	})
	b := viewertest.NewBrowser(h, map[string]viewertest.Dial{
		"/whep": func(ctx context.Context, _ *http.Request, offer string) (string, string, error) {
			return v.Live(ctx, cam.ID, lieciba.StreamMain, offer, "bench")
		},
		"/playback": func(ctx context.Context, _ *http.Request, offer string) (string, string, error) {
			return v.Playback(ctx, archive.Session, start.Add(time.Minute), viewer.Scope{}, offer, "bench", nil)
		},
	})
	fmt.Println("Chromium on this machine, 1280x720 at 25 fps, 2 Mbit/s, GOP 2 s; milliseconds")
	fmt.Printf("%-66s %8s %8s %8s %6s\n", "", "p50", "p95", "max", "n")
	live(h, b, cam)
	playback(h, b, start)
	b.Eval(h, `hangUpAll()`, nil)
	if err := load(h, v, cam); err != nil {
		log.Print(err)
	}
}

// live measures ten joins spread over the GOP, and the age of the picture.
func live(h *harness, b *viewertest.Browser, cam *viewertest.LiveCamera) {
	var first, ages []float64
	for i := range joins {
		gop := time.Second * viewertest.GOP / viewertest.FPS
		phase := gop * time.Duration(i) / joins
		wait := (phase - time.Since(cam.Zero)%gop + gop) % gop
		var got struct {
			First float64
			Ages  []float64
		}
		b.Eval(h, fmt.Sprintf(`
			await wait(%d);
			const call = await dial("/whep", 1, "info");
			const s = await until("screen", () => call.screens[0]);
			await until("first", () => s.frames.length > 0);
			const first = s.frames[0].at - call.start;
			await wait(1200);
			const from = s.frames.length;
			await until("50 frames", () => s.frames.length >= from + 50);
			const ages = s.frames.slice(from, from + 50).map((f) => f.age - f.ms);
			hangUpAll();
			return { first, ages };
		`, wait.Milliseconds()), &got)
		first = append(first, got.First)
		ages = append(ages, got.Ages...)
	}
	row("live: click to first picture (aim p95 <= 400)", first)
	row("live: age of the picture since it reached the server (aim <= 500)", ages)
}

// playback measures start, seeks to anywhere and skew.
func playback(h *harness, b *viewertest.Browser, start time.Time) {
	var opened float64
	b.Eval(h, `
		const call = window.call = await dial("/playback", 2, "control");
		await until("ready", () => call.ready && call.screens.length === 2);
		window.s = call.ready.cameras.map((c) => call.screens.find((x) => x.mid === c.mid));
		await until("pictures", () => s.every((x) => x.frames.length > 0));
		return Math.max(...s.map((x) => x.frames[0].at)) - call.start;
	`, &opened)
	row("archive: click to first pictures, 2 cameras", []float64{opened})
	var skews []float64
	b.Eval(h, `
		await wait(1500);
		const skews = [];
		for (let i = 0; i < 100; i++) { await wait(31); skews.push(Math.abs(s[0].now() - s[1].now())); }
		return skews;
	`, &skews)
	row("archive: cameras apart at 1x", skews)
	for _, mode := range []string{"paused", "playing"} {
		if mode == "paused" {
			b.Eval(h, `await call.send({ cmd: "pause" })`, nil)
		} else {
			b.Eval(h, `await call.send({ cmd: "play" })`, nil)
		}
		var took []float64
		for i := range seeks {
			at := start.Add(time.Duration(i*7919%200000+3000) * time.Millisecond)
			var ms float64
			b.Eval(h, fmt.Sprintf(`
				const at = %d, t = performance.now();
				call.send({ cmd: "seek", at: new Date(at).toISOString() });
				// Shown: the last frame up to at, or, playing, one soon after it.
				await until("seek", () => s.every((x) => { const ms = x.now(); return ms > at - %d && ms <= at + 600; }));
				return performance.now() - t;
			`, at.UnixMilli(), viewertest.FrameMs), &ms)
			took = append(took, ms)
		}
		row("archive: seek, both cameras, "+mode+" (aim p95 <= 300)", took)
	}
}

func row(name string, list []float64) {
	slices.Sort(list)
	at := func(p float64) float64 { return list[min(len(list)-1, int(p*float64(len(list))))] }
	fmt.Printf("%-66s %8.0f %8.0f %8.0f %6d\n", name, at(0.5), at(0.95), list[len(list)-1], len(list))
}
