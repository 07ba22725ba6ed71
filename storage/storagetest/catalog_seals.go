package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var sealTests = map[string]func(*testing.T, *world){
	"SealRecording": func(t *testing.T, w *world) {
		_, err := w.Seal(w.ctx, w.rec.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
		never := func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) {
			t.Error("build was called")
			return lieciba.Seal{}, nil
		}
		_, err = w.SealRecording(w.ctx, newID[lieciba.RecordingID](), never)
		requireCode(t, err, lieciba.CodeNotFound, "")
		_, err = w.SealRecording(w.ctx, w.rec.ID, never)
		requireCode(t, err, lieciba.CodeConflict, "state")
		require.NoError(t, w.complete(w.rec))
		late := w.segment(3700, 3710)
		require.NoError(t, w.AddSegment(w.ctx, late), "a complete recording still takes what recovery finds")
		_, err = w.SealRecording(w.ctx, w.rec.ID, never)
		requireCode(t, err, lieciba.CodeConflict, "state") // unverified
		require.NoError(t, w.VerifySegment(w.ctx, late.ID, lieciba.MediaRef{Key: "late"}))

		was := snapshot(t, w)
		refused := errors.New("not all is logged")
		_, err = w.SealRecording(w.ctx, w.rec.ID, func(r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) (lieciba.Seal, error) {
			stored, err := w.RecordingSegments(w.ctx, w.rec.ID, lieciba.Interval{})
			require.NoError(t, err)
			require.Equal(t, stored, segments)
			declared, err := w.RecordingGaps(w.ctx, w.rec.ID)
			require.NoError(t, err)
			require.Equal(t, declared, gaps)
			require.Equal(t, lieciba.RecordingComplete, r.State)
			return lieciba.Seal{}, refused
		})
		require.True(t, err == refused, "%v", err)
		for name, spoil := range map[string]func(*lieciba.Seal){
			"hash":      func(s *lieciba.Seal) { s.SHA256[0]++ },
			"recording": func(s *lieciba.Seal) { s.RecordingID = newID[lieciba.RecordingID]() },
			"session":   func(s *lieciba.Seal) { s.SessionID = newID[lieciba.SessionID]() },
		} {
			_, err := w.SealRecording(w.ctx, w.rec.ID, func(r lieciba.Recording, s []lieciba.Segment, g []lieciba.Gap) (lieciba.Seal, error) {
				seal, err := buildSeal(r, s, g)
				spoil(&seal)
				return seal, err
			})
			require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err), "%s: %v", name, err)
		}
		require.Equal(t, was, snapshot(t, w))

		seal, err := w.SealRecording(w.ctx, w.rec.ID, buildSeal)
		require.NoError(t, err)
		got, err := w.Seal(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, seal, got)
		again, err := w.SealRecording(w.ctx, w.rec.ID, never)
		require.NoError(t, err)
		require.Equal(t, seal, again, "the stored one")
		r, err := w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, lieciba.RecordingSealed, r.State)
		require.NoError(t, w.Close())
		w.Catalog = w.open()
		got, err = w.Seal(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, seal, got, "it survives")
	},

	"NobodyChangesARecordingThatIsSealed": func(t *testing.T, w *world) {
		require.NoError(t, w.complete(w.rec))
		second := w.second(t)
		late, gap := w.segment(3600, 3610), w.gap(3610, 3620)
		for name, change := range map[string]func(ctx context.Context) error{
			"AddSegment":         func(ctx context.Context) error { return second.AddSegment(ctx, late) },
			"PutGap":             func(ctx context.Context) error { return second.PutGap(ctx, gap) },
			"PutRun":             func(ctx context.Context) error { return second.PutRun(ctx, newRun(w.rec)) },
			"SetRecordingWindow": func(ctx context.Context) error { return second.SetRecordingWindow(ctx, w.rec.ID, w.rec.Window) },
			"MoveRecording": func(ctx context.Context) error {
				return second.MoveRecording(ctx, w.rec.ID, lieciba.RecordingComplete, nodeB)
			},
			"SealRecording": func(ctx context.Context) error {
				_, err := second.SealRecording(ctx, w.rec.ID, buildSeal)
				return err
			},
		} {
			stop := errors.New("stop")
			_, err := w.SealRecording(w.ctx, w.rec.ID, func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) {
				w.short(t, change)
				return lieciba.Seal{}, stop
			})
			require.True(t, err == stop, "%s: %v", name, err)
		}
		first, err := w.SealRecording(w.ctx, w.rec.ID, buildSeal)
		require.NoError(t, err)
		requireCode(t, second.AddSegment(w.ctx, late), lieciba.CodeConflict, "state")
		got, err := second.SealRecording(w.ctx, w.rec.ID, buildSeal)
		require.NoError(t, err)
		require.Equal(t, first, got)
	},

	"OneSealOfTwoNodes": func(t *testing.T, w *world) {
		require.NoError(t, w.complete(w.rec))
		seals := make([]lieciba.Seal, 8)
		w.together(t, len(seals), func(c storage.Catalog, i int) (err error) {
			seals[i], err = c.SealRecording(w.ctx, w.rec.ID, buildSeal)
			return err
		})
		for _, s := range seals {
			require.Equal(t, seals[0], s)
		}
	},

	"PutExport": func(t *testing.T, w *world) {
		e := w.newExport()
		require.NoError(t, w.PutExport(w.ctx, e))
		require.NoError(t, w.PutExport(w.ctx, e), "the same again")
		got, err := w.Export(w.ctx, e.ID)
		require.NoError(t, err)
		require.Equal(t, e, got)
		asked := e
		for _, to := range []lieciba.ExportState{lieciba.ExportBuilding, lieciba.ExportFailed, lieciba.ExportBuilding, lieciba.ExportBuilding, lieciba.ExportSealed,
			lieciba.ExportCollected, lieciba.ExportPurged} {
			e.State, e.NodeID = to, nodeB
			e.DoneBytes++
			e.TotalBytes, e.Error = 99, "full"
			if to == lieciba.ExportSealed {
				e.Size, e.SHA256, e.Manifest, e.SealedAt = 7, [32]byte{1}, [32]byte{2}, sec(1)
			}
			require.NoError(t, w.PutExport(w.ctx, e), "%s", to)
			got, err := w.Export(w.ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, e, got)
		}
		e.State = lieciba.ExportCollected
		requireCode(t, w.PutExport(w.ctx, e), lieciba.CodeConflict, "state")
		e.State, e.SHA256 = lieciba.ExportPurged, [32]byte{9}
		requireCode(t, w.PutExport(w.ctx, e), lieciba.CodeConflict, "sha256")
		asked.State, asked.Purpose = lieciba.ExportPurged, "another"
		requireCode(t, w.PutExport(w.ctx, asked), lieciba.CodeConflict, "id")
		asked = w.newExport()
		asked.State = "lost"
		requireCode(t, w.PutExport(w.ctx, asked), lieciba.CodeInvalid, "state")
		asked = w.newExport()
		asked.SessionID = newID[lieciba.SessionID]()
		requireCode(t, w.PutExport(w.ctx, asked), lieciba.CodeNotFound, "")
		_, err = w.Export(w.ctx, asked.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"PutExportOfDoomedFootage": func(t *testing.T, w *world) {
		require.NoError(t, w.seal(w.rec))
		done := w.newExport()
		require.NoError(t, w.PutExport(w.ctx, done))
		done.State = lieciba.ExportSealed
		require.NoError(t, w.PutExport(w.ctx, done))
		require.NoError(t, w.beginDeletion(newDeletion(w.rec)))
		requireCode(t, w.PutExport(w.ctx, w.newExport()), lieciba.CodeConflict, "session_id")
		done.State = lieciba.ExportCollected
		require.NoError(t, w.PutExport(w.ctx, done), "one that is built goes on")
	},

	"ListExports": func(t *testing.T, w *world) {
		other := w.newSession("exam-2", base)
		require.NoError(t, w.store(other))
		a, b, c := w.newExport(), w.newExport(), w.newExport()
		b.SessionID, b.CameraIDs, b.From, b.To, b.Recipient = other.ID, nil, time.Time{}, time.Time{}, ""
		b.NodeID, c.RequestedAt, c.State = nodeB, sec(6000), lieciba.ExportBuilding
		for _, e := range []lieciba.Export{b, c, a} {
			require.NoError(t, w.PutExport(w.ctx, e))
		}
		if a.ID < b.ID {
			a, b = b, a
		}
		for name, q := range map[string]struct {
			f    storage.ExportFilter
			want []lieciba.Export
		}{
			"all":     {storage.ExportFilter{}, []lieciba.Export{c, a, b}},
			"limit":   {storage.ExportFilter{Limit: 2}, []lieciba.Export{c, a}},
			"before":  {storage.ExportFilter{Before: a.ID}, []lieciba.Export{b}},
			"session": {storage.ExportFilter{SessionID: a.SessionID, States: []lieciba.ExportState{lieciba.ExportRequested}}, []lieciba.Export{a}},
			"node":    {storage.ExportFilter{NodeID: b.NodeID, States: []lieciba.ExportState{lieciba.ExportRequested}}, []lieciba.Export{b}},
			"states":  {storage.ExportFilter{States: []lieciba.ExportState{lieciba.ExportBuilding, lieciba.ExportFailed}}, []lieciba.Export{c}},
			"none":    {storage.ExportFilter{SessionID: newID[lieciba.SessionID]()}, nil},
		} {
			got, err := w.ListExports(w.ctx, q.f)
			require.NoError(t, err, name)
			require.Equal(t, q.want, got, name)
		}
		_, err := w.ListExports(w.ctx, storage.ExportFilter{Before: newID[lieciba.ExportID]()})
		requireCode(t, err, lieciba.CodeNotFound, "")
	},
}
