package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/storagetest"
)

// TestHoldsAndClaimsTakeTurns places a hold while segments are claimed one by one:
// what the hold did not count as gone is never claimed after it.
func TestHoldsAndClaimsTakeTurns(t *testing.T) {
	url := storagetest.Postgres(t)
	a, b := openAt(t, url), openAt(t, url)
	w := newWorld(t, a)
	const segments = 40
	for n := range segments {
		w.addVerified(t, a, n)
	}
	w.seal(t, a)
	d, err := a.BeginDeletion(t.Context(), w.rec.ID, w.delete)
	require.NoError(t, err)

	var claiming sync.WaitGroup
	begun, claimed := make(chan struct{}), 0
	begin := sync.OnceFunc(func() { close(begun) })
	claiming.Go(func() {
		defer begin()
		for n := range segments {
			list, err := a.ClaimSegments(t.Context(), d.ID, 1)
			if err != nil || len(list) == claimed { // held, or failed
				if err != nil {
					t.Error(err)
				}
				return
			}
			claimed = len(list)
			if n == 4 {
				begin()
			}
		}
	})
	<-begun
	gone, err := b.PlaceHold(t.Context(), w.hold())
	require.NoError(t, err)
	claiming.Wait()
	require.GreaterOrEqual(t, gone, 5)
	require.Equal(t, gone, claimed, "nothing was claimed after the hold")
	held, err := a.ClaimSegments(t.Context(), d.ID, segments)
	require.NoError(t, err)
	require.Len(t, held, gone)
	stored, err := b.Deletion(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.DeletionHeld, stored.State)
}

// TestNoTwoMethodsDeadlock calls every method that locks, from two nodes at once,
// alone and in acts. PostgreSQL would end one of two that wait for each other,
// and it would run again unseen: the tracer sees it.
func TestNoTwoMethodsDeadlock(t *testing.T) {
	url := storagetest.Postgres(t)
	var seen counter
	nodes := []*Catalog{openTraced(t, url, &seen), openTraced(t, url, &seen)}
	w := newWorld(t, nodes[0])
	for n := range 8 {
		w.addVerified(t, nodes[0], n)
	}
	calls := lockingCalls(t, w)
	const workers, rounds = 8, 120
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			c := nodes[i%2]
			for n := range rounds {
				call := calls[(i*rounds+n*(2*i+1))%len(calls)]
				do := func(ctx context.Context) error { return refused(call(ctx, c, i*rounds+n)) }
				err := do(t.Context())
				if n%3 == 0 {
					e := newAudit("act")
					err = errors.Join(err, c.Act(t.Context(), &e, do))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Nil(t, seen.deadlock.Load())
}

// refused leaves out what a rule refuses: the calls are in no sensible order.
func refused(err error) error {
	switch lieciba.CodeOf(err) {
	case lieciba.CodeConflict, lieciba.CodeNotFound, lieciba.CodeInvalid:
		return nil
	}
	return err
}

type lockingCall func(ctx context.Context, c *Catalog, n int) error

func lockingCalls(t *testing.T, w world) []lockingCall {
	open := w.gap(5000)
	open.To = time.Time{}
	require.True(t, open.Open())
	draft := lieciba.RetentionPolicy{ID: newID[lieciba.PolicyID](), Name: "p", Version: 1, State: lieciba.PolicyDraft, DraftedByID: "a", DraftedAt: base}
	hold, export := w.hold(), lieciba.Export{ID: newID[lieciba.ExportID](), SessionID: w.session.ID, RequestedAt: base, State: lieciba.ExportRequested}
	deletion, err := w.delete(lieciba.RetentionFacts{})
	require.NoError(t, err)
	seg := w.segment(0)
	return []lockingCall{
		func(ctx context.Context, c *Catalog, n int) error { return c.AddSegment(ctx, w.segment(100+n)) },
		func(ctx context.Context, c *Catalog, n int) error { return c.PutGap(ctx, w.gap(10_000+n)) },
		func(ctx context.Context, c *Catalog, n int) error { return c.PutGap(ctx, open) },
		func(ctx context.Context, c *Catalog, n int) error {
			return c.CloseGap(ctx, open.ID, open.From.Add(1e6))
		},
		func(ctx context.Context, c *Catalog, n int) error {
			return c.ChangeSession(ctx, w.session.SessionKey, func(s *lieciba.ExamSession) (*lieciba.ExamSession, error) {
				s.Seats++
				return s, nil
			}, nil)
		},
		func(ctx context.Context, c *Catalog, n int) error {
			return c.MoveSession(ctx, w.session.ID, lieciba.SessionFinished)
		},
		func(ctx context.Context, c *Catalog, n int) error {
			return c.MoveRecording(ctx, w.rec.ID, lieciba.RecordingComplete, "")
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.SealRecording(ctx, w.rec.ID, w.build)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.PutExport(ctx, export) },
		func(ctx context.Context, c *Catalog, n int) error {
			e := export
			e.ID, e.State = newID[lieciba.ExportID](), lieciba.ExportCollected
			return c.PutExport(ctx, e)
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.PutPolicy(ctx, draft) },
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ApprovePolicy(ctx, draft.ID, "ilze", "b", base)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, _, err := c.AddSessionEvent(ctx, lieciba.SessionEvent{ID: newID[lieciba.EventID](), SessionID: w.session.ID, Source: "s",
				ExternalID: fmt.Sprint("e", n%50), Kind: lieciba.EventAppealOpened, At: base})
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.PlaceHold(ctx, hold)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ChangeHold(ctx, hold.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
				h.ReleaseAskedBy = fmt.Sprint(n)
				return &h, nil
			})
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.BeginDeletion(ctx, w.rec.ID, func(f lieciba.RetentionFacts) (*lieciba.Deletion, error) {
				if n < 500 { // the other calls shall meet a recording that is not deleted, too
					return nil, nil
				}
				return deletion, nil
			})
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.RetentionFacts(ctx, w.rec.ID)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ClaimSegments(ctx, deletion.ID, 1)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			return c.SegmentsDeleted(ctx, deletion.ID, []lieciba.SegmentID{seg.ID})
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.Sequence(ctx, 50, grow)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.StageLeaf(ctx, newLeaf(fmt.Sprint(n%20))) },
		func(ctx context.Context, c *Catalog, n int) error {
			return c.ScanRecordings(ctx, "", func(lieciba.Recording) error { return nil })
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ListExports(ctx, storage.ExportFilter{SessionID: w.session.ID})
			return err
		},
	}
}
