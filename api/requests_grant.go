package api

import (
	"context"
	"time"

	"lieciba"
)

// Purposes of a grant that serves neither an appeal nor an incident.
const (
	purposeDataSubject = "data_subject" // an access request by who was filmed
	purposeSecurity    = "security"     // an inquiry by security staff
)

// grantRequests ask to see the archive of one session.
type grantRequests struct {
	byAnybody
	s *Server
}

func (grantRequests) fields() []string {
	return []string{"session_id", "camera_ids", "from", "to", "until", "appeal", "incident_id", "purpose"}
}

func (k grantRequests) check(c *call, a *lieciba.Asked) (target, error) {
	x, recs, err := c.askedSession(lieciba.ActAskGrant, a)
	t := sessionTarget(x)
	if err != nil {
		return t, err
	}
	if len(recs) == 0 {
		return t, lieciba.Errorf(lieciba.CodeConflict, "nothing was recorded of this session yet: there is nothing to see")
	}
	if err := checkCameras(a.CameraIDs, recs); err != nil {
		return t, err
	}
	span, err := askedSpan(*a)
	if err != nil {
		return t, err
	}
	if w := k.s.onRecordWindow(x, recs); span != (lieciba.Interval{}) && (span.From.Before(w.From) || span.To.After(w.To)) {
		return t, lieciba.Invalid("from", "the range leaves the session's recording window, %s to %s", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
	}
	if err := checkUntil(a.Until, c.now); err != nil {
		return t, err
	}
	return t, k.checkPurpose(c, x.ID, *a)
}

func checkUntil(until, now time.Time) error {
	switch {
	case until.IsZero():
		return lieciba.Invalid("until", "is missing: when the grant ends by itself")
	case !until.After(now):
		return lieciba.Invalid("until", "lies in the past")
	case until.Sub(now) > lieciba.MaxGrant:
		return lieciba.Invalid("until", "must lie at most %d days ahead", lieciba.MaxGrant/(24*time.Hour))
	}
	return nil
}

// checkPurpose wants a case: an open appeal, an incident, or a purpose that the
// person may have.
func (k grantRequests) checkPurpose(c *call, session lieciba.SessionID, a lieciba.Asked) error {
	if err := k.s.checkAppeal(c.ctx(), session, a.Appeal, true); err != nil {
		return err
	}
	if err := k.s.checkIncident(c.ctx(), session, a.IncidentID); err != nil {
		return err
	}
	hasCase := a.Appeal != "" || a.IncidentID != ""
	switch {
	case hasCase && a.Purpose != "":
		return lieciba.Invalid("purpose", "is said by the appeal or the incident: remove it")
	case hasCase:
		return nil
	case a.Purpose == "":
		return lieciba.Invalid("appeal", "name the open appeal or the incident that this is for, or send purpose data_subject or security")
	case a.Purpose == purposeSecurity && c.who.Has(lieciba.RoleSecurity):
		return nil
	case a.Purpose == purposeDataSubject && (c.who.Has(lieciba.RoleReviewer) || c.who.Has(lieciba.RoleSecurity)):
		return nil
	case a.Purpose == purposeDataSubject, a.Purpose == purposeSecurity:
		return &lieciba.Error{Code: lieciba.CodeForbidden, Field: "purpose", Message: "your role does not look for this purpose: name the open appeal or the incident"}
	}
	return lieciba.Invalid("purpose", "unknown purpose %q: use %s or %s", a.Purpose, purposeDataSubject, purposeSecurity)
}

func (k grantRequests) use(c *call, r lieciba.Request) (effect, error) {
	g := lieciba.Grant{ID: lieciba.NewID[lieciba.GrantID](c.now), RequestID: r.ID, SessionID: r.Asked.SessionID, HolderID: r.AskedByID,
		Holder: r.AskedBy, CameraIDs: r.Asked.CameraIDs, From: r.Asked.From, To: r.Asked.To, Reason: r.Reason, Appeal: r.Asked.Appeal,
		IncidentID: r.Asked.IncidentID, ApprovedBy: r.DecidedBy, BeganAt: lieciba.Micro(c.now), ExpiresAt: r.Asked.Until}
	t := grantTarget(g)
	e := c.entry(lieciba.AuditBeginGrant, t)
	e.From, e.To = g.From, g.To
	return effect{made: t.String(), entry: e, do: func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		e.Detail = "grant until " + g.ExpiresAt.Format(time.RFC3339) + forAppeal(g.Appeal) + ", " + byWhom(r)
		return k.s.cfg.Catalog.PutGrant(ctx, g)
	}}, nil
}

// forAppeal names the appeal in the detail of an audit entry.
func forAppeal(reference string) string {
	if reference == "" {
		return ""
	}
	return " for appeal " + reference
}
