package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const requestColumns = `id, kind, session_id, asked, reason, digest, asked_by, asked_by_id, asked_sign_in, asked_at, expires_at,
	state, decided_by, decided_by_id, decided_at, decided_note, used_at, used_for`

func scanRequest(r pgx.CollectableRow) (q lieciba.Request, err error) {
	var session lieciba.SessionID // the one in asked
	var asked string
	err = r.Scan(&q.ID, &q.Kind, orEmpty[lieciba.SessionID]{&session}, &asked, &q.Reason, hash{&q.Digest}, &q.AskedBy, &q.AskedByID,
		&q.AskedSignIn, stamp{&q.AskedAt}, stamp{&q.ExpiresAt}, &q.State, &q.DecidedBy, &q.DecidedByID, stamp{&q.DecidedAt},
		&q.DecidedNote, stamp{&q.UsedAt}, &q.UsedFor)
	if err != nil {
		return q, err
	}
	q.Asked, err = storage.DecodeAsked([]byte(asked))
	return q, err
}

const selectRequest = `SELECT ` + requestColumns + ` FROM requests `

// lockRequest reads a request and keeps every other change of it out, and every
// grant that comes of it.
func lockRequest(ctx context.Context, tx pgx.Tx, id lieciba.RequestID) (lieciba.Request, error) {
	return one(ctx, tx, "request", scanRequest, selectRequest+`WHERE id = $1 FOR NO KEY UPDATE`, id)
}

// keepFacts keeps a deletion of the session's footage from being decided meanwhile.
// A session that is not there is the foreign key's to refuse.
func keepFacts(ctx context.Context, tx pgx.Tx, id lieciba.SessionID) error {
	_, err := tx.Exec(ctx, `SELECT FROM sessions WHERE id = $1 FOR NO KEY UPDATE`, idOrNull(id))
	return err
}

// PutRequest implements storage.Requests.
func (c *Catalog) PutRequest(ctx context.Context, r lieciba.Request) error {
	r = storage.MicroRequest(r)
	if err := storage.CheckRequest(r); err != nil {
		return err
	}
	return c.write(ctx, "put a request", func(tx pgx.Tx) error {
		if err := keepFacts(ctx, tx, r.Asked.SessionID); err != nil {
			return err
		}
		n, err := execTx(ctx, tx, `INSERT INTO requests (`+requestColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', '', NULL, '', NULL, '') ON CONFLICT (id) DO NOTHING`,
			r.ID, r.Kind, idOrNull(r.Asked.SessionID), string(storage.EncodeAsked(r.Asked)), r.Reason, r.Digest[:], r.AskedBy, r.AskedByID,
			r.AskedSignIn, ts(r.AskedAt), ts(r.ExpiresAt), r.State)
		if err != nil || n > 0 {
			return err
		}
		stored, err := one(ctx, tx, "request", scanRequest, selectRequest+`WHERE id = $1`, r.ID)
		if err != nil {
			return err
		}
		return storage.RepeatRequest(stored, r)
	})
}

// ChangeRequest implements storage.Requests.
func (c *Catalog) ChangeRequest(ctx context.Context, id lieciba.RequestID, decide func(lieciba.Request) (*lieciba.Request, error)) (out lieciba.Request, err error) {
	err = c.write(ctx, "change a request", func(tx pgx.Tx) (err error) {
		if out, err = lockRequest(ctx, tx, id); err != nil {
			return err
		}
		next, err := decide(out)
		if err != nil {
			return decided{err}
		}
		if next == nil {
			return nil
		}
		var write bool
		if out, write, err = storage.PlanRequest(out, *next); err != nil || !write {
			return err
		}
		return updateRequest(ctx, tx, out)
	})
	if err != nil {
		return lieciba.Request{}, err
	}
	return out, nil
}

func updateRequest(ctx context.Context, tx pgx.Tx, r lieciba.Request) error {
	_, err := execTx(ctx, tx, `UPDATE requests SET session_id = $1, asked = $2, reason = $3, digest = $4, expires_at = $5, state = $6,
		decided_by = $7, decided_by_id = $8, decided_at = $9, decided_note = $10, used_at = $11, used_for = $12 WHERE id = $13`,
		idOrNull(r.Asked.SessionID), string(storage.EncodeAsked(r.Asked)), r.Reason, r.Digest[:], ts(r.ExpiresAt), r.State,
		r.DecidedBy, r.DecidedByID, orNull(r.DecidedAt), r.DecidedNote, orNull(r.UsedAt), r.UsedFor, r.ID)
	return err
}

// Request implements storage.Requests.
func (c *Catalog) Request(ctx context.Context, id lieciba.RequestID) (lieciba.Request, error) {
	return readOne(ctx, c, "request", scanRequest, selectRequest+`WHERE id = $1`+c.keep(ctx), id)
}

// ListRequests implements storage.Requests.
func (c *Catalog) ListRequests(ctx context.Context, f storage.RequestFilter) ([]lieciba.Request, error) {
	query, args, err := c.requestQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "requests", scanRequest, query+c.keep(ctx), args...)
}

func (c *Catalog) requestQuery(ctx context.Context, f storage.RequestFilter) (string, []any, error) {
	var w where
	if f.AskedByID != "" {
		w.add("asked_by_id = ?", f.AskedByID)
	}
	if f.NotByID != "" {
		w.add("asked_by_id <> ?", f.NotByID)
	}
	if f.SessionID != "" {
		w.add("session_id = ?", f.SessionID)
	}
	if len(f.Kinds) > 0 {
		w.add("kind = ANY (?)", texts(f.Kinds))
	}
	if len(f.States) > 0 {
		w.add("state = ANY (?)", texts(f.States))
	}
	if !f.ExpiresAfter.IsZero() {
		w.add("expires_at > ?", ts(f.ExpiresAfter))
	}
	if f.Before != "" {
		last, err := c.Request(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(asked_at, id) < (?, ?)", ts(last.AskedAt), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectRequest + w.sql() + ` ORDER BY asked_at DESC, id DESC LIMIT ` + limit, w.args, nil
}
