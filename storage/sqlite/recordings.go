package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

const recordingColumns = `id, session_id, camera_id, room_id, node_id, window_from, window_to, state, created_at`

func scanRecording(r row) (m lieciba.Recording, err error) {
	err = r.Scan(&m.ID, &m.SessionID, &m.CameraID, &m.RoomID, &m.NodeID, micros{&m.Window.From}, micros{&m.Window.To},
		&m.State, micros{&m.CreatedAt})
	return m, err
}

const selectRecording = `SELECT ` + recordingColumns + ` FROM recordings WHERE id = ?`

// EnsureRecording implements storage.Recordings.
func (c *Catalog) EnsureRecording(ctx context.Context, r lieciba.Recording) (out lieciba.Recording, err error) {
	err = c.write(ctx, "ensure a recording", func(tx *sql.Tx) error {
		_, err := execTx(ctx, tx, `INSERT INTO recordings (`+recordingColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (session_id, camera_id, room_id) DO NOTHING`,
			r.ID, r.SessionID, r.CameraID, r.RoomID, r.NodeID, us(r.Window.From), us(r.Window.To), r.State, us(r.CreatedAt))
		if err != nil {
			return err
		}
		out, err = one(ctx, tx, "recording", scanRecording, `SELECT `+recordingColumns+` FROM recordings
			WHERE session_id = ? AND camera_id = ? AND room_id = ?`, r.SessionID, r.CameraID, r.RoomID)
		return err
	})
	return out, err
}

// Recording implements storage.Recordings.
func (c *Catalog) Recording(ctx context.Context, id lieciba.RecordingID) (lieciba.Recording, error) {
	return readOne(ctx, c, "recording", scanRecording, selectRecording, id)
}

// SessionRecordings implements storage.Recordings.
func (c *Catalog) SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error) {
	return readList(ctx, c, "recordings", scanRecording,
		`SELECT `+recordingColumns+` FROM recordings WHERE session_id = ? ORDER BY created_at, id`, s)
}

// ListRecordings implements storage.Recordings.
func (c *Catalog) ListRecordings(ctx context.Context, states ...lieciba.RecordingState) ([]lieciba.Recording, error) {
	var w where
	if len(states) > 0 {
		anyOf(&w, "state", states)
	}
	return readList(ctx, c, "recordings", scanRecording,
		`SELECT `+recordingColumns+` FROM recordings`+w.sql()+` ORDER BY window_from, id`, w.args...)
}

// SetRecordingWindow implements storage.Recordings.
func (c *Catalog) SetRecordingWindow(ctx context.Context, id lieciba.RecordingID, w lieciba.Interval) error {
	if w.Empty() {
		return lieciba.Invalid("to", "a recording's window must end after it starts")
	}
	return c.write(ctx, "set the window of a recording", func(tx *sql.Tx) error {
		if _, err := openRecording(ctx, tx, id); err != nil {
			return err
		}
		_, err := execTx(ctx, tx, `UPDATE recordings SET window_from = ?, window_to = ? WHERE id = ?`, us(w.From), us(w.To), id)
		return err
	})
}

// openRecording reads a recording that may still change.
func openRecording(ctx context.Context, tx *sql.Tx, id lieciba.RecordingID) (lieciba.Recording, error) {
	r, err := one(ctx, tx, "recording", scanRecording, selectRecording, id)
	if err != nil {
		return r, err
	}
	return r, storage.CheckOpen(r.State)
}

// MoveRecording implements storage.Recordings.
func (c *Catalog) MoveRecording(ctx context.Context, id lieciba.RecordingID, to lieciba.RecordingState, node lieciba.NodeID) error {
	return c.write(ctx, "move a recording", func(tx *sql.Tx) error {
		r, err := one(ctx, tx, "recording", scanRecording, selectRecording, id)
		if err != nil {
			return err
		}
		unverified, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM segments WHERE recording_id = ? AND state = 'hashed'`, id)
		if err != nil {
			return err
		}
		open, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM gaps WHERE recording_id = ? AND to_at IS NULL`, id)
		if err != nil {
			return err
		}
		next, err := storage.PlanMove(r, to, node, unverified, open)
		if err != nil {
			return err
		}
		if _, err := execTx(ctx, tx, `UPDATE recordings SET state = ?, node_id = ? WHERE id = ?`, next.State, next.NodeID, id); err != nil {
			return err
		}
		return tell(ctx, tx, r.SessionID, storage.ToldOfMove(r, next, c.now()))
	})
}

func scanCount(r row) (n int, err error) {
	err = r.Scan(&n)
	return n, err
}

const runColumns = `id, recording_id, camera_id, node_id, started_at, format`

func scanRun(r row) (u lieciba.Run, err error) {
	var format []byte
	err = r.Scan(&u.ID, &u.RecordingID, &u.CameraID, &u.NodeID, micros{&u.StartedAt}, &format)
	if err == nil {
		u.Format, err = storage.DecodeFormat(format)
	}
	return u, err
}

// PutRun implements storage.Recordings.
func (c *Catalog) PutRun(ctx context.Context, r lieciba.Run) error {
	format, err := storage.EncodeFormat(r.Format)
	if err != nil {
		return err
	}
	return c.write(ctx, "put a run", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanRun, `SELECT `+runColumns+` FROM runs WHERE id = ?`, r.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatRun(stored[0], r)
		}
		if _, err := openRecording(ctx, tx, r.RecordingID); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `INSERT INTO runs (`+runColumns+`) VALUES (?, ?, ?, ?, ?, ?)`,
			r.ID, r.RecordingID, r.CameraID, r.NodeID, us(r.StartedAt), format)
		return err
	})
}

// Runs implements storage.Recordings.
func (c *Catalog) Runs(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Run, error) {
	return readList(ctx, c, "runs", scanRun, `SELECT `+runColumns+` FROM runs WHERE recording_id = ? ORDER BY started_at, id`, rec)
}
