package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

const appealColumns = `id, session_id, reference, source, state, hold_id, opened_by, opened_by_id, opened_at, court_at, final_at, closed_at, closed_by`

func scanAppeal(r row) (a lieciba.Appeal, err error) {
	err = r.Scan(&a.ID, &a.SessionID, &a.Reference, &a.Source, &a.State, text[lieciba.HoldID]{&a.HoldID}, &a.OpenedBy, &a.OpenedByID,
		micros{&a.OpenedAt}, micros{&a.CourtAt}, micros{&a.FinalAt}, micros{&a.ClosedAt}, &a.ClosedBy)
	return a, err
}

const (
	selectAppeal     = `SELECT ` + appealColumns + ` FROM appeals `
	whereAppealKnown = `WHERE session_id = ? AND reference = ?`
)

// ChangeAppeal implements storage.Appeals.
func (c *Catalog) ChangeAppeal(ctx context.Context, s lieciba.SessionID, reference string,
	decide func(current *lieciba.Appeal) (*lieciba.Appeal, error)) (out lieciba.Appeal, err error) {
	if err := storage.CheckAppealKey(reference); err != nil {
		return out, err
	}
	err = c.write(ctx, "change an appeal", func(tx *sql.Tx) error {
		out = lieciba.Appeal{}
		if _, err := one(ctx, tx, "session", scanSession, selectSession, s); err != nil {
			return err
		}
		found, err := list(ctx, tx, scanAppeal, selectAppeal+whereAppealKnown, s, reference)
		if err != nil {
			return err
		}
		var stored, seen *lieciba.Appeal
		if len(found) > 0 {
			out = found[0]
			stored, seen = &found[0], &lieciba.Appeal{}
			*seen = out // decide may write into what it gets
		}
		next, err := decide(seen)
		if err != nil {
			return decided{err}
		}
		if next == nil {
			return nil
		}
		changed, write, err := storage.PlanAppeal(s, reference, stored, *next)
		if err != nil || !write {
			return err
		}
		out = changed
		return storeAppeal(ctx, tx, out)
	})
	if err != nil {
		return lieciba.Appeal{}, err
	}
	return out, nil
}

func storeAppeal(ctx context.Context, tx *sql.Tx, a lieciba.Appeal) error {
	_, err := execTx(ctx, tx, `INSERT INTO appeals (`+appealColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (session_id, reference) DO UPDATE SET state = excluded.state, hold_id = excluded.hold_id, opened_at = excluded.opened_at,
			court_at = excluded.court_at, final_at = excluded.final_at, closed_at = excluded.closed_at, closed_by = excluded.closed_by`,
		a.ID, a.SessionID, a.Reference, a.Source, a.State, idOrNull(a.HoldID), a.OpenedBy, a.OpenedByID,
		us(a.OpenedAt), usOrNull(a.CourtAt), usOrNull(a.FinalAt), usOrNull(a.ClosedAt), a.ClosedBy)
	return err
}

// Appeal implements storage.Appeals.
func (c *Catalog) Appeal(ctx context.Context, id lieciba.AppealID) (lieciba.Appeal, error) {
	return readOne(ctx, c, "appeal", scanAppeal, selectAppeal+`WHERE id = ?`, id)
}

// ListAppeals implements storage.Appeals.
func (c *Catalog) ListAppeals(ctx context.Context, f storage.AppealFilter) ([]lieciba.Appeal, error) {
	query, args, err := c.appealQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "appeals", scanAppeal, query, args...)
}

func (c *Catalog) appealQuery(ctx context.Context, f storage.AppealFilter) (string, []any, error) {
	var w where
	if f.SessionID != "" {
		w.add("session_id = ?", f.SessionID)
	}
	if f.Reference != "" {
		w.add("reference = ?", f.Reference)
	}
	if len(f.States) > 0 {
		anyOf(&w, "state", f.States)
	}
	if f.Before != "" {
		last, err := c.Appeal(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(opened_at, id) < (?, ?)", us(last.OpenedAt), last.ID)
	}
	return selectAppeal + w.sql() + ` ORDER BY opened_at DESC, id DESC LIMIT ?`, append(w.args, storage.PageLimit(f.Limit)), nil
}
