package fsck_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
)

// TestActsHaveEntries: what was done past the acts is named, also when its row
// and its leaf are in order.
func TestActsHaveEntries(t *testing.T) {
	onStores(t, func(s *site) {
		k, ctx := keep(s), t.Context()
		says := func(object, words string) {
			t.Helper()
			s.sequence(1000)
			list := k.checkLog().Violations
			require.Len(t, list, 1, spelled(list))
			require.True(t, named(list, edit{object: object, words: words + ", and no audit entry says so", rule: fsck.RuleAudit}), spelled(list))
		}
		clean := func() {
			t.Helper()
			s.sequence(1000)
			list := k.checkLog().Violations
			require.Empty(t, list, spelled(list))
		}
		none := func(context.Context) error { return nil }
		clean()

		e := lieciba.Export{ID: id[lieciba.ExportID](), SessionID: s.session.ID, Purpose: "appeal", RecipientName: "court", RequestedBy: "Anna", RequestedByID: "anna",
			RequestedAt: at(200), NodeID: s.node, State: lieciba.ExportRequested}
		require.NoError(t, s.catalog.PutExport(ctx, e))
		says("export "+string(e.ID), "was asked for by Anna")
		k.act(lieciba.ActExport, "export:"+string(e.ID), none)
		clean()
		e.State, e.Manifest, e.SHA256, e.Size, e.SealedAt = lieciba.ExportSealed, [32]byte{1}, [32]byte{2}, 3, at(210)
		require.NoError(t, s.catalog.PutExport(ctx, e))
		list := k.checkLog().Violations
		require.True(t, named(list, edit{object: "export " + string(e.ID), words: "has no leaf in the evidence log", rule: fsck.RuleLeaf}), spelled(list))
		require.NoError(t, s.catalog.StageLeaf(ctx, evidence.NewLeaf(lieciba.LeafExport, string(e.ID), at(210),
			evidence.ExportDetail{ID: e.ID, SessionID: e.SessionID, Manifest: e.Manifest})))
		clean()
		e.State, e.CollectedAt = lieciba.ExportCollected, at(220)
		require.NoError(t, s.catalog.PutExport(ctx, e))
		says("export "+string(e.ID), "was collected at 2026-11-22T10:03:40Z")
		k.act(lieciba.ActExport, "export:"+string(e.ID), none)
		clean()

		h := lieciba.Hold{ID: id[lieciba.HoldID](), SessionID: s.session.ID, Kind: lieciba.HoldAppeal, Reference: "a1", Reason: "appeal", PlacedBy: "system", PlacedByID: "system", PlacedAt: at(230)}
		_, err := s.catalog.PlaceHold(ctx, h)
		require.NoError(t, err)
		says("hold "+string(h.ID), "was placed by system")
		k.act(lieciba.ActPushEvent, "session:"+string(s.session.ID), none)
		clean()
		_, err = s.catalog.ChangeHold(ctx, h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
			h.ReleasedBy, h.ReleasedAt = "Zane", at(240)
			return &h, nil
		})
		require.NoError(t, err)
		says("hold "+string(h.ID), "was released by Zane")
		k.act(lieciba.ActReleaseHold, "hold:"+string(h.ID), none)
		clean()

		p := lieciba.RetentionPolicy{ID: id[lieciba.PolicyID](), Name: "other", Version: 1, Purpose: "x", LegalBasis: "y", Keep: lieciba.Period{Months: 1},
			Unanchored: lieciba.Period{Months: 1}, State: lieciba.PolicyDraft, DraftedBy: "a", DraftedByID: "a", DraftedAt: start}
		require.NoError(t, s.catalog.PutPolicy(ctx, p))
		clean()
		_, err = s.catalog.ApprovePolicy(ctx, p.ID, "b", "b", at(250))
		require.NoError(t, err)
		says("policy "+string(p.ID), "was approved by b")
	})
}
