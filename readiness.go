package lieciba

import "time"

// ReadinessCheck is one of the things that a camera must pass before an exam.
type ReadinessCheck string

const (
	CheckPicture ReadinessCheck = "picture" // present, not frozen, not dark
	CheckSound   ReadinessCheck = "sound"   // a level where a part needs sound
	CheckClock   ReadinessCheck = "clock"   // camera against server
	CheckSpace   ReadinessCheck = "storage" // headroom for the whole session
	CheckTrial   ReadinessCheck = "test_recording"
)

// ReadinessChecks lists every check.
func ReadinessChecks() []ReadinessCheck {
	return []ReadinessCheck{CheckPicture, CheckSound, CheckClock, CheckSpace, CheckTrial}
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
