package recorder

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

// The wall clock is set back while a session is recorded, and then the server
// starts again: what comes next must not be on record under times that are taken.
func TestRestartAfterTheClockWasSetBack(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		bubble := time.Now()
		var offset time.Duration
		h.clock = func() clock.Instant {
			d := time.Since(bubble)
			return clock.Instant{Wall: bubble.Add(d + offset).Round(0), Mono: clock.Mono(d)}
		}
		h.now = func() time.Time { return h.clock().Wall }
		_, stop := h.start()
		begin := h.now().Add(20 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		time.Sleep(80 * time.Second)
		stop()
		gaps, err := h.catalog.OpenGaps(ctxb)
		require.NoError(t, err)
		for _, g := range gaps { // as if it had been killed
			require.NoError(t, h.catalog.CloseGap(ctxb, g.ID, g.From))
		}
		offset = -30 * time.Second
		r, _ := h.start()
		time.Sleep(time.Minute)
		require.InDelta(t, -30, r.Stats().ClockStep.Seconds(), 3, "it stays ahead")
		time.Sleep(5 * time.Minute)
		x := h.only(id)
		x.exact(t)
		require.Less(t, x.cover.Missing, 4*time.Second, "gaps %+v", x.gaps)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		aside, err := filepath.Glob(filepath.Join(h.dir, "spool", "aside", "*"))
		require.NoError(t, err)
		require.Empty(t, aside)
		require.InDelta(t, 0, r.Stats().ClockStep.Seconds(), 0.01, "followed when nothing records")
	})
}

// A push that comes just after the window's end, while the session still counts
// as running, extends it.
func TestExtensionJustAfterTheEnd(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		r, _ := h.start()
		begin := time.Now().Add(12*time.Second + 20*time.Millisecond)
		end := begin.Add(time.Minute)
		id := h.session(h.rooms[0], begin, end, nil)
		at(end.Add(500 * time.Millisecond))
		h.change(id, func(s *lieciba.ExamSession) { s.EndsAt = s.EndsAt.Add(time.Minute) })
		r.Refresh()
		at(end.Add(2 * time.Minute))
		x := h.only(id)
		require.Equal(t, lieciba.Micro(end.Add(time.Minute)), x.Window.To)
		h.intact(x)
		require.Less(t, x.cover.Missing, 3*time.Second)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerStart}, causes(x))
	})
}

// What cannot be read is kept for a person, with the sidecar that names it, and
// does not count as waiting for upload.
func TestTornFileWithoutItsHeadIsKept(t *testing.T) {
	h := newHouse(t, 1)
	r, err := New(Config{Catalog: h.catalog, Media: h.media, Node: h.node, SpoolDir: filepath.Join(h.dir, "spool"), Log: quiet()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	rec := lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](time.Now())}
	id := lieciba.NewID[lieciba.SegmentID](time.Now())
	path, err := r.env.spool.prepare(h.cameras[0].ID, id, sidecar{Recording: rec})
	require.NoError(t, err)
	require.NoError(t, durable.OS.WriteFile(path+segment.PartSuffix, make([]byte, 1<<20), 0o640))
	r.env.spool.size.Add(1 << 20)
	_, err = r.env.recoverFile(ctxb, path+segment.PartSuffix)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	kept := filepath.Join(h.dir, "spool", "aside", string(id))
	require.FileExists(t, kept+".mp4"+segment.PartSuffix)
	require.FileExists(t, kept+".json")
	require.Zero(t, r.env.spool.usage())
	require.Equal(t, lieciba.CauseSpoolCorrupt, r.env.holeCause(rec.ID))

	path, err = r.env.spool.prepare(h.cameras[0].ID, id, sidecar{Recording: rec})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+segment.PartSuffix, nil, 0o640))
	_, err = r.env.recoverFile(ctxb, path+segment.PartSuffix)
	require.NoError(t, err, "an empty one is nothing to keep")
	require.NoFileExists(t, path+segment.PartSuffix)
}

// Segments that can never be brought do not hold up the others, however many.
func TestLostSpoolFilesDoNotHoldUpUploads(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.tune = func(c *Config) { c.SegmentLength = 10 * time.Second }
		r, _ := h.start()
		r.up.batch = 2
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
		time.Sleep(time.Second)
		rec := lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](time.Now()), SessionID: h.session(h.rooms[0], begin.Add(-24*time.Hour), begin.Add(-23*time.Hour), nil),
			CameraID: h.cameras[0].ID, RoomID: h.rooms[0].ID, NodeID: h.node, State: lieciba.RecordingFinalising, CreatedAt: begin,
			Window: lieciba.Interval{From: lieciba.Micro(begin.Add(-24 * time.Hour)), To: lieciba.Micro(begin.Add(-23 * time.Hour))}}
		_, err := h.catalog.EnsureRecording(ctxb, rec)
		require.NoError(t, err)
		run := lieciba.Run{ID: lieciba.NewID[lieciba.RunID](begin), CameraID: rec.CameraID, RecordingID: rec.ID, NodeID: h.node, StartedAt: rec.Window.From}
		require.NoError(t, h.catalog.PutRun(ctxb, run))
		for i := range 5 { // on record, and gone from the spool
			from := rec.Window.From.Add(time.Duration(i) * time.Minute)
			require.NoError(t, h.catalog.AddSegment(ctxb, lieciba.Segment{ID: lieciba.NewID[lieciba.SegmentID](from), RecordingID: rec.ID, CameraID: rec.CameraID,
				RunID: run.ID, NodeID: h.node, From: from, To: from.Add(time.Minute), Size: 10, Video: lieciba.H264, ClockQuality: lieciba.ClockGood}))
		}
		at(begin.Add(4 * time.Minute))
		x := h.only(id)
		require.Equal(t, lieciba.RecordingComplete, x.State)
	})
}

// extendingCatalog lets the citizenship system extend a session between the
// scheduler's look and its change of the session's state.
type extendingCatalog struct {
	storage.Catalog
	once   sync.Once
	extend func()
}

func (c *extendingCatalog) ChangeSession(ctx context.Context, key lieciba.SessionKey, decide func(*lieciba.ExamSession) (*lieciba.ExamSession, error), a *lieciba.AuditEntry) error {
	if s, err := c.SessionByKey(ctx, key); err == nil && s.State == lieciba.SessionRunning {
		c.once.Do(c.extend)
	}
	return c.Catalog.ChangeSession(ctx, key, decide, a)
}

func TestExtensionWhileTheSessionIsFinished(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		begin := time.Now().Add(12 * time.Second)
		end := begin.Add(time.Minute)
		id := h.session(h.rooms[0], begin, end, nil)
		cat := &extendingCatalog{Catalog: h.catalog, extend: func() {
			h.change(id, func(s *lieciba.ExamSession) { s.EndsAt = s.EndsAt.Add(time.Minute) })
		}}
		h.wrap = func(storage.Catalog) storage.Catalog { return cat }
		h.start()
		at(end.Add(2 * time.Minute))
		x := h.only(id)
		require.Equal(t, lieciba.Micro(end.Add(time.Minute)), x.Window.To)
		h.intact(x)
		require.Less(t, x.cover.Missing, 4*time.Second)
		s, err := h.catalog.Session(ctxb, id)
		require.NoError(t, err)
		require.Equal(t, lieciba.SessionFinished, s.State)
	})
}
