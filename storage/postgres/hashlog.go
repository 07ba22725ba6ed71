package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// sequenceLock is the advisory lock that the sequencers of all nodes take turns on.
const sequenceLock = 0x6c696563736571 // "liecseq"

const leafColumns = `coalesce(idx, -1), kind, subject, at, salt, detail, commitment`

// staged is a leaf and its place in the order of staging.
type stagedLeaf struct {
	id int64
	lieciba.Leaf
}

func scanLeafAnd(r pgx.CollectableRow, more ...any) (l lieciba.Leaf, err error) {
	err = r.Scan(append([]any{&l.Index, &l.Kind, &l.Subject, stamp{&l.At}, salt{&l.Salt}, &l.Detail, hash{&l.Commitment}}, more...)...)
	return l, err
}

func scanLeaf(r pgx.CollectableRow) (lieciba.Leaf, error) { return scanLeafAnd(r) }

func scanStaged(r pgx.CollectableRow) (s stagedLeaf, err error) {
	s.Leaf, err = scanLeafAnd(r, &s.id)
	return s, err
}

const (
	selectLeaf    = `SELECT ` + leafColumns + ` FROM leaves `
	whereSubject  = `WHERE kind = $1 AND subject = $2`
	whereLogged   = `WHERE idx >= $1 AND idx < $2 ORDER BY idx LIMIT $3`
	selectStaged  = `SELECT ` + leafColumns + `, id FROM leaves WHERE idx IS NULL ORDER BY id LIMIT $1`
	selectLogged  = `SELECT subject FROM leaves WHERE kind = $1 AND subject = ANY ($2) AND idx IS NOT NULL`
	selectNewest  = `SELECT ` + checkpointColumns + ` FROM checkpoints ORDER BY size DESC LIMIT 1`
	selectHashes  = `SELECT idx, hash FROM log_hashes WHERE idx = ANY ($1)`
	selectWaiting = `SELECT count(*), min(at) FROM leaves WHERE idx IS NULL`
)

// StageLeaf implements storage.HashLog.
func (c *Catalog) StageLeaf(ctx context.Context, l lieciba.Leaf) error {
	if err := storage.CheckLeaf(l); err != nil {
		return err
	}
	if err := evidence.CheckLeafRow(l); err != nil {
		return err
	}
	return c.write(ctx, "stage a leaf", func(tx pgx.Tx) error { return stageLeaf(ctx, tx, l) })
}

// stageLeaf is the last step of a transaction: two that stage the same leaf wait
// for each other here.
func stageLeaf(ctx context.Context, tx pgx.Tx, l lieciba.Leaf) error {
	n, err := execTx(ctx, tx, `INSERT INTO leaves (kind, subject, at, salt, commitment, detail) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (kind, subject) DO NOTHING`, l.Kind, l.Subject, ts(l.At), l.Salt[:], l.Commitment[:], l.Detail)
	if err != nil || n > 0 {
		return err
	}
	stored, err := one(ctx, tx, "leaf", scanLeaf, selectLeaf+whereSubject, l.Kind, l.Subject)
	if err != nil {
		return err
	}
	return storage.RepeatLeaf(stored, l)
}

