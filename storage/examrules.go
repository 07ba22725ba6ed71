package storage

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"

	"lieciba"
)

// MicroIncident cuts the times of a row to what is stored.
func MicroIncident(i lieciba.Incident) lieciba.Incident {
	i.At, i.RecordedAt = lieciba.Micro(i.At), lieciba.Micro(i.RecordedAt)
	return i
}

// CheckIncident checks a row that is to be added, on its own. Whether the session
// has such a seat is its caller's to know.
func CheckIncident(i lieciba.Incident) error {
	steps := []lieciba.IncidentStep{lieciba.IncidentRaised, lieciba.IncidentCorrected, lieciba.IncidentRetracted, lieciba.IncidentReviewed}
	switch {
	case !slices.Contains(steps, i.Step):
		return lieciba.Invalid("step", "%q is no step of an incident: use one of %v", i.Step, steps)
	case i.RecordedAt.IsZero():
		return lieciba.Invalid("recorded_at", "a row needs the time of its writing")
	}
	return i.Check(0)
}

// FollowsIncident judges the row that i names as its first; nil: there is none.
func FollowsIncident(first *lieciba.Incident, i lieciba.Incident) error {
	if first == nil || first.SessionID != i.SessionID || first.Follows != "" {
		return conflict("follows", "%s is not the first row of an incident of this session", i.Follows)
	}
	return nil
}

// RepeatIncident judges an AddIncident whose ID is stored already.
func RepeatIncident(stored, i lieciba.Incident) error {
	if stored != i {
		return conflict("id", "incident row %s says something else already", i.ID)
	}
	return nil
}

// MicroPartEvent cuts the times of a part event to what is stored.
func MicroPartEvent(e lieciba.PartEvent) lieciba.PartEvent {
	e.At, e.RecordedAt = lieciba.Micro(e.At), lieciba.Micro(e.RecordedAt)
	return e
}

// PlanPartEvent judges what decide of AddPartEvent returned for a session with
// these events; write is false for one that is stored already.
func PlanPartEvent(s lieciba.ExamSession, events []lieciba.PartEvent, e lieciba.PartEvent) (write bool, err error) {
	if e.SessionID != s.ID {
		return false, lieciba.Errorf(lieciba.CodeInternal, "a part event of session %s was made for another one", s.ID)
	}
	if at := slices.IndexFunc(events, func(x lieciba.PartEvent) bool { return x.ID == e.ID }); at >= 0 {
		if events[at] != e {
			return false, conflict("id", "part event %s says something else already", e.ID)
		}
		return false, nil
	}
	return true, checkPartEvent(s, events, e)
}

func checkPartEvent(s lieciba.ExamSession, events []lieciba.PartEvent, e lieciba.PartEvent) error {
	steps := []lieciba.PartStep{lieciba.StepStarted, lieciba.StepPaused, lieciba.StepResumed, lieciba.StepEnded}
	// A part that is planned no more keeps its events, and they can be corrected.
	known := slices.ContainsFunc(s.Parts, func(p lieciba.Part) bool { return p.ID == e.PartID }) ||
		slices.ContainsFunc(events, func(x lieciba.PartEvent) bool { return x.PartID == e.PartID })
	switch {
	case !slices.Contains(steps, e.Step):
		return lieciba.Invalid("step", "%q is no step of a part: use one of %v", e.Step, steps)
	case e.At.IsZero():
		return lieciba.Invalid("at", "a part event needs its time")
	case e.RecordedAt.IsZero():
		return lieciba.Invalid("recorded_at", "a part event needs the time of its writing")
	case !known:
		return lieciba.Invalid("part_id", "the session has no such part")
	case utf8.RuneCountInString(e.Note) > lieciba.MaxNote:
		return lieciba.Invalid("note", "must have at most %d characters", lieciba.MaxNote)
	case e.Corrects != "" && !slices.ContainsFunc(events, func(x lieciba.PartEvent) bool { return x.ID == e.Corrects && x.PartID == e.PartID }):
		return conflict("corrects", "%s is no event of this part", e.Corrects)
	case e.Void && e.Corrects == "":
		return lieciba.Invalid("corrects", "name the event that never happened")
	}
	return lieciba.CheckImpersonal("note", e.Note)
}

