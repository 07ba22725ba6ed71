package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const passkeyColumns = `id, user_id, name, key_id, credential, created_at, used_at`

func scanPasskey(r pgx.CollectableRow) (p lieciba.Passkey, err error) {
	err = r.Scan(&p.ID, &p.UserID, &p.Name, &p.KeyID, &p.Credential, stamp{&p.CreatedAt}, stamp{&p.UsedAt})
	return p, err
}

const userPasskeys = `SELECT ` + passkeyColumns + ` FROM passkeys WHERE user_id = $1 ORDER BY created_at, id`

// PutPasskey implements storage.Passkeys.
func (c *Catalog) PutPasskey(ctx context.Context, p lieciba.Passkey) error {
	if err := storage.CheckPasskey(p); err != nil {
		return err
	}
	return c.write(ctx, "put a passkey", func(tx pgx.Tx) error {
		n, err := execTx(ctx, tx, `INSERT INTO passkeys (`+passkeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, key_id = excluded.key_id, credential = excluded.credential,
				created_at = excluded.created_at, used_at = excluded.used_at WHERE passkeys.user_id = excluded.user_id`,
			p.ID, p.UserID, p.Name, p.KeyID, p.Credential, ts(p.CreatedAt), orNull(p.UsedAt))
		if err == nil && n == 0 {
			err = storage.PasskeyOfAnother(p.ID)
		}
		return err
	})
}

// UserPasskeys implements storage.Passkeys.
func (c *Catalog) UserPasskeys(ctx context.Context, user lieciba.UserID) ([]lieciba.Passkey, error) {
	return readList(ctx, c, "passkeys", scanPasskey, userPasskeys+c.keep(ctx), user)
}

// DeletePasskey implements storage.Passkeys.
func (c *Catalog) DeletePasskey(ctx context.Context, user lieciba.UserID, id lieciba.PasskeyID) error {
	return c.write(ctx, "delete a passkey", func(tx pgx.Tx) error {
		n, err := execTx(ctx, tx, `DELETE FROM passkeys WHERE id = $1 AND user_id = $2`, id, user)
		if err == nil && n == 0 {
			err = orMissing(nil, "passkey")
		}
		return err
	})
}
