package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const deletionColumns = `id, recording_id, session_id, policy_id, reason, due_at, decided_at, state, done_at, certificate`

func scanDeletion(r pgx.CollectableRow) (d lieciba.Deletion, err error) {
	err = r.Scan(&d.ID, &d.RecordingID, &d.SessionID, &d.PolicyID, &d.Reason, stamp{&d.DueAt}, stamp{&d.DecidedAt},
		&d.State, stamp{&d.DoneAt}, &d.Certificate)
	return d, err
}

const (
	selectDeletion = `SELECT id, recording_id, session_id, coalesce(policy_id::text, ''), reason, due_at, decided_at, state, done_at, certificate
		FROM deletions `
	whereDeleting = `WHERE recording_id = $1 AND state = 'deleting' ORDER BY from_at`
)

// BeginDeletion implements storage.Deletions.
func (c *Catalog) BeginDeletion(ctx context.Context, id lieciba.RecordingID,
	decide func(lieciba.RetentionFacts) (*lieciba.Deletion, error)) (out *lieciba.Deletion, err error) {
	err = c.write(ctx, "begin a deletion", func(tx pgx.Tx) error {
		out = nil
		if err := lockFacts(ctx, tx, id); err != nil {
			return err
		}
		facts, err := readFacts(ctx, tx, id)
		if err != nil {
			return err
		}
		if facts.Deletion != nil {
			out = facts.Deletion
			return nil
		}
		d, err := decide(facts)
		if err != nil {
			return decided{err}
		}
		if d == nil {
			return nil
		}
		next := storage.MicroDeletion(*d)
		if err := storage.CheckDeletion(facts, next); err != nil {
			return err
		}
		out = &next
		return storeDeletion(ctx, tx, next)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func storeDeletion(ctx context.Context, tx pgx.Tx, d lieciba.Deletion) error {
	if err := setRecordingState(ctx, tx, d.RecordingID, lieciba.RecordingExpired); err != nil {
		return err
	}
	_, err := execTx(ctx, tx, `INSERT INTO deletions (`+deletionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)`,
		d.ID, d.RecordingID, d.SessionID, idOrNull(d.PolicyID), d.Reason, ts(d.DueAt), ts(d.DecidedAt), d.State)
	if err != nil {
		return err
	}
	return tell(ctx, tx, d.SessionID, storage.ToldOfDeletion(d))
}

// lockDeletion locks the session, the recording and the deletion, in this order.
func lockDeletion(ctx context.Context, tx pgx.Tx, id lieciba.DeletionID) (d lieciba.Deletion, err error) {
	d, err = one(ctx, tx, "deletion", scanDeletion, selectDeletion+`WHERE id = $1`, id)
	if err != nil {
		return d, err
	}
	if _, err = lockSession(ctx, tx, d.SessionID); err != nil { // whose it is never changes
		return d, err
	}
	if _, err = lockRecording(ctx, tx, d.RecordingID); err != nil {
		return d, err
	}
	return one(ctx, tx, "deletion", scanDeletion, selectDeletion+`WHERE id = $1 FOR NO KEY UPDATE`, id)
}

// ClaimSegments implements storage.Deletions. PlaceHold takes the session's lock
// too, so a hold is there before the claim, or counts what was claimed.
func (c *Catalog) ClaimSegments(ctx context.Context, id lieciba.DeletionID, max int) (out []lieciba.Segment, err error) {
	err = c.write(ctx, "claim segments", func(tx pgx.Tx) error {
		d, err := lockDeletion(ctx, tx, id)
		if err != nil {
			return err
		}
		active, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM holds WHERE session_id = $1 AND released_at IS NULL`, d.SessionID)
		if err != nil {
			return err
		}
		state, claim := storage.PlanClaim(d.State, active > 0)
		if state != d.State {
			if _, err := execTx(ctx, tx, `UPDATE deletions SET state = $1 WHERE id = $2`, state, id); err != nil {
				return err
			}
		}
		if claim && max > 0 {
			_, err := execTx(ctx, tx, `UPDATE segments SET state = $1 WHERE id IN (
				SELECT id FROM segments WHERE recording_id = $2 AND state = 'verified' ORDER BY from_at LIMIT $3)`,
				lieciba.SegmentDeleting, d.RecordingID, max)
			if err != nil {
				return err
			}
		}
		out, err = list(ctx, tx, scanSegment, selectSegment+whereDeleting, d.RecordingID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SegmentsDeleted implements storage.Deletions.
func (c *Catalog) SegmentsDeleted(ctx context.Context, id lieciba.DeletionID, segments []lieciba.SegmentID) error {
	return c.write(ctx, "mark segments as deleted", func(tx pgx.Tx) error {
		d, err := lockDeletion(ctx, tx, id)
		if err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanSegment, selectSegment+`WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`, texts(segments))
		if err != nil {
			return err
		}
		if len(stored) < distinct(segments) {
			return orMissing(nil, "segment")
		}
		var gone []lieciba.SegmentID
		for _, s := range stored {
			write, err := storage.PlanDeleted(d.RecordingID, s)
			if err != nil {
				return err
			}
			if write {
				gone = append(gone, s.ID)
			}
		}
		_, err = execTx(ctx, tx, `UPDATE segments SET state = $1 WHERE id = ANY ($2::uuid[])`, lieciba.SegmentDeleted, texts(gone))
		return err
	})
}

func distinct[T comparable](list []T) int {
	set := make(map[T]struct{}, len(list))
	for _, v := range list {
		set[v] = struct{}{}
	}
	return len(set)
}

// FinishDeletion implements storage.Deletions.
func (c *Catalog) FinishDeletion(ctx context.Context, id lieciba.DeletionID, at time.Time, certificate []byte) (out lieciba.Deletion, err error) {
	err = c.write(ctx, "finish a deletion", func(tx pgx.Tx) error {
		d, err := lockDeletion(ctx, tx, id)
		if err != nil {
			return err
		}
		left, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM segments WHERE recording_id = $1 AND state <> 'deleted'`, d.RecordingID)
		if err != nil {
			return err
		}
		next, write, err := storage.PlanFinish(d, left, at, certificate)
		if err != nil {
			return err
		}
		if out = next; !write {
			return nil
		}
		if err := setRecordingState(ctx, tx, d.RecordingID, lieciba.RecordingDeleted); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE deletions SET state = $1, done_at = $2, certificate = $3 WHERE id = $4`,
			next.State, ts(next.DoneAt), next.Certificate, id)
		if err != nil {
			return err
		}
		if err := stageLeaf(ctx, tx, evidence.LeafOfDeletion(next)); err != nil {
			return err
		}
		return tell(ctx, tx, next.SessionID, storage.ToldOfDeletion(next))
	})
	if err != nil {
		return lieciba.Deletion{}, err
	}
	return out, nil
}

// Deletion implements storage.Deletions.
func (c *Catalog) Deletion(ctx context.Context, id lieciba.DeletionID) (lieciba.Deletion, error) {
	return readOne(ctx, c, "deletion", scanDeletion, selectDeletion+`WHERE id = $1`, id)
}

// ListDeletions implements storage.Deletions.
func (c *Catalog) ListDeletions(ctx context.Context, limit int, before lieciba.DeletionID, states ...lieciba.DeletionState) ([]lieciba.Deletion, error) {
	var w where
	if len(states) > 0 {
		w.add("state = ANY (?)", texts(states))
	}
	if before != "" {
		last, err := c.Deletion(ctx, before)
		if err != nil {
			return nil, err
		}
		w.add("(decided_at, id) < (?, ?)", ts(last.DecidedAt), last.ID)
	}
	n := w.arg(storage.PageLimit(limit))
	return readList(ctx, c, "deletions", scanDeletion, selectDeletion+w.sql()+` ORDER BY decided_at DESC, id DESC LIMIT `+n, w.args...)
}
