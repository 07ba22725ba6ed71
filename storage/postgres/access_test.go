package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/storagetest"
)

// asker asks for everything in these tests, approver approves it.
var (
	asker    = lieciba.Principal{ID: "asker", Name: "anna", SignIn: "in-anna"}
	approver = lieciba.Principal{ID: "approver", Name: "berta", SignIn: "in-berta", Roles: []lieciba.Role{lieciba.RoleApprover}}
)

func (w world) ask(kind lieciba.RequestKind) lieciba.Request {
	r, err := lieciba.NewRequest(kind, lieciba.Asked{SessionID: w.session.ID, Until: base.Add(48 * time.Hour)}, "Appeal A-1.", asker, base)
	if err != nil {
		panic(err)
	}
	return r
}

func approve(r lieciba.Request) (*lieciba.Request, error) {
	out, err := r.Approve(approver, lieciba.SignIn{ID: approver.SignIn, UserID: lieciba.UserID(approver.ID), FreshAt: base, FreshBy: lieciba.SignInPasskey},
		r.Digest, base, lieciba.SignInPasskey)
	return &out, err
}

func use(r lieciba.Request) (*lieciba.Request, error) {
	out, err := r.Use(asker, "grant:x", base)
	return &out, err
}

func (w world) approved(t *testing.T, c *Catalog, kind lieciba.RequestKind) lieciba.Request {
	t.Helper()
	r := w.ask(kind)
	require.NoError(t, c.PutRequest(t.Context(), r))
	r, err := c.ChangeRequest(t.Context(), r.ID, approve)
	require.NoError(t, err)
	return r
}

func grantOf(r lieciba.Request) lieciba.Grant {
	return lieciba.Grant{ID: newID[lieciba.GrantID](), RequestID: r.ID, SessionID: r.Asked.SessionID, HolderID: r.AskedByID, BeganAt: base, ExpiresAt: r.Asked.Until}
}

func appealOf(w world, reference string) lieciba.Appeal {
	return lieciba.Appeal{ID: newID[lieciba.AppealID](), SessionID: w.session.ID, Reference: reference, State: lieciba.AppealOpened, OpenedAt: base}
}

// accessEdits are what no client of the database may do to requests, grants and appeals.
var accessEdits = []string{
	`UPDATE requests SET asked_by_id = 'x' WHERE state = 'requested'`, `UPDATE requests SET asked_at = asked_at - interval '1 s' WHERE state = 'requested'`,
	`UPDATE requests SET state = 'used', decided_at = now(), decided_by_id = 'x', used_at = now(), used_for = 'x' WHERE state = 'requested'`,
	`UPDATE requests SET state = 'approved', decided_at = now(), decided_by_id = 'x', asked = '{}' WHERE state = 'requested'`,
	`UPDATE requests SET asked = '{}' WHERE state = 'approved'`, `UPDATE requests SET expires_at = expires_at + interval '1 d' WHERE state = 'approved'`,
	`UPDATE requests SET decided_by_id = 'x' WHERE state = 'approved'`, `UPDATE requests SET state = 'requested', decided_at = NULL WHERE state = 'approved'`,
	`UPDATE requests SET state = 'used', used_at = now(), used_for = 'x', decided_by_id = 'x' WHERE state = 'approved'`,
	`UPDATE requests SET used_for = 'grant:other' WHERE state = 'used'`, `UPDATE requests SET state = 'approved', used_at = NULL, used_for = '' WHERE state = 'used'`,
	`DELETE FROM requests WHERE state = 'requested'`, `TRUNCATE requests CASCADE`,
	`UPDATE grants SET expires_at = expires_at + interval '1 d'`, `UPDATE grants SET camera_ids = '{x}'`, `UPDATE grants SET holder_id = 'x' WHERE revoked_at IS NULL`,
	`UPDATE grants SET revoked_at = NULL WHERE revoked_at IS NOT NULL`, `DELETE FROM grants`, `TRUNCATE grants`,
	`UPDATE appeals SET opened_by_id = 'x' WHERE state = 'opened'`, `UPDATE appeals SET final_at = now() WHERE state = 'closed'`, `DELETE FROM appeals`, `TRUNCATE appeals`,
	`UPDATE exports SET request_id = NULL`, `UPDATE exports SET approved_by = 'x'`,
}

