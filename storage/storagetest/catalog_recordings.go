package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var recordingTests = map[string]func(*testing.T, *world){
	"EnsureRecording": func(t *testing.T, w *world) {
		again := w.newRecording()
		again.NodeID, again.State = nodeB, lieciba.RecordingRecording
		got, err := w.EnsureRecording(w.ctx, again)
		require.NoError(t, err)
		require.Equal(t, w.rec, got, "the stored one, unchanged")
		got, err = w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, w.rec, got)

		moved := newRoom(w.site, "riga-2")
		require.NoError(t, w.PutRoom(w.ctx, moved))
		again.RoomID, again.CreatedAt = moved.ID, sec(1)
		got, err = w.EnsureRecording(w.ctx, again)
		require.NoError(t, err)
		require.Equal(t, again, got, "another room is another recording")
		list, err := w.SessionRecordings(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Recording{w.rec, again}, list)

		lost := w.newRecording()
		lost.SessionID = newID[lieciba.SessionID]()
		_, err = w.EnsureRecording(w.ctx, lost)
		requireCode(t, err, lieciba.CodeNotFound, "")
		_, err = w.Recording(w.ctx, lost.ID)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"ListRecordings": func(t *testing.T, w *world) {
		early := w.newRecording()
		second := newRoom(w.site, "riga-2")
		require.NoError(t, w.PutRoom(w.ctx, second))
		early.RoomID, early.Window.From, early.State = second.ID, sec(-60), lieciba.RecordingRecording
		_, err := w.EnsureRecording(w.ctx, early)
		require.NoError(t, err)
		list, err := w.ListRecordings(w.ctx, lieciba.RecordingScheduled, lieciba.RecordingRecording)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Recording{early, w.rec}, list, "by window start")
		list, err = w.ListRecordings(w.ctx, lieciba.RecordingScheduled)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Recording{w.rec}, list)
		list, err = w.ListRecordings(w.ctx, lieciba.RecordingSealed)
		require.NoError(t, err)
		require.Empty(t, list)
		list, err = w.ListRecordings(w.ctx)
		require.NoError(t, err)
		require.Len(t, list, 2, "no state: all")
	},

	"MoveRecording": func(t *testing.T, w *world) {
		move := func(to lieciba.RecordingState) error { return w.MoveRecording(w.ctx, w.rec.ID, to, nodeB) }
		require.NoError(t, move(lieciba.RecordingRecording))
		require.NoError(t, move(lieciba.RecordingRecording))
		requireCode(t, move(lieciba.RecordingScheduled), lieciba.CodeConflict, "")
		got, err := w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, nodeB, got.NodeID)
		require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingFinalising, ""))

		s, g := w.segment(0, 10), w.gap(10, 0)
		require.NoError(t, w.AddSegment(w.ctx, s))
		require.NoError(t, w.PutGap(w.ctx, g))
		requireCode(t, move(lieciba.RecordingComplete), lieciba.CodeConflict, "state")
		require.NoError(t, w.VerifySegment(w.ctx, s.ID, lieciba.MediaRef{Key: "k"}))
		requireCode(t, move(lieciba.RecordingComplete), lieciba.CodeConflict, "state")
		requireCode(t, move(lieciba.RecordingSealed), lieciba.CodeConflict, "state")
		require.NoError(t, w.CloseGap(w.ctx, g.ID, sec(3600)))
		require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingComplete, ""))
		got, err = w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, lieciba.RecordingComplete, got.State)
		require.Equal(t, nodeB, got.NodeID, "an empty node keeps the stored one")
		requireCode(t, w.MoveRecording(w.ctx, newID[lieciba.RecordingID](), lieciba.RecordingComplete, nodeA), lieciba.CodeNotFound, "")
	},

	"SealedRecordingsNeverChange": func(t *testing.T, w *world) {
		s, g := w.segment(0, 10), w.gap(10, 0)
		require.NoError(t, w.AddSegment(w.ctx, s))
		require.NoError(t, w.PutGap(w.ctx, g))
		require.NoError(t, w.CloseGap(w.ctx, g.ID, sec(20)))
		require.NoError(t, w.VerifySegment(w.ctx, s.ID, lieciba.MediaRef{Key: "k"}))
		requireCode(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingSealed, nodeA), lieciba.CodeConflict, "state")
		require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingComplete, nodeA))
		for _, to := range []lieciba.RecordingState{lieciba.RecordingSealed, lieciba.RecordingExpired, lieciba.RecordingDeleted} {
			requireCode(t, w.MoveRecording(w.ctx, w.rec.ID, to, nodeA), lieciba.CodeConflict, "state")
		}
		_, err := w.SealRecording(w.ctx, w.rec.ID, buildSeal)
		require.NoError(t, err)

		requireCode(t, w.AddSegment(w.ctx, w.segment(20, 30)), lieciba.CodeConflict, "state")
		requireCode(t, w.PutGap(w.ctx, w.gap(20, 30)), lieciba.CodeConflict, "state")
		requireCode(t, w.PutRun(w.ctx, newRun(w.rec)), lieciba.CodeConflict, "state")
		requireCode(t, w.SetRecordingWindow(w.ctx, w.rec.ID, lieciba.Interval{From: base, To: sec(1)}), lieciba.CodeConflict, "state")
		// What was stored before the seal may be repeated.
		require.NoError(t, w.AddSegment(w.ctx, s))
		require.NoError(t, w.PutGap(w.ctx, g))
		require.NoError(t, w.CloseGap(w.ctx, g.ID, sec(20)))
		require.NoError(t, w.PutRun(w.ctx, w.run))
		require.NoError(t, w.VerifySegment(w.ctx, s.ID, lieciba.MediaRef{Key: "k"}))
		require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingSealed, nodeB))
		got, err := w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, nodeA, got.NodeID)
	},

	"SetRecordingWindow": func(t *testing.T, w *world) {
		wide := lieciba.Interval{From: sec(-600), To: sec(7200)}
		require.NoError(t, w.SetRecordingWindow(w.ctx, w.rec.ID, wide))
		got, err := w.Recording(w.ctx, w.rec.ID)
		require.NoError(t, err)
		w.rec.Window = wide
		require.Equal(t, w.rec, got)
		requireCode(t, w.SetRecordingWindow(w.ctx, w.rec.ID, lieciba.Interval{From: base, To: base}), lieciba.CodeInvalid, "to")
		requireCode(t, w.SetRecordingWindow(w.ctx, newID[lieciba.RecordingID](), wide), lieciba.CodeNotFound, "")
	},

	"Runs": func(t *testing.T, w *world) {
		next := newRun(w.rec)
		next.StartedAt = sec(30)
		next.Format = lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H265, VPS: []byte{1}, SPS: []byte{2}, PPS: []byte{3}}}
		require.NoError(t, w.PutRun(w.ctx, next))
		require.NoError(t, w.PutRun(w.ctx, next))
		list, err := w.Runs(w.ctx, w.rec.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Run{w.run, next}, list)
		next.StartedAt = sec(31)
		requireCode(t, w.PutRun(w.ctx, next), lieciba.CodeConflict, "id")
		orphan := newRun(lieciba.Recording{ID: newID[lieciba.RecordingID](), CameraID: w.camera.ID})
		requireCode(t, w.PutRun(w.ctx, orphan), lieciba.CodeNotFound, "")
	},
}
