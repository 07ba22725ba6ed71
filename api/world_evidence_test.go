package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/retention"
	"lieciba/storage/seal"
	"lieciba/storage/sequencer"
)

// seamExporter stands where package export is wired in.
type seamExporter struct {
	mu    sync.Mutex
	files map[lieciba.ExportID][]byte
	pokes int
	open  int // files that are not closed yet
}

func (s *seamExporter) Poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pokes++
}

type seamFile struct {
	*bytes.Reader
	s *seamExporter
}

func (f seamFile) Close() error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.open--
	return nil
}

func (s *seamExporter) Open(_ context.Context, id lieciba.ExportID) (io.ReadSeekCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.files[id]
	if !ok {
		return nil, 0, lieciba.Errorf(lieciba.CodeNotFound, "no such file")
	}
	s.open++
	return seamFile{bytes.NewReader(b), s}, int64(len(b)), nil
}

// seamChecker stands where the check of the chain is wired in.
type seamChecker struct {
	result LogCheck
	err    error
	hold   chan struct{} // the check waits for it after it told its progress; nil: it ends at once
	told   chan struct{} // closed when the progress was told
}

func (s *seamChecker) CheckLog(ctx context.Context, progress func(done, total int64)) (LogCheck, error) {
	progress(1, 4)
	if s.hold == nil {
		return s.result, s.err
	}
	close(s.told)
	select {
	case <-s.hold:
	case <-ctx.Done():
		return LogCheck{}, ctx.Err()
	}
	return s.result, s.err
}

// seamRetention stands where package retention is wired in.
type seamRetention struct {
	rows  []PlannedDeletion
	asked time.Time
	pokes atomic.Int64
}

func (*seamRetention) MayDelete(f lieciba.RetentionFacts, now time.Time) error {
	return retention.MayDelete(f, now)
}

func (s *seamRetention) Poke() { s.pokes.Add(1) }

func (s *seamRetention) Plan(_ context.Context, before time.Time) ([]PlannedDeletion, error) {
	s.asked = before
	return s.rows, nil
}

// sequence gives all that is staged its place in the log.
func (w *world) sequence() lieciba.Checkpoint {
	w.t.Helper()
	seq := sequencer.New(sequencer.Config{Catalog: w.catalog, KeyFile: w.keyFile, Now: w.clock.Now, Log: w.cfg.Log})
	for {
		n, err := seq.Once(w.t.Context())
		require.NoError(w.t, err)
		if n == 0 {
			break
		}
	}
	cp, err := w.catalog.NewestCheckpoint(w.t.Context())
	require.NoError(w.t, err)
	return cp
}

// gap declares that the recording holds nothing from its fourth second on.
func (w *world) gap(rec lieciba.Recording) lieciba.Gap {
	g := lieciba.Gap{ID: lieciba.NewID[lieciba.GapID](start), RecordingID: rec.ID, CameraID: rec.CameraID, NodeID: rec.NodeID,
		From: start.Add(4 * time.Second), To: start.Add(10 * time.Second), Cause: lieciba.CauseNetworkLoss, Detail: "i/o timeout"}
	require.NoError(w.t, w.catalog.PutGap(w.t.Context(), g))
	return g
}

// finished stores a session that is over, with one complete recording: 4 s of
// it on record, 6 s declared lost.
func (w *world) finished(p place) (lieciba.ExamSession, lieciba.Recording) {
	t, ctx := w.t, w.t.Context()
	x := w.session("token-citizenship", "over-"+lieciba.NewID[string](start), p.room, start)
	rec, _, _ := w.record(x, p.camera.ID, []byte("some bytes of "+x.ExternalID))
	w.gap(rec)
	require.NoError(t, w.catalog.MoveRecording(ctx, rec.ID, lieciba.RecordingComplete, ""))
	require.NoError(t, w.catalog.MoveSession(ctx, x.ID, lieciba.SessionFinished))
	x.State = lieciba.SessionFinished
	return x, rec
}

// sealed is finished with the recording sealed.
func (w *world) sealed(p place) (lieciba.ExamSession, lieciba.Recording) {
	x, rec := w.finished(p)
	w.sequence()
	_, waiting, err := seal.New(seal.Config{Catalog: w.catalog, Clock: w.clock.Now, Log: w.cfg.Log}).Once(w.t.Context())
	require.NoError(w.t, err)
	_, err = w.catalog.Seal(w.t.Context(), rec.ID)
	require.NoError(w.t, err, "waiting: %v", waiting)
	return x, rec
}

