package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// lockSession reads a session and keeps every other change out of it, of its
// holds and events, new exports of it, and deletions of its recordings.
func lockSession(ctx context.Context, tx pgx.Tx, id lieciba.SessionID) (lieciba.ExamSession, error) {
	return one(ctx, tx, "session", scanSession, selectSession+` FOR NO KEY UPDATE`, id)
}

const eventColumns = `id, session_id, source, external_id, kind, at, appeal, received_at`

func scanEvent(r pgx.CollectableRow) (e lieciba.SessionEvent, err error) {
	err = r.Scan(&e.ID, &e.SessionID, &e.Source, &e.ExternalID, &e.Kind, stamp{&e.At}, &e.Appeal, stamp{&e.ReceivedAt})
	return e, err
}

const (
	selectEvent   = `SELECT ` + eventColumns + ` FROM session_events `
	sessionEvents = selectEvent + `WHERE session_id = $1 ORDER BY at, id`
)

// AddSessionEvent implements storage.Events.
func (c *Catalog) AddSessionEvent(ctx context.Context, e lieciba.SessionEvent) (stored lieciba.SessionEvent, repeated bool, err error) {
	e.At, e.ReceivedAt = lieciba.Micro(e.At), lieciba.Micro(e.ReceivedAt)
	if err := storage.CheckEvent(e); err != nil {
		return stored, false, err
	}
	err = c.write(ctx, "add a session event", func(tx pgx.Tx) error {
		find := func() (bool, error) {
			found, err := first(ctx, tx, scanEvent, selectEvent+`WHERE source = $1 AND external_id = $2`, e.Source, e.ExternalID)
			if repeated = found != nil; !repeated || err != nil {
				return false, err
			}
			stored = *found
			return true, storage.RepeatEvent(stored, e)
		}
		if found, err := find(); found || err != nil { // whatever session it names now
			return err
		}
		s, err := lockSession(ctx, tx, e.SessionID)
		if err != nil {
			return err
		}
		if found, err := find(); found || err != nil { // added while this waited
			return err
		}
		stored = e
		return insertEvent(ctx, tx, s, e)
	})
	if err != nil {
		return lieciba.SessionEvent{}, false, err
	}
	return stored, repeated, nil
}

func insertEvent(ctx context.Context, tx pgx.Tx, s lieciba.ExamSession, e lieciba.SessionEvent) error {
	_, err := execTx(ctx, tx, `INSERT INTO session_events (`+eventColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.ID, e.SessionID, e.Source, e.ExternalID, e.Kind, ts(e.At), e.Appeal, ts(e.ReceivedAt))
	if err != nil {
		return err
	}
	if !storage.Anchors(s.State, e) {
		return nil
	}
	_, err = execTx(ctx, tx, `UPDATE sessions SET state = $1 WHERE id = $2`, lieciba.SessionAnchored, s.ID)
	return err
}

// SessionEvents implements storage.Events.
func (c *Catalog) SessionEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.SessionEvent, error) {
	return readList(ctx, c, "session events", scanEvent, sessionEvents, s)
}

const holdColumns = `id, session_id, kind, reference, reason, placed_by, placed_by_id, placed_at,
	release_asked_by, release_asked_by_id, release_asked_at, release_due, released_by, released_at`

func scanHold(r pgx.CollectableRow) (h lieciba.Hold, err error) {
	err = r.Scan(&h.ID, &h.SessionID, &h.Kind, &h.Reference, &h.Reason, &h.PlacedBy, &h.PlacedByID, stamp{&h.PlacedAt},
		&h.ReleaseAskedBy, &h.ReleaseAskedByID, stamp{&h.ReleaseAskedAt}, stamp{&h.ReleaseDue}, &h.ReleasedBy, stamp{&h.ReleasedAt})
	return h, err
}

const (
	selectHold   = `SELECT ` + holdColumns + ` FROM holds `
	sessionHolds = selectHold + `WHERE session_id = $1 ORDER BY placed_at, id`
	activeHolds  = selectHold + `WHERE released_at IS NULL ORDER BY placed_at, id`
)

