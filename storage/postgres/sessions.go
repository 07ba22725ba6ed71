package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const sessionColumns = `id, source, external_id, source_version, document_hash, site_id, room_id, starts_at, ends_at,
	seats, parts, state, cancel_asked, created_at, updated_at`

func scanSession(r pgx.CollectableRow) (s lieciba.ExamSession, err error) {
	var parts []byte
	err = r.Scan(&s.ID, &s.Source, &s.ExternalID, &s.SourceVersion, hash{&s.DocumentHash}, &s.SiteID, &s.RoomID,
		stamp{&s.StartsAt}, stamp{&s.EndsAt}, &s.Seats, &parts, &s.State, &s.CancelAsked,
		stamp{&s.CreatedAt}, stamp{&s.UpdatedAt})
	if err == nil {
		s.Parts, err = storage.DecodeParts(parts)
	}
	return s, err
}

const (
	selectSession = `SELECT ` + sessionColumns + ` FROM sessions WHERE id = $1`
	// The session of a key, or the one that was started by hand and is linked to it.
	selectSessionByKey = `SELECT ` + sessionColumns + ` FROM sessions WHERE id = coalesce(
		(SELECT id FROM sessions WHERE source = $1 AND external_id = $2), (SELECT session_id FROM session_links WHERE source = $1 AND external_id = $2 AND void_at IS NULL))`
)

// ChangeSession implements storage.Sessions. decide must not call the Catalog.
func (c *Catalog) ChangeSession(ctx context.Context, key lieciba.SessionKey,
	decide func(current *lieciba.ExamSession) (*lieciba.ExamSession, error), audit *lieciba.AuditEntry) error {
	return c.write(ctx, "change a session", func(tx pgx.Tx) error {
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

// lockOf is the advisory lock of a session's key. Two keys that share one only
// wait for each other.
func lockOf(key lieciba.SessionKey) int64 {
	h := sha256.Sum256([]byte(key.Source + "\x00" + key.ExternalID))
	return int64(binary.BigEndian.Uint64(h[:8]))
}

// ofSource is SessionFilter.Source.
const ofSource = `(source = ? OR source = ? AND NOT EXISTS
	(SELECT 1 FROM session_links AS l WHERE l.session_id = sessions.id AND l.void_at IS NULL AND l.source <> ?))`

func storeSession(ctx context.Context, tx pgx.Tx, key lieciba.SessionKey, current *lieciba.ExamSession, s lieciba.ExamSession) error {
	if err := storage.CheckSession(key, current, s); err != nil {
		return err
	}
	parts, err := storage.EncodeParts(s.Parts)
	if err != nil {
		return err
	}
	_, err = execTx(ctx, tx, `INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (source, external_id) DO UPDATE SET source_version = excluded.source_version, document_hash = excluded.document_hash,
			site_id = excluded.site_id, room_id = excluded.room_id, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
			seats = excluded.seats, parts = excluded.parts, state = excluded.state, cancel_asked = excluded.cancel_asked,
			created_at = excluded.created_at, updated_at = excluded.updated_at`,
		s.ID, s.Source, s.ExternalID, s.SourceVersion, s.DocumentHash[:], s.SiteID, s.RoomID, ts(s.StartsAt), ts(s.EndsAt),
		s.Seats, parts, s.State, s.CancelAsked, ts(s.CreatedAt), ts(s.UpdatedAt))
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
		w.add("site_id = ANY (?::uuid[])", texts(f.Sites))
	}
	if f.Source != "" {
		w.add(ofSource, f.Source, lieciba.SourceAdHoc, f.Source)
	}
	if f.RoomID != "" {
		w.add("room_id = ?", f.RoomID)
	}
	if len(f.States) > 0 {
		w.add("state = ANY (?)", texts(f.States))
	}
	if f.ExternalID != "" {
		linked, err := readList(ctx, c, "links", pgx.RowTo[string], selectLinked, f.ExternalID)
		if err != nil {
			return "", nil, err
		}
		if len(linked) == 0 {
			w.add("external_id = ?", f.ExternalID)
		} else {
			w.add("(external_id = ? OR id = ANY (?::uuid[]))", f.ExternalID, linked)
		}
	}
	if !f.Span.To.IsZero() {
		w.add("starts_at < ?", ts(f.Span.To))
	}
	if !f.Span.From.IsZero() {
		// No session is longer than a day, so the index need not be read further back.
		w.add("ends_at > ?", ts(f.Span.From))
		w.add("starts_at > ?", ts(f.Span.From.Add(-lieciba.MaxSessionLength)))
	}
	if f.Before != "" {
		last, err := c.Session(ctx, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(starts_at, id) < (?, ?)", ts(last.StartsAt), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return `SELECT ` + sessionColumns + ` FROM sessions` + w.sql() + ` ORDER BY starts_at DESC, id DESC LIMIT ` + limit, w.args, nil
}

// MoveSession implements storage.Sessions.
func (c *Catalog) MoveSession(ctx context.Context, id lieciba.SessionID, to lieciba.SessionState) error {
	return c.write(ctx, "move a session", func(tx pgx.Tx) error {
		s, err := lockSession(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := lieciba.MoveSession(s.State, to); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE sessions SET state = $1 WHERE id = $2`, to, id)
		return err
	})
}
