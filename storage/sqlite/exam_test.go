package sqlite

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// TestExamRowsOnlyGrow tries each statement on a database that holds a row of
// everything that an exam leaves; every one is refused.
func TestExamRowsOnlyGrow(t *testing.T) {
	path, o := oldFile(t)
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	ctx, session, now := t.Context(), lieciba.SessionID(o.session), time.Now()
	id := func(i int) string { return o.audit[i] }
	require.NoError(t, c.AddIncident(ctx, lieciba.Incident{ID: lieciba.IncidentID(id(0)), SessionID: session, At: now, Kind: lieciba.IncidentPhone,
		Step: lieciba.IncidentRaised, RecordedAt: now}))
	require.NoError(t, c.AddReadiness(ctx, lieciba.Readiness{ID: lieciba.ReadinessID(id(0)), SessionID: session, At: now, State: lieciba.ReadinessFailed}))
	_, err = c.writer.Exec(`INSERT INTO part_events VALUES (?, ?, 'p', 'started', 1, NULL, 0, '', '', '', 1)`, id(0), session)
	require.NoError(t, err)
	_, err = c.writer.Exec(`INSERT INTO session_links VALUES ('p', 'real', ?1, zeroblob(32), '', '', 1, '', '', NULL), ('p', 'wrong', ?1, zeroblob(32), '', '', 1, '', '', 2)`, session)
	require.NoError(t, err)
	for i := range 2 {
		require.NoError(t, c.StageNotice(ctx, lieciba.Notice{ID: lieciba.NoticeID(id(i)), Kind: lieciba.NoticeGap, At: now, Data: []byte("{}")}))
	}
	n, err := c.PublishNotices(ctx, 1, now)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for _, q := range []string{
		`UPDATE incidents SET seat = 9`, `DELETE FROM incidents`, `INSERT OR REPLACE INTO incidents SELECT * FROM incidents`,
		`UPDATE part_events SET at = 9`, `DELETE FROM part_events`, `UPDATE readiness SET state = 'passed'`, `DELETE FROM readiness`,
		`UPDATE session_links SET external_id = 'x'`, `UPDATE session_links SET external_id = 'x', void_at = 3`, `UPDATE session_links SET void_at = NULL`, `UPDATE session_links SET void_at = 3`, `DELETE FROM session_links`,
		`UPDATE notices SET number = 9 WHERE number = 1`, `UPDATE notices SET number = NULL WHERE number = 1`,
		`UPDATE notices SET number = 2, retold = 1 WHERE number IS NULL`, `UPDATE notices SET number = 2, data = x'00' WHERE number IS NULL`, `UPDATE notices SET data = x'00' WHERE number IS NULL`,
		`DELETE FROM notices WHERE number IS NULL`, `INSERT OR REPLACE INTO notices SELECT * FROM notices WHERE number = 1`,
	} {
		_, err := c.writer.Exec(q)
		require.ErrorContains(t, err, "only grows", q)
	}
	_, err = c.writer.Exec(`UPDATE notices SET number = 2 WHERE number IS NULL`)
	require.NoError(t, err, "as the publisher does")
}

func TestQueriesOfExamsDescendOneIndex(t *testing.T) {
	c := openTest(t)
	const id = "0198c0de-0000-7000-8000-000000000000"
	for name, q := range map[string]struct {
		query, index string
		args         []any
	}{
		"SessionIncidents":     {whereIncidents, "incidents_session (session_id=?)", []any{id}},
		"SessionPartEvents":    {wherePartEvents, "part_events_session (session_id=?)", []any{id}},
		"SessionReadiness":     {whereReadiness, "readiness_session (session_id=?)", []any{id}},
		"SessionByKey":         {selectSessionByKey, "SEARCH sessions USING PRIMARY KEY (id=?)", []any{"p", "e"}},
		"LinkOf":               {selectLink, "session_links_session (session_id=?)", []any{id}},
		"ListSessions, linked": {selectLinked, "session_links_external (external_id=?)", []any{"e"}},
		"PublishNotices":       {selectNotice + whereStagedN, "sqlite_autoindex_notices_1 (number=?)", []any{9}},
		"StagedNotices":        {countStagedNotices, "sqlite_autoindex_notices_1 (number=?)", nil},
		"LinkSession, retold":  {selectNotice + toldOnce, "notices_session (session_id=?)", []any{id}},
		"ListNotices":          {selectNotice + whereNumber, "sqlite_autoindex_notices_1 (number>?)", []any{1, 9}},
		"ListNotices, source":  {selectNotice + whereSource, "notices_source (source=? AND number>?)", []any{"s", 1, 9}},
	} {
		got := plan(t, c, q.query, q.args...)
		require.Contains(t, got, q.index, name)
		requireNoScan(t, name, got)
	}
	// Those first in line are told by one probe each.
	for name, query := range map[string]string{"ClaimDeliveries": selectDelivery + whereDue, "NextDelivery": nextDelivery} {
		got := plan(t, c, query, []any{1, 9, ""}[:3*strings.Count(query, "LIMIT")]...)
		require.Contains(t, got, "deliveries_line (webhook_id=? AND line=? AND number<?)", name)
		require.NotContains(t, got, "SCAN notices", name)
	}
	for index, f := range map[string]storage.DeliveryFilter{
		"deliveries_number": {Before: 7},
		"PRIMARY KEY":       {WebhookID: id},
	} {
		query, args := deliveryQuery(f)
		got := plan(t, c, query, args...)
		require.Contains(t, got, index+" (", index)
		require.NotContains(t, got, "SCAN", index)
	}
	for index, f := range map[string]storage.AlarmFilter{
		"alarms_at": {Kinds: []lieciba.AlarmKind{lieciba.AlarmVolume, lieciba.AlarmOwnSite}}, "alarms_unseen": {Unseen: true},
	} {
		query, args, err := c.alarmQuery(t.Context(), f)
		require.NoError(t, err)
		require.Equal(t, "SCAN alarms USING INDEX "+index, plan(t, c, query, args...), "the newest, from the end of an index")
	}
}
