package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const sealColumns = `recording_id, session_id, policy_id, at, manifest, sha256`

func scanSeal(r pgx.CollectableRow) (s lieciba.Seal, err error) {
	err = r.Scan(&s.RecordingID, &s.SessionID, &s.PolicyID, stamp{&s.At}, &s.Manifest, hash{&s.SHA256})
	return s, err
}

const (
	selectSeal = `SELECT recording_id, session_id, coalesce(policy_id::text, ''), at, manifest, sha256 FROM seals WHERE recording_id = $1`
	// The manifest of a long recording is large and decides nothing.
	selectBareSeal = `SELECT recording_id, session_id, coalesce(policy_id::text, ''), at, NULL::bytea, sha256 FROM seals WHERE recording_id = $1`
)

// SealRecording implements storage.Seals. The recording's row lock keeps every
// change of its segments and gaps out until the seal is stored.
func (c *Catalog) SealRecording(ctx context.Context, id lieciba.RecordingID,
	build func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error)) (out lieciba.Seal, err error) {
	err = c.write(ctx, "seal a recording", func(tx pgx.Tx) error {
		rec, err := lockRecording(ctx, tx, id)
		if err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanSeal, selectSeal, id)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			out = stored[0]
			return nil
		}
		segments, err := list(ctx, tx, scanSegment, selectSegment+`WHERE recording_id = $1 ORDER BY from_at`, id)
		if err != nil {
			return err
		}
		gaps, err := list(ctx, tx, scanGap, selectGap+`WHERE recording_id = $1 AND `+live+` ORDER BY from_at`, id)
		if err != nil {
			return err
		}
		if err := storage.CheckSealable(rec, segments, gaps); err != nil {
			return err
		}
		seal, err := build(rec, segments, gaps)
		if err != nil {
			return decided{err}
		}
		seal.At = lieciba.Micro(seal.At)
		if err := storage.CheckSeal(rec, seal); err != nil {
			return err
		}
		out = seal
		return storeSeal(ctx, tx, seal)
	})
	if err != nil {
		return lieciba.Seal{}, err
	}
	return out, nil
}

func storeSeal(ctx context.Context, tx pgx.Tx, s lieciba.Seal) error {
	if err := setRecordingState(ctx, tx, s.RecordingID, lieciba.RecordingSealed); err != nil {
		return err
	}
	_, err := execTx(ctx, tx, `INSERT INTO seals (`+sealColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
		s.RecordingID, s.SessionID, idOrNull(s.PolicyID), ts(s.At), s.Manifest, s.SHA256[:])
	if err != nil {
		return err
	}
	if err := stageLeaf(ctx, tx, evidence.LeafOfSeal(s)); err != nil {
		return err
	}
	// Two seals of one session take turns here, so that the later one sees the
	// other and tells of the session. A statement of its own, as in Sequence.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockOf(lieciba.SessionKey{Source: "sealed", ExternalID: string(s.SessionID)})); err != nil {
		return err
	}
	unsealed, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM recordings
		WHERE session_id = $1 AND state NOT IN ('sealed', 'expired', 'deleted')`, s.SessionID)
	if err != nil {
		return err
	}
	return tell(ctx, tx, s.SessionID, storage.ToldOfSeal(s, unsealed))
}

// Seal implements storage.Seals.
func (c *Catalog) Seal(ctx context.Context, id lieciba.RecordingID) (lieciba.Seal, error) {
	return readOne(ctx, c, "seal", scanSeal, selectSeal, id)
}
