package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

// storedLink is a link and the hash of the session's document when it was linked.
type storedLink struct {
	storage.SessionLink
	document [32]byte
}

const linkColumns = `source, external_id, session_id, who, who_id, at, document_hash`

func scanLink(r row) (l storedLink, err error) {
	err = r.Scan(&l.Key.Source, &l.Key.ExternalID, &l.SessionID, &l.By, &l.ByID, micros{&l.At}, hash{&l.document})
	return l, err
}

const (
	selectLink      = `SELECT ` + linkColumns + ` FROM session_links WHERE session_id = ? AND void_at IS NULL`
	selectLinkByKey = `SELECT ` + linkColumns + ` FROM session_links WHERE source = ? AND external_id = ? AND void_at IS NULL`
	selectLinked    = `SELECT session_id FROM session_links WHERE external_id = ? AND void_at IS NULL`
)

// LinkSession implements storage.SessionLinks.
func (c *Catalog) LinkSession(ctx context.Context, l storage.SessionLink) error {
	if err := storage.CheckLink(l); err != nil {
		return err
	}
	return c.write(ctx, "link a session", func(tx *sql.Tx) error {
		s, err := one(ctx, tx, "session", scanSession, selectSession, l.SessionID)
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
		pushed, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM sessions WHERE source = ? AND external_id = ?`, l.Key.Source, l.Key.ExternalID)
		if err != nil {
			return err
		}
		if write, err := storage.PlanLink(s, ofSession, ofKey, pushed > 0, l); err != nil || !write {
			return err
		}
		if _, err := execTx(ctx, tx, `INSERT INTO session_links (`+linkColumns+`, void_by, void_by_id) VALUES (?, ?, ?, ?, ?, ?, ?, '', '')`,
			l.Key.Source, l.Key.ExternalID, l.SessionID, l.By, l.ByID, us(l.At), s.DocumentHash[:]); err != nil {
			return err
		}
		return retell(ctx, tx, storage.NoticeSession{ID: s.ID, Source: l.Key.Source, ExternalID: l.Key.ExternalID})
	})
}

// VoidLink implements storage.SessionLinks.
func (c *Catalog) VoidLink(ctx context.Context, l storage.SessionLink) error {
	return c.write(ctx, "void a link", func(tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `UPDATE session_links SET void_by = ?, void_by_id = ?, void_at = ?
			WHERE source = ? AND external_id = ? AND session_id = ? AND void_at IS NULL`,
			l.By, l.ByID, us(l.At), l.Key.Source, l.Key.ExternalID, l.SessionID)
		if err != nil || n > 0 {
			return err
		}
		_, err = one(ctx, tx, "link", scanText, `SELECT session_id FROM session_links WHERE source = ? AND external_id = ? AND session_id = ?`,
			l.Key.Source, l.Key.ExternalID, l.SessionID)
		return err
	})
}

// linkOf is nil for none.
func linkOf(ctx context.Context, tx *sql.Tx, query string, args ...any) (*storage.SessionLink, error) {
	found, err := list(ctx, tx, scanLink, query, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0].SessionLink, nil
}

// LinkOf implements storage.SessionLinks.
func (c *Catalog) LinkOf(ctx context.Context, s lieciba.SessionID) (storage.SessionLink, error) {
	l, err := readOne(ctx, c, "link", scanLink, selectLink, s)
	return l.SessionLink, err
}

// currentSession is what ChangeSession gives to decide: the session of key, its
// own or the one that is linked to it; nil for none.
func currentSession(ctx context.Context, tx *sql.Tx, key lieciba.SessionKey) (*lieciba.ExamSession, error) {
	found, err := list(ctx, tx, scanSession, selectSessionByKey, key.Source, key.ExternalID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if found[0].SessionKey == key {
		return &found[0], nil
	}
	link, err := one(ctx, tx, "link", scanLink, selectLink, found[0].ID)
	if err != nil {
		return nil, err
	}
	s := storage.AsPushed(found[0], link.document)
	return &s, nil
}
