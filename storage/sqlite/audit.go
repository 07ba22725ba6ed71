package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const auditColumns = `id, at, who, who_id, act, object, session_id, camera_id, from_at, to_at, outcome, detail, address`

func scanAudit(r row) (e lieciba.AuditEntry, err error) {
	err = r.Scan(&e.ID, micros{&e.At}, &e.Who, &e.WhoID, &e.Act, &e.Object, &e.SessionID, &e.CameraID,
		micros{&e.From}, micros{&e.To}, &e.Outcome, &e.Detail, &e.Address)
	return e, err
}

const selectAudit = `SELECT ` + auditColumns + ` FROM audit `

// AppendAudit implements storage.Audit.
func (c *Catalog) AppendAudit(ctx context.Context, e lieciba.AuditEntry) error {
	return c.write(ctx, "append to the audit log", func(tx *sql.Tx) error { return appendAudit(ctx, tx, e) })
}

func appendAudit(ctx context.Context, tx *sql.Tx, e lieciba.AuditEntry) error {
	e.Detail = storable(e.Detail)
	n, err := execTx(ctx, tx, `INSERT INTO audit (`+auditColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`,
		e.ID, us(e.At), e.Who, e.WhoID, e.Act, e.Object, e.SessionID, e.CameraID, usOrNull(e.From), usOrNull(e.To),
		e.Outcome, e.Detail, e.Address)
	if err != nil {
		return err
	}
	if n > 0 {
		return stageLeaf(ctx, tx, evidence.LeafOfAudit(e))
	}
	stored, err := one(ctx, tx, "audit entry", scanAudit, selectAudit+`WHERE id = ?`, e.ID)
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
		w.add("session_id = ? AND session_id <> ''", f.SessionID)
	}
	if f.CameraID != "" {
		w.add("camera_id = ? AND camera_id <> ''", f.CameraID)
	}
	if len(f.Outcomes) > 0 {
		anyOf(&w, "outcome", f.Outcomes)
	}
	if !f.Span.From.IsZero() {
		w.add("at >= ?", us(f.Span.From))
	}
	if !f.Span.To.IsZero() {
		w.add("at < ?", us(f.Span.To))
	}
	if f.Before != "" {
		last, err := readOne(ctx, c, "audit entry", scanAudit, selectAudit+`WHERE id = ?`, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(at, id) < (?, ?)", us(last.At), last.ID)
	}
	return selectAudit + w.sql() + ` ORDER BY at DESC, id DESC LIMIT ?`, append(w.args, storage.PageLimit(f.Limit)), nil
}
