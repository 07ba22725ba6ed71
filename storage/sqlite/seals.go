package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const sealColumns = `recording_id, session_id, policy_id, at, sha256`

// scanSeal reads sealColumns, and what is given after them.
func scanSealAnd(r row, more ...any) (s lieciba.Seal, err error) {
	err = r.Scan(append([]any{&s.RecordingID, &s.SessionID, &s.PolicyID, micros{&s.At}, hash{&s.SHA256}}, more...)...)
	return s, err
}

func scanSeal(r row) (lieciba.Seal, error) {
	var manifest []byte
	s, err := scanSealAnd(r, &manifest)
	s.Manifest = manifest
	return s, err
}

const selectSeal = `SELECT ` + sealColumns + `, manifest FROM seals WHERE recording_id = ?`

// Seal implements storage.Seals.
func (c *Catalog) Seal(ctx context.Context, id lieciba.RecordingID) (lieciba.Seal, error) {
	return readOne(ctx, c, "seal", scanSeal, selectSeal, id)
}

// SealRecording implements storage.Seals.
func (c *Catalog) SealRecording(ctx context.Context, id lieciba.RecordingID,
	build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (seal lieciba.Seal, err error) {
	err = c.write(ctx, "seal a recording", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanSeal, selectSeal, id)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			seal = stored[0]
			return nil
		}
		seal, err = sealNow(ctx, tx, id, build)
		return err
	})
	if err != nil {
		return lieciba.Seal{}, err
	}
	return seal, nil
}

func sealNow(ctx context.Context, tx *sql.Tx, id lieciba.RecordingID,
	build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (lieciba.Seal, error) {
	var seal lieciba.Seal
	r, err := one(ctx, tx, "recording", scanRecording, selectRecording, id)
	if err != nil {
		return seal, err
	}
	segments, err := list(ctx, tx, scanSegment, selectSegment+`WHERE recording_id = ? ORDER BY from_at`, id)
	if err != nil {
		return seal, err
	}
	gaps, err := list(ctx, tx, scanGap, selectGap+whereGaps, id)
	if err != nil {
		return seal, err
	}
	if err := storage.CheckSealable(r, segments, gaps); err != nil {
		return seal, err
	}
	if seal, err = build(r, segments, gaps); err != nil {
		return seal, decided{err}
	}
	if err := storage.CheckSeal(r, seal); err != nil {
		return seal, err
	}
	seal.At = lieciba.Micro(seal.At)
	if _, err := execTx(ctx, tx, `INSERT INTO seals (`+sealColumns+`, manifest) VALUES (?, ?, ?, ?, ?, ?)`,
		seal.RecordingID, seal.SessionID, seal.PolicyID, us(seal.At), seal.SHA256[:], seal.Manifest); err != nil {
		return seal, err
	}
	if err := stageLeaf(ctx, tx, evidence.LeafOfSeal(seal)); err != nil {
		return seal, err
	}
	if err := setRecordingState(ctx, tx, id, lieciba.RecordingSealed); err != nil {
		return seal, err
	}
	unsealed, err := one(ctx, tx, "count", scanCount, countUnsealed, r.SessionID)
	if err != nil {
		return seal, err
	}
	return seal, tell(ctx, tx, r.SessionID, storage.ToldOfSeal(seal, unsealed))
}

const countUnsealed = `SELECT count(*) FROM recordings WHERE session_id = ? AND state NOT IN ('sealed', 'expired', 'deleted')`

func setRecordingState(ctx context.Context, tx *sql.Tx, id lieciba.RecordingID, to lieciba.RecordingState) error {
	_, err := execTx(ctx, tx, `UPDATE recordings SET state = ? WHERE id = ?`, to, id)
	return err
}
