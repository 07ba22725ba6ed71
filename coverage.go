package lieciba

import (
	"slices"
	"time"
)

// CoverageVerdict sums up what is on record of an exam session.
type CoverageVerdict string

const (
	CoverageComplete    CoverageVerdict = "complete"
	CoverageWithGaps    CoverageVerdict = "complete_with_declared_gaps" // each loss is declared, with its cause
	CoverageIncomplete  CoverageVerdict = "incomplete"                  // something is missing and nothing says why
	CoverageNotFinished CoverageVerdict = "not_finished"                // cannot be judged yet
)

// CoverageVerdicts lists every verdict.
func CoverageVerdicts() []CoverageVerdict {
	return []CoverageVerdict{CoverageComplete, CoverageWithGaps, CoverageIncomplete, CoverageNotFinished}
}

// RecordingCoverage is what JudgeCoverage asks of one recording.
type RecordingCoverage struct {
	State    RecordingState
	Coverage     // of the whole window
	OpenGaps int // losses that still last
}

// JudgeCoverage decides the verdict on a session. It is final once the session
// is over and none of its recordings can change: before that it is not_finished,
// whatever is on record. Nothing on record where something was expected is
// incomplete, never complete. Deleted footage counts as what it was on record. A session
// that was cancelled before anything was expected has nothing to judge and stays
// not_finished.
func JudgeCoverage(s SessionState, recordings []RecordingCoverage) CoverageVerdict {
	switch s {
	case SessionFinished, SessionAnchored, SessionClosed, SessionCancelled:
	default:
		return CoverageNotFinished
	}
	var expected, missing time.Duration
	exact := true
	for _, r := range recordings {
		switch r.State {
		case RecordingComplete, RecordingSealed, RecordingExpired, RecordingDeleted:
		default:
			return CoverageNotFinished
		}
		if r.OpenGaps > 0 {
			return CoverageNotFinished
		}
		expected += r.Expected.Duration()
		missing += r.Missing
		exact = exact && r.Exact()
	}
	switch {
	case expected == 0 && s == SessionCancelled:
		return CoverageNotFinished
	case expected == 0 || !exact:
		return CoverageIncomplete
	case missing > 0:
		return CoverageWithGaps
	}
	return CoverageComplete
}

// clockOrder ranks qualities: what was measured and is bad comes last, so that
// it shows through what was never measured.
var clockOrder = []ClockQuality{ClockGood, ClockUnknown, ClockDrifting, ClockUnreliable}

// ClockRange is what is known of a camera's clock over many segments.
type ClockRange struct {
	Min, Max time.Duration // camera clock minus server clock, where it was measured
	Measured bool          // false: Min and Max mean nothing
	Worst    ClockQuality  // unknown without a segment
}

// ClockOver sums up the clocks of segments.
func ClockOver(segments []Segment) ClockRange {
	out := ClockRange{Worst: ClockUnknown}
	rank := -1
	for _, s := range segments {
		if i := slices.Index(clockOrder, s.ClockQuality); i > rank {
			rank, out.Worst = i, s.ClockQuality
		}
		if s.ClockQuality == ClockUnknown || s.ClockQuality == "" {
			continue
		}
		if !out.Measured {
			out.Min, out.Max, out.Measured = s.ClockOffset, s.ClockOffset, true
		}
		out.Min, out.Max = min(out.Min, s.ClockOffset), max(out.Max, s.ClockOffset)
	}
	return out
}
