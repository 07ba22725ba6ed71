package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const recordingColumns = `id, session_id, camera_id, room_id, node_id, window_from, window_to, state, created_at`

func scanRecording(r pgx.CollectableRow) (m lieciba.Recording, err error) {
	err = r.Scan(&m.ID, &m.SessionID, &m.CameraID, &m.RoomID, &m.NodeID, stamp{&m.Window.From}, stamp{&m.Window.To},
		&m.State, stamp{&m.CreatedAt})
	return m, err
}

const selectRecording = `SELECT ` + recordingColumns + ` FROM recordings WHERE id = $1`

// EnsureRecording implements storage.Recordings.
func (c *Catalog) EnsureRecording(ctx context.Context, r lieciba.Recording) (out lieciba.Recording, err error) {
	err = c.write(ctx, "ensure a recording", func(tx pgx.Tx) error {
		_, err := execTx(ctx, tx, `INSERT INTO recordings (`+recordingColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (session_id, camera_id, room_id) DO NOTHING`,
			r.ID, r.SessionID, r.CameraID, r.RoomID, r.NodeID, ts(r.Window.From), ts(r.Window.To), r.State, ts(r.CreatedAt))
		if err != nil {
			return err
		}
		out, err = one(ctx, tx, "recording", scanRecording, `SELECT `+recordingColumns+` FROM recordings
			WHERE session_id = $1 AND camera_id = $2 AND room_id = $3`, r.SessionID, r.CameraID, r.RoomID)
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
		`SELECT `+recordingColumns+` FROM recordings WHERE session_id = $1 ORDER BY created_at, id`, s)
}

// ListRecordings implements storage.Recordings.
func (c *Catalog) ListRecordings(ctx context.Context, states ...lieciba.RecordingState) ([]lieciba.Recording, error) {
	var w where
	if len(states) > 0 {
		w.add("state = ANY (?)", texts(states))
	}
	return readList(ctx, c, "recordings", scanRecording,
		`SELECT `+recordingColumns+` FROM recordings`+w.sql()+` ORDER BY window_from, id`, w.args...)
}

// SetRecordingWindow implements storage.Recordings.
func (c *Catalog) SetRecordingWindow(ctx context.Context, id lieciba.RecordingID, w lieciba.Interval) error {
	if w.Empty() {
		return lieciba.Invalid("to", "a recording's window must end after it starts")
	}
	return c.write(ctx, "set the window of a recording", func(tx pgx.Tx) error {
		if _, err := openRecording(ctx, tx, id); err != nil {
			return err
		}
		_, err := execTx(ctx, tx, `UPDATE recordings SET window_from = $1, window_to = $2 WHERE id = $3`, ts(w.From), ts(w.To), id)
		return err
	})
}

// lockRecording reads a recording and keeps every other writer of it out.
func lockRecording(ctx context.Context, tx pgx.Tx, id lieciba.RecordingID) (lieciba.Recording, error) {
	return one(ctx, tx, "recording", scanRecording, selectRecording+` FOR NO KEY UPDATE`, id)
}

// openRecording locks a recording that may still change.
func openRecording(ctx context.Context, tx pgx.Tx, id lieciba.RecordingID) (lieciba.Recording, error) {
	r, err := lockRecording(ctx, tx, id)
	if err != nil {
		return r, err
	}
	return r, storage.CheckOpen(r.State)
}

// MoveRecording implements storage.Recordings.
func (c *Catalog) MoveRecording(ctx context.Context, id lieciba.RecordingID, to lieciba.RecordingState, node lieciba.NodeID) error {
	return c.write(ctx, "move a recording", func(tx pgx.Tx) error {
		r, err := lockRecording(ctx, tx, id)
		if err != nil {
			return err
		}
		unverified, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM segments WHERE recording_id = $1 AND state = 'hashed'`, id)
		if err != nil {
			return err
		}
		open, err := one(ctx, tx, "count", scanCount, `SELECT count(*) FROM gaps WHERE recording_id = $1 AND to_at IS NULL`, id)
		if err != nil {
			return err
		}
		next, err := storage.PlanMove(r, to, node, unverified, open)
		if err != nil {
			return err
		}
		if _, err := execTx(ctx, tx, `UPDATE recordings SET state = $1, node_id = $2 WHERE id = $3`, next.State, next.NodeID, id); err != nil {
			return err
		}
		return tell(ctx, tx, r.SessionID, storage.ToldOfMove(r, next, time.Now()))
	})
}

// setRecordingState is the move of a recording that is locked, by its seal or its deletion.
func setRecordingState(ctx context.Context, tx pgx.Tx, id lieciba.RecordingID, to lieciba.RecordingState) error {
	_, err := execTx(ctx, tx, `UPDATE recordings SET state = $1 WHERE id = $2`, to, id)
	return err
}

func scanCount(r pgx.CollectableRow) (n int, err error) {
	err = r.Scan(&n)
	return n, err
}

const runColumns = `id, recording_id, camera_id, node_id, started_at, format`

func scanRun(r pgx.CollectableRow) (u lieciba.Run, err error) {
	var format []byte
	err = r.Scan(&u.ID, &u.RecordingID, &u.CameraID, &u.NodeID, stamp{&u.StartedAt}, &format)
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
	return c.write(ctx, "put a run", func(tx pgx.Tx) error {
		rec, err := lockRecording(ctx, tx, r.RecordingID)
		if err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanRun, `SELECT `+runColumns+` FROM runs WHERE id = $1`, r.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatRun(stored[0], r)
		}
		if err := storage.CheckOpen(rec.State); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `INSERT INTO runs (`+runColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
			r.ID, r.RecordingID, r.CameraID, r.NodeID, ts(r.StartedAt), format)
		return err
	})
}

// Runs implements storage.Recordings.
func (c *Catalog) Runs(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Run, error) {
	return readList(ctx, c, "runs", scanRun, `SELECT `+runColumns+` FROM runs WHERE recording_id = $1 ORDER BY started_at, id`, rec)
}
