package api

import (
	"time"

	"lieciba"
)

type recordingView struct {
	ID         lieciba.RecordingID    `json:"id"`
	CameraID   lieciba.CameraID       `json:"camera_id"`
	CameraName string                 `json:"camera_name"`
	RoomID     lieciba.RoomID         `json:"room_id"`
	State      lieciba.RecordingState `json:"state"`
	Window     intervalView           `json:"window"`
	ExpectedS  float64                `json:"expected_s"`
	RecordedS  float64                `json:"recorded_s"`
	MissingS   float64                `json:"missing_s"`
	Exact      bool                   `json:"exact"`
	Segments   []segmentView          `json:"segments"`
	Gaps       []gapView              `json:"gaps"`
	Growing    *intervalView          `json:"growing"`
}

type timelineView struct {
	SessionID  lieciba.SessionID `json:"session_id"`
	Window     intervalView      `json:"window"`
	Now        stamp             `json:"now"`
	Recordings []recordingView   `json:"recordings"`
	Parts      []partView        `json:"parts"`
}

func (s *Server) timeline(c *call, x lieciba.ExamSession) error {
	recs, err := s.cfg.Catalog.SessionRecordings(c.ctx(), x.ID)
	if err != nil {
		return err
	}
	out := timelineView{SessionID: x.ID, Window: viewInterval(lieciba.RecordingWindow(x, s.cfg.Margins)),
		Now: stamp(c.now), Recordings: []recordingView{}, Parts: viewParts(x.Parts)}
	for _, rec := range recs {
		v, err := s.recordingTimeline(c, rec)
		if err != nil {
			return err
		}
		out.Recordings = append(out.Recordings, v)
	}
	return c.ok(out)
}

// recordingTimeline reads the growing segment before the closed ones: one that
// closes in between then shows as closed, and not as missing.
func (s *Server) recordingTimeline(c *call, rec lieciba.Recording) (recordingView, error) {
	growing, grows := s.cfg.Source.Growing(rec.ID)
	segments, err := s.cfg.Catalog.RecordingSegments(c.ctx(), rec.ID, lieciba.Interval{})
	if err != nil {
		return recordingView{}, err
	}
	gaps, err := s.cfg.Catalog.RecordingGaps(c.ctx(), rec.ID)
	if err != nil {
		return recordingView{}, err
	}
	cam, err := s.cfg.Catalog.Camera(c.ctx(), rec.CameraID)
	if err != nil {
		return recordingView{}, err
	}
	v := recordingView{ID: rec.ID, CameraID: rec.CameraID, CameraName: cam.Name, RoomID: rec.RoomID, State: rec.State,
		Window: viewInterval(rec.Window), Segments: []segmentView{}, Gaps: []gapView{}}
	var spans []lieciba.Interval
	for _, seg := range segments {
		spans = append(spans, seg.Span())
		v.Segments = append(v.Segments, viewSegment(seg))
		grows = grows && seg.ID != growing.ID // it closed in between
	}
	for _, g := range gaps {
		v.Gaps = append(v.Gaps, viewGap(g))
	}
	if grows {
		spans = append(spans, growing.Span())
		i := viewInterval(growing.Span())
		v.Growing = &i
	}
	cover(rec, spans, gaps, c.now).show(&v)
	return v, nil
}

// coverage of a recording: the sums over its window, and whether what should
// be there by now is.
type coverage struct {
	whole lieciba.Coverage
	exact bool
}

// cover computes a recording's coverage. While it is recorded, only the span up
// to the newest thing known can be exact: the rest is still to come. Afterwards
// the whole window must be.
func cover(rec lieciba.Recording, spans []lieciba.Interval, gaps []lieciba.Gap, now time.Time) coverage {
	until := now
	if until.After(rec.Window.To) {
		until = rec.Window.To
	}
	edge := rec.Window.From
	var lost []lieciba.Interval
	for _, g := range gaps {
		lost = append(lost, g.Span(until))
	}
	for _, list := range [][]lieciba.Interval{spans, lost} {
		for _, i := range list {
			if i.To.After(edge) {
				edge = i.To
			}
		}
	}
	whole := lieciba.Cover(rec.Window, spans, lost)
	if rec.State != lieciba.RecordingScheduled && rec.State != lieciba.RecordingRecording {
		return coverage{whole, whole.Exact()}
	}
	soFar := lieciba.Interval{From: rec.Window.From, To: rec.Window.To}
	if edge.Before(soFar.To) {
		soFar.To = edge
	}
	return coverage{whole, lieciba.Cover(soFar, spans, lost).Exact()}
}

func (c coverage) show(v *recordingView) {
	v.ExpectedS = c.whole.Expected.Duration().Seconds()
	v.RecordedS, v.MissingS = c.whole.Recorded.Seconds(), c.whole.Missing.Seconds()
	v.Exact = c.exact
}
