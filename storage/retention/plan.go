package retention

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lieciba"
)

// Row is what will become of one recording, and why.
type Row struct {
	RecordingID lieciba.RecordingID `json:"recording_id"`
	SessionID   lieciba.SessionID   `json:"session_id"`
	ExternalID  string              `json:"external_id"` // of the session
	CameraID    lieciba.CameraID    `json:"camera_id"`
	Segments    int                 `json:"segments"`
	Bytes       int64               `json:"bytes"`
	DueAt       time.Time           `json:"due_at,omitzero"` // absent: no date is known
	Due         bool                `json:"due"`             // the next pass of the reaper deletes it
	Started     bool                `json:"started"`         // the tombstone is written
	Reason      string              `json:"reason"`
	Policy      string              `json:"policy"` // name; empty: none
	Version     int                 `json:"version"`
	PolicyID    lieciba.PolicyID    `json:"policy_id"`
	Blocked     []Block             `json:"blocked"`
	Alarms      []Alarm             `json:"alarms"`
}

// Plan is the dry run: what goes when, and what keeps it. It changes nothing.
// Rows come by due date, those without one last. With a before that is not zero,
// only what has a date before it. What is deleted is left out.
func Plan(ctx context.Context, c Catalog, now, before time.Time) ([]Row, error) {
	var rows []Row
	err := c.ScanRecordings(ctx, "", func(rec lieciba.Recording) error {
		if rec.State == lieciba.RecordingDeleted {
			return nil
		}
		f, err := c.RetentionFacts(ctx, rec.ID)
		if err != nil {
			return err
		}
		d := Decide(f, now)
		if d.Gone || !before.IsZero() && (d.DueAt.IsZero() || !d.DueAt.Before(before)) {
			return nil
		}
		totals, err := c.SegmentTotals(ctx, rec.ID)
		if err != nil {
			return err
		}
		rows = append(rows, Row{RecordingID: rec.ID, SessionID: rec.SessionID, ExternalID: f.Session.ExternalID, CameraID: rec.CameraID,
			Segments: totals.Count, Bytes: totals.Bytes, DueAt: d.DueAt, Due: d.Due, Started: d.Started, Reason: d.Reason,
			Policy: d.Policy.Name, Version: d.Policy.Version, PolicyID: d.Policy.ID,
			Blocked: append([]Block{}, d.Blocked...), Alarms: append([]Alarm{}, d.Alarms...)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		if a.DueAt.IsZero() != b.DueAt.IsZero() {
			if a.DueAt.IsZero() {
				return 1
			}
			return -1
		}
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.RecordingID, b.RecordingID))
	})
	return rows, nil
}

// AsOf undoes what came after an instant, so that Decide judges a deletion that
// was decided then: its tombstone, holds and events that arrived later, exports
// asked for and releases given since.
func AsOf(f lieciba.RetentionFacts, at time.Time) lieciba.RetentionFacts {
	if f.Deletion != nil {
		f.Deletion, f.Recording.State = nil, lieciba.RecordingSealed
	}
	f.Events = slices.DeleteFunc(slices.Clone(f.Events), func(e lieciba.SessionEvent) bool { return e.ReceivedAt.After(at) })
	f.Exports = slices.DeleteFunc(slices.Clone(f.Exports), func(e lieciba.Export) bool { return e.RequestedAt.After(at) })
	f.Holds = slices.DeleteFunc(slices.Clone(f.Holds), func(h lieciba.Hold) bool { return h.PlacedAt.After(at) })
	for i := range f.Holds {
		if h := &f.Holds[i]; h.ReleasedAt.After(at) {
			h.ReleasedBy, h.ReleasedAt = "", time.Time{}
		}
	}
	return f
}
