package storagetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// logOrigin names the hash log of the tests.
const logOrigin = "log.test.lieciba"

// decideSequence is a sequencer's decision made with golang.org/x/mod/sumdb/tlog
// alone; its note is no signed one.
func decideSequence(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
	var s storage.Sequenced
	size, first := head.Checkpoint.Size, storage.FirstNewHash(head.Checkpoint.Size)
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		var old []int64
		var at []int
		for i, x := range indexes {
			if x >= first {
				out[i] = s.Hashes[x-first]
				continue
			}
			old, at = append(old, x), append(at, i)
		}
		if len(old) == 0 {
			return out, nil
		}
		stored, err := head.Hashes(old)
		for i := range stored {
			out[at[i]] = stored[i]
		}
		return out, err
	})
	for _, l := range staged {
		added, err := tlog.StoredHashes(size, evidence.LeafData(l), read)
		if err != nil {
			return s, err
		}
		for _, h := range added {
			s.Hashes = append(s.Hashes, h)
		}
		size++
	}
	root, err := tlog.TreeHash(size, read)
	s.Checkpoint = lieciba.Checkpoint{Origin: logOrigin, Size: size, Root: root, At: sec(float64(size)), Note: fmt.Appendf(nil, "%s\n%d\n", logOrigin, size)}
	return s, err
}

func sequence(ctx context.Context, c storage.Catalog, limit int) (int, error) {
	return c.Sequence(ctx, limit, decideSequence)
}

// requireLog reads the whole log and computes it anew: indexes without a hole,
// each stored hash, and the root of each checkpoint.
func requireLog(t *testing.T, w *world) []lieciba.Leaf {
	t.Helper()
	var all []lieciba.Leaf
	for {
		page, err := w.Leaves(w.ctx, int64(len(all)), 1<<40)
		require.NoError(t, err)
		if all = append(all, page...); len(page) == 0 {
			break
		}
	}
	var want [][32]byte
	read := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, x := range indexes {
			out = append(out, want[x])
		}
		return out, nil
	})
	for i, l := range all {
		require.EqualValues(t, i, l.Index, "no index is left out")
		require.NoError(t, evidence.CheckLeafRow(l))
		added, err := tlog.StoredHashes(int64(i), evidence.LeafData(l), read)
		require.NoError(t, err)
		for _, h := range added {
			want = append(want, h)
		}
	}
	indexes := make([]int64, len(want))
	for i := range indexes {
		indexes[i] = int64(i)
	}
	stored, err := w.LogHashes(w.ctx, indexes)
	require.NoError(t, err)
	require.Equal(t, want, stored)
	_, err = w.LogHashes(w.ctx, []int64{int64(len(want))})
	requireCode(t, err, lieciba.CodeCorrupt, "")

	var last lieciba.Checkpoint
	for {
		list, err := w.Checkpoints(w.ctx, last.Size)
		require.NoError(t, err)
		if len(list) == 0 {
			break
		}
		for _, p := range list {
			require.Greater(t, p.Size, last.Size)
			root, err := tlog.TreeHash(p.Size, read)
			require.NoError(t, err)
			require.EqualValues(t, root, p.Root, "size %d", p.Size)
			last = p
		}
	}
	require.EqualValues(t, len(all), last.Size)
	return all
}

func newLeaf(subject string) lieciba.Leaf {
	return evidence.NewLeaf(lieciba.LeafExport, subject, base, evidence.ExportDetail{ID: lieciba.ExportID(subject)})
}

// complete gives rec a verified segment of 10 s and a declared gap to its end,
// and moves it to complete.
func (w *world) complete(rec lieciba.Recording) error {
	run := newRun(rec)
	if err := w.PutRun(w.ctx, run); err != nil {
		return err
	}
	s, g := w.segment(0, 10), w.gap(10, 3600)
	s.RecordingID, s.RunID, g.RecordingID = rec.ID, run.ID, rec.ID
	if err := w.AddSegment(w.ctx, s); err != nil {
		return err
	}
	if err := w.VerifySegment(w.ctx, s.ID, lieciba.MediaRef{Key: storage.SegmentKey(rec.ID, s.ID), Version: "v1"}); err != nil {
		return err
	}
	if err := w.PutGap(w.ctx, g); err != nil {
		return err
	}
	return w.MoveRecording(w.ctx, rec.ID, lieciba.RecordingComplete, "")
}

