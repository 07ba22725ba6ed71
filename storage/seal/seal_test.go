package seal_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/postgres"
	"lieciba/storage/seal"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

func id[T ~string]() T { return lieciba.NewID[T](start) }

// house is a catalogue with a finished session of a minute.
type house struct {
	t       *testing.T
	ctx     context.Context
	catalog storage.Catalog
	second  storage.Catalog // another node's
	key     *evidence.Key
	session lieciba.ExamSession
	camera  lieciba.Camera
	rec     lieciba.Recording
	run     lieciba.Run
	node    lieciba.NodeID
}

func onCatalogs(t *testing.T, test func(h *house)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "catalogue.db")
		open := func() storage.Catalog {
			c, err := sqlite.Open(t.Context(), path)
			require.NoError(t, err)
			return c
		}
		test(newHouse(t, open))
	})
	t.Run("postgres", func(t *testing.T) {
		url := storagetest.PostgresFor(t, postgres.Open)
		open := func() storage.Catalog {
			c, err := postgres.Open(t.Context(), url)
			require.NoError(t, err)
			return c
		}
		test(newHouse(t, open))
	})
}

func newHouse(t *testing.T, open func() storage.Catalog) *house {
	h := &house{t: t, ctx: t.Context(), catalog: open(), second: open(), node: id[lieciba.NodeID]()}
	t.Cleanup(func() { require.NoError(t, errors.Join(h.catalog.Close(), h.second.Close())) })
	var err error
	h.key, _, err = evidence.OpenKey(filepath.Join(t.TempDir(), "log.key"))
	require.NoError(t, err)
	site := lieciba.Site{ID: id[lieciba.SiteID](), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: start}
	room := lieciba.Room{ID: id[lieciba.RoomID](), SiteID: site.ID, Code: "r1", Name: "1", State: lieciba.PlaceActive, CreatedAt: start}
	h.camera = lieciba.Camera{ID: id[lieciba.CameraID](), SiteID: site.ID, Name: "front", Maker: "M", Model: "X", Serial: "7", Firmware: "1.2",
		Address: "127.0.0.1:80", State: lieciba.CameraReady, CreatedAt: start}
	h.session = lieciba.ExamSession{ID: id[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "test", ExternalID: "e1"}, SourceVersion: 1,
		SiteID: site.ID, RoomID: room.ID, StartsAt: start, EndsAt: at(60), State: lieciba.SessionRunning, CreatedAt: start, UpdatedAt: start}
	require.NoError(t, h.catalog.PutSite(h.ctx, site))
	require.NoError(t, h.catalog.PutRoom(h.ctx, room))
	require.NoError(t, h.catalog.PutCamera(h.ctx, h.camera))
	require.NoError(t, h.catalog.ChangeSession(h.ctx, h.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &h.session, nil }, nil))
	h.rec, err = h.catalog.EnsureRecording(h.ctx, lieciba.Recording{ID: id[lieciba.RecordingID](), SessionID: h.session.ID, CameraID: h.camera.ID,
		RoomID: room.ID, NodeID: h.node, Window: lieciba.Interval{From: start, To: at(60)}, State: lieciba.RecordingRecording, CreatedAt: start})
	require.NoError(t, err)
	h.run = lieciba.Run{ID: id[lieciba.RunID](), CameraID: h.camera.ID, RecordingID: h.rec.ID, NodeID: h.node, StartedAt: start}
	require.NoError(t, h.catalog.PutRun(h.ctx, h.run))
	return h
}

// segment files a segment over [from, to) s; verified or not.
func (h *house) segment(from, to float64, verified bool) lieciba.Segment {
	s := h.unfiled(from, to)
	require.NoError(h.t, h.catalog.AddSegment(h.ctx, s))
	if verified {
		h.verify(s)
	}
	return s
}

