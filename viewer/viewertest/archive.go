package viewertest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/localfs"
	"lieciba/storage/segment"
	"lieciba/storage/sqlite"
)

// Archive is a session on record: a real catalogue and a real store, written as
// fast as the disk takes it.
type Archive struct {
	Catalog *sqlite.Catalog
	media   *localfs.Store
	Session lieciba.SessionID
	from    time.Time
	dir     string
	cams    []*Camera
	recs    []lieciba.Recording
	mu      sync.Mutex
	growing map[lieciba.RecordingID]*growing
}

// growing is a segment that is being written.
type growing struct {
	row lieciba.Segment
	w   *segment.Writer
}

func NewArchive(tb TB, from time.Time, length time.Duration) *Archive {
	tb.Helper()
	dir := tb.TempDir()
	catalog, err := sqlite.Open(tb.Context(), filepath.Join(dir, "catalog.db"))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, catalog.Close()) })
	media, err := localfs.Open(filepath.Join(dir, "media"))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, media.Close()) })
	a := &Archive{Catalog: catalog, media: media, from: from, dir: dir, growing: map[lieciba.RecordingID]*growing{}}
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](from), Code: "RIX", Name: "Riga", State: lieciba.PlaceActive, CreatedAt: from}
	require.NoError(tb, catalog.PutSite(tb.Context(), site))
	room := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](from), SiteID: site.ID, Code: "RIX-1", Name: "1", State: lieciba.PlaceActive, CreatedAt: from}
	require.NoError(tb, catalog.PutRoom(tb.Context(), room))
	s := lieciba.ExamSession{
		ID: lieciba.NewID[lieciba.SessionID](from), SessionKey: lieciba.SessionKey{Source: "test", ExternalID: "E-1"}, SourceVersion: 1,
		SiteID: site.ID, RoomID: room.ID, StartsAt: from, EndsAt: from.Add(length), Seats: 4,
		State: lieciba.SessionRunning, CreatedAt: from, UpdatedAt: from,
	}
	require.NoError(tb, catalog.ChangeSession(tb.Context(), s.SessionKey,
		func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s, nil }, nil))
	a.Session = s.ID
	return a
}

// Camera adds a camera with a recording of the window.
func (a *Archive) Camera(tb TB, name string, sound lieciba.AudioCodec, zero time.Time, window lieciba.Interval) (*Camera, lieciba.Recording) {
	tb.Helper()
	s, err := a.Catalog.Session(tb.Context(), a.Session)
	require.NoError(tb, err)
	c := NewCamera(tb, name, sound, zero)
	require.NoError(tb, a.Catalog.PutCamera(tb.Context(), lieciba.Camera{
		ID: c.ID, SiteID: s.SiteID, Name: name, Address: name + ".example:554", State: lieciba.CameraReady, CreatedAt: zero,
	}))
	rec, err := a.Catalog.EnsureRecording(tb.Context(), lieciba.Recording{
		ID: lieciba.NewID[lieciba.RecordingID](zero), SessionID: a.Session, CameraID: c.ID, RoomID: s.RoomID,
		NodeID: lieciba.NewID[lieciba.NodeID](zero), Window: window, State: lieciba.RecordingRecording, CreatedAt: zero,
	})
	require.NoError(tb, err)
	require.NoError(tb, a.Catalog.PutRun(tb.Context(), lieciba.Run{
		ID: c.run, CameraID: c.ID, RecordingID: rec.ID, NodeID: rec.NodeID, StartedAt: zero, Format: c.Format,
	}))
	a.cams, a.recs = append(a.cams, c), append(a.recs, rec)
	return c, rec
}

// begin starts a segment.
func (a *Archive) begin(tb TB, c *Camera, rec lieciba.Recording) *growing {
	tb.Helper()
	row := lieciba.Segment{ID: lieciba.NewID[lieciba.SegmentID](time.Now()), RecordingID: rec.ID, CameraID: c.ID, RunID: c.run, NodeID: rec.NodeID}
	w, err := segment.Create(filepath.Join(a.dir, string(row.ID)+".mp4"), segment.Params{
		IDs:    segment.IDs{Recording: rec.ID, Camera: c.ID, Run: c.run, Segment: row.ID, Node: rec.NodeID},
		Format: c.Format,
	})
	require.NoError(tb, err)
	return &growing{row, w}
}

// write adds one picture and the sound up to it; flushed tells that a fragment
// became durable.
func (g *growing) write(tb TB, c *Camera) (flushed bool) {
	tb.Helper()
	v := c.video()
	flushed, err := g.w.WriteFrame(v)
	require.NoError(tb, err)
	for f, ok := c.sound(v.Time); ok; f, ok = c.sound(v.Time) {
		if f.Time.Before(g.row.From) {
			continue
		}
		more, err := g.w.WriteFrame(f)
		require.NoError(tb, err)
		flushed = flushed || more
	}
	return flushed
}

