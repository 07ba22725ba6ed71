package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

const eventColumns = `id, session_id, source, external_id, kind, at, appeal, received_at`

func scanEvent(r row) (e lieciba.SessionEvent, err error) {
	err = r.Scan(&e.ID, &e.SessionID, &e.Source, &e.ExternalID, &e.Kind, micros{&e.At}, &e.Appeal, micros{&e.ReceivedAt})
	return e, err
}

const (
	selectEvent = `SELECT ` + eventColumns + ` FROM session_events `
	whereEvents = `WHERE session_id = ? ORDER BY at, id`
)

// AddSessionEvent implements storage.Events.
func (c *Catalog) AddSessionEvent(ctx context.Context, e lieciba.SessionEvent) (stored lieciba.SessionEvent, repeated bool, err error) {
	e.At, e.ReceivedAt = lieciba.Micro(e.At), lieciba.Micro(e.ReceivedAt)
	if err := storage.CheckEvent(e); err != nil {
		return stored, false, err
	}
	err = c.write(ctx, "add a session event", func(tx *sql.Tx) error {
		found, err := list(ctx, tx, scanEvent, selectEvent+`WHERE source = ? AND external_id = ?`, e.Source, e.ExternalID)
		if err != nil {
			return err
		}
		if repeated = len(found) > 0; repeated {
			stored = found[0]
			return storage.RepeatEvent(stored, e)
		}
		stored = e
		return insertEvent(ctx, tx, e)
	})
	if err != nil {
		return lieciba.SessionEvent{}, false, err
	}
	return stored, repeated, nil
}

func insertEvent(ctx context.Context, tx *sql.Tx, e lieciba.SessionEvent) error {
	s, err := one(ctx, tx, "session", scanSession, selectSession, e.SessionID)
	if err != nil {
		return err
	}
	if _, err := execTx(ctx, tx, `INSERT INTO session_events (`+eventColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, e.SessionID, e.Source, e.ExternalID, e.Kind, us(e.At), e.Appeal, us(e.ReceivedAt)); err != nil {
		return err
	}
	if !storage.Anchors(s.State, e) {
		return nil
	}
	return setSessionState(ctx, tx, s.ID, lieciba.SessionAnchored)
}

// SessionEvents implements storage.Events.
func (c *Catalog) SessionEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.SessionEvent, error) {
	return readList(ctx, c, "session events", scanEvent, selectEvent+whereEvents, s)
}
