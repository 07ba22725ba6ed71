package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
)

const deliveryColumns = `d.webhook_id, d.state, d.attempts, d.next_at, d.last_error, d.done_at, ` + noticeColumns

func scanDeliveryAnd(r row, more ...any) (d lieciba.Delivery, err error) {
	n := &d.Notice
	err = r.Scan(append([]any{&d.WebhookID, &d.State, &d.Attempts, micros{&d.NextAt}, &d.LastError, micros{&d.DoneAt},
		&n.ID, &n.Number, &n.SessionID, &n.Source, &n.Kind, micros{&n.At}, &n.Data, &n.Retold}, more...)...)
	return d, err
}

func scanDelivery(r row) (lieciba.Delivery, error) { return scanDeliveryAnd(r) }

func scanHeld(r row) (h storage.HeldDelivery, err error) {
	h.Delivery, err = scanDeliveryAnd(r, &h.Node, &h.Held)
	return h, err
}

const (
	selectDelivery = `SELECT ` + deliveryColumns + ` FROM deliveries AS d JOIN notices ON notices.number = d.number `
	selectHeld     = `SELECT ` + deliveryColumns + `, node_id, held_until IS NOT NULL FROM deliveries AS d
		JOIN notices ON notices.number = d.number WHERE d.webhook_id = ? AND d.number = ?`

	// firstInLine leaves the oldest that waits, of each enabled webhook and session.
	firstInLine = `d.state = 'waiting' AND NOT EXISTS (SELECT 1 FROM webhooks WHERE webhooks.id = d.webhook_id AND disabled)
		AND NOT EXISTS (SELECT 1 FROM deliveries AS e WHERE e.webhook_id = d.webhook_id AND e.line = d.line AND e.state = 'waiting' AND e.number < d.number)`
	whereDue     = `WHERE d.next_at <= ?1 AND coalesce(held_until, 0) <= ?1 AND (?3 = '' OR d.webhook_id = ?3) AND ` + firstInLine + ` ORDER BY d.next_at, d.number LIMIT ?2`
	nextDelivery = `SELECT min(max(d.next_at, coalesce(held_until, d.next_at))) FROM deliveries AS d WHERE ` + firstInLine
)

// ClaimDeliveries implements storage.Notices.
func (c *Catalog) ClaimDeliveries(ctx context.Context, node lieciba.NodeID, w lieciba.WebhookID, now time.Time, ttl time.Duration, limit int) (out []lieciba.Delivery, err error) {
	err = c.write(ctx, "claim deliveries", func(tx *sql.Tx) error {
		out, err = list(ctx, tx, scanDelivery, selectDelivery+whereDue, us(now), storage.PageLimit(limit), w)
		if err != nil {
			return err
		}
		for _, d := range out {
			_, err := execTx(ctx, tx, `UPDATE deliveries SET node_id = ?, held_until = ? WHERE webhook_id = ? AND number = ?`,
				node, us(now.Add(ttl)), d.WebhookID, d.Notice.Number)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SettleDelivery implements storage.Notices.
func (c *Catalog) SettleDelivery(ctx context.Context, node lieciba.NodeID, d lieciba.Delivery) error {
	d.LastError = storable(d.LastError)
	return c.write(ctx, "settle a delivery", func(tx *sql.Tx) error {
		stored, err := one(ctx, tx, "delivery", scanHeld, selectHeld, d.WebhookID, d.Notice.Number)
		if err != nil {
			return err
		}
		next, write, err := storage.PlanSettle(stored, node, d)
		if err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, last_error = ?, done_at = ?, held_until = NULL
			WHERE webhook_id = ? AND number = ?`, next.State, next.Attempts, usOrNull(next.NextAt), next.LastError, usOrNull(next.DoneAt),
			d.WebhookID, d.Notice.Number)
		return err
	})
}

// RedeliverDead implements storage.Notices.
func (c *Catalog) RedeliverDead(ctx context.Context, w lieciba.WebhookID, n lieciba.NoticeID, now time.Time) (int, error) {
	query := `UPDATE deliveries SET state = 'waiting', attempts = 0, next_at = ?, last_error = '', done_at = NULL, node_id = '', held_until = NULL
		WHERE webhook_id = ? AND state = 'dead'`
	args := []any{us(now), w}
	if n != "" {
		query += ` AND number = (SELECT number FROM notices WHERE id = ?)`
		args = append(args, n)
	}
	changed, err := c.exec(ctx, "redeliver", query, args...)
	return int(changed), err
}

// NextDelivery implements storage.Notices.
func (c *Catalog) NextDelivery(ctx context.Context) (time.Time, error) {
	return readOne(ctx, c, "deliveries", func(r row) (t time.Time, err error) {
		err = r.Scan(micros{&t})
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
		anyOf(&w, "d.state", f.States)
	}
	if f.Before > 0 {
		w.add("d.number < ?", f.Before)
	}
	return selectDelivery + w.sql() + ` ORDER BY d.number DESC, d.webhook_id LIMIT ?`, append(w.args, storage.PageLimit(f.Limit))
}
