package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
)

const leaseColumns = `camera_id, node_id, expires_at`

func scanLease(r pgx.CollectableRow) (l lieciba.Lease, err error) {
	err = r.Scan(&l.CameraID, &l.NodeID, stamp{&l.ExpiresAt})
	return l, err
}

// AcquireLease implements storage.Leases. clock_timestamp() is read when the row
// is locked, however long that took; now() would be the transaction's start.
func (c *Catalog) AcquireLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID, ttl time.Duration) (lease lieciba.Lease, granted bool, err error) {
	err = c.write(ctx, "acquire a lease", func(tx pgx.Tx) error {
		taken, err := list(ctx, tx, scanLease, `INSERT INTO leases (`+leaseColumns+`)
			VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
			ON CONFLICT (camera_id) DO UPDATE SET node_id = excluded.node_id, expires_at = clock_timestamp() + $3 * interval '1 microsecond'
			WHERE leases.node_id = excluded.node_id OR leases.expires_at <= clock_timestamp()
			RETURNING `+leaseColumns, camera, node, ttl.Microseconds())
		if err != nil {
			return err
		}
		if granted = len(taken) > 0; granted {
			lease = taken[0]
			return nil
		}
		// The row stays locked by the statement above: it cannot vanish in between.
		lease, err = one(ctx, tx, "lease", scanLease, `SELECT `+leaseColumns+` FROM leases WHERE camera_id = $1`, camera)
		return err
	})
	return lease, granted && err == nil, err
}

// ReleaseLease implements storage.Leases.
func (c *Catalog) ReleaseLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID) error {
	_, err := c.exec(ctx, "release a lease", `DELETE FROM leases WHERE camera_id = $1 AND node_id = $2`, camera, node)
	return err
}

// Beat implements storage.Leases.
func (c *Catalog) Beat(ctx context.Context, node lieciba.NodeID, at time.Time) error {
	_, err := c.exec(ctx, "beat", `INSERT INTO beats (node_id, at) VALUES ($1, $2)
		ON CONFLICT (node_id) DO UPDATE SET at = greatest(beats.at, excluded.at)`, node, ts(at))
	return err
}

// LastBeat implements storage.Leases.
func (c *Catalog) LastBeat(ctx context.Context, node lieciba.NodeID) (time.Time, error) {
	scan := func(r pgx.CollectableRow) (t time.Time, err error) {
		err = r.Scan(stamp{&t})
		return t, err
	}
	t, err := readOne(ctx, c, "beat", scan, `SELECT at FROM beats WHERE node_id = $1`, node)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return time.Time{}, nil
	}
	return t, err
}
