package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const grantColumns = `id, request_id, session_id, holder_id, holder, camera_ids, from_at, to_at, reason, appeal, incident_id,
	approved_by, began_at, expires_at, revoked_at, revoked_by`

func scanGrant(r pgx.CollectableRow) (g lieciba.Grant, err error) {
	var cameras []string
	err = r.Scan(&g.ID, &g.RequestID, &g.SessionID, &g.HolderID, &g.Holder, &cameras, stamp{&g.From}, stamp{&g.To}, &g.Reason,
		&g.Appeal, &g.IncidentID, &g.ApprovedBy, stamp{&g.BeganAt}, stamp{&g.ExpiresAt}, stamp{&g.RevokedAt}, &g.RevokedBy)
	g.CameraIDs = typed[lieciba.CameraID](cameras)
	return g, err
}

const selectGrant = `SELECT ` + grantColumns + ` FROM grants `

// PutGrant implements storage.Grants. The request's lock keeps another grant of it out.
func (c *Catalog) PutGrant(ctx context.Context, g lieciba.Grant) error {
	g = storage.MicroGrant(g)
	if err := storage.CheckGrant(g); err != nil {
		return err
	}
	return c.write(ctx, "put a grant", func(tx pgx.Tx) error {
		request, err := lockRequest(ctx, tx, g.RequestID)
		if err != nil {
			return err
		}
		if err := keepFacts(ctx, tx, g.SessionID); err != nil {
			return err
		}
		stored, err := first(ctx, tx, scanGrant, selectGrant+`WHERE id = $1`, g.ID)
		if err != nil {
			return err
		}
		if stored != nil {
			return storage.RepeatGrant(*stored, g)
		}
		if stored, err = first(ctx, tx, scanGrant, selectGrant+`WHERE request_id = $1`, g.RequestID); err != nil {
			return err
		}
		if stored != nil {
			return storage.GrantExists(stored.ID)
		}
		if err := storage.CheckGranted(g, request); err != nil {
			return err
		}
		return insertGrant(ctx, tx, g)
	})
}

func insertGrant(ctx context.Context, tx pgx.Tx, g lieciba.Grant) error {
	_, err := execTx(ctx, tx, `INSERT INTO grants (`+grantColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, NULL, '')`,
		g.ID, g.RequestID, g.SessionID, g.HolderID, g.Holder, texts(g.CameraIDs), orNull(g.From), orNull(g.To), g.Reason, g.Appeal,
		g.IncidentID, g.ApprovedBy, ts(g.BeganAt), ts(g.ExpiresAt))
	return err
}

// RevokeGrant implements storage.Grants.
func (c *Catalog) RevokeGrant(ctx context.Context, id lieciba.GrantID, by string, at time.Time) (out lieciba.Grant, err error) {
	err = c.write(ctx, "revoke a grant", func(tx pgx.Tx) error {
		stored, err := one(ctx, tx, "grant", scanGrant, selectGrant+`WHERE id = $1 FOR NO KEY UPDATE`, id)
		if err != nil {
			return err
		}
		var write bool
		if out, write, err = storage.PlanRevoke(stored, by, at); err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE grants SET revoked_at = $1, revoked_by = $2 WHERE id = $3`, ts(out.RevokedAt), out.RevokedBy, id)
		return err
	})
	if err != nil {
		return lieciba.Grant{}, err
	}
	return out, nil
}

// Grant implements storage.Grants.
func (c *Catalog) Grant(ctx context.Context, id lieciba.GrantID) (lieciba.Grant, error) {
	return readOne(ctx, c, "grant", scanGrant, selectGrant+`WHERE id = $1`+c.keep(ctx), id)
}

// ListGrants implements storage.Grants.
func (c *Catalog) ListGrants(ctx context.Context, f storage.GrantFilter) ([]lieciba.Grant, error) {
	query, args, err := c.grantQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "grants", scanGrant, query+c.keep(ctx), args...)
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
		at := ts(f.InForceAt) // no grant is longer than MaxGrant, so the index need not be read further back
		w.add("revoked_at IS NULL AND began_at <= ? AND began_at > ? AND expires_at > ?", at, at.Add(-lieciba.MaxGrant), at)
	}
	if f.Before != "" {
		last, err := c.Grant(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(began_at, id) < (?, ?)", ts(last.BeganAt), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectGrant + w.sql() + ` ORDER BY began_at DESC, id DESC LIMIT ` + limit, w.args, nil
}
