package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const exportColumns = `id, session_id, camera_ids, from_at, to_at, purpose, recipient_name, recipient, requested_by, requested_by_id,
	requested_at, node_id, state, done_bytes, total_bytes, size, sha256, manifest, sealed_at, collected_at, error,
	request_id, approved_by`

func scanExport(r pgx.CollectableRow) (e lieciba.Export, err error) {
	var cameras []string
	err = r.Scan(&e.ID, &e.SessionID, &cameras, stamp{&e.From}, stamp{&e.To}, &e.Purpose, &e.RecipientName, &e.Recipient,
		&e.RequestedBy, &e.RequestedByID, stamp{&e.RequestedAt}, &e.NodeID, &e.State, &e.DoneBytes, &e.TotalBytes, &e.Size,
		hash{&e.SHA256}, hash{&e.Manifest}, stamp{&e.SealedAt}, stamp{&e.CollectedAt}, &e.Error, orEmpty[lieciba.RequestID]{&e.RequestID}, &e.ApprovedBy)
	e.CameraIDs = typed[lieciba.CameraID](cameras)
	return e, err
}

const selectExport = `SELECT ` + exportColumns + ` FROM exports `

// PutExport implements storage.Exports. Only a new one needs the session's lock,
// which BeginDeletion takes too; progress of one that is there locks its row alone.
func (c *Catalog) PutExport(ctx context.Context, e lieciba.Export) error {
	e = storage.MicroExport(e)
	e.Error = storable(e.Error)
	return c.write(ctx, "put an export", func(tx pgx.Tx) error {
		stored, err := list(ctx, tx, scanExport, selectExport+`WHERE id = $1 FOR NO KEY UPDATE`, e.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return replaceExport(ctx, tx, stored[0], e)
		}
		if _, err := lockSession(ctx, tx, e.SessionID); err != nil {
			return err
		}
		stored, err = list(ctx, tx, scanExport, selectExport+`WHERE id = $1`, e.ID) // made while this waited
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return replaceExport(ctx, tx, stored[0], e)
		}
		deletions, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM deletions WHERE session_id = $1`, e.SessionID)
		if err != nil {
			return err
		}
		if err := storage.PlanExport(nil, e, deletions > 0); err != nil {
			return err
		}
		return storeExport(ctx, tx, nil, e)
	})
}

func replaceExport(ctx context.Context, tx pgx.Tx, stored, e lieciba.Export) error {
	if err := storage.PlanExport(&stored, e, false); err != nil {
		return err
	}
	return storeExport(ctx, tx, &stored, e)
}

func storeExport(ctx context.Context, tx pgx.Tx, stored *lieciba.Export, e lieciba.Export) error {
	_, err := execTx(ctx, tx, `INSERT INTO exports (`+exportColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		ON CONFLICT (id) DO UPDATE SET session_id = excluded.session_id, camera_ids = excluded.camera_ids,
			from_at = excluded.from_at, to_at = excluded.to_at, purpose = excluded.purpose, recipient_name = excluded.recipient_name,
			recipient = excluded.recipient, requested_by = excluded.requested_by, requested_by_id = excluded.requested_by_id,
			requested_at = excluded.requested_at, node_id = excluded.node_id, state = excluded.state,
			done_bytes = excluded.done_bytes, total_bytes = excluded.total_bytes, size = excluded.size, sha256 = excluded.sha256,
			manifest = excluded.manifest, sealed_at = excluded.sealed_at, collected_at = excluded.collected_at, error = excluded.error`,
		e.ID, e.SessionID, texts(e.CameraIDs), orNull(e.From), orNull(e.To), e.Purpose, e.RecipientName, e.Recipient, e.RequestedBy,
		e.RequestedByID, ts(e.RequestedAt), e.NodeID, e.State, e.DoneBytes, e.TotalBytes, e.Size, e.SHA256[:], e.Manifest[:],
		orNull(e.SealedAt), orNull(e.CollectedAt), e.Error, idOrNull(e.RequestID), e.ApprovedBy)
	if err != nil {
		return err
	}
	return tell(ctx, tx, e.SessionID, storage.ToldOfExport(stored, e))
}

// Export implements storage.Exports.
func (c *Catalog) Export(ctx context.Context, id lieciba.ExportID) (lieciba.Export, error) {
	return readOne(ctx, c, "export", scanExport, selectExport+`WHERE id = $1`+c.keep(ctx), id)
}

// ListExports implements storage.Exports.
func (c *Catalog) ListExports(ctx context.Context, f storage.ExportFilter) ([]lieciba.Export, error) {
	query, args, err := c.exportQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "exports", scanExport, query, args...)
}

func (c *Catalog) exportQuery(ctx context.Context, f storage.ExportFilter) (string, []any, error) {
	var w where
	if f.SessionID != "" {
		w.add("session_id = ?", f.SessionID)
	}
	if f.NodeID != "" {
		w.add("node_id = ?", f.NodeID)
	}
	if len(f.States) > 0 {
		w.add("state = ANY (?)", texts(f.States))
	}
	if f.Before != "" {
		last, err := c.Export(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(requested_at, id) < (?, ?)", ts(last.RequestedAt), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectExport + w.sql() + ` ORDER BY requested_at DESC, id DESC LIMIT ` + limit, w.args, nil
}
