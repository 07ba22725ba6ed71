package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
)

const checkpointColumns = `size, origin, root, at, note`

func scanCheckpoint(r pgx.CollectableRow) (p lieciba.Checkpoint, err error) {
	err = r.Scan(&p.Size, &p.Origin, hash{&p.Root}, stamp{&p.At}, &p.Note)
	return p, err
}

// NewestCheckpoint implements storage.HashLog.
func (c *Catalog) NewestCheckpoint(ctx context.Context) (lieciba.Checkpoint, error) {
	return readOne(ctx, c, "checkpoint", scanCheckpoint, selectNewest)
}

const selectCheckpoints = `SELECT ` + checkpointColumns + ` FROM checkpoints WHERE size > $1 ORDER BY size LIMIT $2`

// Checkpoints implements storage.HashLog.
func (c *Catalog) Checkpoints(ctx context.Context, after int64) ([]lieciba.Checkpoint, error) {
	return readList(ctx, c, "checkpoints", scanCheckpoint, selectCheckpoints, after, maxPage)
}

const cosignatureColumns = `size, witness, at, line`

func scanCosignature(r pgx.CollectableRow) (s lieciba.Cosignature, err error) {
	err = r.Scan(&s.Size, &s.Witness, stamp{&s.At}, &s.Line)
	return s, err
}

// PutCosignature implements storage.HashLog.
func (c *Catalog) PutCosignature(ctx context.Context, s lieciba.Cosignature) error {
	_, err := c.exec(ctx, "put a cosignature", `INSERT INTO cosignatures (`+cosignatureColumns+`) VALUES ($1, $2, $3, $4)
		ON CONFLICT (size, witness) DO NOTHING`, s.Size, s.Witness, ts(s.At), s.Line)
	return err
}

// Cosignatures implements storage.HashLog.
func (c *Catalog) Cosignatures(ctx context.Context, size int64) ([]lieciba.Cosignature, error) {
	return readList(ctx, c, "cosignatures", scanCosignature,
		`SELECT `+cosignatureColumns+` FROM cosignatures WHERE size = $1 ORDER BY witness`, size)
}

// NewestCosignatures implements storage.HashLog.
func (c *Catalog) NewestCosignatures(ctx context.Context) ([]lieciba.Cosignature, error) {
	return readList(ctx, c, "cosignatures", scanCosignature, newestCosignatures)
}

// One descent of the index a witness: there are few of them and many cosignatures.
const newestCosignatures = `WITH RECURSIVE w AS (
		(SELECT witness FROM cosignatures ORDER BY witness LIMIT 1)
		UNION ALL
		SELECT (SELECT s.witness FROM cosignatures s WHERE s.witness > w.witness ORDER BY s.witness LIMIT 1) FROM w WHERE w.witness IS NOT NULL)
	SELECT s.* FROM w CROSS JOIN LATERAL
		(SELECT ` + cosignatureColumns + ` FROM cosignatures c WHERE c.witness = w.witness ORDER BY c.size DESC LIMIT 1) s ORDER BY s.witness`

const timeStampColumns = `size, authority, at, token`

func scanTimeStamp(r pgx.CollectableRow) (t lieciba.TimeStamp, err error) {
	err = r.Scan(&t.Size, &t.Authority, stamp{&t.At}, &t.Token)
	return t, err
}

// PutTimeStamp implements storage.HashLog.
func (c *Catalog) PutTimeStamp(ctx context.Context, t lieciba.TimeStamp) error {
	_, err := c.exec(ctx, "put a time stamp", `INSERT INTO time_stamps (`+timeStampColumns+`) VALUES ($1, $2, $3, $4)
		ON CONFLICT (size, authority) DO NOTHING`, t.Size, t.Authority, ts(t.At), t.Token)
	return err
}

// TimeStamps implements storage.HashLog.
func (c *Catalog) TimeStamps(ctx context.Context, size int64) ([]lieciba.TimeStamp, error) {
	return readList(ctx, c, "time stamps", scanTimeStamp,
		`SELECT `+timeStampColumns+` FROM time_stamps WHERE size = $1 ORDER BY authority`, size)
}
