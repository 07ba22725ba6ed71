package storagetest

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

// factWrites lists the writing methods of the exam's facts and of alarms.
func factWrites() []string {
	return []string{"AddIncident", "AddPartEvent", "AddReadiness", "LinkSession", "VoidLink", "RaiseAlarm", "SeeAlarm"}
}

var (
	_ storage.Incidents     = (*FaultCatalog)(nil)
	_ storage.PartEvents    = (*FaultCatalog)(nil)
	_ storage.ReadinessRows = (*FaultCatalog)(nil)
	_ storage.SessionLinks  = (*FaultCatalog)(nil)
	_ storage.Alarms        = (*FaultCatalog)(nil)
)

func (f *FaultCatalog) AddIncident(ctx context.Context, i lieciba.Incident) error {
	return f.do("AddIncident", func() error { return f.Catalog.AddIncident(ctx, i) })
}

func (f *FaultCatalog) AddPartEvent(ctx context.Context, s lieciba.SessionID,
	decide func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error)) error {
	return f.do("AddPartEvent", func() error { return f.Catalog.AddPartEvent(ctx, s, decide) })
}

func (f *FaultCatalog) AddReadiness(ctx context.Context, r lieciba.Readiness) error {
	return f.do("AddReadiness", func() error { return f.Catalog.AddReadiness(ctx, r) })
}

func (f *FaultCatalog) LinkSession(ctx context.Context, l storage.SessionLink) error {
	return f.do("LinkSession", func() error { return f.Catalog.LinkSession(ctx, l) })
}

func (f *FaultCatalog) VoidLink(ctx context.Context, l storage.SessionLink) error {
	return f.do("VoidLink", func() error { return f.Catalog.VoidLink(ctx, l) })
}

func (f *FaultCatalog) RaiseAlarm(ctx context.Context, a lieciba.Alarm) (bool, error) {
	return get(f, "RaiseAlarm", func() (bool, error) { return f.Catalog.RaiseAlarm(ctx, a) })
}

func (f *FaultCatalog) SeeAlarm(ctx context.Context, id lieciba.AlarmID, by, note string, at time.Time) (lieciba.Alarm, error) {
	return get(f, "SeeAlarm", func() (lieciba.Alarm, error) { return f.Catalog.SeeAlarm(ctx, id, by, note, at) })
}
