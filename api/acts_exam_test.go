package api

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

// The writes of noChange around an exam, and what other systems are told.

func (c *noChange) AddIncident(ctx context.Context, i lieciba.Incident) error {
	return c.step(c.Catalog.AddIncident(ctx, i))
}

func (c *noChange) AddPartEvent(ctx context.Context, s lieciba.SessionID, decide func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error)) error {
	return c.step(c.Catalog.AddPartEvent(ctx, s, decide))
}

func (c *noChange) ChangeAppeal(ctx context.Context, s lieciba.SessionID, reference string, decide func(*lieciba.Appeal) (*lieciba.Appeal, error)) (lieciba.Appeal, error) {
	a, err := c.Catalog.ChangeAppeal(ctx, s, reference, decide)
	return a, c.step(err)
}

func (c *noChange) AddReadiness(ctx context.Context, r lieciba.Readiness) error {
	return c.step(c.Catalog.AddReadiness(ctx, r))
}

func (c *noChange) LinkSession(ctx context.Context, l storage.SessionLink) error {
	return c.step(c.Catalog.LinkSession(ctx, l))
}

func (c *noChange) VoidLink(ctx context.Context, l storage.SessionLink) error {
	return c.step(c.Catalog.VoidLink(ctx, l))
}

func (c *noChange) PutWebhook(ctx context.Context, w lieciba.Webhook) error {
	return c.step(c.Catalog.PutWebhook(ctx, w))
}

func (c *noChange) RedeliverDead(ctx context.Context, w lieciba.WebhookID, n lieciba.NoticeID, now time.Time) (int, error) {
	k, err := c.Catalog.RedeliverDead(ctx, w, n, now)
	return k, c.step(err)
}

func (c *noChange) SeeAlarm(ctx context.Context, id lieciba.AlarmID, by, note string, at time.Time) (lieciba.Alarm, error) {
	a, err := c.Catalog.SeeAlarm(ctx, id, by, note, at)
	return a, c.step(err)
}
