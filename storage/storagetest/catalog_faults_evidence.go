package storagetest

import (
	"context"

	"lieciba"
	"lieciba/storage"
)

// faultCasesOfEvidence are the writes of acts, the hash log, seals and exports.
func faultCasesOfEvidence(w *world) map[string]faultCase {
	site, entry, leaf, export := newSite("act"), newAudit("manage_sites", sec(1)), newLeaf("x1"), w.newExport()
	seal, _ := buildSeal(w.rec, nil, nil)
	logged := func(w *world) error {
		if err := w.StageLeaf(w.ctx, leaf); err != nil {
			return err
		}
		_, err := sequence(w.ctx, w, 10)
		return err
	}
	return map[string]faultCase{
		"Act": {call: func(ctx context.Context, c storage.Catalog) error {
			return c.Act(ctx, &entry, func(ctx context.Context) error { return c.PutSite(ctx, site) })
		}},
		"StageLeaf": {call: func(ctx context.Context, c storage.Catalog) error { return c.StageLeaf(ctx, leaf) }},
		"Sequence": {
			before: func(w *world) error { return w.StageLeaf(w.ctx, leaf) },
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := sequence(ctx, c, 10)
				return err
			}},
		"PutCosignature": {before: logged, call: func(ctx context.Context, c storage.Catalog) error {
			return c.PutCosignature(ctx, lieciba.Cosignature{Size: 1, Witness: "w", At: base, Line: "— w x"})
		}},
		"PutTimeStamp": {before: logged, call: func(ctx context.Context, c storage.Catalog) error {
			return c.PutTimeStamp(ctx, lieciba.TimeStamp{Size: 1, Authority: "tsa", At: base, Token: []byte{1}})
		}},
		"SealRecording": {
			before: func(w *world) error { return w.complete(w.rec) },
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.SealRecording(ctx, w.rec.ID, func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) { return seal, nil })
				return err
			}},
		"PutExport": {call: func(ctx context.Context, c storage.Catalog) error { return c.PutExport(ctx, export) }},
	}
}

// faultCasesOfKeeping are the writes of policies, events, holds and deletions.
func faultCasesOfKeeping(w *world) map[string]faultCase {
	policy, event, hold, deletion := newPolicy("default", 1), w.newEvent("e-1"), w.newHold(), newDeletion(w.rec)
	begun := func(w *world) error {
		if err := w.seal(w.rec); err != nil {
			return err
		}
		return w.beginDeletion(deletion)
	}
	claim := func(ctx context.Context, c storage.Catalog) error {
		_, err := c.ClaimSegments(ctx, deletion.ID, 10)
		return err
	}
	gone := func(ctx context.Context, c storage.Catalog) error {
		list, err := w.RecordingSegments(ctx, w.rec.ID, lieciba.Interval{})
		if err != nil {
			return err
		}
		return c.SegmentsDeleted(ctx, deletion.ID, []lieciba.SegmentID{list[0].ID})
	}
	steps := func(list ...func(ctx context.Context, c storage.Catalog) error) func(w *world) error {
		return func(w *world) error {
			if err := begun(w); err != nil {
				return err
			}
			for _, step := range list {
				if err := step(w.ctx, w); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return map[string]faultCase{
		"PutPolicy": {call: func(ctx context.Context, c storage.Catalog) error { return c.PutPolicy(ctx, policy) }},
		"ApprovePolicy": {
			before: func(w *world) error { return w.PutPolicy(w.ctx, policy) },
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.ApprovePolicy(ctx, policy.ID, "Berta", "u2", sec(1))
				return err
			}},
		"AddSessionEvent": {call: func(ctx context.Context, c storage.Catalog) error {
			_, _, err := c.AddSessionEvent(ctx, event)
			return err
		}},
		"PlaceHold": {call: func(ctx context.Context, c storage.Catalog) error {
			_, err := c.PlaceHold(ctx, hold)
			return err
		}},
		"ChangeHold": {
			before: func(w *world) error {
				_, err := w.PlaceHold(w.ctx, hold)
				return err
			},
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.ChangeHold(ctx, hold.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
					h.ReleasedBy, h.ReleasedAt = "Berta", sec(9000)
					return &h, nil
				})
				return err
			}},
		"BeginDeletion": {
			before: func(w *world) error { return w.seal(w.rec) },
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.BeginDeletion(ctx, w.rec.ID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) { return deletion, nil })
				return err
			}},
		"ClaimSegments":   {before: begun, call: claim},
		"SegmentsDeleted": {before: steps(claim), call: gone},
		"FinishDeletion": {
			before: steps(claim, gone),
			call: func(ctx context.Context, c storage.Catalog) error {
				_, err := c.FinishDeletion(ctx, deletion.ID, sec(9000), []byte("{}\n"))
				return err
			}},
	}
}

// snapshotEvidence adds what the writes above can change. The leaves are read
// with their salts, so that staging one again would show.
func snapshotEvidence(w *world, add, addIfThere func(v any, err error)) {
	n, oldest, err := w.StagedLeaves(w.ctx)
	add([]any{n, oldest}, err)
	leaves, err := w.Leaves(w.ctx, 0, 100)
	add(leaves, err)
	newest, err := w.NewestCheckpoint(w.ctx)
	addIfThere(newest, err)
	cosigned, err := w.Cosignatures(w.ctx, 1)
	add(cosigned, err)
	stamps, err := w.TimeStamps(w.ctx, 1)
	add(stamps, err)
	seal, err := w.Seal(w.ctx, w.rec.ID)
	addIfThere(seal, err)
	exports, err := w.ListExports(w.ctx, storage.ExportFilter{})
	add(exports, err)
	policies, err := w.Policies(w.ctx)
	add(policies, err)
	events, err := w.SessionEvents(w.ctx, w.session.ID)
	add(events, err)
	holds, err := w.SessionHolds(w.ctx, w.session.ID)
	add(holds, err)
	deletions, err := w.ListDeletions(w.ctx, 0, "")
	add(deletions, err)
	facts, err := w.RetentionFacts(w.ctx, w.rec.ID)
	add(facts, err)
}
