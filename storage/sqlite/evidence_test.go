package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// old holds the IDs of the rows that seedOld writes.
type old struct {
	site, room, camera, session, recording, run string
	segments, gaps, audit                       []string
}

func oldIDs() old {
	id := func() string { return string(lieciba.NewID[lieciba.AuditID](time.Now())) }
	o := old{site: id(), room: id(), camera: id(), session: id(), recording: id(), run: id()}
	for range scanPage + 3 { // more than a page
		o.segments = append(o.segments, id())
	}
	for range 4 {
		o.gaps, o.audit = append(o.gaps, id()), append(o.audit, id())
	}
	return o
}

// seedOld fills a database of the first schema: gaps[2] is open, gaps[3] was removed.
func seedOld(t *testing.T, db *sql.DB, o old) {
	t.Helper()
	tx, err := db.Begin()
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Commit()) }()
	do := func(query string, args ...any) {
		_, err := tx.Exec(query, args...)
		require.NoError(t, err, query)
	}
	hash := make([]byte, 32)
	do(`INSERT INTO sites VALUES (?, 's', 's', 0, 'active', 1)`, o.site)
	do(`INSERT INTO rooms VALUES (?, ?, 'r', 'r', 'active', 1)`, o.room, o.site)
	do(`INSERT INTO cameras VALUES (?, ?, 'c', '', 1, '', '', '', '', '', '', '', x'5b5d', '', '', '', 'enrolled', 0, 1, NULL)`, o.camera, o.site)
	do(`INSERT INTO sessions VALUES (?, 'p', 'x', 1, ?, ?, ?, 1000000, 9000000, 1, x'5b5d', 'finished', 0, 1, 1)`, o.session, hash, o.site, o.room)
	do(`INSERT INTO recordings VALUES (?, ?, ?, ?, 'n', 1000000, 9000000, 'complete', 1)`, o.recording, o.session, o.camera, o.room)
	do(`INSERT INTO runs VALUES (?, ?, ?, 'n', 1, x'7b7d')`, o.run, o.recording, o.camera)
	for i, id := range o.segments {
		do(`INSERT INTO segments VALUES (?, ?, ?, ?, 'n', ?, ?, 10, ?, 1, 'h264', '', 1, 0, 0, 'good', 'verified', 'k', '', ?)`,
			id, o.recording, o.camera, o.run, 10*i+1, 10*i+9, hash, storage.EncodeFragments(nil))
	}
	for i, id := range o.gaps {
		var to any = 100_000 + 10*i + 5
		switch i {
		case 2:
			to = nil
		case 3:
			to = 100_000 + 10*i
		}
		do(`INSERT INTO gaps VALUES (?, ?, ?, 'n', ?, ?, 'disk_full', '')`, id, o.recording, o.camera, 100_000+10*i, to)
	}
	for i, id := range o.audit {
		do(`INSERT INTO audit VALUES (?, ?, 'w', 'w', 'a', 'o', '', '', NULL, NULL, 'ok', '', '')`, id, i+1)
	}
}

// oldFile makes a database of the first schema with rows.
func oldFile(t *testing.T) (path string, o old) {
	t.Helper()
	path, o = filepath.Join(t.TempDir(), "old.db"), oldIDs()
	db, err := sql.Open("sqlite", dsn(path))
	require.NoError(t, err)
	dir, err := fs.Sub(migrations, "migrations")
	require.NoError(t, err)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = p.UpTo(t.Context(), 1)
	require.NoError(t, err)
	seedOld(t, db, o)
	require.NoError(t, db.Close())
	return path, o
}

// TestOldRowsGetTheirLeaves opens a database from before there was a log: each
// segment, closed gap and audit entry has a leaf afterwards, once.
func TestOldRowsGetTheirLeaves(t *testing.T) {
	path, o := oldFile(t)
	for range 2 {
		c, err := Open(t.Context(), path)
		require.NoError(t, err)
		n, _, err := c.StagedLeaves(t.Context())
		require.NoError(t, err)
		require.Equal(t, len(o.segments)+2+len(o.audit), n)
		for kind, subjects := range map[lieciba.LeafKind][]string{
			lieciba.LeafSegment: o.segments, lieciba.LeafGap: o.gaps[:2], lieciba.LeafAudit: o.audit,
		} {
			for _, s := range subjects {
				l, err := c.LeafOf(t.Context(), kind, s)
				require.NoError(t, err, "%s %s", kind, s)
				require.NoError(t, evidence.CheckLeafRow(l))
			}
		}
		seg, err := c.Segment(t.Context(), lieciba.SegmentID(o.segments[7]))
		require.NoError(t, err)
		l, err := c.LeafOf(t.Context(), lieciba.LeafSegment, o.segments[7])
		require.NoError(t, err)
		require.Equal(t, evidence.LeafOfSegment(seg).Detail, l.Detail, "what AddSegment would have staged")
		require.Equal(t, seg.To, l.At)
		// An old gap that is closed from now on stages its leaf as any other.
		g, e := lieciba.GapID(o.gaps[2]), lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](time.Now()), At: time.Now()}
		require.ErrorIs(t, c.Act(t.Context(), &e, func(ctx context.Context) error {
			if err := c.CloseGap(ctx, g, time.UnixMicro(200_000)); err != nil {
				return err
			}
			_, err := c.LeafOf(ctx, lieciba.LeafGap, string(g))
			require.NoError(t, err)
			return errUndone
		}), errUndone)
		require.NoError(t, c.Close())
	}
}

