// Command bench measures what recording costs: N cameras at 2 Mbit/s in one
// process, the recorder in another, and beside them, in the same run,
// `ffmpeg -c copy` processes that do the same for some of the cameras.
//
//	go run ./recorder/bench -cameras 50 -duration 2m -ffmpeg 10
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	cameras := flag.Int("cameras", 50, "virtual cameras, 2 Mbit/s each")
	duration := flag.Duration("duration", 2*time.Minute, "how long to record")
	ffmpegs := flag.Int("ffmpeg", 10, "ffmpeg -c copy processes beside it")
	dir := flag.String("dir", "", "where to write; default: a temporary folder")
	profile := flag.String("profile", "", "write a CPU profile of the recorder to this file")
	role := flag.String("role", "", "used by the program itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch *role {
	case "cameras":
		err = serveCameras(ctx, *cameras, filepath.Join(*dir, "film.h264"))
	case "recorder":
		err = runRecorder(ctx, *cameras, *duration, *dir, flag.Arg(0), *profile)
	default:
		err = measure(ctx, *cameras, *ffmpegs, *duration, *dir, *profile)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure runs cameras, recorder and ffmpegs, and prints the table.
func measure(ctx context.Context, cameras, ffmpegs int, d time.Duration, dir, profile string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "lieciba-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if err := makeFilm(ctx, filepath.Join(dir, "film.h264")); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	site := child(ctx, self, "-role", "cameras", "-cameras", fmt.Sprint(cameras), "-dir", dir)
	out, err := site.StdoutPipe()
	if err != nil {
		return err
	}
	if err := site.Start(); err != nil {
		return err
	}
	defer func() { cancel(); _ = site.Wait() }() // ended by cancel
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the cameras did not start: %w", err)
	}
	address = strings.TrimSpace(address)
	fmt.Printf("%d cameras at 2 Mbit/s, H.264 1920x1080 25 fps, for %s\n", cameras, d)
	others, err := startFFmpegs(ctx, min(ffmpegs, cameras), d, dir, address)
	if err != nil {
		return err
	}
	rec := child(ctx, self, "-role", "recorder", "-cameras", fmt.Sprint(cameras), "-duration", d.String(), "-dir", dir, "-profile", profile, address)
	b, err := rec.Output()
	if err != nil {
		return fmt.Errorf("the recorder: %w", err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("the recorder's report: %w", err)
	}
	r.print()
	return others.print()
}

func child(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// report is what the recorder's process found out about itself.
type report struct {
	Cameras   int
	Seconds   float64
	CPU       float64 // seconds, user and system, during the window
	PeakRSS   int64   // bytes
	Frames    int
	Expected  int
	Missing   float64 // seconds of gaps
	Inexact   int     // recordings with a hole or an overlap
	Lost      int64   // RTP packets
	Bytes     int64
	Segments  int
	Unstored  int
	Dropped   int64
	Fragments int
}

func (r report) print() {
	fmt.Printf("%-10s %8.3f %% of a core a stream   %7.1f MB in all, %.1f MB a stream\n", "lieciba",
		100*r.CPU/r.Seconds/float64(r.Cameras), float64(r.PeakRSS)/1e6, float64(r.PeakRSS)/1e6/float64(r.Cameras))
	fmt.Printf("%-10s %d of %d frames, %.3f s of gaps, %d recordings not exact, %d packets lost, %d frames dropped\n", "",
		r.Frames, r.Expected, r.Missing, r.Inexact, r.Lost, r.Dropped)
	fmt.Printf("%-10s %.1f MB in %d segments with %d fragments, each synced; hashed, stored, read back; %d not stored yet\n", "",
		float64(r.Bytes)/1e6, r.Segments, r.Fragments, r.Unstored)
}

// ffmpegRun is the comparison.
type ffmpegRun struct {
	commands []*exec.Cmd
	seconds  float64
}

func startFFmpegs(ctx context.Context, n int, d time.Duration, dir, address string) (*ffmpegRun, error) {
	run := &ffmpegRun{seconds: d.Seconds()}
	for i := range n {
		cmd := child(ctx, "ffmpeg", "-v", "fatal", "-nostdin", "-rtsp_transport", "tcp", "-i", cameraURL(address, i), "-t", fmt.Sprint(d.Seconds()),
			"-c", "copy", "-f", "segment", "-segment_time", "30", "-segment_format", "mp4",
			filepath.Join(dir, fmt.Sprintf("ffmpeg-%d-%%d.mp4", i)))
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		run.commands = append(run.commands, cmd)
	}
	return run, nil
}

func (f *ffmpegRun) print() error {
	if len(f.commands) == 0 {
		return nil
	}
	var cpu time.Duration
	var rss int64
	for _, c := range f.commands {
		if err := c.Wait(); err != nil {
			return fmt.Errorf("ffmpeg: %w", err)
		}
		cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		rss += c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * 1024
	}
	n := float64(len(f.commands))
	fmt.Printf("%-10s %8.3f %% of a core a stream   %7.1f MB in all, %.1f MB a stream (%d processes, -c copy, no sync, no hash)\n", "ffmpeg",
		100*cpu.Seconds()/f.seconds/n, float64(rss)/1e6, float64(rss)/1e6/n, len(f.commands))
	return nil
}
