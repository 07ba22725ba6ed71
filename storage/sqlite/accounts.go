package sqlite

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

const userColumns = `id, login, name, password_hash, must_change, issuer, subject, roles, site_ids, disabled, created_at`

func scanUser(r row) (u lieciba.User, err error) {
	err = r.Scan(&u.ID, &u.Login, &u.Name, &u.PasswordHash, &u.MustChange, &u.Issuer, &u.Subject,
		strs[lieciba.Role]{&u.Roles}, strs[lieciba.SiteID]{&u.SiteIDs}, &u.Disabled, micros{&u.CreatedAt})
	return u, err
}

// PutUser implements storage.Accounts.
func (c *Catalog) PutUser(ctx context.Context, u lieciba.User) error {
	_, err := c.exec(ctx, "put a user", `INSERT INTO users (`+userColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET login = excluded.login, name = excluded.name, password_hash = excluded.password_hash,
			must_change = excluded.must_change, issuer = excluded.issuer, subject = excluded.subject,
			roles = excluded.roles, site_ids = excluded.site_ids, disabled = excluded.disabled, created_at = excluded.created_at`,
		u.ID, u.Login, u.Name, u.PasswordHash, u.MustChange, u.Issuer, u.Subject, jsonList(u.Roles), jsonList(u.SiteIDs), u.Disabled, us(u.CreatedAt))
	return err
}

// User implements storage.Accounts.
func (c *Catalog) User(ctx context.Context, id lieciba.UserID) (lieciba.User, error) {
	return readOne(ctx, c, "user", scanUser, `SELECT `+userColumns+` FROM users WHERE id = ?`, id)
}

// UserByLogin implements storage.Accounts.
func (c *Catalog) UserByLogin(ctx context.Context, login string) (lieciba.User, error) {
	return readOne(ctx, c, "user", scanUser, `SELECT `+userColumns+` FROM users WHERE login = ?`, login)
}

// ListUsers implements storage.Accounts.
func (c *Catalog) ListUsers(ctx context.Context) ([]lieciba.User, error) {
	return readList(ctx, c, "users", scanUser, `SELECT `+userColumns+` FROM users ORDER BY login`)
}

// DeleteSignIn implements storage.Accounts.
func (c *Catalog) DeleteSignIn(ctx context.Context, tokenHash [32]byte) error {
	_, err := c.exec(ctx, "delete a sign-in", `DELETE FROM sign_ins WHERE token_hash = ?`, tokenHash[:])
	return err
}

// DeleteSignIns implements storage.Accounts.
func (c *Catalog) DeleteSignIns(ctx context.Context, user lieciba.UserID, now time.Time) error {
	if user == "" {
		_, err := c.exec(ctx, "delete expired sign-ins", `DELETE FROM sign_ins WHERE expires_at <= ?`, us(now))
		return err
	}
	_, err := c.exec(ctx, "delete a user's sign-ins", `DELETE FROM sign_ins WHERE user_id = ?`, user)
	return err
}

const tokenColumns = `id, name, token_hash, certificate, roles, scopes, site_ids, created_at, expires_at, revoked_at`

func scanToken(r row) (t lieciba.ClientToken, err error) {
	err = r.Scan(&t.ID, &t.Name, hashOrNull{&t.TokenHash}, hashOrNull{&t.Certificate}, strs[lieciba.Role]{&t.Roles},
		strsOrNull[lieciba.Act]{&t.Scopes}, strs[lieciba.SiteID]{&t.SiteIDs}, micros{&t.CreatedAt}, micros{&t.ExpiresAt}, micros{&t.RevokedAt})
	return t, err
}

const selectToken = `SELECT ` + tokenColumns + ` FROM client_tokens `

// PutClientToken implements storage.Accounts.
func (c *Catalog) PutClientToken(ctx context.Context, t lieciba.ClientToken) error {
	if err := storage.CheckClientToken(t); err != nil {
		return err
	}
	_, err := c.exec(ctx, "put a client token", `INSERT INTO client_tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, token_hash = excluded.token_hash, certificate = excluded.certificate,
			roles = excluded.roles, scopes = excluded.scopes, site_ids = excluded.site_ids, created_at = excluded.created_at,
			expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
		t.ID, t.Name, hashBytes(t.TokenHash), hashBytes(t.Certificate), jsonList(t.Roles), jsonListOrNull(t.Scopes), jsonList(t.SiteIDs),
		us(t.CreatedAt), us(t.ExpiresAt), usOrNull(t.RevokedAt))
	return err
}

// ClientToken implements storage.Accounts.
func (c *Catalog) ClientToken(ctx context.Context, tokenHash [32]byte) (lieciba.ClientToken, error) {
	return readOne(ctx, c, "client token", scanToken, selectToken+`WHERE token_hash = ?`, tokenHash[:])
}

// ClientTokenByID implements storage.Accounts.
func (c *Catalog) ClientTokenByID(ctx context.Context, id lieciba.TokenID) (lieciba.ClientToken, error) {
	return readOne(ctx, c, "client token", scanToken, selectToken+`WHERE id = ?`, id)
}

// ListClientTokens implements storage.Accounts.
func (c *Catalog) ListClientTokens(ctx context.Context) ([]lieciba.ClientToken, error) {
	return readList(ctx, c, "client tokens", scanToken, selectToken+`ORDER BY name, id`)
}
