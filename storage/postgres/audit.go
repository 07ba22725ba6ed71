package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const auditColumns = `id, at, who, who_id, act, object, session_id, camera_id, from_at, to_at, outcome, detail, address`

func scanAudit(r pgx.CollectableRow) (e lieciba.AuditEntry, err error) {
	err = r.Scan(&e.ID, stamp{&e.At}, &e.Who, &e.WhoID, &e.Act, &e.Object, &e.SessionID, &e.CameraID,
		stamp{&e.From}, stamp{&e.To}, &e.Outcome, &e.Detail, &e.Address)
	return e, err
}

const selectAudit = `SELECT id, at, who, who_id, act, object, coalesce(session_id::text, ''), coalesce(camera_id::text, ''),
	from_at, to_at, outcome, detail, address FROM audit `

// AppendAudit implements storage.Audit.
func (c *Catalog) AppendAudit(ctx context.Context, e lieciba.AuditEntry) error {
	return c.write(ctx, "append to the audit log", func(tx pgx.Tx) error { return appendAudit(ctx, tx, e) })
}

func appendAudit(ctx context.Context, tx pgx.Tx, e lieciba.AuditEntry) error {
	e.Detail = storable(e.Detail)
	n, err := execTx(ctx, tx, `INSERT INTO audit (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (id) DO NOTHING`,
		e.ID, ts(e.At), e.Who, e.WhoID, e.Act, e.Object, idOrNull(e.SessionID), idOrNull(e.CameraID), orNull(e.From), orNull(e.To),
		e.Outcome, e.Detail, e.Address)
	if err != nil {
		return err
	}
	if n > 0 {
		return stageLeaf(ctx, tx, evidence.LeafOfAudit(storage.MicroAudit(e)))
	}
	stored, err := one(ctx, tx, "audit entry", scanAudit, selectAudit+`WHERE id = $1`, e.ID)
	if err != nil {
		return err
	}
	return storage.RepeatAudit(stored, e)
}

// ListAudit implements storage.Audit.
func (c *Catalog) ListAudit(ctx context.Context, f storage.AuditFilter) ([]lieciba.AuditEntry, error) {
	query, args, err := c.auditQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "audit log", scanAudit, query, args...)
}

func (c *Catalog) auditQuery(ctx context.Context, f storage.AuditFilter) (string, []any, error) {
	var w where
	if f.WhoID != "" {
		w.add("who_id = ?", f.WhoID)
	}
	if f.Act != "" {
		w.add("act = ?", f.Act)
	}
	if f.SessionID != "" {
		w.add("session_id = ?", f.SessionID)
	}
	if f.CameraID != "" {
		w.add("camera_id = ?", f.CameraID)
	}
	if len(f.Outcomes) > 0 {
		w.add("outcome = ANY (?)", f.Outcomes)
	}
	if !f.Span.From.IsZero() {
		w.add("at >= ?", ts(f.Span.From))
	}
	if !f.Span.To.IsZero() {
		w.add("at < ?", ts(f.Span.To))
	}
	if f.Before != "" {
		last, err := readOne(ctx, c, "audit entry", scanAudit, selectAudit+`WHERE id = $1`, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(at, id) < (?, ?)", ts(last.At), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectAudit + w.sql() + ` ORDER BY at DESC, id DESC LIMIT ` + limit, w.args, nil
}
