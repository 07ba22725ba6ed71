package export

import (
	"context"

	"lieciba"
	"lieciba/storage/evidence"
)

// exam adds what the exam was like: every row, as the catalogue returns them.
func (b *Builder) exam(ctx context.Context, id lieciba.SessionID, m *evidence.Manifest) error {
	incidents, err := b.c.Catalog.SessionIncidents(ctx, id)
	if err != nil {
		return err
	}
	for _, x := range incidents {
		m.Incidents = append(m.Incidents, evidence.DetailOfIncident(x))
	}
	parts, err := b.c.Catalog.SessionPartEvents(ctx, id)
	if err != nil {
		return err
	}
	for _, x := range parts {
		m.PartEvents = append(m.PartEvents, evidence.DetailOfPart(x))
	}
	ready, err := b.c.Catalog.SessionReadiness(ctx, id)
	if err != nil {
		return err
	}
	for _, x := range ready {
		m.Readiness = append(m.Readiness, evidence.DetailOfReadiness(x))
	}
	return nil
}

// approval is the request that the export came of. One that does not allow just
// this export is CodeCorrupt: nothing leaves the house on it.
func (b *Builder) approval(ctx context.Context, e lieciba.Export) (evidence.Approval, error) {
	if e.RequestID == "" {
		return evidence.Approval{}, nil
	}
	r, err := b.c.Catalog.Request(ctx, e.RequestID)
	if err != nil {
		return evidence.Approval{}, err
	}
	what := ""
	switch {
	case r.Kind != lieciba.RequestExport:
		what = "asks for a " + string(r.Kind)
	case r.State != lieciba.RequestUsed || r.UsedFor != "export:"+string(e.ID):
		what = "was not used for it"
	case r.Digest != r.DigestOf():
		what = "was changed after it was approved"
	case r.Asked.SessionID != e.SessionID || r.DecidedBy != e.ApprovedBy || r.AskedBy != e.RequestedBy || r.Reason != e.Purpose:
		what = "is of another session, other people or for another reason"
	default:
		return evidence.ApprovalOf(r), nil
	}
	return evidence.Approval{}, lieciba.Errorf(lieciba.CodeCorrupt, "request %s, which allowed the export, %s: somebody changed it in the database", r.ID, what)
}
