package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"lieciba"
)

// RetentionFacts implements storage.Deletions: one snapshot, which hinders no writer.
func (c *Catalog) RetentionFacts(ctx context.Context, id lieciba.RecordingID) (f lieciba.RetentionFacts, err error) {
	const what = "read the facts of retention"
	if err := c.gate.enter(); err != nil {
		return f, err
	}
	defer c.gate.leave()
	if a := c.joined(ctx); a != nil {
		if err := a.usable(); err != nil {
			return f, err
		}
		f, err = retentionFacts(ctx, a.tx, id)
		return f, fail(err, what)
	}
	// A deferred transaction on a reading connection: its first read opens the snapshot.
	conn, err := c.readers.Conn(ctx)
	if err != nil {
		return f, fail(err, what)
	}
	defer func() { err = errors.Join(err, fail(conn.Close(), what)) }()
	if _, err := conn.ExecContext(ctx, `BEGIN DEFERRED`); err != nil {
		return f, fail(err, what)
	}
	defer func() {
		_, rerr := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		err = errors.Join(err, fail(rerr, what))
	}()
	f, err = retentionFacts(ctx, conn, id)
	return f, fail(err, what)
}

// retentionFacts reads what decides about a recording's retention inside of one
// transaction.
func retentionFacts(ctx context.Context, q queryer, id lieciba.RecordingID) (f lieciba.RetentionFacts, err error) {
	if f.Recording, err = one(ctx, q, "recording", scanRecording, selectRecording, id); err != nil {
		return f, err
	}
	session := f.Recording.SessionID
	if f.Session, err = one(ctx, q, "session", scanSession, selectSession, session); err != nil {
		return f, err
	}
	seals, err := list(ctx, q, func(r row) (lieciba.Seal, error) { return scanSealAnd(r) }, `SELECT `+sealColumns+` FROM seals WHERE recording_id = ?`, id)
	if err != nil {
		return f, err
	}
	if len(seals) > 0 {
		f.Seal = &seals[0]
	}
	if f.Events, err = list(ctx, q, scanEvent, selectEvent+whereEvents, session); err != nil {
		return f, err
	}
	if f.Holds, err = list(ctx, q, scanHold, selectHold+whereHolds, session); err != nil {
		return f, err
	}
	if f.Policies, err = list(ctx, q, scanPolicy, selectPolicy+allPolicies); err != nil {
		return f, err
	}
	if f.Exports, err = list(ctx, q, scanExport, `SELECT `+exportColumns+` FROM exports `+whereOpenExport, session); err != nil {
		return f, err
	}
	if f.Grants, err = list(ctx, q, scanGrant, selectGrant+`WHERE session_id = ? ORDER BY began_at, id`, session); err != nil {
		return f, err
	}
	if f.Requests, err = list(ctx, q, scanRequest, selectRequest+whereNeeded, session); err != nil {
		return f, err
	}
	deletions, err := list(ctx, q, scanDeletion, selectDeletion+whereTombstone, id)
	if err != nil {
		return f, err
	}
	if len(deletions) > 0 {
		f.Deletion = &deletions[0]
	}
	return f, nil
}

var _ queryer = (*sql.Conn)(nil)