func (h *house) unfiled(from, to float64) lieciba.Segment {
	return lieciba.Segment{ID: id[lieciba.SegmentID](), RecordingID: h.rec.ID, CameraID: h.camera.ID, RunID: h.run.ID, NodeID: h.node,
		From: at(from), To: at(to), Size: 1000, SHA256: sha256.Sum256([]byte(fmt.Sprint(from))), InitSize: 100, Video: lieciba.H264, Frames: 10,
		ClockQuality: lieciba.ClockGood, State: lieciba.SegmentHashed,
		Fragments: []lieciba.Fragment{{From: at(from), Offset: 100, Size: 900, Frames: 10, Key: true}}}
}

func (h *house) verify(s lieciba.Segment) {
	require.NoError(h.t, h.catalog.VerifySegment(h.ctx, s.ID, lieciba.MediaRef{Key: storage.SegmentKey(s.RecordingID, s.ID), Version: "1"}))
}

func (h *house) gap(from, to float64) lieciba.Gap {
	g := lieciba.Gap{ID: id[lieciba.GapID](), RecordingID: h.rec.ID, CameraID: h.camera.ID, NodeID: h.node, From: at(from), To: at(to), Cause: lieciba.CauseNetworkLoss}
	require.NoError(h.t, h.catalog.PutGap(h.ctx, g))
	return g
}

// record makes the recording whole: 50 s in two segments and a gap of 10 s.
func (h *house) record() {
	h.segment(0, 30, true)
	h.gap(30, 40)
	h.segment(40, 60, true)
}

func (h *house) complete() {
	for _, to := range []lieciba.RecordingState{lieciba.RecordingFinalising, lieciba.RecordingComplete} {
		require.NoError(h.t, h.catalog.MoveRecording(h.ctx, h.rec.ID, to, h.node))
	}
}

func (h *house) finish() {
	require.NoError(h.t, h.catalog.MoveSession(h.ctx, h.session.ID, lieciba.SessionFinished))
}

// sequence logs all that is staged, as the sequencer does.
func (h *house) sequence() {
	h.t.Helper()
	_, err := h.catalog.Sequence(h.ctx, 1000, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
		g, err := evidence.Grow(head.Checkpoint.Size, staged, head.Hashes)
		if err != nil {
			return storage.Sequenced{}, err
		}
		c, err := evidence.SignCheckpoint(h.key.Name(), head.Checkpoint.Size+int64(len(staged)), g.Root, h.key)
		c.At = start
		return storage.Sequenced{Hashes: g.Hashes, Checkpoint: c}, err
	})
	require.NoError(h.t, err)
}

func (h *house) sealer(c seal.Catalog) *seal.Sealer {
	return seal.New(seal.Config{Catalog: c, Clock: func() time.Time { return at(120) }})
}

// waits checks that a look seals nothing and says why.
func (h *house) waits(reason string) {
	h.t.Helper()
	s := h.sealer(h.catalog)
	n, waiting, err := s.Once(h.ctx)
	require.NoError(h.t, err)
	require.Zero(h.t, n)
	if reason == "" {
		require.Empty(h.t, waiting)
		return
	}
	require.Len(h.t, waiting, 1)
	require.Equal(h.t, h.rec.ID, waiting[0].RecordingID)
	require.Equal(h.t, h.session.ID, waiting[0].SessionID)
	require.Contains(h.t, waiting[0].Reason, reason)
	require.Equal(h.t, waiting, s.Waiting())
}

func (h *house) seals() int {
	h.t.Helper()
	n, _, err := h.sealer(h.catalog).Once(h.ctx)
	require.NoError(h.t, err)
	return n
}

