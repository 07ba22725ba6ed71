package export_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/export"
	"lieciba/storage/localfs"
	"lieciba/storage/postgres"
	"lieciba/storage/seal"
	"lieciba/storage/segment"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
	"lieciba/storage/storagetest/footage"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
	}
	goleak.VerifyTestMain(m)
}

var start = time.Date(2026, 5, 22, 10, 0, 0, 123456000, time.UTC)

func id[T ~string]() T { return lieciba.NewID[T](start) }

// house is a catalogue, a media store and a log with one finished session.
type house struct {
	t       testing.TB
	ctx     context.Context
	catalog storage.Catalog
	media   storage.Media
	log     *sequencer.Sequencer
	keyFile string
	node    lieciba.NodeID
	session lieciba.ExamSession
	cameras []lieciba.Camera
	recs    []lieciba.Recording
	dir     string
}

var camera = footage.Spec{Video: lieciba.H264, Audio: lieciba.AAC, GOP: 25, Seconds: 6}

// openHouse makes an empty house in dir, or opens the one that is there.
func openHouse(t testing.TB, dir string, catalog storage.Catalog) *house {
	h := &house{t: t, ctx: context.Background(), catalog: catalog, dir: dir, keyFile: filepath.Join(dir, "log.key")}
	var err error
	h.media, err = localfs.Open(filepath.Join(dir, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.media.Close()) })
	h.log = sequencer.New(sequencer.Config{Catalog: h.catalog, KeyFile: h.keyFile, Interval: time.Millisecond, Rest: time.Millisecond})
	require.NoError(t, h.log.Start(h.ctx))
	return h
}

// newHouse has a session of a minute with nothing recorded yet.
func newHouse(t testing.TB, catalog storage.Catalog, cameras int) *house {
	h := openHouse(t, t.TempDir(), catalog)
	t.Cleanup(func() { require.NoError(t, catalog.Close()) })
	h.node = id[lieciba.NodeID]()
	site := lieciba.Site{ID: id[lieciba.SiteID](), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: start}
	room := lieciba.Room{ID: id[lieciba.RoomID](), SiteID: site.ID, Code: "r1", Name: "1. telpa", State: lieciba.PlaceActive, CreatedAt: start}
	end := start.Add(time.Minute)
	h.session = lieciba.ExamSession{ID: id[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "test", ExternalID: "EX-2026-11"}, SourceVersion: 1,
		SiteID: site.ID, RoomID: room.ID, StartsAt: start, EndsAt: end, State: lieciba.SessionRunning, CreatedAt: start, UpdatedAt: start,
		Parts: []lieciba.Part{{ID: id[lieciba.PartID](), Kind: lieciba.PartSpeaking, StartsAt: start, EndsAt: end, Sound: true, State: lieciba.PartPlanned}}}
	require.NoError(t, catalog.PutSite(h.ctx, site))
	require.NoError(t, catalog.PutRoom(h.ctx, room))
	require.NoError(t, catalog.ChangeSession(h.ctx, h.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &h.session, nil },
		&lieciba.AuditEntry{ID: id[lieciba.AuditID](), At: start, Who: "pizis", WhoID: "pizis", Act: "push_session", SessionID: h.session.ID, Outcome: "ok"}))
	for i := range cameras {
		c := lieciba.Camera{ID: id[lieciba.CameraID](), SiteID: site.ID, Name: fmt.Sprintf("kamera %d", i+1), Maker: "M", Model: "X",
			EndpointRef: fmt.Sprint("urn:", i), Address: fmt.Sprintf("127.0.0.%d:80", i+1), State: lieciba.CameraReady, CreatedAt: start}
		require.NoError(t, catalog.PutCamera(h.ctx, c))
		rec, err := catalog.EnsureRecording(h.ctx, lieciba.Recording{ID: id[lieciba.RecordingID](), SessionID: h.session.ID, CameraID: c.ID,
			RoomID: room.ID, NodeID: h.node, Window: lieciba.Interval{From: start, To: end}, State: lieciba.RecordingRecording, CreatedAt: start})
		require.NoError(t, err)
		h.cameras, h.recs = append(h.cameras, c), append(h.recs, rec)
	}
	return h
}

func sqliteHouse(t testing.TB, cameras int) *house {
	c, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	return newHouse(t, c, cameras)
}

func postgresHouse(t testing.TB, cameras int) *house {
	c, err := postgres.Open(context.Background(), storagetest.PostgresFor(t, postgres.Open))
	require.NoError(t, err)
	return newHouse(t, c, cameras)
}

