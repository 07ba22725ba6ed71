package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
)

const cameraColumns = `id, site_id, name, address, onvif, device_url, endpoint_ref, maker, model, firmware, serial,
	snapshot_url, streams, tls_pin, purpose, legal_basis, state, clock_offset, created_at`

func scanCamera(r row) (c lieciba.Camera, err error) {
	var streams []byte
	err = r.Scan(&c.ID, &c.SiteID, &c.Name, &c.Address, &c.ONVIF, &c.DeviceURL, &c.EndpointRef, &c.Maker, &c.Model,
		&c.Firmware, &c.Serial, &c.SnapshotURL, &streams, &c.TLSPin, &c.Purpose, &c.LegalBasis, &c.State,
		span{&c.ClockOffset}, micros{&c.CreatedAt})
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
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET site_id = excluded.site_id, name = excluded.name, address = excluded.address,
			onvif = excluded.onvif, device_url = excluded.device_url, endpoint_ref = excluded.endpoint_ref,
			maker = excluded.maker, model = excluded.model, firmware = excluded.firmware, serial = excluded.serial,
			snapshot_url = excluded.snapshot_url, streams = excluded.streams, tls_pin = excluded.tls_pin,
			purpose = excluded.purpose, legal_basis = excluded.legal_basis, state = excluded.state,
			clock_offset = excluded.clock_offset, created_at = excluded.created_at`,
		m.ID, m.SiteID, m.Name, m.Address, m.ONVIF, m.DeviceURL, m.EndpointRef, m.Maker, m.Model, m.Firmware, m.Serial,
		m.SnapshotURL, streams, m.TLSPin, m.Purpose, m.LegalBasis, m.State, m.ClockOffset.Microseconds(), us(m.CreatedAt))
	return err
}

// Camera implements storage.Cameras.
func (c *Catalog) Camera(ctx context.Context, id lieciba.CameraID) (lieciba.Camera, error) {
	return readOne(ctx, c, "camera", scanCamera, `SELECT `+cameraColumns+` FROM cameras WHERE id = ?`, id)
}

// ListCameras implements storage.Cameras.
func (c *Catalog) ListCameras(ctx context.Context, site lieciba.SiteID) ([]lieciba.Camera, error) {
	if site == "" {
		return readList(ctx, c, "cameras", scanCamera, `SELECT `+cameraColumns+` FROM cameras ORDER BY name, id`)
	}
	return readList(ctx, c, "cameras", scanCamera, `SELECT `+cameraColumns+` FROM cameras WHERE site_id = ? ORDER BY name, id`, site)
}

// SetCameraState implements storage.Cameras.
func (c *Catalog) SetCameraState(ctx context.Context, id lieciba.CameraID, state lieciba.CameraState, offset time.Duration) error {
	return c.setCamera(ctx, "set the state of a camera", `UPDATE cameras SET state = ?, clock_offset = ? WHERE id = ?`,
		state, offset.Microseconds(), id)
}

// SetCameraSecret implements storage.Cameras.
func (c *Catalog) SetCameraSecret(ctx context.Context, id lieciba.CameraID, sealed []byte) error {
	var secret any // an untyped nil is NULL
	if len(sealed) > 0 {
		secret = sealed
	}
	return c.setCamera(ctx, "set the credentials of a camera", `UPDATE cameras SET secret = ? WHERE id = ?`, secret, id)
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
	scan := func(r row) ([]byte, error) {
		var b []byte
		err := r.Scan(&b)
		return b, err
	}
	return readOne(ctx, c, "camera", scan, `SELECT secret FROM cameras WHERE id = ?`, id)
}

const assignmentColumns = `camera_id, room_id, from_at, to_at`

func scanAssignment(r row) (a lieciba.CameraAssignment, err error) {
	err = r.Scan(&a.CameraID, &a.RoomID, micros{&a.From}, micros{&a.To})
	return a, err
}

// AssignCamera implements storage.Cameras.
func (c *Catalog) AssignCamera(ctx context.Context, a lieciba.CameraAssignment) error {
	a.From, a.To = lieciba.Micro(a.From), lieciba.Micro(a.To)
	return c.write(ctx, "assign a camera", func(tx *sql.Tx) error {
		if _, err := one(ctx, tx, "camera", scanID[lieciba.CameraID], `SELECT id FROM cameras WHERE id = ?`, a.CameraID); err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanAssignment, `SELECT `+assignmentColumns+` FROM assignments
			WHERE camera_id = ? AND (to_at IS NULL OR to_at > ?) ORDER BY from_at`, a.CameraID, us(a.From))
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

func applyAssignment(ctx context.Context, tx *sql.Tx, id lieciba.CameraID, plan storage.AssignmentPlan) error {
	if p := plan.Remove; p != nil {
		if _, err := execTx(ctx, tx, `DELETE FROM assignments WHERE camera_id = ? AND from_at = ?`, id, us(p.From)); err != nil {
			return err
		}
	}
	if p := plan.End; p != nil {
		if _, err := execTx(ctx, tx, `UPDATE assignments SET to_at = ? WHERE camera_id = ? AND from_at = ?`, us(p.To), id, us(p.From)); err != nil {
			return err
		}
	}
	if p := plan.Insert; p != nil {
		_, err := execTx(ctx, tx, `INSERT INTO assignments (`+assignmentColumns+`) VALUES (?, ?, ?, ?)`,
			p.CameraID, p.RoomID, us(p.From), usOrNull(p.To))
		return err
	}
	return nil
}

// Assignments implements storage.Cameras.
func (c *Catalog) Assignments(ctx context.Context, room lieciba.RoomID, span lieciba.Interval) ([]lieciba.CameraAssignment, error) {
	b := storage.Bounds(span)
	where, args := `from_at < ? AND (to_at IS NULL OR to_at > ?)`, []any{us(b.To), us(b.From)}
	if room != "" {
		where, args = `room_id = ? AND `+where, append([]any{room}, args...)
	}
	return readList(ctx, c, "assignments", scanAssignment,
		`SELECT `+assignmentColumns+` FROM assignments WHERE `+where+` ORDER BY camera_id, from_at`, args...)
}

func scanID[T ~string](r row) (id T, err error) {
	err = r.Scan(&id)
	return id, err
}
