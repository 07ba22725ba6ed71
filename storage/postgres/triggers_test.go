package postgres

import (
	"crypto/rand"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/storagetest"
)

// ordinary makes an account that owns the test's database and is no superuser, as
// the server's own account should be, and returns the URL for it.
func ordinary(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(storagetest.Postgres(t))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), u.String())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	name, password := "lieciba_"+rand.Text(), rand.Text()
	role := pgx.Identifier{name}.Sanitize()
	for _, q := range []string{
		`CREATE ROLE ` + role + ` LOGIN PASSWORD '` + password + `'`,
		`ALTER DATABASE ` + pgx.Identifier{conn.Config().Database}.Sanitize() + ` OWNER TO ` + role,
	} {
		_, err := conn.Exec(t.Context(), q)
		require.NoError(t, err)
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

// furnish makes a row of every kind of evidence.
func furnish(t *testing.T, c *Catalog) {
	t.Helper()
	ctx := t.Context()
	w := newWorld(t, c)
	w.addVerified(t, c, 0)
	require.NoError(t, c.PutGap(ctx, w.gap(1)))
	w.seal(t, c)
	_, err := c.PlaceHold(ctx, w.hold())
	require.NoError(t, err)
	released, err := c.PlaceHold(ctx, lieciba.Hold{ID: heldID, SessionID: w.session.ID, Kind: lieciba.HoldCourt, PlacedAt: base})
	require.NoError(t, err)
	require.Zero(t, released)
	_, err = c.ChangeHold(ctx, heldID, func(h lieciba.Hold) (*lieciba.Hold, error) {
		h.ReleasedBy, h.ReleasedAt = "ilze", base.Add(time.Hour)
		return &h, nil
	})
	require.NoError(t, err)
	_, _, err = c.AddSessionEvent(ctx, lieciba.SessionEvent{ID: newID[lieciba.EventID](), SessionID: w.session.ID, Source: "pizis", ExternalID: "e1",
		Kind: lieciba.EventResultNotified, At: base})
	require.NoError(t, err)
	p := lieciba.RetentionPolicy{ID: newID[lieciba.PolicyID](), Name: "default", Version: 1, State: lieciba.PolicyDraft, DraftedByID: "a", DraftedAt: base}
	require.NoError(t, c.PutPolicy(ctx, p))
	_, err = c.ApprovePolicy(ctx, p.ID, "ilze", "b", base)
	require.NoError(t, err)
	require.NoError(t, c.AppendAudit(ctx, newAudit("act")))
	require.NoError(t, c.StageLeaf(ctx, newLeaf("logged")))
	require.Positive(t, sequence(t, c, 1000))
	require.NoError(t, c.StageLeaf(ctx, newLeaf("staged")))
	head, err := c.NewestCheckpoint(ctx)
	require.NoError(t, err)
	require.NoError(t, c.PutCosignature(ctx, lieciba.Cosignature{Size: head.Size, Witness: "w", At: base, Line: "x"}))
	require.NoError(t, c.PutTimeStamp(ctx, lieciba.TimeStamp{Size: head.Size, Authority: "tsa", At: base, Token: []byte{1}}))
}

var heldID = newID[lieciba.HoldID]()

// edits are what no client of the database may do to evidence.
var edits = []string{
	`UPDATE leaves SET idx = idx + 100 WHERE subject = 'logged'`,
	`UPDATE leaves SET idx = NULL WHERE subject = 'logged'`,
	`UPDATE leaves SET detail = 'x' WHERE subject = 'logged'`,
	`UPDATE leaves SET detail = 'x' WHERE subject = 'staged'`,
	`UPDATE leaves SET idx = 1000, subject = 'other' WHERE subject = 'staged'`,
	`DELETE FROM leaves WHERE subject = 'staged'`,
	`TRUNCATE leaves`,
	`UPDATE log_hashes SET hash = sha256('')`, `DELETE FROM log_hashes`, `TRUNCATE log_hashes`,
	`UPDATE checkpoints SET root = sha256('')`, `DELETE FROM checkpoints`, `TRUNCATE checkpoints CASCADE`,
	`UPDATE cosignatures SET line = ''`, `DELETE FROM cosignatures`, `TRUNCATE cosignatures`,
	`UPDATE time_stamps SET token = ''`, `DELETE FROM time_stamps`, `TRUNCATE time_stamps`,
	`UPDATE seals SET manifest = ''`, `DELETE FROM seals`, `TRUNCATE seals`,
	`UPDATE session_events SET at = now()`, `DELETE FROM session_events`, `TRUNCATE session_events`,
	`UPDATE audit SET who = ''`, `DELETE FROM audit`, `TRUNCATE audit`,
	`UPDATE policies SET keep_days = 0`, `UPDATE policies SET state = 'draft'`, `DELETE FROM policies`, `TRUNCATE policies`,
	`UPDATE holds SET reason = 'x' WHERE released_at IS NULL`, `UPDATE holds SET released_at = NULL WHERE released_at IS NOT NULL`,
	`DELETE FROM holds`, `TRUNCATE holds CASCADE`,
	`UPDATE recordings SET window_to = window_to - interval '1 s'`, `UPDATE recordings SET state = 'complete'`, `DELETE FROM recordings`, `TRUNCATE recordings CASCADE`,
	`UPDATE runs SET node_id = 'x'`, `DELETE FROM runs`, `TRUNCATE runs CASCADE`,
	`UPDATE segments SET sha256 = sha256('')`, `UPDATE segments SET to_at = to_at - interval '1 s'`, `UPDATE segments SET fragments = 'x'`,
	`UPDATE segments SET media_version = '2'`, `UPDATE segments SET state = 'hashed'`, `UPDATE segments SET state = 'deleting', size = 2`,
	`DELETE FROM segments`, `TRUNCATE segments`,
	`INSERT INTO segments SELECT gen_random_uuid(), recording_id, camera_id, run_id, to_at + interval '1 h', to_at + interval '2 h', size, init_size, lost_packets,
	  clock_offset, frames, node_id, sha256, video, audio, clock_quality, state, media_key, media_version, fragments FROM segments`,
	`UPDATE gaps SET cause = 'overload', to_at = to_at - interval '1 s'`, `DELETE FROM gaps`, `TRUNCATE gaps`,
	`INSERT INTO gaps SELECT gen_random_uuid(), recording_id, camera_id, node_id, to_at, to_at + interval '1 s', cause, detail FROM gaps`,
}

func TestTriggersRefuseTheOrdinaryAccount(t *testing.T) {
	c := openAt(t, ordinary(t))
	furnish(t, c)
	for _, q := range edits {
		_, err := c.pool.Exec(t.Context(), q)
		require.ErrorContains(t, err, "(SQLSTATE P0001)", q)
	}
	_, err := c.pool.Exec(t.Context(), `SET session_replication_role = replica`)
	require.ErrorContains(t, err, "permission denied")
}

// TestTriggersLetTheProductPass walks a sealed recording to its end.
func TestTriggersLetTheProductPass(t *testing.T) {
	c := openAt(t, ordinary(t))
	w := newWorld(t, c)
	s := w.addVerified(t, c, 0)
	w.seal(t, c)
	d, err := c.BeginDeletion(t.Context(), w.rec.ID, w.delete)
	require.NoError(t, err)
	claimed, err := c.ClaimSegments(t.Context(), d.ID, 9)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.NoError(t, c.SegmentsDeleted(t.Context(), d.ID, []lieciba.SegmentID{s.ID}))
	_, err = c.FinishDeletion(t.Context(), d.ID, base, []byte("{}\n"))
	require.NoError(t, err)
	for _, q := range []string{
		`UPDATE deletions SET certificate = ''`, `UPDATE deletions SET state = 'open', done_at = NULL, certificate = NULL`, `DELETE FROM deletions`, `TRUNCATE deletions`,
		`UPDATE recordings SET state = 'sealed'`, `UPDATE segments SET state = 'verified'`,
	} {
		_, err := c.pool.Exec(t.Context(), q)
		require.ErrorContains(t, err, "(SQLSTATE P0001)", q)
	}
}

// TestSuperuserGetsPastTheTriggers: it can, and no database can stop it. That is
// why fsck compares the rows with the log, and a witness keeps the log's root.
func TestSuperuserGetsPastTheTriggers(t *testing.T) {
	c := openTest(t)
	furnish(t, c)
	conn, err := pgx.ConnectConfig(t.Context(), c.pool.Config().ConnConfig)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), `SET session_replication_role = replica`)
	require.NoError(t, err)
	for _, q := range edits {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		tag, err := tx.Exec(t.Context(), q)
		require.NoError(t, err, q)
		if q[0] != 'T' {
			require.NotZero(t, tag.RowsAffected(), "%s: an edit that touches no row proves nothing", q)
		}
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
