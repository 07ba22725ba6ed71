package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

var base = time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC)

func newID[T ~string]() T { return lieciba.NewID[T](base) }

// world is one recording and what it refers to.
type world struct {
	session lieciba.ExamSession
	rec     lieciba.Recording
	run     lieciba.Run
}

func newWorld(t *testing.T, c *Catalog) world {
	t.Helper()
	ctx := t.Context()
	site := newSite("riga")
	room := lieciba.Room{ID: newID[lieciba.RoomID](), SiteID: site.ID, Code: "r1", State: lieciba.PlaceActive, CreatedAt: base}
	camera := lieciba.Camera{ID: newID[lieciba.CameraID](), SiteID: site.ID, Name: "front", State: lieciba.CameraReady, CreatedAt: base}
	w := world{session: lieciba.ExamSession{ID: newID[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "pizis", ExternalID: "exam-1"},
		SiteID: site.ID, RoomID: room.ID, StartsAt: base, EndsAt: base.Add(time.Hour), State: lieciba.SessionFinished, CreatedAt: base, UpdatedAt: base}}
	require.NoError(t, c.PutSite(ctx, site))
	require.NoError(t, c.PutRoom(ctx, room))
	require.NoError(t, c.PutCamera(ctx, camera))
	require.NoError(t, c.ChangeSession(ctx, w.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &w.session, nil }, nil))
	w.rec = lieciba.Recording{ID: newID[lieciba.RecordingID](), SessionID: w.session.ID, CameraID: camera.ID, RoomID: room.ID, NodeID: "node",
		Window: lieciba.Interval{From: base, To: base.Add(time.Hour)}, State: lieciba.RecordingRecording, CreatedAt: base}
	_, err := c.EnsureRecording(ctx, w.rec)
	require.NoError(t, err)
	w.run = lieciba.Run{ID: newID[lieciba.RunID](), RecordingID: w.rec.ID, CameraID: camera.ID, NodeID: "node", StartedAt: base}
	require.NoError(t, c.PutRun(ctx, w.run))
	return w
}

// beside is another recording of the session, of the same camera.
func (w world) beside(t *testing.T, c *Catalog) world {
	t.Helper()
	room := lieciba.Room{ID: newID[lieciba.RoomID](), SiteID: w.session.SiteID, Code: "r2", State: lieciba.PlaceActive, CreatedAt: base}
	require.NoError(t, c.PutRoom(t.Context(), room))
	w.rec.ID, w.rec.RoomID = newID[lieciba.RecordingID](), room.ID
	_, err := c.EnsureRecording(t.Context(), w.rec)
	require.NoError(t, err)
	w.run.ID, w.run.RecordingID = newID[lieciba.RunID](), w.rec.ID
	require.NoError(t, c.PutRun(t.Context(), w.run))
	return w
}

// segment is the nth of ten seconds.
func (w world) segment(n int) lieciba.Segment {
	from := base.Add(time.Duration(n) * 10 * time.Second)
	return lieciba.Segment{ID: newID[lieciba.SegmentID](), RecordingID: w.rec.ID, CameraID: w.rec.CameraID, RunID: w.run.ID, NodeID: "node",
		From: from, To: from.Add(10 * time.Second), Size: 1, SHA256: [32]byte{byte(n)}, Video: lieciba.H264, Frames: 250,
		ClockQuality: lieciba.ClockGood, State: lieciba.SegmentHashed}
}

// gap is in the place of the nth segment.
func (w world) gap(n int) lieciba.Gap {
	s := w.segment(n)
	return lieciba.Gap{ID: newID[lieciba.GapID](), RecordingID: w.rec.ID, CameraID: w.rec.CameraID, NodeID: "node", From: s.From, To: s.To,
		Cause: lieciba.CauseOverload}
}

// addVerified adds the nth segment with its object.
func (w world) addVerified(t *testing.T, c *Catalog, n int) lieciba.Segment {
	t.Helper()
	s := w.segment(n)
	require.NoError(t, c.AddSegment(t.Context(), s))
	require.NoError(t, c.VerifySegment(t.Context(), s.ID, lieciba.MediaRef{Key: storage.SegmentKey(w.rec.ID, s.ID), Version: "1"}))
	return s
}