var errUndone = fmt.Errorf("undone")

// TestHistoryCannotBeRewritten tries each statement on a database that holds a
// sealed recording with its log, and every one is refused.
func TestHistoryCannotBeRewritten(t *testing.T) {
	path, o := oldFile(t)
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	fillHistory(t, c, o)
	for _, q := range []string{
		`UPDATE leaves SET idx = NULL WHERE idx = 0`, `UPDATE leaves SET idx = 99999 WHERE idx = 0`, `UPDATE leaves SET detail = x'00' WHERE idx = 0`,
		`UPDATE leaves SET salt = zeroblob(16) WHERE idx = 0`, `UPDATE leaves SET detail = x'00' WHERE idx IS NULL`,
		`UPDATE leaves SET idx = 88888, subject = 'x' WHERE idx IS NULL`, `DELETE FROM leaves WHERE idx = 0`, `DELETE FROM leaves WHERE idx IS NULL`,
		`INSERT OR REPLACE INTO leaves SELECT * FROM leaves WHERE idx = 0`,
		`UPDATE log_hashes SET hash = zeroblob(32)`, `DELETE FROM log_hashes`, `INSERT OR REPLACE INTO log_hashes VALUES (0, zeroblob(32))`,
		`UPDATE checkpoints SET note = x'00'`, `DELETE FROM checkpoints`,
		`UPDATE cosignatures SET line = ''`, `DELETE FROM cosignatures`, `UPDATE time_stamps SET token = x'00'`, `DELETE FROM time_stamps`,
		`UPDATE seals SET manifest = x'00'`, `DELETE FROM seals`, `UPDATE session_events SET at = 1`, `DELETE FROM session_events`,
		`UPDATE policies SET keep_days = 0`, `UPDATE policies SET state = 'draft'`, `UPDATE policies SET state = 'superseded', keep_days = 0`, `DELETE FROM policies`,
		`UPDATE holds SET reason = 'x'`, `UPDATE holds SET released_at = NULL WHERE released_at IS NOT NULL`, `DELETE FROM holds`,
		`UPDATE deletions SET due_at = 1`, `UPDATE deletions SET recording_id = ''`, `DELETE FROM deletions`,
		`UPDATE recordings SET state = 'complete'`, `UPDATE recordings SET state = 'x'`, `UPDATE recordings SET window_to = window_to + 1`, `DELETE FROM recordings`,
		`UPDATE segments SET sha256 = zeroblob(32), size = 11`, `UPDATE segments SET from_at = from_at + 1`, `UPDATE segments SET state = 'hashed'`,
		`UPDATE segments SET media_key = 'other'`, `UPDATE segments SET state = 'gone'`, `UPDATE segments SET fragments = x'00'`, `DELETE FROM segments`,
		`INSERT INTO segments SELECT 'x' || substr(id, 2), recording_id, camera_id, run_id, node_id, from_at + 900000, to_at + 900000, size, sha256, init_size,
			video, audio, frames, lost_packets, clock_offset, clock_quality, state, media_key, media_version, fragments FROM segments LIMIT 1`,
		`UPDATE gaps SET cause = 'overload'`, `UPDATE gaps SET to_at = to_at + 1`, `DELETE FROM gaps`,
		`INSERT INTO gaps SELECT 'x' || substr(id, 2), recording_id, camera_id, node_id, from_at + 9, to_at + 9, cause, detail FROM gaps LIMIT 1`,
		`UPDATE runs SET format = x'00'`, `DELETE FROM runs`,
		`INSERT INTO runs SELECT 'x' || substr(id, 2), recording_id, camera_id, node_id, started_at, format FROM runs LIMIT 1`,
	} {
		res, err := c.writer.Exec(q)
		if err == nil {
			n, _ := res.RowsAffected()
			t.Errorf("changed %d rows: %s", n, q)
			continue
		}
		if !strings.Contains(err.Error(), "only grows") && !strings.Contains(err.Error(), "is sealed") {
			t.Errorf("refused by something else: %s: %v", q, err)
		}
	}
	// What a deletion does is let through, and its end closes it.
	for _, q := range []string{`UPDATE segments SET state = 'deleting'`, `UPDATE segments SET state = 'deleted'`,
		`UPDATE deletions SET state = 'done', done_at = 1, certificate = x'7b7d'`, `UPDATE recordings SET state = 'deleted'`} {
		_, err := c.writer.Exec(q)
		require.NoError(t, err, q)
	}
	for _, q := range []string{`UPDATE segments SET state = 'verified'`, `UPDATE deletions SET certificate = x'00'`, `UPDATE recordings SET state = 'expired'`} {
		_, err := c.writer.Exec(q)
		require.Error(t, err, q)
	}
}

