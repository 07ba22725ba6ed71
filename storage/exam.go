package storage

import (
	"context"
	"time"

	"lieciba"
)

// Incidents keeps marks on timelines. Rows are only ever added; each is a leaf.
type Incidents interface {
	// AddIncident inserts i and stages its leaf; the same again is no error,
	// another content of the ID CodeConflict "id". CodeConflict names "follows"
	// when that is no first row of the same session.
	AddIncident(ctx context.Context, i lieciba.Incident) error
	Incident(ctx context.Context, id lieciba.IncidentID) (lieciba.Incident, error)
	// SessionIncidents returns all rows by RecordedAt, then by ID.
	SessionIncidents(ctx context.Context, s lieciba.SessionID) ([]lieciba.Incident, error)
}

// PartEvents keeps what really happened to the parts of sessions.
type PartEvents interface {
	// AddPartEvent runs decide in one transaction that excludes every other change
	// of the session, with the session and its part events; inserts what it returns
	// and stages its leaf. nil: nothing. An error of decide is returned as is; it
	// may run more than once.
	AddPartEvent(ctx context.Context, s lieciba.SessionID, decide func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error)) error
	// SessionPartEvents returns them by RecordedAt, then by ID.
	SessionPartEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.PartEvent, error)
}

// ReadinessRows keeps readiness checks, overrides and sign-offs.
type ReadinessRows interface {
	// AddReadiness inserts r and stages its leaf; the same again is no error,
	// another content of the ID CodeConflict "id".
	AddReadiness(ctx context.Context, r lieciba.Readiness) error
	// SessionReadiness returns them by At, then by ID.
	SessionReadiness(ctx context.Context, s lieciba.SessionID) ([]lieciba.Readiness, error)
}

// SessionLink says that an ad-hoc session is the one that its source knows by
// another name. No byte and no row of the session changes.
type SessionLink struct {
	Key       lieciba.SessionKey // of the real session
	SessionID lieciba.SessionID  // of the ad-hoc one
	By, ByID  string
	At        time.Time
}

// SessionLinks joins ad-hoc sessions to their real IDs.
type SessionLinks interface {
	// LinkSession inserts l; the same key and session again is no error.
	// CodeConflict names "session_id" when the session is linked to another key,
	// "external_id" when the key has another session, linked or pushed. From then on
	// SessionByKey and ListSessions by external ID find the ad-hoc session under it.
	// What the session told before is told again under its real name (Notice.Retold),
	// in its order, in the same transaction.
	LinkSession(ctx context.Context, l SessionLink) error
	// VoidLink makes the link of l's key and session void, by l.By at l.At: its row
	// stays and holds no more. Void already: no error. CodeNotFound if they were
	// never linked.
	VoidLink(ctx context.Context, l SessionLink) error
	// LinkOf returns the link of a session; CodeNotFound if none is in force.
	LinkOf(ctx context.Context, s lieciba.SessionID) (SessionLink, error)
}

// AlarmFilter narrows ListAlarms. Zero fields do not filter.
type AlarmFilter struct {
	Kinds  []lieciba.AlarmKind
	Key    string
	Unseen bool
	Limit  int // 0: 100; at most 1000
	Before lieciba.AlarmID
}

// Alarms keeps what security staff should look at.
type Alarms interface {
	// RaiseAlarm inserts a unless there is one of its kind and key: then it sets
	// Count, Detail and At if Count is higher, and returns raised false.
	RaiseAlarm(ctx context.Context, a lieciba.Alarm) (raised bool, err error)
	// SeeAlarm notes who looked; seen already: the first stands.
	SeeAlarm(ctx context.Context, id lieciba.AlarmID, by, note string, at time.Time) (lieciba.Alarm, error)
	// ListAlarms returns them newest first, then by ID descending.
	ListAlarms(ctx context.Context, f AlarmFilter) ([]lieciba.Alarm, error)
}
