package fsck_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
	"lieciba/storage/localfs"
	"lieciba/storage/minio"
	"lieciba/storage/postgres"
	"lieciba/storage/segment"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is the beginning of the recording's window of one minute.
var start = time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// site is one recording on real stores, kept the way a recorder keeps it.
type site struct {
	t       *testing.T
	catalog storage.Catalog
	media   storage.Media
	spool   string
	exec    func(statement string, args ...any) // past the catalogue and its foreign keys

	node      lieciba.NodeID
	session   lieciba.ExamSession
	camera    lieciba.Camera
	recording lieciba.Recording
	run       lieciba.Run
	opt       fsck.Options
	key       *evidence.Key // of the log
	minio     *storagetest.MinIOServer
}

func id[T ~string]() T { return lieciba.NewID[T](start) }

// onStores runs a test on SQLite with a folder and on PostgreSQL with MinIO.
func onStores(t *testing.T, test func(s *site)) {
	t.Run("sqlite+localfs", func(t *testing.T) { test(localSite(t)) })
	t.Run("postgres+minio", func(t *testing.T) { test(serverSite(t)) })
}

func localSite(t *testing.T) *site {
	path := filepath.Join(t.TempDir(), "catalogue.db")
	catalog, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	media, err := localfs.Open(t.TempDir())
	require.NoError(t, err)
	return newSite(t, catalog, media, func(statement string, args ...any) {
		db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
		require.NoError(t, err)
		triggers, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'trigger'")
		require.NoError(t, err)
		var drop []string
		for triggers.Next() {
			var name string
			require.NoError(t, triggers.Scan(&name))
			drop = append(drop, "DROP TRIGGER "+name)
		}
		require.NoError(t, errors.Join(triggers.Err(), triggers.Close()))
		for _, d := range drop { // whoever owns the file owns its triggers
			_, err = db.Exec(d)
			require.NoError(t, err)
		}
		_, err = db.Exec(fmt.Sprintf(statement, args...))
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
}

func serverSite(t *testing.T) *site {
	url := storagetest.PostgresFor(t, postgres.Open)
	catalog, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	srv := storagetest.MinIO(t)
	media, err := minio.Open(t.Context(), minio.Config{Endpoint: srv.Endpoint, Bucket: srv.Bucket, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey})
	require.NoError(t, err)
	s := newSite(t, catalog, media, func(statement string, args ...any) {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "SET session_replication_role = replica")
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), fmt.Sprintf(statement, args...))
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	})
	s.minio = srv
	return s
}

// sequence logs all that is staged, as the sequencer does, most leaves under one
// checkpoint at a time.
func (s *site) sequence(most int) {
	s.t.Helper()
	for n := 1; n > 0; {
		var err error
		n, err = s.catalog.Sequence(s.t.Context(), most, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
			g, err := evidence.Grow(head.Checkpoint.Size, staged, head.Hashes)
			if err != nil {
				return storage.Sequenced{}, err
			}
			c, err := evidence.SignCheckpoint(s.key.Name(), head.Checkpoint.Size+int64(len(staged)), g.Root, s.key)
			c.At = at(590)
			return storage.Sequenced{Hashes: g.Hashes, Checkpoint: c}, err
		})
		require.NoError(s.t, err)
	}
}

func newSite(t *testing.T, catalog storage.Catalog, media storage.Media, exec func(string, ...any)) *site {
	t.Cleanup(func() {
		require.NoError(t, catalog.Close())
		require.NoError(t, media.Close())
	})
	ctx := t.Context()
	s := &site{t: t, catalog: catalog, media: media, exec: exec, spool: t.TempDir(), node: id[lieciba.NodeID]()}
	place := lieciba.Site{ID: id[lieciba.SiteID](), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: start}
	room := lieciba.Room{ID: id[lieciba.RoomID](), SiteID: place.ID, Code: "r1", Name: "1", State: lieciba.PlaceActive, CreatedAt: start}
	s.camera = lieciba.Camera{ID: id[lieciba.CameraID](), SiteID: place.ID, Name: "cam", Address: "127.0.0.1:80", State: lieciba.CameraReady, CreatedAt: start}
	s.session = lieciba.ExamSession{ID: id[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "test", ExternalID: "e1"}, SourceVersion: 1,
		SiteID: place.ID, RoomID: room.ID, StartsAt: start, EndsAt: at(60), State: lieciba.SessionFinished, CreatedAt: start, UpdatedAt: start,
		Parts: []lieciba.Part{{ID: id[lieciba.PartID](), Kind: lieciba.PartSpeaking, StartsAt: start, EndsAt: at(60), State: lieciba.PartPlanned}}}
	require.NoError(t, catalog.PutSite(ctx, place))
	require.NoError(t, catalog.PutRoom(ctx, room))
	require.NoError(t, catalog.PutCamera(ctx, s.camera))
	require.NoError(t, catalog.ChangeSession(ctx, s.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s.session, nil }, nil))
	var err error
	s.recording, err = catalog.EnsureRecording(ctx, lieciba.Recording{ID: id[lieciba.RecordingID](), SessionID: s.session.ID, CameraID: s.camera.ID,
		RoomID: room.ID, NodeID: s.node, Window: lieciba.Interval{From: start, To: at(60)}, State: lieciba.RecordingRecording, CreatedAt: start})
	require.NoError(t, err)
	s.run = lieciba.Run{ID: id[lieciba.RunID](), CameraID: s.camera.ID, RecordingID: s.recording.ID, NodeID: s.node, StartedAt: start, Format: format}
	require.NoError(t, catalog.PutRun(ctx, s.run))
	s.key, _, err = evidence.OpenKey(filepath.Join(t.TempDir(), "log.key"))
	require.NoError(t, err)
	s.opt = fsck.Options{LogKeys: []string{s.key.VerifierKey()}, SpoolDir: s.spool, Node: s.node, Pause: noPause, Now: func() time.Time { return at(600) }}
	return s
}

