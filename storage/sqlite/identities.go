package sqlite

import (
	"context"
	"database/sql"

	"lieciba"
	"lieciba/storage"
)

// UserBySubject implements storage.Identities.
func (c *Catalog) UserBySubject(ctx context.Context, issuer, subject string) (lieciba.User, error) {
	return readOne(ctx, c, "user", scanUser, selectUserBySubject, issuer, subject)
}

const selectUserBySubject = `SELECT ` + userColumns + ` FROM users WHERE issuer = ? AND subject = ? AND issuer <> ''`

const signInColumns = `id, token_hash, user_id, method, created_at, seen_at, expires_at, fresh_at, fresh_by, address, agent, provider_session, challenge`

func scanSignIn(r row) (s lieciba.SignIn, err error) {
	err = r.Scan(&s.ID, hash{&s.TokenHash}, &s.UserID, &s.Method, micros{&s.CreatedAt}, micros{&s.SeenAt}, micros{&s.ExpiresAt},
		micros{&s.FreshAt}, &s.FreshBy, &s.Address, &s.Agent, &s.ProviderSession, &s.Challenge)
	return s, err
}

const (
	selectSignIn = `SELECT ` + signInColumns + ` FROM sign_ins `
	userSignIns  = selectSignIn + `WHERE user_id = ? ORDER BY created_at, id`
	allSignIns   = selectSignIn + `ORDER BY created_at, id`
)

// PutSignIn implements storage.Accounts.
func (c *Catalog) PutSignIn(ctx context.Context, s lieciba.SignIn) error {
	return c.write(ctx, "put a sign-in", func(tx *sql.Tx) error { return storeSignIn(ctx, tx, s) })
}

func storeSignIn(ctx context.Context, tx *sql.Tx, s lieciba.SignIn) error {
	s = storage.MicroSignIn(s)
	_, err := execTx(ctx, tx, `INSERT INTO sign_ins (`+signInColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, user_id = excluded.user_id, method = excluded.method,
			created_at = excluded.created_at, seen_at = excluded.seen_at, expires_at = excluded.expires_at, fresh_at = excluded.fresh_at,
			fresh_by = excluded.fresh_by, address = excluded.address, agent = excluded.agent,
			provider_session = excluded.provider_session, challenge = excluded.challenge`,
		s.ID, s.TokenHash[:], s.UserID, s.Method, us(s.CreatedAt), us(s.SeenAt), us(s.ExpiresAt), usOrNull(s.FreshAt), s.FreshBy,
		storable(s.Address), storable(s.Agent), s.ProviderSession, s.Challenge)
	return err
}

// ChangeSignIn implements storage.Identities.
func (c *Catalog) ChangeSignIn(ctx context.Context, id lieciba.SignInID, decide func(lieciba.SignIn) (*lieciba.SignIn, error)) (out lieciba.SignIn, err error) {
	err = c.write(ctx, "change a sign-in", func(tx *sql.Tx) (err error) {
		if out, err = one(ctx, tx, "sign-in", scanSignIn, selectSignIn+`WHERE id = ?`, id); err != nil {
			return err
		}
		next, err := decide(out)
		if err != nil {
			return decided{err}
		}
		if next == nil {
			return nil
		}
		if out, err = storage.PlanSignIn(out, *next); err != nil {
			return err
		}
		return storeSignIn(ctx, tx, out)
	})
	if err != nil {
		return lieciba.SignIn{}, err
	}
	return out, nil
}

// SignIn implements storage.Accounts.
func (c *Catalog) SignIn(ctx context.Context, tokenHash [32]byte) (lieciba.SignIn, error) {
	return readOne(ctx, c, "sign-in", scanSignIn, selectSignIn+`WHERE token_hash = ?`, tokenHash[:])
}

// SignInByID implements storage.Identities.
func (c *Catalog) SignInByID(ctx context.Context, id lieciba.SignInID) (lieciba.SignIn, error) {
	return readOne(ctx, c, "sign-in", scanSignIn, selectSignIn+`WHERE id = ?`, id)
}

// ListSignIns implements storage.Identities.
func (c *Catalog) ListSignIns(ctx context.Context, user lieciba.UserID) ([]lieciba.SignIn, error) {
	if user == "" {
		return readList(ctx, c, "sign-ins", scanSignIn, allSignIns)
	}
	return readList(ctx, c, "sign-ins", scanSignIn, userSignIns, user)
}

// EndSignIn implements storage.Identities.
func (c *Catalog) EndSignIn(ctx context.Context, id lieciba.SignInID) error {
	_, err := c.exec(ctx, "end a sign-in", `DELETE FROM sign_ins WHERE id = ?`, id)
	return err
}

// EndProviderSession implements storage.Identities.
func (c *Catalog) EndProviderSession(ctx context.Context, issuer, subject, sid string) (int, error) {
	if err := storage.CheckProviderSession(issuer, subject, sid); err != nil {
		return 0, err
	}
	query, args := endProviderSession(issuer, subject, sid)
	n, err := c.exec(ctx, "end a provider's session", query, args...)
	return int(n), err
}

func endProviderSession(issuer, subject, sid string) (string, []any) {
	var w where
	if sid != "" {
		w.add("provider_session = ? AND provider_session <> ''", sid)
	}
	if subject != "" {
		w.add("user_id IN (SELECT id FROM users WHERE issuer = ? AND subject = ? AND issuer <> '')", issuer, subject)
	} else {
		w.add("(SELECT issuer FROM users WHERE id = user_id) = ?", issuer)
	}
	return `DELETE FROM sign_ins` + w.sql(), w.args
}

// ClientCertificate implements storage.Identities.
func (c *Catalog) ClientCertificate(ctx context.Context, spki [32]byte) (lieciba.ClientToken, error) {
	return readOne(ctx, c, "client token", scanToken, whereCertificate, spki[:])
}

// Those that are revoked may be many; a rotated key is known by a few.
const whereCertificate = selectToken + `WHERE certificate = ? AND certificate IS NOT NULL
	ORDER BY revoked_at IS NOT NULL, created_at DESC, id DESC LIMIT 1`
