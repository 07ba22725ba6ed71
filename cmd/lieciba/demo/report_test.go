package demo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func good() Report {
	t0 := time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC)
	gap := GapReport{From: t0, To: t0.Add(3200 * time.Millisecond), Cause: lieciba.CauseNetworkLoss}
	var story StoryReport
	for _, name := range storySteps {
		story.Steps = append(story.Steps, StoryStep{Step: name, Result: Pass})
	}
	return Report{Discovered: 2, Story: story, Cameras: []CameraReport{
		{Name: "a", ExpectedS: 40, RecordedS: 40, FrameS: 0.04},
		{Name: "b", ExpectedS: 40, RecordedS: 36.8, FrameS: 0.04, Gaps: []GapReport{gap}},
	}, Evidence: EvidenceReport{Sessions: []SessionReport{
		{Session: "s1", Verdict: "complete_with_declared_gaps", Gaps: []EvidenceGap{{Camera: "b", Cause: gap.Cause}}},
		{Session: "s2", Verdict: "complete"},
	}}}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Report)
		want   string
	}{
		"good":           {func(*Report) {}, Pass},
		"missing camera": {func(r *Report) { r.Discovered = 1 }, Fail},
		"hole":           {func(r *Report) { r.Cameras[0].RecordedS = 39.9 }, Fail},
		"too much":       {func(r *Report) { r.Cameras[0].RecordedS = 40.1 }, Fail},
		"no gap":         {func(r *Report) { r.Cameras[1].Gaps = nil; r.Cameras[1].RecordedS = 40 }, Fail},
		"wrong cause":    {func(r *Report) { r.Cameras[1].Gaps[0].Cause = lieciba.CauseServerDown }, Fail},
		"long gap": {func(r *Report) {
			g := &r.Cameras[1].Gaps[0]
			g.To = g.From.Add(20 * time.Second)
			r.Cameras[1].RecordedS = 20
		}, Fail},
		"altered package":     {func(r *Report) { r.Evidence.Sessions[1].Verdict = "altered" }, Fail},
		"gap and complete":    {func(r *Report) { r.Evidence.Sessions[0].Verdict = "complete" }, Fail},
		"gap not in packages": {func(r *Report) { r.Evidence.Sessions = r.Evidence.Sessions[1:] }, Fail},
		"story cut short":     {func(r *Report) { r.Story.Steps = r.Story.Steps[1:] }, Fail},
		"story failed":        {func(r *Report) { r.Story.Steps[3].Result = Fail }, Fail},
		"fsck":                {func(r *Report) { r.Fsck.Violations = 1 }, Fail},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.change(&r)
			r.judge(2, 3*time.Second)
			require.Equal(t, c.want, r.Verdict, "%v", r.Problems)
		})
	}
}

func TestPercentileIsNearestRank(t *testing.T) {
	var list []time.Duration
	for i := 20; i > 0; i-- {
		list = append(list, time.Duration(i)*time.Millisecond)
	}
	require.Equal(t, 19.0, percentile(list, 0.95))
	require.Equal(t, 10.0, percentile(list, 0.5))
	require.Equal(t, 1.0, percentile(list[19:], 0.95))
	require.Zero(t, percentile(nil, 0.95))
}
