package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"lieciba"
)

// RetentionFacts implements storage.Deletions: in one snapshot of its own, or
// inside of an Act, whose statements each have one, under the facts' locks.
func (c *Catalog) RetentionFacts(ctx context.Context, id lieciba.RecordingID) (out lieciba.RetentionFacts, err error) {
	if c.joined(ctx) != nil {
		err = c.write(ctx, "read the retention facts", func(tx pgx.Tx) error {
			if err := lockFacts(ctx, tx, id); err != nil {
				return err
			}
			out, err = readFacts(ctx, tx, id)
			return err
		})
		return out, err
	}
	err = c.alive(ctx, func() (err error) {
		out, err = c.snapshotFacts(ctx, id)
		return err
	})
	return out, fail(err, "read the retention facts")
}

func (c *Catalog) snapshotFacts(ctx context.Context, id lieciba.RecordingID) (out lieciba.RetentionFacts, err error) {
	tx, err := c.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, rollback(ctx, tx)) }()
	return readFacts(ctx, tx, id)
}

// lockFacts keeps every change out of what decides about a recording: the
// session's row lock those of its events, holds, exports, grants and requests, the policies' lock
// those of policies.
func lockFacts(ctx context.Context, tx pgx.Tx, id lieciba.RecordingID) error {
	rec, err := one(ctx, tx, "recording", scanRecording, selectRecording, id)
	if err != nil {
		return err
	}
	if _, err := lockSession(ctx, tx, rec.SessionID); err != nil { // whose it is never changes
		return err
	}
	if _, err := lockRecording(ctx, tx, id); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, int64(policyLock))
	return err
}

func readFacts(ctx context.Context, tx pgx.Tx, id lieciba.RecordingID) (f lieciba.RetentionFacts, err error) {
	if f.Recording, err = one(ctx, tx, "recording", scanRecording, selectRecording, id); err != nil {
		return f, err
	}
	s := f.Recording.SessionID
	if f.Session, err = one(ctx, tx, "session", scanSession, selectSession, s); err != nil {
		return f, err
	}
	if f.Seal, err = first(ctx, tx, scanSeal, selectBareSeal, id); err != nil {
		return f, err
	}
	if f.Events, err = list(ctx, tx, scanEvent, sessionEvents, s); err != nil {
		return f, err
	}
	if f.Holds, err = list(ctx, tx, scanHold, sessionHolds, s); err != nil {
		return f, err
	}
	if f.Policies, err = list(ctx, tx, scanPolicy, selectPolicies); err != nil {
		return f, err
	}
	f.Exports, err = list(ctx, tx, scanExport, selectExport+`WHERE session_id = $1 AND state IN ('requested', 'building', 'failed')
		ORDER BY requested_at, id`, s)
	if err != nil {
		return f, err
	}
	if f.Grants, err = list(ctx, tx, scanGrant, selectGrant+`WHERE session_id = $1 ORDER BY began_at, id`, s); err != nil {
		return f, err
	}
	f.Requests, err = list(ctx, tx, scanRequest, selectRequest+`WHERE session_id = $1 AND kind IN ('grant', 'export')
		AND state IN ('requested', 'approved') ORDER BY asked_at, id`, s)
	if err != nil {
		return f, err
	}
	f.Deletion, err = first(ctx, tx, scanDeletion, selectDeletion+`WHERE recording_id = $1`, id)
	return f, err
}

// first returns nil for no row.
func first[T any](ctx context.Context, q queryer, scan pgx.RowToFunc[T], query string, args ...any) (*T, error) {
	rows, err := list(ctx, q, scan, query, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// ScanRecordings implements storage.Deletions. fn runs outside of any transaction.
func (c *Catalog) ScanRecordings(ctx context.Context, after lieciba.RecordingID, fn func(lieciba.Recording) error) error {
	if after == "" {
		after = zeroID
	}
	for {
		page, err := readList(ctx, c, "recordings", scanRecording,
			`SELECT `+recordingColumns+` FROM recordings WHERE id > $1 ORDER BY id LIMIT $2`, after, scanPage)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(page) < scanPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}