func (w world) seal(t *testing.T, c *Catalog) lieciba.Seal {
	t.Helper()
	require.NoError(t, c.MoveRecording(t.Context(), w.rec.ID, lieciba.RecordingComplete, ""))
	s, err := c.SealRecording(t.Context(), w.rec.ID, w.build)
	require.NoError(t, err)
	return s
}

func (w world) build(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) {
	manifest := []byte("{}\n")
	return lieciba.Seal{RecordingID: w.rec.ID, SessionID: w.session.ID, At: base, Manifest: manifest, SHA256: sum(manifest)}, nil
}

func (w world) hold() lieciba.Hold {
	return lieciba.Hold{ID: newID[lieciba.HoldID](), SessionID: w.session.ID, Kind: lieciba.HoldCourt, Reference: "C-1", PlacedBy: "anna", PlacedAt: base}
}

// delete decides that the recording goes.
func (w world) delete(lieciba.RetentionFacts) (*lieciba.Deletion, error) {
	return &lieciba.Deletion{ID: newID[lieciba.DeletionID](), RecordingID: w.rec.ID, SessionID: w.session.ID, Reason: "due",
		DueAt: base, DecidedAt: base, State: lieciba.DeletionOpen}, nil
}

func newAudit(act string) lieciba.AuditEntry {
	return lieciba.AuditEntry{ID: newID[lieciba.AuditID](), At: base, Who: "anna", Act: act, Outcome: "ok"}
}

func newLeaf(subject string) lieciba.Leaf {
	return evidence.NewLeaf(lieciba.LeafExport, subject, base, evidence.ExportDetail{})
}

// grow is what the sequencer decides, without a signature.
func grow(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
	g, err := evidence.Grow(head.Checkpoint.Size, staged, head.Hashes)
	return storage.Sequenced{Hashes: g.Hashes, Checkpoint: lieciba.Checkpoint{Origin: "test", Root: g.Root, At: base, Note: []byte("note"),
		Size: head.Checkpoint.Size + int64(len(staged))}}, err
}

func sequence(t *testing.T, c *Catalog, limit int) int {
	t.Helper()
	n, err := c.Sequence(t.Context(), limit, grow)
	require.NoError(t, err)
	return n
}

// requireWholeLog checks that the log holds the leaves of the newest checkpoint,
// each proven under its root, and returns their subjects in order.
func requireWholeLog(t *testing.T, c *Catalog) (subjects []string) {
	t.Helper()
	head, err := c.NewestCheckpoint(t.Context())
	require.NoError(t, err)
	read := func(i []int64) ([][32]byte, error) { return c.LogHashes(t.Context(), i) }
	for from := int64(0); from < head.Size; from += maxPage {
		leaves, err := c.Leaves(t.Context(), from, head.Size)
		require.NoError(t, err)
		require.Len(t, leaves, int(min(maxPage, head.Size-from)))
		for i, l := range leaves {
			require.Equal(t, from+int64(i), l.Index)
			subjects = append(subjects, l.Subject)
			if i%97 > 1 && l.Index != head.Size-1 {
				continue // a proof is many reads: the page's first ones, the last one and some between
			}
			proof, err := evidence.ProveLeaf(head.Size, l.Index, read)
			require.NoError(t, err)
			require.NoError(t, evidence.CheckLeaf(l, proof, head.Size, head.Root))
		}
	}
	return subjects
}

// openTraced opens the catalogue with a tracer on its connections.
func openTraced(t *testing.T, url string, tracer pgx.QueryTracer) *Catalog {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	cfg.ConnConfig.Tracer = tracer
	c, err := open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func openAt(t *testing.T, url string) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// admin runs a statement on a connection of its own.
func admin(t *testing.T, c *Catalog, query string, args ...any) {
	t.Helper()
	cfg := c.pool.Config().ConnConfig.Copy()
	cfg.Tracer = nil
	conn, err := pgx.ConnectConfig(context.WithoutCancel(t.Context()), cfg)
	require.NoError(t, err)
	_, err = conn.Exec(context.WithoutCancel(t.Context()), query, args...)
	require.NoError(t, err, query)
	require.NoError(t, conn.Close(context.WithoutCancel(t.Context())))
}
