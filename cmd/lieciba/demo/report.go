package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// Verdicts of a Report.
const (
	Pass = "pass"
	Fail = "fail"
)

// Report is what `--report` writes: what was asked of the job and what came of it.
type Report struct {
	Verdict    string         `json:"verdict"`
	Problems   []string       `json:"problems"` // why the verdict is fail
	Discovered int            `json:"discovered"`
	Session    string         `json:"session"`
	Cameras    []CameraReport `json:"cameras"`
	Live       struct {
		FirstFrameMSP95 float64 `json:"first_frame_ms_p95"`
		Joins           int     `json:"joins"`
	} `json:"live"`
	Archive struct {
		StartMS   float64 `json:"start_ms"`
		SeekMSP95 float64 `json:"seek_ms_p95"`
		SkewMS    float64 `json:"skew_ms"` // median distance between the cameras' newest frames
		Seeks     int     `json:"seeks"`
	} `json:"archive"`
	Store struct {
		Catalog   string `json:"catalog"`
		Media     string `json:"media"`
		WriteOnce bool   `json:"write_once"`
	} `json:"store"`
	Fsck struct {
		Violations int `json:"violations"`
		Segments   int `json:"segments"`
	} `json:"fsck"`
	Story    StoryReport    `json:"story"`
	Evidence EvidenceReport `json:"evidence"`
}

// CameraReport is the coverage of one camera.
type CameraReport struct {
	Name      string      `json:"name"`
	Codec     string      `json:"codec"`
	Audio     string      `json:"audio"`
	ExpectedS float64     `json:"expected_s"`
	RecordedS float64     `json:"recorded_s"`
	Gaps      []GapReport `json:"gaps"`
	FrameS    float64     `json:"frame_s"` // one frame's length: the tolerance of the sum
}

// GapReport is one declared loss.
type GapReport struct {
	From  time.Time        `json:"from"`
	To    time.Time        `json:"to"`
	Cause lieciba.GapCause `json:"cause"`
}

// Seconds is the length of the gap.
func (g GapReport) Seconds() float64 { return g.To.Sub(g.From).Seconds() }

// judge sets the verdict: every camera covered to a frame, one gap of about
// `cut` with an honest cause, nothing found by fsck.
func (r *Report) judge(cameras int, cut time.Duration) {
	fail := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	if r.Discovered != cameras {
		fail("discovered %d cameras of %d", r.Discovered, cameras)
	}
	var gaps []GapReport
	for _, c := range r.Cameras {
		missing := 0.0
		for _, g := range c.Gaps {
			missing += g.Seconds()
		}
		if d := c.ExpectedS - c.RecordedS - missing; d > c.FrameS || d < -c.FrameS {
			fail("%s: expected %.6f s, recorded %.6f s and gaps %.6f s do not add up", c.Name, c.ExpectedS, c.RecordedS, missing)
		}
		gaps = append(gaps, c.Gaps...)
	}
	if len(gaps) != 1 {
		fail("%d gaps where one was cut", len(gaps))
	}
	for _, g := range gaps {
		if !slices.Contains([]lieciba.GapCause{lieciba.CauseCameraOffline, lieciba.CauseNetworkLoss}, g.Cause) {
			fail("a gap has the cause %s", g.Cause)
		}
		// The cut itself, one GOP until a key frame, and the pause before a reconnect.
		if s := g.Seconds(); s < cut.Seconds()-0.5 || s > cut.Seconds()+5 {
			fail("a gap lasts %.3f s where about %s were cut", s, cut)
		}
	}
	if r.Fsck.Violations != 0 {
		fail("fsck found %d violations", r.Fsck.Violations)
	}
	r.judgeStory(fail)
	r.judgeEvidence(fail)
	r.Verdict = Pass
	if len(r.Problems) > 0 {
		r.Verdict = Fail
	}
}

// write stores the report where it was asked for.
func (r Report) write(path string) error { return writeJSON(path, r) }

// writeJSON makes the file appear whole or not at all; readers may watch for it.
func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(raw, '\n'), 0o600)
}

// print shows the report as a table.
func (r Report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) } // Flush reports
	row("\nCAMERA\tVIDEO\tSOUND\tEXPECTED\tRECORDED\tGAPS")
	for _, c := range r.Cameras {
		gaps := "none"
		for i, g := range c.Gaps {
			text := fmt.Sprintf("%.3f s %s", g.Seconds(), g.Cause)
			if i == 0 {
				gaps = text
			} else {
				gaps += ", " + text
			}
		}
		row("%s\t%s\t%s\t%.3f s\t%.3f s\t%s", c.Name, c.Codec, c.Audio, c.ExpectedS, c.RecordedS, gaps)
	}
	row("\nSTORY\tRESULT\tSEEN")
	for _, s := range r.Story.Steps {
		row("%s\t%s\t%s", s.Step, s.Result, s.Detail)
	}
	row("\nlive\tfirst frame p95 %.0f ms over %d joins", r.Live.FirstFrameMSP95, r.Live.Joins)
	row("archive\tstart %.0f ms, seek p95 %.0f ms over %d seeks, skew %.0f ms", r.Archive.StartMS, r.Archive.SeekMSP95, r.Archive.Seeks, r.Archive.SkewMS)
	row("stores\t%s and %s, write-once proven: %v", r.Store.Catalog, r.Store.Media, r.Store.WriteOnce)
	row("fsck\t%d violations in %d segments", r.Fsck.Violations, r.Fsck.Segments)
	for _, e := range r.Evidence.Sessions {
		row("evidence\tpackage of %.1f MB: %s", float64(e.Bytes)/1e6, e.Verdict)
	}
	for _, p := range r.Problems {
		row("problem\t%s", p)
	}
	row("verdict\t%s", r.Verdict)
	return w.Flush()
}

// percentile returns the p-th percentile (0 to 1, nearest rank) in milliseconds.
func percentile(list []time.Duration, p float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	at := int(p*float64(len(sorted))+0.999999) - 1
	return float64(sorted[min(max(at, 0), len(sorted)-1)].Microseconds()) / 1000
}
