package sqlite

import (
	"context"
	"time"

	"lieciba"
)

const userColumns = `id, login, name, password_hash, roles, site_ids, disabled, created_at`

func scanUser(r row) (u lieciba.User, err error) {
	err = r.Scan(&u.ID, &u.Login, &u.Name, &u.PasswordHash, strs[lieciba.Role]{&u.Roles}, strs[lieciba.SiteID]{&u.SiteIDs},
		&u.Disabled, micros{&u.CreatedAt})
	return u, err
}

// PutUser implements storage.Accounts.
func (c *Catalog) PutUser(ctx context.Context, u lieciba.User) error {
	_, err := c.exec(ctx, "put a user", `INSERT INTO users (`+userColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET login = excluded.login, name = excluded.name, password_hash = excluded.password_hash,
			roles = excluded.roles, site_ids = excluded.site_ids, disabled = excluded.disabled, created_at = excluded.created_at`,
		u.ID, u.Login, u.Name, u.PasswordHash, jsonList(u.Roles), jsonList(u.SiteIDs), u.Disabled, us(u.CreatedAt))
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

const signInColumns = `token_hash, user_id, created_at, seen_at, expires_at`

func scanSignIn(r row) (s lieciba.SignIn, err error) {
	err = r.Scan(hash{&s.TokenHash}, &s.UserID, micros{&s.CreatedAt}, micros{&s.SeenAt}, micros{&s.ExpiresAt})
	return s, err
}

// PutSignIn implements storage.Accounts.
func (c *Catalog) PutSignIn(ctx context.Context, s lieciba.SignIn) error {
	_, err := c.exec(ctx, "put a sign-in", `INSERT INTO sign_ins (`+signInColumns+`) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (token_hash) DO UPDATE SET seen_at = excluded.seen_at, expires_at = excluded.expires_at`,
		s.TokenHash[:], s.UserID, us(s.CreatedAt), us(s.SeenAt), us(s.ExpiresAt))
	return err
}

// SignIn implements storage.Accounts.
func (c *Catalog) SignIn(ctx context.Context, tokenHash [32]byte) (lieciba.SignIn, error) {
	return readOne(ctx, c, "sign-in", scanSignIn, `SELECT `+signInColumns+` FROM sign_ins WHERE token_hash = ?`, tokenHash[:])
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

const tokenColumns = `id, name, token_hash, roles, site_ids, created_at, expires_at, revoked_at`

func scanToken(r row) (t lieciba.ClientToken, err error) {
	err = r.Scan(&t.ID, &t.Name, hash{&t.TokenHash}, strs[lieciba.Role]{&t.Roles}, strs[lieciba.SiteID]{&t.SiteIDs},
		micros{&t.CreatedAt}, micros{&t.ExpiresAt}, micros{&t.RevokedAt})
	return t, err
}

// PutClientToken implements storage.Accounts.
func (c *Catalog) PutClientToken(ctx context.Context, t lieciba.ClientToken) error {
	_, err := c.exec(ctx, "put a client token", `INSERT INTO client_tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, token_hash = excluded.token_hash, roles = excluded.roles,
			site_ids = excluded.site_ids, created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
		t.ID, t.Name, t.TokenHash[:], jsonList(t.Roles), jsonList(t.SiteIDs), us(t.CreatedAt), us(t.ExpiresAt), usOrNull(t.RevokedAt))
	return err
}

// ClientToken implements storage.Accounts.
func (c *Catalog) ClientToken(ctx context.Context, tokenHash [32]byte) (lieciba.ClientToken, error) {
	return readOne(ctx, c, "client token", scanToken, `SELECT `+tokenColumns+` FROM client_tokens WHERE token_hash = ?`, tokenHash[:])
}

// ListClientTokens implements storage.Accounts.
func (c *Catalog) ListClientTokens(ctx context.Context) ([]lieciba.ClientToken, error) {
	return readList(ctx, c, "client tokens", scanToken, `SELECT `+tokenColumns+` FROM client_tokens ORDER BY name, id`)
}
