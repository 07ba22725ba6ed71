package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/sqlite"
)

// TestNoAccountWithoutATrace: what is done at the shell and its audit entry are
// one transaction; a store that takes no entry gets no account either.
func TestNoAccountWithoutATrace(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), t.Context()
	conf, path := filepath.Join(t.TempDir(), "c.yaml"), filepath.Join(dir, "catalog.db")
	require.NoError(t, os.WriteFile(conf, []byte("data: "+dir+"\n"), 0o600))
	at := func(args ...string) (int, string) {
		code, _, errs := command(t, nil, "garsa parole 12345\n", append(args, "-c", conf)...)
		return code, errs
	}
	code, errs := at("user", "add", "anna", "--role", "admin")
	require.Zero(t, code, errs)
	code, errs = at("user", "add", "dace", "--role", "admin", "--name", "Dace 150685-11111")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "name: holds what looks like a personal code")
	cat, err := sqlite.Open(ctx, path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	anna, err := cat.UserByLogin(ctx, "anna")
	require.NoError(t, err)
	in := lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](anna.CreatedAt), TokenHash: [32]byte{1}, UserID: anna.ID, CreatedAt: anna.CreatedAt, SeenAt: anna.CreatedAt, ExpiresAt: time.Now().Add(time.Hour)}
	require.NoError(t, cat.PutSignIn(ctx, in))

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, `CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END`)
	require.NoError(t, err)
	changes := [][]string{{"user", "add", "berta", "--role", "admin"}, {"user", "password", "anna"}, {"user", "disable", "anna"},
		{"token", "add", "citizenship", "--role", "citizenship"}}
	for _, args := range changes {
		code, _ := at(args...)
		require.Equal(t, 1, code, "%v", args)
	}
	users, err := cat.ListUsers(ctx)
	require.NoError(t, err)
	require.Equal(t, []lieciba.User{anna}, users)
	tokens, err := cat.ListClientTokens(ctx)
	require.NoError(t, err)
	require.Empty(t, tokens)
	_, err = cat.SignIn(ctx, in.TokenHash)
	require.NoError(t, err, "and nobody was signed out")

	_, err = db.ExecContext(ctx, `DROP TRIGGER full`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for _, args := range changes {
		code, errs := at(args...)
		require.Zero(t, code, "%v: %s", args, errs)
	}
	_, err = cat.SignIn(ctx, in.TokenHash)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	entries, err := cat.ListAudit(ctx, storage.AuditFilter{WhoID: "shell"})
	require.NoError(t, err)
	var details []string
	for _, e := range entries {
		require.Equal(t, "manage_users", e.Act, "as over HTTP")
		details = append(details, e.Detail)
	}
	require.Equal(t, []string{"token citizenship added with [citizenship]", "disabled", "password set", "user berta added with [admin]", "user anna added with [admin]"}, details)
	now, err := cat.User(ctx, anna.ID)
	require.NoError(t, err)
	require.True(t, now.Disabled)
	require.NotEqual(t, anna.PasswordHash, now.PasswordHash)
}
