// Package pressure watches how full the local disks are. It raises alarms early
// and refuses low-priority work, so that recording keeps its room. It never
// deletes anything and never stops a recording: what is not due stays, and the
// recorder has its own last gate (recorder, disk_full).
package pressure

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// Level says how full a disk is.
type Level string

const (
	OK       Level = "ok"
	Low      Level = "low"      // an alarm; no low-priority work
	Critical Level = "critical" // an urgent alarm; only recording goes on
	Unknown  Level = "unknown"  // the folder cannot be looked at
)

var order = map[Level]int{OK: 0, Unknown: 1, Low: 2, Critical: 3}

// Priority of a piece of work.
type Priority int

const (
	Background Priority = iota // packages, viewing copies, checks: refused from Low on
	Normal                     // small things that people wait for: refused at Critical
	Recording                  // never refused
)

// Folder is a folder to watch; folders on one disk may be watched each.
type Folder struct {
	Name string // for people and metrics: "spool", "exports"
	Path string
}

// Config says what to watch. Folders, Low and Critical have no defaults.
type Config struct {
	Folders  []Folder
	Low      int64         // free bytes below which the level is low
	Critical int64         // below which it is critical; at most Low
	Interval time.Duration // between two looks; 10 s
	Log      *slog.Logger
	// Free looks at a folder: bytes free for this process, and in all. nil: durable.Space.
	Free func(path string) (free, total int64, err error)
}

// Stats is what the newest look at a folder saw.
type Stats struct {
	Name  string    `json:"name"`
	Free  int64     `json:"free_bytes"`
	Total int64     `json:"total_bytes"`
	Level Level     `json:"level"`
	Since time.Time `json:"since"` // of this level
	Error string    `json:"error,omitempty"`
}

// Watch watches the folders. Its methods are safe for concurrent use; Run is
// called once.
type Watch struct {
	cfg Config

	mu    sync.Mutex
	stats []Stats
}

// New makes a Watch and looks once, so that Allow knows from the start.
func New(cfg Config) *Watch {
	if cfg.Interval == 0 {
		cfg.Interval = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Free == nil {
		cfg.Free = durable.Space
	}
	w := &Watch{cfg: cfg}
	for _, f := range cfg.Folders {
		w.stats = append(w.stats, Stats{Name: f.Name, Level: OK, Since: time.Now()})
	}
	w.Look(context.Background())
	return w
}

// Run looks at each Interval until ctx ends, then returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// Look looks at every folder now and raises an alarm for each change.
func (w *Watch) Look(ctx context.Context) {
	for i, f := range w.cfg.Folders {
		free, total, err := w.cfg.Free(f.Path)
		w.mu.Lock()
		before := w.stats[i]
		now := before
		now.Free, now.Total, now.Error = free, total, ""
		if err != nil {
			now.Error = err.Error()
		}
		if now.Level = w.level(before.Level, free, err); now.Level != before.Level {
			now.Since = time.Now()
		}
		w.stats[i] = now
		w.mu.Unlock()
		if now.Level != before.Level {
			w.tell(ctx, f, now)
		}
	}
}

// level is pure but for the limits: worse at once, better only when a quarter
// more than the limit is free, so that it does not flap.
func (w *Watch) level(before Level, free int64, err error) Level {
	limit := func(n int64, l Level) int64 {
		if before == l || l == Low && before == Critical {
			return n + n/4
		}
		return n
	}
	switch {
	case err != nil:
		return Unknown
	case free < limit(w.cfg.Critical, Critical):
		return Critical
	case free < limit(w.cfg.Low, Low):
		return Low
	}
	return OK
}

func (w *Watch) tell(ctx context.Context, f Folder, s Stats) {
	attrs := []any{"folder", f.Name, "path", f.Path, "level", s.Level, "free_bytes", s.Free}
	switch s.Level {
	case OK:
		w.cfg.Log.InfoContext(ctx, "the disk has room again", attrs...)
	case Low:
		w.cfg.Log.WarnContext(ctx, "the disk is filling up: no evidence packages are built until there is room; free some, or let the media store catch up", attrs...)
	case Critical:
		w.cfg.Log.ErrorContext(ctx, "the disk is nearly full: recording goes on until it is; free space now", attrs...)
	case Unknown:
		w.cfg.Log.WarnContext(ctx, "the disk cannot be looked at", append(attrs, "err", s.Error)...)
	}
}

// Stats returns the newest look at each folder, in the order of Config.Folders.
// The list is the caller's.
func (w *Watch) Stats() []Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Stats(nil), w.stats...)
}

// Level is the worst of all folders.
func (w *Watch) Level() Level {
	l, _ := w.worst()
	return l
}

func (w *Watch) worst() (Level, Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	level, at := OK, Stats{}
	for _, s := range w.stats {
		if order[s.Level] > order[level] {
			level, at = s.Level, s
		}
	}
	return level, at
}

// Allow tells whether work of this priority may begin now: nil, or CodeFull that
// says what is full and the cure; CodeUnavailable for a folder that cannot be
// looked at. Work that has begun is not stopped. Recording is always allowed.
func (w *Watch) Allow(p Priority) error {
	level, s := w.worst()
	switch {
	case p >= Recording || level == OK || level == Low && p >= Normal:
		return nil
	case level == Unknown && p >= Normal:
		return nil
	case level == Unknown:
		return lieciba.Errorf(lieciba.CodeUnavailable, "the folder %s cannot be looked at: check that its disk is mounted, then try again", s.Name)
	}
	return lieciba.Errorf(lieciba.CodeFull, "only %s are free for %s, so this waits and recording keeps its room: free some space there, then try again", size(s.Free), s.Name)
}

func size(n int64) string {
	const mib = 1 << 20
	if n < 10<<30 {
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}
