package retention_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mc "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/localfs"
	"lieciba/storage/minio"
	"lieciba/storage/postgres"
	"lieciba/storage/retention"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

// world is a site with sessions on real stores. Its clock is the test's.
type world struct {
	t       *testing.T
	catalog storage.Catalog
	media   storage.Media
	admin   *mc.Client // of MinIO; nil for a folder
	bucket  string
	now     time.Time
	camera  lieciba.Camera
	room    lieciba.Room
	policy  lieciba.RetentionPolicy
	n       int // sessions so far
}

// footage is one recording of a session of its own, with what it held.
type footage struct {
	session   lieciba.ExamSession
	recording lieciba.Recording
	segments  []lieciba.Segment
	bytes     map[lieciba.SegmentID][]byte
}

func id[T ~string]() T { return lieciba.NewID[T](time.Now()) }

// onEach runs a test on the embedded stores and on the real servers.
func onEach(t *testing.T, test func(w *world)) {
	t.Run("sqlite and folder", func(t *testing.T) { test(embedded(t)) })
	t.Run("postgres and minio", func(t *testing.T) { test(servers(t)) })
}

func embedded(t *testing.T) *world {
	dir := t.TempDir()
	catalog, err := sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	media, err := localfs.Open(filepath.Join(dir, "media"))
	require.NoError(t, err)
	return newWorld(t, catalog, media)
}

func servers(t *testing.T) *world {
	srv := storagetest.MinIO(t)
	catalog, err := postgres.Open(t.Context(), storagetest.PostgresFor(t, postgres.Open))
	require.NoError(t, err)
	media, err := minio.Open(t.Context(), minio.Config{Endpoint: srv.Endpoint, Bucket: srv.Bucket, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey})
	require.NoError(t, err)
	require.True(t, media.WriteOnce(), media.WriteOnceReason())
	w := newWorld(t, catalog, media)
	w.bucket = srv.Bucket
	w.admin, err = mc.New(srv.Endpoint, &mc.Options{Creds: credentials.NewStaticV4(srv.AccessKey, srv.SecretKey, ""), Region: "us-east-1"})
	require.NoError(t, err)
	return w
}

func newWorld(t *testing.T, catalog storage.Catalog, media storage.Media) *world {
	t.Cleanup(func() {
		require.NoError(t, catalog.Close())
		require.NoError(t, media.Close())
	})
	w := &world{t: t, catalog: catalog, media: media, now: riga("2026-03-01 12:00")}
	at := riga("2026-01-01")
	place := lieciba.Site{ID: id[lieciba.SiteID](), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: at}
	w.room = lieciba.Room{ID: id[lieciba.RoomID](), SiteID: place.ID, Code: "r1", Name: "1", State: lieciba.PlaceActive, CreatedAt: at}
	w.camera = lieciba.Camera{ID: id[lieciba.CameraID](), SiteID: place.ID, Name: "cam", Address: "127.0.0.1:80", State: lieciba.CameraReady, CreatedAt: at}
	require.NoError(t, catalog.PutSite(t.Context(), place))
	require.NoError(t, catalog.PutRoom(t.Context(), w.room))
	require.NoError(t, catalog.PutCamera(t.Context(), w.camera))
	w.policy = w.approve(1, months(1))
	return w
}

// approve puts a version of the default policy in force.
func (w *world) approve(n int, keep lieciba.Period, edit ...func(*lieciba.RetentionPolicy)) lieciba.RetentionPolicy {
	p := lieciba.RetentionPolicy{ID: id[lieciba.PolicyID](), Name: lieciba.DefaultPolicy, Version: n, Purpose: "appeals", LegalBasis: "the law",
		Keep: keep, Unanchored: months(6), WarnBefore: days(30), AfterAppeal: months(1), State: lieciba.PolicyDraft,
		DraftedBy: "a", DraftedByID: "a", DraftedAt: riga("2025-12-01")}
	for _, f := range edit {
		f(&p)
	}
	require.NoError(w.t, w.catalog.PutPolicy(w.t.Context(), p))
	p, err := w.catalog.ApprovePolicy(w.t.Context(), p.ID, "b", "b", riga("2025-12-02"))
	require.NoError(w.t, err)
	return p
}

