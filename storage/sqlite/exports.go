package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

const exportColumns = `id, session_id, camera_ids, from_at, to_at, purpose, recipient_name, recipient, requested_by, requested_by_id,
	requested_at, node_id, state, done_bytes, total_bytes, size, sha256, manifest, sealed_at, collected_at, error,
	request_id, approved_by`

func scanExport(r row) (e lieciba.Export, err error) {
	err = r.Scan(&e.ID, &e.SessionID, strs[lieciba.CameraID]{&e.CameraIDs}, micros{&e.From}, micros{&e.To}, &e.Purpose, &e.RecipientName,
		&e.Recipient, &e.RequestedBy, &e.RequestedByID, micros{&e.RequestedAt}, &e.NodeID, &e.State, &e.DoneBytes, &e.TotalBytes,
		&e.Size, hash{&e.SHA256}, hash{&e.Manifest}, micros{&e.SealedAt}, micros{&e.CollectedAt}, &e.Error,
		text[lieciba.RequestID]{&e.RequestID}, &e.ApprovedBy)
	return e, err
}

const selectExport = `SELECT ` + exportColumns + ` FROM exports WHERE id = ?`

// PutExport implements storage.Exports.
func (c *Catalog) PutExport(ctx context.Context, e lieciba.Export) error {
	e.Error = storable(e.Error)
	return c.write(ctx, "put an export", func(tx *sql.Tx) error {
		found, err := list(ctx, tx, scanExport, selectExport, e.ID)
		if err != nil {
			return err
		}
		doomed, err := one(ctx, tx, "count", scanCount, `SELECT EXISTS (SELECT 1 FROM deletions WHERE session_id = ?)`, e.SessionID)
		if err != nil {
			return err
		}
		var stored *lieciba.Export
		if len(found) > 0 {
			stored = &found[0]
		}
		if err := storage.PlanExport(stored, e, doomed > 0); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `INSERT INTO exports (`+exportColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET node_id = excluded.node_id, state = excluded.state, done_bytes = excluded.done_bytes,
			total_bytes = excluded.total_bytes, size = excluded.size, sha256 = excluded.sha256, manifest = excluded.manifest,
			sealed_at = excluded.sealed_at, collected_at = excluded.collected_at, error = excluded.error`,
			e.ID, e.SessionID, jsonList(e.CameraIDs), usOrNull(e.From), usOrNull(e.To), e.Purpose, e.RecipientName, e.Recipient,
			e.RequestedBy, e.RequestedByID, us(e.RequestedAt), e.NodeID, e.State, e.DoneBytes, e.TotalBytes, e.Size, e.SHA256[:],
			e.Manifest[:], usOrNull(e.SealedAt), usOrNull(e.CollectedAt), e.Error,
			idOrNull(e.RequestID), e.ApprovedBy)
		if err != nil {
			return err
		}
		return tell(ctx, tx, e.SessionID, storage.ToldOfExport(stored, e))
	})
}

// Export implements storage.Exports.
func (c *Catalog) Export(ctx context.Context, id lieciba.ExportID) (lieciba.Export, error) {
	return readOne(ctx, c, "export", scanExport, selectExport, id)
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
		anyOf(&w, "state", f.States)
	}
	if f.Before != "" {
		last, err := c.Export(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(requested_at, id) < (?, ?)", us(last.RequestedAt), last.ID)
	}
	return `SELECT ` + exportColumns + ` FROM exports` + w.sql() + ` ORDER BY requested_at DESC, id DESC LIMIT ?`,
		append(w.args, storage.PageLimit(f.Limit)), nil
}
