package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/storage"
	"lieciba/storage/secret"
	"lieciba/storage/webhook"
)

// rewrapBatch is how many rows one transaction of a rotation changes.
const rewrapBatch = 50

// sealedRow is a row of the catalogue that holds sealed secrets of one owner.
type sealedRow struct {
	name  string // for people
	owner []byte
	// read and write run inside of an act; what was read nobody else changes until
	// it ends. write gets as many values as read gave.
	read  func(ctx context.Context) ([][]byte, error)
	write func(ctx context.Context, values [][]byte) error
}

// sealedRows lists every row that can hold a sealed secret.
func sealedRows(ctx context.Context, cat storage.Catalog) ([]sealedRow, error) {
	cameras, err := cat.ListCameras(ctx, "")
	if err != nil {
		return nil, err
	}
	hooks, err := cat.ListWebhooks(ctx)
	if err != nil {
		return nil, err
	}
	var rows []sealedRow
	for _, c := range cameras {
		rows = append(rows, cameraRow(cat, c.ID))
	}
	for _, h := range hooks {
		rows = append(rows, webhookRow(cat, h.ID))
	}
	return rows, nil
}

func cameraRow(cat storage.Catalog, id lieciba.CameraID) sealedRow {
	return sealedRow{name: "camera " + string(id), owner: api.CredentialsOwner(id),
		read: func(ctx context.Context) ([][]byte, error) {
			if _, err := cat.Camera(ctx, id); err != nil { // an act holds what it reads of a camera
				return nil, err
			}
			v, err := cat.CameraSecret(ctx, id)
			return [][]byte{v}, err
		},
		write: func(ctx context.Context, v [][]byte) error { return cat.SetCameraSecret(ctx, id, v[0]) }}
}

func webhookRow(cat storage.Catalog, id lieciba.WebhookID) sealedRow {
	return sealedRow{name: "webhook " + string(id), owner: webhook.SecretOwner(id),
		read: func(ctx context.Context) ([][]byte, error) {
			h, err := cat.Webhook(ctx, id)
			return [][]byte{h.Secret, h.NewSecret}, err
		},
		write: func(ctx context.Context, v [][]byte) error {
			h, err := cat.Webhook(ctx, id)
			if err != nil {
				return err
			}
			h.Secret, h.NewSecret = v[0], v[1]
			return cat.PutWebhook(ctx, h)
		}}
}

// SecretUse is how many sealed values need a master key.
type SecretUse struct {
	Key    secret.KeyID
	Here   bool // the key is in the file or the environment
	Seals  bool // it seals what is new
	Values int
	Older  int // of Values, in the format before envelopes
}

// SecretStatus counts the sealed values of the catalogue by master key: those
// that are here in their order, then those that are missing.
func SecretStatus(ctx context.Context, cat storage.Catalog, box *secret.Box) ([]SecretUse, error) {
	var uses []SecretUse
	at := map[secret.KeyID]int{}
	for i, id := range box.Keys() {
		at[id] = i
		uses = append(uses, SecretUse{Key: id, Here: true, Seals: i == 0})
	}
	rows, err := sealedRows(ctx, cat)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		values, err := row.read(ctx)
		if lieciba.CodeOf(err) == lieciba.CodeNotFound {
			continue // a webhook that was removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if len(v) == 0 {
				continue
			}
			id, envelope, err := secret.KeyOf(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", row.name, err)
			}
			if _, known := at[id]; !known {
				at[id] = len(uses)
				uses = append(uses, SecretUse{Key: id})
			}
			u := &uses[at[id]]
			u.Values++
			if !envelope {
				u.Older++
			}
		}
	}
	return uses, nil
}

// RewrapSecrets brings every sealed value of the catalogue under the key that
// seals now, in batches that are each audited in their own transaction. It may be
// broken off and called again. What cannot be opened stays as it is and is told
// in the error, at the end. It returns how many values it changed.
func RewrapSecrets(ctx context.Context, cat storage.Catalog, box *secret.Box, who string) (changed int, err error) {
	rows, err := sealedRows(ctx, cat)
	if err != nil {
		return 0, err
	}
	var broken []error
	for len(rows) > 0 {
		batch := rows[:min(rewrapBatch, len(rows))]
		rows = rows[len(batch):]
		n, bad, err := rewrapRows(ctx, cat, box, batch, who)
		changed += n
		broken = append(broken, bad...)
		if err != nil {
			return changed, err
		}
	}
	if len(broken) > 0 {
		return changed, lieciba.Wrap(broken[0], lieciba.CodeOf(broken[0]), "%d secrets cannot be opened: enter them again, or put their key back; the old keys stay", len(broken))
	}
	return changed, nil
}

// rewrapRows is one batch. Nothing to change leaves no entry.
func rewrapRows(ctx context.Context, cat storage.Catalog, box *secret.Box, rows []sealedRow, who string) (n int, broken []error, err error) {
	e := rotationEntry(who)
	err = cat.Act(ctx, &e, func(ctx context.Context) error {
		n, broken = 0, nil // it may run again
		for _, row := range rows {
			k, bad, err := rewrapRow(ctx, box, row)
			if err != nil {
				return err
			}
			if bad != nil {
				broken = append(broken, fmt.Errorf("%s: %w", row.name, bad))
			}
			n += k
		}
		if n == 0 {
			return errNothingToDo
		}
		e.Detail = fmt.Sprintf("%d sealed secrets were brought under the master key %s", n, box.Keys()[0])
		return nil
	})
	if errors.Is(err, errNothingToDo) {
		err = nil
	}
	return n, broken, err
}

// errNothingToDo rolls an act back that has changed nothing.
var errNothingToDo = errors.New("nothing to do")

// rewrapRow is one row: bad says why a value cannot be opened, err what the
// catalogue said.
func rewrapRow(ctx context.Context, box *secret.Box, row sealedRow) (n int, bad, err error) {
	values, err := row.read(ctx)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return 0, nil, nil // removed meanwhile
	}
	if err != nil {
		return 0, nil, err
	}
	for i, v := range values {
		if len(v) == 0 {
			continue
		}
		out, changed, err := box.Rewrap(v, row.owner)
		if err != nil {
			return 0, err, nil
		}
		if changed {
			values[i] = out
			n++
		}
	}
	if n == 0 {
		return 0, nil, nil
	}
	return n, nil, row.write(ctx, values)
}

// rotationEntry begins the audit entry of a step of a rotation.
func rotationEntry(who string) lieciba.AuditEntry {
	now := lieciba.Micro(time.Now())
	return lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: now, Who: who, WhoID: who,
		Act: lieciba.AuditRotateSecretKey, Object: "secret_key:master", Outcome: "ok"}
}