// buildSeal is a build of SealRecording.
func buildSeal(r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) (lieciba.Seal, error) {
	manifest := fmt.Appendf(nil, `{"id":"%s","segments":%d,"gaps":%d}`, r.ID, len(segments), len(gaps))
	return lieciba.Seal{RecordingID: r.ID, SessionID: r.SessionID, PolicyID: newID[lieciba.PolicyID](), At: sec(4000),
		Manifest: manifest, SHA256: sha256.Sum256(manifest)}, nil
}

// seal completes rec and seals it.
func (w *world) seal(rec lieciba.Recording) error {
	if err := w.complete(rec); err != nil {
		return err
	}
	_, err := w.SealRecording(w.ctx, rec.ID, buildSeal)
	return err
}

func (w *world) newExport() lieciba.Export {
	return lieciba.Export{ID: newID[lieciba.ExportID](), SessionID: w.session.ID, CameraIDs: []lieciba.CameraID{w.camera.ID},
		From: sec(1), To: sec(2), Purpose: "apelācija", RecipientName: "Apelācijas komisija", Recipient: "age1xyz", RequestedBy: "Anna",
		RequestedByID: "u1", RequestedAt: sec(5000), NodeID: nodeA, State: lieciba.ExportRequested}
}

func newPolicy(name string, version int) lieciba.RetentionPolicy {
	return lieciba.RetentionPolicy{ID: newID[lieciba.PolicyID](), Name: name, Version: version, Purpose: "eksāmena pierādījumi", LegalBasis: "MK 973",
		Keep: lieciba.Period{Months: 1, Days: 2}, Unanchored: lieciba.Period{Months: 6}, WarnBefore: lieciba.Period{Days: 14},
		AfterAppeal: lieciba.Period{Days: 3}, Retroactive: true, State: lieciba.PolicyDraft, DraftedBy: "Anna", DraftedByID: "u1", DraftedAt: base}
}

func (w *world) newEvent(external string) lieciba.SessionEvent {
	return lieciba.SessionEvent{ID: newID[lieciba.EventID](), SessionID: w.session.ID, Source: "pizis", ExternalID: external,
		Kind: lieciba.EventAppealOpened, At: sec(6000), Appeal: "A-1", ReceivedAt: sec(6001)}
}

func (w *world) newHold() lieciba.Hold {
	return lieciba.Hold{ID: newID[lieciba.HoldID](), SessionID: w.session.ID, Kind: lieciba.HoldAppeal, Reference: "A-1", Reason: "apelācija",
		PlacedBy: "Anna", PlacedByID: "u1", PlacedAt: sec(7000)}
}

func newDeletion(r lieciba.Recording) *lieciba.Deletion {
	return &lieciba.Deletion{ID: newID[lieciba.DeletionID](), RecordingID: r.ID, SessionID: r.SessionID, PolicyID: newID[lieciba.PolicyID](),
		Reason: "The policy's period is over.", DueAt: sec(8000), DecidedAt: sec(8001), State: lieciba.DeletionOpen}
}

// beginDeletion stores d as rec's tombstone, whatever the facts.
func (w *world) beginDeletion(d *lieciba.Deletion) error {
	_, err := w.BeginDeletion(w.ctx, d.RecordingID, func(lieciba.RetentionFacts) (*lieciba.Deletion, error) { return d, nil })
	return err
}

// short bounds a call that must not come through.
func (w *world) short(t *testing.T, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 200*time.Millisecond)
	defer cancel()
	requireCode(t, call(ctx), lieciba.CodeUnavailable, "")
}
