package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
)

const userColumns = `id, login, name, password_hash, must_change, issuer, subject, roles, site_ids, disabled, created_at`

func scanUser(r pgx.CollectableRow) (u lieciba.User, err error) {
	var roles, sites []string
	err = r.Scan(&u.ID, &u.Login, &u.Name, &u.PasswordHash, &u.MustChange, &u.Issuer, &u.Subject, &roles, &sites,
		&u.Disabled, stamp{&u.CreatedAt})
	u.Roles, u.SiteIDs = typed[lieciba.Role](roles), typed[lieciba.SiteID](sites)
	return u, err
}

// PutUser implements storage.Accounts.
func (c *Catalog) PutUser(ctx context.Context, u lieciba.User) error {
	_, err := c.exec(ctx, "put a user", `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET login = excluded.login, name = excluded.name, password_hash = excluded.password_hash,
			must_change = excluded.must_change, issuer = excluded.issuer, subject = excluded.subject,
			roles = excluded.roles, site_ids = excluded.site_ids, disabled = excluded.disabled, created_at = excluded.created_at`,
		u.ID, u.Login, u.Name, u.PasswordHash, u.MustChange, u.Issuer, u.Subject, texts(u.Roles), texts(u.SiteIDs), u.Disabled, ts(u.CreatedAt))
	return err
}

// User implements storage.Accounts.
func (c *Catalog) User(ctx context.Context, id lieciba.UserID) (lieciba.User, error) {
	return readOne(ctx, c, "user", scanUser, `SELECT `+userColumns+` FROM users WHERE id = $1`+c.keep(ctx), id)
}

// UserByLogin implements storage.Accounts.
func (c *Catalog) UserByLogin(ctx context.Context, login string) (lieciba.User, error) {
	return readOne(ctx, c, "user", scanUser, `SELECT `+userColumns+` FROM users WHERE login = $1`+c.keep(ctx), login)
}

// ListUsers implements storage.Accounts.
func (c *Catalog) ListUsers(ctx context.Context) ([]lieciba.User, error) {
	return readList(ctx, c, "users", scanUser, `SELECT `+userColumns+` FROM users ORDER BY login`+c.keep(ctx))
}

// DeleteSignIn implements storage.Accounts.
func (c *Catalog) DeleteSignIn(ctx context.Context, tokenHash [32]byte) error {
	_, err := c.exec(ctx, "delete a sign-in", `DELETE FROM sign_ins WHERE token_hash = $1`, tokenHash[:])
	return err
}

// DeleteSignIns implements storage.Accounts.
func (c *Catalog) DeleteSignIns(ctx context.Context, user lieciba.UserID, now time.Time) error {
	if user == "" {
		_, err := c.exec(ctx, "delete expired sign-ins", endSignIns(` WHERE expires_at <= $1`), ts(now))
		return err
	}
	_, err := c.exec(ctx, "delete a user's sign-ins", endSignIns(` WHERE user_id = $1`), user)
	return err
}

const tokenColumns = `id, name, token_hash, certificate, roles, scopes, site_ids, created_at, expires_at, revoked_at`

func scanToken(r pgx.CollectableRow) (t lieciba.ClientToken, err error) {
	var roles, sites []string
	var scopes *[]string
	err = r.Scan(&t.ID, &t.Name, hashOrNull{&t.TokenHash}, hashOrNull{&t.Certificate}, &roles, &scopes, &sites,
		stamp{&t.CreatedAt}, stamp{&t.ExpiresAt}, stamp{&t.RevokedAt})
	t.Roles, t.SiteIDs = typed[lieciba.Role](roles), typed[lieciba.SiteID](sites)
	if scopes != nil {
		t.Scopes = append([]lieciba.Act{}, typed[lieciba.Act](*scopes)...)
	}
	return t, err
}

const selectToken = `SELECT ` + tokenColumns + ` FROM client_tokens `

// PutClientToken implements storage.Accounts.
func (c *Catalog) PutClientToken(ctx context.Context, t lieciba.ClientToken) error {
	if err := storage.CheckClientToken(t); err != nil {
		return err
	}
	var scopes []string // nil: NULL
	if t.Scopes != nil {
		scopes = texts(t.Scopes)
	}
	_, err := c.exec(ctx, "put a client token", `INSERT INTO client_tokens (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, token_hash = excluded.token_hash, certificate = excluded.certificate,
			roles = excluded.roles, scopes = excluded.scopes, site_ids = excluded.site_ids, created_at = excluded.created_at,
			expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
		t.ID, t.Name, hashBytes(t.TokenHash), hashBytes(t.Certificate), texts(t.Roles), scopes, texts(t.SiteIDs),
		ts(t.CreatedAt), ts(t.ExpiresAt), orNull(t.RevokedAt))
	return err
}

// ClientToken implements storage.Accounts.
func (c *Catalog) ClientToken(ctx context.Context, tokenHash [32]byte) (lieciba.ClientToken, error) {
	return readOne(ctx, c, "client token", scanToken, selectToken+`WHERE token_hash = $1`+c.keep(ctx), tokenHash[:])
}

// ClientTokenByID implements storage.Accounts.
func (c *Catalog) ClientTokenByID(ctx context.Context, id lieciba.TokenID) (lieciba.ClientToken, error) {
	return readOne(ctx, c, "client token", scanToken, selectToken+`WHERE id = $1`+c.keep(ctx), id)
}

// ListClientTokens implements storage.Accounts.
func (c *Catalog) ListClientTokens(ctx context.Context) ([]lieciba.ClientToken, error) {
	return readList(ctx, c, "client tokens", scanToken, selectToken+`ORDER BY name, id`+c.keep(ctx))
}
