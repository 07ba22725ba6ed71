package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
)

const webhookColumns = `id, name, url, source, kinds, secret, new_secret, disabled, created_at`

func scanWebhook(r row) (w lieciba.Webhook, err error) {
	var kinds sql.NullString
	var secret, fresh []byte
	err = r.Scan(&w.ID, &w.Name, &w.URL, &w.Source, &kinds, &secret, &fresh, &w.Disabled, micros{&w.CreatedAt})
	w.Secret, w.NewSecret = secret, fresh
	if err == nil && kinds.Valid {
		err = strs[lieciba.NoticeKind]{&w.Kinds}.Scan(kinds.String)
	}
	return w, err
}

const (
	selectWebhook = `SELECT ` + webhookColumns + ` FROM webhooks WHERE id = ?`
	allWebhooks   = `SELECT ` + webhookColumns + ` FROM webhooks ORDER BY name`
)

// PutWebhook implements storage.Notices.
func (c *Catalog) PutWebhook(ctx context.Context, w lieciba.Webhook) error {
	if err := storage.CheckWebhook(w); err != nil {
		return err
	}
	var kinds any
	if w.Kinds != nil {
		kinds = jsonList(w.Kinds)
	}
	_, err := c.exec(ctx, "put a webhook", `INSERT INTO webhooks (`+webhookColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url, source = excluded.source, kinds = excluded.kinds,
			secret = excluded.secret, new_secret = excluded.new_secret, disabled = excluded.disabled, created_at = excluded.created_at`,
		w.ID, w.Name, w.URL, w.Source, kinds, w.Secret, w.NewSecret, w.Disabled, us(w.CreatedAt))
	return err
}

// Webhook implements storage.Notices.
func (c *Catalog) Webhook(ctx context.Context, id lieciba.WebhookID) (lieciba.Webhook, error) {
	return readOne(ctx, c, "webhook", scanWebhook, selectWebhook, id)
}

// ListWebhooks implements storage.Notices.
func (c *Catalog) ListWebhooks(ctx context.Context) ([]lieciba.Webhook, error) {
	return readList(ctx, c, "webhooks", scanWebhook, allWebhooks)
}

const noticeColumns = `notices.id, coalesce(notices.number, 0), coalesce(notices.session_id, ''), notices.source, notices.kind, notices.at, notices.data, notices.retold`

func scanNotice(r row) (n lieciba.Notice, err error) {
	err = r.Scan(&n.ID, &n.Number, &n.SessionID, &n.Source, &n.Kind, micros{&n.At}, &n.Data, &n.Retold)
	return n, err
}

const (
	selectNotice = `SELECT ` + noticeColumns + ` FROM notices `
	whereStagedN = `WHERE number IS NULL ORDER BY n LIMIT ?`
	whereSource  = `WHERE source = ? AND number > ? ORDER BY number LIMIT ?`
	whereNumber  = `WHERE number > ? AND NOT retold ORDER BY number LIMIT ?`

	countStagedNotices = `SELECT count(*), min(at) FROM notices WHERE number IS NULL`
	// The name by which a session's own system knows it.
	selectNoticeSession = `SELECT s.id, coalesce(l.source, s.source), coalesce(l.external_id, s.external_id)
		FROM sessions AS s LEFT JOIN session_links AS l ON l.session_id = s.id AND l.void_at IS NULL WHERE s.id = ?`
)

func scanNoticeSession(r row) (s storage.NoticeSession, err error) {
	err = r.Scan(&s.ID, &s.Source, &s.ExternalID)
	return s, err
}

// tell stages the notice of a fact in the fact's own transaction; nil: none.
func tell(ctx context.Context, tx *sql.Tx, session lieciba.SessionID, told *storage.Told) error {
	if told == nil {
		return nil
	}
	s, err := one(ctx, tx, "session", scanNoticeSession, selectNoticeSession, session)
	if err != nil {
		return err
	}
	return insertNotice(ctx, tx, told.Notice(s), told.Subject)
}

func insertNotice(ctx context.Context, tx *sql.Tx, n lieciba.Notice, subject string) error {
	_, err := execTx(ctx, tx, `INSERT INTO notices (id, kind, subject, session_id, source, at, data, retold) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, n.ID, n.Kind, subject, idOrNull(n.SessionID), n.Source, us(n.At), n.Data, n.Retold)
	return err
}

