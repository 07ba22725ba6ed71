package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func openTest(t *testing.T, opts ...Option) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalogue.db"), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// plan is SQLite's plan of a query, one step a line.
func plan(t *testing.T, c *Catalog, query string, args ...any) string {
	t.Helper()
	steps, err := list(context.Background(), c.readers, func(r row) (s string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &s)
		return s, err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	require.NoError(t, err)
	return strings.Join(steps, "\n")
}

func TestQueriesDescendOneIndex(t *testing.T) {
	c := openTest(t)
	const id = "0198c0de-0000-7000-8000-000000000000"
	now := time.Now()
	for name, q := range map[string]struct {
		query, index string
		args         []any
	}{
		"SegmentAt":          {selectWhole + whereAt, "segments_to (recording_id=? AND to_at>?)", []any{id, 1}},
		"SegmentBefore":      {selectWhole + whereBefore, "segments_from (recording_id=? AND from_at<?)", []any{id, 1}},
		"RecordingSegments":  {selectSegment + whereSpan, "segments_from (recording_id=? AND from_at>? AND from_at<?)", []any{id, 1, 2}},
		"UnverifiedSegments": {selectSegment + whereUnverified, "segments_unverified (node_id=?)", []any{id, 9}},
		"ScanSegments":       {selectWhole + whereAfterID, "sqlite_autoindex_segments_1 (id>?)", []any{id, 9}},
		"RecordingGaps":      {selectGap + whereGaps, "gaps_recording (recording_id=?)", []any{id}},
		"LeafOf":             {selectLeaf + whereLeaf, "sqlite_autoindex_leaves_2 (kind=? AND subject=?)", []any{"segment", id}},
		"Leaves":             {selectLeaf + whereLogged, "sqlite_autoindex_leaves_1 (idx>? AND idx<?)", []any{1, 2, 3}},
		"Staged":             {selectLeaf + whereStaged, "sqlite_autoindex_leaves_1 (idx=?)", []any{9}},
		"StagedLeaves":       {countStaged, "sqlite_autoindex_leaves_1 (idx=?)", nil},
		"Checkpoints":        {selectCheckpoint + laterCheckpoints, "INTEGER PRIMARY KEY (rowid>?)", []any{1, 9}},
		"Seal":               {selectSeal, "sqlite_autoindex_seals_1 (recording_id=?)", []any{id}},
		"ClaimSegments":      {selectSegment + whereDeleting, "segments_state (recording_id=? AND state=?)", []any{id}},
		"SessionEvents":      {selectEvent + whereEvents, "session_events_session (session_id=?)", []any{id}},
		"SessionHolds":       {selectHold + whereHolds, "holds_session (session_id=?)", []any{id}},
		"Tombstone":          {selectDeletion + whereTombstone, "sqlite_autoindex_deletions_2 (recording_id=?)", []any{id}},
		"OpenExports":        {`SELECT ` + exportColumns + ` FROM exports ` + whereOpenExport, "exports_session (session_id=?)", []any{id}},
	} {
		got := plan(t, c, q.query, q.args...)
		require.Contains(t, got, q.index, name)
		requireNoScan(t, name, got)
	}
	span := lieciba.Interval{From: now, To: now.Add(time.Hour)}
	for index, f := range map[string]storage.SessionFilter{
		"sessions_start":    {Span: span},
		"sessions_site":     {Sites: []lieciba.SiteID{id}, Span: span},
		"sessions_room":     {RoomID: id},
		"sessions_state":    {States: []lieciba.SessionState{lieciba.SessionRunning}},
		"sessions_external": {ExternalID: "x"},
	} {
		query, args, err := c.sessionQuery(t.Context(), f)
		require.NoError(t, err)
		got := plan(t, c, query, args...)
		require.Contains(t, got, index+" ", "%+v", f)
		requireNoScan(t, index, got)
	}
	for index, f := range map[string]storage.AuditFilter{
		"audit_at": {Span: span}, "audit_who": {WhoID: id}, "audit_act": {Act: "x"},
		"audit_session": {SessionID: id}, "audit_camera": {CameraID: id, Span: span},
	} {
		query, args, err := c.auditQuery(t.Context(), f)
		require.NoError(t, err)
		got := plan(t, c, query, args...)
		require.Contains(t, got, index+" ", "%+v", f)
		requireNoScan(t, index, got)
	}
	// Without a filter the newest are read from the end of an index, unsorted.
	for _, query := range []string{
		func() string { q, _, _ := c.sessionQuery(t.Context(), storage.SessionFilter{}); return q }(),
		func() string { q, _, _ := c.auditQuery(t.Context(), storage.AuditFilter{}); return q }(),
		func() string { q, _, _ := c.exportQuery(t.Context(), storage.ExportFilter{}); return q }(),
	} {
		got := plan(t, c, query, 100)
		require.Contains(t, got, "USING INDEX")
		require.NotContains(t, got, "TEMP B-TREE")
	}
	// The last row of the table, and the holds that are active, without a sort.
	require.Equal(t, "SCAN checkpoints", plan(t, c, selectCheckpoint+newestCheckpoint))
	require.Equal(t, "SCAN holds USING INDEX holds_active", plan(t, c, selectHold+whereActiveHolds))
	// One descent for each value that is asked for.
	for query, step := range map[string]string{
		selectLogged: "SEARCH leaves USING INDEX sqlite_autoindex_leaves_2 (kind=? AND subject=?)",
		selectHashes: "SEARCH log_hashes USING INTEGER PRIMARY KEY (rowid=?)",
	} {
		args := []any{"[]", "segment"}[:strings.Count(query, "?")]
		got := strings.Split(plan(t, c, query, args...), "\n")
		require.Contains(t, got[0], "SCAN j VIRTUAL TABLE")
		require.Equal(t, step, got[1])
	}
}

func requireNoScan(t *testing.T, name, plan string) {
	t.Helper()
	require.NotContains(t, plan, "SCAN", name)
	require.NotContains(t, plan, "TEMP B-TREE", name)
}