// record makes a sealed recording of n segments of a session that ended at end.
func (w *world) record(end time.Time, n int) *footage {
	t, ctx := w.t, w.t.Context()
	w.n++
	f := &footage{bytes: map[lieciba.SegmentID][]byte{}}
	f.session = lieciba.ExamSession{ID: id[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "exams", ExternalID: fmt.Sprintf("S-%d", w.n)}, SourceVersion: 1,
		SiteID: w.room.SiteID, RoomID: w.room.ID, StartsAt: end.Add(-time.Hour), EndsAt: end, State: lieciba.SessionFinished, CreatedAt: end, UpdatedAt: end}
	require.NoError(t, w.catalog.ChangeSession(ctx, f.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &f.session, nil }, nil))
	window := lieciba.Interval{From: end.Add(-time.Hour), To: end}
	rec, err := w.catalog.EnsureRecording(ctx, lieciba.Recording{ID: id[lieciba.RecordingID](), SessionID: f.session.ID, CameraID: w.camera.ID, RoomID: w.room.ID,
		NodeID: id[lieciba.NodeID](), Window: window, State: lieciba.RecordingRecording, CreatedAt: end})
	require.NoError(t, err)
	run := lieciba.Run{ID: id[lieciba.RunID](), CameraID: w.camera.ID, RecordingID: rec.ID, NodeID: rec.NodeID, StartedAt: window.From,
		Format: lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 352, Height: 288, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}}}}
	require.NoError(t, w.catalog.PutRun(ctx, run))
	length := time.Hour / time.Duration(n)
	for i := range n {
		s := lieciba.Segment{ID: id[lieciba.SegmentID](), RecordingID: rec.ID, CameraID: w.camera.ID, RunID: run.ID, NodeID: rec.NodeID,
			From: window.From.Add(time.Duration(i) * length), To: window.From.Add(time.Duration(i+1) * length), InitSize: 1, Video: lieciba.H264, Frames: 1,
			ClockQuality: lieciba.ClockGood, State: lieciba.SegmentHashed}
		b := []byte(fmt.Sprintf("segment %d of %s", i, rec.ID))
		s.Size, s.SHA256 = int64(len(b)), sha256.Sum256(b)
		require.NoError(t, w.catalog.AddSegment(ctx, s))
		obj, err := w.media.Put(ctx, storage.SegmentKey(rec.ID, s.ID), bytes.NewReader(b), s.Size, s.SHA256)
		require.NoError(t, err)
		require.NoError(t, w.catalog.VerifySegment(ctx, s.ID, obj.Ref))
		s.Media, s.State = obj.Ref, lieciba.SegmentVerified
		f.segments, f.bytes[s.ID] = append(f.segments, s), b
	}
	for _, state := range []lieciba.RecordingState{lieciba.RecordingFinalising, lieciba.RecordingComplete} {
		require.NoError(t, w.catalog.MoveRecording(ctx, rec.ID, state, ""))
	}
	_, err = w.catalog.SealRecording(ctx, rec.ID, func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) {
		return lieciba.Seal{RecordingID: rec.ID, SessionID: rec.SessionID, PolicyID: w.policy.ID, At: end, Manifest: []byte("{}\n"), SHA256: sha256.Sum256([]byte("{}\n"))}, nil
	})
	require.NoError(t, err)
	f.recording, err = w.catalog.Recording(ctx, rec.ID)
	require.NoError(t, err)
	return f
}

// due is a sealed recording that may go at w.now.
func (w *world) due(n int) *footage {
	f := w.record(riga("2026-01-15 13:00"), n)
	w.event(f, lieciba.EventResultNotified, "2026-01-31 10:00", "")
	return f
}

// notDue is one whose date is a day away.
func (w *world) notDue(n int) *footage {
	f := w.record(riga("2026-01-15 13:00"), n)
	w.event(f, lieciba.EventResultNotified, "2026-02-01 10:00", "")
	return f
}

func (w *world) event(f *footage, kind lieciba.EventKind, at, appeal string) {
	eid := id[lieciba.EventID]()
	_, _, err := w.catalog.AddSessionEvent(w.t.Context(), lieciba.SessionEvent{ID: eid, SessionID: f.session.ID, Source: "exams",
		ExternalID: string(eid), Kind: kind, At: riga(at), Appeal: appeal, ReceivedAt: riga(at)})
	require.NoError(w.t, err)
}

func (w *world) hold(f *footage, kind lieciba.HoldKind, ref string) (h lieciba.Hold, gone int) {
	h = lieciba.Hold{ID: id[lieciba.HoldID](), SessionID: f.session.ID, Kind: kind, Reference: ref, Reason: "kept", PlacedBy: "p", PlacedByID: "p", PlacedAt: w.now}
	gone, err := w.catalog.PlaceHold(w.t.Context(), h)
	require.NoError(w.t, err)
	return h, gone
}

func (w *world) release(h lieciba.Hold) {
	_, err := w.catalog.ChangeHold(w.t.Context(), h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
		h.ReleasedBy, h.ReleasedAt = "q", w.now
		return &h, nil
	})
	require.NoError(w.t, err)
}

func (w *world) config(edit ...func(*retention.Config)) retention.Config {
	c := retention.Config{Catalog: w.catalog, Media: w.media, Node: id[lieciba.NodeID](), Batch: 2, NoDates: true, Clock: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(w.t.Output(), nil))}
	for _, f := range edit {
		f(&c)
	}
	return c
}

// once makes a pass of a reaper of its own: nothing is remembered from before.
func (w *world) once(edit ...func(*retention.Config)) retention.Report {
	w.t.Helper()
	r, err := retention.New(w.config(edit...)).Once(w.t.Context())
	require.NoError(w.t, err)
	return r
}

