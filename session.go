package lieciba

import (
	"slices"
	"time"
)

// SessionState moves forward only (see MoveSession).
type SessionState string

const (
	SessionPlanned   SessionState = "planned"
	SessionReady     SessionState = "ready" // the readiness check passed
	SessionRunning   SessionState = "running"
	SessionFinished  SessionState = "finished"
	SessionCancelled SessionState = "cancelled"
	SessionAnchored  SessionState = "anchored" // the result was notified: retention runs
	SessionClosed    SessionState = "closed"
)

// SourceAdHoc is the source of a session that an operator started by hand.
const SourceAdHoc = "ad-hoc"

// SessionKey is the identity of a session in the system that owns it.
type SessionKey struct {
	Source     string // name of the client that pushed it, or SourceAdHoc
	ExternalID string // opaque; matches ValidCode
}

// ExamSession is one sitting of an exam in one room. It holds no personal data.
type ExamSession struct {
	ID            SessionID
	SessionKey             // unique
	SourceVersion int64    // of the document that was last applied
	DocumentHash  [32]byte // SHA-256 of that document's canonical JSON
	SiteID        SiteID   // of the room
	RoomID        RoomID
	StartsAt      time.Time
	EndsAt        time.Time
	Seats         int
	Parts         []Part
	State         SessionState
	CancelAsked   bool // cancelled at the source while running: waits for a person
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Planned is the span from start to end, without margins.
func (s ExamSession) Planned() Interval { return Interval{s.StartsAt, s.EndsAt} }

// PartKind is the part of the naturalisation exam.
type PartKind string

const (
	PartListening    PartKind = "listening"
	PartReading      PartKind = "reading"
	PartWriting      PartKind = "writing"
	PartSpeaking     PartKind = "speaking"
	PartConstitution PartKind = "constitution"
	PartHistory      PartKind = "history"
	PartAnthem       PartKind = "anthem"
)

// PartKinds lists every kind in the order of the exam.
func PartKinds() []PartKind {
	return []PartKind{PartListening, PartReading, PartWriting, PartSpeaking, PartConstitution, PartHistory, PartAnthem}
}

// PartState is the state of a part.
type PartState string

const (
	PartPlanned PartState = "planned"
	PartRunning PartState = "running"
	PartPaused  PartState = "paused"
	PartEnded   PartState = "ended"
)

// Part is one part of an exam session, as planned.
type Part struct {
	ID       PartID
	Kind     PartKind
	StartsAt time.Time
	EndsAt   time.Time
	Sound    bool // sound is kept while this part runs; off unless asked, on for speaking
	State    PartState
}

// SoundWanted returns the spans in which sound may be kept: the parts that ask
// for it, sorted and merged. Outside of them audio is not written to disk.
func (s ExamSession) SoundWanted(m Margins) []Interval {
	return s.SoundWantedAfter(nil, m)
}

// SoundWantedAfter is SoundWanted with what really happened to the parts: one
// that was started has its sound while it runs, early or late, and not while it
// is paused or once it is over; one that runs still has it to the end of the
// window. A part without events, or whose events make no story, keeps its plan.
func (s ExamSession) SoundWantedAfter(events []PartEvent, m Margins) []Interval {
	var spans []Interval
	for _, p := range s.Parts {
		if !p.Sound {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(events), func(e PartEvent) bool { return e.PartID != p.ID })
		real, err := PartTimesOf(own)
		if err != nil || real.State == PartPlanned {
			spans = append(spans, s.plannedSound(p, m))
			continue
		}
		for _, run := range real.Running {
			if run.To.IsZero() {
				run.To = s.EndsAt.Add(m.After)
			}
			spans = append(spans, run)
		}
	}
	return Merge(spans)
}

// plannedSound is the span of a part as planned: one at the session's edge takes
// the margin with it.
func (s ExamSession) plannedSound(p Part, m Margins) Interval {
	w := Interval{p.StartsAt, p.EndsAt}
	if !w.From.After(s.StartsAt) {
		w.From = w.From.Add(-m.Before)
	}
	if !w.To.Before(s.EndsAt) {
		w.To = w.To.Add(m.After)
	}
	return w
}

// Merge sorts the intervals, drops the empty ones and joins those that touch.
func Merge(list []Interval) []Interval {
	list = slices.DeleteFunc(slices.Clone(list), Interval.Empty)
	slices.SortFunc(list, func(a, b Interval) int { return a.From.Compare(b.From) })
	var out []Interval
	for _, i := range list {
		if n := len(out); n > 0 && !i.From.After(out[n-1].To) {
			if i.To.After(out[n-1].To) {
				out[n-1].To = i.To
			}
			continue
		}
		out = append(out, i)
	}
	return out
}

// Margins widen the recording window around a session.
type Margins struct{ Before, After time.Duration }

// RecordingWindow is the span in which the session's cameras are recorded:
// starts_at − before to ends_at + after. Data protection allows no more.
func RecordingWindow(s ExamSession, m Margins) Interval {
	return Interval{Micro(s.StartsAt.Add(-m.Before)), Micro(s.EndsAt.Add(m.After))}
}

var sessionMoves = map[SessionState][]SessionState{
	SessionPlanned:  {SessionReady, SessionRunning, SessionFinished, SessionCancelled},
	SessionReady:    {SessionRunning, SessionFinished, SessionCancelled},
	SessionRunning:  {SessionFinished, SessionCancelled},
	SessionFinished: {SessionAnchored},
	SessionAnchored: {SessionClosed},
}

// MoveSession checks a change of state: never backwards. Staying is allowed.
func MoveSession(from, to SessionState) error {
	if from == to || slices.Contains(sessionMoves[from], to) {
		return nil
	}
	return Errorf(CodeConflict, "an exam session that is %s cannot become %s", from, to)
}

// SessionStateAt is the state that the clock alone asks for: what the scheduler
// moves a session to. States that people or the source set are kept.
func SessionStateAt(s ExamSession, m Margins, now time.Time) SessionState {
	switch s.State {
	case SessionPlanned, SessionReady, SessionRunning:
		w := RecordingWindow(s, m)
		if !now.Before(w.To) {
			return SessionFinished
		}
		if w.Contains(now) {
			return SessionRunning
		}
	}
	return s.State
}
