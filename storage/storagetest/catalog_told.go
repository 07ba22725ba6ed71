package storagetest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// told publishes what waits and returns the kinds with their data.
func (w *world) told(t *testing.T) (kinds []lieciba.NoticeKind, data []storage.NoticeData, all []lieciba.Notice) {
	t.Helper()
	list, err := w.ListNotices(w.ctx, "", 0, 1000)
	require.NoError(t, err)
	w.publish(t)
	all, err = w.ListNotices(w.ctx, "", int64(len(list)), 1000)
	require.NoError(t, err)
	for _, n := range all {
		var d storage.NoticeData
		require.NoError(t, json.Unmarshal(n.Data, &d))
		require.Equal(t, w.session.ID, n.SessionID)
		require.Equal(t, w.session.ID, d.SessionID)
		require.Equal(t, w.session.ExternalID, d.ExternalID)
		require.Equal(t, w.session.Source, n.Source)
		require.NotZero(t, n.ID)
		kinds, data = append(kinds, n.Kind), append(data, d)
	}
	return kinds, data, all
}

// secondRecording is of the world's session too, in another room.
func (w *world) secondRecording(t *testing.T) lieciba.Recording {
	t.Helper()
	annex := newRoom(w.site, "annex")
	require.NoError(t, w.PutRoom(w.ctx, annex))
	rec := w.newRecording()
	rec.RoomID = annex.ID
	_, err := w.EnsureRecording(w.ctx, rec)
	require.NoError(t, err)
	return rec
}