// MicroReadiness cuts the time of a row to what is stored.
func MicroReadiness(r lieciba.Readiness) lieciba.Readiness {
	r.At = lieciba.Micro(r.At)
	return r
}

// CheckReadiness checks a row that is to be added, on its own.
func CheckReadiness(r lieciba.Readiness) error {
	states := []lieciba.ReadinessState{lieciba.ReadinessPassed, lieciba.ReadinessFailed, lieciba.ReadinessOverridden}
	switch {
	case !slices.Contains(states, r.State):
		return lieciba.Invalid("state", "%q is no state of readiness: use one of %v", r.State, states)
	case r.At.IsZero():
		return lieciba.Invalid("at", "a row of readiness needs its time")
	}
	for _, i := range r.Items {
		if math.IsNaN(i.Value) || math.IsInf(i.Value, 0) {
			return lieciba.Invalid("items", "the value of %s must be a number: leave it 0 and say it in words", i.Check)
		}
	}
	return lieciba.CheckImpersonal("reason", r.Reason)
}

// RepeatReadiness judges an AddReadiness whose ID is stored already.
func RepeatReadiness(stored, r lieciba.Readiness) error {
	same := slices.Equal(stored.Items, r.Items)
	stored.Items, r.Items = nil, nil
	if !same || !sameReadiness(stored, r) {
		return conflict("id", "row %s of readiness says something else already", r.ID)
	}
	return nil
}

func sameReadiness(a, b lieciba.Readiness) bool {
	return a.ID == b.ID && a.SessionID == b.SessionID && a.CameraID == b.CameraID && a.NodeID == b.NodeID && a.When == b.When && a.At.Equal(b.At) &&
		a.State == b.State && a.Follows == b.Follows && a.Reason == b.Reason && a.By == b.By && a.ByID == b.ByID
}

// CheckLink checks a link on its own.
func CheckLink(l SessionLink) error {
	if l.Key.Source == "" || l.Key.Source == lieciba.SourceAdHoc {
		return lieciba.Invalid("source", "name the system that knows the session by another name")
	}
	return lieciba.CheckCode("external_id", l.Key.ExternalID)
}

// PlanLink decides a LinkSession. ofSession is the session's link and ofKey that
// of the key, nil for none; pushed tells that the key has a session of its own.
func PlanLink(s lieciba.ExamSession, ofSession, ofKey *SessionLink, pushed bool, l SessionLink) (write bool, err error) {
	switch {
	case ofSession != nil && ofSession.Key == l.Key:
		return false, nil
	case ofSession != nil:
		return false, conflict("session_id", "the session is linked to %s of %s already", ofSession.Key.ExternalID, ofSession.Key.Source)
	case s.Source != lieciba.SourceAdHoc:
		return false, conflict("session_id", "only a session that was started by hand can be linked: this one came from %s", s.Source)
	case ofKey != nil || pushed:
		return false, conflict("external_id", "%s of %s has another session already", l.Key.ExternalID, l.Key.Source)
	}
	return true, nil
}

// AsPushed is a session as decide of ChangeSession sees it under the key of its
// link; linked is its document's hash when it was linked. Until the source pushes
// its first document, whatever version that has is newer.
func AsPushed(s lieciba.ExamSession, linked [32]byte) lieciba.ExamSession {
	if bytes.Equal(s.DocumentHash[:], linked[:]) {
		s.SourceVersion, s.DocumentHash = 0, [32]byte{}
	}
	return s
}

// CheckAlarm checks an alarm on its own.
func CheckAlarm(a lieciba.Alarm) error {
	switch {
	case !slices.Contains(lieciba.AlarmKinds(), a.Kind):
		return lieciba.Invalid("kind", "%q is no kind of alarm", a.Kind)
	case a.Key == "":
		return lieciba.Invalid("key", "an alarm needs to say what it is about")
	case a.At.IsZero():
		return lieciba.Invalid("at", "an alarm needs its time")
	}
	return nil
}
