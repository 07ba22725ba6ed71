package storage

import (
	"fmt"
	"time"

	"lieciba"
)

// The decisions that every Catalog takes inside its transactions. Pure: the
// catalogue reads and locks the rows, asks here, and writes what it is told.

// PageLimit is how many rows a list returns: 100 for 0, at most MaxPage.
func PageLimit(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, MaxPage)
}

// The first and last instant that a catalogue can hold.
var (
	MinTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	MaxTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// Bounds makes a span closed: a zero From or To means without end on that side.
func Bounds(span lieciba.Interval) lieciba.Interval {
	if span.From.IsZero() {
		span.From = MinTime
	}
	if span.To.IsZero() {
		span.To = MaxTime
	}
	return lieciba.Interval{From: lieciba.Micro(span.From), To: lieciba.Micro(span.To)}
}

func conflict(field, format string, args ...any) error {
	return &lieciba.Error{Code: lieciba.CodeConflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Sealed reports whether a recording can no longer change (invariant 4).
func Sealed(s lieciba.RecordingState) bool {
	return s == lieciba.RecordingSealed || s == lieciba.RecordingExpired || s == lieciba.RecordingDeleted
}

// CheckOpen refuses a change of a sealed recording with CodeConflict.
func CheckOpen(s lieciba.RecordingState) error {
	if Sealed(s) {
		return conflict("state", "the recording is %s: it never changes", s)
	}
	return nil
}

// AssignmentPlan is what AssignCamera writes, in this order. nil: nothing.
type AssignmentPlan struct {
	Remove *lieciba.CameraAssignment // it would last no time
	End    *lieciba.CameraAssignment // with its new To
	Insert *lieciba.CameraAssignment
}

// PlanAssignment decides what starting a makes of the camera's assignments that
// end after a.From, sorted by From. CodeConflict when a later one is in the way:
// assignments never overlap.
func PlanAssignment(stored []lieciba.CameraAssignment, a lieciba.CameraAssignment) (AssignmentPlan, error) {
	var plan AssignmentPlan
	if !a.To.IsZero() && !a.To.After(a.From) {
		return plan, lieciba.Invalid("to", "must be after from")
	}
	later := stored
	if len(stored) > 0 && !stored[0].From.After(a.From) {
		running := stored[0]
		later = stored[1:]
		same := running.From.Equal(a.From)
		switch {
		case same && running.RoomID == a.RoomID && (a.To.IsZero() || a.To.Equal(running.To)):
			return plan, nil // the same call again
		case same:
			plan.Remove = &running
		default:
			running.To = a.From
			plan.End = &running
		}
	}
	if a.RoomID == "" {
		return plan, nil
	}
	if len(later) > 0 && (a.To.IsZero() || a.To.After(later[0].From)) {
		return AssignmentPlan{}, conflict("from", "the camera is assigned already from %s on: start after that, or end before it",
			later[0].From.Format(time.RFC3339))
	}
	plan.Insert = &a
	return plan, nil
}

// CheckSession checks what decide of ChangeSession returned for key. A session
// that is linked to the key keeps its own.
func CheckSession(key lieciba.SessionKey, current *lieciba.ExamSession, next lieciba.ExamSession) error {
	own := key
	if current != nil {
		own = current.SessionKey
	}
	if next.SessionKey != own || current != nil && next.ID != current.ID {
		return lieciba.Errorf(lieciba.CodeInternal, "a change of session %s/%s returned another session", key.Source, key.ExternalID)
	}
	if l := next.EndsAt.Sub(next.StartsAt); l <= 0 || l > lieciba.MaxSessionLength {
		return lieciba.Invalid("ends_at", "must be after starts_at by at most %s", lieciba.MaxSessionLength)
	}
	return nil
}

// CheckSegment checks a new segment on its own.
func CheckSegment(s lieciba.Segment) error {
	if !s.To.After(s.From) {
		return lieciba.Invalid("to", "a segment must end after it starts")
	}
	return nil
}

// RepeatSegment judges an AddSegment whose ID is stored already.
func RepeatSegment(stored, s lieciba.Segment) error {
	if stored.SHA256 != s.SHA256 || stored.RecordingID != s.RecordingID {
		return conflict("id", "segment %s is stored with other bytes", s.ID)
	}
	return nil
}

// CheckNeighbour refuses a segment that overlaps next, the first stored segment
// of the recording that ends after s starts.
func CheckNeighbour(next, s lieciba.Segment) error {
	if next.From.Before(s.To) {
		return conflict("from", "the segment overlaps segment %s of the recording", next.ID)
	}
	return nil
}

// PlanVerify decides whether VerifySegment has anything to write.
func PlanVerify(stored lieciba.Segment, ref lieciba.MediaRef) (write bool, err error) {
	switch {
	case stored.State == lieciba.SegmentHashed:
		return true, nil
	case stored.State == lieciba.SegmentVerified && stored.Media == ref:
		return false, nil
	}
	return false, conflict("state", "segment %s is %s as another object already", stored.ID, stored.State)
}

// CheckGap checks a new gap on its own.
func CheckGap(g lieciba.Gap) error {
	if !g.Open() && !g.To.After(g.From) {
		return lieciba.Invalid("to", "a gap must end after it starts")
	}
	return nil
}

// RepeatGap judges a PutGap whose ID is stored already. A gap that was put open
// and has been closed since is the same gap.
func RepeatGap(stored, g lieciba.Gap) error {
	same := stored.RecordingID == g.RecordingID && stored.From.Equal(g.From) && stored.Cause == g.Cause
	if !same || !g.Open() && !stored.To.Equal(g.To) {
		return conflict("id", "gap %s is stored otherwise", g.ID)
	}
	return nil
}

// OverlapsGap is the error of a PutGap that meets another gap.
func OverlapsGap(other lieciba.GapID) error {
	return conflict("from", "the gap overlaps gap %s of the recording", other)
}

// PlanCloseGap decides the end that CloseGap stores. An end that equals the
// gap's start marks it as removed: the row stays for a repeated call, and no
// list returns it. write is false when the gap ended there already.
func PlanCloseGap(stored lieciba.Gap, to time.Time) (end time.Time, write bool, err error) {
	end = lieciba.Micro(to)
	if end.Before(stored.From) {
		end = stored.From
	}
	if stored.Open() {
		return end, true, nil
	}
	if !stored.To.Equal(end) {
		return end, false, conflict("to", "gap %s was closed at %s", stored.ID, stored.To.Format(time.RFC3339Nano))
	}
	return end, false, nil
}

// PlanMove decides the state and node that MoveRecording stores; unverified and
// open count the recording's segments that are not verified and its open gaps.
// Sealed, expired and deleted are reached through SealRecording, BeginDeletion
// and FinishDeletion, which leave their proof. An empty node, and any node once the recording is sealed, keeps the stored one.
func PlanMove(r lieciba.Recording, to lieciba.RecordingState, node lieciba.NodeID, unverified, open int) (lieciba.Recording, error) {
	if err := lieciba.MoveRecording(r.State, to); err != nil {
		return r, err
	}
	if to != r.State && Sealed(to) {
		return r, conflict("state", "a recording becomes %s by its seal or its deletion only", to)
	}
	if to == lieciba.RecordingComplete {
		if unverified > 0 {
			return r, conflict("state", "%d segments of the recording are not verified yet", unverified)
		}
		if open > 0 {
			return r, conflict("state", "%d gaps of the recording are open", open)
		}
	}
	if node != "" && !Sealed(r.State) {
		r.NodeID = node
	}
	r.State = to
	return r, nil
}

// RepeatRun judges a PutRun whose ID is stored already.
func RepeatRun(stored, r lieciba.Run) error {
	if stored.RecordingID != r.RecordingID || stored.CameraID != r.CameraID || !stored.StartedAt.Equal(lieciba.Micro(r.StartedAt)) {
		return conflict("id", "run %s is stored otherwise", r.ID)
	}
	return nil
}

// RepeatAudit judges an entry whose ID is in the log already. Times are compared
// as they are stored, to the microsecond.
func RepeatAudit(stored, e lieciba.AuditEntry) error {
	if stored != MicroAudit(e) {
		return conflict("id", "audit entry %s is in the log with another content", e.ID)
	}
	return nil
}

// MicroAudit cuts the times of an entry to what is stored.
func MicroAudit(e lieciba.AuditEntry) lieciba.AuditEntry {
	e.At, e.From, e.To = lieciba.Micro(e.At), lieciba.Micro(e.From), lieciba.Micro(e.To)
	return e
}
