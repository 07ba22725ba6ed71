package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/localfs"
	"lieciba/storage/retention"
	"lieciba/storage/sqlite"
)

func fresh[T ~string]() T { return lieciba.NewID[T](time.Now()) }

// archive fills a data folder with one sealed recording of 2020 whose result was
// notified then, and a policy of a month: due for years. It returns the
// configuration file.
func archive(t *testing.T) (config string, rec lieciba.RecordingID) {
	ctx, data := t.Context(), t.TempDir()
	end := time.Date(2020, 1, 15, 12, 0, 0, 0, time.UTC)
	cat, err := sqlite.Open(ctx, filepath.Join(data, "catalog.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, cat.Close()) }()
	media, err := localfs.Open(filepath.Join(data, "media"))
	require.NoError(t, err)
	defer func() { require.NoError(t, media.Close()) }()

	place := lieciba.Site{ID: fresh[lieciba.SiteID](), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: end}
	room := lieciba.Room{ID: fresh[lieciba.RoomID](), SiteID: place.ID, Code: "r1", Name: "1", State: lieciba.PlaceActive, CreatedAt: end}
	cam := lieciba.Camera{ID: fresh[lieciba.CameraID](), SiteID: place.ID, Name: "cam", Address: "127.0.0.1:80", State: lieciba.CameraReady, CreatedAt: end}
	session := lieciba.ExamSession{ID: fresh[lieciba.SessionID](), SessionKey: lieciba.SessionKey{Source: "exams", ExternalID: "S-1"}, SourceVersion: 1, SiteID: place.ID,
		RoomID: room.ID, StartsAt: end.Add(-time.Hour), EndsAt: end, State: lieciba.SessionFinished, CreatedAt: end, UpdatedAt: end}
	r := lieciba.Recording{ID: fresh[lieciba.RecordingID](), SessionID: session.ID, CameraID: cam.ID, RoomID: room.ID, NodeID: fresh[lieciba.NodeID](),
		Window: lieciba.Interval{From: end.Add(-time.Hour), To: end}, State: lieciba.RecordingRecording, CreatedAt: end}
	run := lieciba.Run{ID: fresh[lieciba.RunID](), CameraID: cam.ID, RecordingID: r.ID, NodeID: r.NodeID, StartedAt: r.Window.From,
		Format: lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 352, Height: 288, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}}}}
	b := []byte("the bytes of a segment")
	seg := lieciba.Segment{ID: fresh[lieciba.SegmentID](), RecordingID: r.ID, CameraID: cam.ID, RunID: run.ID, NodeID: r.NodeID, From: r.Window.From, To: end,
		Size: int64(len(b)), SHA256: sha256.Sum256(b), InitSize: 1, Video: lieciba.H264, Frames: 1, ClockQuality: lieciba.ClockGood, State: lieciba.SegmentHashed}
	policy := lieciba.RetentionPolicy{ID: fresh[lieciba.PolicyID](), Name: lieciba.DefaultPolicy, Version: 1, Keep: lieciba.Period{Months: 1}, Unanchored: lieciba.Period{Months: 6},
		State: lieciba.PolicyDraft, DraftedBy: "a", DraftedByID: "a", DraftedAt: end}
	event := lieciba.SessionEvent{ID: fresh[lieciba.EventID](), SessionID: session.ID, Source: "exams", ExternalID: "E-1", Kind: lieciba.EventResultNotified, At: end, ReceivedAt: end}

	require.NoError(t, cat.PutSite(ctx, place))
	require.NoError(t, cat.PutRoom(ctx, room))
	require.NoError(t, cat.PutCamera(ctx, cam))
	require.NoError(t, cat.ChangeSession(ctx, session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &session, nil }, nil))
	_, err = cat.EnsureRecording(ctx, r)
	require.NoError(t, err)
	require.NoError(t, cat.PutRun(ctx, run))
	require.NoError(t, cat.AddSegment(ctx, seg))
	obj, err := media.Put(ctx, storage.SegmentKey(r.ID, seg.ID), bytes.NewReader(b), seg.Size, seg.SHA256)
	require.NoError(t, err)
	require.NoError(t, cat.VerifySegment(ctx, seg.ID, obj.Ref))
	require.NoError(t, cat.MoveRecording(ctx, r.ID, lieciba.RecordingComplete, ""))
	require.NoError(t, cat.PutPolicy(ctx, policy))
	_, err = cat.ApprovePolicy(ctx, policy.ID, "b", "b", end)
	require.NoError(t, err)
	_, err = cat.SealRecording(ctx, r.ID, func(lieciba.Recording, []lieciba.Segment, []lieciba.Gap) (lieciba.Seal, error) {
		return lieciba.Seal{RecordingID: r.ID, SessionID: session.ID, PolicyID: policy.ID, At: end, Manifest: []byte("{}\n"), SHA256: sha256.Sum256([]byte("{}\n"))}, nil
	})
	require.NoError(t, err)
	_, _, err = cat.AddSessionEvent(ctx, event)
	require.NoError(t, err)

	config = filepath.Join(t.TempDir(), "lieciba.yaml")
	require.NoError(t, os.WriteFile(config, []byte("data: "+data+"\n"), 0o600))
	return config, r.ID
}

// TestRetentionPlanAndRun: the plan shows what goes and why and changes nothing;
// the run deletes it; the next plan is empty.
func TestRetentionPlanAndRun(t *testing.T) {
	t.Parallel()
	config, rec := archive(t)
	cmd := func(args ...string) string {
		t.Helper()
		code, out, errs := command(t, nil, "", append(append([]string{"retention"}, args...), "-c", config)...)
		require.Zero(t, code, errs)
		return out
	}
	for range 2 {
		out := cmd("plan")
		for _, want := range []string{"2020-02-16", "S-1", "due", string(rec), "1 month from 15.01.2020, when the result was notified: until 15.02.2020", "1 of 1 recordings are due, 22 bytes"} {
			require.Contains(t, out, want)
		}
	}
	var rows []retention.Row
	require.NoError(t, json.Unmarshal([]byte(cmd("plan", "--json")), &rows))
	require.Len(t, rows, 1)
	require.Equal(t, []any{rec, true, int64(22)}, []any{rows[0].RecordingID, rows[0].Due, rows[0].Bytes})
	require.Contains(t, cmd("plan", "--before", "2020-02-17"), string(rec))
	require.Contains(t, cmd("plan", "--before", "2020-02-16"), "0 of 0")
	require.Equal(t, "[]\n", cmd("plan", "--json", "--before", "2020-02-16"))

	var report retention.Report
	require.NoError(t, json.Unmarshal([]byte(cmd("run", "--json")), &report))
	require.Equal(t, []int{1, 1, 1, 1}, []int{report.Scanned, report.Due, report.Deleted, report.Segments})
	require.Contains(t, cmd("plan"), "0 of 0")
	require.Contains(t, cmd("run"), "0 due, 0 deleted")

	code, _, errs := command(t, nil, "", "retention", "plan", "-c", config, "--before", "tomorrow")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "2026-12-31")
}
