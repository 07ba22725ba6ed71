package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

var logTests = map[string]func(*testing.T, *world){
	"StageLeaf": func(t *testing.T, w *world) {
		l := newLeaf("x1")
		require.NoError(t, w.StageLeaf(w.ctx, l))
		got, err := w.LeafOf(w.ctx, l.Kind, l.Subject)
		require.NoError(t, err)
		require.Equal(t, l, got)
		require.EqualValues(t, -1, got.Index)
		again := newLeaf("x1")
		require.NotEqual(t, l.Salt, again.Salt)
		require.NoError(t, w.StageLeaf(w.ctx, again), "the same detail, whatever its salt")
		got, err = w.LeafOf(w.ctx, l.Kind, l.Subject)
		require.NoError(t, err)
		require.Equal(t, l, got, "the first stays")
		other := evidence.NewLeaf(l.Kind, l.Subject, l.At, evidence.ExportDetail{ID: "other"})
		requireCode(t, w.StageLeaf(w.ctx, other), lieciba.CodeConflict, "subject")
		key := evidence.NewLeaf(lieciba.LeafKey, "x1", base, evidence.KeyDetail{Key: "k"})
		require.NoError(t, w.StageLeaf(w.ctx, key), "another kind has its own subjects")

		for field, l := range map[string]lieciba.Leaf{
			"kind":    evidence.NewLeaf("rumour", "x", base, 1),
			"subject": evidence.NewLeaf(lieciba.LeafExport, "two\nlines", base, 1),
			"detail":  {Kind: lieciba.LeafExport, Subject: "x"},
		} {
			requireCode(t, w.StageLeaf(w.ctx, l), lieciba.CodeInvalid, field)
		}
		l = newLeaf("x2")
		l.Commitment[0]++
		requireCode(t, w.StageLeaf(w.ctx, l), lieciba.CodeInvalid, "commitment")
		_, err = w.LeafOf(w.ctx, lieciba.LeafExport, "x2")
		requireCode(t, err, lieciba.CodeNotFound, "")
		n, oldest, err := w.StagedLeaves(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, base, oldest)
	},

	"FactsStageTheirLeaves": testFactsStage,

	"Sequence": func(t *testing.T, w *world) {
		n, err := w.Sequence(w.ctx, 10, func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error) {
			t.Error("decide was called for nothing")
			return storage.Sequenced{}, nil
		})
		require.NoError(t, err)
		require.Zero(t, n)
		_, err = w.NewestCheckpoint(w.ctx)
		requireCode(t, err, lieciba.CodeNotFound, "")

		var want []lieciba.Leaf
		for i := range 7 {
			l := newLeaf(fmt.Sprint("x", i))
			l.At = sec(float64(-i)) // order is of staging, not of time
			require.NoError(t, w.StageLeaf(w.ctx, l))
			l.Index = int64(i)
			want = append(want, l)
		}
		_, oldest, err := w.StagedLeaves(w.ctx)
		require.NoError(t, err)
		require.Equal(t, sec(-6), oldest)
		for _, took := range []int{3, 3, 1, 0} {
			n, err := sequence(w.ctx, w, 3)
			require.NoError(t, err)
			require.Equal(t, took, n)
		}
		require.Equal(t, want, requireLog(t, w))
		left, oldest, err := w.StagedLeaves(w.ctx)
		require.NoError(t, err)
		require.Zero(t, left)
		require.True(t, oldest.IsZero())
		got, err := w.LeafOf(w.ctx, lieciba.LeafExport, "x5")
		require.NoError(t, err)
		require.Equal(t, want[5], got)
		got5, err := w.Leaves(w.ctx, 5, 7)
		require.NoError(t, err)
		require.Equal(t, want[5:7], got5)
		require.NoError(t, w.StageLeaf(w.ctx, newLeaf("x5")), "staged and logged already")
		n, err = sequence(w.ctx, w, 3)
		require.NoError(t, err)
		require.Zero(t, n)

		require.NoError(t, w.Close())
		w.Catalog = w.open()
		require.Equal(t, want, requireLog(t, w), "it survives")
	},

	"SequenceRollsBack": func(t *testing.T, w *world) {
		require.NoError(t, w.StageLeaf(w.ctx, newLeaf("x0")))
		_, err := sequence(w.ctx, w, 10)
		require.NoError(t, err)
		require.NoError(t, w.StageLeaf(w.ctx, newLeaf("x1")))
		was := snapshot(t, w)
		refused := errors.New("no key")
		_, err = w.Sequence(w.ctx, 10, func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error) {
			return storage.Sequenced{}, refused
		})
		require.True(t, err == refused, "%v", err)
		for name, spoil := range map[string]func(*storage.Sequenced){
			"size too small": func(s *storage.Sequenced) { s.Checkpoint.Size-- },
			"size too big":   func(s *storage.Sequenced) { s.Checkpoint.Size++ },
			"hash missing":   func(s *storage.Sequenced) { s.Hashes = s.Hashes[1:] },
			"hash too many":  func(s *storage.Sequenced) { s.Hashes = append(s.Hashes, [32]byte{}) },
			"no note":        func(s *storage.Sequenced) { s.Checkpoint.Note = nil },
		} {
			_, err := w.Sequence(w.ctx, 10, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
				s, err := decideSequence(head, staged)
				spoil(&s)
				return s, err
			})
			require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err), "%s: %v", name, err)
		}
		_, err = w.Sequence(w.ctx, 10, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
			s, err := decideSequence(head, staged)
			s.Checkpoint.Origin = "another"
			return s, err
		})
		requireCode(t, err, lieciba.CodeConflict, "origin")
		require.Equal(t, was, snapshot(t, w))
		n, err := sequence(w.ctx, w, 10)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Len(t, requireLog(t, w), 2, "no index is left out")
	},

	"SequenceOfManyLeaves": func(t *testing.T, w *world) {
		e := newAudit("a", base)
		require.NoError(t, w.Act(w.ctx, &e, func(ctx context.Context) error {
			for i := range 1100 {
				if err := w.StageLeaf(ctx, newLeaf(fmt.Sprint("x", i))); err != nil {
					return err
				}
			}
			return nil
		}))
		n, err := sequence(w.ctx, w, 5000)
		require.NoError(t, err)
		require.Equal(t, 1101, n)
		require.Len(t, requireLog(t, w), 1101)
		page, err := w.Leaves(w.ctx, 0, 5000)
		require.NoError(t, err)
		require.Len(t, page, 1000, "a page at most")
	},

	"OneSequencerAtATime": func(t *testing.T, w *world) {
		require.NoError(t, w.StageLeaf(w.ctx, newLeaf("x0")))
		second := w.second(t)
		n, err := w.Sequence(w.ctx, 10, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
			w.short(t, func(ctx context.Context) error {
				_, err := sequence(ctx, second, 10)
				return err
			})
			return decideSequence(head, staged)
		})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		n, err = sequence(w.ctx, second, 10)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Len(t, requireLog(t, w), 1)
	},

	"Logged": func(t *testing.T, w *world) {
		for i := range 3 {
			require.NoError(t, w.StageLeaf(w.ctx, newLeaf(fmt.Sprint("x", i))))
		}
		_, err := sequence(w.ctx, w, 2)
		require.NoError(t, err)
		got, err := w.Logged(w.ctx, lieciba.LeafExport, []string{"x0", "x1", "x2", "x3", "x0"})
		require.NoError(t, err)
		require.True(t, got["x0"])
		require.True(t, got["x1"])
		require.False(t, got["x2"], "staged only")
		require.False(t, got["x3"], "unknown")
		got, err = w.Logged(w.ctx, lieciba.LeafKey, []string{"x0"})
		require.NoError(t, err)
		require.False(t, got["x0"], "of another kind")
		got, err = w.Logged(w.ctx, lieciba.LeafExport, nil)
		require.NoError(t, err)
		require.Empty(t, got)
	},

	"LogHashes": func(t *testing.T, w *world) {
		for i := range 4 {
			require.NoError(t, w.StageLeaf(w.ctx, newLeaf(fmt.Sprint("x", i))))
		}
		_, err := sequence(w.ctx, w, 10)
		require.NoError(t, err)
		all, err := w.LogHashes(w.ctx, []int64{0, 1, 2, 3, 4, 5, 6})
		require.NoError(t, err)
		got, err := w.LogHashes(w.ctx, []int64{5, 0, 5, 2})
		require.NoError(t, err)
		require.Equal(t, [][32]byte{all[5], all[0], all[5], all[2]}, got, "in the order asked")
		_, err = w.LogHashes(w.ctx, []int64{0, 7})
		requireCode(t, err, lieciba.CodeCorrupt, "")
		got, err = w.LogHashes(w.ctx, nil)
		require.NoError(t, err)
		require.Empty(t, got)
		require.NoError(t, w.StageLeaf(w.ctx, newLeaf("x4")))
		n, err := w.Sequence(w.ctx, 10, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
			_, err := head.Hashes([]int64{7})
			requireCode(t, err, lieciba.CodeCorrupt, "")
			got, err := head.Hashes([]int64{6, 3})
			require.NoError(t, err)
			require.Equal(t, [][32]byte{all[6], all[3]}, got)
			return decideSequence(head, staged)
		})
		require.NoError(t, err)
		require.Equal(t, 1, n)
	},

	"Checkpoints":  testCheckpoints,
	"LogUnderLoad": testLogUnderLoad,
}

