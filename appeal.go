package lieciba

import (
	"slices"
	"time"
)

// AppealStanding is what a session's events make of one appeal.
type AppealStanding struct {
	Known   bool      // an event opened it
	Decided time.Time // of the newest final decision, as it was told; zero: the appeal is open
	// Counts is from when terms after the decision run: never from before this
	// server was told of it, so that nobody ends a term by dating a decision back.
	Counts time.Time
	// Release is Counts of what a source decided, and no person by hand: the hold may
	// end by itself a while after. Zero: by hand alone, and two people release it.
	Release time.Time
}

// Open reports whether no final decision stands.
func (s AppealStanding) Open() bool { return s.Decided.IsZero() }

// AppealStands decides what a session's events make of one appeal, whatever the
// order they arrived in. Opened and decided at one instant it is open.
func AppealStands(events []SessionEvent, appeal string) AppealStanding {
	var s AppealStanding
	var opened time.Time
	for _, e := range events {
		if e.Appeal == appeal && e.Kind == EventAppealOpened {
			s.Known, opened = true, later(opened, e.At)
		}
	}
	for _, e := range events {
		if e.Appeal != appeal || e.Kind != EventAppealDecided || !e.At.After(opened) {
			continue
		}
		counts := later(e.At, e.ReceivedAt)
		s.Decided, s.Counts = later(s.Decided, e.At), later(s.Counts, counts)
		if e.Source != SourceByHand {
			s.Release = later(s.Release, counts)
		}
	}
	return s
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
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
	AppealOpened AppealState = "opened"
	AppealCourt  AppealState = "court"  // went on to the administrative court
	AppealFinal  AppealState = "final"  // decided for good
	AppealClosed AppealState = "closed" // the work on it here is over
)

// Appeal is a contested result. Opening places a hold; the final decision of the
// system that opened it lets the hold end, one by hand does not. It is known by an opaque reference alone.
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
func (a Appeal) Open() bool { return a.State == AppealOpened || a.State == AppealCourt }

// appealMoves are the changes of state; closed is the end.
var appealMoves = map[AppealState][]AppealState{
	AppealOpened: {AppealCourt, AppealFinal},
	AppealCourt:  {AppealFinal},
	AppealFinal:  {AppealOpened, AppealCourt, AppealClosed},
}

// Next lists the states that a person may move the appeal to; it is opened anew by
// its source only, or through the court.
func (a Appeal) Next() []AppealState {
	return slices.DeleteFunc(slices.Clone(appealMoves[a.State]), func(s AppealState) bool { return s == AppealOpened })
}

// MoveAppeal checks a change of state. A final decision can be followed by the
// court, when it was contested once more; closed is the end.
func MoveAppeal(from, to AppealState) error {
	if from == to || slices.Contains(appealMoves[from], to) {
		return nil
	}
	return Errorf(CodeConflict, "an appeal that is %s cannot become %s", from, to)
}
