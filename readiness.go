package lieciba

import (
	"slices"
	"time"
)

// ReadinessCheck is one of the things that a camera must pass before an exam.
type ReadinessCheck string

const (
	CheckPicture       ReadinessCheck = "picture" // present, not frozen, not dark
	CheckSound         ReadinessCheck = "sound"   // a level where a part needs sound
	CheckClock         ReadinessCheck = "clock"   // camera against server
	CheckStorage       ReadinessCheck = "storage" // headroom for the whole session
	CheckTestRecording ReadinessCheck = "test_recording"
)

// ReadinessChecks lists every check.
func ReadinessChecks() []ReadinessCheck {
	return []ReadinessCheck{CheckPicture, CheckSound, CheckClock, CheckStorage, CheckTestRecording}
}

// CheckOutcome of one check.
type CheckOutcome string

const (
	OutcomePassed    CheckOutcome = "passed"
	OutcomeFailed    CheckOutcome = "failed"
	OutcomeNotNeeded CheckOutcome = "not_needed"
)

// ReadinessItem is one check with what was measured.
type ReadinessItem struct {
	Check    ReadinessCheck `json:"check"`
	Outcome  CheckOutcome   `json:"outcome"`
	Fact     string         `json:"fact"`     // a word for programs and translation, such as "dark", "silent", "ok"
	Value    float64        `json:"value"`    // of the measure; 0 if there is none
	Unit     string         `json:"unit"`     // "fps", "dBFS", "ms", "bytes", ""
	Measured string         `json:"measured"` // one sentence
}

// ReadinessState of a camera for a session.
type ReadinessState string

const (
	ReadinessPassed     ReadinessState = "passed"
	ReadinessFailed     ReadinessState = "failed"
	ReadinessOverridden ReadinessState = "overridden" // a person lets the exam go on, and says why
	ReadinessUnchecked  ReadinessState = "unchecked"  // of what no check ran for: no row bears it
)

// ReadinessAt says when a check ran.
type ReadinessAt string

const (
	ReadinessT60    ReadinessAt = "t60" // 60 minutes before the start
	ReadinessT15    ReadinessAt = "t15"
	ReadinessByHand ReadinessAt = "by_hand"
)

// Readiness is the result of one check of one camera before a session, an
// override of one (Follows), or the sign-off of the session (no camera). A row
// never changes, and each is a leaf of the hash log.
type Readiness struct {
	ID        ReadinessID
	SessionID SessionID
	CameraID  CameraID // empty: the sign-off
	NodeID    NodeID
	When      ReadinessAt
	At        time.Time
	State     ReadinessState
	Items     []ReadinessItem
	Follows   ReadinessID // of an override: the check that failed
	Reason    string      // of an override, or of a sign-off with cameras that failed
	By, ByID  string      // who overrode or signed off; "system" for a check
}

// ReadinessOf is what stands for each camera: its newest check, or the override
// that follows it. signedOff is the newest sign-off, nil if there is none after
// the newest check that failed.
func ReadinessOf(rows []Readiness) (cameras map[CameraID]Readiness, signedOff *Readiness) {
	cameras = map[CameraID]Readiness{}
	for _, r := range rows { // by At, as the catalogue returns them
		switch {
		case r.CameraID == "":
			signedOff = &r
		case r.State == ReadinessOverridden:
			if cameras[r.CameraID].ID == r.Follows {
				cameras[r.CameraID] = r
			}
		default:
			cameras[r.CameraID] = r
			if r.State == ReadinessFailed {
				signedOff = nil
			}
		}
	}
	return cameras, signedOff
}

// WorstReadiness is the state of several cameras together: the worst one that any
// of them is in, unchecked without any.
func WorstReadiness(cameras []ReadinessState) ReadinessState {
	for _, worse := range []ReadinessState{ReadinessFailed, ReadinessUnchecked, ReadinessOverridden, ReadinessPassed} {
		if slices.Contains(cameras, worse) {
			return worse
		}
	}
	return ReadinessUnchecked
}

// UnreadyOf lists those of the session's cameras that neither passed nor were
// overridden, in their order: failed, or never checked.
func UnreadyOf(cameras []CameraID, rows []Readiness) []CameraID {
	stands, _ := ReadinessOf(rows)
	var out []CameraID
	for _, c := range cameras {
		if r, ok := stands[c]; !ok || r.State == ReadinessFailed {
			out = append(out, c)
		}
	}
	return out
}

// ReadyToBegin reports whether every camera of a session passed or was overridden,
// and a person signed off since. A session without cameras is never ready.
func ReadyToBegin(cameras []CameraID, rows []Readiness) bool {
	_, signed := ReadinessOf(rows)
	return len(cameras) > 0 && signed != nil && len(UnreadyOf(cameras, rows)) == 0
}

// CheckOverride judges an override of a camera: it needs a check that failed to
// follow, and a reason. CodeInvalid or CodeConflict names the field.
func CheckOverride(r Readiness, rows []Readiness) error {
	stands, _ := ReadinessOf(rows)
	was, ok := stands[r.CameraID]
	switch {
	case !ok:
		return &Error{Code: CodeConflict, Field: "camera_id", Message: "the camera was not checked for this session: run the check first"}
	case was.State != ReadinessFailed || was.ID != r.Follows:
		return &Error{Code: CodeConflict, Field: "camera_id", Message: "the camera's newest check did not fail: nothing is to be overridden"}
	case r.Reason == "":
		return Invalid("reason", "say why the exam may go on with this camera")
	}
	return CheckSentence("reason", r.Reason)
}

// CheckSignOff judges a sign-off of a session's cameras: those that failed or were
// never checked need a reason. CodeInvalid names the field.
func CheckSignOff(r Readiness, cameras []CameraID, rows []Readiness) error {
	unready := UnreadyOf(cameras, rows)
	switch {
	case r.Reason != "":
		return CheckSentence("reason", r.Reason)
	case len(cameras) == 0:
		return Invalid("reason", "no camera watches the room: say why the exam may go on")
	case len(unready) > 0:
		return Invalid("reason", "%d of %d cameras did not pass: say why the exam may go on", len(unready), len(cameras))
	}
	return nil
}