// PlaceHold implements storage.Holds. ClaimSegments takes the session's lock too:
// what it claimed before is counted here, and it sees the hold afterwards.
func (c *Catalog) PlaceHold(ctx context.Context, h lieciba.Hold) (gone int, err error) {
	h = storage.MicroHold(h)
	if err := storage.CheckHold(h); err != nil {
		return 0, err
	}
	err = c.write(ctx, "place a hold", func(tx pgx.Tx) error {
		if _, err := lockSession(ctx, tx, h.SessionID); err != nil {
			return err
		}
		gone, err = one(ctx, tx, "count", scanCount, `SELECT count(*) FROM segments s JOIN recordings r ON r.id = s.recording_id
			WHERE r.session_id = $1 AND s.state IN ('deleting', 'deleted')`, h.SessionID)
		if err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanHold, selectHold+`WHERE id = $1`, h.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatHold(stored[0], h)
		}
		_, err = execTx(ctx, tx, `INSERT INTO holds (`+holdColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			h.ID, h.SessionID, h.Kind, h.Reference, h.Reason, h.PlacedBy, h.PlacedByID, ts(h.PlacedAt),
			h.ReleaseAskedBy, h.ReleaseAskedByID, orNull(h.ReleaseAskedAt), orNull(h.ReleaseDue), h.ReleasedBy, orNull(h.ReleasedAt))
		if err != nil {
			return err
		}
		if err := stageLeaf(ctx, tx, evidence.LeafOfHold(h)); err != nil {
			return err
		}
		return tell(ctx, tx, h.SessionID, storage.ToldOfHold(h))
	})
	if err != nil {
		return 0, err
	}
	return gone, nil
}

// ChangeHold implements storage.Holds.
func (c *Catalog) ChangeHold(ctx context.Context, id lieciba.HoldID, decide func(lieciba.Hold) (*lieciba.Hold, error)) (out lieciba.Hold, err error) {
	err = c.write(ctx, "change a hold", func(tx pgx.Tx) error {
		found, err := one(ctx, tx, "hold", scanHold, selectHold+`WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if _, err := lockSession(ctx, tx, found.SessionID); err != nil { // whose hold it is never changes
			return err
		}
		out, err = one(ctx, tx, "hold", scanHold, selectHold+`WHERE id = $1 FOR NO KEY UPDATE`, id)
		if err != nil {
			return err
		}
		next, err := decide(out)
		if err != nil {
			return decided{err}
		}
		if next == nil {
			return nil
		}
		changed, write, released, err := storage.PlanHold(out, *next)
		if err != nil || !write {
			return err
		}
		out = changed
		return storeHold(ctx, tx, out, released)
	})
	if err != nil {
		return lieciba.Hold{}, err
	}
	return out, nil
}

func storeHold(ctx context.Context, tx pgx.Tx, h lieciba.Hold, released bool) error {
	_, err := execTx(ctx, tx, `UPDATE holds SET release_asked_by = $1, release_asked_by_id = $2, release_asked_at = $3,
		release_due = $4, released_by = $5, released_at = $6 WHERE id = $7`,
		h.ReleaseAskedBy, h.ReleaseAskedByID, orNull(h.ReleaseAskedAt), orNull(h.ReleaseDue), h.ReleasedBy, orNull(h.ReleasedAt), h.ID)
	if err != nil || !released {
		return err
	}
	if err := stageLeaf(ctx, tx, evidence.LeafOfRelease(h)); err != nil {
		return err
	}
	return tell(ctx, tx, h.SessionID, storage.ToldOfHold(h))
}

// Hold implements storage.Holds.
func (c *Catalog) Hold(ctx context.Context, id lieciba.HoldID) (lieciba.Hold, error) {
	return readOne(ctx, c, "hold", scanHold, selectHold+`WHERE id = $1`, id)
}

// SessionHolds implements storage.Holds.
func (c *Catalog) SessionHolds(ctx context.Context, s lieciba.SessionID) ([]lieciba.Hold, error) {
	return readList(ctx, c, "holds", scanHold, sessionHolds, s)
}

// ActiveHolds implements storage.Holds.
func (c *Catalog) ActiveHolds(ctx context.Context) ([]lieciba.Hold, error) {
	return readList(ctx, c, "holds", scanHold, activeHolds)
}
