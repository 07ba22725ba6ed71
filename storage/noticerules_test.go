package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func TestNoticesSayIDsTimesAndCausesOnly(t *testing.T) {
	at := time.Date(2026, 11, 18, 10, 0, 0, 123456789, time.FixedZone("", 7200))
	s := storage.NoticeSession{ID: "s1", Source: "pizis", ExternalID: "EX-1"}
	gap := lieciba.Gap{ID: "g1", RecordingID: "r1", CameraID: "c1", From: at, Cause: lieciba.CauseDiskFull, Detail: "/var/spool: no space for Anna"}
	n := storage.ToldOfGap(gap).Notice(s)
	require.Equal(t, []any{lieciba.NoticeDegraded, s.ID, "pizis", int64(0), lieciba.Micro(at)}, []any{n.Kind, n.SessionID, n.Source, n.Number, n.At})
	require.JSONEq(t, `{"session_id":"s1","external_id":"EX-1","recording_id":"r1","camera_id":"c1","gap_id":"g1","from":"2026-11-18T08:00:00.123456Z","cause":"disk_full"}`,
		string(n.Data))
	hold := lieciba.Hold{ID: "h1", SessionID: "s1", Reference: "A-1", Reason: "why", PlacedBy: "Anna", PlacedAt: at, ReleasedBy: "Berta", ReleasedAt: at}
	require.JSONEq(t, `{"session_id":"s1","external_id":"EX-1","hold_id":"h1"}`, string(storage.ToldOfHold(hold).Notice(s).Data))

	alarm := lieciba.Alarm{ID: "a1", Kind: lieciba.AlarmOwnSite, Key: "user:u1", Who: "Anna", SessionID: "s1", At: at, Detail: "Anna watched her own site."}
	a := storage.NoticeOfAlarm(alarm)
	require.Equal(t, []any{lieciba.NoticeAlarm, alarm.SessionID, ""}, []any{a.Kind, a.SessionID, a.Source}, "no source reads an alarm")
	require.JSONEq(t, `{"session_id":"s1","alarm_id":"a1","alarm":"own_site"}`, string(a.Data))
	require.NoError(t, storage.CheckNotice(a))
}

func TestWhichFactsTellNothing(t *testing.T) {
	r := lieciba.Recording{ID: "r1", SessionID: "s1", State: lieciba.RecordingRecording}
	for _, to := range []lieciba.RecordingState{lieciba.RecordingRecording, lieciba.RecordingFinalising, lieciba.RecordingComplete} {
		next := r
		next.State = to
		require.Nil(t, storage.ToldOfMove(r, next, time.Now()), to)
	}
	require.Nil(t, storage.ToldOfSeal(lieciba.Seal{SessionID: "s1"}, 1))
	sealed := lieciba.Export{ID: "e1", State: lieciba.ExportSealed}
	for from, tells := range map[lieciba.ExportState]bool{
		lieciba.ExportRequested: true, lieciba.ExportBuilding: true, lieciba.ExportFailed: true,
		lieciba.ExportSealed: false, lieciba.ExportCollected: false, lieciba.ExportPurged: false,
	} {
		require.Equal(t, tells, storage.ToldOfExport(&lieciba.Export{ID: "e1", State: from}, sealed) != nil, from)
		require.Nil(t, storage.ToldOfExport(&lieciba.Export{ID: "e1", State: from}, lieciba.Export{State: lieciba.ExportFailed}), from)
	}
}
