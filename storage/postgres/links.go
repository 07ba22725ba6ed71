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
	selectLink      = `SELECT ` + linkColumns + ` FROM session_links WHERE session_id = $1`
	selectLinkByKey = `SELECT ` + linkColumns + ` FROM session_links WHERE source = $1 AND external_id = $2`
	selectLinked    = `SELECT session_id FROM session_links WHERE external_id = $1`
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
		s, err := lockSession(ctx, tx, l.SessionID)
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
		_, err = execTx(ctx, tx, `INSERT INTO session_links (`+linkColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			l.Key.Source, l.Key.ExternalID, l.SessionID, l.By, l.ByID, ts(l.At), s.DocumentHash[:])
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
