package storagetest

import (
	"context"
	"maps"
	"time"

	"lieciba"
	"lieciba/storage"
)

// faultCasesOfNotices are the writes of webhooks, notices and deliveries.
func faultCasesOfNotices(w *world) map[string]faultCase {
	hook, notice := newWebhook("pizis"), w.newNotice(lieciba.NoticeDegraded)
	published := func(w *world) error {
		if err := w.PutWebhook(w.ctx, hook); err != nil {
			return err
		}
		if err := w.StageNotice(w.ctx, notice); err != nil {
			return err
		}
		_, err := w.PublishNotices(w.ctx, 10, sec(1))
		return err
	}
	claim := func(ctx context.Context, c storage.Catalog) error {
		_, err := c.ClaimDeliveries(ctx, nodeA, "", sec(2), time.Minute, 10)
		return err
	}
	dead := lieciba.Delivery{WebhookID: hook.ID, Notice: lieciba.Notice{Number: 1}, State: lieciba.DeliveryDead, Attempts: 3, LastError: "503", DoneAt: sec(9)}
	settle := func(ctx context.Context, c storage.Catalog) error { return c.SettleDelivery(ctx, nodeA, dead) }
	steps := func(list ...func(ctx context.Context, c storage.Catalog) error) func(w *world) error {
		return func(w *world) error {
			if err := published(w); err != nil {
				return err
			}
			for _, step := range list {
				if err := step(w.ctx, w); err != nil {
					return err
				}
			}
			return nil
		}
	}
	cases := faultCasesOfFacts(w)
	maps.Copy(cases, map[string]faultCase{
		"PutWebhook":  {call: func(ctx context.Context, c storage.Catalog) error { return c.PutWebhook(ctx, hook) }},
		"StageNotice": {call: func(ctx context.Context, c storage.Catalog) error { return c.StageNotice(ctx, notice) }},
		"PublishNotices": {
			before: func(w *world) error { return w.StageNotice(w.ctx, notice) },
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.PublishNotices(ctx, 10, sec(1))
				return err
			}},
		"ClaimDeliveries": {before: published, call: claim},
		"SettleDelivery":  {before: steps(claim), call: settle},
		"RedeliverDead": {
			before: steps(claim, settle),
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.RedeliverDead(ctx, hook.ID, "", sec(10))
				return err
			}},
	})
	return cases
}

// snapshotExam adds what the writes above can change.
func snapshotExam(w *world, add, addIfThere func(v any, err error)) {
	n, oldest, err := w.StagedNotices(w.ctx)
	add([]any{n, oldest}, err)
	notices, err := w.ListNotices(w.ctx, "", 0, 0)
	add(notices, err)
	hooks, err := w.ListWebhooks(w.ctx)
	add(hooks, err)
	deliveries, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{})
	add(deliveries, err)
	next, err := w.NextDelivery(w.ctx) // tells of claims
	add(next, err)
	snapshotFacts(w, add, addIfThere)
}
