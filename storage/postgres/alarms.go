package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const alarmColumns = `id, kind, key, who, who_id, session_id, at, count, detail, seen_by, seen_at, seen_note`

func scanAlarm(r pgx.CollectableRow) (a lieciba.Alarm, err error) {
	err = r.Scan(&a.ID, &a.Kind, &a.Key, &a.Who, &a.WhoID, orEmpty[lieciba.SessionID]{&a.SessionID}, stamp{&a.At}, &a.Count, &a.Detail,
		&a.SeenBy, stamp{&a.SeenAt}, &a.SeenNote)
	return a, err
}

const selectAlarm = `SELECT ` + alarmColumns + ` FROM alarms `

// RaiseAlarm implements storage.Alarms.
func (c *Catalog) RaiseAlarm(ctx context.Context, a lieciba.Alarm) (raised bool, err error) {
	if err := storage.CheckAlarm(a); err != nil {
		return false, err
	}
	a.Detail = storable(a.Detail)
	err = c.write(ctx, "raise an alarm", func(tx pgx.Tx) error {
		n, err := execTx(ctx, tx, `INSERT INTO alarms (`+alarmColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', NULL, '')
			ON CONFLICT (kind, key) DO NOTHING`, a.ID, a.Kind, a.Key, a.Who, a.WhoID, idOrNull(a.SessionID), ts(a.At), a.Count, a.Detail)
		if raised = n > 0; raised || err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE alarms SET count = $1, detail = $2, at = $3 WHERE kind = $4 AND key = $5 AND count < $1`,
			a.Count, a.Detail, ts(a.At), a.Kind, a.Key)
		return err
	})
	return raised && err == nil, err
}

// SeeAlarm implements storage.Alarms.
func (c *Catalog) SeeAlarm(ctx context.Context, id lieciba.AlarmID, by, note string, at time.Time) (out lieciba.Alarm, err error) {
	err = c.write(ctx, "see an alarm", func(tx pgx.Tx) error {
		_, err := execTx(ctx, tx, `UPDATE alarms SET seen_by = $1, seen_note = $2, seen_at = $3 WHERE id = $4 AND seen_at IS NULL`,
			by, storable(note), ts(at), id)
		if err != nil {
			return err
		}
		out, err = one(ctx, tx, "alarm", scanAlarm, selectAlarm+`WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return lieciba.Alarm{}, err
	}
	return out, nil
}

// ListAlarms implements storage.Alarms.
func (c *Catalog) ListAlarms(ctx context.Context, f storage.AlarmFilter) ([]lieciba.Alarm, error) {
	query, args, err := c.alarmQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	return readList(ctx, c, "alarms", scanAlarm, query, args...)
}

func (c *Catalog) alarmQuery(ctx context.Context, f storage.AlarmFilter) (string, []any, error) {
	var w where
	if len(f.Kinds) > 0 {
		w.add("kind = ANY (?)", texts(f.Kinds))
	}
	if f.Key != "" {
		w.add("key = ?", f.Key)
	}
	if f.Unseen {
		w.add("seen_at IS NULL")
	}
	if f.Before != "" {
		last, err := readOne(ctx, c, "alarm", scanAlarm, selectAlarm+`WHERE id = $1`, f.Before)
		if err != nil {
			return "", nil, err
		}
		w.add("(at, id) < (?, ?)", ts(last.At), last.ID)
	}
	limit := w.arg(storage.PageLimit(f.Limit))
	return selectAlarm + w.sql() + ` ORDER BY at DESC, id DESC LIMIT ` + limit, w.args, nil
}
