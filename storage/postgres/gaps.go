package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const gapColumns = `id, recording_id, camera_id, node_id, from_at, to_at, cause, detail`

func scanGap(r pgx.CollectableRow) (g lieciba.Gap, err error) {
	err = r.Scan(&g.ID, &g.RecordingID, &g.CameraID, &g.NodeID, stamp{&g.From}, stamp{&g.To}, &g.Cause, &g.Detail)
	return g, err
}

const selectGap = `SELECT ` + gapColumns + ` FROM gaps `

// live leaves out the gaps that were removed.
const live = `(to_at IS NULL OR to_at > from_at)`

// PutGap implements storage.Gaps.
func (c *Catalog) PutGap(ctx context.Context, g lieciba.Gap) error {
	g.From, g.To, g.Detail = lieciba.Micro(g.From), lieciba.Micro(g.To), storable(g.Detail)
	if err := storage.CheckGap(g); err != nil {
		return err
	}
	return c.write(ctx, "put a gap", func(tx pgx.Tx) error {
		rec, err := lockRecording(ctx, tx, g.RecordingID)
		if err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanGap, selectGap+`WHERE id = $1`, g.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatGap(stored[0], g)
		}
		if err := storage.CheckOpen(rec.State); err != nil {
			return err
		}
		b := storage.Bounds(lieciba.Interval{From: g.From, To: g.To})
		met, err := list(ctx, tx, scanGap, selectGap+`WHERE recording_id = $1 AND from_at < $2
			AND (to_at IS NULL OR to_at > $3) AND `+live+` LIMIT 1`, g.RecordingID, ts(b.To), ts(b.From))
		if err != nil {
			return err
		}
		if len(met) > 0 {
			return storage.OverlapsGap(met[0].ID)
		}
		_, err = execTx(ctx, tx, `INSERT INTO gaps (`+gapColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			g.ID, g.RecordingID, g.CameraID, g.NodeID, ts(g.From), orNull(g.To), g.Cause, g.Detail)
		if err != nil {
			return err
		}
		return gapKnown(ctx, tx, rec, g)
	})
}

// CloseGap implements storage.Gaps.
func (c *Catalog) CloseGap(ctx context.Context, id lieciba.GapID, to time.Time) error {
	return c.write(ctx, "close a gap", func(tx pgx.Tx) error {
		found, err := one(ctx, tx, "gap", scanGap, selectGap+`WHERE id = $1`, id)
		if err != nil {
			return err
		}
		rec, err := lockRecording(ctx, tx, found.RecordingID) // whose it is never changes
		if err != nil {
			return err
		}
		stored, err := one(ctx, tx, "gap", scanGap, selectGap+`WHERE id = $1 FOR UPDATE`, id)
		if err != nil {
			return err
		}
		end, write, err := storage.PlanCloseGap(stored, to)
		if err != nil || !write {
			return err
		}
		if err := storage.CheckOpen(rec.State); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE gaps SET to_at = $1 WHERE id = $2`, ts(end), id)
		if err != nil || !end.After(stored.From) { // removed: nothing was lost
			return err
		}
		stored.To = end
		return gapKnown(ctx, tx, rec, stored)
	})
}

// gapKnown stages what a gap that was put or closed tells.
func gapKnown(ctx context.Context, tx pgx.Tx, rec lieciba.Recording, g lieciba.Gap) error {
	if !g.Open() {
		if err := stageLeaf(ctx, tx, evidence.LeafOfGap(g)); err != nil {
			return err
		}
	}
	return tell(ctx, tx, rec.SessionID, storage.ToldOfGap(g))
}

// RecordingGaps implements storage.Gaps.
func (c *Catalog) RecordingGaps(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Gap, error) {
	return readList(ctx, c, "gaps", scanGap, selectGap+`WHERE recording_id = $1 AND `+live+` ORDER BY from_at`, rec)
}

// OpenGaps implements storage.Gaps.
func (c *Catalog) OpenGaps(ctx context.Context) ([]lieciba.Gap, error) {
	return readList(ctx, c, "gaps", scanGap, selectGap+`WHERE to_at IS NULL ORDER BY from_at, id`)
}
