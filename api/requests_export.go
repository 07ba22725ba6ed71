package api

import (
	"context"
	"slices"

	"lieciba"
	"lieciba/storage/export"
)

// exportRequests ask for an evidence package; the reason is its purpose.
type exportRequests struct {
	byAnybody
	s *Server
}

func (exportRequests) fields() []string {
	return []string{"session_id", "camera_ids", "clip_from", "clip_to", "appeal", "incident_id", "recipient_name", "recipient_kind", "recipient"}
}

// recipientKinds are whom packages leave the house for.
var recipientKinds = []string{"appeal_board", "court", "police", "data_subject", "other"}

func (k exportRequests) check(c *call, a *lieciba.Asked) (target, error) {
	x, recs, err := c.askedSession(lieciba.ActExport, a)
	t := sessionTarget(x)
	if err != nil {
		return t, err
	}
	if k.s.cfg.Exporter == nil {
		return t, notHere("evidence packages are not built")
	}
	if err := k.s.cfg.Spare(); err != nil {
		return t, err
	}
	if err := k.checkRecipient(*a); err != nil {
		return t, err
	}
	if _, err := askedClip(*a); err != nil {
		return t, err
	}
	if err := k.s.checkAppeal(c.ctx(), x.ID, a.Appeal, false); err != nil {
		return t, err
	}
	if err := k.s.checkIncident(c.ctx(), x.ID, a.IncidentID); err != nil {
		return t, err
	}
	return t, exportable(lieciba.Export{CameraIDs: a.CameraIDs, From: a.ClipFrom, To: a.ClipTo}, recs)
}

// checkRecipient wants to know for whom the package is, and the key that nobody
// else can open it without.
func (k exportRequests) checkRecipient(a lieciba.Asked) error {
	if err := checkText("recipient_name", a.RecipientName); err != nil {
		return err
	}
	if a.RecipientKind == purposeDataSubject && !lieciba.ValidCode(a.RecipientName) {
		return lieciba.Invalid("recipient_name", "must be the reference of the person's own request, such as DS-2026-17, and never a name: it stays in the log")
	}
	if !slices.Contains(recipientKinds, a.RecipientKind) {
		return lieciba.Invalid("recipient_kind", "unknown kind %q: use one of %v", a.RecipientKind, recipientKinds)
	}
	if len(a.Recipient) > maxRecipient {
		return lieciba.Invalid("recipient", "must have at most %d bytes", maxRecipient)
	}
	if a.Recipient == "" {
		if k.s.cfg.ClearPackages {
			return nil
		}
		return lieciba.Invalid("recipient", "is missing: give the recipient's age public key, age1…, so that nobody else can open the package")
	}
	_, err := export.ParseRecipient("recipient", a.Recipient)
	return err
}

func (k exportRequests) use(c *call, r lieciba.Request) (effect, error) {
	x, err := k.s.cfg.Catalog.Session(c.ctx(), r.Asked.SessionID)
	if err != nil {
		return effect{}, err
	}
	p := lieciba.Export{ID: lieciba.NewID[lieciba.ExportID](c.now), SessionID: r.Asked.SessionID, CameraIDs: r.Asked.CameraIDs, From: r.Asked.ClipFrom,
		To: r.Asked.ClipTo, Purpose: r.Reason, RecipientName: r.Asked.RecipientName, Recipient: r.Asked.Recipient, RequestedBy: r.AskedBy,
		RequestedByID: r.AskedByID, RequestedAt: lieciba.Micro(c.now), RequestID: r.ID, ApprovedBy: r.DecidedBy, NodeID: k.s.cfg.Node,
		State: lieciba.ExportRequested}
	t := exportTarget(p, x.SiteID)
	do := func(ctx context.Context, r lieciba.Request, e *lieciba.AuditEntry) error {
		recs, err := k.s.cfg.Catalog.SessionRecordings(ctx, p.SessionID)
		if err != nil {
			return err
		}
		if err := exportable(p, recs); err != nil {
			return err
		}
		e.Detail = "package for " + r.Asked.RecipientKind + ": " + p.Purpose + ", " + byWhom(r)
		return k.s.cfg.Catalog.PutExport(ctx, p)
	}
	return effect{made: t.String(), entry: c.entry(string(lieciba.ActExport), t), do: do, after: k.s.cfg.Exporter.Poke}, nil
}
