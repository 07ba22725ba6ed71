package storage

import (
	"slices"

	"lieciba"
)

// exportOrder is the order of an export's states; failed stands beside building.
var exportOrder = map[lieciba.ExportState]int{
	lieciba.ExportRequested: 1, lieciba.ExportBuilding: 2, lieciba.ExportFailed: 3,
	lieciba.ExportSealed: 4, lieciba.ExportCollected: 5, lieciba.ExportPurged: 6,
}

// PlanExport judges a PutExport. stored is nil for a new one; doomed tells that
// the deletion of one of the session's recordings was decided. What was asked
// for never changes, nor does a package that is sealed.
func PlanExport(stored *lieciba.Export, e lieciba.Export, doomed bool) error {
	if exportOrder[e.State] == 0 {
		return lieciba.Invalid("state", "%q is no state of an export", e.State)
	}
	if stored == nil {
		if doomed {
			return conflict("session_id", "the deletion of footage of this session was decided: it can no longer be exported whole")
		}
		return nil
	}
	switch {
	case !sameRequest(*stored, e):
		return conflict("id", "export %s was asked for otherwise", e.ID)
	case exportOrder[e.State] < exportOrder[stored.State] && (stored.State != lieciba.ExportFailed || e.State != lieciba.ExportBuilding):
		return conflict("state", "an export that is %s cannot become %s", stored.State, e.State)
	case exportOrder[stored.State] >= exportOrder[lieciba.ExportSealed] && (stored.SHA256 != e.SHA256 || stored.Manifest != e.Manifest || stored.Size != e.Size):
		return conflict("sha256", "export %s is %s: its package never changes", e.ID, stored.State)
	}
	return nil
}

func sameRequest(a, b lieciba.Export) bool {
	return a.SessionID == b.SessionID && slices.Equal(a.CameraIDs, b.CameraIDs) &&
		a.From.Equal(lieciba.Micro(b.From)) && a.To.Equal(lieciba.Micro(b.To)) &&
		a.Purpose == b.Purpose && a.RecipientName == b.RecipientName && a.Recipient == b.Recipient &&
		a.RequestID == b.RequestID && a.ApprovedBy == b.ApprovedBy &&
		a.RequestedBy == b.RequestedBy && a.RequestedByID == b.RequestedByID && a.RequestedAt.Equal(lieciba.Micro(b.RequestedAt))
}

// MicroExport cuts the times of an export to what is stored.
func MicroExport(e lieciba.Export) lieciba.Export {
	e.From, e.To, e.RequestedAt = lieciba.Micro(e.From), lieciba.Micro(e.To), lieciba.Micro(e.RequestedAt)
	e.SealedAt, e.CollectedAt = lieciba.Micro(e.SealedAt), lieciba.Micro(e.CollectedAt)
	return e
}