// export stores a package of a session with bytes.
func (w *world) export(x lieciba.ExamSession, recipient string, content []byte) lieciba.Export {
	e := lieciba.Export{ID: lieciba.NewID[lieciba.ExportID](start), SessionID: x.ID, Purpose: "appeal", RecipientName: "court", Recipient: recipient,
		RequestedBy: "token-reviewer", RequestedByID: string(w.ids[lieciba.RoleReviewer]), RequestedAt: start, NodeID: w.cfg.Node, State: lieciba.ExportRequested}
	require.NoError(w.t, w.catalog.PutExport(w.t.Context(), e))
	e.State, e.Size, e.SHA256, e.SealedAt = lieciba.ExportSealed, int64(len(content)), sha256.Sum256(content), start
	require.NoError(w.t, w.catalog.PutExport(w.t.Context(), e))
	w.exports.mu.Lock()
	defer w.exports.mu.Unlock()
	w.exports.files[e.ID] = content
	return e
}

// later moves the clock, and the tokens' ends with it.
func (w *world) later(d time.Duration) {
	w.clock.add(d)
	for _, plain := range w.tokens {
		tok, err := w.catalog.ClientToken(w.t.Context(), sha256.Sum256([]byte(plain)))
		require.NoError(w.t, err)
		tok.ExpiresAt = w.clock.Now().Add(time.Hour)
		require.NoError(w.t, w.catalog.PutClientToken(w.t.Context(), tok))
	}
}

// hold places a hold by somebody.
func (w *world) hold(x lieciba.ExamSession) lieciba.Hold {
	h := lieciba.Hold{ID: lieciba.NewID[lieciba.HoldID](start), SessionID: x.ID, Kind: lieciba.HoldCourt, Reference: "C-1", Reason: "court",
		PlacedBy: "somebody", PlacedByID: lieciba.NewID[string](start), PlacedAt: start}
	_, err := w.catalog.PlaceHold(w.t.Context(), h)
	require.NoError(w.t, err)
	return h
}

// draft stores somebody's draft of a fresh policy.
func (w *world) draft(name string) lieciba.RetentionPolicy {
	month := lieciba.Period{Months: 1}
	p := lieciba.RetentionPolicy{ID: lieciba.NewID[lieciba.PolicyID](start), Name: name, Version: 1, Purpose: "appeals", LegalBasis: "MK 973",
		Keep: lieciba.Period{Months: 3}, Unanchored: lieciba.Period{Months: 12}, WarnBefore: month, AfterAppeal: month, State: lieciba.PolicyDraft,
		DraftedBy: "somebody", DraftedByID: lieciba.NewID[string](start), DraftedAt: start}
	require.NoError(w.t, w.catalog.PutPolicy(w.t.Context(), p))
	return p
}

// deletion deletes a sealed recording's footage in the catalogue.
func (w *world) deletion(p place, done bool) lieciba.Deletion {
	t, ctx := w.t, w.t.Context()
	x, rec := w.sealed(p)
	d, err := w.catalog.BeginDeletion(ctx, rec.ID, func(f lieciba.RetentionFacts) (*lieciba.Deletion, error) {
		return &lieciba.Deletion{ID: lieciba.NewID[lieciba.DeletionID](start), RecordingID: rec.ID, SessionID: x.ID, Reason: "kept long enough",
			DueAt: start, DecidedAt: start, State: lieciba.DeletionOpen}, nil
	})
	require.NoError(t, err)
	if !done {
		return *d
	}
	segments, err := w.catalog.ClaimSegments(ctx, d.ID, 100)
	require.NoError(t, err)
	var ids []lieciba.SegmentID
	for _, s := range segments {
		ids = append(ids, s.ID)
	}
	require.NoError(t, w.catalog.SegmentsDeleted(ctx, d.ID, ids))
	c := evidence.Certificate{Format: evidence.CertificateFormat, ID: d.ID, RecordingID: rec.ID, CameraID: rec.CameraID, NodeID: w.cfg.Node,
		Session: evidence.SessionIdentity{ID: x.ID, Source: x.Source, ExternalID: x.ExternalID}, Reason: d.Reason, By: "system"}
	out, err := w.catalog.FinishDeletion(ctx, d.ID, start, evidence.Encode(c))
	require.NoError(t, err)
	return out
}

// cosignature is a good body of POST /v1/log/cosignatures.
func (w *world) cosignature(cp lieciba.Checkpoint) map[string]any {
	_, note, err := evidence.UnverifiedCheckpoint(cp.Note)
	require.NoError(w.t, err)
	line, err := w.witness.Cosign(note.Text, w.clock.Now())
	require.NoError(w.t, err)
	return map[string]any{"size": cp.Size, "line": line}
}

func months(n int) map[string]any { return map[string]any{"months": n, "days": 0} }

// newPolicyBody is a good draft; change changes it.
func newPolicyBody(change map[string]any) map[string]any {
	b := map[string]any{"purpose": "review of contested results", "legal_basis": "MK 973", "keep": months(3), "unanchored": months(12),
		"warn_before": months(1), "after_appeal": months(1)}
	for k, v := range change {
		if v == nil {
			delete(b, k)
			continue
		}
		b[k] = v
	}
	return b
}
