package sqlite

import (
	"context"

	"lieciba"
	"lieciba/storage"
)

const checkpointColumns = `size, origin, root, at, note`

func scanCheckpoint(r row) (p lieciba.Checkpoint, err error) {
	err = r.Scan(&p.Size, &p.Origin, hash{&p.Root}, micros{&p.At}, &p.Note)
	return p, err
}

const (
	selectCheckpoint = `SELECT ` + checkpointColumns + ` FROM checkpoints `
	newestCheckpoint = `ORDER BY size DESC LIMIT 1`
	laterCheckpoints = `WHERE size > ? ORDER BY size LIMIT ?`

	cosignatureColumns = `size, witness, at, line`
	// Each witness is one descent, however many cosignatures it gave.
	newestCosignatures = `WITH RECURSIVE w (name) AS (SELECT min(witness) FROM cosignatures
		UNION ALL SELECT (SELECT min(witness) FROM cosignatures WHERE witness > name) FROM w WHERE name IS NOT NULL)
		SELECT ` + cosignatureColumns + ` FROM w JOIN cosignatures ON witness = name
		AND size = (SELECT max(size) FROM cosignatures WHERE witness = name) ORDER BY witness`
)

// NewestCheckpoint implements storage.HashLog.
func (c *Catalog) NewestCheckpoint(ctx context.Context) (lieciba.Checkpoint, error) {
	return readOne(ctx, c, "checkpoint", scanCheckpoint, selectCheckpoint+newestCheckpoint)
}

// Checkpoints implements storage.HashLog.
func (c *Catalog) Checkpoints(ctx context.Context, after int64) ([]lieciba.Checkpoint, error) {
	return readList(ctx, c, "checkpoints", scanCheckpoint, selectCheckpoint+laterCheckpoints, after, storage.PageLimit(1000))
}

func scanCosignature(r row) (s lieciba.Cosignature, err error) {
	err = r.Scan(&s.Size, &s.Witness, micros{&s.At}, &s.Line)
	return s, err
}

// PutCosignature implements storage.HashLog.
func (c *Catalog) PutCosignature(ctx context.Context, s lieciba.Cosignature) error {
	_, err := c.exec(ctx, "put a cosignature", `INSERT INTO cosignatures (`+cosignatureColumns+`) VALUES (?, ?, ?, ?)
		ON CONFLICT (size, witness) DO NOTHING`, s.Size, s.Witness, us(s.At), s.Line)
	return err
}

// Cosignatures implements storage.HashLog.
func (c *Catalog) Cosignatures(ctx context.Context, size int64) ([]lieciba.Cosignature, error) {
	return readList(ctx, c, "cosignatures", scanCosignature,
		`SELECT `+cosignatureColumns+` FROM cosignatures WHERE size = ? ORDER BY witness`, size)
}

// NewestCosignatures implements storage.HashLog.
func (c *Catalog) NewestCosignatures(ctx context.Context) ([]lieciba.Cosignature, error) {
	return readList(ctx, c, "cosignatures", scanCosignature, newestCosignatures)
}

// PutTimeStamp implements storage.HashLog.
func (c *Catalog) PutTimeStamp(ctx context.Context, t lieciba.TimeStamp) error {
	_, err := c.exec(ctx, "put a time stamp", `INSERT INTO time_stamps (size, authority, at, token) VALUES (?, ?, ?, ?)
		ON CONFLICT (size, authority) DO NOTHING`, t.Size, t.Authority, us(t.At), t.Token)
	return err
}

// TimeStamps implements storage.HashLog.
func (c *Catalog) TimeStamps(ctx context.Context, size int64) ([]lieciba.TimeStamp, error) {
	scan := func(r row) (t lieciba.TimeStamp, err error) {
		err = r.Scan(&t.Size, &t.Authority, micros{&t.At}, &t.Token)
		return t, err
	}
	return readList(ctx, c, "time stamps", scan, `SELECT size, authority, at, token FROM time_stamps WHERE size = ? ORDER BY authority`, size)
}