// Sequence implements storage.HashLog. Leaves that another transaction has
// staged and not committed yet are not seen: they wait for the next call,
// whatever their place in the order of staging.
func (c *Catalog) Sequence(ctx context.Context, limit int,
	decide func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error)) (n int, err error) {
	err = c.write(ctx, "sequence", func(tx pgx.Tx) error {
		n = 0
		// A statement of its own: the next one sees what the last holder committed.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(sequenceLock)); err != nil {
			return err
		}
		staged, err := list(ctx, tx, scanStaged, selectStaged, max(0, min(limit, storage.MaxSequence)))
		if err != nil || len(staged) == 0 {
			return err
		}
		newest, err := list(ctx, tx, scanCheckpoint, selectNewest)
		if err != nil {
			return err
		}
		head := storage.LogHead{Hashes: func(i []int64) ([][32]byte, error) { return logHashes(ctx, tx, i) }}
		if len(newest) > 0 {
			head.Checkpoint = newest[0]
		}
		leaves := make([]lieciba.Leaf, len(staged))
		for i, s := range staged {
			leaves[i] = s.Leaf
		}
		made, err := decide(head, leaves)
		if err != nil {
			return decided{err}
		}
		if err := storage.CheckSequenced(head.Checkpoint, len(staged), made); err != nil {
			return err
		}
		n = len(staged)
		return storeSequenced(ctx, tx, head.Checkpoint.Size, staged, made)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// storeSequenced writes it all in one round trip.
func storeSequenced(ctx context.Context, tx pgx.Tx, size int64, staged []stagedLeaf, made storage.Sequenced) error {
	ids, indexes := make([]int64, len(staged)), make([]int64, len(staged))
	for i, s := range staged {
		ids[i], indexes[i] = s.id, size+int64(i)
	}
	hashes := make([][]byte, len(made.Hashes))
	for i := range made.Hashes {
		hashes[i] = made.Hashes[i][:]
	}
	p := made.Checkpoint
	var b pgx.Batch
	b.Queue(`UPDATE leaves SET idx = v.idx FROM unnest($1::bigint[], $2::bigint[]) AS v (id, idx) WHERE leaves.id = v.id AND leaves.idx IS NULL`,
		ids, indexes)
	b.Queue(`INSERT INTO log_hashes (idx, hash) SELECT $1 + n - 1, h FROM unnest($2::bytea[]) WITH ORDINALITY AS v (h, n)`,
		storage.FirstNewHash(size), hashes)
	b.Queue(`INSERT INTO checkpoints (`+checkpointColumns+`) VALUES ($1, $2, $3, $4, $5)`, p.Size, p.Origin, p.Root[:], ts(p.At), p.Note)
	return tx.SendBatch(ctx, &b).Close()
}

type storedHash struct {
	idx  int64
	hash [32]byte
}

func scanHash(r pgx.CollectableRow) (h storedHash, err error) {
	err = r.Scan(&h.idx, hash{&h.hash})
	return h, err
}

// logHashes reads stored hashes in the order asked; CodeCorrupt if one is missing.
func logHashes(ctx context.Context, q queryer, indexes []int64) ([][32]byte, error) {
	rows, err := list(ctx, q, scanHash, selectHashes, indexes)
	if err != nil {
		return nil, fail(err, "read stored hashes")
	}
	found := make(map[int64][32]byte, len(rows))
	for _, r := range rows {
		found[r.idx] = r.hash
	}
	return storage.PickHashes(indexes, found)
}

// LogHashes implements storage.HashLog.
func (c *Catalog) LogHashes(ctx context.Context, indexes []int64) (out [][32]byte, err error) {
	err = c.read(ctx, "stored hashes", func(q queryer) error {
		out, err = logHashes(ctx, q, indexes)
		return err
	})
	return out, err
}

// LeafOf implements storage.HashLog.
func (c *Catalog) LeafOf(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error) {
	return readOne(ctx, c, "leaf", scanLeaf, selectLeaf+whereSubject, kind, subject)
}

// Logged implements storage.HashLog.
func (c *Catalog) Logged(ctx context.Context, kind lieciba.LeafKind, subjects []string) (map[string]bool, error) {
	found, err := readList(ctx, c, "leaves", pgx.RowTo[string], selectLogged, kind, subjects)
	if err != nil {
		return nil, err
	}
	logged := make(map[string]bool, len(found))
	for _, s := range found {
		logged[s] = true
	}
	return logged, nil
}

// Leaves implements storage.HashLog.
func (c *Catalog) Leaves(ctx context.Context, from, to int64) ([]lieciba.Leaf, error) {
	return readList(ctx, c, "leaves", scanLeaf, selectLeaf+whereLogged, from, to, maxPage)
}

// maxPage is how many leaves or checkpoints are read at once.
const maxPage = 1000

// StagedLeaves implements storage.HashLog.
func (c *Catalog) StagedLeaves(ctx context.Context) (n int, oldest time.Time, err error) {
	type waiting struct {
		n      int
		oldest time.Time
	}
	w, err := readOne(ctx, c, "leaves", func(r pgx.CollectableRow) (w waiting, err error) {
		err = r.Scan(&w.n, stamp{&w.oldest})
		return w, err
	}, selectWaiting)
	return w.n, w.oldest, err
}
