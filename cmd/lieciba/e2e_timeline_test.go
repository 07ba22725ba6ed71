package main

import (
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// The parts of a timeline (api/openapi.yaml) that these tests read.
type timeline struct {
	Window     lieciba.Interval `json:"window"`
	Recordings []recording      `json:"recordings"`
}

type recording struct {
	ID        lieciba.RecordingID    `json:"id"`
	CameraID  lieciba.CameraID       `json:"camera_id"`
	State     lieciba.RecordingState `json:"state"`
	Window    lieciba.Interval       `json:"window"`
	ExpectedS float64                `json:"expected_s"`
	RecordedS float64                `json:"recorded_s"`
	MissingS  float64                `json:"missing_s"`
	Exact     bool                   `json:"exact"`
	Segments  []segmentRow           `json:"segments"`
	Gaps      []gapRow               `json:"gaps"`
}

type segmentRow struct {
	ID     lieciba.SegmentID    `json:"id"`
	From   time.Time            `json:"from"`
	To     time.Time            `json:"to"`
	Size   int64                `json:"size"`
	State  lieciba.SegmentState `json:"state"`
	Frames int                  `json:"frames"`
	Video  lieciba.VideoCodec   `json:"video"`
	Audio  lieciba.AudioCodec   `json:"audio"`
	SHA256 string               `json:"sha256"`
}

type gapRow struct {
	From   time.Time        `json:"from"`
	To     *time.Time       `json:"to"`
	Cause  lieciba.GapCause `json:"cause"`
	Detail string           `json:"detail"`
}

func (h *house) timeline(id lieciba.SessionID) timeline {
	h.t.Helper()
	var t timeline
	h.must(h.reviewer, http.MethodGet, "/v1/exam-sessions/"+string(id)+"/timeline", nil, &t)
	return t
}

// grown waits until each of n recordings has so many segments on record.
func (h *house) grown(id lieciba.SessionID, n, segments int) {
	h.t.Helper()
	until(h.t, "segments are on record", patience, func() bool {
		list := h.timeline(id).Recordings
		for _, r := range list {
			if len(r.Segments) < segments {
				return false
			}
		}
		return len(list) == n
	})
}

// complete waits until n recordings are stored and read back, and expects that
// segments and gaps fill each window without hole or overlap.
func (h *house) complete(id lieciba.SessionID, n int) []recording {
	h.t.Helper()
	var list []recording
	until(h.t, "all recordings are complete", 2*patience, func() bool {
		list = h.timeline(id).Recordings
		for _, r := range list {
			if r.State != lieciba.RecordingComplete && r.State != lieciba.RecordingSealed { // it may be sealed by the next look
				return false
			}
		}
		return len(list) == n
	})
	for _, r := range list {
		h.exact(r)
	}
	h.mayWatch(id) // what follows looks at it
	return list
}

// exact checks coverage in our own arithmetic, to the microsecond.
func (h *house) exact(r recording) {
	h.t.Helper()
	var segments, gaps []lieciba.Interval
	for _, s := range r.Segments {
		require.Equal(h.t, lieciba.SegmentVerified, s.State)
		segments = append(segments, lieciba.Interval{From: s.From, To: s.To})
	}
	for _, g := range r.Gaps {
		require.NotNil(h.t, g.To, "the gap %s is closed", g.Cause)
		gaps = append(gaps, lieciba.Interval{From: g.From, To: *g.To})
	}
	c := lieciba.Cover(r.Window, segments, gaps)
	require.Empty(h.t, c.Holes, "%+v", r)
	require.Empty(h.t, c.Overlaps, "%+v", r)
	require.True(h.t, r.Exact)
	require.InDelta(h.t, r.ExpectedS, r.RecordedS+r.MissingS, 1e-6)
	require.InDelta(h.t, c.Recorded.Seconds(), r.RecordedS, 1e-6)
}

// oneGap expects a single gap of one of the causes.
func (h *house) oneGap(r recording, causes ...lieciba.GapCause) gapRow {
	h.t.Helper()
	require.Len(h.t, r.Gaps, 1, "%+v", r.Gaps)
	require.Contains(h.t, causes, r.Gaps[0].Cause, r.Gaps[0].Detail)
	return r.Gaps[0]
}
