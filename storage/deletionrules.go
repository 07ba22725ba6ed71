package storage

import (
	"time"

	"lieciba"
)

// CheckDeletion checks what decide of BeginDeletion returned against the facts
// that it saw (invariant 6). The decision is the caller's; what contradicts the
// facts is refused here once more, so that no fault in it destroys footage.
func CheckDeletion(f lieciba.RetentionFacts, d lieciba.Deletion) error {
	switch {
	case d.RecordingID != f.Recording.ID || d.SessionID != f.Recording.SessionID || d.State != lieciba.DeletionOpen ||
		d.Certificate != nil || !d.DoneAt.IsZero():
		return lieciba.Errorf(lieciba.CodeInternal, "the deletion of recording %s is no fresh one of it", f.Recording.ID)
	case f.Recording.State != lieciba.RecordingComplete && f.Recording.State != lieciba.RecordingSealed:
		return conflict("state", "the recording is %s: only a complete or sealed one can be deleted", f.Recording.State)
	case d.DueAt.IsZero() || d.DueAt.After(d.DecidedAt):
		return conflict("due_at", "the deletion is not due yet")
	}
	for _, h := range f.Holds {
		if h.Active() {
			return conflict("hold", "hold %s forbids the deletion", h.ID)
		}
	}
	for _, e := range f.Exports {
		if e.Open() {
			return conflict("export", "export %s still needs the footage", e.ID)
		}
	}
	grants, requests := f.Needed(d.DecidedAt)
	if len(grants) > 0 {
		return conflict("grant", "grant %s is in force: its holder still needs the footage", grants[0].ID)
	}
	if len(requests) > 0 {
		return conflict("request", "request %s for the footage is open", requests[0].ID)
	}
	return nil
}

// MicroDeletion cuts the times of a deletion to what is stored.
func MicroDeletion(d lieciba.Deletion) lieciba.Deletion {
	d.DueAt, d.DecidedAt, d.DoneAt = lieciba.Micro(d.DueAt), lieciba.Micro(d.DecidedAt), lieciba.Micro(d.DoneAt)
	return d
}

// PlanClaim decides a ClaimSegments: the state that the deletion has now, and
// whether segments may be claimed. held tells that a hold on the session is active.
func PlanClaim(s lieciba.DeletionState, held bool) (next lieciba.DeletionState, claim bool) {
	switch {
	case s == lieciba.DeletionDone:
		return s, false
	case held:
		return lieciba.DeletionHeld, false
	}
	return lieciba.DeletionOpen, true
}

// PlanDeleted decides what SegmentsDeleted makes of one segment of rec.
func PlanDeleted(rec lieciba.RecordingID, s lieciba.Segment) (write bool, err error) {
	switch {
	case s.RecordingID != rec:
		return false, conflict("segments", "segment %s is not of the recording that is deleted", s.ID)
	case s.State == lieciba.SegmentDeleted:
		return false, nil
	case s.State != lieciba.SegmentDeleting:
		return false, conflict("segments", "segment %s is %s: it was not claimed", s.ID, s.State)
	}
	return true, nil
}

// PlanFinish decides a FinishDeletion; left counts the recording's segments that
// are not deleted. write is false when it was done before.
func PlanFinish(stored lieciba.Deletion, left int, at time.Time, certificate []byte) (d lieciba.Deletion, write bool, err error) {
	switch {
	case stored.State == lieciba.DeletionDone:
		return stored, false, nil
	case left > 0:
		return stored, false, conflict("state", "%d segments of the recording are not deleted yet", left)
	case len(certificate) == 0:
		return stored, false, lieciba.Invalid("certificate", "a deletion needs its certificate")
	}
	stored.State, stored.DoneAt, stored.Certificate = lieciba.DeletionDone, lieciba.Micro(at), certificate
	return stored, true, nil
}
