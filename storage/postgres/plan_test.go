package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/storagetest"
)

func openTest(t *testing.T) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), storagetest.PostgresFor(t, Open))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// seed fills the tables that grow, so that the planner has a choice to make:
// 100 recordings of 1,000 segments, 20,000 sessions, 50,000 audit entries, 150,000
// leaves of which 101 wait.
const seed = `
INSERT INTO sites VALUES (uid(1), 's', '', false, 'active', now());
INSERT INTO rooms SELECT uid(n), uid(1), 'r' || n, '', 'active', now() FROM generate_series(1, 50) n;
INSERT INTO cameras SELECT uid(n), uid(1), n, n, false, '', n, '', '', '', '', '', '', '', '', '', 'ready', 0, now() FROM generate_series(1, 50) n;
INSERT INTO sessions SELECT uid(n), 'p', n, 1, sha256(''), uid(1), uid(1 + n % 50), t0() + n * interval '1 hour', t0() + n * interval '1 hour' + interval '3 hours',
  9, '', CASE n % 1000 WHEN 0 THEN 'running' ELSE 'finished' END, false, now(), now() FROM generate_series(1, 20000) n;
INSERT INTO recordings SELECT uid(n), uid(n), uid(1), uid(1), 'node', t0(), t0(), 'complete', now() FROM generate_series(1, 100) n;
INSERT INTO runs SELECT uid(n), uid(n), uid(1), 'node', t0(), '' FROM generate_series(1, 100) n;
INSERT INTO segments SELECT uid(n), uid(1 + n / 1000), uid(1), uid(1 + n / 1000), t0() + n % 1000 * interval '10 s', t0() + (n % 1000 + 1) * interval '10 s',
  1, 1, 0, 0, 250, 'node', sha256(''), 'h264', '', 'good', CASE n % 5000 WHEN 0 THEN 'hashed' ELSE 'verified' END, 'k', 'v', 'x' FROM generate_series(0, 99999) n;
INSERT INTO gaps SELECT uid(n), uid(1 + n % 100), uid(1), 'node', t0() + n * interval '1 s', t0() + n * interval '1 s' + interval '1 ms', 'overload', '' FROM generate_series(1, 20000) n;
INSERT INTO audit SELECT uid(n), t0() + n * interval '1 s', uid(n % 500), uid(n % 50), NULL, NULL, 'w', n % 300, 'act' || n % 400, '', 'ok', '', '' FROM generate_series(1, 50000) n;
INSERT INTO leaves (idx, kind, subject, at, salt, commitment, detail) SELECT CASE WHEN n < 150000 THEN n END, CASE n % 3 WHEN 0 THEN 'segment' ELSE 'audit' END,
  uid(n)::text, t0() + n * interval '1 s', decode(repeat('00', 16), 'hex'), sha256(''), 'x' FROM generate_series(0, 150100) n;
INSERT INTO log_hashes SELECT n, sha256('') FROM generate_series(0, 299990) n;
INSERT INTO checkpoints SELECT n * 10, 'o', sha256(''), t0(), 'x' FROM generate_series(1, 15000) n;
INSERT INTO cosignatures SELECT n * 10, 'w' || n % 3, t0(), 'x' FROM generate_series(1, 15000) n;
INSERT INTO exports SELECT uid(n), uid(1 + n % 5000), '{}', NULL, NULL, '', '', '', '', '', t0() + n * interval '1 s', 'node' || n % 9, 'collected', 0, 0, 0, sha256(''), sha256(''), NULL, NULL, ''
  FROM generate_series(1, 20000) n;
INSERT INTO holds SELECT uid(n), uid(1 + n % 5000), 'court', '', '', '', '', t0() + n * interval '1 s', '', '', NULL, NULL, '', CASE WHEN n % 1000 > 0 THEN now() END FROM generate_series(1, 20000) n;
INSERT INTO session_events SELECT uid(n), uid(1 + n % 5000), 's', n, 'result_notified', t0(), '', t0() FROM generate_series(1, 20000) n;
ANALYZE;`