// versions counts everything that is left of the recording's objects, markers too.
func (w *world) versions(f *footage) (n int) {
	prefix := "segments/" + string(f.recording.ID) + "/"
	if w.admin == nil {
		require.NoError(w.t, w.media.List(w.t.Context(), prefix, func(storage.Object) error { n++; return nil }))
		return n
	}
	for o := range w.admin.ListObjectsIter(w.t.Context(), w.bucket, mc.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		require.NoError(w.t, o.Err)
		n++
	}
	return n
}

// whole expects that nothing of the footage was touched.
func (w *world) whole(f *footage) {
	w.t.Helper()
	segments, err := w.catalog.RecordingSegments(w.t.Context(), f.recording.ID, lieciba.Interval{})
	require.NoError(w.t, err)
	require.Len(w.t, segments, len(f.segments))
	for _, s := range segments {
		require.Equal(w.t, lieciba.SegmentVerified, s.State)
		w.stored(f, s)
	}
}

func (w *world) stored(f *footage, s lieciba.Segment) {
	w.t.Helper()
	sum, err := w.media.Sum(w.t.Context(), s.Media)
	require.NoError(w.t, err)
	require.Equal(w.t, sha256.Sum256(f.bytes[s.ID]), sum)
}

// deletions returns those of the recording.
func (w *world) deletions(f *footage) (out []lieciba.Deletion) {
	all, err := w.catalog.ListDeletions(w.t.Context(), 1000, "")
	require.NoError(w.t, err)
	for _, d := range all {
		if d.RecordingID == f.recording.ID {
			out = append(out, d)
		}
	}
	return out
}

// deleted expects the end of every deletion: nothing left, one certificate that
// states it all, and each act once in the audit log.
func (w *world) deleted(f *footage) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	require.Zero(t, w.versions(f), "objects left")
	rec, err := w.catalog.Recording(ctx, f.recording.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.RecordingDeleted, rec.State)
	segments, err := w.catalog.RecordingSegments(ctx, f.recording.ID, lieciba.Interval{})
	require.NoError(t, err)
	require.Len(t, segments, len(f.segments), "the rows outlive the bytes")
	list := w.deletions(f)
	require.Len(t, list, 1)
	d := list[0]
	require.Equal(t, lieciba.DeletionDone, d.State)
	var c evidence.Certificate
	require.NoError(t, evidence.Decode(d.Certificate, &c))
	require.Equal(t, []any{d.ID, f.recording.ID, f.session.ID, w.camera.ID, "the law", "system"}, []any{c.ID, c.RecordingID, c.Session.ID, c.CameraID, c.LegalBasis, c.By})
	require.Equal(t, evidence.Hash(sha256.Sum256([]byte("{}\n"))), c.Seal)
	require.Len(t, c.Objects, len(f.segments))
	for i, s := range segments {
		require.Equal(t, lieciba.SegmentDeleted, s.State)
		want := f.segments[i]
		require.Equal(t, evidence.DeletedObject{SegmentID: want.ID, Key: want.Media.Key, Version: want.Media.Version,
			From: evidence.At(want.From), To: evidence.At(want.To), Size: want.Size, SHA256: want.SHA256}, c.Objects[i])
	}
	leaf, err := w.catalog.LeafOf(ctx, lieciba.LeafDeletion, string(d.ID))
	require.NoError(t, err)
	require.Equal(t, d.Certificate, leaf.Detail, "the leaf states the certificate")
	w.audited(f)
}

// audited expects one beginning, one end, and each segment destroyed once.
func (w *world) audited(f *footage) {
	w.t.Helper()
	entries, err := w.catalog.ListAudit(w.t.Context(), storage.AuditFilter{Act: string(lieciba.ActDeleteRecording), SessionID: f.session.ID, Limit: 1000})
	require.NoError(w.t, err)
	begun, ended, gone := 0, 0, 0
	for _, e := range entries {
		require.Equal(w.t, []string{"system", "ok", "recording:" + string(f.recording.ID)}, []string{e.Who, e.Outcome, e.Object})
		var n, size int
		switch {
		case strings.Contains(e.Detail, "its deletion begins"):
			begun++
		case strings.Contains(e.Detail, "the certificate of deletion"):
			ended++
		default:
			_, err := fmt.Sscanf(e.Detail, "%d segments with %d bytes are destroyed.", &n, &size)
			require.NoError(w.t, err, e.Detail)
			gone += n
		}
	}
	require.Equal(w.t, []int{1, 1, len(f.segments)}, []int{begun, ended, gone}, "%v", entries)
}

// unlock lets an administrator end an object's retention: it stands for time.
func (w *world) unlock(ref lieciba.MediaRef) {
	require.NoError(w.t, w.admin.PutObjectRetention(context.Background(), w.bucket, ref.Key, mc.PutObjectRetentionOptions{VersionID: ref.Version, GovernanceBypass: true}))
}

func alarms(r retention.Report, f *footage) (kinds []retention.AlarmKind) {
	for _, a := range r.Alarms {
		if a.RecordingID == f.recording.ID {
			kinds = append(kinds, a.Kind)
		}
	}
	return kinds
}