// sealed checks the seal against what the catalogue has, and that it left one trace.
func (h *house) sealed() lieciba.Seal {
	h.t.Helper()
	s, err := h.catalog.Seal(h.ctx, h.rec.ID)
	require.NoError(h.t, err)
	require.Equal(h.t, sha256.Sum256(s.Manifest), s.SHA256)
	var m evidence.RecordingManifest
	require.NoError(h.t, evidence.Decode(s.Manifest, &m))
	segments, err := h.catalog.RecordingSegments(h.ctx, h.rec.ID, lieciba.Interval{})
	require.NoError(h.t, err)
	require.Len(h.t, m.Segments, len(segments))
	for i, x := range segments {
		require.Equal(h.t, evidence.DetailOfSegment(x), m.Segments[i])
	}
	gaps, err := h.catalog.RecordingGaps(h.ctx, h.rec.ID)
	require.NoError(h.t, err)
	require.Len(h.t, m.Gaps, len(gaps))
	require.Equal(h.t, "e1", m.Session.ExternalID)
	require.Equal(h.t, "7", m.Camera.Serial)
	r, err := h.catalog.Recording(h.ctx, h.rec.ID)
	require.NoError(h.t, err)
	require.Equal(h.t, lieciba.RecordingSealed, r.State)
	list, err := h.catalog.ListAudit(h.ctx, storage.AuditFilter{Act: string(lieciba.ActSealRecording)})
	require.NoError(h.t, err)
	require.Len(h.t, list, 1, "one seal, one entry")
	require.Equal(h.t, "recording:"+string(h.rec.ID), list[0].Object)
	require.Equal(h.t, "system", list[0].Who)
	require.Contains(h.t, list[0].Detail, evidence.Hash(s.SHA256).String())
	leaf, err := h.catalog.LeafOf(h.ctx, lieciba.LeafSeal, string(h.rec.ID))
	require.NoError(h.t, err)
	require.Equal(h.t, evidence.Encode(evidence.DetailOfSeal(s)), leaf.Detail)
	return s
}

func TestSealsWhenAllIsThere(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.record()
		h.waits("") // the session is running
		h.finish()
		require.NoError(h.t, h.catalog.MoveRecording(h.ctx, h.rec.ID, lieciba.RecordingFinalising, h.node))
		h.waits("not all of its segments are stored")
		require.NoError(h.t, h.catalog.MoveRecording(h.ctx, h.rec.ID, lieciba.RecordingComplete, h.node))
		h.waits("2 of its segments are not in the evidence log yet")
		h.sequence()
		require.Equal(h.t, 1, h.seals())
		require.Empty(h.t, h.sealed().PolicyID, "no policy was approved")
		require.Zero(h.t, h.seals(), "once")
		h.sealed()
	})
}

func TestGapsMustBeLoggedToo(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.segment(0, 30, true)
		h.segment(40, 60, true)
		h.sequence()
		h.gap(30, 40)
		h.complete()
		h.finish()
		h.waits("1 of its gaps are not in the evidence log yet")
		h.sequence()
		require.Equal(h.t, 1, h.seals())
	})
}

func TestHolesAndOverlapsAreNeverSealed(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.segment(0, 30, true)
		h.segment(40, 60, true)
		h.complete()
		h.finish()
		h.sequence()
		h.waits("nothing accounts for 2026-11-22T10:00:30.123456Z to 2026-11-22T10:00:40.123456Z (10s)")
		h.gap(30, 41)
		h.sequence()
		h.waits("accounted for twice")
	})
}

// The policy in force is the one that the seal names.
func TestSealNamesThePolicyInForce(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.record()
		h.complete()
		h.finish()
		h.sequence()
		var ids []lieciba.PolicyID
		for v := 1; v <= 3; v++ {
			p := lieciba.RetentionPolicy{ID: id[lieciba.PolicyID](), Name: lieciba.DefaultPolicy, Version: v, Purpose: "exam", LegalBasis: "MK 973",
				Keep: lieciba.Period{Months: v}, Unanchored: lieciba.Period{Months: 12}, State: lieciba.PolicyDraft, DraftedBy: "a", DraftedByID: "a", DraftedAt: start}
			require.NoError(h.t, h.catalog.PutPolicy(h.ctx, p))
			ids = append(ids, p.ID)
		}
		other := lieciba.RetentionPolicy{ID: id[lieciba.PolicyID](), Name: "other", Version: 1, Purpose: "x", LegalBasis: "y", Keep: lieciba.Period{Months: 1},
			Unanchored: lieciba.Period{Months: 1}, State: lieciba.PolicyDraft, DraftedBy: "a", DraftedByID: "a", DraftedAt: start}
		require.NoError(h.t, h.catalog.PutPolicy(h.ctx, other))
		for _, p := range []lieciba.PolicyID{ids[0], ids[1], other.ID} { // the third version is a draft
			_, err := h.catalog.ApprovePolicy(h.ctx, p, "b", "b", start)
			require.NoError(h.t, err)
		}
		require.Equal(h.t, 1, h.seals())
		require.Equal(h.t, ids[1], h.sealed().PolicyID)
	})
}

