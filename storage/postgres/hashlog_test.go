package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/storagetest"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// TestLateCommitIsSequencedLater commits a leaf after one that was staged after it.
func TestLateCommitIsSequencedLater(t *testing.T) {
	c := openTest(t)
	e := newAudit("export")
	require.NoError(t, c.Act(t.Context(), &e, func(ctx context.Context) error {
		if err := c.StageLeaf(ctx, newLeaf("first")); err != nil {
			return err
		}
		if err := c.StageLeaf(t.Context(), newLeaf("second")); err != nil { // on another connection, committed at once
			return err
		}
		require.Equal(t, 1, sequence(t, c, 10))
		_, _, err := c.StagedLeaves(ctx)
		return err
	}))
	n, oldest, err := c.StagedLeaves(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n, "the late leaf and the act's audit entry")
	require.Equal(t, base, oldest)
	require.Equal(t, 2, sequence(t, c, 10))
	require.Equal(t, []string{"second", "first", string(e.ID)}, requireWholeLog(t, c))
	require.Zero(t, sequence(t, c, 10))
}

func TestSequencersOfTwoNodes(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	nodes := []*Catalog{openAt(t, url), openAt(t, url)}
	const writers, each = 8, 100
	var staging, sequencing sync.WaitGroup
	var failed atomic.Value
	note := func(err error) bool {
		if err != nil {
			failed.Store(err)
		}
		return err == nil
	}
	for w := range writers {
		staging.Go(func() {
			for i := range each {
				e := newAudit(fmt.Sprint(w, i))
				ok := note(nodes[w%2].Act(t.Context(), &e, func(ctx context.Context) error {
					return nodes[w%2].StageLeaf(ctx, newLeaf(fmt.Sprint(w, "-", i)))
				}))
				if !ok {
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	var sequenced atomic.Int64
	for _, c := range nodes {
		sequencing.Go(func() {
			for last := false; !last; {
				select {
				case <-stop:
					last = true
				default:
				}
				n, err := c.Sequence(t.Context(), 37, grow)
				sequenced.Add(int64(n))
				if !note(err) {
					return
				}
			}
		})
	}
	staging.Wait()
	close(stop)
	sequencing.Wait()
	require.Nil(t, failed.Load())
	for n := sequence(t, nodes[0], 1000); n > 0; n = sequence(t, nodes[0], 1000) {
		sequenced.Add(int64(n))
	}
	require.EqualValues(t, 2*writers*each, sequenced.Load())
	subjects := requireWholeLog(t, nodes[1])
	require.Len(t, subjects, 2*writers*each)
	require.Equal(t, len(subjects), distinct(subjects))
}

func TestSequencerOfAnotherNodeWaits(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	a, b := openAt(t, url), openAt(t, url)
	require.NoError(t, a.StageLeaf(t.Context(), newLeaf("x")))
	n, err := a.Sequence(t.Context(), 10, func(h storage.LogHead, s []lieciba.Leaf) (storage.Sequenced, error) {
		short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := b.Sequence(short, 10, grow)
		requireUnavailable(t, err)
		return grow(h, s)
	})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Zero(t, sequence(t, b, 10))
}

// killOthers ends every connection to the database but its own.
const killOthers = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
	WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`

func TestKilledInMidSequence(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	a := openAt(t, url)
	require.NoError(t, a.StageLeaf(t.Context(), newLeaf("x")))
	_, err := a.Sequence(t.Context(), 10, func(h storage.LogHead, s []lieciba.Leaf) (storage.Sequenced, error) {
		admin(t, a, killOthers)
		return grow(storage.LogHead{}, s) // without the hashes that it can no longer read
	})
	requireUnavailable(t, err)
	_, err = a.NewestCheckpoint(t.Context())
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err), "nothing of it is there")
	// The lock went with the connection: another node goes on, and so does this one.
	b := openAt(t, url)
	require.Equal(t, 1, sequence(t, b, 10))
	require.NoError(t, a.StageLeaf(t.Context(), newLeaf("y")))
	require.Equal(t, 1, sequence(t, a, 10))
	require.Equal(t, []string{"x", "y"}, requireWholeLog(t, b))
}

func TestKilledInMidAct(t *testing.T) {
	c := openTest(t)
	w := newWorld(t, c)
	s, e := w.segment(0), newAudit("act")
	act := func(mid func()) error {
		return c.Act(t.Context(), &e, func(ctx context.Context) error {
			if err := c.AddSegment(ctx, s); err != nil {
				return err
			}
			mid()
			_, err := c.Recording(ctx, w.rec.ID)
			return err
		})
	}
	requireUnavailable(t, act(func() { admin(t, c, killOthers) }))
	// Whoever swallows the error inside of do does not get a half act either.
	requireUnavailable(t, c.Act(t.Context(), &e, func(ctx context.Context) error {
		admin(t, c, killOthers)
		require.Error(t, c.AddSegment(ctx, s))
		return nil
	}))
	_, err := c.Segment(t.Context(), s.ID)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	_, err = c.LeafOf(t.Context(), lieciba.LeafSegment, string(s.ID))
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	entries, err := c.ListAudit(t.Context(), storage.AuditFilter{})
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, act(func() {}), "the caller repeats it")
	_, err = c.LeafOf(t.Context(), lieciba.LeafAudit, string(e.ID))
	require.NoError(t, err)
}

func TestAbortedActsRunAgain(t *testing.T) {
	c := openTest(t)
	newWorld(t, c)
	runs := 0
	e := newAudit("act")
	require.NoError(t, c.Act(t.Context(), &e, func(ctx context.Context) error {
		runs++
		if err := c.StageLeaf(ctx, newLeaf("x")); err != nil {
			return err
		}
		if runs > 2 {
			return nil
		}
		err := c.write(ctx, "test", func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION 'aborted' USING ERRCODE = '40P01'; END $$`)
			return err
		})
		require.Error(t, err)
		if runs == 2 {
			return nil // swallowed: the locks of the step are gone all the same
		}
		return errors.New("made of it by do")
	}))
	require.Equal(t, 3, runs)
	require.Equal(t, 2, sequence(t, c, 10))
}

