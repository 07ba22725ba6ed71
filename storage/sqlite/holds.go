package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const holdColumns = `id, session_id, kind, reference, reason, placed_by, placed_by_id, placed_at,
	release_asked_by, release_asked_by_id, release_asked_at, release_due, released_by, released_at`

func scanHold(r row) (h lieciba.Hold, err error) {
	err = r.Scan(&h.ID, &h.SessionID, &h.Kind, &h.Reference, &h.Reason, &h.PlacedBy, &h.PlacedByID, micros{&h.PlacedAt},
		&h.ReleaseAskedBy, &h.ReleaseAskedByID, micros{&h.ReleaseAskedAt}, micros{&h.ReleaseDue}, &h.ReleasedBy, micros{&h.ReleasedAt})
	return h, err
}

const (
	selectHold       = `SELECT ` + holdColumns + ` FROM holds `
	whereHold        = `WHERE id = ?`
	whereHolds       = `WHERE session_id = ? ORDER BY placed_at, id`
	whereActiveHolds = `WHERE released_at IS NULL ORDER BY placed_at, id`

	countGone = `SELECT count(*) FROM recordings r JOIN segments s ON s.recording_id = r.id
		WHERE r.session_id = ? AND s.state IN ('deleting', 'deleted')`
)

// PlaceHold implements storage.Holds: there is one writer, so it excludes every
// ClaimSegments.
func (c *Catalog) PlaceHold(ctx context.Context, h lieciba.Hold) (gone int, err error) {
	h = storage.MicroHold(h)
	if err := storage.CheckHold(h); err != nil {
		return 0, err
	}
	err = c.write(ctx, "place a hold", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanHold, selectHold+whereHold, h.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			err = storage.RepeatHold(stored[0], h)
		} else {
			err = insertHold(ctx, tx, h)
		}
		if err != nil {
			return err
		}
		gone, err = one(ctx, tx, "count", scanCount, countGone, h.SessionID)
		return err
	})
	if err != nil {
		return 0, err
	}
	return gone, nil
}

func insertHold(ctx context.Context, tx *sql.Tx, h lieciba.Hold) error {
	if _, err := execTx(ctx, tx, `INSERT INTO holds (`+holdColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		h.ID, h.SessionID, h.Kind, h.Reference, h.Reason, h.PlacedBy, h.PlacedByID, us(h.PlacedAt),
		h.ReleaseAskedBy, h.ReleaseAskedByID, usOrNull(h.ReleaseAskedAt), usOrNull(h.ReleaseDue), h.ReleasedBy, usOrNull(h.ReleasedAt)); err != nil {
		return err
	}
	if err := stageLeaf(ctx, tx, evidence.LeafOfHold(h)); err != nil {
		return err
	}
	return tell(ctx, tx, h.SessionID, storage.ToldOfHold(h))
}

// ChangeHold implements storage.Holds.
func (c *Catalog) ChangeHold(ctx context.Context, id lieciba.HoldID, decide func(lieciba.Hold) (*lieciba.Hold, error)) (out lieciba.Hold, err error) {
	err = c.write(ctx, "change a hold", func(tx *sql.Tx) error {
		stored, err := one(ctx, tx, "hold", scanHold, selectHold+whereHold, id)
		if err != nil {
			return err
		}
		next, err := decide(stored)
		if err != nil {
			return decided{err}
		}
		if out = stored; next == nil {
			return nil
		}
		var write, released bool
		if out, write, released, err = storage.PlanHold(stored, *next); err != nil || !write {
			return err
		}
		if err := updateHold(ctx, tx, out); err != nil || !released {
			return err
		}
		if err := stageLeaf(ctx, tx, evidence.LeafOfRelease(out)); err != nil {
			return err
		}
		return tell(ctx, tx, out.SessionID, storage.ToldOfHold(out))
	})
	if err != nil {
		return lieciba.Hold{}, err
	}
	return out, nil
}

func updateHold(ctx context.Context, tx *sql.Tx, h lieciba.Hold) error {
	_, err := execTx(ctx, tx, `UPDATE holds SET release_asked_by = ?, release_asked_by_id = ?, release_asked_at = ?, release_due = ?,
		released_by = ?, released_at = ? WHERE id = ?`,
		h.ReleaseAskedBy, h.ReleaseAskedByID, usOrNull(h.ReleaseAskedAt), usOrNull(h.ReleaseDue), h.ReleasedBy, usOrNull(h.ReleasedAt), h.ID)
	return err
}

// Hold implements storage.Holds.
func (c *Catalog) Hold(ctx context.Context, id lieciba.HoldID) (lieciba.Hold, error) {
	return readOne(ctx, c, "hold", scanHold, selectHold+whereHold, id)
}

// SessionHolds implements storage.Holds.
func (c *Catalog) SessionHolds(ctx context.Context, s lieciba.SessionID) ([]lieciba.Hold, error) {
	return readList(ctx, c, "holds", scanHold, selectHold+whereHolds, s)
}

// ActiveHolds implements storage.Holds.
func (c *Catalog) ActiveHolds(ctx context.Context) ([]lieciba.Hold, error) {
	return readList(ctx, c, "holds", scanHold, selectHold+whereActiveHolds)
}