// A segment that turns up late is part of the seal if it comes before it, and
// refused after it.
func TestLateSegments(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.segment(0, 30, true)
		h.segment(30, 55, true)
		h.complete()
		h.finish()
		late := h.segment(55, 60, false)
		h.sequence()
		h.waits("segment " + string(late.ID) + " is hashed")
		h.verify(late)
		require.Equal(h.t, 1, h.seals())
		require.Contains(h.t, string(h.sealed().Manifest), string(late.ID))
		later := h.unfiled(60, 65)
		require.Equal(h.t, lieciba.CodeConflict, lieciba.CodeOf(h.catalog.AddSegment(h.ctx, later)))
		h.sealed()
	})
}

// racing adds a segment between the look at the leaves and the seal.
type racing struct {
	storage.Catalog
	once sync.Once
	meet func()
}

func (c *racing) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	c.once.Do(c.meet)
	return c.Catalog.Act(ctx, e, do)
}

func TestSegmentBetweenTheLookAndTheSeal(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.record()
		h.complete()
		h.finish()
		h.sequence()
		c := &racing{Catalog: h.catalog, meet: func() { h.segment(60, 61, true) }}
		s := h.sealer(c)
		n, waiting, err := s.Once(h.ctx)
		require.NoError(h.t, err)
		require.Zero(h.t, n, "its leaf is not in the log")
		require.Len(h.t, waiting, 1)
		require.Contains(h.t, waiting[0].Reason, "changed")
		h.waits("1 of its segments are not in the evidence log yet")
		list, err := h.catalog.ListAudit(h.ctx, storage.AuditFilter{Act: string(lieciba.ActSealRecording)})
		require.NoError(h.t, err)
		require.Empty(h.t, list, "what was not done left no entry")
		h.sequence()
		require.Equal(h.t, 1, h.seals())
		h.sealed()
	})
}

// Two nodes look at the same moment: one seal, one entry, no error.
func TestTwoNodes(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.record()
		h.complete()
		h.finish()
		h.sequence()
		meet := sync.WaitGroup{}
		meet.Add(2)
		both := func() { meet.Done(); meet.Wait() }
		total, results := 0, make(chan int, 2)
		for _, c := range []storage.Catalog{h.catalog, h.second} {
			s := h.sealer(&racing{Catalog: c, meet: both})
			go func() {
				n, waiting, err := s.Once(h.ctx)
				if err != nil || len(waiting) > 0 {
					n = 100
				}
				results <- n
			}()
		}
		for range 2 {
			total += <-results
		}
		require.Equal(h.t, 1, total)
		h.sealed()
	})
}

// faulty fails the act, before or after it took effect, or the step inside of it.
type faulty struct {
	storage.Catalog
	mode string
}

var errOutage = lieciba.Errorf(lieciba.CodeUnavailable, "injected")

func (c *faulty) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	if c.mode == "before" {
		return errOutage
	}
	err := c.Catalog.Act(ctx, e, do)
	if c.mode == "after" && err == nil {
		return errOutage
	}
	return err
}