// toldOnce are what a session told, without alarms, which are of no source.
const toldOnce = `WHERE session_id = ? AND NOT retold AND source <> '' ORDER BY n`

// retell stages all that a session has told once more, under the name s.
func retell(ctx context.Context, tx *sql.Tx, s storage.NoticeSession) error {
	type told struct {
		lieciba.Notice
		subject string
	}
	all, err := list(ctx, tx, func(r row) (t told, err error) {
		err = r.Scan(&t.ID, &t.Number, &t.SessionID, &t.Source, &t.Kind, micros{&t.At}, &t.Data, &t.Retold, &t.subject)
		return t, err
	}, `SELECT `+noticeColumns+`, subject FROM notices `+toldOnce, s.ID)
	if err != nil {
		return err
	}
	for _, t := range all {
		n, subject, err := storage.Retold(t.Notice, t.subject, s)
		if err != nil {
			return err
		}
		if err := insertNotice(ctx, tx, n, subject); err != nil {
			return err
		}
	}
	return nil
}

// StageNotice implements storage.Notices.
func (c *Catalog) StageNotice(ctx context.Context, n lieciba.Notice) error {
	if err := storage.CheckNotice(n); err != nil {
		return err
	}
	return c.write(ctx, "stage a notice", func(tx *sql.Tx) error { return insertNotice(ctx, tx, n, string(n.ID)) })
}

// StagedNotices implements storage.Notices.
func (c *Catalog) StagedNotices(ctx context.Context) (n int, oldest time.Time, err error) {
	oldest, err = readOne(ctx, c, "notices", func(r row) (t time.Time, err error) {
		err = r.Scan(&n, micros{&t})
		return t, err
	}, countStagedNotices)
	return n, oldest, err
}

// PublishNotices implements storage.Notices: there is one writer, so every write
// excludes every other publisher.
func (c *Catalog) PublishNotices(ctx context.Context, max int, now time.Time) (n int, err error) {
	err = c.write(ctx, "publish notices", func(tx *sql.Tx) error {
		n = 0
		staged, err := list(ctx, tx, scanNotice, selectNotice+whereStagedN, storage.PageLimit(max))
		if err != nil || len(staged) == 0 {
			return err
		}
		webhooks, err := list(ctx, tx, scanWebhook, allWebhooks)
		if err != nil {
			return err
		}
		last, err := one(ctx, tx, "number", scanNumber, `SELECT coalesce(max(number), 0) FROM notices`)
		if err != nil {
			return err
		}
		for _, s := range staged {
			last++
			s.Number = last
			if err := publish(ctx, tx, s, storage.Published(s, webhooks, now)); err != nil {
				return err
			}
		}
		n = len(staged)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func scanNumber(r row) (n int64, err error) {
	err = r.Scan(&n)
	return n, err
}

func publish(ctx context.Context, tx *sql.Tx, n lieciba.Notice, deliveries []lieciba.Delivery) error {
	if _, err := execTx(ctx, tx, `UPDATE notices SET number = ? WHERE id = ?`, n.Number, n.ID); err != nil {
		return err
	}
	for _, d := range deliveries {
		_, err := execTx(ctx, tx, `INSERT INTO deliveries (webhook_id, number, line, state, attempts, next_at, last_error, node_id)
			VALUES (?, ?, ?, ?, 0, ?, '', '')`, d.WebhookID, n.Number, n.SessionID, d.State, us(d.NextAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// ListNotices implements storage.Notices.
func (c *Catalog) ListNotices(ctx context.Context, source string, after int64, limit int) ([]lieciba.Notice, error) {
	if source == "" {
		return readList(ctx, c, "notices", scanNotice, selectNotice+whereNumber, after, storage.PageLimit(limit))
	}
	return readList(ctx, c, "notices", scanNotice, selectNotice+whereSource, source, after, storage.PageLimit(limit))
}

// Notice implements storage.Notices.
func (c *Catalog) Notice(ctx context.Context, id lieciba.NoticeID) (lieciba.Notice, error) {
	return readOne(ctx, c, "notice", scanNotice, selectNotice+`WHERE id = ? AND number IS NOT NULL`, id)
}
