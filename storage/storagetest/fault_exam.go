package storagetest

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

// examWrites lists the writing methods of notices and of the exam's facts.
func examWrites() []string {
	return append(factWrites(), "PutWebhook", "StageNotice", "PublishNotices", "ClaimDeliveries", "SettleDelivery", "RedeliverDead")
}

var _ storage.Notices = (*FaultCatalog)(nil)

func (f *FaultCatalog) PutWebhook(ctx context.Context, w lieciba.Webhook) error {
	return f.do("PutWebhook", func() error { return f.Catalog.PutWebhook(ctx, w) })
}

func (f *FaultCatalog) StageNotice(ctx context.Context, n lieciba.Notice) error {
	return f.do("StageNotice", func() error { return f.Catalog.StageNotice(ctx, n) })
}

func (f *FaultCatalog) PublishNotices(ctx context.Context, limit int, now time.Time) (int, error) {
	return get(f, "PublishNotices", func() (int, error) { return f.Catalog.PublishNotices(ctx, limit, now) })
}

func (f *FaultCatalog) ClaimDeliveries(ctx context.Context, node lieciba.NodeID, w lieciba.WebhookID, now time.Time, ttl time.Duration, limit int) ([]lieciba.Delivery, error) {
	return get(f, "ClaimDeliveries", func() ([]lieciba.Delivery, error) { return f.Catalog.ClaimDeliveries(ctx, node, w, now, ttl, limit) })
}

func (f *FaultCatalog) SettleDelivery(ctx context.Context, node lieciba.NodeID, d lieciba.Delivery) error {
	return f.do("SettleDelivery", func() error { return f.Catalog.SettleDelivery(ctx, node, d) })
}

func (f *FaultCatalog) RedeliverDead(ctx context.Context, w lieciba.WebhookID, n lieciba.NoticeID, now time.Time) (int, error) {
	return get(f, "RedeliverDead", func() (int, error) { return f.Catalog.RedeliverDead(ctx, w, n, now) })
}