func (c *faulty) SealRecording(ctx context.Context, id lieciba.RecordingID, build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (lieciba.Seal, error) {
	s, err := c.Catalog.SealRecording(ctx, id, build)
	if c.mode == "inside" && err == nil {
		return s, errOutage
	}
	return s, err
}

func TestFaultsBeforeAndAfter(t *testing.T) {
	for _, mode := range []string{"before", "inside", "after"} {
		onCatalogs(t, func(h *house) {
			h.record()
			h.complete()
			h.finish()
			h.sequence()
			s := h.sealer(&faulty{h.catalog, mode})
			n, _, err := s.Once(h.ctx)
			require.Equal(h.t, lieciba.CodeUnavailable, lieciba.CodeOf(err), mode)
			require.Zero(h.t, n)
			_, err = h.catalog.Seal(h.ctx, h.rec.ID)
			if mode == "after" {
				require.NoError(h.t, err)
				require.Zero(h.t, h.seals())
			} else {
				require.Equal(h.t, lieciba.CodeNotFound, lieciba.CodeOf(err), mode)
				require.Equal(h.t, 1, h.seals())
			}
			h.sealed()
		})
	}
}

// counting tells of each look.
type counting struct {
	storage.Catalog
	looks chan struct{}
	err   error
}

func (c *counting) ListRecordings(context.Context, ...lieciba.RecordingState) ([]lieciba.Recording, error) {
	c.looks <- struct{}{}
	return nil, c.err
}

// Run looks at once, at each interval and at each poke, also after failures, and
// ends with its context.
func TestRun(t *testing.T) {
	for _, failure := range []error{nil, errOutage} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := &counting{looks: make(chan struct{}, 100), err: failure}
			s := seal.New(seal.Config{Catalog: c, Interval: time.Minute})
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			synctest.Wait()
			require.Len(t, c.looks, 1)
			s.Poke()
			synctest.Wait()
			require.Len(t, c.looks, 2)
			time.Sleep(3*time.Minute + time.Second)
			require.Len(t, c.looks, 5)
			cancel()
			require.NoError(t, <-done)
		})
	}
}

// TestSealNamesTheOtherCameras: what is sealed tells which recordings the
// session has, so that a package without one of them is found out.
func TestSealNamesTheOtherCameras(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.record()
		h.complete()
		cam := lieciba.Camera{ID: id[lieciba.CameraID](), SiteID: h.session.SiteID, Name: "back", Address: "127.0.0.2:80", State: lieciba.CameraReady, CreatedAt: start}
		require.NoError(h.t, h.catalog.PutCamera(h.ctx, cam))
		other, err := h.catalog.EnsureRecording(h.ctx, lieciba.Recording{ID: id[lieciba.RecordingID](), SessionID: h.session.ID, CameraID: cam.ID, RoomID: h.rec.RoomID,
			NodeID: h.node, Window: h.rec.Window, State: lieciba.RecordingRecording, CreatedAt: start.Add(time.Second)})
		require.NoError(h.t, err)
		h.finish()
		h.sequence()
		_, _, err = h.sealer(h.catalog).Once(h.ctx)
		require.NoError(h.t, err)
		var m evidence.RecordingManifest
		require.NoError(h.t, evidence.Decode(h.sealed().Manifest, &m))
		want := []evidence.RecordingRef{{ID: h.rec.ID, CameraID: h.camera.ID}, {ID: other.ID, CameraID: cam.ID}}
		slices.SortFunc(want, func(a, b evidence.RecordingRef) int { return cmp.Compare(a.ID, b.ID) })
		require.Equal(h.t, want, m.SessionRecordings)
	})
}

// TestWordsOfACameraAreSealed: whatever bytes a camera put into the words of a
// loss, the seal can be read again.
func TestWordsOfACameraAreSealed(t *testing.T) {
	onCatalogs(t, func(h *house) {
		h.segment(0, 30, true)
		g := lieciba.Gap{ID: id[lieciba.GapID](), RecordingID: h.rec.ID, CameraID: h.camera.ID, NodeID: h.node, From: at(30), To: at(60),
			Cause: lieciba.CauseCameraOffline, Detail: "bad status: 404 (Not\x00Found \xff)"}
		for range 2 {
			require.NoError(h.t, h.catalog.PutGap(h.ctx, g))
		}
		h.complete()
		h.finish()
		h.sequence()
		require.Equal(h.t, 1, h.seals())
		h.sealed()
		gaps, err := h.catalog.RecordingGaps(h.ctx, h.rec.ID)
		require.NoError(h.t, err)
		require.Equal(h.t, "bad status: 404 (Not\uFFFDFound \uFFFD)", gaps[0].Detail)
	})
}
