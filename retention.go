package lieciba

import (
	"slices"
	"time"
)

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
	return Micro(time.Date(first.Year(), first.Month(), min(d, monthDays(first))+p.Days+1, 0, 0, 0, 0, Riga))
}

// Before returns the start of the Riga day that lies the period before t's day:
// months first, clamped as in After, then days.
func (p Period) Before(t time.Time) time.Time {
	y, m, d := t.In(Riga).Date()
	first := time.Date(y, m-time.Month(p.Months), 1, 12, 0, 0, 0, Riga)
	return Micro(time.Date(first.Year(), first.Month(), min(d, monthDays(first))-p.Days, 0, 0, 0, 0, Riga))
}

// Negative reports whether a part of the period lies below zero: no rule may.
func (p Period) Negative() bool { return p.Months < 0 || p.Days < 0 }

// NeverEarlier reports whether p ends no earlier than q, from whatever day both
// begin: 31 days never end before one month does, 30 days may.
func (p Period) NeverEarlier(q Period) bool {
	if p.Months >= q.Months {
		return p.Days-q.Days >= -fewestDays(p.Months-q.Months)
	}
	return p.Days-q.Days >= mostDays(q.Months-p.Months)
}

// LongerThan reports whether p never ends earlier than q, and later from some day.
func (p Period) LongerThan(q Period) bool { return p != q && p.NeverEarlier(q) }

// The fewest and the most days that n calendar months can have, clamped ends
// included: 28 and 31 for one, 365 and 366 for twelve.
func fewestDays(n int) int { return monthsBound(n, func(a, b int) bool { return a < b }) }
func mostDays(n int) int   { return monthsBound(n, func(a, b int) bool { return a > b }) }

// monthsBound looks at the days that decide: each month of the calendar's cycle
// of 400 years, its first day and those that a shorter month clamps.
func monthsBound(n int, better func(a, b int) bool) int {
	if n == 0 {
		return 0
	}
	best := -1
	for month := range 400 * 12 {
		from := time.Date(2000, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC)
		to := time.Date(2000, time.Month(1+month+n), 1, 0, 0, 0, 0, time.UTC)
		between, last := int((to.Unix()-from.Unix())/(24*60*60)), monthDays(from)
		for _, d := range []int{1, 28, 29, 30, 31} {
			if days := between + min(d, monthDays(to)) - min(d, last); best < 0 || better(days, best) {
				best = days
			}
		}
	}
	return best
}

// monthDays is the number of days of t's month, on t's own calendar.
func monthDays(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 12, 0, 0, 0, time.UTC).Day()
}

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
	ID           PolicyID // of this version
	Name         string
	Version      int // from 1
	Purpose      string
	LegalBasis   string
	Keep         Period // from the notification of the result
	Unanchored   Period // ceiling from the session's end when no result was notified
	WarnBefore   Period // alarm so long before the ceiling
	AfterAppeal  Period // from a final decision until its hold is released
	Retroactive  bool   // holds for what was sealed under an earlier version too
	State        PolicyState
	DraftedBy    string
	DraftedByID  string
	DraftedAt    time.Time
	ApprovedBy   string
	ApprovedByID string
	ApprovedAt   time.Time
}

// Shortens reports whether p could let footage go earlier than old would: if any
// of its dates can lie before old's. The change then needs approval as such, and
// holds for what was sealed before only if p says Retroactive.
func (p RetentionPolicy) Shortens(old RetentionPolicy) bool {
	return !p.Keep.NeverEarlier(old.Keep) || !p.Unanchored.NeverEarlier(old.Unanchored) || !p.AfterAppeal.NeverEarlier(old.AfterAppeal)
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
	Grants    []Grant           // of the session, in any state
	Requests  []Request         // of the session for a grant or a package, not decided or not used yet; some may have expired
	Deletion  *Deletion         // nil: none was decided
}

// Needed lists the grants and the requests by which people need the recording's
// footage at an instant: grants in force, and requests for grants and packages that
// wait for their approval or their use.
func (f RetentionFacts) Needed(now time.Time) (grants []Grant, requests []Request) {
	for _, g := range f.Grants {
		if g.InForce(now) && g.Opens(f.Recording.CameraID, Interval{}) {
			grants = append(grants, g)
		}
	}
	for _, r := range f.Requests {
		state := r.StateAt(now)
		if (state == RequestRequested || state == RequestApproved) && !now.Before(r.AskedAt) &&
			(len(r.Asked.CameraIDs) == 0 || slices.Contains(r.Asked.CameraIDs, f.Recording.CameraID)) {
			requests = append(requests, r)
		}
	}
	return grants, requests
}
