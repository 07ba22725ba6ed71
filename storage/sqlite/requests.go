package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

const requestColumns = `id, kind, session_id, asked, reason, digest, asked_by, asked_by_id, asked_sign_in, asked_at, expires_at,
	state, decided_by, decided_by_id, decided_at, decided_note, used_at, used_for`

func scanRequest(r row) (q lieciba.Request, err error) {
	var session lieciba.SessionID // the one in asked
	var asked string
	err = r.Scan(&q.ID, &q.Kind, text[lieciba.SessionID]{&session}, &asked, &q.Reason, hash{&q.Digest}, &q.AskedBy, &q.AskedByID,
		&q.AskedSignIn, micros{&q.AskedAt}, micros{&q.ExpiresAt}, &q.State, &q.DecidedBy, &q.DecidedByID, micros{&q.DecidedAt},
		&q.DecidedNote, micros{&q.UsedAt}, &q.UsedFor)
	if err != nil {
		return q, err
	}
	q.Asked, err = storage.DecodeAsked([]byte(asked))
	return q, err
}

const (
	selectRequest = `SELECT ` + requestColumns + ` FROM requests `
	whereRequest  = `WHERE id = ?`
	whereNeeded   = `WHERE session_id = ? AND kind IN ('grant', 'export') AND state IN ('requested', 'approved') ORDER BY asked_at, id`
)

// PutRequest implements storage.Requests.
func (c *Catalog) PutRequest(ctx context.Context, r lieciba.Request) error {
	r = storage.MicroRequest(r)
	if err := storage.CheckRequest(r); err != nil {
		return err
	}
	return c.write(ctx, "put a request", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanRequest, selectRequest+whereRequest, r.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatRequest(stored[0], r)
		}
		_, err = execTx(ctx, tx, `INSERT INTO requests (`+requestColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', NULL, '', NULL, '')`,
			r.ID, r.Kind, idOrNull(r.Asked.SessionID), string(storage.EncodeAsked(r.Asked)), r.Reason, r.Digest[:], r.AskedBy, r.AskedByID,
			r.AskedSignIn, us(r.AskedAt), us(r.ExpiresAt), r.State)
		return err
	})
}

// ChangeRequest implements storage.Requests.
func (c *Catalog) ChangeRequest(ctx context.Context, id lieciba.RequestID, decide func(lieciba.Request) (*lieciba.Request, error)) (out lieciba.Request, err error) {
	err = c.write(ctx, "change a request", func(tx *sql.Tx) (err error) {
		if out, err = one(ctx, tx, "request", scanRequest, selectRequest+whereRequest, id); err != nil {
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

func updateRequest(ctx context.Context, tx *sql.Tx, r lieciba.Request) error {
	_, err := execTx(ctx, tx, `UPDATE requests SET session_id = ?, asked = ?, reason = ?, digest = ?, expires_at = ?, state = ?,
		decided_by = ?, decided_by_id = ?, decided_at = ?, decided_note = ?, used_at = ?, used_for = ? WHERE id = ?`,
		idOrNull(r.Asked.SessionID), string(storage.EncodeAsked(r.Asked)), r.Reason, r.Digest[:], us(r.ExpiresAt), r.State,
		r.DecidedBy, r.DecidedByID, usOrNull(r.DecidedAt), r.DecidedNote, usOrNull(r.UsedAt), r.UsedFor, r.ID)
	return err
}

// Request implements storage.Requests.
func (c *Catalog) Request(ctx context.Context, id lieciba.RequestID) (lieciba.Request, error) {
	return readOne(ctx, c, "request", scanRequest, selectRequest+whereRequest, id)
}

// ListRequests implements storage.Requests.
func (c *Catalog) ListRequests(ctx context.Context, f storage.RequestFilter) ([]lieciba.Request, error) {
	query, args, err := c.requestQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "requests", scanRequest, query, args...)
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
		anyOf(&w, "kind", f.Kinds)
	}
	if len(f.States) > 0 {
		anyOf(&w, "state", f.States)
	}
	if !f.ExpiresAfter.IsZero() {
		w.add("expires_at > ?", us(f.ExpiresAfter))
	}
	if f.Before != "" {
		last, err := c.Request(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(asked_at, id) < (?, ?)", us(last.AskedAt), last.ID)
	}
	return selectRequest + w.sql() + ` ORDER BY asked_at DESC, id DESC LIMIT ?`, append(w.args, storage.PageLimit(f.Limit)), nil
}