// finish closes the segment, stores it and writes its row.
func (a *Archive) finish(tb TB, g *growing, end time.Time) {
	tb.Helper()
	ctx := context.Background() // a test that ends does not stop a recorder in mid-write
	res, err := g.w.Close(end)
	require.NoError(tb, err)
	row := res.Segment()
	require.NoError(tb, a.Catalog.AddSegment(ctx, row))
	f, err := os.Open(res.Path)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, f.Close()) }()
	obj, err := a.media.Put(ctx, storage.SegmentKey(row.RecordingID, row.ID), f, row.Size, row.SHA256)
	require.NoError(tb, err)
	require.NoError(tb, a.Catalog.VerifySegment(ctx, row.ID, obj.Ref))
}

// Record writes `length` of a camera in segments of 4 s, but for the gap.
func (a *Archive) Record(tb TB, c *Camera, rec lieciba.Recording, length time.Duration, gaps ...lieciba.Gap) {
	tb.Helper()
	var g *growing
	end := c.Zero.Add(length)
	at := func() time.Time { return c.Zero.Add(time.Duration(c.count) * time.Second / FPS) }
	for at().Before(end) {
		if i := slices.IndexFunc(gaps, func(g lieciba.Gap) bool { return g.Span(end).Contains(at()) }); i >= 0 {
			if g != nil {
				a.finish(tb, g, gaps[i].From)
				g = nil
			}
			c.video()
			for _, ok := c.sound(at()); ok; _, ok = c.sound(at()) {
			}
			continue
		}
		if c.count%(2*GOP) == 0 && g != nil {
			a.finish(tb, g, at())
			g = nil
		}
		if g == nil {
			require.Zero(tb, c.count%GOP, "a segment starts at a key frame")
			g = a.begin(tb, c, rec)
		}
		g.write(tb, c)
	}
	if g != nil {
		a.finish(tb, g, end)
	}
	for _, gap := range gaps {
		gap.ID, gap.RecordingID, gap.CameraID, gap.NodeID = lieciba.NewID[lieciba.GapID](gap.From), rec.ID, c.ID, rec.NodeID
		require.NoError(tb, a.Catalog.PutGap(tb.Context(), gap))
	}
}

// Complete ends a recording.
func (a *Archive) Complete(tb TB, rec lieciba.Recording) {
	tb.Helper()
	for _, s := range []lieciba.RecordingState{lieciba.RecordingFinalising, lieciba.RecordingComplete} {
		require.NoError(tb, a.Catalog.MoveRecording(tb.Context(), rec.ID, s, rec.NodeID))
	}
}

// ReadSegment implements storage.Source: closed segments from the store, the
// growing one from its file.
func (a *Archive) ReadSegment(ctx context.Context, s lieciba.Segment, p []byte, off int64) error {
	if s.Media.Key != "" {
		return a.media.ReadRange(ctx, s.Media, p, off)
	}
	for _, suffix := range []string{segment.PartSuffix, ""} {
		f, err := os.Open(filepath.Join(a.dir, string(s.ID)+".mp4"+suffix))
		if err != nil {
			continue
		}
		_, err = f.ReadAt(p, off)
		if err := f.Close(); err != nil {
			return err
		}
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "spool")
	}
	return lieciba.Errorf(lieciba.CodeNotFound, "no file")
}

// Growing implements storage.Source.
func (a *Archive) Growing(rec lieciba.RecordingID) (lieciba.Segment, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g, ok := a.growing[rec]
	if !ok || len(g.w.Fragments()) == 0 {
		return lieciba.Segment{}, false
	}
	row := g.row
	span := g.w.Durable()
	row.From, row.To, row.Fragments = span.From, span.To, g.w.Fragments()
	row.InitSize = g.w.InitSize()
	return row, true
}

// Grow records a camera in real time until the test ends.
func (a *Archive) Grow(tb TB, c *Camera, rec lieciba.Recording) {
	tb.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	tb.Cleanup(func() { close(stop); <-done })
	var g *growing
	step := func(at time.Time) {
		if c.count%(2*GOP) == 0 {
			if g != nil {
				a.finish(tb, g, at)
			}
			g = a.begin(tb, c, rec)
			a.mu.Lock()
			a.growing[rec.ID] = g
			a.mu.Unlock()
		}
		g.write(tb, c)
	}
	next := func() time.Time { return c.Zero.Add(time.Duration(c.count) * time.Second / FPS) }
	for next().Before(time.Now()) {
		step(next())
	}
	go func() {
		defer close(done)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			at := next()
			timer.Reset(time.Until(at))
			select {
			case <-stop:
				if err := g.w.Abort(); err != nil {
					tb.Error(err)
				}
				return
			case <-timer.C:
			}
			step(at)
		}
	}()
}

// Dir holds the catalogue, the spool and, in media, the store.
func (a *Archive) Dir() string { return a.dir }