func furnishAccess(t *testing.T, c *Catalog) {
	t.Helper()
	ctx := t.Context()
	w := newWorld(t, c)
	require.NoError(t, c.PutRequest(ctx, w.ask(lieciba.RequestGrant)))
	for range 2 {
		g := grantOf(w.approved(t, c, lieciba.RequestGrant))
		require.NoError(t, c.PutGrant(ctx, g))
		_, err := c.ChangeRequest(ctx, g.RequestID, use)
		require.NoError(t, err)
	}
	list, err := c.ListGrants(ctx, storage.GrantFilter{SessionID: w.session.ID})
	require.NoError(t, err)
	_, err = c.RevokeGrant(ctx, list[0].ID, "berta", base)
	require.NoError(t, err)
	r := w.approved(t, c, lieciba.RequestExport)
	require.NoError(t, c.PutExport(ctx, lieciba.Export{ID: newID[lieciba.ExportID](), SessionID: w.session.ID, RequestedAt: base, State: lieciba.ExportRequested,
		RequestID: r.ID, ApprovedBy: "berta"}))
	for _, reference := range []string{"A-1", "A-2"} {
		a := appealOf(w, reference)
		if reference == "A-2" {
			a.State = lieciba.AppealClosed
		}
		_, err := c.ChangeAppeal(ctx, w.session.ID, reference, func(*lieciba.Appeal) (*lieciba.Appeal, error) { return &a, nil })
		require.NoError(t, err)
	}
}

func TestTriggersKeepWhatWasDecided(t *testing.T) {
	c := openAt(t, ordinary(t))
	furnishAccess(t, c)
	for _, q := range accessEdits {
		_, err := c.pool.Exec(t.Context(), q)
		require.ErrorContains(t, err, "(SQLSTATE P0001)", q)
	}
}

