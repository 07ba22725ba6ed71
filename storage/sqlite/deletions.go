package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const deletionColumns = `id, recording_id, session_id, policy_id, reason, due_at, decided_at, state, done_at, certificate`

func scanDeletion(r row) (d lieciba.Deletion, err error) {
	var certificate []byte
	err = r.Scan(&d.ID, &d.RecordingID, &d.SessionID, &d.PolicyID, &d.Reason, micros{&d.DueAt}, micros{&d.DecidedAt}, &d.State,
		micros{&d.DoneAt}, &certificate)
	d.Certificate = certificate
	return d, err
}

const (
	selectDeletion  = `SELECT ` + deletionColumns + ` FROM deletions `
	whereDeletion   = `WHERE id = ?`
	whereTombstone  = `WHERE recording_id = ?`
	whereDeleting   = `WHERE recording_id = ? AND state = 'deleting' ORDER BY from_at`
	whereOpenExport = `WHERE session_id = ? AND state IN ('requested', 'building', 'failed') ORDER BY requested_at, id`

	claimSegments = `UPDATE segments SET state = 'deleting' WHERE id IN (SELECT id FROM segments
		WHERE recording_id = ? AND state = 'verified' ORDER BY from_at LIMIT ?)`
	countHeld = `SELECT EXISTS (SELECT 1 FROM holds WHERE session_id = ? AND released_at IS NULL)`
)

// BeginDeletion implements storage.Deletions.
func (c *Catalog) BeginDeletion(ctx context.Context, id lieciba.RecordingID,
	decide func(lieciba.RetentionFacts) (*lieciba.Deletion, error)) (out *lieciba.Deletion, err error) {
	err = c.write(ctx, "begin a deletion", func(tx *sql.Tx) error {
		facts, err := retentionFacts(ctx, tx, id)
		if err != nil {
			return err
		}
		if out = facts.Deletion; out != nil {
			return nil
		}
		next, err := decide(facts)
		if err != nil {
			return decided{err}
		}
		if next == nil {
			return nil
		}
		d := storage.MicroDeletion(*next)
		out = &d
		return insertDeletion(ctx, tx, facts, d)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func insertDeletion(ctx context.Context, tx *sql.Tx, f lieciba.RetentionFacts, d lieciba.Deletion) error {
	if err := storage.CheckDeletion(f, d); err != nil {
		return err
	}
	if _, err := execTx(ctx, tx, `INSERT INTO deletions (`+deletionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)`,
		d.ID, d.RecordingID, d.SessionID, d.PolicyID, d.Reason, us(d.DueAt), us(d.DecidedAt), d.State); err != nil {
		return err
	}
	if err := setRecordingState(ctx, tx, d.RecordingID, lieciba.RecordingExpired); err != nil {
		return err
	}
	return tell(ctx, tx, d.SessionID, storage.ToldOfDeletion(d))
}

// ClaimSegments implements storage.Deletions.
func (c *Catalog) ClaimSegments(ctx context.Context, id lieciba.DeletionID, max int) (claimed []lieciba.Segment, err error) {
	err = c.write(ctx, "claim segments", func(tx *sql.Tx) error {
		d, err := one(ctx, tx, "deletion", scanDeletion, selectDeletion+whereDeletion, id)
		if err != nil {
			return err
		}
		held, err := one(ctx, tx, "count", scanCount, countHeld, d.SessionID)
		if err != nil {
			return err
		}
		next, claim := storage.PlanClaim(d.State, held > 0)
		if next != d.State {
			if _, err := execTx(ctx, tx, `UPDATE deletions SET state = ? WHERE id = ?`, next, id); err != nil {
				return err
			}
		}
		if claim && max > 0 {
			if _, err := execTx(ctx, tx, claimSegments, d.RecordingID, max); err != nil {
				return err
			}
		}
		claimed, err = list(ctx, tx, scanSegment, selectSegment+whereDeleting, d.RecordingID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// SegmentsDeleted implements storage.Deletions.
func (c *Catalog) SegmentsDeleted(ctx context.Context, id lieciba.DeletionID, segments []lieciba.SegmentID) error {
	return c.write(ctx, "record deleted segments", func(tx *sql.Tx) error {
		d, err := one(ctx, tx, "deletion", scanDeletion, selectDeletion+whereDeletion, id)
		if err != nil {
			return err
		}
		for _, seg := range segments {
			s, err := one(ctx, tx, "segment", scanSegment, selectSegment+`WHERE id = ?`, seg)
			if err != nil {
				return err
			}
			write, err := storage.PlanDeleted(d.RecordingID, s)
			if err != nil {
				return err
			}
			if !write {
				continue
			}
			if _, err := execTx(ctx, tx, `UPDATE segments SET state = ? WHERE id = ?`, lieciba.SegmentDeleted, seg); err != nil {
				return err
			}
		}
		return nil
	})
}

// FinishDeletion implements storage.Deletions.
func (c *Catalog) FinishDeletion(ctx context.Context, id lieciba.DeletionID, at time.Time, certificate []byte) (out lieciba.Deletion, err error) {
	err = c.write(ctx, "finish a deletion", func(tx *sql.Tx) error {
		d, err := one(ctx, tx, "deletion", scanDeletion, selectDeletion+whereDeletion, id)
		if err != nil {
			return err
		}
		left, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM segments WHERE recording_id = ? AND state <> 'deleted'`, d.RecordingID)
		if err != nil {
			return err
		}
		var write bool
		if out, write, err = storage.PlanFinish(d, left, at, certificate); err != nil || !write {
			return err
		}
		if _, err := execTx(ctx, tx, `UPDATE deletions SET state = ?, done_at = ?, certificate = ? WHERE id = ?`,
			out.State, us(out.DoneAt), out.Certificate, id); err != nil {
			return err
		}
		if err := stageLeaf(ctx, tx, evidence.LeafOfDeletion(out)); err != nil {
			return err
		}
		if err := setRecordingState(ctx, tx, d.RecordingID, lieciba.RecordingDeleted); err != nil {
			return err
		}
		return tell(ctx, tx, out.SessionID, storage.ToldOfDeletion(out))
	})
	if err != nil {
		return lieciba.Deletion{}, err
	}
	return out, nil
}

