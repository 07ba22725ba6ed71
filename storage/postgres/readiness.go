package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const readinessColumns = `id, session_id, camera_id, node_id, occasion, at, state, items, follows, reason, who, who_id`

func scanReadiness(r pgx.CollectableRow) (x lieciba.Readiness, err error) {
	var items []byte
	err = r.Scan(&x.ID, &x.SessionID, orEmpty[lieciba.CameraID]{&x.CameraID}, &x.NodeID, &x.When, stamp{&x.At}, &x.State, &items,
		orEmpty[lieciba.ReadinessID]{&x.Follows}, &x.Reason, &x.By, &x.ByID)
	if err == nil {
		x.Items, err = storage.DecodeItems(items)
	}
	return x, err
}

const sessionReadiness = `SELECT ` + readinessColumns + ` FROM readiness WHERE session_id = $1 ORDER BY at, id`

// AddReadiness implements storage.ReadinessRows. Two that add the same row wait
// for each other at the insert.
func (c *Catalog) AddReadiness(ctx context.Context, r lieciba.Readiness) error {
	r = storage.MicroReadiness(r)
	if err := storage.CheckReadiness(r); err != nil {
		return err
	}
	items, err := storage.EncodeItems(r.Items)
	if err != nil {
		return err
	}
	return c.write(ctx, "add a readiness row", func(tx pgx.Tx) error {
		n, err := execTx(ctx, tx, `INSERT INTO readiness (`+readinessColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO NOTHING`, r.ID, r.SessionID, idOrNull(r.CameraID), r.NodeID, r.When, ts(r.At), r.State, items,
			idOrNull(r.Follows), r.Reason, r.By, r.ByID)
		if err != nil {
			return err
		}
		if n > 0 {
			return stageLeaf(ctx, tx, evidence.LeafOfReadiness(r))
		}
		stored, err := one(ctx, tx, "readiness row", scanReadiness, `SELECT `+readinessColumns+` FROM readiness WHERE id = $1`, r.ID)
		if err != nil {
			return err
		}
		return storage.RepeatReadiness(stored, r)
	})
}

// SessionReadiness implements storage.ReadinessRows.
func (c *Catalog) SessionReadiness(ctx context.Context, s lieciba.SessionID) ([]lieciba.Readiness, error) {
	return readList(ctx, c, "readiness", scanReadiness, sessionReadiness, s)
}
