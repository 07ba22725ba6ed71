package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"lieciba"
	"lieciba/storage"
)

const sessionColumns = `id, source, external_id, source_version, document_hash, site_id, room_id, starts_at, ends_at,
	seats, parts, state, cancel_asked, created_at, updated_at`

func scanSession(r row) (s lieciba.ExamSession, err error) {
	var parts []byte
	err = r.Scan(&s.ID, &s.Source, &s.ExternalID, &s.SourceVersion, hash{&s.DocumentHash}, &s.SiteID, &s.RoomID,
		micros{&s.StartsAt}, micros{&s.EndsAt}, &s.Seats, &parts, &s.State, &s.CancelAsked,
		micros{&s.CreatedAt}, micros{&s.UpdatedAt})
	if err == nil {
		s.Parts, err = storage.DecodeParts(parts)
	}
	return s, err
}

const (
	selectSession = `SELECT ` + sessionColumns + ` FROM sessions WHERE id = ?`
	// The session of a key, or the one that was started by hand and is linked to it.
	selectSessionByKey = `SELECT ` + sessionColumns + ` FROM sessions WHERE id = coalesce(
		(SELECT id FROM sessions WHERE source = ?1 AND external_id = ?2), (SELECT session_id FROM session_links WHERE source = ?1 AND external_id = ?2 AND void_at IS NULL))`
)

// ofSource is SessionFilter.Source.
const ofSource = `(source = ? OR source = ? AND NOT EXISTS
	(SELECT 1 FROM session_links AS l WHERE l.session_id = sessions.id AND l.void_at IS NULL AND l.source <> ?))`

// ChangeSession implements storage.Sessions. decide must not call the Catalog.
func (c *Catalog) ChangeSession(ctx context.Context, key lieciba.SessionKey,
	decide func(current *lieciba.ExamSession) (*lieciba.ExamSession, error), audit *lieciba.AuditEntry) error {
	return c.write(ctx, "change a session", func(tx *sql.Tx) error {
		current, err := currentSession(ctx, tx, key)
		if err != nil {
			return err
		}
		next, err := decide(current)
		if err != nil {
			return decided{err}
		}
		if next != nil {
			if err := storeSession(ctx, tx, key, current, *next); err != nil {
				return err
			}
		}
		if audit == nil {
			return nil
		}
		return appendAudit(ctx, tx, *audit)
	})
}

func storeSession(ctx context.Context, tx *sql.Tx, key lieciba.SessionKey, current *lieciba.ExamSession, s lieciba.ExamSession) error {
	if err := storage.CheckSession(key, current, s); err != nil {
		return err
	}
	parts, err := storage.EncodeParts(s.Parts)
	if err != nil {
		return err
	}
	_, err = execTx(ctx, tx, `INSERT INTO sessions (`+sessionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (source, external_id) DO UPDATE SET source_version = excluded.source_version, document_hash = excluded.document_hash,
			site_id = excluded.site_id, room_id = excluded.room_id, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
			seats = excluded.seats, parts = excluded.parts, state = excluded.state, cancel_asked = excluded.cancel_asked,
			created_at = excluded.created_at, updated_at = excluded.updated_at`,
		s.ID, s.Source, s.ExternalID, s.SourceVersion, s.DocumentHash[:], s.SiteID, s.RoomID, us(s.StartsAt), us(s.EndsAt),
		s.Seats, parts, s.State, s.CancelAsked, us(s.CreatedAt), us(s.UpdatedAt))
	return err
}

// Session implements storage.Sessions.
func (c *Catalog) Session(ctx context.Context, id lieciba.SessionID) (lieciba.ExamSession, error) {
	return readOne(ctx, c, "session", scanSession, selectSession, id)
}

// SessionByKey implements storage.Sessions.
func (c *Catalog) SessionByKey(ctx context.Context, key lieciba.SessionKey) (lieciba.ExamSession, error) {
	return readOne(ctx, c, "session", scanSession, selectSessionByKey, key.Source, key.ExternalID)
}

// ListSessions implements storage.Sessions.
func (c *Catalog) ListSessions(ctx context.Context, f storage.SessionFilter) ([]lieciba.ExamSession, error) {
	query, args, err := c.sessionQuery(ctx, f)
	if err != nil || query == "" {
		return nil, err
	}
	return readList(ctx, c, "sessions", scanSession, query, args...)
}

// sessionQuery is empty when the filter lets nothing pass.
func (c *Catalog) sessionQuery(ctx context.Context, f storage.SessionFilter) (string, []any, error) {
	var w where
	if f.Sites != nil {
		if len(f.Sites) == 0 {
			return "", nil, nil
		}
		anyOf(&w, "site_id", f.Sites)
	}
	if f.Source != "" {
		w.add(ofSource, f.Source, lieciba.SourceAdHoc, f.Source)
	}
	if f.RoomID != "" {
		w.add("room_id = ?", f.RoomID)
	}
	if len(f.States) > 0 {
		anyOf(&w, "state", f.States)
	}
	if f.ExternalID != "" {
		linked, err := readList(ctx, c, "links", scanText, selectLinked, f.ExternalID)
		if err != nil {
			return "", nil, err
		}
		if len(linked) == 0 {
			w.add("external_id = ?", f.ExternalID)
		} else {
			w.add("(external_id = ? OR id IN (SELECT value FROM json_each(?)))", f.ExternalID, jsonList(linked))
		}
	}
	if !f.Span.To.IsZero() {
		w.add("starts_at < ?", us(f.Span.To))
	}
	if !f.Span.From.IsZero() {
		// No session is longer than a day, so the index need not be read further back.
		w.add("ends_at > ?", us(f.Span.From))
		w.add("starts_at > ?", us(f.Span.From.Add(-lieciba.MaxSessionLength)))
	}
	if f.Before != "" {
		last, err := c.Session(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(starts_at, id) < (?, ?)", us(last.StartsAt), last.ID)
	}
	return `SELECT ` + sessionColumns + ` FROM sessions` + w.sql() + ` ORDER BY starts_at DESC, id DESC LIMIT ?`,
		append(w.args, storage.PageLimit(f.Limit)), nil
}

// MoveSession implements storage.Sessions.
func (c *Catalog) MoveSession(ctx context.Context, id lieciba.SessionID, to lieciba.SessionState) error {
	return c.write(ctx, "move a session", func(tx *sql.Tx) error {
		s, err := one(ctx, tx, "session", scanSession, selectSession, id)
		if err != nil {
			return err
		}
		if err := lieciba.MoveSession(s.State, to); err != nil {
			return err
		}
		return setSessionState(ctx, tx, id, to)
	})
}

func setSessionState(ctx context.Context, tx *sql.Tx, id lieciba.SessionID, to lieciba.SessionState) error {
	_, err := execTx(ctx, tx, `UPDATE sessions SET state = ? WHERE id = ?`, to, id)
	return err
}

// where collects the conditions of a query.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

func anyOf[T ~string](w *where, column string, list []T) {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = string(v)
	}
	w.add(column+" IN (?"+strings.Repeat(", ?", len(list)-1)+")", args...)
}

func (w *where) sql() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}
