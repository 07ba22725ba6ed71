package lieciba

import "time"

// Period is a length of calendar time in Europe/Riga: months first, then days.
type Period struct{ Months, Days int }

// Zero reports whether the period has no length.
func (p Period) Zero() bool { return p == Period{} }

// After returns the first instant after the period that begins at t: the start
// of the Riga day that follows the last day kept. The last day is the same day
// of the month p.Months later, clamped to the end of a shorter month, plus
// p.Days; it counts in full, as terms of the law do.
func (p Period) After(t time.Time) time.Time {
	y, m, d := t.In(Riga).Date()
	first := time.Date(y, m+time.Month(p.Months), 1, 12, 0, 0, 0, Riga)
	last := time.Date(first.Year(), first.Month()+1, 0, 12, 0, 0, 0, Riga).Day()
	return Micro(time.Date(first.Year(), first.Month(), min(d, last)+p.Days+1, 0, 0, 0, 0, Riga))
}

// LongerThan reports whether p ends later than q from every start: the bound is
// taken over the shortest and longest months.
func (p Period) LongerThan(q Period) bool {
	return p.shortest() > q.longest() || p.Months >= q.Months && p.Days >= q.Days && p != q
}

func (p Period) shortest() int { return p.Months*28 + p.Days }
func (p Period) longest() int  { return p.Months*31 + p.Days }

// PolicyState of a RetentionPolicy.
type PolicyState string

const (
	PolicyDraft      PolicyState = "draft"
	PolicyApproved   PolicyState = "approved" // in force; one per name
	PolicySuperseded PolicyState = "superseded"
)

// DefaultPolicy is the name of the policy that holds where no other is named.
const DefaultPolicy = "default"

// RetentionPolicy says how long footage is kept and why. Versions of one name
// follow each other; an approved version never changes. A shorter version holds
// for recordings sealed after its approval, unless it says Retroactive.
type RetentionPolicy struct {
	ID          PolicyID // of this version
	Name        string
	Version     int // from 1
	Purpose     string
	LegalBasis  string
	Keep        Period // from the notification of the result
	Unanchored  Period // ceiling from the session's end when no result was notified
	WarnBefore  Period // alarm so long before the ceiling
	AfterAppeal Period // from a final decision until its hold is released
	Retroactive bool   // holds for what was sealed under an earlier version too
	State       PolicyState
	DraftedBy   string
	DraftedByID string
	DraftedAt   time.Time
	ApprovedBy  string
	ApprovedAt  time.Time
}

// EventKind is what the citizenship system tells about a session.
type EventKind string

const (
	EventResultNotified EventKind = "result_notified" // anchors retention
	EventAppealOpened   EventKind = "appeal_opened"   // places a hold
	EventAppealDecided  EventKind = "appeal_decided"  // final: lets the hold end
)

// SessionEvent is a fact that the citizenship system reported. Never changed.
type SessionEvent struct {
	ID         EventID
	SessionID  SessionID
	Source     string // of the client that sent it
	ExternalID string // unique within the source; matches ValidCode
	Kind       EventKind
	At         time.Time // when it happened
	Appeal     string    // opaque appeal ID; set for appeal events
	ReceivedAt time.Time
}

// HoldKind says why footage must stay.
type HoldKind string

const (
	HoldAppeal   HoldKind = "appeal"
	HoldCourt    HoldKind = "court"
	HoldIncident HoldKind = "incident"
	HoldRequest  HoldKind = "request" // a data subject, police, an audit
)

// Hold forbids deletion of a session's footage, whatever a policy says. Many may
// overlap; each ends on its own.
type Hold struct {
	ID         HoldID
	SessionID  SessionID
	Kind       HoldKind
	Reference  string // opaque, such as the appeal's ID
	Reason     string
	PlacedBy   string
	PlacedByID string
	PlacedAt   time.Time
	// Release: asked for by one person, given by another; or due by itself after
	// a final decision. Zero: not.
	ReleaseAskedBy   string
	ReleaseAskedByID string
	ReleaseAskedAt   time.Time
	ReleaseDue       time.Time // released by the server from then on
	ReleasedBy       string
	ReleasedAt       time.Time
}

// Active reports whether the hold forbids deletion.
func (h Hold) Active() bool { return h.ReleasedAt.IsZero() }

// DeletionState of a Deletion.
type DeletionState string

const (
	DeletionOpen DeletionState = "open" // decided; objects are being removed
	DeletionHeld DeletionState = "held" // a hold came in between: the rest stays
	DeletionDone DeletionState = "done" // certificate written
)

// Deletion is the tombstone of one recording's footage: written before the first
// object goes, and its certificate after the last.
type Deletion struct {
	ID          DeletionID
	RecordingID RecordingID
	SessionID   SessionID
	PolicyID    PolicyID
	Reason      string    // one sentence, from Decide
	DueAt       time.Time // when the policy allowed it
	DecidedAt   time.Time
	State       DeletionState
	DoneAt      time.Time
	Certificate []byte // canonical JSON (storage/evidence); nil until done
}

// RetentionFacts is all that decides about one recording's retention.
type RetentionFacts struct {
	Recording Recording
	Session   ExamSession
	Seal      *Seal // nil: not sealed; Manifest is left out
	Events    []SessionEvent
	Holds     []Hold
	Policies  []RetentionPolicy // every version of every name
	Exports   []Export          // that are open
	Deletion  *Deletion         // nil: none was decided
}