// Deletion implements storage.Deletions.
func (c *Catalog) Deletion(ctx context.Context, id lieciba.DeletionID) (lieciba.Deletion, error) {
	return readOne(ctx, c, "deletion", scanDeletion, selectDeletion+whereDeletion, id)
}

// ListDeletions implements storage.Deletions.
func (c *Catalog) ListDeletions(ctx context.Context, limit int, before lieciba.DeletionID, states ...lieciba.DeletionState) ([]lieciba.Deletion, error) {
	var w where
	if len(states) > 0 {
		anyOf(&w, "state", states)
	}
	if before != "" {
		last, err := c.Deletion(ctx, before)
		if err != nil {
			return nil, err
		}
		w.add("(decided_at, id) < (?, ?)", us(last.DecidedAt), last.ID)
	}
	return readList(ctx, c, "deletions", scanDeletion, `SELECT `+deletionColumns+` FROM deletions`+w.sql()+
		` ORDER BY decided_at DESC, id DESC LIMIT ?`, append(w.args, storage.PageLimit(limit))...)
}

const whereRecordingAfter = ` WHERE id > ? ORDER BY id LIMIT ?`

// ScanRecordings implements storage.Deletions. fn runs outside of any transaction.
func (c *Catalog) ScanRecordings(ctx context.Context, after lieciba.RecordingID, fn func(lieciba.Recording) error) error {
	for {
		page, err := readList(ctx, c, "recordings", scanRecording, `SELECT `+recordingColumns+` FROM recordings`+whereRecordingAfter, after, scanPage)
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
