package postgres

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/storagetest"
)

func newSite(code string) lieciba.Site {
	now := time.Now()
	return lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: code, State: lieciba.PlaceActive, CreatedAt: now}
}

func TestServerStopsAndComesBack(t *testing.T) {
	s := storagetest.OwnPostgres(t)
	c, err := Open(t.Context(), s.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	// Several idle connections, all of which the stop kills.
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if err := c.PutSite(t.Context(), newSite(string(rune('a'+i)))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.Stop(t)
	requireUnavailable(t, c.PutSite(t.Context(), newSite("x")))
	_, err = c.ListSites(t.Context())
	requireUnavailable(t, err)
	requireUnavailable(t, c.Ping(t.Context()))
	s.Start(t)
	list, err := c.ListSites(t.Context())
	require.NoError(t, err, "the first call after the restart")
	require.Len(t, list, 6)
	require.NoError(t, c.PutSite(t.Context(), newSite("x")))
}

func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err), "%v", err)
}

func TestKilledConnections(t *testing.T) {
	c := openTest(t)
	require.NoError(t, c.PutSite(t.Context(), newSite("a")))
	kill := func() {
		admin, err := pgx.ConnectConfig(t.Context(), c.pool.Config().ConnConfig)
		require.NoError(t, err)
		_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		require.NoError(t, err)
		require.NoError(t, admin.Close(t.Context()))
	}
	kill()
	require.NoError(t, c.PutSite(t.Context(), newSite("b")), "an idle connection that died is replaced")
	kill()
	_, err := c.ListSites(t.Context())
	require.NoError(t, err)
	// One that dies in mid-transaction is the caller's to repeat.
	err = c.write(t.Context(), "test", func(tx pgx.Tx) error {
		kill()
		_, err := tx.Exec(t.Context(), `SELECT 1`)
		return err
	})
	requireUnavailable(t, err)
}

func TestAbortedTransactionsRunAgain(t *testing.T) {
	c := openTest(t)
	for _, state := range []string{"40001", "40P01"} {
		runs := 0
		require.NoError(t, c.write(t.Context(), "test", func(tx pgx.Tx) error {
			if runs++; runs < 3 {
				_, err := tx.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'aborted' USING ERRCODE = '`+state+`'; END $$`)
				return err
			}
			return nil
		}))
		require.Equal(t, 3, runs)
	}
	runs := 0
	err := c.write(t.Context(), "test", func(tx pgx.Tx) error {
		runs++
		_, err := tx.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'aborted' USING ERRCODE = '40001'; END $$`)
		return err
	})
	requireUnavailable(t, err)
	require.Equal(t, attempts, runs, "it gives up")
}

func TestNodesThatStartTogether(t *testing.T) {
	u := storagetest.Postgres(t)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			c, err := Open(t.Context(), u)
			if err == nil {
				err = errors.Join(c.Ping(t.Context()), c.Close())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

func TestOpenRefuses(t *testing.T) {
	u := storagetest.Postgres(t)
	change := func(do func(*url.URL)) string {
		p, err := url.Parse(u)
		require.NoError(t, err)
		do(p)
		return p.String()
	}
	for name, c := range map[string]struct {
		url  string
		code lieciba.Code
	}{
		"no URL":         {"postgres://u:hunter2@[::1", lieciba.CodeInvalid},
		"wrong password": {change(func(p *url.URL) { p.User = url.UserPassword("postgres", "hunter2") }), lieciba.CodeInvalid},
		"no database":    {change(func(p *url.URL) { p.Path = "/nowhere" }), lieciba.CodeInvalid},
		"no server":      {change(func(p *url.URL) { p.Host, p.User = "127.0.0.1:1", url.UserPassword("u", "hunter2") }), lieciba.CodeUnavailable},
	} {
		_, err := Open(t.Context(), c.url)
		require.Equal(t, c.code, lieciba.CodeOf(err), "%s: %v", name, err)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}

func TestConnectionsKeepThePromises(t *testing.T) {
	u := storagetest.Postgres(t)
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	name := pgx.Identifier{conn.Config().Database}.Sanitize()
	_, err = conn.Exec(t.Context(), `ALTER DATABASE `+name+` SET synchronous_commit = off`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	c, err := Open(t.Context(), u)
	require.NoError(t, err)
	var commit, idle string
	require.NoError(t, c.pool.QueryRow(t.Context(),
		`SELECT current_setting('synchronous_commit'), current_setting('idle_in_transaction_session_timeout')`).Scan(&commit, &idle))
	require.Equal(t, "on", commit)
	require.Equal(t, "30s", idle)
	require.NoError(t, c.Close())
}

// TestWordsOfACamera stores what a device put into the words of an error.
func TestWordsOfACamera(t *testing.T) {
	c := openTest(t)
	w := newWorld(t, c)
	const sent, kept = "bad status: 404 (Not\x00Found \xff)", "bad status: 404 (Not\uFFFDFound \uFFFD)"
	g := w.gap(0)
	g.Detail = sent
	e := newAudit("act")
	e.Detail = sent
	for range 2 {
		require.NoError(t, c.PutGap(t.Context(), g))
		require.NoError(t, c.AppendAudit(t.Context(), e))
	}
	gaps, err := c.RecordingGaps(t.Context(), w.rec.ID)
	require.NoError(t, err)
	require.Equal(t, kept, gaps[0].Detail)
	entries, err := c.ListAudit(t.Context(), storage.AuditFilter{})
	require.NoError(t, err)
	require.Equal(t, kept, entries[0].Detail)
	require.Equal(t, 2, sequence(t, c, 10))
	requireLeaf(t, c, evidence.LeafOfGap(gaps[0]))
	requireLeaf(t, c, evidence.LeafOfAudit(entries[0]))
}

func TestAuditLogOnlyGrows(t *testing.T) {
	c := openTest(t)
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](time.Now()), At: time.Now(), Act: "sign_in"}
	require.NoError(t, c.AppendAudit(t.Context(), e))
	for _, q := range []string{`DELETE FROM audit`, `UPDATE audit SET who = 'x'`, `TRUNCATE audit`} {
		_, err := c.pool.Exec(t.Context(), q)
		require.ErrorContains(t, err, "only grows", q)
	}
}

func TestErrorCodes(t *testing.T) {
	for state, code := range map[string]lieciba.Code{
		"53100": lieciba.CodeFull, "53300": lieciba.CodeUnavailable, "57P03": lieciba.CodeUnavailable, "08006": lieciba.CodeUnavailable,
		"25006": lieciba.CodeUnavailable, "25P03": lieciba.CodeUnavailable, "XX001": lieciba.CodeCorrupt, "42P01": lieciba.CodeInternal,
	} {
		require.Equal(t, code, lieciba.CodeOf(fail(&pgconn.PgError{Code: state}, "test")), state)
	}
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(fail(context.DeadlineExceeded, "test")))
	require.NoError(t, fail(nil, "test"))
}