// toldTests are about the notices that facts stage in their own transactions.
var toldTests = map[string]func(*testing.T, *world){
	"RecordingStartedIsToldOnce": func(t *testing.T, w *world) {
		other := w.secondRecording(t)
		kinds, _, _ := w.told(t)
		require.Empty(t, kinds)
		require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingRecording, nodeB))
		require.NoError(t, w.MoveRecording(w.ctx, w.rec.ID, lieciba.RecordingRecording, nodeA))
		require.NoError(t, w.MoveRecording(w.ctx, other.ID, lieciba.RecordingRecording, nodeA))
		kinds, data, all := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeRecordingStarted}, kinds, "once per session")
		require.Equal(t, w.rec.ID, data[0].RecordingID)
		require.Equal(t, w.camera.ID, data[0].CameraID)
		require.False(t, all[0].At.IsZero())
	},

	"GapsAreTold": func(t *testing.T, w *world) {
		closed, open, nothing := w.gap(0, 5), w.gap(10, 0), w.gap(20, 0)
		nothing.From = sec(30)
		require.NoError(t, w.PutGap(w.ctx, closed))
		require.NoError(t, w.PutGap(w.ctx, closed))
		require.NoError(t, w.PutGap(w.ctx, open))
		require.NoError(t, w.CloseGap(w.ctx, open.ID, sec(12)))
		require.NoError(t, w.CloseGap(w.ctx, open.ID, sec(12)))
		require.NoError(t, w.PutGap(w.ctx, open))
		require.NoError(t, w.PutGap(w.ctx, nothing))
		require.NoError(t, w.CloseGap(w.ctx, nothing.ID, sec(30)))
		kinds, data, all := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeGap, lieciba.NoticeDegraded, lieciba.NoticeGap, lieciba.NoticeDegraded}, kinds)
		want := storage.NoticeData{SessionID: w.session.ID, ExternalID: "exam-1", RecordingID: w.rec.ID, CameraID: w.camera.ID, GapID: closed.ID,
			From: sec(0), To: sec(5), Cause: lieciba.CauseCameraOffline}
		require.Equal(t, want, data[0])
		want.GapID, want.From, want.To = open.ID, sec(10), sec(12)
		require.Equal(t, want, data[2])
		require.True(t, data[1].To.IsZero(), "it lasts")
		require.Equal(t, []any{sec(5), sec(10), sec(12)}, []any{all[0].At, all[1].At, all[2].At})
		require.NotContains(t, string(all[0].Data), "refused", "the words of a gap stay in the house")
	},

	"TheLastSealIsTold": func(t *testing.T, w *world) {
		other := w.secondRecording(t)
		require.NoError(t, w.seal(w.rec))
		kinds, _, _ := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeGap}, kinds, "another recording is not sealed")
		require.NoError(t, w.seal(other))
		_, err := w.SealRecording(w.ctx, other.ID, buildSeal)
		require.NoError(t, err)
		kinds, _, all := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeGap, lieciba.NoticeSealed}, kinds)
		require.Equal(t, sec(4000), all[1].At)
	},

	"SealsAtOnceTellOfTheSession": func(t *testing.T, w *world) {
		recs := []lieciba.Recording{w.rec}
		for i := range 7 {
			camera := newCamera(w.site, string(rune('a'+i)))
			require.NoError(t, w.PutCamera(w.ctx, camera))
			rec := w.newRecording()
			rec.CameraID = camera.ID
			_, err := w.EnsureRecording(w.ctx, rec)
			require.NoError(t, err)
			recs = append(recs, rec)
		}
		for _, r := range recs {
			require.NoError(t, w.complete(r))
		}
		w.told(t)
		w.together(t, len(recs), func(c storage.Catalog, i int) error {
			_, err := c.SealRecording(w.ctx, recs[i].ID, buildSeal)
			return err
		})
		kinds, _, _ := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeSealed}, kinds, "by whoever is last, once")
	},

	"HoldsAreTold": func(t *testing.T, w *world) {
		h := w.newHold()
		for range 2 {
			_, err := w.PlaceHold(w.ctx, h)
			require.NoError(t, err)
		}
		for range 2 {
			_, err := w.ChangeHold(w.ctx, h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
				if !h.Active() {
					return nil, nil
				}
				h.ReleasedBy, h.ReleasedAt = "Berta", sec(9000)
				return &h, nil
			})
			require.NoError(t, err)
		}
		_, err := w.PlaceHold(w.ctx, h)
		require.NoError(t, err)
		kinds, data, all := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeHoldPlaced, lieciba.NoticeHoldReleased}, kinds)
		require.Equal(t, h.ID, data[1].HoldID)
		require.Equal(t, []any{sec(7000), sec(9000)}, []any{all[0].At, all[1].At})
		require.NotContains(t, string(all[0].Data), h.Reason)
	},

	"ExportsAreTold": func(t *testing.T, w *world) {
		e := w.newExport()
		require.NoError(t, w.PutExport(w.ctx, e))
		e.State = lieciba.ExportBuilding
		require.NoError(t, w.PutExport(w.ctx, e))
		kinds, _, _ := w.told(t)
		require.Empty(t, kinds)
		e.State, e.SealedAt, e.Size = lieciba.ExportSealed, sec(6000), 10
		require.NoError(t, w.PutExport(w.ctx, e))
		require.NoError(t, w.PutExport(w.ctx, e))
		e.State, e.CollectedAt = lieciba.ExportCollected, sec(6001)
		require.NoError(t, w.PutExport(w.ctx, e))
		kinds, data, all := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeExportSealed}, kinds)
		require.Equal(t, e.ID, data[0].ExportID)
		require.Equal(t, sec(6000), all[0].At)
	},

	"DeletionsAreTold": func(t *testing.T, w *world) {
		require.NoError(t, w.seal(w.rec))
		w.told(t)
		d := newDeletion(w.rec)
		require.NoError(t, w.beginDeletion(d))
		require.NoError(t, w.beginDeletion(newDeletion(w.rec)))
		kinds, data, all := w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeRetentionDue}, kinds)
		require.Equal(t, storage.NoticeData{SessionID: w.session.ID, ExternalID: "exam-1", RecordingID: w.rec.ID, DeletionID: d.ID, DueAt: sec(8000)}, data[0])
		require.Equal(t, sec(8001), all[0].At)
		claimed, err := w.ClaimSegments(w.ctx, d.ID, 10)
		require.NoError(t, err)
		require.NoError(t, w.SegmentsDeleted(w.ctx, d.ID, []lieciba.SegmentID{claimed[0].ID}))
		for range 2 {
			_, err = w.FinishDeletion(w.ctx, d.ID, sec(9000), []byte("{}\n"))
			require.NoError(t, err)
		}
		kinds, _, all = w.told(t)
		require.Equal(t, []lieciba.NoticeKind{lieciba.NoticeDeleted}, kinds)
		require.Equal(t, sec(9000), all[0].At)
	},

	"PublishersAtOnce": testPublishersAtOnce,
	"ClaimersAtOnce":   testClaimersAtOnce,
}
