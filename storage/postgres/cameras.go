package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const cameraColumns = `id, site_id, name, address, onvif, device_url, endpoint_ref, maker, model, firmware, serial,
	snapshot_url, streams, tls_pin, purpose, legal_basis, state, clock_offset, created_at`

func scanCamera(r pgx.CollectableRow) (c lieciba.Camera, err error) {
	var streams []byte
	err = r.Scan(&c.ID, &c.SiteID, &c.Name, &c.Address, &c.ONVIF, &c.DeviceURL, &c.EndpointRef, &c.Maker, &c.Model,
		&c.Firmware, &c.Serial, &c.SnapshotURL, &streams, &c.TLSPin, &c.Purpose, &c.LegalBasis, &c.State,
		span{&c.ClockOffset}, stamp{&c.CreatedAt})
	if err == nil {
		c.Streams, err = storage.DecodeStreams(streams)
	}
	return c, err
}

// PutCamera implements storage.Cameras. The sealed credentials stay.
func (c *Catalog) PutCamera(ctx context.Context, m lieciba.Camera) error {
	streams, err := storage.EncodeStreams(m.Streams)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "put a camera", `INSERT INTO cameras (`+cameraColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, name = excluded.name, address = excluded.address,
			onvif = excluded.onvif, device_url = excluded.device_url, endpoint_ref = excluded.endpoint_ref,
			maker = excluded.maker, model = excluded.model, firmware = excluded.firmware, serial = excluded.serial,
			snapshot_url = excluded.snapshot_url, streams = excluded.streams, tls_pin = excluded.tls_pin,
			purpose = excluded.purpose, legal_basis = excluded.legal_basis, state = excluded.state,
			clock_offset = excluded.clock_offset, created_at = excluded.created_at`,
		m.ID, m.SiteID, m.Name, m.Address, m.ONVIF, m.DeviceURL, m.EndpointRef, m.Maker, m.Model, m.Firmware, m.Serial,
		m.SnapshotURL, streams, m.TLSPin, m.Purpose, m.LegalBasis, m.State, m.ClockOffset.Microseconds(), ts(m.CreatedAt))
	return err
}

// Camera implements storage.Cameras.
func (c *Catalog) Camera(ctx context.Context, id lieciba.CameraID) (lieciba.Camera, error) {
	return readOne(ctx, c, "camera", scanCamera, `SELECT `+cameraColumns+` FROM cameras WHERE id = $1`+c.keep(ctx), id)
}

// ListCameras implements storage.Cameras.
func (c *Catalog) ListCameras(ctx context.Context, site lieciba.SiteID) ([]lieciba.Camera, error) {
	if site == "" {
		return readList(ctx, c, "cameras", scanCamera, `SELECT `+cameraColumns+` FROM cameras ORDER BY name, id`+c.keep(ctx))
	}
	return readList(ctx, c, "cameras", scanCamera, `SELECT `+cameraColumns+` FROM cameras WHERE site_id = $1 ORDER BY name, id`+c.keep(ctx), site)
}

// SetCameraState implements storage.Cameras.
func (c *Catalog) SetCameraState(ctx context.Context, id lieciba.CameraID, state lieciba.CameraState, offset time.Duration) error {
	return c.setCamera(ctx, "set the state of a camera", `UPDATE cameras SET state = $1, clock_offset = $2 WHERE id = $3`,
		state, offset.Microseconds(), id)
}

// SetCameraSecret implements storage.Cameras.
func (c *Catalog) SetCameraSecret(ctx context.Context, id lieciba.CameraID, sealed []byte) error {
	var secret any // an untyped nil is NULL
	if len(sealed) > 0 {
		secret = sealed
	}
	return c.setCamera(ctx, "set the credentials of a camera", `UPDATE cameras SET secret = $1 WHERE id = $2`, secret, id)
}

func (c *Catalog) setCamera(ctx context.Context, what, query string, args ...any) error {
	n, err := c.exec(ctx, what, query, args...)
	if err == nil && n == 0 {
		err = orMissing(nil, "camera")
	}
	return err
}

// CameraSecret implements storage.Cameras.
func (c *Catalog) CameraSecret(ctx context.Context, id lieciba.CameraID) ([]byte, error) {
	scan := func(r pgx.CollectableRow) ([]byte, error) {
		var b []byte
		err := r.Scan(&b)
		return b, err
	}
	return readOne(ctx, c, "camera", scan, `SELECT secret FROM cameras WHERE id = $1`, id)
}

const assignmentColumns = `camera_id, room_id, from_at, to_at`

func scanAssignment(r pgx.CollectableRow) (a lieciba.CameraAssignment, err error) {
	err = r.Scan(&a.CameraID, &a.RoomID, stamp{&a.From}, stamp{&a.To})
	return a, err
}

// AssignCamera implements storage.Cameras.
func (c *Catalog) AssignCamera(ctx context.Context, a lieciba.CameraAssignment) error {
	a.From, a.To = lieciba.Micro(a.From), lieciba.Micro(a.To)
	return c.write(ctx, "assign a camera", func(tx pgx.Tx) error {
		if _, err := one(ctx, tx, "camera", scanID[lieciba.CameraID], `SELECT id FROM cameras WHERE id = $1 FOR NO KEY UPDATE`, a.CameraID); err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanAssignment, `SELECT `+assignmentColumns+` FROM assignments
			WHERE camera_id = $1 AND (to_at IS NULL OR to_at > $2) ORDER BY from_at`, a.CameraID, ts(a.From))
		if err != nil {
			return err
		}
		plan, err := storage.PlanAssignment(stored, a)
		if err != nil {
			return err
		}
		return applyAssignment(ctx, tx, a.CameraID, plan)
	})
}

func applyAssignment(ctx context.Context, tx pgx.Tx, id lieciba.CameraID, plan storage.AssignmentPlan) error {
	if p := plan.Remove; p != nil {
		if _, err := execTx(ctx, tx, `DELETE FROM assignments WHERE camera_id = $1 AND from_at = $2`, id, ts(p.From)); err != nil {
			return err
		}
	}
	if p := plan.End; p != nil {
		if _, err := execTx(ctx, tx, `UPDATE assignments SET to_at = $1 WHERE camera_id = $2 AND from_at = $3`, ts(p.To), id, ts(p.From)); err != nil {
			return err
		}
	}
	if p := plan.Insert; p != nil {
		_, err := execTx(ctx, tx, `INSERT INTO assignments (`+assignmentColumns+`) VALUES ($1, $2, $3, $4)`,
			p.CameraID, p.RoomID, ts(p.From), orNull(p.To))
		return err
	}
	return nil
}

// Assignments implements storage.Cameras.
func (c *Catalog) Assignments(ctx context.Context, room lieciba.RoomID, span lieciba.Interval) ([]lieciba.CameraAssignment, error) {
	b := storage.Bounds(span)
	var w where
	w.add("from_at < ?", ts(b.To))
	w.add("(to_at IS NULL OR to_at > ?)", ts(b.From))
	if room != "" {
		w.add("room_id = ?", room)
	}
	return readList(ctx, c, "assignments", scanAssignment,
		`SELECT `+assignmentColumns+` FROM assignments`+w.sql()+` ORDER BY camera_id, from_at`, w.args...)
}

func scanID[T ~string](r pgx.CollectableRow) (id T, err error) {
	err = r.Scan(&id)
	return id, err
}