// TestActsLoseNoChange reads and writes back whole rows from two nodes.
func TestActsLoseNoChange(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	nodes := []*Catalog{openAt(t, url), openAt(t, url)}
	w := newWorld(t, nodes[0])
	u := lieciba.User{ID: newID[lieciba.UserID](), Login: "anna", CreatedAt: base}
	require.NoError(t, nodes[0].PutUser(t.Context(), u))
	const workers, each = 6, 20
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			c := nodes[i%2]
			for range each {
				e := newAudit("act")
				err := c.Act(t.Context(), &e, func(ctx context.Context) error {
					u, err := c.User(ctx, u.ID)
					if err != nil {
						return err
					}
					u.Name += "x"
					return c.PutUser(ctx, u)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() { // the recorder beside an administrator
			c := nodes[i%2]
			for n := range each {
				if i == 0 {
					if err := c.SetCameraState(t.Context(), w.rec.CameraID, lieciba.CameraOffline, time.Duration(n)*time.Second); err != nil {
						t.Error(err)
					}
					continue
				}
				e := newAudit("act")
				err := c.Act(t.Context(), &e, func(ctx context.Context) error {
					m, err := c.Camera(ctx, w.rec.CameraID)
					if err != nil {
						return err
					}
					m.Name += "x"
					return c.PutCamera(ctx, m)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	u, err := nodes[0].User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Len(t, u.Name, workers*each)
	m, err := nodes[1].Camera(t.Context(), w.rec.CameraID)
	require.NoError(t, err)
	require.Len(t, m.Name, len("front")+(workers-1)*each)
	require.Equal(t, lieciba.CameraOffline, m.State)
	require.Equal(t, (each-1)*time.Second, m.ClockOffset, "the last that the recorder measured")
}

func TestActThatIsOver(t *testing.T) {
	c := openTest(t)
	e := newAudit("act")
	var kept context.Context
	require.NoError(t, c.Act(t.Context(), &e, func(ctx context.Context) error {
		kept = ctx
		other := newAudit("inner")
		return c.requireNested(ctx, &other)
	}))
	_, err := c.ListSites(kept)
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
	require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(c.PutSite(kept, newSite("a"))))
}

// requireNested is nil when an act inside of an act is refused.
func (c *Catalog) requireNested(ctx context.Context, e *lieciba.AuditEntry) error {
	err := c.Act(ctx, e, func(context.Context) error { return nil })
	if lieciba.CodeOf(err) != lieciba.CodeInternal {
		return fmt.Errorf("nested act: %v", err)
	}
	return nil
}

// counter counts round trips and keeps the first deadlock.
type counter struct {
	trips    atomic.Int64
	deadlock atomic.Value
}

func (r *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	r.trips.Add(1)
	return ctx
}

func (r *counter) TraceQueryEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	if aborted(d.Err) {
		r.deadlock.Store(d.Err)
	}
}

func (r *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.trips.Add(1)
	return ctx
}
func (r *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (r *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func TestSequencingIsAHandfulOfRoundTrips(t *testing.T) {
	var n counter
	c := openTraced(t, storagetest.PostgresFor(t, Open), &n)
	for range 2 {
		require.NoError(t, c.write(t.Context(), "stage", func(tx pgx.Tx) error {
			leaves := make([]lieciba.Leaf, 1000)
			for i := range leaves {
				leaves[i] = newLeaf(string(newID[lieciba.ExportID]()))
			}
			return stageAll(t.Context(), tx, leaves)
		}))
		before := n.trips.Load()
		require.Equal(t, 1000, sequence(t, c, 1000))
		require.LessOrEqual(t, n.trips.Load()-before, int64(7), "begin, lock, leaves, checkpoint, hashes, one batch, commit")
	}
	require.Len(t, requireWholeLog(t, c), 2000)
}
