package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const incidentColumns = `id, session_id, camera_id, at, seat, kind, note, follows, step, who, who_id, recorded_at`

func scanIncident(r row) (i lieciba.Incident, err error) {
	err = r.Scan(&i.ID, &i.SessionID, text[lieciba.CameraID]{&i.CameraID}, micros{&i.At}, &i.Seat, &i.Kind, &i.Note,
		text[lieciba.IncidentID]{&i.Follows}, &i.Step, &i.By, &i.ByID, micros{&i.RecordedAt})
	return i, err
}

const (
	selectIncident = `SELECT ` + incidentColumns + ` FROM incidents WHERE id = ?`
	whereIncidents = `SELECT ` + incidentColumns + ` FROM incidents WHERE session_id = ? ORDER BY recorded_at, id`
)

// AddIncident implements storage.Incidents.
func (c *Catalog) AddIncident(ctx context.Context, i lieciba.Incident) error {
	i = storage.MicroIncident(i)
	if err := storage.CheckIncident(i); err != nil {
		return err
	}
	return c.write(ctx, "add an incident", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanIncident, selectIncident, i.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatIncident(stored[0], i)
		}
		if i.Follows != "" {
			first, err := list(ctx, tx, scanIncident, selectIncident, i.Follows)
			if err != nil {
				return err
			}
			if err := storage.FollowsIncident(firstOf(first), i); err != nil {
				return err
			}
		}
		_, err = execTx(ctx, tx, `INSERT INTO incidents (`+incidentColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			i.ID, i.SessionID, idOrNull(i.CameraID), us(i.At), i.Seat, i.Kind, i.Note, idOrNull(i.Follows), i.Step, i.By, i.ByID, us(i.RecordedAt))
		if err != nil {
			return err
		}
		return stageLeaf(ctx, tx, evidence.LeafOfIncident(i))
	})
}

// firstOf is nil for an empty list.
func firstOf[T any](list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// Incident implements storage.Incidents.
func (c *Catalog) Incident(ctx context.Context, id lieciba.IncidentID) (lieciba.Incident, error) {
	return readOne(ctx, c, "incident", scanIncident, selectIncident, id)
}

// SessionIncidents implements storage.Incidents.
func (c *Catalog) SessionIncidents(ctx context.Context, s lieciba.SessionID) ([]lieciba.Incident, error) {
	return readList(ctx, c, "incidents", scanIncident, whereIncidents, s)
}

const partEventColumns = `id, session_id, part_id, step, at, corrects, void, note, who, who_id, recorded_at`

func scanPartEvent(r row) (e lieciba.PartEvent, err error) {
	err = r.Scan(&e.ID, &e.SessionID, &e.PartID, &e.Step, micros{&e.At}, text[lieciba.PartEventID]{&e.Corrects}, &e.Void, &e.Note,
		&e.By, &e.ByID, micros{&e.RecordedAt})
	return e, err
}

const wherePartEvents = `SELECT ` + partEventColumns + ` FROM part_events WHERE session_id = ? ORDER BY recorded_at, id`

// AddPartEvent implements storage.PartEvents. decide must not call the Catalog.
func (c *Catalog) AddPartEvent(ctx context.Context, id lieciba.SessionID,
	decide func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error)) error {
	return c.write(ctx, "add a part event", func(tx *sql.Tx) error {
		s, err := one(ctx, tx, "session", scanSession, selectSession, id)
		if err != nil {
			return err
		}
		events, err := list(ctx, tx, scanPartEvent, wherePartEvents, id)
		if err != nil {
			return err
		}
		next, err := decide(s, events)
		if err != nil {
			return decided{err}
		}
		if next == nil {
			return nil
		}
		e := storage.MicroPartEvent(*next)
		if write, err := storage.PlanPartEvent(s, events, e); err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `INSERT INTO part_events (`+partEventColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, e.SessionID, e.PartID, e.Step, us(e.At), idOrNull(e.Corrects), e.Void, e.Note, e.By, e.ByID, us(e.RecordedAt))
		if err != nil {
			return err
		}
		return stageLeaf(ctx, tx, evidence.LeafOfPart(e))
	})
}

// SessionPartEvents implements storage.PartEvents.
func (c *Catalog) SessionPartEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.PartEvent, error) {
	return readList(ctx, c, "part events", scanPartEvent, wherePartEvents, s)
}
