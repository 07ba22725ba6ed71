package storagetest

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

// Act fails as a whole. The writes that do makes through the wrapper are planned
// on their own: one that fails ends the act, unless do goes on without it.
func (f *FaultCatalog) Act(ctx context.Context, e *lieciba.AuditEntry, do func(ctx context.Context) error) error {
	return f.do("Act", func() error { return f.Catalog.Act(ctx, e, do) })
}

func (f *FaultCatalog) StageLeaf(ctx context.Context, l lieciba.Leaf) error {
	return f.do("StageLeaf", func() error { return f.Catalog.StageLeaf(ctx, l) })
}

func (f *FaultCatalog) Sequence(ctx context.Context, limit int, decide func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error)) (int, error) {
	return get(f, "Sequence", func() (int, error) { return f.Catalog.Sequence(ctx, limit, decide) })
}

func (f *FaultCatalog) PutCosignature(ctx context.Context, c lieciba.Cosignature) error {
	return f.do("PutCosignature", func() error { return f.Catalog.PutCosignature(ctx, c) })
}

func (f *FaultCatalog) PutTimeStamp(ctx context.Context, t lieciba.TimeStamp) error {
	return f.do("PutTimeStamp", func() error { return f.Catalog.PutTimeStamp(ctx, t) })
}

func (f *FaultCatalog) SealRecording(ctx context.Context, id lieciba.RecordingID,
	build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (lieciba.Seal, error) {
	return get(f, "SealRecording", func() (lieciba.Seal, error) { return f.Catalog.SealRecording(ctx, id, build) })
}

func (f *FaultCatalog) PutExport(ctx context.Context, e lieciba.Export) error {
	return f.do("PutExport", func() error { return f.Catalog.PutExport(ctx, e) })
}

func (f *FaultCatalog) PutPolicy(ctx context.Context, p lieciba.RetentionPolicy) error {
	return f.do("PutPolicy", func() error { return f.Catalog.PutPolicy(ctx, p) })
}

func (f *FaultCatalog) ApprovePolicy(ctx context.Context, id lieciba.PolicyID, by, byID string, at time.Time) (lieciba.RetentionPolicy, error) {
	return get(f, "ApprovePolicy", func() (lieciba.RetentionPolicy, error) { return f.Catalog.ApprovePolicy(ctx, id, by, byID, at) })
}

func (f *FaultCatalog) AddSessionEvent(ctx context.Context, e lieciba.SessionEvent) (stored lieciba.SessionEvent, repeated bool, err error) {
	stored, err = get(f, "AddSessionEvent", func() (s lieciba.SessionEvent, err error) {
		s, repeated, err = f.Catalog.AddSessionEvent(ctx, e)
		return s, err
	})
	return stored, repeated && err == nil, err
}

func (f *FaultCatalog) PlaceHold(ctx context.Context, h lieciba.Hold) (int, error) {
	return get(f, "PlaceHold", func() (int, error) { return f.Catalog.PlaceHold(ctx, h) })
}

func (f *FaultCatalog) ChangeHold(ctx context.Context, id lieciba.HoldID, decide func(lieciba.Hold) (*lieciba.Hold, error)) (lieciba.Hold, error) {
	return get(f, "ChangeHold", func() (lieciba.Hold, error) { return f.Catalog.ChangeHold(ctx, id, decide) })
}

func (f *FaultCatalog) BeginDeletion(ctx context.Context, id lieciba.RecordingID,
	decide func(lieciba.RetentionFacts) (*lieciba.Deletion, error)) (*lieciba.Deletion, error) {
	return get(f, "BeginDeletion", func() (*lieciba.Deletion, error) { return f.Catalog.BeginDeletion(ctx, id, decide) })
}

func (f *FaultCatalog) ClaimSegments(ctx context.Context, id lieciba.DeletionID, limit int) ([]lieciba.Segment, error) {
	return get(f, "ClaimSegments", func() ([]lieciba.Segment, error) { return f.Catalog.ClaimSegments(ctx, id, limit) })
}

func (f *FaultCatalog) SegmentsDeleted(ctx context.Context, id lieciba.DeletionID, segments []lieciba.SegmentID) error {
	return f.do("SegmentsDeleted", func() error { return f.Catalog.SegmentsDeleted(ctx, id, segments) })
}

func (f *FaultCatalog) FinishDeletion(ctx context.Context, id lieciba.DeletionID, at time.Time, certificate []byte) (lieciba.Deletion, error) {
	return get(f, "FinishDeletion", func() (lieciba.Deletion, error) { return f.Catalog.FinishDeletion(ctx, id, at, certificate) })
}

// get is do for a write that returns something: nothing when it fails.
func get[T any](f *FaultCatalog, method string, call func() (T, error)) (T, error) {
	var out T
	err := f.do(method, func() (err error) {
		out, err = call()
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}
