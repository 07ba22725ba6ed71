package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const readinessColumns = `id, session_id, camera_id, node_id, occasion, at, state, items, follows, reason, who, who_id`

func scanReadiness(r row) (x lieciba.Readiness, err error) {
	var items []byte
	err = r.Scan(&x.ID, &x.SessionID, text[lieciba.CameraID]{&x.CameraID}, &x.NodeID, &x.When, micros{&x.At}, &x.State, &items,
		text[lieciba.ReadinessID]{&x.Follows}, &x.Reason, &x.By, &x.ByID)
	if err == nil {
		x.Items, err = storage.DecodeItems(items)
	}
	return x, err
}

const whereReadiness = `SELECT ` + readinessColumns + ` FROM readiness WHERE session_id = ? ORDER BY at, id`

// AddReadiness implements storage.ReadinessRows.
func (c *Catalog) AddReadiness(ctx context.Context, r lieciba.Readiness) error {
	r = storage.MicroReadiness(r)
	if err := storage.CheckReadiness(r); err != nil {
		return err
	}
	items, err := storage.EncodeItems(r.Items)
	if err != nil {
		return err
	}
	return c.write(ctx, "add a readiness row", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanReadiness, `SELECT `+readinessColumns+` FROM readiness WHERE id = ?`, r.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatReadiness(stored[0], r)
		}
		_, err = execTx(ctx, tx, `INSERT INTO readiness (`+readinessColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, r.SessionID, idOrNull(r.CameraID), r.NodeID, r.When, us(r.At), r.State, items, idOrNull(r.Follows), r.Reason, r.By, r.ByID)
		if err != nil {
			return err
		}
		return stageLeaf(ctx, tx, evidence.LeafOfReadiness(r))
	})
}

// SessionReadiness implements storage.ReadinessRows.
func (c *Catalog) SessionReadiness(ctx context.Context, s lieciba.SessionID) ([]lieciba.Readiness, error) {
	return readList(ctx, c, "readiness", scanReadiness, whereReadiness, s)
}
