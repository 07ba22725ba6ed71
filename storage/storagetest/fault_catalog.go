package storagetest

import (
	"context"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
)

// When tells how a write fails.
type When int

const (
	Never  When = iota
	Before      // CodeUnavailable, and nothing was written
	After       // CodeUnavailable, though the write is durable
)

// Write is one call of a writing method of a Catalog.
type Write struct {
	N      int    // counts the writes through this wrapper, from 1
	Method string // one of CatalogWrites
}

// CatalogWrites lists the writing methods of storage.Catalog.
func CatalogWrites() []string {
	return append(append(accessWrites(), examWrites()...), "PutSite", "PutRoom", "PutCamera", "SetCameraState", "SetCameraSecret", "AssignCamera",
		"ChangeSession", "MoveSession", "EnsureRecording", "SetRecordingWindow", "MoveRecording", "PutRun",
		"AddSegment", "VerifySegment", "PutGap", "CloseGap", "AcquireLease", "ReleaseLease", "Beat",
		"PutUser", "PutSignIn", "DeleteSignIn", "DeleteSignIns", "PutClientToken", "AppendAudit",
		"Act", "StageLeaf", "Sequence", "PutCosignature", "PutTimeStamp", "SealRecording", "PutExport",
		"PutPolicy", "ApprovePolicy", "AddSessionEvent", "PlaceHold", "ChangeHold",
		"BeginDeletion", "ClaimSegments", "SegmentsDeleted", "FinishDeletion")
}

// FaultCatalog wraps a Catalog and fails the writes that a plan names, before or
// after they took effect, with CodeUnavailable: what a caller must survive by
// repeating the call unchanged. Reads pass. Safe for concurrent use.
type FaultCatalog struct {
	storage.Catalog
	mu     sync.Mutex
	plan   func(Write) When
	writes []Write
}

// NewFaultCatalog wraps c; without a plan every write passes.
func NewFaultCatalog(c storage.Catalog) *FaultCatalog { return &FaultCatalog{Catalog: c} }

// Plan sets what decides about each write from now on; nil lets all pass. It is
// called under the wrapper's lock, in the order of the writes.
func (f *FaultCatalog) Plan(plan func(Write) When) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = plan
}

// FailNth fails the nth write from now (1: the next), and only that one.
func (f *FaultCatalog) FailNth(nth int, w When) {
	f.mu.Lock()
	first := len(f.writes)
	f.mu.Unlock()
	f.Plan(func(c Write) When {
		if c.N == first+nth {
			return w
		}
		return Never
	})
}

// FailNext fails the next call of one method, and only that one.
func (f *FaultCatalog) FailNext(method string, w When) {
	done := false
	f.Plan(func(c Write) When {
		if done || c.Method != method {
			return Never
		}
		done = true
		return w
	})
}

// FailAll fails every write until the next plan: the database is away.
func (f *FaultCatalog) FailAll() { f.Plan(func(Write) When { return Before }) }

// Writes returns the writes so far, failed ones too.
func (f *FaultCatalog) Writes() []Write {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Write(nil), f.writes...)
}

func (f *FaultCatalog) do(method string, call func() error) error {
	f.mu.Lock()
	w := Write{N: len(f.writes) + 1, Method: method}
	f.writes = append(f.writes, w)
	when := Never
	if f.plan != nil {
		when = f.plan(w)
	}
	f.mu.Unlock()
	if when == Before {
		return lieciba.Errorf(lieciba.CodeUnavailable, "injected: %s failed and was not persisted", method)
	}
	err := call()
	if err == nil && when == After {
		return lieciba.Errorf(lieciba.CodeUnavailable, "injected: %s failed but was persisted", method)
	}
	return err
}

// PutSite and the methods below are those of storage.Catalog.
func (f *FaultCatalog) PutSite(ctx context.Context, s lieciba.Site) error {
	return f.do("PutSite", func() error { return f.Catalog.PutSite(ctx, s) })
}

func (f *FaultCatalog) PutRoom(ctx context.Context, r lieciba.Room) error {
	return f.do("PutRoom", func() error { return f.Catalog.PutRoom(ctx, r) })
}

func (f *FaultCatalog) PutCamera(ctx context.Context, c lieciba.Camera) error {
	return f.do("PutCamera", func() error { return f.Catalog.PutCamera(ctx, c) })
}

func (f *FaultCatalog) SetCameraState(ctx context.Context, id lieciba.CameraID, state lieciba.CameraState, offset time.Duration) error {
	return f.do("SetCameraState", func() error { return f.Catalog.SetCameraState(ctx, id, state, offset) })
}

func (f *FaultCatalog) SetCameraSecret(ctx context.Context, id lieciba.CameraID, sealed []byte) error {
	return f.do("SetCameraSecret", func() error { return f.Catalog.SetCameraSecret(ctx, id, sealed) })
}

