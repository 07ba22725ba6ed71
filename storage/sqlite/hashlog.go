package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const leafColumns = `idx, kind, subject, at, salt, commitment, detail`

func scanLeaf(r row) (l lieciba.Leaf, err error) {
	var idx sql.NullInt64
	var salt []byte
	err = r.Scan(&idx, &l.Kind, &l.Subject, micros{&l.At}, &salt, hash{&l.Commitment}, &l.Detail)
	l.Index = -1
	if idx.Valid {
		l.Index = idx.Int64
	}
	if err == nil && copy(l.Salt[:], salt) != len(l.Salt) {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "a stored salt has %d bytes", len(salt))
	}
	return l, err
}

const (
	selectLeaf  = `SELECT ` + leafColumns + ` FROM leaves `
	whereLeaf   = `WHERE kind = ? AND subject = ?`
	whereStaged = `WHERE idx IS NULL ORDER BY id LIMIT ?`
	whereLogged = `WHERE idx >= ? AND idx < ? ORDER BY idx LIMIT ?`

	// CROSS JOIN keeps its order: each value is one descent.
	selectLogged = `SELECT subject FROM json_each(?1) AS j CROSS JOIN leaves ON kind = ?2 AND subject = j.value WHERE idx IS NOT NULL`
	selectHashes = `SELECT idx, hash FROM json_each(?) AS j CROSS JOIN log_hashes ON idx = j.value`
	countStaged  = `SELECT count(*), min(at) FROM leaves WHERE idx IS NULL`

	// The leaves that selectLeaf + whereStaged gave get the next indexes, in that order.
	giveIndexes = `UPDATE leaves SET idx = ?1 + staged.n FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n
		FROM (SELECT id FROM leaves WHERE idx IS NULL ORDER BY id LIMIT ?2)) AS staged WHERE leaves.id = staged.id`
	// All hashes come as one value of 32 bytes each.
	insertHashes = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
		INSERT INTO log_hashes (idx, hash) SELECT ?3 + i, substr(?1, i * 32 + 1, 32) FROM n`
)

// StageLeaf implements storage.HashLog.
func (c *Catalog) StageLeaf(ctx context.Context, l lieciba.Leaf) error {
	return c.write(ctx, "stage a leaf", func(tx *sql.Tx) error { return stageLeaf(ctx, tx, l) })
}

func stageLeaf(ctx context.Context, tx *sql.Tx, l lieciba.Leaf) error {
	if err := storage.CheckLeaf(l); err != nil {
		return err
	}
	if err := evidence.CheckLeafRow(l); err != nil {
		return err
	}
	n, err := execTx(ctx, tx, `INSERT INTO leaves (kind, subject, at, salt, commitment, detail) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, subject) DO NOTHING`, l.Kind, l.Subject, us(l.At), l.Salt[:], l.Commitment[:], l.Detail)
	if err != nil || n > 0 {
		return err
	}
	stored, err := one(ctx, tx, "leaf", scanLeaf, selectLeaf+whereLeaf, l.Kind, l.Subject)
	if err != nil {
		return err
	}
	return storage.RepeatLeaf(stored, l)
}

// Sequence implements storage.HashLog: there is one writer, so every write excludes
// every other sequencer.
func (c *Catalog) Sequence(ctx context.Context, max int,
	decide func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error)) (n int, err error) {
	err = c.write(ctx, "sequence the evidence log", func(tx *sql.Tx) error {
		n = 0
		staged, err := list(ctx, tx, scanLeaf, selectLeaf+whereStaged, min(max, storage.MaxSequence))
		if err != nil || len(staged) == 0 {
			return err
		}
		head, err := logHead(ctx, tx)
		if err != nil {
			return err
		}
		next, err := decide(head, staged)
		if err != nil {
			return decided{err}
		}
		if err := storage.CheckSequenced(head.Checkpoint, len(staged), next); err != nil {
			return err
		}
		if err := storeSequenced(ctx, tx, head.Checkpoint.Size, len(staged), next); err != nil {
			return err
		}
		n = len(staged)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func logHead(ctx context.Context, tx *sql.Tx) (storage.LogHead, error) {
	newest, err := list(ctx, tx, scanCheckpoint, selectCheckpoint+newestCheckpoint)
	head := storage.LogHead{Hashes: func(indexes []int64) ([][32]byte, error) {
		h, err := logHashes(ctx, tx, indexes)
		return h, fail(err, "read the hashes of the evidence log")
	}}
	if len(newest) > 0 {
		head.Checkpoint = newest[0]
	}
	return head, err
}

func storeSequenced(ctx context.Context, tx *sql.Tx, size int64, n int, s storage.Sequenced) error {
	given, err := execTx(ctx, tx, giveIndexes, size, n)
	if err != nil {
		return err
	}
	if given != int64(n) {
		return lieciba.Errorf(lieciba.CodeInternal, "%d leaves got an index, not %d", given, n)
	}
	all := make([]byte, 0, 32*len(s.Hashes))
	for _, h := range s.Hashes {
		all = append(all, h[:]...)
	}
	if _, err := execTx(ctx, tx, insertHashes, all, len(s.Hashes), storage.FirstNewHash(size)); err != nil {
		return err
	}
	p := s.Checkpoint
	_, err = execTx(ctx, tx, `INSERT INTO checkpoints (`+checkpointColumns+`) VALUES (?, ?, ?, ?, ?)`, p.Size, p.Origin, p.Root[:], us(p.At), p.Note)
	return err
}

// LeafOf implements storage.HashLog.
func (c *Catalog) LeafOf(ctx context.Context, kind lieciba.LeafKind, subject string) (lieciba.Leaf, error) {
	return readOne(ctx, c, "leaf", scanLeaf, selectLeaf+whereLeaf, kind, subject)
}

// Logged implements storage.HashLog.
func (c *Catalog) Logged(ctx context.Context, kind lieciba.LeafKind, subjects []string) (map[string]bool, error) {
	found, err := readList(ctx, c, "leaves", scanText, selectLogged, jsonList(subjects), kind)
	if err != nil {
		return nil, err
	}
	logged := make(map[string]bool, len(found))
	for _, s := range found {
		logged[s] = true
	}
	return logged, nil
}

func scanText(r row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}

// Leaves implements storage.HashLog.
func (c *Catalog) Leaves(ctx context.Context, from, to int64) ([]lieciba.Leaf, error) {
	return readList(ctx, c, "leaves", scanLeaf, selectLeaf+whereLogged, from, to, storage.PageLimit(1000))
}

// StagedLeaves implements storage.HashLog.
func (c *Catalog) StagedLeaves(ctx context.Context) (n int, oldest time.Time, err error) {
	oldest, err = readOne(ctx, c, "leaves", func(r row) (t time.Time, err error) {
		err = r.Scan(&n, micros{&t})
		return t, err
	}, countStaged)
	return n, oldest, err
}

// LogHashes implements storage.HashLog.
func (c *Catalog) LogHashes(ctx context.Context, indexes []int64) ([][32]byte, error) {
	found, err := readList(ctx, c, "hashes of the evidence log", scanHash, selectHashes, jsonInts(indexes))
	if err != nil {
		return nil, err
	}
	return pickHashes(indexes, found)
}

func logHashes(ctx context.Context, q queryer, indexes []int64) ([][32]byte, error) {
	found, err := list(ctx, q, scanHash, selectHashes, jsonInts(indexes))
	if err != nil {
		return nil, err
	}
	return pickHashes(indexes, found)
}

// storedHash is one row of log_hashes.
type storedHash struct {
	idx  int64
	hash [32]byte
}

func scanHash(r row) (h storedHash, err error) {
	err = r.Scan(&h.idx, hash{&h.hash})
	return h, err
}

func pickHashes(indexes []int64, found []storedHash) ([][32]byte, error) {
	m := make(map[int64][32]byte, len(found))
	for _, h := range found {
		m[h.idx] = h.hash
	}
	return storage.PickHashes(indexes, m)
}

func jsonInts(list []int64) string {
	if len(list) == 0 {
		return "[]"
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // integers only
	}
	return string(b)
}
