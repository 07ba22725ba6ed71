package api

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestCoverageStatement(t *testing.T) {
	w := newWorld(t)
	get := func(x lieciba.ExamSession) (map[string]any, map[string]any) {
		a := w.as("supervisor", "GET", "/v1/exam-sessions/"+x.ExternalID+"/coverage", nil).want(200).json()
		return a, a["recordings"].([]any)[0].(map[string]any)
	}
	a, r := get(w.own.session)
	require.Equal(t, "not_finished", a["verdict"], "the session runs")
	require.Equal(t, []any{0.0, 0.0}, []any{a["log_size"], r["logged"]})
	require.Equal(t, []any{true, []any{}}, []any{r["exact"], r["holes"]}, "what is still to come is no hole")

	x, rec := w.finished(w.own)
	a, r = get(x)
	require.Equal(t, "complete_with_declared_gaps", a["verdict"])
	require.Equal(t, []any{10.0, 4.0, 6.0, true, 1.0, 0.0}, []any{r["expected_s"], r["recorded_s"], r["missing_s"], r["exact"], r["segments"], r["logged"]})
	require.Equal(t, map[string]any{"offset_ms_min": 12.0, "offset_ms_max": 12.0, "quality": "good"}, r["clock"])
	gap := r["gaps"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"network_loss", "i/o timeout", false, "2026-11-18T06:30:04Z", "2026-11-18T06:30:10Z"},
		[]any{gap["cause"], gap["detail"], gap["logged"], gap["from"], gap["to"]})
	require.Nil(t, r["sealed_at"])
	require.Nil(t, r["seal_sha256"])

	x, rec = w.sealed(w.own)
	a, r = get(x)
	cp, err := w.catalog.NewestCheckpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, float64(cp.Size), a["log_size"])
	require.Equal(t, []any{1.0, "sealed"}, []any{r["logged"], r["state"]})
	require.Equal(t, true, r["gaps"].([]any)[0].(map[string]any)["logged"])
	seal, err := w.catalog.Seal(t.Context(), rec.ID)
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(seal.SHA256[:]), r["seal_sha256"])
	require.NotNil(t, r["sealed_at"])
}

// A loss that nothing declares shows as a hole, and never as complete.
func TestCoverageStatementNamesHoles(t *testing.T) {
	w := newWorld(t)
	x := w.session("token-citizenship", "holed", w.own.room, start)
	rec, _, _ := w.record(x, w.own.camera.ID, []byte("four seconds of ten"))
	require.NoError(t, w.catalog.MoveRecording(t.Context(), rec.ID, lieciba.RecordingComplete, ""))
	require.NoError(t, w.catalog.MoveSession(t.Context(), x.ID, lieciba.SessionFinished))
	a := w.as("reviewer", "GET", "/v1/exam-sessions/holed/coverage", nil).want(200).json()
	require.Equal(t, "incomplete", a["verdict"])
	r := a["recordings"].([]any)[0].(map[string]any)
	require.Equal(t, false, r["exact"])
	require.Equal(t, []any{map[string]any{"from": "2026-11-18T06:30:04Z", "to": "2026-11-18T06:30:10Z"}}, r["holes"])
}

// A day of short segments is asked for in pieces, and each counts.
func TestCoverageStatementOfManySegments(t *testing.T) {
	w := newWorld(t)
	rec := w.own.rec
	seg := w.own.segment
	require.NoError(t, w.catalog.SetRecordingWindow(t.Context(), rec.ID, lieciba.Interval{From: start, To: start.Add(time.Hour)}))
	for i := range 1100 {
		s := seg
		s.ID, s.State, s.Media = lieciba.NewID[lieciba.SegmentID](start), lieciba.SegmentHashed, lieciba.MediaRef{}
		s.From, s.To = start.Add(4*time.Second+time.Duration(i)*time.Second), start.Add(5*time.Second+time.Duration(i)*time.Second)
		s.ClockOffset = time.Duration(i-500) * time.Millisecond
		require.NoError(t, w.catalog.AddSegment(t.Context(), s))
	}
	w.sequence()
	a := w.as("security", "GET", "/v1/exam-sessions/"+string(w.own.session.ID)+"/coverage", nil).want(200).json()
	r := a["recordings"].([]any)[0].(map[string]any)
	require.Equal(t, []any{1101.0, 1101.0}, []any{r["segments"], r["logged"]})
	require.Equal(t, map[string]any{"offset_ms_min": -500.0, "offset_ms_max": 599.0, "quality": "good"}, r["clock"])
}
