package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func testHoldStopsADeletion(t *testing.T, w *world) {
	late := w.segment(3600, 3610)
	require.NoError(t, w.AddSegment(w.ctx, late))
	require.NoError(t, w.VerifySegment(w.ctx, late.ID, lieciba.MediaRef{Key: "late"}))
	require.NoError(t, w.seal(w.rec))
	d := newDeletion(w.rec)
	require.NoError(t, w.beginDeletion(d))
	state := func() lieciba.DeletionState {
		got, err := w.Deletion(w.ctx, d.ID)
		require.NoError(t, err)
		return got.State
	}
	claimed, err := w.ClaimSegments(w.ctx, d.ID, 1)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	first, second := w.newHold(), w.newHold()
	for _, h := range []lieciba.Hold{first, second} {
		gone, err := w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		require.Equal(t, 1, gone, "what was claimed before")
	}
	require.Equal(t, lieciba.DeletionOpen, state())
	again, err := w.ClaimSegments(w.ctx, d.ID, 10)
	require.NoError(t, err)
	require.Equal(t, claimed, again, "what was claimed is returned, and no more")
	require.Equal(t, lieciba.DeletionHeld, state())
	require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{claimed[0].ID}))
	gone, err := w.PlaceHold(w.ctx, first)
	require.NoError(t, err)
	require.Equal(t, 1, gone)
	_, err = w.FinishDeletion(w.ctx, d.ID, sec(9000), []byte("{}"))
	requireCode(t, err, lieciba.CodeConflict, "state")

	_, err = w.ChangeHold(w.ctx, first.ID, release)
	require.NoError(t, err)
	again, err = w.ClaimSegments(w.ctx, d.ID, 10)
	require.NoError(t, err)
	require.Empty(t, again, "the second hold lasts")
	_, err = w.ChangeHold(w.ctx, second.ID, release)
	require.NoError(t, err)
	again, err = w.ClaimSegments(w.ctx, d.ID, 10)
	require.NoError(t, err)
	require.Len(t, again, 1, "and goes on without a hold")
	require.Equal(t, lieciba.DeletionOpen, state())
}

// testHoldAndClaim: neither comes in while the other's transaction is open, and
// when they race, what the hold did not count as gone is never claimed.
func testHoldAndClaim(t *testing.T, w *world) {
	require.NoError(t, w.seal(w.rec))
	d := newDeletion(w.rec)
	require.NoError(t, w.beginDeletion(d))
	second, stop := w.second(t), errors.New("stop")
	place := func(ctx context.Context, c storage.Catalog) error {
		_, err := c.PlaceHold(ctx, w.newHold())
		return err
	}
	claim := func(ctx context.Context, c storage.Catalog) error {
		_, err := c.ClaimSegments(ctx, d.ID, 10)
		return err
	}
	for _, pair := range [][2]func(context.Context, storage.Catalog) error{{place, claim}, {claim, place}} {
		e := newAudit("a", base)
		require.True(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
			require.NoError(t, pair[0](ctx, w.Catalog))
			w.short(t, func(ctx context.Context) error { return pair[1](ctx, second) })
			return stop
		}) == stop)
	}
	for round := range 10 {
		s := w.newSession(fmt.Sprint("race-", round), base)
		require.NoError(t, w.store(s))
		w.session = s
		rec := w.anotherRecording(t, fmt.Sprint("race-", round))
		require.NoError(t, w.seal(rec))
		d = newDeletion(rec)
		require.NoError(t, w.beginDeletion(d))
		gone := make([]int, 8)
		w.together(t, len(gone), func(c storage.Catalog, i int) (err error) {
			if i%2 == 0 {
				return claim(w.ctx, c)
			}
			gone[i], err = c.PlaceHold(w.ctx, w.newHold())
			return err
		})
		left, err := w.ClaimSegments(w.ctx, d.ID, 10)
		require.NoError(t, err)
		for i := 1; i < len(gone); i += 2 {
			require.Equal(t, len(left), gone[i], "each hold counted all that was ever claimed")
		}
	}
}
