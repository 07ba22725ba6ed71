package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
)

const grantColumns = `id, request_id, session_id, holder_id, holder, camera_ids, from_at, to_at, reason, appeal, incident_id,
	approved_by, began_at, expires_at, revoked_at, revoked_by`

func scanGrant(r row) (g lieciba.Grant, err error) {
	err = r.Scan(&g.ID, &g.RequestID, &g.SessionID, &g.HolderID, &g.Holder, strs[lieciba.CameraID]{&g.CameraIDs}, micros{&g.From},
		micros{&g.To}, &g.Reason, &g.Appeal, &g.IncidentID, &g.ApprovedBy, micros{&g.BeganAt}, micros{&g.ExpiresAt},
		micros{&g.RevokedAt}, &g.RevokedBy)
	return g, err
}

const (
	selectGrant    = `SELECT ` + grantColumns + ` FROM grants `
	whereGrant     = `WHERE id = ?`
	whereGrantedBy = `WHERE request_id = ?`
)

// PutGrant implements storage.Grants.
func (c *Catalog) PutGrant(ctx context.Context, g lieciba.Grant) error {
	g = storage.MicroGrant(g)
	if err := storage.CheckGrant(g); err != nil {
		return err
	}
	return c.write(ctx, "put a grant", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanGrant, selectGrant+whereGrant, g.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatGrant(stored[0], g)
		}
		request, err := one(ctx, tx, "request", scanRequest, selectRequest+whereRequest, g.RequestID)
		if err != nil {
			return err
		}
		if stored, err = list(ctx, tx, scanGrant, selectGrant+whereGrantedBy, g.RequestID); err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.GrantExists(stored[0].ID)
		}
		if err := storage.CheckGranted(g, request); err != nil {
			return err
		}
		return insertGrant(ctx, tx, g)
	})
}

func insertGrant(ctx context.Context, tx *sql.Tx, g lieciba.Grant) error {
	_, err := execTx(ctx, tx, `INSERT INTO grants (`+grantColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '')`,
		g.ID, g.RequestID, g.SessionID, g.HolderID, g.Holder, jsonList(g.CameraIDs), usOrNull(g.From), usOrNull(g.To), g.Reason, g.Appeal,
		g.IncidentID, g.ApprovedBy, us(g.BeganAt), us(g.ExpiresAt))
	return err
}

// RevokeGrant implements storage.Grants.
func (c *Catalog) RevokeGrant(ctx context.Context, id lieciba.GrantID, by string, at time.Time) (out lieciba.Grant, err error) {
	err = c.write(ctx, "revoke a grant", func(tx *sql.Tx) (err error) {
		stored, err := one(ctx, tx, "grant", scanGrant, selectGrant+whereGrant, id)
		if err != nil {
			return err
		}
		var write bool
		if out, write, err = storage.PlanRevoke(stored, by, at); err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE grants SET revoked_at = ?, revoked_by = ? WHERE id = ?`, us(out.RevokedAt), out.RevokedBy, id)
		return err
	})
	if err != nil {
		return lieciba.Grant{}, err
	}
	return out, nil
}

// Grant implements storage.Grants.
func (c *Catalog) Grant(ctx context.Context, id lieciba.GrantID) (lieciba.Grant, error) {
	return readOne(ctx, c, "grant", scanGrant, selectGrant+whereGrant, id)
}

// ListGrants implements storage.Grants.
func (c *Catalog) ListGrants(ctx context.Context, f storage.GrantFilter) ([]lieciba.Grant, error) {
	query, args, err := c.grantQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "grants", scanGrant, query, args...)
}

func (c *Catalog) grantQuery(ctx context.Context, f storage.GrantFilter) (string, []any, error) {
	var w where
	if f.HolderID != "" {
		w.add("holder_id = ?", f.HolderID)
	}
	if f.SessionID != "" {
		w.add("session_id = ?", f.SessionID)
	}
	if f.Appeal != "" {
		w.add("appeal = ?", f.Appeal)
	}
	if !f.InForceAt.IsZero() {
		at := lieciba.Micro(f.InForceAt) // no grant is longer than MaxGrant, so the index need not be read further back
		w.add("revoked_at IS NULL AND began_at <= ? AND began_at > ? AND expires_at > ?", us(at), us(at.Add(-lieciba.MaxGrant)), us(at))
	}
	if f.Before != "" {
		last, err := c.Grant(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(began_at, id) < (?, ?)", us(last.BeganAt), last.ID)
	}
	return selectGrant + w.sql() + ` ORDER BY began_at DESC, id DESC LIMIT ?`, append(w.args, storage.PageLimit(f.Limit)), nil
}
