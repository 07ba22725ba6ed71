package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/storagetest"
)

// TestHoldsAndClaimsTakeTurns places a hold while segments are claimed one by one:
// what the hold did not count as gone is never claimed after it.
func TestHoldsAndClaimsTakeTurns(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
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

// TestNoTwoMethodsDeadlock runs every two methods that lock against each other,
// from two nodes. PostgreSQL would end one of two that wait for each other, and
// it would run again unseen: the tracer sees it.
func TestNoTwoMethodsDeadlock(t *testing.T) {
	url := storagetest.PostgresFor(t, Open)
	var seen counter
	a, b := openTraced(t, url, &seen), openTraced(t, url, &seen)
	calls := lockingCalls(t, a)
	for i, first := range calls {
		for j, second := range calls[i:] {
			var wg sync.WaitGroup
			wg.Go(func() { repeat(t, a, first, 2*(i*len(calls)+j)) })
			wg.Go(func() { repeat(t, b, second, 2*(i*len(calls)+j)+1) })
			wg.Wait()
			require.Nil(t, seen.deadlock.Load(), "calls %d and %d", i, i+j)
		}
	}
}

// repeat makes a call in acts, which keep its locks a little longer.
func repeat(t *testing.T, c *Catalog, call lockingCall, n int) {
	const times = 12
	for i := range times {
		e := newAudit("act")
		if err := c.Act(t.Context(), &e, func(ctx context.Context) error { return refused(call(ctx, c, n*times+i)) }); err != nil {
			t.Error(err)
			return
		}
	}
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

// lockingCalls are calls on one session with two recordings: one that is whole and
// stays open, and one whose deletion has begun.
func lockingCalls(t *testing.T, c *Catalog) []lockingCall {
	w := newWorld(t, c)
	doomed := w.beside(t, c)
	seg := doomed.addVerified(t, c, 0)
	for n := range 400 {
		doomed.addVerified(t, c, n+1)
	}
	doomed.seal(t, c)
	deletion, err := c.BeginDeletion(t.Context(), doomed.rec.ID, doomed.delete)
	require.NoError(t, err)
	hold, draft := w.hold(), lieciba.RetentionPolicy{ID: newID[lieciba.PolicyID](), Name: "p", Version: 1, State: lieciba.PolicyDraft, DraftedByID: "a", DraftedAt: base}
	gap := w.gap(100_000)
	return append(append(recordingCalls(w, gap), sessionCalls(w, hold)...), keepingCalls(w, doomed, deletion.ID, seg.ID, draft)...)
}

func recordingCalls(w world, gap lieciba.Gap) []lockingCall {
	open := gap
	open.To = time.Time{}
	return []lockingCall{
		func(ctx context.Context, c *Catalog, n int) error { return c.AddSegment(ctx, w.segment(n)) },
		func(ctx context.Context, c *Catalog, n int) error { return c.PutGap(ctx, w.gap(20_000+n)) },
		func(ctx context.Context, c *Catalog, n int) error {
			return errors.Join(refused(c.PutGap(ctx, open)), c.CloseGap(ctx, open.ID, gap.To))
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.PutRun(ctx, w.run) },
		func(ctx context.Context, c *Catalog, n int) error {
			return c.MoveRecording(ctx, w.rec.ID, lieciba.RecordingRecording, "")
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.EnsureRecording(ctx, w.rec)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.SealRecording(ctx, w.rec.ID, w.build)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error { // a seal as it is stored, taken back
			e := errors.New("taken back")
			err := c.write(ctx, "test", func(tx pgx.Tx) error {
				if _, err := lockRecording(ctx, tx, w.rec.ID); err != nil {
					return err
				}
				s, err := w.build(w.rec, nil, nil)
				if err == nil {
					err = storeSeal(ctx, tx, s)
				}
				if err == nil {
					err = decided{e}
				}
				return err
			})
			if errors.Is(err, e) {
				return nil
			}
			return err
		},
	}
}

func sessionCalls(w world, hold lieciba.Hold) []lockingCall {
	export := lieciba.Export{ID: newID[lieciba.ExportID](), SessionID: w.session.ID, RequestedAt: base, State: lieciba.ExportRequested}
	return []lockingCall{
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
			_, _, err := c.AddSessionEvent(ctx, lieciba.SessionEvent{ID: newID[lieciba.EventID](), SessionID: w.session.ID, Source: "s",
				ExternalID: fmt.Sprint("e", n), Kind: lieciba.EventAppealOpened, At: base})
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
		func(ctx context.Context, c *Catalog, n int) error { return c.PutExport(ctx, export) },
		func(ctx context.Context, c *Catalog, n int) error {
			m, err := c.Camera(ctx, w.rec.CameraID)
			if err != nil {
				return err
			}
			return c.PutCamera(ctx, m)
		},
		func(ctx context.Context, c *Catalog, n int) error {
			return c.AssignCamera(ctx, lieciba.CameraAssignment{CameraID: w.rec.CameraID, RoomID: w.rec.RoomID, From: base.Add(time.Duration(n) * time.Second)})
		},
	}
}

func keepingCalls(w, doomed world, id lieciba.DeletionID, seg lieciba.SegmentID, draft lieciba.RetentionPolicy) []lockingCall {
	return []lockingCall{
		func(ctx context.Context, c *Catalog, n int) error { return c.PutPolicy(ctx, draft) },
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ApprovePolicy(ctx, draft.ID, "ilze", "b", base)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.BeginDeletion(ctx, w.rec.ID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) { return nil, nil })
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.RetentionFacts(ctx, doomed.rec.ID)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.ClaimSegments(ctx, id, 1)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			return c.SegmentsDeleted(ctx, id, []lieciba.SegmentID{seg})
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.FinishDeletion(ctx, id, base, []byte("{}"))
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error {
			_, err := c.Sequence(ctx, 50, grow)
			return err
		},
		func(ctx context.Context, c *Catalog, n int) error { return c.StageLeaf(ctx, newLeaf(fmt.Sprint(n%20))) },
	}
}