func TestQueriesDescendOneIndex(t *testing.T) {
	c := openTest(t)
	for _, q := range []string{helpers, seed} {
		_, err := c.pool.Exec(t.Context(), q)
		require.NoError(t, err)
	}
	const id = "00000000-0000-0000-0000-000000000007"
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, q := range map[string]struct {
		query, index string
		args         []any
	}{
		"SegmentAt":          {selectWhole + whereAt, "segments_to", []any{id, t0.Add(time.Hour)}},
		"SegmentBefore":      {selectWhole + whereBefore, "segments_from", []any{id, t0.Add(time.Hour)}},
		"RecordingSegments":  {selectSegment + whereSpan, "segments_from", []any{id, t0, t0.Add(time.Minute)}},
		"UnverifiedSegments": {selectSegment + whereUnverified, "segments_unverified", []any{"node", 9}},
		"ScanSegments":       {selectWhole + whereAfterID, "segments_pkey", []any{id, 9}},
		"RecordingGaps":      {selectGap + `WHERE recording_id = $1 AND ` + live + ` ORDER BY from_at LIMIT 5`, "gaps_recording", []any{id}},

		"LeafOf":             {selectLeaf + whereSubject, "leaves_subject", []any{"segment", id}},
		"Logged":             {selectLogged, "leaves_subject", []any{"segment", []string{id, id}}},
		"Leaves":             {selectLeaf + whereLogged, "leaves_idx", []any{100_000, 100_050, maxPage}},
		"Sequence":           {selectStaged, "leaves_(staged|idx)", []any{1000}},
		"StagedLeaves":       {selectWaiting, "leaves_(staged|idx)", nil},
		"LogHashes":          {selectHashes, "log_hashes_pkey", []any{[]int64{1, 100, 1000}}},
		"NewestCheckpoint":   {selectNewest, "checkpoints_pkey", nil},
		"Checkpoints":        {selectCheckpoints, "checkpoints_pkey", []any{140_000, maxPage}},
		"NewestCosignatures": {newestCosignatures, "cosignatures_witness", nil},
		"MissingAudit":       {selectAudit + `AS t WHERE ` + unstaged, "audit_pkey", []any{"00000000-0000-0000-0000-00000000c300", "audit", stageBatch}},
		"SessionHolds":       {sessionHolds, "holds_session", []any{id}},
		"ActiveHolds":        {activeHolds, "holds_active", nil},
		"SessionEvents":      {sessionEvents, "session_events_session", []any{id}},
		"Deleting":           {selectSegment + whereDeleting, "segments_deleting", []any{id}},
	} {
		requireIndex(t, c, name, q.index, q.query, q.args)
	}
	span := lieciba.Interval{From: t0.Add(50 * time.Hour), To: t0.Add(60 * time.Hour)}
	for index, f := range map[string]storage.SessionFilter{
		"sessions_start":    {Span: span},
		"sessions_room":     {RoomID: id, Limit: 5},
		"sessions_state":    {States: []lieciba.SessionState{lieciba.SessionRunning}},
		"sessions_external": {ExternalID: "77"},
	} {
		query, args, err := c.sessionQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
	for index, f := range map[string]storage.ExportFilter{
		"exports_requested": {Limit: 5}, "exports_session": {SessionID: id},
		"exports_node": {NodeID: "node3", States: []lieciba.ExportState{lieciba.ExportRequested, lieciba.ExportBuilding}},
	} {
		query, args, err := c.exportQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
	for index, f := range map[string]storage.AuditFilter{
		"audit_at": {}, "audit_who": {WhoID: "7"}, "audit_act": {Act: "act7"}, "audit_session": {SessionID: id}, "audit_camera": {CameraID: id},
	} {
		f.Limit = 5
		query, args, err := c.auditQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
}

// requireIndex checks that the plan reads the named index and no table whole.
func requireIndex(t *testing.T, c *Catalog, name, index, query string, args []any) {
	t.Helper()
	lines, err := list(context.Background(), c.pool, pgx.RowTo[string], "EXPLAIN "+query, args...)
	require.NoError(t, err, name)
	plan := strings.Join(lines, "\n")
	require.Regexp(t, `\b`+index+` on |Bitmap Index Scan on `+index+` `, plan, name)
	require.NotContains(t, plan, "Seq Scan", "%s:\n%s", name, plan)
}
