package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// furnishExam makes a row of everything that an exam leaves, a notice that is
// published and one that waits.
func furnishExam(t *testing.T, c *Catalog) {
	t.Helper()
	ctx := t.Context()
	w := newWorld(t, c)
	require.NoError(t, c.AddIncident(ctx, lieciba.Incident{ID: newID[lieciba.IncidentID](), SessionID: w.session.ID, At: base, Kind: lieciba.IncidentPhone,
		Step: lieciba.IncidentRaised, RecordedAt: base}))
	part := lieciba.Part{ID: newID[lieciba.PartID](), Kind: lieciba.PartReading, StartsAt: base, EndsAt: base.Add(time.Hour)}
	w.session.Parts = []lieciba.Part{part}
	require.NoError(t, c.ChangeSession(ctx, w.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &w.session, nil }, nil))
	require.NoError(t, c.AddPartEvent(ctx, w.session.ID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) {
		return &lieciba.PartEvent{ID: newID[lieciba.PartEventID](), SessionID: w.session.ID, PartID: part.ID, Step: lieciba.StepStarted, At: base, RecordedAt: base}, nil
	}))
	require.NoError(t, c.AddReadiness(ctx, lieciba.Readiness{ID: newID[lieciba.ReadinessID](), SessionID: w.session.ID, At: base, State: lieciba.ReadinessPassed}))
	adhoc := w.session
	adhoc.ID, adhoc.SessionKey = newID[lieciba.SessionID](), lieciba.SessionKey{Source: lieciba.SourceAdHoc, ExternalID: "a-1"}
	require.NoError(t, c.ChangeSession(ctx, adhoc.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &adhoc, nil }, nil))
	require.NoError(t, c.LinkSession(ctx, storage.SessionLink{Key: lieciba.SessionKey{Source: "pizis", ExternalID: "exam-9"}, SessionID: adhoc.ID, At: base}))
	for range 2 {
		require.NoError(t, c.StageNotice(ctx, lieciba.Notice{ID: newID[lieciba.NoticeID](), Kind: lieciba.NoticeGap, At: base, Data: []byte("{}")}))
	}
	n, err := c.PublishNotices(ctx, 1, base)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// examEdits are what no client of the database may do to an exam's rows.
var examEdits = []string{
	`UPDATE incidents SET seat = 9`, `DELETE FROM incidents`, `TRUNCATE incidents CASCADE`,
	`UPDATE part_events SET at = now()`, `DELETE FROM part_events`, `TRUNCATE part_events CASCADE`,
	`UPDATE readiness SET state = 'passed'`, `DELETE FROM readiness`, `TRUNCATE readiness CASCADE`,
	`UPDATE session_links SET external_id = 'x'`, `UPDATE session_links SET external_id = 'x', void_at = now()`, `DELETE FROM session_links`, `TRUNCATE session_links`,
	`UPDATE notices SET number = 9 WHERE number = 1`, `UPDATE notices SET number = NULL WHERE number = 1`, `UPDATE notices SET number = 2, data = '[]' WHERE number IS NULL`,
	`UPDATE notices SET data = '[]' WHERE number IS NULL`, `DELETE FROM notices WHERE number IS NULL`, `TRUNCATE notices CASCADE`,
}

func TestExamRowsOnlyGrow(t *testing.T) {
	c := openAt(t, ordinary(t))
	furnishExam(t, c)
	for _, q := range examEdits {
		_, err := c.pool.Exec(t.Context(), q)
		require.ErrorContains(t, err, "(SQLSTATE P0001)", q)
	}
	tag, err := c.pool.Exec(t.Context(), `UPDATE notices SET number = 2 WHERE number IS NULL`)
	require.NoError(t, err, "as the publisher does")
	require.EqualValues(t, 1, tag.RowsAffected())
}

