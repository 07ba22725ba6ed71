package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const incidentColumns = `id, session_id, camera_id, at, seat, kind, note, follows, step, who, who_id, recorded_at`

func scanIncident(r pgx.CollectableRow) (i lieciba.Incident, err error) {
	err = r.Scan(&i.ID, &i.SessionID, orEmpty[lieciba.CameraID]{&i.CameraID}, stamp{&i.At}, &i.Seat, &i.Kind, &i.Note,
		orEmpty[lieciba.IncidentID]{&i.Follows}, &i.Step, &i.By, &i.ByID, stamp{&i.RecordedAt})
	return i, err
}

const (
	selectIncident   = `SELECT ` + incidentColumns + ` FROM incidents WHERE id = $1`
	sessionIncidents = `SELECT ` + incidentColumns + ` FROM incidents WHERE session_id = $1 ORDER BY recorded_at, id`
)

// AddIncident implements storage.Incidents. Rows never change, so what it read
// before its insert holds still; two that add the same row wait for each other there.
func (c *Catalog) AddIncident(ctx context.Context, i lieciba.Incident) error {
	i = storage.MicroIncident(i)
	if err := storage.CheckIncident(i); err != nil {
		return err
	}
	return c.write(ctx, "add an incident", func(tx pgx.Tx) error {
		if i.Follows != "" {
			before, err := first(ctx, tx, scanIncident, selectIncident, i.Follows)
			if err != nil {
				return err
			}
			if err := storage.FollowsIncident(before, i); err != nil {
				return err
			}
		}
		n, err := execTx(ctx, tx, `INSERT INTO incidents (`+incidentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO NOTHING`, i.ID, i.SessionID, idOrNull(i.CameraID), ts(i.At), i.Seat, i.Kind, i.Note, idOrNull(i.Follows),
			i.Step, i.By, i.ByID, ts(i.RecordedAt))
		if err != nil {
			return err
		}
		if n > 0 {
			return stageLeaf(ctx, tx, evidence.LeafOfIncident(i))
		}
		stored, err := one(ctx, tx, "incident", scanIncident, selectIncident, i.ID)
		if err != nil {
			return err
		}
		return storage.RepeatIncident(stored, i)
	})
}

// Incident implements storage.Incidents.
func (c *Catalog) Incident(ctx context.Context, id lieciba.IncidentID) (lieciba.Incident, error) {
	return readOne(ctx, c, "incident", scanIncident, selectIncident, id)
}

// SessionIncidents implements storage.Incidents.
func (c *Catalog) SessionIncidents(ctx context.Context, s lieciba.SessionID) ([]lieciba.Incident, error) {
	return readList(ctx, c, "incidents", scanIncident, sessionIncidents, s)
}

const partEventColumns = `id, session_id, part_id, step, at, corrects, void, note, who, who_id, recorded_at`

func scanPartEvent(r pgx.CollectableRow) (e lieciba.PartEvent, err error) {
	err = r.Scan(&e.ID, &e.SessionID, &e.PartID, &e.Step, stamp{&e.At}, orEmpty[lieciba.PartEventID]{&e.Corrects}, &e.Void, &e.Note,
		&e.By, &e.ByID, stamp{&e.RecordedAt})
	return e, err
}

const sessionPartEvents = `SELECT ` + partEventColumns + ` FROM part_events WHERE session_id = $1 ORDER BY recorded_at, id`

// AddPartEvent implements storage.PartEvents. decide must not call the Catalog.
func (c *Catalog) AddPartEvent(ctx context.Context, id lieciba.SessionID,
	decide func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error)) error {
	return c.write(ctx, "add a part event", func(tx pgx.Tx) error {
		s, err := lockSession(ctx, tx, id)
		if err != nil {
			return err
		}
		events, err := list(ctx, tx, scanPartEvent, sessionPartEvents, id)
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
		_, err = execTx(ctx, tx, `INSERT INTO part_events (`+partEventColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			e.ID, e.SessionID, e.PartID, e.Step, ts(e.At), idOrNull(e.Corrects), e.Void, e.Note, e.By, e.ByID, ts(e.RecordedAt))
		if err != nil {
			return err
		}
		return stageLeaf(ctx, tx, evidence.LeafOfPart(e))
	})
}

// SessionPartEvents implements storage.PartEvents.
func (c *Catalog) SessionPartEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.PartEvent, error) {
	return readList(ctx, c, "part events", scanPartEvent, sessionPartEvents, s)
}