// fillHistory closes the old gap, logs, seals, and begins a deletion.
func fillHistory(t *testing.T, c *Catalog, o old) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, c.CloseGap(ctx, lieciba.GapID(o.gaps[2]), time.UnixMicro(200_000)))
	// Hashes of no tree: only the rows matter here.
	_, err := c.Sequence(ctx, 1, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
		return storage.Sequenced{Hashes: make([][32]byte, 1),
			Checkpoint: lieciba.Checkpoint{Origin: "o", Size: 1, At: time.Now(), Note: []byte("n")}}, nil
	})
	require.NoError(t, err)
	require.NoError(t, c.PutCosignature(ctx, lieciba.Cosignature{Size: 1, Witness: "w", At: time.Now(), Line: "l"}))
	require.NoError(t, c.PutTimeStamp(ctx, lieciba.TimeStamp{Size: 1, Authority: "a", At: time.Now(), Token: []byte{1}}))
	rec, session := lieciba.RecordingID(o.recording), lieciba.SessionID(o.session)
	_, err = c.SealRecording(ctx, rec, func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) {
		return lieciba.Seal{RecordingID: rec, SessionID: session, At: time.Now(), Manifest: []byte("{}"), SHA256: sha256.Sum256([]byte("{}"))}, nil
	})
	require.NoError(t, err)
	_, _, err = c.AddSessionEvent(ctx, lieciba.SessionEvent{ID: lieciba.EventID(o.audit[0]), SessionID: session, Source: "p", ExternalID: "e",
		Kind: lieciba.EventResultNotified, At: time.Now(), ReceivedAt: time.Now()})
	require.NoError(t, err)
	policy := lieciba.RetentionPolicy{ID: lieciba.PolicyID(o.audit[0]), Name: "default", Version: 1, Keep: lieciba.Period{Days: 9},
		State: lieciba.PolicyDraft, DraftedByID: "u1", DraftedAt: time.Now()}
	require.NoError(t, c.PutPolicy(ctx, policy))
	_, err = c.ApprovePolicy(ctx, policy.ID, "b", "u2", time.Now())
	require.NoError(t, err)
	hold := lieciba.Hold{ID: lieciba.HoldID(o.audit[0]), SessionID: session, Kind: lieciba.HoldCourt, PlacedAt: time.Now()}
	_, err = c.PlaceHold(ctx, hold)
	require.NoError(t, err)
	_, err = c.ChangeHold(ctx, hold.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
		h.ReleasedAt = time.Now()
		return &h, nil
	})
	require.NoError(t, err)
	_, err = c.BeginDeletion(ctx, rec, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) {
		return &lieciba.Deletion{ID: lieciba.DeletionID(o.audit[0]), RecordingID: rec, SessionID: session, DueAt: time.Now(), DecidedAt: time.Now(),
			State: lieciba.DeletionOpen}, nil
	})
	require.NoError(t, err)
}

// TestFullFileEndsAnAct fills the file inside of an act: SQLite gives up the
// whole transaction, and nothing that do did is there, whatever do made of it.
func TestFullFileEndsAnAct(t *testing.T) {
	c := openTest(t)
	_, err := c.writer.Exec(`PRAGMA max_page_count = 400`)
	require.NoError(t, err)
	first := newSite("first")
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](time.Now()), At: time.Now(), Act: "manage_sites"}
	var full error
	err = c.Act(t.Context(), &e, func(ctx context.Context) error {
		require.NoError(t, c.PutSite(ctx, first))
		for i := 0; full == nil; i++ {
			full = c.PutSite(ctx, newSite(fmt.Sprint("s", i)))
		}
		_ = c.PutSite(ctx, newSite("after")) // goes on as if nothing had been
		return nil
	})
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(full), "%v", full)
	require.Equal(t, lieciba.CodeFull, lieciba.CodeOf(err), "%v", err)
	_, err = c.Site(t.Context(), first.ID)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "%v", err)
	list, err := c.ListSites(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestLostTransactionEndsAnAct loses the transaction in the midst of an act and
// goes on: nothing may be written outside of it.
func TestLostTransactionEndsAnAct(t *testing.T) {
	c := openTest(t)
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](time.Now()), At: time.Now(), Act: "manage_sites"}
	err := c.Act(t.Context(), &e, func(ctx context.Context) error {
		require.NoError(t, c.PutSite(ctx, newSite("before")))
		// What SQLite does by itself at some errors.
		require.Error(t, c.write(ctx, "lose the transaction", func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `ROLLBACK`); err != nil {
				return err
			}
			return errUndone
		}))
		require.Error(t, c.PutSite(ctx, newSite("after")))
		_, err := c.ListSites(ctx)
		require.Error(t, err)
		return nil
	})
	require.Error(t, err)
	list, err := c.ListSites(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
	require.NoError(t, c.PutSite(t.Context(), newSite("again")), "the connection is usable")
}
