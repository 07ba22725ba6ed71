package lieciba

import (
	"cmp"
	"slices"
	"time"
)

// IncidentKind is what happened.
type IncidentKind string

const (
	IncidentPhone       IncidentKind = "phone" // or another device
	IncidentCrib        IncidentKind = "crib"  // notes, books
	IncidentTalking     IncidentKind = "talking"
	IncidentLeft        IncidentKind = "left_room"
	IncidentIdentity    IncidentKind = "identity" // doubt whether it is the person
	IncidentDisturbance IncidentKind = "disturbance"
	IncidentHealth      IncidentKind = "health"
	IncidentTechnical   IncidentKind = "technical"
	IncidentOther       IncidentKind = "other"
)

// IncidentKinds lists every kind, as menus show them.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{IncidentPhone, IncidentCrib, IncidentTalking, IncidentLeft, IncidentIdentity,
		IncidentDisturbance, IncidentHealth, IncidentTechnical, IncidentOther}
}

// MaxNote bounds the note of an incident, in characters.
const MaxNote = 280

// Incident is a mark on a session's timeline. A row never changes: a correction
// and a review are rows of their own that name the row they follow.
type Incident struct {
	ID         IncidentID
	SessionID  SessionID
	CameraID   CameraID  // empty: the room
	At         time.Time // server time of the key press
	Seat       int       // 0: none
	Kind       IncidentKind
	Note       string
	Follows    IncidentID // the first row of the incident; empty: this is it
	Step       IncidentStep
	By, ByID   string
	RecordedAt time.Time
}

// IncidentStep is what a row adds to an incident.
type IncidentStep string

const (
	IncidentRaised    IncidentStep = "raised"
	IncidentCorrected IncidentStep = "corrected"
	IncidentRetracted IncidentStep = "retracted" // was no incident
	IncidentReviewed  IncidentStep = "reviewed"
)

// Check judges a row on its own; seats is the number of seats of the session, 0
// if it is not known. CodeInvalid names the field.
func (i Incident) Check(seats int) error {
	switch {
	case !slices.Contains(IncidentKinds(), i.Kind):
		return Invalid("kind", "unknown kind %q: use one of %v", i.Kind, IncidentKinds())
	case i.Seat < 0 || i.Seat > MaxSeats || seats > 0 && i.Seat > seats:
		return Invalid("seat", "must be 1 to %d, or 0 for none", min(MaxSeats, max(seats, 1)))
	case (i.Step == IncidentRaised) != (i.Follows == ""):
		return Invalid("follows", "a new incident follows none, every other step one")
	case i.At.IsZero():
		return Invalid("at", "an incident needs its time")
	}
	if i.Note == "" {
		return nil
	}
	return checkLine("note", i.Note, MaxNote)
}

// PartStep is what happened to a part.
type PartStep string

const (
	StepStarted PartStep = "started"
	StepPaused  PartStep = "paused"
	StepResumed PartStep = "resumed"
	StepEnded   PartStep = "ended"
)

// PartEvent is what really happened to a part. A row never changes: a correction
// is a row that names the one it stands in for (Corrects) and, when that one
// never happened, is Void.
type PartEvent struct {
	ID         PartEventID
	SessionID  SessionID
	PartID     PartID
	Step       PartStep
	At         time.Time // when it happened
	Corrects   PartEventID
	Void       bool
	Note       string
	By, ByID   string
	RecordedAt time.Time
}

// EffectiveParts drops what was corrected and returns the events that stand, by
// At, then by RecordedAt, then by ID.
func EffectiveParts(events []PartEvent) []PartEvent {
	gone := map[PartEventID]bool{}
	for _, e := range events {
		if e.Corrects != "" {
			gone[e.Corrects] = true
		}
	}
	out := slices.DeleteFunc(slices.Clone(events), func(e PartEvent) bool { return gone[e.ID] || e.Void })
	slices.SortFunc(out, func(a, b PartEvent) int {
		return cmp.Or(a.At.Compare(b.At), a.RecordedAt.Compare(b.RecordedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

var partMoves = map[PartState]map[PartStep]PartState{
	PartPlanned: {StepStarted: PartRunning},
	PartRunning: {StepPaused: PartPaused, StepEnded: PartEnded},
	PartPaused:  {StepResumed: PartRunning, StepEnded: PartEnded},
}

// PartTimes is what really happened to one part.
type PartTimes struct {
	State   PartState
	Running []Interval // a zero end: it runs still
}

// PartTimesOf replays the events of one part. CodeConflict names "step" when they
// make no story, such as an end before a start.
func PartTimesOf(events []PartEvent) (PartTimes, error) {
	t := PartTimes{State: PartPlanned}
	for _, e := range EffectiveParts(events) {
		next, ok := partMoves[t.State][e.Step]
		if !ok {
			return t, &Error{Code: CodeConflict, Field: "step", Message: "a part that is " + string(t.State) + " cannot be " + string(e.Step)}
		}
		if next == PartRunning {
			t.Running = append(t.Running, Interval{From: e.At})
		} else if n := len(t.Running); n > 0 && t.Running[n-1].To.IsZero() {
			t.Running[n-1].To = e.At
		}
		t.State = next
	}
	return t, nil
}

// IncidentNow is an incident as its rows leave it.
type IncidentNow struct {
	Incident              // as first raised or last corrected; ID, By and RecordedAt are the first row's
	State    IncidentStep // raised, reviewed or retracted
	Rows     []Incident   // all of them, as they were recorded
}

// IncidentsOf joins rows, given by RecordedAt, to incidents by their time.
func IncidentsOf(rows []Incident) []IncidentNow {
	var out []IncidentNow
	at := map[IncidentID]int{}
	for _, r := range rows {
		if r.Follows == "" {
			at[r.ID] = len(out)
			out = append(out, IncidentNow{Incident: r, State: IncidentRaised, Rows: []Incident{r}})
			continue
		}
		i, ok := at[r.Follows]
		if !ok {
			continue // the catalogue refuses it
		}
		now := &out[i]
		now.Rows = append(now.Rows, r)
		switch r.Step {
		case IncidentCorrected:
			now.CameraID, now.At, now.Seat, now.Kind, now.Note = r.CameraID, r.At, r.Seat, r.Kind, r.Note
			now.State = IncidentRaised
		case IncidentRetracted, IncidentReviewed:
			now.State = r.Step
		}
	}
	slices.SortStableFunc(out, func(a, b IncidentNow) int { return a.At.Compare(b.At) })
	return out
}

// NextIncident judges a row that follows others. CodeConflict names "step" after
// a retraction: what was no incident is marked anew instead.
func NextIncident(rows []Incident, next Incident) error {
	for _, n := range IncidentsOf(rows) {
		if n.ID == next.Follows && n.State == IncidentRetracted {
			return &Error{Code: CodeConflict, Field: "step", Message: "this incident was retracted: mark a new one"}
		}
	}
	return nil
}
