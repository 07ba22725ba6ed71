package lieciba

import (
	"slices"
	"time"
)

// AppealStands decides what a session's events make of one appeal, whatever the
// order they arrived in: decided is the instant of the final decision, the zero
// time while the appeal is open; opened and decided at one instant it is open.
// known is false when no event opened it.
func AppealStands(events []SessionEvent, appeal string) (decided time.Time, known bool) {
	var last SessionEvent
	for _, e := range events {
		if e.Appeal != appeal || e.Kind != EventAppealOpened && e.Kind != EventAppealDecided {
			continue
		}
		known = known || e.Kind == EventAppealOpened
		if last.ID == "" || e.At.After(last.At) || e.At.Equal(last.At) && e.Kind == EventAppealOpened {
			last = e
		}
	}
	if last.Kind == EventAppealDecided {
		decided = last.At
	}
	return decided, known
}

// ReleaseAfterAppeal is when the hold of an appeal may end by itself: after the
// longest AfterAppeal of the policies that may govern the session, which are
// those its recordings were sealed under and, of their names and the default
// one, what is in force. A retroactive one in force stands for all of its name.
// The zero time: no approved policy says so, a person must release the hold.
func ReleaseAfterAppeal(policies []RetentionPolicy, sealed []PolicyID, decided time.Time) time.Time {
	names := map[string]bool{DefaultPolicy: true}
	for _, p := range policies {
		if slices.Contains(sealed, p.ID) {
			names[p.Name] = true
		}
	}
	retroactive := map[string]bool{}
	for _, p := range policies {
		if p.State == PolicyApproved && p.Retroactive {
			retroactive[p.Name] = true
		}
	}
	var due time.Time
	for _, p := range policies {
		inForce := p.State == PolicyApproved && names[p.Name]
		bound := p.State == PolicySuperseded && slices.Contains(sealed, p.ID) && !retroactive[p.Name]
		if !inForce && !bound {
			continue
		}
		if t := p.AfterAppeal.After(decided); t.After(due) {
			due = t
		}
	}
	return due
}

// AppealState of an Appeal.
type AppealState string

const (
	AppealOpen   AppealState = "opened"
	AppealCourt  AppealState = "court"  // went on to the administrative court
	AppealFinal  AppealState = "final"  // decided for good: its hold ends after a delay
	AppealClosed AppealState = "closed" // the work on it here is over
)

// Appeal is a contested result. Opening places a hold; a final decision lets the
// hold end. It is known by an opaque reference alone.
type Appeal struct {
	ID         AppealID
	SessionID  SessionID
	Reference  string // unique within the session; matches ValidCode
	Source     string // client that told of it, or SourceByHand
	State      AppealState
	HoldID     HoldID
	OpenedBy   string
	OpenedByID string
	OpenedAt   time.Time
	CourtAt    time.Time
	FinalAt    time.Time
	ClosedAt   time.Time
	ClosedBy   string
}

// SourceByHand is the source of an appeal that a reviewer opened.
const SourceByHand = "by-hand"

// Open reports whether the appeal still justifies looking at the session.
func (a Appeal) Open() bool { return a.State == AppealOpen || a.State == AppealCourt }

// MoveAppeal checks a change of state. A final decision can be followed by the
// court, when it was contested once more; closed is the end.
func MoveAppeal(from, to AppealState) error {
	moves := map[AppealState][]AppealState{
		AppealOpen:  {AppealCourt, AppealFinal},
		AppealCourt: {AppealFinal},
		AppealFinal: {AppealOpen, AppealCourt, AppealClosed},
	}
	if from == to || slices.Contains(moves[from], to) {
		return nil
	}
	return Errorf(CodeConflict, "an appeal that is %s cannot become %s", from, to)
}
