package storagetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

var actTests = map[string]func(*testing.T, *world){
	"Act": func(t *testing.T, w *world) {
		site, e := newSite("act"), newAudit("manage_sites", base)
		require.NoError(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
			e.Object = "site:" + string(site.ID) // do may fill in the entry
			if err := w.PutSite(ctx, site); err != nil {
				return err
			}
			got, err := w.Site(ctx, site.ID)
			require.NoError(t, err, "do reads what it wrote")
			require.Equal(t, site, got)
			_, err = w.Site(w.ctx, site.ID)
			requireCode(t, err, lieciba.CodeNotFound, "")
			return nil
		}))
		_, err := w.Site(w.ctx, site.ID)
		require.NoError(t, err)
		list, err := w.ListAudit(w.ctx, storage.AuditFilter{})
		require.NoError(t, err)
		require.Equal(t, []lieciba.AuditEntry{e}, list)
		_, err = w.LeafOf(w.ctx, lieciba.LeafAudit, string(e.ID))
		require.NoError(t, err, "the entry has its leaf")
	},

	"ActRollsBackBoth": func(t *testing.T, w *world) {
		refused, e := errors.New("refused"), newAudit("manage_sites", base)
		was := snapshot(t, w)
		err := w.Act(w.ctx, &e, func(ctx context.Context) error {
			require.NoError(t, w.PutSite(ctx, newSite("act")))
			require.NoError(t, w.AddSegment(ctx, w.segment(0, 10)))
			return refused
		})
		require.True(t, err == refused, "the error of do is returned as it is: %v", err)
		require.Equal(t, was, snapshot(t, w))

		require.NoError(t, w.AppendAudit(w.ctx, e))
		was = snapshot(t, w)
		e.Detail = "another"
		requireCode(t, w.Act(w.ctx, &e, func(ctx context.Context) error { return w.PutSite(ctx, newSite("act")) }), lieciba.CodeConflict, "id")
		require.Equal(t, was, snapshot(t, w), "an entry that is refused takes the change with it")
	},

	"ActGoesOnAfterARefusedWrite": func(t *testing.T, w *world) {
		e, hall := newAudit("manage_sites", base), newRoom(w.site, "hall")
		lost := w.segment(0, 10)
		lost.RunID = newID[lieciba.RunID]()
		torn := w.segment(20, 30) // its row is written before its leaf is refused
		require.NoError(t, w.StageLeaf(w.ctx, evidence.NewLeaf(lieciba.LeafSegment, string(torn.ID), base, 1)))
		require.NoError(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
			requireCode(t, w.PutSite(ctx, newSite("riga")), lieciba.CodeConflict, "code")
			requireCode(t, w.AddSegment(ctx, lost), lieciba.CodeNotFound, "")
			requireCode(t, w.AddSegment(ctx, torn), lieciba.CodeConflict, "subject")
			_, err := w.Segment(ctx, torn.ID)
			requireCode(t, err, lieciba.CodeNotFound, "")
			_, err = w.Site(ctx, newID[lieciba.SiteID]())
			requireCode(t, err, lieciba.CodeNotFound, "")
			return w.PutRoom(ctx, hall)
		}))
		_, err := w.Room(w.ctx, hall.ID)
		require.NoError(t, err)
		_, err = w.LeafOf(w.ctx, lieciba.LeafSegment, string(lost.ID))
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"ActsDoNotNest": func(t *testing.T, w *world) {
		e, inner := newAudit("a", base), newAudit("b", base)
		was := snapshot(t, w)
		var kept context.Context
		err := w.Act(w.ctx, &e, func(ctx context.Context) error {
			kept = ctx
			return w.Act(ctx, &inner, func(context.Context) error {
				t.Error("an act ran inside of an act")
				return nil
			})
		})
		requireCode(t, err, lieciba.CodeInternal, "")
		requireCode(t, w.PutSite(kept, newSite("late")), lieciba.CodeInternal, "")
		_, err = w.ListSites(kept)
		requireCode(t, err, lieciba.CodeInternal, "")
		require.Equal(t, was, snapshot(t, w))
	},

	"DoOfAnActMayPanic": func(t *testing.T, w *world) {
		was := snapshot(t, w)
		for range 20 { // more than there are connections
			e := newAudit("a", base)
			require.Panics(t, func() {
				err := w.Act(w.ctx, &e, func(ctx context.Context) error {
					require.NoError(t, w.PutSite(ctx, newSite("act")))
					panic("a bug")
				})
				t.Errorf("returned %v", err)
			})
		}
		require.Equal(t, was, snapshot(t, w))
		require.NoError(t, w.PutSite(w.ctx, newSite("act")))
	},

	"ActsOfTwoNodesTakeTurns": func(t *testing.T, w *world) {
		const acts = 16
		w.together(t, acts, func(c storage.Catalog, i int) error {
			e := newAudit("push_session", sec(float64(i)))
			return c.Act(w.ctx, &e, func(ctx context.Context) error {
				return c.ChangeSession(ctx, w.session.SessionKey, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
					next := *cur
					next.SourceVersion++
					return &next, nil
				}, nil)
			})
		})
		got, err := w.Session(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, w.session.SourceVersion+acts, got.SourceVersion, "no change was lost")
		list, err := w.ListAudit(w.ctx, storage.AuditFilter{})
		require.NoError(t, err)
		require.Len(t, list, acts)
	},

	"AnActOfAnotherStoreIsNotJoined": func(t *testing.T, w *world) {
		second := w.second(t)
		e := newAudit("a", base)
		refused := errors.New("refused")
		require.True(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
			_, err := second.Site(ctx, w.site.ID)
			require.NoError(t, err)
			require.NoError(t, w.PutSite(ctx, newSite("mine")))
			list, err := second.ListSites(ctx)
			require.NoError(t, err)
			require.Len(t, list, 1, "the other node sees nothing of it")
			return refused
		}) == refused)
	},
}

// testActJoins makes each write inside of an act that rolls back, then inside of
// one that does not.
func testActJoins(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, name := range CatalogWrites() {
		if name == "Act" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh(t))
			c := faultCases(w)[name]
			if c.before != nil {
				require.NoError(t, c.before(w))
			}
			was := snapshot(t, w)
			refused, e := errors.New("refused"), newAudit("a", base)
			inside := *w
			require.True(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
				inside.ctx = ctx
				require.NoError(t, c.call(ctx, w.Catalog))
				require.NotEqual(t, was, snapshot(t, &inside), "the act's own reads see it")
				return refused
			}) == refused)
			require.Equal(t, was, snapshot(t, w), "rolled back")
			require.NoError(t, w.Act(w.ctx, &e, func(ctx context.Context) error { return c.call(ctx, w.Catalog) }))
			require.NotEqual(t, was, snapshot(t, w))
			list, err := w.ListAudit(w.ctx, storage.AuditFilter{Act: "a"})
			require.NoError(t, err)
			require.Len(t, list, 1)
		})
	}
}
