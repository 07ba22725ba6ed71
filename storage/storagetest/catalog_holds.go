package storagetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var holdTests = map[string]func(*testing.T, *world){
	"PlaceHold": func(t *testing.T, w *world) {
		h := w.newHold()
		h.ReleaseDue = sec(9000)
		gone, err := w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		require.Zero(t, gone)
		_, err = w.PlaceHold(w.ctx, h)
		require.NoError(t, err, "the same again")
		got, err := w.Hold(w.ctx, h.ID)
		require.NoError(t, err)
		require.Equal(t, h, got)
		other := h
		other.Reason = "another"
		_, err = w.PlaceHold(w.ctx, other)
		requireCode(t, err, lieciba.CodeConflict, "id")
		early := w.newHold()
		early.PlacedAt = sec(1)
		_, err = w.PlaceHold(w.ctx, early)
		require.NoError(t, err, "holds may overlap")
		list, err := w.SessionHolds(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Hold{early, h}, list)

		lost, released, odd := w.newHold(), w.newHold(), w.newHold()
		lost.SessionID, released.ReleasedAt, odd.Kind = newID[lieciba.SessionID](), sec(1), "whim"
		_, err = w.PlaceHold(w.ctx, lost)
		requireCode(t, err, lieciba.CodeNotFound, "")
		_, err = w.PlaceHold(w.ctx, released)
		requireCode(t, err, lieciba.CodeInvalid, "released_at")
		_, err = w.PlaceHold(w.ctx, odd)
		requireCode(t, err, lieciba.CodeInvalid, "kind")
		_, err = w.Hold(w.ctx, lost.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		list, err = w.SessionHolds(w.ctx, lost.SessionID)
		require.NoError(t, err)
		require.Empty(t, list)
	},

	"ChangeHold": func(t *testing.T, w *world) {
		h, other := w.newHold(), w.newHold()
		for _, h := range []lieciba.Hold{h, other} {
			_, err := w.PlaceHold(w.ctx, h)
			require.NoError(t, err)
		}
		change := func(next *lieciba.Hold, err error) (lieciba.Hold, error) {
			return w.ChangeHold(w.ctx, h.ID, func(stored lieciba.Hold) (*lieciba.Hold, error) {
				require.Equal(t, h, stored)
				return next, err
			})
		}
		got, err := change(nil, nil)
		require.NoError(t, err)
		require.Equal(t, h, got)
		refused := errors.New("asked for by the same person")
		_, err = change(nil, refused)
		require.True(t, err == refused, "%v", err)
		for name, spoil := range map[string]func(*lieciba.Hold){
			"id":     func(h *lieciba.Hold) { h.ID = other.ID },
			"reason": func(h *lieciba.Hold) { h.Reason = "x" },
			"placed": func(h *lieciba.Hold) { h.PlacedAt = sec(1) },
		} {
			bad := h
			spoil(&bad)
			_, err := change(&bad, nil)
			require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err), "%s: %v", name, err)
		}
		next := h
		next.ReleaseAskedBy, next.ReleaseAskedByID, next.ReleaseAskedAt, next.ReleaseDue = "Anna", "u1", sec(8000), sec(9000)
		got, err = change(&next, nil)
		require.NoError(t, err)
		require.Equal(t, next, got)
		h = next
		active, err := w.ActiveHolds(w.ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []lieciba.Hold{h, other}, active)
		next.ReleasedBy, next.ReleasedAt = "Berta", sec(9000)
		_, err = change(&next, nil)
		require.NoError(t, err)
		h = next
		active, err = w.ActiveHolds(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Hold{other}, active)
		_, err = change(&next, nil)
		require.NoError(t, err, "the same again")
		next.ReleasedAt = sec(9001)
		_, err = change(&next, nil)
		requireCode(t, err, lieciba.CodeConflict, "released_at")
		_, err = w.PlaceHold(w.ctx, w.asPlaced(h))
		require.NoError(t, err, "a late repeat of the placing brings nothing back")
		require.NoError(t, w.Close())
		w.Catalog = w.open()
		got, err = w.Hold(w.ctx, h.ID)
		require.NoError(t, err)
		require.Equal(t, h, got)
		_, err = w.ChangeHold(w.ctx, newID[lieciba.HoldID](), func(lieciba.Hold) (*lieciba.Hold, error) { return nil, nil })
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"ChangesOfOneHoldTakeTurns": func(t *testing.T, w *world) {
		h := w.newHold()
		_, err := w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		second := w.second(t)
		_, err = w.ChangeHold(w.ctx, h.ID, func(lieciba.Hold) (*lieciba.Hold, error) {
			w.short(t, func(ctx context.Context) error {
				_, err := second.ChangeHold(ctx, h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) { return nil, nil })
				return err
			})
			return nil, nil
		})
		require.NoError(t, err)
		released := make([]bool, 8)
		w.together(t, len(released), func(c storage.Catalog, i int) error {
			_, err := c.ChangeHold(w.ctx, h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
				if released[i] = h.Active(); !released[i] {
					return nil, nil
				}
				h.ReleasedBy, h.ReleasedAt = "Berta", sec(9000+float64(i))
				return &h, nil
			})
			return err
		})
		require.Equal(t, 1, count(released))
	},
}

// asPlaced is a hold as its first PlaceHold told it.
func (w *world) asPlaced(h lieciba.Hold) lieciba.Hold {
	return lieciba.Hold{ID: h.ID, SessionID: h.SessionID, Kind: h.Kind, Reference: h.Reference, Reason: h.Reason,
		PlacedBy: h.PlacedBy, PlacedByID: h.PlacedByID, PlacedAt: h.PlacedAt}
}