func testCheckpoints(t *testing.T, w *world) {
	for i := range 3 {
		require.NoError(t, w.StageLeaf(w.ctx, newLeaf(fmt.Sprint("x", i))))
		_, err := sequence(w.ctx, w, 10)
		require.NoError(t, err)
	}
	all, err := w.Checkpoints(w.ctx, 0)
	require.NoError(t, err)
	require.Len(t, all, 3)
	later, err := w.Checkpoints(w.ctx, 1)
	require.NoError(t, err)
	require.Equal(t, all[1:], later)
	newest, err := w.NewestCheckpoint(w.ctx)
	require.NoError(t, err)
	require.Equal(t, all[2], newest)
	require.Equal(t, sec(3), newest.At)
	require.Equal(t, []byte(logOrigin+"\n3\n"), newest.Note)

	sign := func(size int64, witness, line string) lieciba.Cosignature {
		return lieciba.Cosignature{Size: size, Witness: witness, At: sec(float64(size)), Line: line}
	}
	a2, b1, a1, b2 := sign(2, "a", "— a x"), sign(1, "b", "— b y"), sign(1, "a", "— a z"), sign(2, "b", "— b z")
	for _, c := range []lieciba.Cosignature{a2, b1, a1, sign(2, "a", "— a another"), b2} {
		require.NoError(t, w.PutCosignature(w.ctx, c))
	}
	require.NoError(t, w.PutCosignature(w.ctx, sign(3, "b", "— b 3")))
	requireCode(t, w.PutCosignature(w.ctx, sign(9, "a", "— a 9")), lieciba.CodeNotFound, "")
	got, err := w.Cosignatures(w.ctx, 2)
	require.NoError(t, err)
	require.ElementsMatch(t, []lieciba.Cosignature{a2, b2}, got, "the first stays")
	got, err = w.NewestCosignatures(w.ctx)
	require.NoError(t, err)
	require.Equal(t, []lieciba.Cosignature{a2, sign(3, "b", "— b 3")}, got, "by witness")

	stamp := lieciba.TimeStamp{Size: 2, Authority: "tsa", At: sec(9), Token: []byte{1, 2}}
	require.NoError(t, w.PutTimeStamp(w.ctx, stamp))
	other := stamp
	other.Token = []byte{3}
	require.NoError(t, w.PutTimeStamp(w.ctx, other))
	stamps, err := w.TimeStamps(w.ctx, 2)
	require.NoError(t, err)
	require.Equal(t, []lieciba.TimeStamp{stamp}, stamps, "the first stays")
	other.Size = 9
	requireCode(t, w.PutTimeStamp(w.ctx, other), lieciba.CodeNotFound, "")
	stamps, err = w.TimeStamps(w.ctx, 1)
	require.NoError(t, err)
	require.Empty(t, stamps)
}

