package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"

	"lieciba"
	"lieciba/recorder"
	"lieciba/storage"
	"lieciba/storage/localfs"
	"lieciba/storage/sqlite"
)

// runRecorder records all cameras for d into a catalogue and a folder of its
// own, and prints a report.
func runRecorder(ctx context.Context, n int, d time.Duration, dir, address, profile string) (err error) {
	cat, err := sqlite.Open(ctx, filepath.Join(dir, "catalogue.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cat.Close()) }()
	if err := os.MkdirAll(filepath.Join(dir, "media"), 0o750); err != nil {
		return err
	}
	media, err := localfs.Open(filepath.Join(dir, "media"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, media.Close()) }()
	begin := time.Now().UTC().Add(12 * time.Second).Truncate(time.Microsecond)
	id, err := furnish(ctx, cat, n, address, begin, d)
	if err != nil {
		return err
	}
	r, err := recorder.New(recorder.Config{Catalog: cat, Media: media, Node: lieciba.NewID[lieciba.NodeID](begin),
		SpoolDir: filepath.Join(dir, "spool"), Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	rep := report{Cameras: n, Seconds: d.Seconds(), Expected: int(d.Seconds()*25) * n}
	if err := until(ctx, begin); err != nil {
		return err
	}
	if rep.CPU, err = cost(ctx, begin.Add(d), profile); err != nil {
		return err
	}
	if err := until(ctx, begin.Add(d+10*time.Second)); err != nil {
		return err
	}
	for _, c := range r.Stats().Cameras {
		rep.Lost += c.LostPackets
		rep.Dropped += c.DroppedFrames
	}
	if err := errors.Join(r.Close(), <-done); err != nil {
		return err
	}
	if err := rep.count(ctx, cat, id); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(rep)
}

// cost is the CPU time that this process takes until t.
func cost(ctx context.Context, t time.Time, profile string) (float64, error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return 0, err
		}
		defer f.Close() //nolint:errcheck // a profile
		if err := pprof.StartCPUProfile(f); err != nil {
			return 0, err
		}
		defer pprof.StopCPUProfile()
	}
	before := cpuSeconds()
	err := until(ctx, t)
	return cpuSeconds() - before, err
}

func until(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // a valid call cannot fail
	}
	return u
}

func cpuSeconds() float64 {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// count reads what the catalogue has of the session.
func (r *report) count(ctx context.Context, cat storage.Catalog, id lieciba.SessionID) error {
	r.PeakRSS = usage().Maxrss * 1024
	list, err := cat.SessionRecordings(ctx, id)
	if err != nil {
		return err
	}
	if len(list) != r.Cameras {
		return fmt.Errorf("%d recordings of %d cameras", len(list), r.Cameras)
	}
	for _, rec := range list {
		segs, err := cat.RecordingSegments(ctx, rec.ID, lieciba.Interval{})
		if err != nil {
			return err
		}
		gaps, err := cat.RecordingGaps(ctx, rec.ID)
		if err != nil {
			return err
		}
		var have, miss []lieciba.Interval
		for _, s := range segs {
			have = append(have, s.Span())
			r.Bytes += s.Size
			r.Segments++
			if s.State != lieciba.SegmentVerified {
				r.Unstored++
			}
			full, err := cat.Segment(ctx, s.ID)
			if err != nil {
				return err
			}
			r.Fragments += len(full.Fragments)
			r.Frames += s.Frames
		}
		for _, g := range gaps {
			miss = append(miss, g.Span(rec.Window.To))
		}
		cover := lieciba.Cover(rec.Window, have, miss)
		r.Missing += cover.Missing.Seconds()
		if !cover.Exact() {
			r.Inexact++
		}
	}
	return nil
}

// furnish fills the catalogue with one room, its cameras and one session.
func furnish(ctx context.Context, cat storage.Catalog, n int, address string, begin time.Time, d time.Duration) (lieciba.SessionID, error) {
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](begin), Code: "BENCH", Name: "bench", State: lieciba.PlaceActive, CreatedAt: begin}
	room := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](begin), SiteID: site.ID, Code: "BENCH-1", Name: "bench", State: lieciba.PlaceActive, CreatedAt: begin}
	if err := errors.Join(cat.PutSite(ctx, site), cat.PutRoom(ctx, room)); err != nil {
		return "", err
	}
	for i := range n {
		url := cameraURL(address, i)
		c := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](begin), SiteID: site.ID, Name: url, Address: url, State: lieciba.CameraEnrolled, CreatedAt: begin,
			Streams: []lieciba.CameraStream{{Role: lieciba.StreamMain, URL: url, Video: lieciba.H264}}}
		if err := cat.PutCamera(ctx, c); err != nil {
			return "", err
		}
		if err := cat.AssignCamera(ctx, lieciba.CameraAssignment{CameraID: c.ID, RoomID: room.ID, From: begin.Add(-time.Hour)}); err != nil {
			return "", err
		}
	}
	s := lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](begin), SessionKey: lieciba.SessionKey{Source: "bench", ExternalID: "BENCH-1"},
		SourceVersion: 1, SiteID: site.ID, RoomID: room.ID, StartsAt: begin, EndsAt: begin.Add(d), State: lieciba.SessionPlanned, CreatedAt: begin, UpdatedAt: begin}
	return s.ID, cat.ChangeSession(ctx, s.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s, nil }, nil)
}
