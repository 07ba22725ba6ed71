package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// accessFile makes a database of the schema before requests, with rows.
func accessFile(t *testing.T) (path string, o old) {
	t.Helper()
	path, o = filepath.Join(t.TempDir(), "old.db"), oldIDs()
	db, err := sql.Open("sqlite", dsn(path))
	require.NoError(t, err)
	dir, err := fs.Sub(migrations, "migrations")
	require.NoError(t, err)
	stage := goose.NewGoMigration(3, &goose.GoFunc{RunTx: stageOld}, nil)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(stage))
	require.NoError(t, err)
	_, err = p.UpTo(t.Context(), 3)
	require.NoError(t, err)
	seedOld(t, db, o)
	hash := sha256.Sum256([]byte("x"))
	for _, q := range []struct {
		query string
		args  []any
	}{
		{`INSERT INTO users VALUES (?, 'anna', 'Anna', 'x', '["reviewer"]', '[]', 0, 1), (?, 'berta', '', 'x', '[]', '[]', 0, 1)`, []any{o.audit[0], o.audit[1]}},
		{`INSERT INTO sign_ins VALUES (?, ?, 1, 1, 1)`, []any{hash[:], o.audit[0]}},
		{`INSERT INTO client_tokens VALUES (?, 'pizis', ?, '["citizenship"]', '[]', 1, 1, NULL)`, []any{o.audit[0], hash[:]}},
		{`INSERT INTO exports VALUES (?, ?, '[]', NULL, NULL, '', '', '', '', '', 1, '', 'requested', 0, 0, 0, ?, ?, NULL, NULL, '')`,
			[]any{o.audit[0], o.session, hash[:], hash[:]}},
	} {
		_, err := db.Exec(q.query, q.args...)
		require.NoError(t, err, q.query)
	}
	require.NoError(t, db.Close())
	return path, o
}

// TestOlderRowsOfAccess brings rows of before requests up to date: a client keeps
// its token with all that its roles allow, an export has no request, people sign
// in again.
func TestOlderRowsOfAccess(t *testing.T) {
	path, _ := accessFile(t)
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	token, err := c.ClientToken(t.Context(), sha256.Sum256([]byte("x")))
	require.NoError(t, err)
	require.Equal(t, []lieciba.Role{lieciba.RoleCitizenship}, token.Roles)
	require.Nil(t, token.Scopes)
	require.Zero(t, token.Certificate)
	u, err := c.UserByLogin(t.Context(), "anna")
	require.NoError(t, err)
	require.False(t, u.MustChange)
	require.Empty(t, u.Issuer)
	in, err := c.ListSignIns(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, in)
	exports, err := c.ListExports(t.Context(), storage.ExportFilter{})
	require.NoError(t, err)
	require.Len(t, exports, 1)
	require.Empty(t, exports[0].RequestID)
}