// TestSuperuserChangesExamRows: so each of the edits touches a row.
func TestSuperuserChangesExamRows(t *testing.T) {
	c := openTest(t)
	furnishExam(t, c)
	conn, err := pgx.ConnectConfig(t.Context(), c.pool.Config().ConnConfig)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), `SET session_replication_role = replica`)
	require.NoError(t, err)
	for _, q := range examEdits {
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

// requireGrowing is requireIndex for queries that read the few webhooks whole.
func requireGrowing(t *testing.T, c *Catalog, name, index, query string, args []any) {
	t.Helper()
	lines, err := list(t.Context(), c.pool, pgx.RowTo[string], "EXPLAIN "+query, args...)
	require.NoError(t, err, name)
	plan := strings.ReplaceAll(strings.Join(lines, "\n"), "Seq Scan on webhooks", "")
	require.Regexp(t, `\b`+index+` on |Bitmap Index Scan on `+index+` `, plan, name)
	require.NotContains(t, plan, "Seq Scan", "%s:\n%s", name, plan)
}

// seedExam fills the tables of exams and notices: 20,000 of each, most of the
// notices delivered to both webhooks, 200 of one session waiting behind each other.
const seedExam = `
INSERT INTO sites VALUES (uid(1), 's', '', false, 'active', now());
INSERT INTO rooms VALUES (uid(1), uid(1), 'r', '', 'active', now());
INSERT INTO sessions (id, source, external_id, source_version, document_hash, site_id, room_id, starts_at, ends_at, seats, parts, state, cancel_asked, created_at, updated_at)
  SELECT uid(n), CASE n % 20 WHEN 0 THEN 'ad-hoc' ELSE 'p' END, 'e' || n, 1, sha256(''), uid(1), uid(1), t0() + n * interval '1 h', t0() + (n + 3) * interval '1 hours',
  9, '', 'finished', false, now(), now() FROM generate_series(1, 10000) n;
INSERT INTO session_links (source, external_id, session_id, document_hash, who, who_id, at) SELECT 'p', 'real' || n, uid(n), sha256(''), '', '', t0() FROM generate_series(20, 10000, 20) n;
INSERT INTO incidents SELECT uid(n), uid(1 + n % 5000), NULL, t0(), 0, 'phone', '', NULL, 'raised', '', '', t0() + n * interval '1 s' FROM generate_series(1, 20000) n;
INSERT INTO part_events SELECT uid(n), uid(1 + n % 5000), uid(n), 'started', t0(), NULL, false, '', '', '', t0() + n * interval '1 s' FROM generate_series(1, 20000) n;
INSERT INTO readiness SELECT uid(n), uid(1 + n % 5000), NULL, '', 't60', t0() + n * interval '1 s', 'passed', '[]', NULL, '', '', '' FROM generate_series(1, 20000) n;
INSERT INTO alarms SELECT uid(n), 'volume', n, '', '', NULL, t0() + n * interval '1 s', 1, '', '', CASE WHEN n % 200 > 0 THEN now() END, '' FROM generate_series(1, 20000) n;
INSERT INTO webhooks SELECT uid(n), 'w' || n, 'u', '', NULL, NULL, NULL, false, now() FROM generate_series(1, 20) n;
INSERT INTO notices (number, id, kind, subject, session_id, source, at, data) SELECT CASE WHEN n <= 20000 THEN n END, uid(n), 'session.gap', n,
  uid(CASE WHEN n > 19800 THEN 7 ELSE 1 + n % 5000 END), 's' || n % 100, t0() + n * interval '1 s', '{}' FROM generate_series(1, 20050) n;
INSERT INTO deliveries SELECT uid(w), number, session_id::text, CASE WHEN number > 19800 THEN 'waiting' WHEN number % 500 = 0 THEN 'dead' ELSE 'delivered' END, 0, at, '', NULL, '', NULL
  FROM notices, generate_series(1, 2) w WHERE number IS NOT NULL;
ANALYZE;`

func TestQueriesOfExamsDescendOneIndex(t *testing.T) {
	c := openTest(t)
	for _, q := range []string{helpers, seedExam} {
		_, err := c.pool.Exec(t.Context(), q)
		require.NoError(t, err)
	}
	const id = "00000000-0000-0000-0000-000000000007"
	for name, q := range map[string]struct {
		query, index string
		args         []any
	}{
		"SessionIncidents":     {sessionIncidents, "incidents_session", []any{id}},
		"SessionPartEvents":    {sessionPartEvents, "part_events_session", []any{id}},
		"SessionReadiness":     {sessionReadiness, "readiness_session", []any{id}},
		"SessionByKey":         {selectSessionByKey, "session_links_external(_id)?", []any{"p", "real20"}},
		"LinkOf":               {selectLink, "session_links_session_id", []any{id}},
		"ListSessions, linked": {selectLinked, "session_links_external", []any{"real20"}},
		"PublishNotices":       {selectNotice + whereStagedNotice, "notices_(staged|number)", []any{10}},
		"StagedNotices":        {countStagedNotices, "notices_(staged|number)", nil},
		"LinkSession, retold":  {selectNotice + toldOnce, "notices_session", []any{id}},
		"ListNotices":          {selectNotice + whereNumber, "notices_number", []any{19_000, 10}},
		"ListNotices, source":  {selectNotice + whereSource, "notices_source", []any{"s7", 10_000, 10}},
		"ClaimDeliveries":      {selectDue, "deliveries_(due|line)", []any{time.Now(), 10, ""}},
		"NextDelivery":         {nextDelivery, "deliveries_(due|line)", nil},
	} {
		requireGrowing(t, c, name, q.index, q.query, q.args)
	}
	for index, f := range map[string]storage.DeliveryFilter{
		"deliveries_number": {Limit: 5}, "deliveries_pkey": {WebhookID: id, Limit: 5},
		"deliveries_(state|pkey)": {WebhookID: "00000000-0000-0000-0000-000000000001", States: []lieciba.DeliveryState{lieciba.DeliveryDead}, Limit: 5},
	} {
		query, args := deliveryQuery(f)
		requireGrowing(t, c, index, index, query, args)
	}
	for index, f := range map[string]storage.AlarmFilter{"alarms_at": {Limit: 5}, "alarms_unseen": {Unseen: true, Limit: 5}} {
		query, args, err := c.alarmQuery(t.Context(), f)
		require.NoError(t, err)
		requireIndex(t, c, index, index, query, args)
	}
}
