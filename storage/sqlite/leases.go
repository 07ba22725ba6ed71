package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
)

const leaseColumns = `camera_id, node_id, expires_at`

func scanLease(r row) (l lieciba.Lease, err error) {
	err = r.Scan(&l.CameraID, &l.NodeID, micros{&l.ExpiresAt})
	return l, err
}

// AcquireLease implements storage.Leases.
func (c *Catalog) AcquireLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID, ttl time.Duration) (lease lieciba.Lease, granted bool, err error) {
	err = c.write(ctx, "acquire a lease", func(tx *sql.Tx) error {
		now := c.now() // read inside of the transaction, which may have waited
		n, err := execTx(ctx, tx, `INSERT INTO leases (`+leaseColumns+`) VALUES (?, ?, ?)
			ON CONFLICT (camera_id) DO UPDATE SET node_id = excluded.node_id, expires_at = excluded.expires_at
			WHERE leases.node_id = excluded.node_id OR leases.expires_at <= ?`, camera, node, us(now.Add(ttl)), us(now))
		if err != nil {
			return err
		}
		granted = n > 0
		lease, err = one(ctx, tx, "lease", scanLease, `SELECT `+leaseColumns+` FROM leases WHERE camera_id = ?`, camera)
		return err
	})
	return lease, granted && err == nil, err
}

// ReleaseLease implements storage.Leases.
func (c *Catalog) ReleaseLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID) error {
	_, err := c.exec(ctx, "release a lease", `DELETE FROM leases WHERE camera_id = ? AND node_id = ?`, camera, node)
	return err
}

// Beat implements storage.Leases.
func (c *Catalog) Beat(ctx context.Context, node lieciba.NodeID, at time.Time) error {
	_, err := c.exec(ctx, "beat", `INSERT INTO beats (node_id, at) VALUES (?, ?)
		ON CONFLICT (node_id) DO UPDATE SET at = max(beats.at, excluded.at)`, node, us(at))
	return err
}

// LastBeat implements storage.Leases.
func (c *Catalog) LastBeat(ctx context.Context, node lieciba.NodeID) (time.Time, error) {
	scan := func(r row) (t time.Time, err error) {
		err = r.Scan(micros{&t})
		return t, err
	}
	t, err := readOne(ctx, c, "beat", scan, `SELECT at FROM beats WHERE node_id = ?`, node)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return time.Time{}, nil
	}
	return t, err
}
