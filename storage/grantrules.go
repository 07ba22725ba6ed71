package storage

import (
	"slices"
	"time"

	"lieciba"
)

// MicroGrant cuts the times of a grant to what is stored.
func MicroGrant(g lieciba.Grant) lieciba.Grant {
	g.From, g.To, g.BeganAt = lieciba.Micro(g.From), lieciba.Micro(g.To), lieciba.Micro(g.BeganAt)
	g.ExpiresAt, g.RevokedAt = lieciba.Micro(g.ExpiresAt), lieciba.Micro(g.RevokedAt)
	return g
}

// CheckGrant checks a grant that is to begin, on its own.
func CheckGrant(g lieciba.Grant) error {
	switch {
	case !g.RevokedAt.IsZero() || g.RevokedBy != "":
		return lieciba.Invalid("revoked_at", "a grant begins first and is revoked later")
	case g.CameraIDs != nil && len(g.CameraIDs) == 0:
		return lieciba.Invalid("camera_ids", "must be left out for all cameras, or name one at least")
	case !g.To.IsZero() && !g.To.After(g.From):
		return lieciba.Invalid("to", "must be after from")
	case !g.ExpiresAt.After(g.BeganAt) || g.ExpiresAt.Sub(g.BeganAt) > lieciba.MaxGrant:
		return lieciba.Invalid("expires_at", "must be after the grant begins, by at most %d days", lieciba.MaxGrant/(24*time.Hour))
	}
	return nil
}

// CheckGranted holds a grant to its request: it opens nothing that another person
// has not approved, to nobody else and no longer.
func CheckGranted(g lieciba.Grant, r lieciba.Request) error {
	a := r.Asked
	switch {
	case r.Kind != lieciba.RequestGrant || r.State != lieciba.RequestApproved && r.State != lieciba.RequestUsed:
		return conflict("request_id", "request %s is no approved one for a grant: it is %s, of kind %s", r.ID, r.State, r.Kind)
	case g.HolderID != r.AskedByID:
		return conflict("holder_id", "the grant was approved for who asked, and for nobody else")
	case g.SessionID != a.SessionID:
		return conflict("session_id", "the grant was approved for another session")
	case g.Appeal != a.Appeal || g.IncidentID != a.IncidentID:
		return conflict("appeal", "the grant was approved for another case")
	case !within(g.CameraIDs, a.CameraIDs):
		return conflict("camera_ids", "the grant was approved for other cameras")
	case g.From.Before(lieciba.Micro(a.From)) || !a.To.IsZero() && (g.To.IsZero() || g.To.After(lieciba.Micro(a.To))):
		return conflict("from", "the grant was approved for another time")
	case !a.Until.IsZero() && g.ExpiresAt.After(lieciba.Micro(a.Until)):
		return conflict("expires_at", "the grant was approved until %s", a.Until.Format(time.RFC3339))
	}
	return nil
}

// within reports whether list names nothing but what all does; no list is everything.
func within(list, all []lieciba.CameraID) bool {
	if len(all) == 0 || len(list) == 0 {
		return len(all) == 0
	}
	return !slices.ContainsFunc(list, func(id lieciba.CameraID) bool { return !slices.Contains(all, id) })
}

// RepeatGrant judges a PutGrant whose ID is stored already: whether it was revoked
// since does not matter.
func RepeatGrant(stored, g lieciba.Grant) error {
	g = MicroGrant(g)
	same := stored.RequestID == g.RequestID && stored.SessionID == g.SessionID && stored.HolderID == g.HolderID && stored.Holder == g.Holder &&
		slices.Equal(stored.CameraIDs, g.CameraIDs) && stored.From.Equal(g.From) && stored.To.Equal(g.To) && stored.Reason == g.Reason &&
		stored.Appeal == g.Appeal && stored.IncidentID == g.IncidentID && stored.ApprovedBy == g.ApprovedBy &&
		stored.BeganAt.Equal(g.BeganAt) && stored.ExpiresAt.Equal(g.ExpiresAt)
	if !same {
		return conflict("id", "grant %s is stored otherwise", g.ID)
	}
	return nil
}

// GrantExists is the error of a PutGrant whose request has a grant already.
func GrantExists(other lieciba.GrantID) error {
	return conflict("request_id", "grant %s came of that request already: each request is used once", other)
}

// PlanRevoke decides what RevokeGrant stores: who was first stands.
func PlanRevoke(stored lieciba.Grant, by string, at time.Time) (out lieciba.Grant, write bool, err error) {
	switch {
	case !stored.RevokedAt.IsZero():
		return stored, false, nil
	case at.IsZero():
		return stored, false, lieciba.Invalid("at", "a revocation needs its time")
	}
	stored.RevokedAt, stored.RevokedBy = lieciba.Micro(at), by
	return stored, true, nil
}
