package api

import (
	"context"
	"encoding/hex"
	"slices"

	"lieciba"
)

type clockView struct {
	OffsetMSMin *int64               `json:"offset_ms_min"`
	OffsetMSMax *int64               `json:"offset_ms_max"`
	Quality     lieciba.ClockQuality `json:"quality"`
}

type coverageGapView struct {
	gapView
	Logged bool `json:"logged"`
}

type recordingCoverageView struct {
	ID         lieciba.RecordingID    `json:"id"`
	CameraID   lieciba.CameraID       `json:"camera_id"`
	CameraName string                 `json:"camera_name"`
	State      lieciba.RecordingState `json:"state"`
	Window     intervalView           `json:"window"`
	ExpectedS  float64                `json:"expected_s"`
	RecordedS  float64                `json:"recorded_s"`
	MissingS   float64                `json:"missing_s"`
	Exact      bool                   `json:"exact"`
	Holes      []intervalView         `json:"holes"`
	Gaps       []coverageGapView      `json:"gaps"`
	Clock      clockView              `json:"clock"`
	Segments   int                    `json:"segments"`
	Logged     int                    `json:"logged"`
	SealedAt   *stamp                 `json:"sealed_at"`
	SealSHA256 *string                `json:"seal_sha256"`
}

type coverageView struct {
	SessionID  lieciba.SessionID       `json:"session_id"`
	Verdict    lieciba.CoverageVerdict `json:"verdict"`
	LogSize    int64                   `json:"log_size"`
	Recordings []recordingCoverageView `json:"recordings"`
}

// coverage answers the coverage statement: all of it is computed from what the
// catalogue holds now, nothing is assumed.
func (s *Server) coverage(c *call, x lieciba.ExamSession) error {
	recs, err := s.cfg.Catalog.SessionRecordings(c.ctx(), x.ID)
	if err != nil {
		return err
	}
	out := coverageView{SessionID: x.ID, Recordings: []recordingCoverageView{}}
	var judged []lieciba.RecordingCoverage
	for _, rec := range recs {
		r, err := s.readRecording(c, rec)
		if err != nil {
			return err
		}
		v, err := s.recordingCoverage(c, r)
		if err != nil {
			return err
		}
		out.Recordings = append(out.Recordings, v)
		judged = append(judged, lieciba.RecordingCoverage{State: rec.State, Coverage: r.cover(c.now).whole, OpenGaps: r.openGaps()})
	}
	out.Verdict = lieciba.JudgeCoverage(x.State, judged)
	newest, err := s.newestCheckpoint(c.ctx())
	if err != nil {
		return err
	}
	out.LogSize = newest.Size
	return c.ok(out)
}

func (r onRecord) openGaps() (n int) {
	for _, g := range r.gaps {
		if g.Open() {
			n++
		}
	}
	return n
}

func (s *Server) recordingCoverage(c *call, r onRecord) (recordingCoverageView, error) {
	cov, clock := r.cover(c.now), lieciba.ClockOver(r.segments)
	v := recordingCoverageView{ID: r.ID, CameraID: r.CameraID, CameraName: r.camera.Name, State: r.State, Window: viewInterval(r.Window),
		ExpectedS: cov.whole.Expected.Duration().Seconds(), RecordedS: cov.whole.Recorded.Seconds(), MissingS: cov.whole.Missing.Seconds(),
		Exact: cov.soFar.Exact(), Holes: []intervalView{}, Gaps: []coverageGapView{}, Segments: len(r.segments), Clock: clockView{Quality: clock.Worst}}
	if clock.Measured {
		low, high := clock.Min.Milliseconds(), clock.Max.Milliseconds()
		v.Clock.OffsetMSMin, v.Clock.OffsetMSMax = &low, &high
	}
	for _, h := range cov.soFar.Holes {
		v.Holes = append(v.Holes, viewInterval(h))
	}
	var gaps, segments []string
	for _, g := range r.gaps {
		gaps = append(gaps, string(g.ID))
	}
	for _, seg := range r.segments {
		segments = append(segments, string(seg.ID))
	}
	logged, err := s.logged(c.ctx(), lieciba.LeafGap, gaps)
	if err != nil {
		return v, err
	}
	for _, g := range r.gaps {
		v.Gaps = append(v.Gaps, coverageGapView{viewGap(g), logged[string(g.ID)]})
	}
	if logged, err = s.logged(c.ctx(), lieciba.LeafSegment, segments); err != nil {
		return v, err
	}
	v.Logged = len(logged)
	seal, err := s.cfg.Catalog.Seal(c.ctx(), r.ID)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		return v, nil
	case err != nil:
		return v, err
	}
	sum := hex.EncodeToString(seal.SHA256[:])
	v.SealedAt, v.SealSHA256 = optionalStamp(seal.At), &sum
	return v, nil
}

// logged tells which subjects have a leaf in the log; a day of segments is asked
// for in pieces.
func (s *Server) logged(ctx context.Context, kind lieciba.LeafKind, subjects []string) (map[string]bool, error) {
	out := map[string]bool{}
	for piece := range slices.Chunk(subjects, 500) {
		found, err := s.cfg.Catalog.Logged(ctx, kind, piece)
		if err != nil {
			return nil, err
		}
		for subject, yes := range found {
			if yes {
				out[subject] = true
			}
		}
	}
	return out, nil
}

// newestCheckpoint is the zero Checkpoint before the first.
func (s *Server) newestCheckpoint(ctx context.Context) (lieciba.Checkpoint, error) {
	cp, err := s.cfg.Catalog.NewestCheckpoint(ctx)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Checkpoint{}, nil
	}
	return cp, err
}
