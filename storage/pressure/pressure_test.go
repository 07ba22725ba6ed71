package pressure_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage/pressure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	low      = int64(1000)
	critical = int64(200)
)

// disk is what a look at a folder finds.
type disk struct {
	free atomic.Int64
	err  error
}

func (d *disk) look(string) (int64, int64, error) { return d.free.Load(), 5000, d.err }

func free(n int64) *disk {
	d := &disk{}
	d.free.Store(n)
	return d
}

func config(d *disk, log *bytes.Buffer) pressure.Config {
	return pressure.Config{Folders: []pressure.Folder{{Name: "spool", Path: "/spool"}}, Low: low, Critical: critical,
		Log: slog.New(slog.NewTextHandler(log, nil)), Free: d.look}
}

// TestLevels follows one disk: worse at once, better with a quarter to spare.
func TestLevels(t *testing.T) {
	var log bytes.Buffer
	d := free(low)
	w := pressure.New(config(d, &log))
	for _, c := range []struct {
		free int64
		want pressure.Level
	}{
		{low, pressure.OK},
		{low - 1, pressure.Low},
		{low, pressure.Low}, // not yet
		{low + low/4 - 1, pressure.Low},
		{low + low/4, pressure.OK},
		{low, pressure.OK},
		{critical, pressure.Low},
		{critical - 1, pressure.Critical},
		{critical, pressure.Critical},
		{critical + critical/4 - 1, pressure.Critical},
		{critical + critical/4, pressure.Low},
		{0, pressure.Critical},
		{low, pressure.Low}, // from critical too, only with a quarter to spare
		{0, pressure.Critical},
		{low + low/4, pressure.OK},
		{0, pressure.Critical}, // at once, past low
	} {
		d.free.Store(c.free)
		w.Look(t.Context())
		require.Equal(t, c.want, w.Level(), "%d free", c.free)
		require.Equal(t, c.free, w.Stats()[0].Free)
		require.EqualValues(t, 5000, w.Stats()[0].Total)
	}
	text := log.String()
	require.Equal(t, 4, strings.Count(text, "level=WARN"), text)  // each change to low
	require.Equal(t, 4, strings.Count(text, "level=ERROR"), text) // and to critical
	require.Equal(t, 2, strings.Count(text, "level=INFO"), text)
}

func TestAllow(t *testing.T) {
	var log bytes.Buffer
	for level, c := range map[pressure.Level]struct {
		disk *disk
		want [3]lieciba.Code // background, normal, recording
	}{
		pressure.OK:       {free(low), [3]lieciba.Code{}},
		pressure.Low:      {free(low - 1), [3]lieciba.Code{lieciba.CodeFull}},
		pressure.Critical: {free(0), [3]lieciba.Code{lieciba.CodeFull, lieciba.CodeFull}},
		pressure.Unknown:  {&disk{err: errors.New("gone")}, [3]lieciba.Code{lieciba.CodeUnavailable}},
	} {
		w := pressure.New(config(c.disk, &log))
		require.Equal(t, level, w.Level())
		for p, code := range c.want {
			err := w.Allow(pressure.Priority(p))
			require.Equal(t, code, lieciba.CodeOf(err), "%s, priority %d: %v", level, p, err)
			if err != nil {
				require.Contains(t, err.Error(), "spool")
				require.Contains(t, err.Error(), "then try again", "the cure")
			}
		}
	}
}

// TestTheWorstFolderDecides, and each has its own level.
func TestTheWorstFolderDecides(t *testing.T) {
	room := map[string]int64{"a": low, "b": low - 1, "c": low}
	w := pressure.New(pressure.Config{Folders: []pressure.Folder{{Name: "one", Path: "a"}, {Name: "two", Path: "b"}, {Name: "three", Path: "c"}}, Low: low, Critical: critical,
		Log: slog.New(slog.DiscardHandler), Free: func(path string) (int64, int64, error) { return room[path], 5000, nil }})
	require.ErrorContains(t, w.Allow(pressure.Background), "two")
	room["c"] = 0
	w.Look(t.Context())
	require.ErrorContains(t, w.Allow(pressure.Background), "three")
	levels := []pressure.Level{}
	for _, s := range w.Stats() {
		levels = append(levels, s.Level)
	}
	require.Equal(t, []pressure.Level{pressure.OK, pressure.Low, pressure.Critical}, levels)
}

func TestRunLooksAtEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := free(low)
		cfg := config(d, &log)
		cfg.Interval = time.Minute
		w := pressure.New(cfg)
		began := w.Stats()[0].Since
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(59 * time.Second) // the bubble's clock
		synctest.Wait()
		d.free.Store(0)
		require.Equal(t, pressure.OK, w.Level())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, pressure.Critical, w.Level())
		require.Equal(t, time.Minute, w.Stats()[0].Since.Sub(began))
		cancel()
		require.NoError(t, <-done)
	})
}

// TestARealDisk fills a file system of its own; tests run as root (README).
func TestARealDisk(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", 0, "size=8m"), "mounting a tmpfs needs root: run the tests as root, as the README says")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	w := pressure.New(pressure.Config{Folders: []pressure.Folder{{Name: "spool", Path: dir}, {Name: "missing", Path: filepath.Join(dir, "sub")}}, Low: 4 << 20, Critical: 1 << 20,
		Log: slog.New(slog.DiscardHandler)})
	require.Equal(t, []pressure.Level{pressure.OK, pressure.Unknown}, []pressure.Level{w.Stats()[0].Level, w.Stats()[1].Level})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	file := filepath.Join(dir, "footage")
	for _, c := range []struct {
		size int
		want pressure.Level
	}{{1 << 20, pressure.OK}, {5 << 20, pressure.Low}, {7<<20 + 1<<19, pressure.Critical}, {1 << 20, pressure.OK}} {
		require.NoError(t, os.WriteFile(file, make([]byte, c.size), 0o600))
		w.Look(t.Context())
		require.Equal(t, c.want, w.Level(), "%d bytes written", c.size)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.EqualValues(t, c.size, info.Size(), "nothing is deleted")
	}
	require.NoError(t, w.Allow(pressure.Background))
}
