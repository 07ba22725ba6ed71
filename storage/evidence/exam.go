package evidence

import (
	"strconv"

	"lieciba"
)

// The leaves of what an exam was like. Their rows never change, so a leaf says
// all that its row says.

// IncidentDetail is the detail of the leaf of one row of an incident.
type IncidentDetail struct {
	ID         lieciba.IncidentID   `json:"id"`
	SessionID  lieciba.SessionID    `json:"session_id"`
	CameraID   lieciba.CameraID     `json:"camera_id"`
	At         Time                 `json:"at"`
	Seat       int                  `json:"seat"`
	Kind       lieciba.IncidentKind `json:"kind"`
	Note       string               `json:"note"`
	Follows    lieciba.IncidentID   `json:"follows"`
	Step       lieciba.IncidentStep `json:"step"`
	By         string               `json:"by"`
	ByID       string               `json:"by_id"`
	RecordedAt Time                 `json:"recorded_at"`
}

// DetailOfIncident is what the leaf of an incident's row says of it.
func DetailOfIncident(i lieciba.Incident) IncidentDetail {
	return IncidentDetail{i.ID, i.SessionID, i.CameraID, At(i.At), i.Seat, i.Kind, i.Note, i.Follows, i.Step, i.By, i.ByID, At(i.RecordedAt)}
}

// Row is the row that the detail is of.
func (d IncidentDetail) Row() lieciba.Incident {
	return lieciba.Incident{ID: d.ID, SessionID: d.SessionID, CameraID: d.CameraID, At: d.At.Time, Seat: d.Seat, Kind: d.Kind, Note: d.Note,
		Follows: d.Follows, Step: d.Step, By: d.By, ByID: d.ByID, RecordedAt: d.RecordedAt.Time}
}

// LeafOfIncident is the leaf of one row of an incident.
func LeafOfIncident(i lieciba.Incident) lieciba.Leaf {
	return NewLeaf(lieciba.LeafIncident, string(i.ID), i.RecordedAt, DetailOfIncident(i))
}

// PartDetail is the detail of the leaf of a part event.
type PartDetail struct {
	ID         lieciba.PartEventID `json:"id"`
	SessionID  lieciba.SessionID   `json:"session_id"`
	PartID     lieciba.PartID      `json:"part_id"`
	Step       lieciba.PartStep    `json:"step"`
	At         Time                `json:"at"`
	Corrects   lieciba.PartEventID `json:"corrects"`
	Void       bool                `json:"void"`
	Note       string              `json:"note"`
	By         string              `json:"by"`
	ByID       string              `json:"by_id"`
	RecordedAt Time                `json:"recorded_at"`
}

// DetailOfPart is what a part event's leaf says of it.
func DetailOfPart(e lieciba.PartEvent) PartDetail {
	return PartDetail{e.ID, e.SessionID, e.PartID, e.Step, At(e.At), e.Corrects, e.Void, e.Note, e.By, e.ByID, At(e.RecordedAt)}
}

// LeafOfPart is the leaf of a part event.
func LeafOfPart(e lieciba.PartEvent) lieciba.Leaf {
	return NewLeaf(lieciba.LeafPart, string(e.ID), e.RecordedAt, DetailOfPart(e))
}

// ReadinessDetail is the detail of the leaf of a readiness row.
type ReadinessDetail struct {
	ID        lieciba.ReadinessID    `json:"id"`
	SessionID lieciba.SessionID      `json:"session_id"`
	CameraID  lieciba.CameraID       `json:"camera_id"`
	NodeID    lieciba.NodeID         `json:"node_id"`
	When      lieciba.ReadinessAt    `json:"when"`
	At        Time                   `json:"at"`
	State     lieciba.ReadinessState `json:"state"`
	Items     []ReadinessItemDetail  `json:"items"`
	Follows   lieciba.ReadinessID    `json:"follows"`
	Reason    string                 `json:"reason"`
	By        string                 `json:"by"`
	ByID      string                 `json:"by_id"`
}

// ReadinessItemDetail is one check. Value is the shortest decimal that reads back
// as the same number: canonical JSON holds no fractions.
type ReadinessItemDetail struct {
	Check    lieciba.ReadinessCheck `json:"check"`
	Outcome  lieciba.CheckOutcome   `json:"outcome"`
	Fact     string                 `json:"fact"`
	Value    string                 `json:"value"`
	Unit     string                 `json:"unit"`
	Measured string                 `json:"measured"`
}

// DetailOfReadiness is what the leaf of a readiness row says of it.
func DetailOfReadiness(r lieciba.Readiness) ReadinessDetail {
	items := make([]ReadinessItemDetail, len(r.Items))
	for i, x := range r.Items {
		items[i] = ReadinessItemDetail{x.Check, x.Outcome, x.Fact, strconv.FormatFloat(x.Value, 'g', -1, 64), x.Unit, x.Measured}
	}
	return ReadinessDetail{r.ID, r.SessionID, r.CameraID, r.NodeID, r.When, At(r.At), r.State, items, r.Follows, r.Reason, r.By, r.ByID}
}

// LeafOfReadiness is the leaf of a readiness row.
func LeafOfReadiness(r lieciba.Readiness) lieciba.Leaf {
	return NewLeaf(lieciba.LeafReadiness, string(r.ID), r.At, DetailOfReadiness(r))
}