func (f *FaultCatalog) AssignCamera(ctx context.Context, a lieciba.CameraAssignment) error {
	return f.do("AssignCamera", func() error { return f.Catalog.AssignCamera(ctx, a) })
}

func (f *FaultCatalog) ChangeSession(ctx context.Context, key lieciba.SessionKey,
	decide func(*lieciba.ExamSession) (*lieciba.ExamSession, error), audit *lieciba.AuditEntry) error {
	return f.do("ChangeSession", func() error { return f.Catalog.ChangeSession(ctx, key, decide, audit) })
}

func (f *FaultCatalog) MoveSession(ctx context.Context, id lieciba.SessionID, to lieciba.SessionState) error {
	return f.do("MoveSession", func() error { return f.Catalog.MoveSession(ctx, id, to) })
}

func (f *FaultCatalog) EnsureRecording(ctx context.Context, r lieciba.Recording) (out lieciba.Recording, err error) {
	err = f.do("EnsureRecording", func() (err error) {
		out, err = f.Catalog.EnsureRecording(ctx, r)
		return err
	})
	if err != nil {
		return lieciba.Recording{}, err
	}
	return out, nil
}

func (f *FaultCatalog) SetRecordingWindow(ctx context.Context, id lieciba.RecordingID, w lieciba.Interval) error {
	return f.do("SetRecordingWindow", func() error { return f.Catalog.SetRecordingWindow(ctx, id, w) })
}

func (f *FaultCatalog) MoveRecording(ctx context.Context, id lieciba.RecordingID, to lieciba.RecordingState, node lieciba.NodeID) error {
	return f.do("MoveRecording", func() error { return f.Catalog.MoveRecording(ctx, id, to, node) })
}

func (f *FaultCatalog) PutRun(ctx context.Context, r lieciba.Run) error {
	return f.do("PutRun", func() error { return f.Catalog.PutRun(ctx, r) })
}

func (f *FaultCatalog) AddSegment(ctx context.Context, s lieciba.Segment) error {
	return f.do("AddSegment", func() error { return f.Catalog.AddSegment(ctx, s) })
}

func (f *FaultCatalog) VerifySegment(ctx context.Context, id lieciba.SegmentID, ref lieciba.MediaRef) error {
	return f.do("VerifySegment", func() error { return f.Catalog.VerifySegment(ctx, id, ref) })
}

func (f *FaultCatalog) PutGap(ctx context.Context, g lieciba.Gap) error {
	return f.do("PutGap", func() error { return f.Catalog.PutGap(ctx, g) })
}

func (f *FaultCatalog) CloseGap(ctx context.Context, id lieciba.GapID, to time.Time) error {
	return f.do("CloseGap", func() error { return f.Catalog.CloseGap(ctx, id, to) })
}

func (f *FaultCatalog) AcquireLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID, ttl time.Duration) (l lieciba.Lease, ok bool, err error) {
	err = f.do("AcquireLease", func() (err error) {
		l, ok, err = f.Catalog.AcquireLease(ctx, camera, node, ttl)
		return err
	})
	if err != nil {
		return lieciba.Lease{}, false, err
	}
	return l, ok, nil
}

func (f *FaultCatalog) ReleaseLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID) error {
	return f.do("ReleaseLease", func() error { return f.Catalog.ReleaseLease(ctx, camera, node) })
}

func (f *FaultCatalog) Beat(ctx context.Context, node lieciba.NodeID, at time.Time) error {
	return f.do("Beat", func() error { return f.Catalog.Beat(ctx, node, at) })
}

func (f *FaultCatalog) PutUser(ctx context.Context, u lieciba.User) error {
	return f.do("PutUser", func() error { return f.Catalog.PutUser(ctx, u) })
}

func (f *FaultCatalog) PutSignIn(ctx context.Context, s lieciba.SignIn) error {
	return f.do("PutSignIn", func() error { return f.Catalog.PutSignIn(ctx, s) })
}

func (f *FaultCatalog) DeleteSignIn(ctx context.Context, tokenHash [32]byte) error {
	return f.do("DeleteSignIn", func() error { return f.Catalog.DeleteSignIn(ctx, tokenHash) })
}

func (f *FaultCatalog) DeleteSignIns(ctx context.Context, user lieciba.UserID, now time.Time) error {
	return f.do("DeleteSignIns", func() error { return f.Catalog.DeleteSignIns(ctx, user, now) })
}

func (f *FaultCatalog) PutClientToken(ctx context.Context, t lieciba.ClientToken) error {
	return f.do("PutClientToken", func() error { return f.Catalog.PutClientToken(ctx, t) })
}

func (f *FaultCatalog) AppendAudit(ctx context.Context, e lieciba.AuditEntry) error {
	return f.do("AppendAudit", func() error { return f.Catalog.AppendAudit(ctx, e) })
}