// TestWhatWasDecidedCannotBeRewritten tries each statement on requests, grants and
// appeals, and every one is refused.
func TestWhatWasDecidedCannotBeRewritten(t *testing.T) {
	path, o := accessFile(t)
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	furnishAccess(t, c, lieciba.SessionID(o.session))
	for _, q := range []string{
		`UPDATE requests SET asked_by_id = 'x' WHERE state = 'requested'`, `UPDATE requests SET asked_at = asked_at - 1 WHERE state = 'requested'`,
		`UPDATE requests SET state = 'used', decided_at = 1, decided_by_id = 'x', used_at = 1, used_for = 'x' WHERE state = 'requested'`,
		`UPDATE requests SET state = 'approved', decided_at = 1, decided_by_id = 'x', asked = '{}' WHERE state = 'requested'`,
		`UPDATE requests SET asked = '{}' WHERE state = 'approved'`, `UPDATE requests SET expires_at = expires_at + 1 WHERE state = 'approved'`,
		`UPDATE requests SET decided_by_id = 'x' WHERE state = 'approved'`, `UPDATE requests SET state = 'requested', decided_at = NULL WHERE state = 'approved'`,
		`UPDATE requests SET state = 'used', used_at = 1, used_for = 'x', decided_by_id = 'x' WHERE state = 'approved'`,
		`UPDATE requests SET used_for = 'grant:other' WHERE state = 'used'`, `UPDATE requests SET state = 'approved', used_at = NULL, used_for = '' WHERE state = 'used'`,
		`DELETE FROM requests WHERE state = 'requested'`,
		`UPDATE grants SET expires_at = expires_at + 1`, `UPDATE grants SET camera_ids = '["x"]'`, `UPDATE grants SET holder_id = 'x' WHERE revoked_at IS NULL`,
		`UPDATE grants SET revoked_at = NULL WHERE revoked_at IS NOT NULL`, `DELETE FROM grants`,
		`UPDATE appeals SET opened_by_id = 'x' WHERE state = 'opened'`, `UPDATE appeals SET final_at = 1 WHERE state = 'closed'`, `DELETE FROM appeals`,
		`UPDATE exports SET request_id = 'x'`, `UPDATE exports SET approved_by = 'x'`,
	} {
		res, err := c.writer.Exec(q)
		if err == nil {
			n, _ := res.RowsAffected()
			t.Errorf("changed %d rows: %s", n, q)
			continue
		}
		if !strings.Contains(err.Error(), "only grows") {
			t.Errorf("refused by something else: %s: %v", q, err)
		}
	}
}

// furnishAccess makes requests in three states, grants in two and appeals in two.
func furnishAccess(t *testing.T, c *Catalog, session lieciba.SessionID) {
	t.Helper()
	ctx, now := t.Context(), lieciba.Micro(time.Now())
	anna, berta := lieciba.Principal{ID: "u1", Name: "anna", SignIn: "i1"}, lieciba.Principal{ID: "u2", Name: "berta", SignIn: "i2", Roles: []lieciba.Role{lieciba.RoleApprover}}
	for _, to := range []lieciba.RequestState{lieciba.RequestRequested, lieciba.RequestApproved, lieciba.RequestUsed} {
		r, err := lieciba.NewRequest(lieciba.RequestGrant, lieciba.Asked{SessionID: session, Until: now.Add(time.Hour)}, "Appeal A-1.", anna, now)
		require.NoError(t, err)
		require.NoError(t, c.PutRequest(ctx, r))
		if to == lieciba.RequestRequested {
			continue
		}
		r, err = c.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Approve(berta, lieciba.SignIn{ID: "i2", UserID: "u2", FreshAt: now, FreshBy: lieciba.SignInPasskey}, r.Digest, now, lieciba.SignInPasskey)
			return &out, err
		})
		require.NoError(t, err)
		g := lieciba.Grant{ID: lieciba.NewID[lieciba.GrantID](now), RequestID: r.ID, SessionID: session, HolderID: "u1", BeganAt: now, ExpiresAt: r.Asked.Until}
		require.NoError(t, c.PutGrant(ctx, g))
		if to == lieciba.RequestUsed {
			useAndRevoke(t, c, g, anna)
		}
	}
	for i, state := range []lieciba.AppealState{lieciba.AppealOpened, lieciba.AppealClosed} {
		a := lieciba.Appeal{ID: lieciba.NewID[lieciba.AppealID](now), SessionID: session, Reference: string(state), State: state, OpenedAt: now.Add(time.Duration(i))}
		_, err := c.ChangeAppeal(ctx, session, a.Reference, func(*lieciba.Appeal) (*lieciba.Appeal, error) { return &a, nil })
		require.NoError(t, err)
	}
}

func useAndRevoke(t *testing.T, c *Catalog, g lieciba.Grant, by lieciba.Principal) {
	t.Helper()
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](g.BeganAt), At: g.BeganAt, Act: "use_request"}
	require.NoError(t, c.Act(t.Context(), &e, func(ctx context.Context) error {
		if _, err := c.ChangeRequest(ctx, g.RequestID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Use(by, "grant:"+string(g.ID), g.BeganAt)
			return &out, err
		}); err != nil {
			return err
		}
		_, err := c.RevokeGrant(ctx, g.ID, by.Name, g.BeganAt)
		return err
	}))
}