// TestAccessEditsTouchRows: an edit that touches no row would be refused by no trigger.
func TestAccessEditsTouchRows(t *testing.T) {
	c := openTest(t)
	furnishAccess(t, c)
	conn, err := pgx.ConnectConfig(t.Context(), c.pool.Config().ConnConfig)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), `SET session_replication_role = replica`)
	require.NoError(t, err)
	for _, q := range accessEdits {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		tag, err := tx.Exec(t.Context(), q)
		require.NoError(t, err, q)
		if q[0] != 'T' {
			require.NotZero(t, tag.RowsAffected(), q)
		}
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// TestOlderRowsOfAccess brings rows of before requests up to date: a client keeps
// its token with all that its roles allow, an export has no request, people sign
// in again.
func TestOlderRowsOfAccess(t *testing.T) {
	url := storagetest.Postgres(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	db := stdlib.OpenDB(*conn.Config())
	dir, err := fs.Sub(migrations, "migrations")
	require.NoError(t, err)
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = p.UpTo(t.Context(), 2)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for _, q := range []string{helpers,
		`INSERT INTO users VALUES (uid(1), 'anna', 'Anna', 'x', '{reviewer}', '{}', false, t0()), (uid(2), 'berta', '', 'x', '{}', '{}', false, t0())`,
		`INSERT INTO sign_ins VALUES (sha256(''), uid(1), t0(), t0(), t0())`,
		`INSERT INTO client_tokens VALUES (uid(1), 'pizis', sha256('x'), '{citizenship}', '{}', t0(), t0(), NULL)`,
		`INSERT INTO sites VALUES (uid(1), 's', '', false, 'active', t0())`, `INSERT INTO rooms VALUES (uid(1), uid(1), 'r', '', 'active', t0())`,
		`INSERT INTO sessions VALUES (uid(1), 'p', 'x', 1, sha256(''), uid(1), uid(1), t0(), t0() + interval '1 h', 9, '', 'finished', false, t0(), t0())`,
		`INSERT INTO exports VALUES (uid(1), uid(1), '{}', NULL, NULL, '', '', '', '', '', t0(), '', 'requested', 0, 0, 0, sha256(''), sha256(''), NULL, NULL, '')`,
	} {
		_, err := conn.Exec(t.Context(), q)
		require.NoError(t, err, q)
	}
	require.NoError(t, conn.Close(t.Context()))
	c := openAt(t, url)
	token, err := c.ClientToken(t.Context(), sum([]byte("x")))
	require.NoError(t, err)
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

// TestMethodsOfAccessDoNotDeadlock is TestNoTwoMethodsDeadlock for requests,
// grants, appeals and sign-ins, beside what else locks a session.
func TestMethodsOfAccessDoNotDeadlock(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	var seen counter
	a, b := openTraced(t, url, &seen), openTraced(t, url, &seen)
	calls := accessCalls(t, a)
	for i, first := range calls {
		for j, second := range calls[i:] {
			var wg sync.WaitGroup
			wg.Go(func() { repeat(t, a, first, 2*(i*len(calls)+j)) })
			wg.Go(func() { repeat(t, b, second, 2*(i*len(calls)+j)+1) })
			wg.Wait()
			require.Nil(t, seen.deadlock.Load(), "calls %d and %d", i, i+j)
		}
	}
}

func accessCalls(t *testing.T, c *Catalog) []lockingCall {
	w := newWorld(t, c)
	waiting, granted, hold := w.ask(lieciba.RequestGrant), w.approved(t, c, lieciba.RequestGrant), w.hold()
	require.NoError(t, c.PutRequest(t.Context(), waiting))
	grant := grantOf(granted)
	require.NoError(t, c.PutGrant(t.Context(), grant))
	user := lieciba.User{ID: newID[lieciba.UserID](), Login: "anna", Issuer: "https://i", Subject: "s", CreatedAt: base}
	require.NoError(t, c.PutUser(t.Context(), user))
	signIn := func(n int) lieciba.SignIn {
		return lieciba.SignIn{ID: newID[lieciba.SignInID](), TokenHash: sum([]byte(fmt.Sprint(n))), UserID: user.ID, CreatedAt: base, ExpiresAt: base}
	}
	appeal := appealOf(w, "A-1")
	export := lieciba.Export{ID: newID[lieciba.ExportID](), SessionID: w.session.ID, RequestedAt: base, State: lieciba.ExportRequested, RequestID: granted.ID}
	amend := func(ctx context.Context, c *Catalog, n int) error {
		_, err := c.ChangeRequest(ctx, waiting.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			out, err := r.Amend(r.Asked, fmt.Sprint("Reason ", n), asker, base)
			return &out, err
		})
		return err
	}
	return []lockingCall{amend,
		func(ctx context.Context, c *Catalog, n int) error { return c.PutRequest(ctx, granted) },
		func(ctx context.Context, c *Catalog, n int) error { return c.PutGrant(ctx, grantOf(granted)) },
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.RevokeGrant(ctx, grant.ID, "berta", base)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ChangeAppeal(ctx, w.session.ID, "A-1", func(a *lieciba.Appeal) (*lieciba.Appeal, error) {
				if a == nil {
					a = &appeal
				}
				a.CourtAt = base.Add(time.Duration(n) * time.Second)
				return a, nil
			})
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.PlaceHold(ctx, hold)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.PutExport(ctx, export) },
		func(ctx context.Context, c *Catalog, n int) error { return c.PutUser(ctx, user) },
		func(ctx context.Context, c *Catalog, n int) error {
			return errors.Join(c.PutSignIn(ctx, signIn(2*n)), c.PutSignIn(ctx, signIn(2*n+1)))
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.DeleteSignIns(ctx, "", base) },
		func(ctx context.Context, c *Catalog, n int) error { return c.DeleteSignIns(ctx, user.ID, base) },
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.EndProviderSession(ctx, user.Issuer, user.Subject, "")
			return err
		},
	}
}
