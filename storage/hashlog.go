package storage

import (
	"context"
	"time"

	"lieciba"
)

// Acts joins changes and their trace.
type Acts interface {
	// Act runs do and appends e to the audit log in one transaction: both are
	// there or neither is (invariant 7). Every write and read of this Catalog that
	// do makes with the ctx it gets is part of the transaction; nothing else may
	// be waited for in it, and one call at a time. A write that fails undoes itself
	// alone, so do may go on. What do reads of sites, rooms, cameras, users, client
	// tokens and exports nobody else changes until the act ends, so that do may
	// write it back whole. The ctx ends with do: a later call with it is
	// CodeInternal. do may run more than once, and may fill in e before it
	// returns. An error of do rolls everything back and is returned as is. Acts do
	// not nest: an Act inside of do is CodeInternal.
	Act(ctx context.Context, e *lieciba.AuditEntry, do func(ctx context.Context) error) error
}

// sharedKey marks a ctx of Shared.
type sharedKey struct{}

// Shared makes reads with the ctx of an Act share their rows: nobody changes them
// until the act ends, and other acts may read them so meanwhile. For rows that do
// looks at and does not write back.
func Shared(ctx context.Context) context.Context { return context.WithValue(ctx, sharedKey{}, true) }

// IsShared reports whether ctx came from Shared.
func IsShared(ctx context.Context) bool { return ctx.Value(sharedKey{}) != nil }

// LogHead is where the hash log stands inside of a Sequence.
type LogHead struct {
	Checkpoint lieciba.Checkpoint // the newest; Size 0 before the first
	// Hashes reads stored hashes by their index in the order of
	// golang.org/x/mod/sumdb/tlog; CodeCorrupt if one is missing.
	Hashes func(indexes []int64) ([][32]byte, error)
}

// Sequenced is what a Sequence stores.
type Sequenced struct {
	Hashes     [][32]byte         // stored hashes that the new leaves add, in order
	Checkpoint lieciba.Checkpoint // Size is the old one plus the leaves that were given
}

// HashLog keeps the leaves of the evidence log, its tree and its checkpoints.
// Leaves of segments, gaps, seals, holds, policies, deletions, incidents, part
// events, readiness and audit entries
// are staged by the methods that write those facts, in their own transactions.
type HashLog interface {
	// StageLeaf stages a leaf of a fact that no other method writes. The same kind
	// and subject again with the same detail is no error, with another CodeConflict
	// names "subject".
	StageLeaf(ctx context.Context, l lieciba.Leaf) error
	// Sequence runs decide in one transaction that excludes every other sequencer
	// of every node. It gets up to max staged leaves, oldest first; they get the
	// next indexes in that order. With none staged decide is not called and n is 0.
	// An error of decide rolls back and is returned as is. A result that does not
	// continue the log is CodeInternal, another origin CodeConflict. decide may run
	// more than once.
	Sequence(ctx context.Context, max int, decide func(head LogHead, staged []lieciba.Leaf) (Sequenced, error)) (n int, err error)
	// LeafOf returns the leaf of an object, staged (Index -1) or logged.
	LeafOf(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error)
	// Logged tells which of the subjects have a leaf of that kind in the log.
	Logged(ctx context.Context, kind lieciba.LeafKind, subjects []string) (map[string]bool, error)
	// Leaves returns those with from <= Index < to, by index, at most 1000.
	Leaves(ctx context.Context, from, to int64) ([]lieciba.Leaf, error)
	// StagedLeaves counts what waits for its index; oldest is the earliest At of
	// them, zero for none.
	StagedLeaves(ctx context.Context) (n int, oldest time.Time, err error)
	// LogHashes reads stored hashes, as LogHead.Hashes does.
	LogHashes(ctx context.Context, indexes []int64) ([][32]byte, error)

	// NewestCheckpoint is CodeNotFound before the first.
	NewestCheckpoint(ctx context.Context) (lieciba.Checkpoint, error)
	// Checkpoints returns those with a size above after, by size, at most 1000.
	Checkpoints(ctx context.Context, after int64) ([]lieciba.Checkpoint, error)
	// PutCosignature keeps one per size and witness: the first stays.
	// CodeNotFound without a checkpoint of that size.
	PutCosignature(ctx context.Context, c lieciba.Cosignature) error
	Cosignatures(ctx context.Context, size int64) ([]lieciba.Cosignature, error)
	// NewestCosignatures returns each witness's newest, by witness.
	NewestCosignatures(ctx context.Context) ([]lieciba.Cosignature, error)
	// PutTimeStamp keeps one per size and authority: the first stays.
	PutTimeStamp(ctx context.Context, t lieciba.TimeStamp) error
	TimeStamps(ctx context.Context, size int64) ([]lieciba.TimeStamp, error)
}

// Seals closes recordings.
type Seals interface {
	// SealRecording runs build in one transaction that excludes every change of
	// the recording, with all its segments (without fragments) and gaps; stores the
	// seal, stages its leaf and moves the recording to sealed. Sealed already: the
	// stored seal is returned and build is not called. CodeConflict while the
	// recording is not complete. An error of build rolls back and is returned as is;
	// build may run more than once.
	SealRecording(ctx context.Context, id lieciba.RecordingID, build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (lieciba.Seal, error)
	// Seal is CodeNotFound for a recording that is not sealed.
	Seal(ctx context.Context, id lieciba.RecordingID) (lieciba.Seal, error)
}

// ExportFilter narrows ListExports. Zero fields do not filter.
type ExportFilter struct {
	SessionID lieciba.SessionID
	NodeID    lieciba.NodeID
	States    []lieciba.ExportState
	Limit     int // 0: 100; at most 1000
	Before    lieciba.ExportID
}

// Exports keeps requests for evidence packages.
type Exports interface {
	// PutExport inserts or replaces by ID; CodeConflict names "state" for one that
	// goes backwards (failed to building is allowed), "session_id" for a new one of
	// a session with a recording whose deletion was decided, "id" when what was
	// asked for changes, "sha256" when a sealed package does.
	PutExport(ctx context.Context, e lieciba.Export) error
	Export(ctx context.Context, id lieciba.ExportID) (lieciba.Export, error)
	// ListExports returns them newest request first, then by ID descending.
	ListExports(ctx context.Context, f ExportFilter) ([]lieciba.Export, error)
}
