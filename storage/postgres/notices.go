package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

// publishLock is the advisory lock that the publishers of all nodes take turns on.
const publishLock = 0x6c696563707562 // "liecpub"

const webhookColumns = `id, name, url, source, kinds, secret, new_secret, disabled, created_at`

func scanWebhook(r pgx.CollectableRow) (w lieciba.Webhook, err error) {
	var kinds []string
	err = r.Scan(&w.ID, &w.Name, &w.URL, &w.Source, &kinds, &w.Secret, &w.NewSecret, &w.Disabled, stamp{&w.CreatedAt})
	w.Kinds = typed[lieciba.NoticeKind](kinds)
	return w, err
}

const (
	selectWebhook = `SELECT ` + webhookColumns + ` FROM webhooks WHERE id = $1`
	allWebhooks   = `SELECT ` + webhookColumns + ` FROM webhooks ORDER BY name`
)

// PutWebhook implements storage.Notices.
func (c *Catalog) PutWebhook(ctx context.Context, w lieciba.Webhook) error {
	if err := storage.CheckWebhook(w); err != nil {
		return err
	}
	var kinds []string
	if w.Kinds != nil {
		kinds = texts(w.Kinds)
	}
	_, err := c.exec(ctx, "put a webhook", `INSERT INTO webhooks (`+webhookColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url, source = excluded.source, kinds = excluded.kinds,
			secret = excluded.secret, new_secret = excluded.new_secret, disabled = excluded.disabled, created_at = excluded.created_at`,
		w.ID, w.Name, w.URL, w.Source, kinds, w.Secret, w.NewSecret, w.Disabled, ts(w.CreatedAt))
	return err
}

// Webhook implements storage.Notices.
func (c *Catalog) Webhook(ctx context.Context, id lieciba.WebhookID) (lieciba.Webhook, error) {
	return readOne(ctx, c, "webhook", scanWebhook, selectWebhook+c.keep(ctx), id)
}

// ListWebhooks implements storage.Notices.
func (c *Catalog) ListWebhooks(ctx context.Context) ([]lieciba.Webhook, error) {
	return readList(ctx, c, "webhooks", scanWebhook, allWebhooks)
}

const noticeColumns = `notices.id, coalesce(notices.number, 0), coalesce(notices.session_id::text, ''), notices.source, notices.kind, notices.at, notices.data, notices.retold`

func scanNotice(r pgx.CollectableRow) (n lieciba.Notice, err error) {
	err = r.Scan(&n.ID, &n.Number, &n.SessionID, &n.Source, &n.Kind, stamp{&n.At}, &n.Data, &n.Retold)
	return n, err
}

const (
	selectNotice       = `SELECT ` + noticeColumns + ` FROM notices `
	whereStagedNotice  = `WHERE number IS NULL ORDER BY n LIMIT $1`
	whereSource        = `WHERE source = $1 AND number > $2 ORDER BY number LIMIT $3`
	whereNumber        = `WHERE number > $1 AND NOT retold ORDER BY number LIMIT $2`
	countStagedNotices = `SELECT count(*), min(at) FROM notices WHERE number IS NULL`
	// The name by which a session's own system knows it.
	selectNoticeSession = `SELECT s.id, coalesce(l.source, s.source), coalesce(l.external_id, s.external_id)
		FROM sessions AS s LEFT JOIN session_links AS l ON l.session_id = s.id AND l.void_at IS NULL WHERE s.id = $1`
)

func scanNoticeSession(r pgx.CollectableRow) (s storage.NoticeSession, err error) {
	err = r.Scan(&s.ID, &s.Source, &s.ExternalID)
	return s, err
}

// tell stages the notice of a fact in the fact's own transaction, as its last
// step: two that stage the same notice wait for each other here. nil: none.
func tell(ctx context.Context, tx pgx.Tx, session lieciba.SessionID, told *storage.Told) error {
	if told == nil {
		return nil
	}
	// A statement of its own: the next one sees the name that a link has just given it.
	if _, err := tx.Exec(ctx, `SELECT FROM sessions WHERE id = $1 FOR KEY SHARE`, session); err != nil {
		return err
	}
	s, err := one(ctx, tx, "session", scanNoticeSession, selectNoticeSession, session)
	if err != nil {
		return err
	}
	return insertNotice(ctx, tx, told.Notice(s), told.Subject)
}

func insertNotice(ctx context.Context, tx pgx.Tx, n lieciba.Notice, subject string) error {
	_, err := execTx(ctx, tx, `INSERT INTO notices (id, kind, subject, session_id, source, at, data, retold) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`, n.ID, n.Kind, subject, idOrNull(n.SessionID), n.Source, ts(n.At), n.Data, n.Retold)
	return err
}

// toldOnce are what a session told, without alarms, which are of no source.
const toldOnce = `WHERE session_id = $1 AND NOT retold AND source <> '' ORDER BY n`

// retell stages all that a session has told once more, under the name s.
func retell(ctx context.Context, tx pgx.Tx, s storage.NoticeSession) error {
	type told struct {
		lieciba.Notice
		subject string
	}
	all, err := list(ctx, tx, func(r pgx.CollectableRow) (t told, err error) {
		err = r.Scan(&t.ID, &t.Number, &t.SessionID, &t.Source, &t.Kind, stamp{&t.At}, &t.Data, &t.Retold, &t.subject)
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
	return c.write(ctx, "stage a notice", func(tx pgx.Tx) error { return insertNotice(ctx, tx, n, string(n.ID)) })
}

// StagedNotices implements storage.Notices.
func (c *Catalog) StagedNotices(ctx context.Context) (int, time.Time, error) {
	type waiting struct {
		n      int
		oldest time.Time
	}
	w, err := readOne(ctx, c, "notices", func(r pgx.CollectableRow) (w waiting, err error) {
		err = r.Scan(&w.n, stamp{&w.oldest})
		return w, err
	}, countStagedNotices)
	return w.n, w.oldest, err
}

// PublishNotices implements storage.Notices. Notices that another transaction has
// staged and not committed yet are not seen: they wait for the next call.
func (c *Catalog) PublishNotices(ctx context.Context, limit int, now time.Time) (n int, err error) {
	err = c.write(ctx, "publish notices", func(tx pgx.Tx) error {
		n = 0
		// A statement of its own: the next one sees what the last holder committed.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(publishLock)); err != nil {
			return err
		}
		staged, err := list(ctx, tx, scanNotice, selectNotice+whereStagedNotice, storage.PageLimit(limit))
		if err != nil || len(staged) == 0 {
			return err
		}
		webhooks, err := list(ctx, tx, scanWebhook, allWebhooks)
		if err != nil {
			return err
		}
		last, err := one(ctx, tx, "number", pgx.RowTo[int64], `SELECT coalesce(max(number), 0) FROM notices`)
		if err != nil {
			return err
		}
		n = len(staged)
		return publish(ctx, tx, last, staged, webhooks, now)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// publish writes it all in one round trip.
func publish(ctx context.Context, tx pgx.Tx, last int64, staged []lieciba.Notice, webhooks []lieciba.Webhook, now time.Time) error {
	ids, numbers := make([]string, len(staged)), make([]int64, len(staged))
	var hooks, lines []string
	var delivered []int64
	for i, s := range staged {
		s.Number = last + 1 + int64(i)
		ids[i], numbers[i] = string(s.ID), s.Number
		for _, d := range storage.Published(s, webhooks, now) {
			hooks, lines, delivered = append(hooks, string(d.WebhookID)), append(lines, string(s.SessionID)), append(delivered, s.Number)
		}
	}
	var b pgx.Batch
	b.Queue(`UPDATE notices SET number = v.number FROM unnest($1::uuid[], $2::bigint[]) AS v (id, number) WHERE notices.id = v.id`, ids, numbers)
	b.Queue(`INSERT INTO deliveries (webhook_id, number, line, state, attempts, next_at, last_error, node_id)
		SELECT w, n, l, 'waiting', 0, $4, '', '' FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS v (w, n, l)`, hooks, delivered, lines, ts(now))
	return tx.SendBatch(ctx, &b).Close()
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
	return readOne(ctx, c, "notice", scanNotice, selectNotice+`WHERE id = $1 AND number IS NOT NULL`, id)
}
