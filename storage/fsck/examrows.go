package fsck

import (
	"context"

	"lieciba"
	"lieciba/storage/evidence"
)

// What an exam was like: incidents, part events and readiness. Their rows never
// change, and a leaf says all of its row.

// examRows keeps what the last session's rows of one page say, by leaf.
type examRows struct {
	session lieciba.SessionID
	parts   map[lieciba.PartEventID]lieciba.PartEvent
	ready   map[lieciba.ReadinessID]lieciba.Readiness
}

// read reads the part events and readiness of a session, once in a row.
func (x *examRows) read(ctx context.Context, c *checker, s lieciba.SessionID) error {
	if x.parts != nil && x.session == s {
		return nil
	}
	*x = examRows{session: s, parts: map[lieciba.PartEventID]lieciba.PartEvent{}, ready: map[lieciba.ReadinessID]lieciba.Readiness{}}
	parts, err := c.catalog.SessionPartEvents(ctx, s)
	if _, err := gone(err); err != nil {
		return err
	}
	ready, err := c.catalog.SessionReadiness(ctx, s)
	if _, err := gone(err); err != nil {
		return err
	}
	for _, e := range parts {
		x.parts[e.ID] = e
	}
	for _, r := range ready {
		x.ready[r.ID] = r
	}
	return nil
}

// exam compares the leaf of an incident, a part event or readiness with its row.
func (r *rowReader) exam(ctx context.Context, l lieciba.Leaf) (string, error) {
	var part evidence.PartDetail
	var ready evidence.ReadinessDetail
	switch l.Kind {
	case lieciba.LeafIncident:
		i, err := r.c.catalog.Incident(ctx, lieciba.IncidentID(l.Subject))
		return against(l, evidence.DetailOfIncident(i), err)
	case lieciba.LeafPart:
		if evidence.Decode(l.Detail, &part) != nil {
			return "its detail cannot be read", nil
		}
		if err := r.examRows.read(ctx, r.c, part.SessionID); err != nil {
			return "", err
		}
		if e, ok := r.examRows.parts[lieciba.PartEventID(l.Subject)]; ok {
			return against(l, evidence.DetailOfPart(e), nil)
		}
	default:
		if evidence.Decode(l.Detail, &ready) != nil {
			return "its detail cannot be read", nil
		}
		if err := r.examRows.read(ctx, r.c, ready.SessionID); err != nil {
			return "", err
		}
		if x, ok := r.examRows.ready[lieciba.ReadinessID(l.Subject)]; ok {
			return against(l, evidence.DetailOfReadiness(x), nil)
		}
	}
	return "its row is gone, or was moved to another session", nil
}

// examLogged checks that the rows of one session have their leaves.
func (c *checker) examLogged(ctx context.Context, s lieciba.ExamSession) error {
	incidents, err := c.catalog.SessionIncidents(ctx, s.ID)
	if err != nil {
		return err
	}
	if err := loggedAll(ctx, c, lieciba.LeafIncident, incidents, func(i lieciba.Incident) string { return string(i.ID) },
		func(i lieciba.Incident) []byte { return evidence.Encode(evidence.DetailOfIncident(i)) }); err != nil {
		return err
	}
	parts, err := c.catalog.SessionPartEvents(ctx, s.ID)
	if err != nil {
		return err
	}
	if err := loggedAll(ctx, c, lieciba.LeafPart, parts, func(e lieciba.PartEvent) string { return string(e.ID) },
		func(e lieciba.PartEvent) []byte { return evidence.Encode(evidence.DetailOfPart(e)) }); err != nil {
		return err
	}
	ready, err := c.catalog.SessionReadiness(ctx, s.ID)
	if err != nil {
		return err
	}
	return loggedAll(ctx, c, lieciba.LeafReadiness, ready, func(r lieciba.Readiness) string { return string(r.ID) },
		func(r lieciba.Readiness) []byte { return evidence.Encode(evidence.DetailOfReadiness(r)) })
}