// testFactsStage makes each fact twice and reads its leaf: there once, with the
// time and the detail of what is stored.
func testFactsStage(t *testing.T, w *world) {
	staged := 0
	expect := func(want lieciba.Leaf, repeat func() error) {
		t.Helper()
		staged++
		for _, when := range []string{"once", "again"} {
			got, err := w.LeafOf(w.ctx, want.Kind, want.Subject)
			require.NoError(t, err, "%s %s", want.Kind, when)
			require.NoError(t, evidence.CheckLeafRow(got))
			require.Equal(t, string(want.Detail), string(got.Detail), "%s %s", want.Kind, when)
			require.Equal(t, want.At, got.At, "%s %s", want.Kind, when)
			n, _, err := w.StagedLeaves(w.ctx)
			require.NoError(t, err)
			require.Equal(t, staged, n, "%s %s", want.Kind, when)
			require.NoError(t, repeat())
		}
	}
	none := func() {
		t.Helper()
		n, _, err := w.StagedLeaves(w.ctx)
		require.NoError(t, err)
		require.Equal(t, staged, n)
	}
	s, g, open, removed := w.segment(0, 10), w.gap(10, 20), w.gap(20, 0), w.gap(3600, 0)
	require.NoError(t, w.AddSegment(w.ctx, s))
	expect(evidence.LeafOfSegment(s), func() error { return w.AddSegment(w.ctx, s) })
	require.NoError(t, w.VerifySegment(w.ctx, s.ID, lieciba.MediaRef{Key: "k"}))
	none()
	require.NoError(t, w.PutGap(w.ctx, g))
	expect(evidence.LeafOfGap(g), func() error { return w.PutGap(w.ctx, g) })
	require.NoError(t, w.PutGap(w.ctx, open))
	none() // an open gap says nothing yet
	require.NoError(t, w.CloseGap(w.ctx, open.ID, sec(3600)))
	closed := open
	closed.To = sec(3600)
	expect(evidence.LeafOfGap(closed), func() error {
		return errors.Join(w.CloseGap(w.ctx, open.ID, sec(3600)), w.PutGap(w.ctx, open))
	})
	require.NoError(t, w.PutGap(w.ctx, removed))
	require.NoError(t, w.CloseGap(w.ctx, removed.ID, sec(3600)))
	none() // nothing was lost

	e, pushed := newAudit("a", base), newAudit("push_session", sec(1))
	require.NoError(t, w.AppendAudit(w.ctx, e))
	expect(evidence.LeafOfAudit(e), func() error { return w.AppendAudit(w.ctx, e) })
	change := func() error {
		return w.ChangeSession(w.ctx, w.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return nil, nil }, &pushed)
	}
	require.NoError(t, change())
	expect(evidence.LeafOfAudit(pushed), change)

	require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingComplete, ""))
	none()
	seal, err := w.SealRecording(w.ctx, w.rec.ID, buildSeal)
	require.NoError(t, err)
	expect(evidence.LeafOfSeal(seal), func() error {
		_, err := w.SealRecording(w.ctx, w.rec.ID, buildSeal)
		return err
	})
	testKeepingStages(t, w, expect, none)
}

