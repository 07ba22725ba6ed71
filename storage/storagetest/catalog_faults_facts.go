package storagetest

import (
	"context"

	"lieciba"
	"lieciba/storage"
)

// faultCasesOfFacts are the writes of incidents, part events, readiness, links
// and alarms.
func faultCasesOfFacts(w *world) map[string]faultCase {
	incident, part, ready, alarm := w.newIncident(), w.newPartEvent(lieciba.StepStarted, 0), w.newReadiness(0), newAlarm("user:1")
	adhoc := w.adHoc("adhoc-1")
	return map[string]faultCase{
		"AddIncident": {call: func(ctx context.Context, c storage.Catalog) error { return c.AddIncident(ctx, incident) }},
		"AddPartEvent": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.AddPartEvent(ctx, w.session.ID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) { return &part, nil })
		}},
		"AddReadiness": {call: func(ctx context.Context, c storage.Catalog) error { return c.AddReadiness(ctx, ready) }},
		"LinkSession": {
			before: func(w *world) error { return w.store(adhoc) },
			call:   func(ctx context.Context, c storage.Catalog) error { return c.LinkSession(ctx, w.link(adhoc, "exam-9")) }},
		"VoidLink": {
			before: func(w *world) error {
				if err := w.store(adhoc); err != nil {
					return err
				}
				return w.LinkSession(w.ctx, w.link(adhoc, "exam-9"))
			},
			call: func(ctx context.Context, c storage.Catalog) error { return c.VoidLink(ctx, w.link(adhoc, "exam-9")) }},
		"RaiseAlarm": {call: func(ctx context.Context, c storage.Catalog) error {
			_, err := c.RaiseAlarm(ctx, alarm)
			return err
		}},
		"SeeAlarm": {
			before: func(w *world) error {
				_, err := w.RaiseAlarm(w.ctx, alarm)
				return err
			},
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.SeeAlarm(ctx, alarm.ID, "Ilze", "looked", sec(9))
				return err
			}},
	}
}

// snapshotFacts adds what the writes above can change.
func snapshotFacts(w *world, add, addIfThere func(v any, err error)) {
	incidents, err := w.SessionIncidents(w.ctx, w.session.ID)
	add(incidents, err)
	parts, err := w.SessionPartEvents(w.ctx, w.session.ID)
	add(parts, err)
	ready, err := w.SessionReadiness(w.ctx, w.session.ID)
	add(ready, err)
	linked, err := w.SessionByKey(w.ctx, lieciba.SessionKey{Source: "pizis", ExternalID: "exam-9"})
	addIfThere(linked, err)
	alarms, err := w.ListAlarms(w.ctx, storage.AlarmFilter{})
	add(alarms, err)
}
