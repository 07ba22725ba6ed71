package storage

import (
	"slices"
	"time"

	"lieciba"
)

// CheckPolicy checks a draft on its own.
func CheckPolicy(p lieciba.RetentionPolicy) error {
	switch {
	case p.State != lieciba.PolicyDraft:
		return lieciba.Invalid("state", "only a draft can be put: it is approved by another person")
	case p.Name == "":
		return lieciba.Invalid("name", "a policy needs a name")
	case p.Version < 1:
		return lieciba.Invalid("version", "versions count from 1")
	}
	return nil
}

// PlanPolicy judges a PutPolicy whose ID is stored already.
func PlanPolicy(stored lieciba.RetentionPolicy) error {
	if stored.State != lieciba.PolicyDraft {
		return conflict("id", "the policy is %s and never changes: draft a new version", stored.State)
	}
	return nil
}

// ApprovalPlan is what ApprovePolicy writes.
type ApprovalPlan struct {
	Policy    lieciba.RetentionPolicy
	Write     bool                     // false: approved by the same already
	Supersede *lieciba.RetentionPolicy // that was in force; write it before Policy
}

// PlanApproval decides an ApprovePolicy; inForce is the approved version of the
// same name, nil for none.
func PlanApproval(stored lieciba.RetentionPolicy, inForce *lieciba.RetentionPolicy, by, byID string, at time.Time) (ApprovalPlan, error) {
	plan := ApprovalPlan{Policy: stored}
	if stored.State != lieciba.PolicyDraft {
		if stored.ApprovedBy != by || stored.ApprovedByID != byID {
			return plan, conflict("state", "the policy was approved by another person")
		}
		return plan, nil
	}
	if byID == stored.DraftedByID {
		return plan, conflict("approved_by", "the policy must be approved by another person than the one who drafted it")
	}
	if inForce != nil {
		if inForce.Version > stored.Version {
			return plan, conflict("version", "version %d is in force already: draft a newer one", inForce.Version)
		}
		old := *inForce
		old.State = lieciba.PolicySuperseded
		plan.Supersede = &old
	}
	p := &plan.Policy
	p.State, p.ApprovedBy, p.ApprovedByID, p.ApprovedAt = lieciba.PolicyApproved, by, byID, lieciba.Micro(at)
	plan.Write = true
	return plan, nil
}

// CheckEvent checks a session event on its own.
func CheckEvent(e lieciba.SessionEvent) error {
	switch {
	case !slices.Contains([]lieciba.EventKind{lieciba.EventResultNotified, lieciba.EventAppealOpened, lieciba.EventAppealDecided}, e.Kind):
		return lieciba.Invalid("kind", "%q is no kind of event", e.Kind)
	case !lieciba.ValidCode(e.ExternalID):
		return lieciba.Invalid("event_id", "must be 1 to 64 letters, digits, dots, hyphens and underscores")
	case e.At.IsZero():
		return lieciba.Invalid("at", "an event needs its time")
	}
	return nil
}

// RepeatEvent judges an AddSessionEvent whose source and external ID are stored
// already. Its ID and the time of its arrival are ours, not the sender's.
func RepeatEvent(stored, e lieciba.SessionEvent) error {
	if stored.SessionID != e.SessionID || stored.Kind != e.Kind || !stored.At.Equal(lieciba.Micro(e.At)) || stored.Appeal != e.Appeal {
		return conflict("event_id", "event %s of %s was sent with another content before", e.ExternalID, e.Source)
	}
	return nil
}

// Anchors reports whether a new event moves its session to anchored.
func Anchors(s lieciba.SessionState, e lieciba.SessionEvent) bool {
	return s == lieciba.SessionFinished && e.Kind == lieciba.EventResultNotified
}

// MicroHold cuts the times of a hold to what is stored.
func MicroHold(h lieciba.Hold) lieciba.Hold {
	h.PlacedAt, h.ReleaseAskedAt = lieciba.Micro(h.PlacedAt), lieciba.Micro(h.ReleaseAskedAt)
	h.ReleaseDue, h.ReleasedAt = lieciba.Micro(h.ReleaseDue), lieciba.Micro(h.ReleasedAt)
	return h
}

// CheckHold checks a hold that is to be placed, on its own.
func CheckHold(h lieciba.Hold) error {
	switch {
	case !h.Active():
		return lieciba.Invalid("released_at", "a hold is placed first and released later")
	case !slices.Contains([]lieciba.HoldKind{lieciba.HoldAppeal, lieciba.HoldCourt, lieciba.HoldIncident, lieciba.HoldRequest}, h.Kind):
		return lieciba.Invalid("kind", "%q is no kind of hold", h.Kind)
	}
	return nil
}

// RepeatHold judges a PlaceHold whose ID is stored already: what became of the
// hold since does not matter.
func RepeatHold(stored, h lieciba.Hold) error {
	if !samePlacing(stored, MicroHold(h)) {
		return conflict("id", "hold %s was placed otherwise", h.ID)
	}
	return nil
}

func samePlacing(a, b lieciba.Hold) bool {
	return a.ID == b.ID && a.SessionID == b.SessionID && a.Kind == b.Kind && a.Reference == b.Reference && a.Reason == b.Reason &&
		a.PlacedBy == b.PlacedBy && a.PlacedByID == b.PlacedByID && a.PlacedAt.Equal(b.PlacedAt)
}

// PlanHold decides what decide of ChangeHold makes of a hold: how its placing
// reads never changes, and a released hold changes in nothing.
func PlanHold(stored, next lieciba.Hold) (out lieciba.Hold, write, released bool, err error) {
	next = MicroHold(next)
	switch {
	case !samePlacing(stored, next):
		return stored, false, false, lieciba.Errorf(lieciba.CodeInternal, "a change of hold %s returned another hold", stored.ID)
	case stored == next:
		return stored, false, false, nil
	case !stored.Active():
		return stored, false, false, conflict("released_at", "the hold was released already: place a new one")
	}
	return next, true, !next.Active(), nil
}