func testKeepingStages(t *testing.T, w *world, expect func(lieciba.Leaf, func() error), none func()) {
	p, h, d := newPolicy("default", 1), w.newHold(), newDeletion(w.rec)
	require.NoError(t, w.PutPolicy(w.ctx, p))
	none()
	approve := func() (lieciba.RetentionPolicy, error) { return w.ApprovePolicy(w.ctx, p.ID, "Berta", "u2", sec(5)) }
	p, err := approve()
	require.NoError(t, err)
	expect(evidence.LeafOfPolicy(p), func() error { _, err := approve(); return err })
	place := func() error { _, err := w.PlaceHold(w.ctx, h); return err }
	require.NoError(t, place())
	expect(evidence.LeafOfHold(h), place)
	ask := func(h lieciba.Hold) (*lieciba.Hold, error) {
		h.ReleaseAskedBy, h.ReleaseAskedAt = "Anna", sec(8000)
		return &h, nil
	}
	_, err = w.ChangeHold(w.ctx, h.ID, ask)
	require.NoError(t, err)
	none()
	release := func(h lieciba.Hold) (*lieciba.Hold, error) {
		h.ReleasedBy, h.ReleasedAt = "Berta", sec(9000)
		return &h, nil
	}
	h, err = w.ChangeHold(w.ctx, h.ID, release)
	require.NoError(t, err)
	expect(evidence.LeafOfRelease(h), func() error { _, err := w.ChangeHold(w.ctx, h.ID, release); return err })

	require.NoError(t, w.beginDeletion(d))
	claimed, err := w.ClaimSegments(w.ctx, d.ID, 10)
	require.NoError(t, err)
	require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{claimed[0].ID}))
	none()
	finish := func() (lieciba.Deletion, error) { return w.FinishDeletion(w.ctx, d.ID, sec(9001), []byte("{}\n")) }
	done, err := finish()
	require.NoError(t, err)
	expect(evidence.LeafOfDeletion(done), func() error { _, err := finish(); return err })
}
