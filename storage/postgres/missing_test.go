package postgres

import (
	"errors"
	"io/fs"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/storagetest"
)

// oldRows is what a catalogue of the first schema holds: two batches and a half of
// audit entries, segments, and of the gaps one that is open and one removed.
const oldRows = `
INSERT INTO sites VALUES (uid(1), 's', '', false, 'active', now());
INSERT INTO rooms SELECT uid(1), uid(1), 'r', '', 'active', now();
INSERT INTO cameras SELECT uid(1), uid(1), 'c', '', false, '', '', '', '', '', '', '', '', '', '', '', 'ready', 0, now();
INSERT INTO sessions SELECT uid(1), 'p', '1', 1, sha256(''), uid(1), uid(1), t0(), t0() + interval '3 hours', 9, '', 'finished', false, now(), now();
INSERT INTO recordings SELECT uid(1), uid(1), uid(1), uid(1), 'node', t0(), t0(), 'sealed', now();
INSERT INTO runs SELECT uid(1), uid(1), uid(1), 'node', t0(), '';
INSERT INTO segments SELECT uid(n), uid(1), uid(1), uid(1), t0() + n * interval '10 s', t0() + (n + 1) * interval '10 s',
  1, 1, 0, 0, 250, 'node', sha256(''), 'h264', '', 'good', 'verified', 'k', 'v', 'x' FROM generate_series(1, 1200) n;
INSERT INTO gaps VALUES (uid(1), uid(1), uid(1), 'node', t0(), t0() + interval '1 s', 'overload', ''),
  (uid(2), uid(1), uid(1), 'node', t0() + interval '1 s', NULL, 'overload', ''), (uid(3), uid(1), uid(1), 'node', t0(), t0(), 'overload', '');
INSERT INTO audit SELECT uid(n), t0() + n * interval '1 s', NULL, NULL, NULL, NULL, 'w', n, 'act', '', 'ok', '', '' FROM generate_series(1, 2500) n;`

const helpers = `CREATE FUNCTION uid(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;
	CREATE FUNCTION t0() RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$ SELECT '2026-01-01 00:00:00+00'::timestamptz $$;`

// oldDatabase makes a catalogue of the first schema.
func oldDatabase(t *testing.T) string {
	t.Helper()
	u := storagetest.Postgres(t)
	cfg, err := pgx.ParseConfig(u)
	require.NoError(t, err)
	db := stdlib.OpenDB(*cfg)
	dir, err := fs.Sub(migrations, "migrations")
	require.NoError(t, err)
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = p.UpTo(t.Context(), 1)
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), helpers)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), oldRows)
	require.NoError(t, err)
	require.NoError(t, errors.Join(conn.Close(t.Context()), db.Close()))
	return u
}

func TestOlderRowsGetTheirLeaves(t *testing.T) {
	u := oldDatabase(t)
	nodes := make([]*Catalog, 4)
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() { nodes[i], errs[i] = Open(t.Context(), u) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	c := nodes[0]
	defer func() {
		for _, n := range nodes {
			require.NoError(t, n.Close())
		}
	}()
	const all = 1200 + 1 + 2500
	waiting, oldest, err := c.StagedLeaves(t.Context())
	require.NoError(t, err)
	require.Equal(t, all, waiting, "one leaf each, however many nodes looked")
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, t0.Add(time.Second), oldest)
	for range 4 {
		sequence(t, c, 1000)
	}
	require.Len(t, requireWholeLog(t, c), all)

	s, err := c.RecordingSegments(t.Context(), "00000000-0000-0000-0000-000000000001", lieciba.Interval{To: t0.Add(15 * time.Second)})
	require.NoError(t, err)
	requireLeaf(t, c, evidence.LeafOfSegment(s[0]))
	g, err := c.RecordingGaps(t.Context(), s[0].RecordingID)
	require.NoError(t, err)
	requireLeaf(t, c, evidence.LeafOfGap(g[0]))
	e, err := c.ListAudit(t.Context(), storage.AuditFilter{Limit: 1})
	require.NoError(t, err)
	requireLeaf(t, c, evidence.LeafOfAudit(e[0]))
}

func requireLeaf(t *testing.T, c *Catalog, want lieciba.Leaf) {
	t.Helper()
	got, err := c.LeafOf(t.Context(), want.Kind, want.Subject)
	require.NoError(t, err)
	require.GreaterOrEqual(t, got.Index, int64(0))
	require.NoError(t, evidence.CheckLeafRow(got))
	got.Index, got.Salt, got.Commitment = want.Index, want.Salt, want.Commitment
	require.Equal(t, want, got)
}

// TestRowsOfAnOlderNodeGetTheirLeaves writes as a node does that runs the version
// before this one beside it.
func TestRowsOfAnOlderNodeGetTheirLeaves(t *testing.T) {
	u := storagetest.PostgresFor(t, Open)
	c := openAt(t, u)
	e, past := newAudit("act"), newAudit("act")
	e.ID = lieciba.NewID[lieciba.AuditID](time.Now())
	past.ID = lieciba.NewID[lieciba.AuditID](time.Now().Add(-lookBack / 2))
	for _, e := range []lieciba.AuditEntry{e, past} {
		_, err := c.pool.Exec(t.Context(), `INSERT INTO audit (id, at, who, who_id, act, object, outcome, detail, address)
			VALUES ($1, $2, 'anna', '', 'act', '', 'ok', '', '')`, e.ID, e.At)
		require.NoError(t, err)
	}
	_, err := c.LeafOf(t.Context(), lieciba.LeafAudit, string(e.ID))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	openAt(t, u)
	sequence(t, c, 10)
	requireLeaf(t, c, evidence.LeafOfAudit(e))
	requireLeaf(t, c, evidence.LeafOfAudit(past))
}

func TestReadOnlyStandbyOpens(t *testing.T) {
	u := storagetest.PostgresFor(t, Open)
	c := openAt(t, u)
	require.NoError(t, c.PutSite(t.Context(), newSite("a")))
	p, err := url.Parse(u)
	require.NoError(t, err)
	p.RawQuery += "&default_transaction_read_only=on"
	standby := openAt(t, p.String())
	sites, err := standby.ListSites(t.Context())
	require.NoError(t, err)
	require.Len(t, sites, 1)
}

func TestFirstID(t *testing.T) {
	at := time.Now()
	for range 100 {
		require.Less(t, firstID(at), string(lieciba.NewID[lieciba.AuditID](at)))
		require.Greater(t, firstID(at), string(lieciba.NewID[lieciba.AuditID](at.Add(-time.Millisecond))))
	}
}
