package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const appealColumns = `id, session_id, reference, source, state, hold_id, opened_by, opened_by_id, opened_at, court_at, final_at, closed_at, closed_by`

func scanAppeal(r pgx.CollectableRow) (a lieciba.Appeal, err error) {
	err = r.Scan(&a.ID, &a.SessionID, &a.Reference, &a.Source, &a.State, orEmpty[lieciba.HoldID]{&a.HoldID}, &a.OpenedBy, &a.OpenedByID,
		stamp{&a.OpenedAt}, stamp{&a.CourtAt}, stamp{&a.FinalAt}, stamp{&a.ClosedAt}, &a.ClosedBy)
	return a, err
}

const selectAppeal = `SELECT ` + appealColumns + ` FROM appeals `

// ChangeAppeal implements storage.Appeals: the session's lock keeps other changes
// of its appeals out, and those of its holds.
func (c *Catalog) ChangeAppeal(ctx context.Context, s lieciba.SessionID, reference string,
	decide func(current *lieciba.Appeal) (*lieciba.Appeal, error)) (out lieciba.Appeal, err error) {
	if err := storage.CheckAppealKey(reference); err != nil {
		return out, err
	}
	err = c.write(ctx, "change an appeal", func(tx pgx.Tx) error {
		out = lieciba.Appeal{}
		if _, err := lockSession(ctx, tx, s); err != nil {
			return err
		}
		stored, err := first(ctx, tx, scanAppeal, selectAppeal+`WHERE session_id = $1 AND reference = $2`, s, reference)
		if err != nil {
			return err
		}
		var seen *lieciba.Appeal
		if stored != nil {
			out = *stored
			seen = new(lieciba.Appeal)
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

func storeAppeal(ctx context.Context, tx pgx.Tx, a lieciba.Appeal) error {
	_, err := execTx(ctx, tx, `INSERT INTO appeals (`+appealColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (session_id, reference) DO UPDATE SET state = excluded.state, hold_id = excluded.hold_id, opened_at = excluded.opened_at,
			court_at = excluded.court_at, final_at = excluded.final_at, closed_at = excluded.closed_at, closed_by = excluded.closed_by`,
		a.ID, a.SessionID, a.Reference, a.Source, a.State, idOrNull(a.HoldID), a.OpenedBy, a.OpenedByID,
		ts(a.OpenedAt), orNull(a.CourtAt), orNull(a.FinalAt), orNull(a.ClosedAt), a.ClosedBy)
	return err
}

// Appeal implements storage.Appeals.
func (c *Catalog) Appeal(ctx context.Context, id lieciba.AppealID) (lieciba.Appeal, error) {
	return readOne(ctx, c, "appeal", scanAppeal, selectAppeal+`WHERE id = $1`+c.keep(ctx), id)
}

// ListAppeals implements storage.Appeals.
func (c *Catalog) ListAppeals(ctx context.Context, f storage.AppealFilter) ([]lieciba.Appeal, error) {
	query, args, err := c.appealQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "appeals", scanAppeal, query+c.keep(ctx), args...)
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
		w.add("state = ANY (?)", texts(f.States))
	}
	if f.Before != "" {
		last, err := c.Appeal(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(opened_at, id) < (?, ?)", ts(last.OpenedAt), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectAppeal + w.sql() + ` ORDER BY opened_at DESC, id DESC LIMIT ` + limit, w.args, nil
}
