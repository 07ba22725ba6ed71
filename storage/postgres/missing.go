package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage/evidence"
)

// stageMissing stages the leaves of segments, closed gaps and audit entries that
// have none: rows from before there was a log, or of a node that runs an older
// version beside this one. Several nodes may do it at once; what is there is left
// as it is. IDs are ordered by time, so after the first look only those from a
// day before the last one are looked at. A read-only standby leaves it to others.
func (c *Catalog) stageMissing(ctx context.Context) error {
	readOnly, err := readOne(ctx, c, "setting", pgx.RowTo[string], `SELECT current_setting('transaction_read_only')`)
	if err != nil || readOnly == "on" {
		return err
	}
	err = stageEach(ctx, c, lieciba.LeafSegment, scanSegment, evidence.LeafOfSegment, selectSegment+`AS t WHERE `+unstaged)
	if err != nil {
		return err
	}
	err = stageEach(ctx, c, lieciba.LeafGap, scanGap, evidence.LeafOfGap, selectGap+`AS t WHERE to_at > from_at AND `+unstaged)
	if err != nil {
		return err
	}
	return stageEach(ctx, c, lieciba.LeafAudit, scanAudit, evidence.LeafOfAudit, selectAudit+`AS t WHERE `+unstaged)
}

const (
	unstaged = `t.id > $1 AND NOT EXISTS (SELECT FROM leaves WHERE kind = $2 AND subject = t.id::text) ORDER BY t.id LIMIT $3`
	// stageBatch is how many leaves one transaction stages.
	stageBatch = 1000
	// lookBack covers clocks that differ and transactions that take long.
	lookBack = 24 * time.Hour
)

func stageEach[T any](ctx context.Context, c *Catalog, kind lieciba.LeafKind, scan pgx.RowToFunc[T], leaf func(T) lieciba.Leaf, query string) error {
	began := time.Now()
	looked, err := readList(ctx, c, "leaves", pgx.RowTo[time.Time], `SELECT looked_at FROM leaf_looks WHERE kind = $1`, kind)
	if err != nil {
		return err
	}
	after := zeroID
	if len(looked) > 0 {
		after = firstID(looked[0].Add(-lookBack))
	}
	for {
		var leaves []lieciba.Leaf
		err := c.write(ctx, "stage the leaves of older rows", func(tx pgx.Tx) error {
			rows, err := list(ctx, tx, scan, query, after, kind, stageBatch)
			if err != nil {
				return err
			}
			leaves = make([]lieciba.Leaf, len(rows))
			for i, r := range rows {
				leaves[i] = leaf(r)
			}
			return stageAll(ctx, tx, leaves)
		})
		if err != nil {
			return err
		}
		if len(leaves) < stageBatch {
			break
		}
		after = leaves[len(leaves)-1].Subject
	}
	_, err = c.exec(ctx, "note the look for leaves", `INSERT INTO leaf_looks (kind, looked_at) VALUES ($1, $2)
		ON CONFLICT (kind) DO UPDATE SET looked_at = greatest(leaf_looks.looked_at, excluded.looked_at)`, kind, ts(began))
	return err
}

// firstID is below every ID that was made at t or later (lieciba.NewID).
func firstID(t time.Time) string {
	id := []byte(lieciba.NewID[lieciba.SegmentID](t))
	for i := 14; i < len(id); i++ { // the version and what follows is not time
		if id[i] != '-' {
			id[i] = '0'
		}
	}
	return string(id)
}

// stageAll stages leaves in one statement, in the order of their subjects, which
// every node shares: two that do the same wait, and never for each other.
func stageAll(ctx context.Context, tx pgx.Tx, leaves []lieciba.Leaf) error {
	if len(leaves) == 0 {
		return nil
	}
	n := len(leaves)
	subjects, times := make([]string, n), make([]time.Time, n)
	salts, commitments, details := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i := range leaves {
		l := &leaves[i]
		subjects[i], times[i] = l.Subject, ts(l.At)
		salts[i], commitments[i], details[i] = l.Salt[:], l.Commitment[:], l.Detail
	}
	_, err := execTx(ctx, tx, `INSERT INTO leaves (kind, subject, at, salt, commitment, detail)
		SELECT $1, s, a, t, c, d FROM unnest($2::text[], $3::timestamptz[], $4::bytea[], $5::bytea[], $6::bytea[]) WITH ORDINALITY AS v (s, a, t, c, d, n)
		ORDER BY n ON CONFLICT (kind, subject) DO NOTHING`, leaves[0].Kind, subjects, times, salts, commitments, details)
	return err
}
