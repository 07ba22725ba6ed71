package api

import (
	"slices"
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

func (s *Server) recordingTimeline(c *call, rec lieciba.Recording) (recordingView, error) {
	r, err := s.readRecording(c, rec)
	if err != nil {
		return recordingView{}, err
	}
	v := recordingView{ID: rec.ID, CameraID: rec.CameraID, CameraName: r.camera.Name, RoomID: rec.RoomID, State: rec.State,
		Window: viewInterval(rec.Window), Segments: []segmentView{}, Gaps: []gapView{}}
	for _, seg := range r.segments {
		v.Segments = append(v.Segments, viewSegment(seg))
	}
	for _, g := range r.gaps {
		v.Gaps = append(v.Gaps, viewGap(g))
	}
	if r.growing != nil {
		i := viewInterval(*r.growing)
		v.Growing = &i
	}
	r.cover(c.now).show(&v)
	return v, nil
}

// onRecord is what the catalogue and the spool know of a recording.
type onRecord struct {
	lieciba.Recording
	camera   lieciba.Camera
	segments []lieciba.Segment
	gaps     []lieciba.Gap
	growing  *lieciba.Interval // of the segment that is being written; nil: none
}

// readRecording reads the growing segment before the closed ones: one that
// closes in between then shows as closed, and not as missing.
func (s *Server) readRecording(c *call, rec lieciba.Recording) (r onRecord, err error) {
	r.Recording = rec
	growing, grows := s.cfg.Source.Growing(rec.ID)
	if r.segments, err = s.cfg.Catalog.RecordingSegments(c.ctx(), rec.ID, lieciba.Interval{}); err != nil {
		return r, err
	}
	if r.gaps, err = s.cfg.Catalog.RecordingGaps(c.ctx(), rec.ID); err != nil {
		return r, err
	}
	if r.camera, err = s.cfg.Catalog.Camera(c.ctx(), rec.CameraID); err != nil {
		return r, err
	}
	closed := func(seg lieciba.Segment) bool { return seg.ID == growing.ID }
	if grows && !slices.ContainsFunc(r.segments, closed) {
		i := growing.Span()
		r.growing = &i
	}
	return r, nil
}

// coverage of a recording: over its whole window, and over what should be there
// by now.
type coverage struct{ whole, soFar lieciba.Coverage }

// cover computes a recording's coverage. While it is recorded, only the span up
// to the newest thing known can be exact: the rest is still to come. Afterwards
// the whole window must be.
func (r onRecord) cover(now time.Time) coverage {
	rec, until := r.Recording, now
	var spans []lieciba.Interval
	for _, seg := range r.segments {
		spans = append(spans, seg.Span())
	}
	if r.growing != nil {
		spans = append(spans, *r.growing)
	}
	if until.After(rec.Window.To) {
		until = rec.Window.To
	}
	edge := rec.Window.From
	var lost []lieciba.Interval
	for _, g := range r.gaps {
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
		return coverage{whole, whole}
	}
	soFar := lieciba.Interval{From: rec.Window.From, To: rec.Window.To}
	if edge.Before(soFar.To) {
		soFar.To = edge
	}
	return coverage{whole, lieciba.Cover(soFar, spans, lost)}
}

func (c coverage) show(v *recordingView) {
	v.ExpectedS = c.whole.Expected.Duration().Seconds()
	v.RecordedS, v.MissingS = c.whole.Recorded.Seconds(), c.whole.Missing.Seconds()
	v.Exact = c.soFar.Exact()
}
