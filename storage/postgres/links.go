package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

// storedLink is a link and the hash of the session's document when it was linked.
type storedLink struct {
	storage.SessionLink
	document [32]byte
}

const linkColumns = `source, external_id, session_id, who, who_id, at, document_hash`

func scanLink(r pgx.CollectableRow) (l storedLink, err error) {
	err = r.Scan(&l.Key.Source, &l.Key.ExternalID, &l.SessionID, &l.By, &l.ByID, stamp{&l.At}, hash{&l.document})
	return l, err
}

const (
	selectLink      = `SELECT ` + linkColumns + ` FROM session_links WHERE session_id = $1 AND void_at IS NULL`
	selectLinkByKey = `SELECT ` + linkColumns + ` FROM session_links WHERE source = $1 AND external_id = $2 AND void_at IS NULL`
	selectLinked    = `SELECT session_id FROM session_links WHERE external_id = $1 AND void_at IS NULL`
)

// lockKey keeps every other change and link of a session's key out, also before
// it has a row.
func lockKey(ctx context.Context, tx pgx.Tx, key lieciba.SessionKey) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockOf(key))
	return err
}

// LinkSession implements storage.SessionLinks.
func (c *Catalog) LinkSession(ctx context.Context, l storage.SessionLink) error {
	if err := storage.CheckLink(l); err != nil {
		return err
	}
	return c.write(ctx, "link a session", func(tx pgx.Tx) error {
		if err := lockKey(ctx, tx, l.Key); err != nil {
			return err
		}
		s, err := renameSession(ctx, tx, l.SessionID)
		if err != nil {
			return err
		}
		ofSession, err := linkOf(ctx, tx, selectLink, l.SessionID)
		if err != nil {
			return err
		}
		ofKey, err := linkOf(ctx, tx, selectLinkByKey, l.Key.Source, l.Key.ExternalID)
		if err != nil {
			return err
		}
		pushed, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM sessions WHERE source = $1 AND external_id = $2`, l.Key.Source, l.Key.ExternalID)
		if err != nil {
			return err
		}
		if write, err := storage.PlanLink(s, ofSession, ofKey, pushed > 0, l); err != nil || !write {
			return err
		}
		if _, err := execTx(ctx, tx, `INSERT INTO session_links (`+linkColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			l.Key.Source, l.Key.ExternalID, l.SessionID, l.By, l.ByID, ts(l.At), s.DocumentHash[:]); err != nil {
			return err
		}
		return retell(ctx, tx, storage.NoticeSession{ID: s.ID, Source: l.Key.Source, ExternalID: l.Key.ExternalID})
	})
}

// renameSession locks a session against all who tell of it by its name (tell).
func renameSession(ctx context.Context, tx pgx.Tx, id lieciba.SessionID) (lieciba.ExamSession, error) {
	return one(ctx, tx, "session", scanSession, selectSession+` FOR UPDATE`, id)
}

// VoidLink implements storage.SessionLinks.
func (c *Catalog) VoidLink(ctx context.Context, l storage.SessionLink) error {
	return c.write(ctx, "void a link", func(tx pgx.Tx) error {
		if err := lockKey(ctx, tx, l.Key); err != nil {
			return err
		}
		if _, err := renameSession(ctx, tx, l.SessionID); err != nil {
			return err
		}
		n, err := execTx(ctx, tx, `UPDATE session_links SET void_by = $1, void_by_id = $2, void_at = $3
			WHERE source = $4 AND external_id = $5 AND session_id = $6 AND void_at IS NULL`,
			l.By, l.ByID, ts(l.At), l.Key.Source, l.Key.ExternalID, l.SessionID)
		if err != nil || n > 0 {
			return err
		}
		_, err = one(ctx, tx, "link", pgx.RowTo[string], `SELECT session_id::text FROM session_links WHERE source = $1 AND external_id = $2 AND session_id = $3`,
			l.Key.Source, l.Key.ExternalID, l.SessionID)
		return err
	})
}

// linkOf is nil for none.
func linkOf(ctx context.Context, tx pgx.Tx, query string, args ...any) (*storage.SessionLink, error) {
	l, err := first(ctx, tx, scanLink, query, args...)
	if err != nil || l == nil {
		return nil, err
	}
	return &l.SessionLink, nil
}

// LinkOf implements storage.SessionLinks.
func (c *Catalog) LinkOf(ctx context.Context, s lieciba.SessionID) (storage.SessionLink, error) {
	l, err := readOne(ctx, c, "link", scanLink, selectLink, s)
	return l.SessionLink, err
}

// currentSession is what ChangeSession gives to decide: the session of key, its
// own or the one that is linked to it; nil for none. The lock holds for a key
// that has no row yet; the row's own lock keeps MoveSession out.
func currentSession(ctx context.Context, tx pgx.Tx, key lieciba.SessionKey) (*lieciba.ExamSession, error) {
	if err := lockKey(ctx, tx, key); err != nil {
		return nil, err
	}
	found, err := first(ctx, tx, scanSession, selectSessionByKey+` FOR NO KEY UPDATE`, key.Source, key.ExternalID)
	if err != nil || found == nil || found.SessionKey == key {
		return found, err
	}
	link, err := one(ctx, tx, "link", scanLink, selectLink, found.ID)
	if err != nil {
		return nil, err
	}
	s := storage.AsPushed(*found, link.document)
	return &s, nil
}