// record files a run of the camera that begins d after the start; its segments
// are stored and verified. It returns the time where the run ends.
func (h *house) record(i int, s footage.Spec, d, length time.Duration) time.Duration {
	stream := footage.Encode(h.t, s)
	run := lieciba.Run{ID: id[lieciba.RunID](), CameraID: h.cameras[i].ID, RecordingID: h.recs[i].ID, NodeID: h.node, StartedAt: start.Add(d), Format: stream.Format}
	require.NoError(h.t, h.catalog.PutRun(h.ctx, run))
	list := stream.Record(h.t, h.t.TempDir(), start.Add(d), length, func() segment.IDs {
		return segment.IDs{Recording: h.recs[i].ID, Camera: h.cameras[i].ID, Run: run.ID, Segment: id[lieciba.SegmentID](), Node: h.node}
	})
	for _, r := range list {
		h.file(r)
	}
	return list[len(list)-1].To.Sub(start)
}

func (h *house) file(r segment.Result) {
	s := r.Segment()
	s.ClockQuality = lieciba.ClockGood
	f, err := os.Open(r.Path)
	require.NoError(h.t, err)
	o, err := h.media.Put(h.ctx, storage.SegmentKey(s.RecordingID, s.ID), f, s.Size, s.SHA256)
	require.NoError(h.t, err)
	require.NoError(h.t, f.Close())
	require.NoError(h.t, h.catalog.AddSegment(h.ctx, s))
	require.NoError(h.t, h.catalog.VerifySegment(h.ctx, s.ID, o.Ref))
}

// gap declares a loss.
func (h *house) gap(i int, from, to time.Duration) {
	require.NoError(h.t, h.catalog.PutGap(h.ctx, lieciba.Gap{ID: id[lieciba.GapID](), RecordingID: h.recs[i].ID, CameraID: h.cameras[i].ID, NodeID: h.node,
		From: start.Add(from), To: start.Add(to), Cause: lieciba.CauseNetworkLoss, Detail: "the line broke"}))
}

// seal ends the session and seals its recordings.
func (h *house) seal() {
	for _, r := range h.recs {
		require.NoError(h.t, h.catalog.MoveRecording(h.ctx, r.ID, lieciba.RecordingComplete, ""))
	}
	require.NoError(h.t, h.catalog.MoveSession(h.ctx, h.session.ID, lieciba.SessionFinished))
	h.sequence()
	n, waiting, err := seal.New(seal.Config{Catalog: h.catalog}).Once(h.ctx)
	require.NoError(h.t, err)
	require.Empty(h.t, waiting)
	require.Equal(h.t, len(h.recs), n)
}

func (h *house) sequence() {
	_, err := h.log.Once(h.ctx)
	require.NoError(h.t, err)
}

// filled is a house with two cameras, gaps and a sealed session.
func filled(h *house) *house {
	for i := range h.recs {
		end := h.record(i, camera, 0, 2*time.Second)
		h.gap(i, end, 20*time.Second)
		end = h.record(i, camera, 20*time.Second, 3*time.Second)
		h.gap(i, end, time.Minute)
	}
	h.seal()
	return h
}

// awaiting sequences whenever it is waited for, as a running sequencer would.
type awaiting struct{ *sequencer.Sequencer }

func (a awaiting) Await(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error) {
	if _, err := a.Once(ctx); err != nil {
		return lieciba.Leaf{}, err
	}
	return a.Sequencer.Await(ctx, kind, subject)
}

func (h *house) config() export.Config {
	return export.Config{Catalog: h.catalog, Media: h.media, Log: awaiting{h.log}, Dir: filepath.Join(h.dir, "exports"), Node: h.node, Tool: "lieciba test"}
}

// request asks for an export.
func (h *house) request() lieciba.Export {
	return lieciba.Export{ID: id[lieciba.ExportID](), SessionID: h.session.ID, Purpose: "apstrīdēšana", RecipientName: "Apgabaltiesa",
		RequestedBy: "reviewer", RequestedByID: "u1", RequestedAt: start.Add(time.Hour), NodeID: h.node, State: lieciba.ExportRequested}
}

func (h *house) put(e lieciba.Export) lieciba.Export {
	require.NoError(h.t, h.catalog.PutExport(h.ctx, e))
	return e
}

// verified judges a package with the log's key compared.
func (h *house) verified(path string, o verify.Options) verify.Report {
	o.Keys = []string{h.log.Key().Fingerprint()}
	r, err := verify.Verify(h.ctx, path, o)
	require.NoError(h.t, err)
	return r
}

func code(f []verify.Finding) (out []string) {
	for _, x := range f {
		if x.Severity != verify.SeverityNote {
			out = append(out, string(x.Code)+" "+x.File+": "+x.Message)
		}
	}
	return out
}

func (h *house) requireVerdict(want verify.Verdict, path string, o verify.Options) verify.Report {
	r := h.verified(path, o)
	require.Equal(h.t, want, r.Verdict, "%v", code(r.Findings))
	require.Empty(h.t, code(r.Findings))
	require.True(h.t, r.Log.KeyCompared)
	return r
}

var _ export.Log = (*sequencer.Sequencer)(nil)
