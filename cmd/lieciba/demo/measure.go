package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"lieciba"
)

const (
	joins       = 10
	seeks       = 20
	skewFrames  = 50
	measureTime = 30 * time.Second // bound on each measurement; nothing is asserted on time
)

// live joins pictures as a supervisor's browser does, spread over the cameras.
func (j *job) live(ctx context.Context) error {
	var list []time.Duration
	for i := range joins {
		c := j.cameras[i%len(j.cameras)]
		d, err := j.joinLive(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("live %s: %w", c.Name, err)
		}
		list = append(list, d)
	}
	j.report.Live.Joins = len(list)
	j.report.Live.FirstFrameMSP95 = percentile(list, 0.95)
	return nil
}

func (j *job) joinLive(ctx context.Context, id lieciba.CameraID) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	l, err := j.clients[lieciba.RoleSupervisor].Live(ctx, id, lieciba.StreamMain)
	if err != nil {
		return 0, err
	}
	return l.FirstFrame, l.Close(ctx)
}

// archive plays the session as a reviewer's browser does: start, seeks, and how
// far apart the cameras are while it plays.
func (j *job) archive(ctx context.Context) (err error) {
	session := j.sessions[0]
	var t timeline
	if err := j.get(ctx, lieciba.RoleReviewer, "/v1/exam-sessions/"+string(session)+"/timeline", &t); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*measureTime)
	defer cancel()
	b, err := j.clients[lieciba.RoleReviewer].Playback(ctx, session, t.Window.From, len(t.Recordings))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close(context.WithoutCancel(ctx))) }()
	j.report.Archive.StartMS = float64(b.FirstFrame.Microseconds()) / 1000
	skew, err := b.Skew(ctx, skewFrames)
	if err != nil {
		return fmt.Errorf("archive, cameras in step: %w", err)
	}
	j.report.Archive.SkewMS = percentile(skew, 0.5)
	random := rand.New(rand.NewPCG(1, 2)) // the same seeks in each run
	var took []time.Duration
	reach := t.Window.To.Sub(t.Window.From) - time.Second
	for range seeks {
		d, err := b.Seek(ctx, t.Window.From.Add(time.Duration(random.Int64N(int64(reach)))))
		if err != nil {
			return fmt.Errorf("archive, seek: %w", err)
		}
		took = append(took, d)
	}
	j.report.Archive.Seeks = len(took)
	j.report.Archive.SeekMSP95 = percentile(took, 0.95)
	return nil
}

// coverage reads what the catalogue says of every session's recordings.
func (j *job) coverage(ctx context.Context) error {
	for _, s := range j.sessions {
		var t timeline
		if err := j.get(ctx, lieciba.RoleReviewer, "/v1/exam-sessions/"+string(s)+"/timeline", &t); err != nil {
			return err
		}
		for _, r := range t.Recordings {
			j.report.Cameras = append(j.report.Cameras, j.cameraReport(r))
		}
	}
	return nil
}

func (j *job) cameraReport(r recording) CameraReport {
	out := CameraReport{Name: r.CameraName, ExpectedS: r.ExpectedS, RecordedS: r.RecordedS, FrameS: 1.0 / frameRate, Gaps: []GapReport{}}
	if len(r.Segments) > 0 {
		out.Codec, out.Audio = r.Segments[0].Video, r.Segments[0].Audio
	}
	for _, g := range r.Gaps {
		to := g.From
		if g.To != nil {
			to = *g.To
		}
		out.Gaps = append(out.Gaps, GapReport{From: g.From, To: to, Cause: g.Cause})
	}
	return out
}

// stored waits until every recording is sealed: uploaded, read back, equal and in
// the hash log.
func (j *job) stored(ctx context.Context) error {
	return j.until(ctx, 200*time.Millisecond, func() (bool, error) {
		for _, s := range j.sessions {
			var t timeline
			if err := j.get(ctx, lieciba.RoleReviewer, "/v1/exam-sessions/"+string(s)+"/timeline", &t); err != nil {
				return false, err
			}
			for _, r := range t.Recordings {
				if r.State != lieciba.RecordingSealed {
					return false, nil
				}
			}
			if len(t.Recordings) == 0 {
				return false, nil
			}
		}
		return true, nil
	})
}
