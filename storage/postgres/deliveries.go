package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const deliveryColumns = `d.webhook_id, d.state, d.attempts, d.next_at, d.last_error, d.done_at, ` + noticeColumns

func scanDeliveryAnd(r pgx.CollectableRow, more ...any) (d lieciba.Delivery, err error) {
	n := &d.Notice
	err = r.Scan(append([]any{&d.WebhookID, &d.State, &d.Attempts, stamp{&d.NextAt}, &d.LastError, stamp{&d.DoneAt},
		&n.ID, &n.Number, &n.SessionID, &n.Source, &n.Kind, stamp{&n.At}, &n.Data, &n.Retold}, more...)...)
	return d, err
}

func scanDelivery(r pgx.CollectableRow) (lieciba.Delivery, error) { return scanDeliveryAnd(r) }

func scanHeld(r pgx.CollectableRow) (h storage.HeldDelivery, err error) {
	h.Delivery, err = scanDeliveryAnd(r, &h.Node, &h.Held)
	return h, err
}

const (
	selectDelivery = `SELECT ` + deliveryColumns + ` FROM deliveries AS d JOIN notices ON notices.number = d.number `
	selectHeld     = `SELECT ` + deliveryColumns + `, node_id, held_until IS NOT NULL FROM deliveries AS d
		JOIN notices ON notices.number = d.number WHERE d.webhook_id = $1 AND d.number = $2 FOR NO KEY UPDATE OF d`

	// firstInLine leaves the oldest that waits, of each enabled webhook and session.
	firstInLine = `d.state = 'waiting' AND NOT EXISTS (SELECT FROM webhooks WHERE webhooks.id = d.webhook_id AND disabled)
		AND NOT EXISTS (SELECT FROM deliveries AS e WHERE e.webhook_id = d.webhook_id AND e.line = d.line AND e.state = 'waiting' AND e.number < d.number)`
	// Another node that claims the same moment has locked what it takes: skip it.
	// One that has just taken it is seen by the locked row, which is looked at anew.
	selectDue = selectDelivery + `WHERE d.next_at <= $1 AND (d.held_until IS NULL OR d.held_until <= $1) AND ($3 = '' OR d.webhook_id::text = $3) AND ` + firstInLine + `
		ORDER BY d.next_at, d.number LIMIT $2 FOR NO KEY UPDATE OF d SKIP LOCKED`
	nextDelivery = `SELECT min(greatest(d.next_at, d.held_until)) FROM deliveries AS d WHERE ` + firstInLine
)

// ClaimDeliveries implements storage.Notices.
func (c *Catalog) ClaimDeliveries(ctx context.Context, node lieciba.NodeID, w lieciba.WebhookID, now time.Time, ttl time.Duration, limit int) (out []lieciba.Delivery, err error) {
	err = c.write(ctx, "claim deliveries", func(tx pgx.Tx) error {
		out, err = list(ctx, tx, scanDelivery, selectDue, ts(now), storage.PageLimit(limit), string(w))
		if err != nil || len(out) == 0 {
			return err
		}
		hooks, numbers := make([]string, len(out)), make([]int64, len(out))
		for i, d := range out {
			hooks[i], numbers[i] = string(d.WebhookID), d.Notice.Number
		}
		_, err := execTx(ctx, tx, `UPDATE deliveries AS d SET node_id = $3, held_until = $4 FROM unnest($1::uuid[], $2::bigint[]) AS v (w, n)
			WHERE d.webhook_id = v.w AND d.number = v.n`, hooks, numbers, string(node), ts(now.Add(ttl)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SettleDelivery implements storage.Notices.
func (c *Catalog) SettleDelivery(ctx context.Context, node lieciba.NodeID, d lieciba.Delivery) error {
	d.LastError = storable(d.LastError)
	return c.write(ctx, "settle a delivery", func(tx pgx.Tx) error {
		stored, err := one(ctx, tx, "delivery", scanHeld, selectHeld, d.WebhookID, d.Notice.Number)
		if err != nil {
			return err
		}
		next, write, err := storage.PlanSettle(stored, node, d)
		if err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE deliveries SET state = $1, attempts = $2, next_at = $3, last_error = $4, done_at = $5, held_until = NULL
			WHERE webhook_id = $6 AND number = $7`, next.State, next.Attempts, orNull(next.NextAt), next.LastError, orNull(next.DoneAt),
			d.WebhookID, d.Notice.Number)
		return err
	})
}

// RedeliverDead implements storage.Notices.
func (c *Catalog) RedeliverDead(ctx context.Context, w lieciba.WebhookID, n lieciba.NoticeID, now time.Time) (int, error) {
	query := `UPDATE deliveries SET state = 'waiting', attempts = 0, next_at = $1, last_error = '', done_at = NULL, node_id = '', held_until = NULL
		WHERE webhook_id = $2 AND state = 'dead'`
	args := []any{ts(now), w}
	if n != "" {
		query += ` AND number = (SELECT number FROM notices WHERE id = $3)`
		args = append(args, n)
	}
	changed, err := c.exec(ctx, "redeliver", query, args...)
	return int(changed), err
}

// NextDelivery implements storage.Notices.
func (c *Catalog) NextDelivery(ctx context.Context) (time.Time, error) {
	return readOne(ctx, c, "deliveries", func(r pgx.CollectableRow) (t time.Time, err error) {
		err = r.Scan(stamp{&t})
		return t, err
	}, nextDelivery)
}

// ListDeliveries implements storage.Notices.
func (c *Catalog) ListDeliveries(ctx context.Context, f storage.DeliveryFilter) ([]lieciba.Delivery, error) {
	query, args := deliveryQuery(f)
	return readList(ctx, c, "deliveries", scanDelivery, query, args...)
}

func deliveryQuery(f storage.DeliveryFilter) (string, []any) {
	var w where
	if f.WebhookID != "" {
		w.add("d.webhook_id = ?", f.WebhookID)
	}
	if len(f.States) > 0 {
		w.add("d.state = ANY (?)", texts(f.States))
	}
	if f.Before > 0 {
		w.add("d.number < ?", f.Before)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectDelivery + w.sql() + ` ORDER BY d.number DESC, d.webhook_id LIMIT ` + limit, w.args
}