var format = lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 352, Height: 288,
	SPS: []byte{0x67, 0x64, 0x00, 0x0c, 0xac, 0x3b, 0x50, 0xb0, 0x4b, 0x42, 0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x3d, 0x08},
	PPS: []byte{0x68, 0xee, 0x3c, 0x80}}}

// record writes frames of [from, to) s, 10 a second, a key frame each second,
// to a growing spool file.
func (s *site) record(from, to float64) (*segment.Writer, lieciba.SegmentID) {
	seg := id[lieciba.SegmentID]()
	dir := filepath.Join(s.spool, string(s.recording.ID))
	require.NoError(s.t, os.MkdirAll(dir, 0o750))
	w, err := segment.Create(filepath.Join(dir, string(seg)+".mp4"), segment.Params{Format: format,
		IDs: segment.IDs{Recording: s.recording.ID, Camera: s.camera.ID, Run: s.run.ID, Segment: seg, Node: s.node}})
	require.NoError(s.t, err)
	for n := int(from * 10); n < int(to*10); n++ {
		key := n%10 == 0 || n == int(from*10)
		unit := append([]byte{0x41}, bytes.Repeat([]byte{byte(n)}, 200)...)
		if key {
			unit[0] = 0x65
		}
		ticks := int64(n) * 9000
		_, err := w.WriteFrame(lieciba.Frame{Track: lieciba.TrackVideo, Key: key, Time: at(float64(n) / 10), PTS: ticks, DTS: ticks, Units: [][]byte{unit}})
		require.NoError(s.t, err)
	}
	return w, seg
}

// closed writes a segment and returns its row, which is not in the catalogue yet.
func (s *site) closed(from, to float64) (lieciba.Segment, string) {
	w, seg := s.record(from, to)
	result, err := w.Close(at(to))
	require.NoError(s.t, err)
	row := result.Segment()
	require.Equal(s.t, seg, row.ID)
	return row, result.Path
}

// hashed is a segment in the spool with its row.
func (s *site) hashed(from, to float64) (lieciba.Segment, string) {
	row, path := s.closed(from, to)
	require.NoError(s.t, s.catalog.AddSegment(s.t.Context(), row))
	return row, path
}

// verified is a segment in Media, its spool file gone.
func (s *site) verified(from, to float64) lieciba.Segment {
	row, path := s.hashed(from, to)
	b, err := os.ReadFile(path)
	require.NoError(s.t, err)
	s.verify(row, b)
	require.NoError(s.t, os.Remove(path))
	return row
}

// verify uploads bytes for a row and says that they are right.
func (s *site) verify(row lieciba.Segment, b []byte) lieciba.MediaRef {
	obj, err := s.media.Put(s.t.Context(), storage.SegmentKey(row.RecordingID, row.ID), bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
	require.NoError(s.t, err)
	require.NoError(s.t, s.catalog.VerifySegment(s.t.Context(), row.ID, obj.Ref))
	return obj.Ref
}

// noPause looks again at once: nothing changes between the looks of most tests.
func noPause(ctx context.Context) error { return ctx.Err() }

func (s *site) gap(from, to float64) lieciba.Gap {
	g := lieciba.Gap{ID: id[lieciba.GapID](), RecordingID: s.recording.ID, CameraID: s.camera.ID, NodeID: s.node, From: at(from), Cause: lieciba.CauseNetworkLoss}
	if to > 0 {
		g.To = at(to)
	}
	require.NoError(s.t, s.catalog.PutGap(s.t.Context(), g))
	return g
}

func (s *site) check() fsck.Report {
	s.t.Helper()
	r, err := fsck.Check(s.t.Context(), s.catalog, s.media, s.opt)
	require.NoError(s.t, err)
	return r
}

// clean expects no violation.
func (s *site) clean() fsck.Report {
	s.t.Helper()
	r := s.check()
	require.Empty(s.t, r.Violations)
	require.NotNil(s.t, r.Violations)
	return r
}

// broken expects violations of exactly these rules, and that one of the first
// rule names the object and says the words.
func (s *site) broken(object, words string, rules ...fsck.Rule) {
	s.t.Helper()
	r := s.check()
	got := map[fsck.Rule]bool{}
	named := false
	for _, v := range r.Violations {
		got[v.Rule] = true
		named = named || v.Rule == rules[0] && bytes.Contains([]byte(v.Object), []byte(object)) && bytes.Contains([]byte(v.Message), []byte(words))
	}
	require.True(s.t, named, "%s of %s with %q expected in %+v", rules[0], object, words, r.Violations)
	for _, rule := range rules {
		require.True(s.t, got[rule], "%s expected in %+v", rule, r.Violations)
		delete(got, rule)
	}
	require.Empty(s.t, got, "nothing else expected in %+v", r.Violations)
}
