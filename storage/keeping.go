package storage

import (
	"context"
	"time"

	"lieciba"
)

// Policies keeps retention policies.
type Policies interface {
	// PutPolicy inserts a draft, or replaces one that is still a draft;
	// CodeConflict names "id" for an approved one, "version" for one that the name
	// has already.
	PutPolicy(ctx context.Context, p lieciba.RetentionPolicy) error
	// ApprovePolicy puts a draft in force, supersedes the one of its name that was,
	// and stages its leaf. Approved by the same already: no error. CodeConflict
	// names "approved_by" when byID drafted it, "version" when a newer one is in
	// force, "state" when another person approved it.
	ApprovePolicy(ctx context.Context, id lieciba.PolicyID, by, byID string, at time.Time) (lieciba.RetentionPolicy, error)
	// Policies returns every version by name and version.
	Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error)
}

// Events keeps what the citizenship system told about sessions.
type Events interface {
	// AddSessionEvent inserts e; the same (source, external ID) with the same
	// content is no error and returns the stored one with repeated true; with
	// another content CodeConflict names "event_id". A result_notified of a
	// finished session moves it to anchored, in the same transaction.
	AddSessionEvent(ctx context.Context, e lieciba.SessionEvent) (stored lieciba.SessionEvent, repeated bool, err error)
	// SessionEvents returns them by At, then by ID.
	SessionEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.SessionEvent, error)
}

// Holds keeps the holds on sessions.
type Holds interface {
	// PlaceHold inserts h and stages its leaf, excluding every ClaimSegments of the
	// session's recordings: what was not claimed before stays. The same hold again
	// is no error, whatever became of it; another content CodeConflict "id". gone is how many segments were claimed or deleted before.
	PlaceHold(ctx context.Context, h lieciba.Hold) (gone int, err error)
	// ChangeHold runs decide in one transaction that excludes every other change of
	// the hold, stores what it returns (nil: nothing) and stages the release's leaf
	// when it became released. CodeConflict names "released_at" for a change of a
	// released one. An error of decide is returned as is; it may run more than once.
	ChangeHold(ctx context.Context, id lieciba.HoldID, decide func(lieciba.Hold) (*lieciba.Hold, error)) (lieciba.Hold, error)
	Hold(ctx context.Context, id lieciba.HoldID) (lieciba.Hold, error)
	// SessionHolds returns all of a session, by PlacedAt.
	SessionHolds(ctx context.Context, s lieciba.SessionID) ([]lieciba.Hold, error)
	// ActiveHolds returns all that are not released, by PlacedAt.
	ActiveHolds(ctx context.Context) ([]lieciba.Hold, error)
}

// Deletions deletes footage, in steps that each may be repeated:
// BeginDeletion, then ClaimSegments and SegmentsDeleted until none is left, then
// FinishDeletion (DESIGN.md, invariant 6).
type Deletions interface {
	// RetentionFacts reads all that decides about a recording, in one snapshot.
	RetentionFacts(ctx context.Context, id lieciba.RecordingID) (lieciba.RetentionFacts, error)
	// BeginDeletion reads the facts, excluding every change of them, and stores the
	// deletion that decide returns as the recording's tombstone; the recording moves
	// to expired. A deletion that was decided before is returned and decide is not
	// called. nil from decide: nothing is stored, and nil is returned. CheckDeletion
	// says what is refused whatever decide says. decide may run more than once.
	BeginDeletion(ctx context.Context, id lieciba.RecordingID, decide func(lieciba.RetentionFacts) (*lieciba.Deletion, error)) (*lieciba.Deletion, error)
	// ClaimSegments moves up to max segments of the deletion's recording to
	// deleting and returns all that are deleting, by time. While a hold on the
	// session is active none is claimed, the deletion becomes held, and what was
	// claimed before is still returned. Without a hold a held one becomes open.
	ClaimSegments(ctx context.Context, id lieciba.DeletionID, max int) ([]lieciba.Segment, error)
	// SegmentsDeleted moves segments from deleting to deleted: their objects are
	// gone. Deleted ones again are no error; one that was not claimed is CodeConflict
	// and none of them is moved.
	SegmentsDeleted(ctx context.Context, id lieciba.DeletionID, segments []lieciba.SegmentID) error
	// FinishDeletion stores the certificate, stages its leaf and moves the recording
	// to deleted. CodeConflict while a segment is not deleted. Done already: the
	// stored deletion is returned, whatever certificate is given.
	FinishDeletion(ctx context.Context, id lieciba.DeletionID, at time.Time, certificate []byte) (lieciba.Deletion, error)
	Deletion(ctx context.Context, id lieciba.DeletionID) (lieciba.Deletion, error)
	// ListDeletions returns them newest decision first, in one of the states; all
	// of them without a state; at most limit (PageLimit), decided before that one.
	ListDeletions(ctx context.Context, limit int, before lieciba.DeletionID, states ...lieciba.DeletionState) ([]lieciba.Deletion, error)
	// ScanRecordings calls fn for each recording whose ID is above after, by ID; it
	// ends at fn's error and returns it. No cursor is open while fn runs.
	ScanRecordings(ctx context.Context, after lieciba.RecordingID, fn func(lieciba.Recording) error) error
}
