package lieciba

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Bounds on a session document.
const (
	MaxSessionLength = 24 * time.Hour
	MaxSeats         = 1000
	MaxParts         = 32
)

// SessionDocument is the whole of a session as its source sends it (the body
// of PUT /v1/exam-sessions/{external_id}).
type SessionDocument struct {
	SourceVersion int64          `json:"source_version"` // monotonic, from 1
	Room          string         `json:"room"`           // code
	StartsAt      string         `json:"starts_at"`      // RFC 3339 with Riga's offset
	EndsAt        string         `json:"ends_at"`
	Seats         int            `json:"seats"`
	Parts         []PartDocument `json:"parts"`
	Cancelled     bool           `json:"cancelled,omitempty"`
}

// PartDocument is one part in a SessionDocument. Without times it lasts as
// long as the session. Sound defaults to true for speaking and false for the rest.
type PartDocument struct {
	Kind     PartKind `json:"kind"`
	StartsAt string   `json:"starts_at,omitempty"`
	EndsAt   string   `json:"ends_at,omitempty"`
	Sound    *bool    `json:"sound,omitempty"`
}

// Hash is the SHA-256 of the document's canonical JSON: the fields in the order
// of the struct, without white space, no parts as an empty list. Equal documents
// have equal hashes whatever the order of fields they were sent in.
func (d SessionDocument) Hash() [32]byte {
	if d.Parts == nil {
		d.Parts = []PartDocument{}
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings, numbers and booleans only
	}
	return sha256.Sum256(b)
}

// SessionChange tells what applying a document did.
type SessionChange struct {
	Created   bool
	Unchanged bool // same version, same document
	Notes     []string
}

// ApplySessionDocument decides what a pushed document makes of a session.
// current is nil for a session not seen before; it has another key when it was
// started by hand and is linked to this one. room is the one the document names.
// Pure: the caller stores the result, and nothing when Unchanged.
//
// Errors: CodeInvalid names the field; CodeConflict for a version that is older
// or equal with another body, and for a change that its state forbids.
func ApplySessionDocument(current *ExamSession, key SessionKey, doc SessionDocument, room Room, now time.Time) (ExamSession, SessionChange, error) {
	// A repeat comes first: it stays good when its room was retired since.
	if current != nil && doc.SourceVersion == current.SourceVersion && doc.Hash() == current.DocumentHash {
		return *current, SessionChange{Unchanged: true}, nil
	}
	next, err := readDocument(key, doc, room, now)
	if err != nil {
		return ExamSession{}, SessionChange{}, err
	}
	if current == nil {
		if doc.Cancelled {
			next.State = SessionCancelled
		}
		return next, SessionChange{Created: true}, nil
	}
	switch {
	case doc.SourceVersion < current.SourceVersion:
		return ExamSession{}, SessionChange{}, &Error{Code: CodeConflict, Field: "source_version",
			Message: fmt.Sprintf("version %d is older than %d, which was applied already: send a newer one", doc.SourceVersion, current.SourceVersion)}
	case doc.SourceVersion == current.SourceVersion:
		return ExamSession{}, SessionChange{}, &Error{Code: CodeConflict, Field: "source_version",
			Message: fmt.Sprintf("version %d was applied with another body: raise the version", doc.SourceVersion)}
	}
	next.ID, next.CreatedAt = current.ID, current.CreatedAt
	next.State, next.CancelAsked = current.State, current.CancelAsked
	next.Parts = keepPartIDs(current.Parts, next.Parts)
	if current.SessionKey == key {
		return lateChange(*current, next, doc, now)
	}
	linked, kept := asFilmed(*current, next)
	next, change, err := lateChange(*current, linked, doc, now)
	if err == nil && kept {
		note := "the session was started by hand: its room and times stay as it was filmed"
		if next.EndsAt.After(current.EndsAt) {
			note = "the session was started by hand: its room and start stay as it was filmed, it goes on to the planned end"
		}
		change.Notes = append(change.Notes, note)
	}
	return next, change, err
}

// StandsFor reports whether a session that was started by hand can be the one that
// its source plans: nothing of the plan is still to be recorded, or it is in the same
// room on the same day in Riga and films what is to come, if need be by going on (see
// GoesOnFor). Anything else must be recorded on its own.
func (s ExamSession) StandsFor(planned ExamSession, m Margins, now time.Time) bool {
	ahead := planned.ahead(now)
	return ahead.Empty() || s.sameRoomAndDay(planned) && ahead.Clip(RecordingWindow(s, m)) == ahead || s.GoesOnFor(planned, m, now)
}

// GoesOnFor reports whether a session that was started by hand must go on to the end
// of the one that its source plans: it is being recorded, in the same room on the same
// day in Riga, the two overlap, and the plan ends after its recording window.
func (s ExamSession) GoesOnFor(planned ExamSession, m Margins, now time.Time) bool {
	return s.sameRoomAndDay(planned) && SessionStateAt(s, m, now) == SessionRunning &&
		!planned.ahead(now).Empty() && planned.StartsAt.Before(s.EndsAt) &&
		planned.EndsAt.After(RecordingWindow(s, m).To) && planned.EndsAt.Sub(s.StartsAt) <= MaxSessionLength
}

// ahead is what of a plan is still to be recorded, without margins: nothing of one
// that is cancelled.
func (s ExamSession) ahead(now time.Time) Interval {
	if s.State == SessionCancelled {
		return Interval{}
	}
	return s.Planned().Clip(Interval{now, s.EndsAt})
}

func (s ExamSession) sameRoomAndDay(o ExamSession) bool {
	y1, m1, d1 := s.StartsAt.In(Riga).Date()
	y2, m2, d2 := o.StartsAt.In(Riga).Date()
	return s.RoomID == o.RoomID && y1 == y2 && m1 == m2 && d1 == d2
}

// asFilmed is next of a session that was started by hand and is linked to the key
// of the document: what has been filmed, or is being filmed, stays as it is, and a
// running session ends at the later of both ends. kept tells that the document
// says otherwise. A session that has not begun is as the document says.
func asFilmed(current, next ExamSession) (out ExamSession, kept bool) {
	planned := next.Planned()
	next.SessionKey = current.SessionKey
	if current.State == SessionPlanned || current.State == SessionReady {
		return next, false
	}
	kept = next.RoomID != current.RoomID || !planned.From.Equal(current.StartsAt) || !planned.To.Equal(current.EndsAt)
	next.SiteID, next.RoomID, next.StartsAt = current.SiteID, current.RoomID, current.StartsAt
	if current.State != SessionRunning || next.EndsAt.Before(current.EndsAt) || next.EndsAt.Sub(next.StartsAt) > MaxSessionLength {
		next.EndsAt = current.EndsAt
	}
	for i := range next.Parts {
		p := &next.Parts[i]
		if p.StartsAt.Equal(planned.From) {
			p.StartsAt = next.StartsAt
		}
		if p.EndsAt.Equal(planned.To) {
			p.EndsAt = next.EndsAt
		}
	}
	return next, kept
}

// lateChange applies the rules for a session that may have begun.
func lateChange(current, next ExamSession, doc SessionDocument, now time.Time) (ExamSession, SessionChange, error) {
	var ch SessionChange
	fail := func(field, format string, args ...any) (ExamSession, SessionChange, error) {
		return ExamSession{}, SessionChange{}, &Error{Code: CodeConflict, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	switch current.State {
	case SessionPlanned, SessionReady:
		if doc.Cancelled {
			next.State = SessionCancelled
		}
	case SessionRunning:
		next.CancelAsked = doc.Cancelled // a newer document may take the wish back
		if doc.Cancelled {
			ch.Notes = append(ch.Notes, "cancelling a running session waits for a person's confirmation; footage is kept")
		}
		if !next.StartsAt.Equal(current.StartsAt) {
			return fail("starts_at", "the session is running since %s: its start cannot move", current.StartsAt.In(Riga).Format(time.RFC3339))
		}
		if !next.EndsAt.Equal(current.EndsAt) && next.EndsAt.Before(now) {
			return fail("ends_at", "lies in the past: a running session can end now at the earliest")
		}
	case SessionCancelled:
		if !doc.Cancelled {
			return fail("cancelled", "the session was cancelled: push a new external_id instead")
		}
		if field := placeOrTimeChange(current, next); field != "" { // it may have been filmed until then
			return fail(field, "the session was cancelled: its room and times stay as they were")
		}
	default: // finished and later: only corrections that touch no footage
		if field := pastChange(current, next, doc); field != "" {
			return fail(field, "the session is %s: its room and times can no longer change, only seats and parts be corrected", current.State)
		}
	}
	return next, ch, nil
}

// pastChange names the first field by which next would change what was filmed; empty if none.
func pastChange(current, next ExamSession, doc SessionDocument) string {
	if doc.Cancelled {
		return "cancelled"
	}
	return placeOrTimeChange(current, next)
}

func placeOrTimeChange(current, next ExamSession) string {
	switch {
	case next.RoomID != current.RoomID:
		return "room"
	case !next.StartsAt.Equal(current.StartsAt):
		return "starts_at"
	case !next.EndsAt.Equal(current.EndsAt):
		return "ends_at"
	}
	return ""
}

// keepPartIDs gives parts that were there before their old identity and state.
func keepPartIDs(old, parts []Part) []Part {
	old = slices.Clone(old)
	for i := range parts {
		at := slices.IndexFunc(old, func(p Part) bool { return p.Kind == parts[i].Kind })
		if at < 0 {
			continue
		}
		parts[i].ID, parts[i].State = old[at].ID, old[at].State
		old = slices.Delete(old, at, at+1)
	}
	return parts
}

// readDocument checks a document on its own and turns it into a planned session.
func readDocument(key SessionKey, doc SessionDocument, room Room, now time.Time) (ExamSession, error) {
	s := ExamSession{SessionKey: key, SourceVersion: doc.SourceVersion, DocumentHash: doc.Hash(),
		RoomID: room.ID, SiteID: room.SiteID, Seats: doc.Seats, State: SessionPlanned,
		ID: NewID[SessionID](now), CreatedAt: Micro(now), UpdatedAt: Micro(now)}
	if err := CheckCode("external_id", key.ExternalID); err != nil {
		return s, err
	}
	if doc.SourceVersion < 1 {
		return s, Invalid("source_version", "must be 1 or more and rise with each change")
	}
	if room.State == PlaceRetired {
		return s, Invalid("room", "room %s is retired: send a room in use", room.Code)
	}
	if doc.Seats < 0 || doc.Seats > MaxSeats {
		return s, Invalid("seats", "must be 0 to %d", MaxSeats)
	}
	var err error
	if s.StartsAt, err = ParseRigaTime("starts_at", doc.StartsAt); err != nil {
		return s, err
	}
	if s.EndsAt, err = ParseRigaTime("ends_at", doc.EndsAt); err != nil {
		return s, err
	}
	if l := s.EndsAt.Sub(s.StartsAt); l <= 0 || l > MaxSessionLength {
		return s, Invalid("ends_at", "must be after starts_at by at most %s", MaxSessionLength)
	}
	if len(doc.Parts) > MaxParts {
		return s, Invalid("parts", "at most %d parts", MaxParts)
	}
	for i, pd := range doc.Parts {
		p, err := readPart(fmt.Sprintf("parts[%d]", i), pd, s, now)
		if err != nil {
			return s, err
		}
		s.Parts = append(s.Parts, p)
	}
	return s, nil
}

func readPart(field string, d PartDocument, s ExamSession, now time.Time) (Part, error) {
	p := Part{ID: NewID[PartID](now), Kind: d.Kind, StartsAt: s.StartsAt, EndsAt: s.EndsAt,
		Sound: d.Kind == PartSpeaking, State: PartPlanned}
	if !slices.Contains(PartKinds(), d.Kind) {
		return p, Invalid(field+".kind", "unknown part %q: use one of %v", d.Kind, PartKinds())
	}
	if d.Sound != nil {
		p.Sound = *d.Sound
	}
	var err error
	if d.StartsAt != "" {
		if p.StartsAt, err = ParseRigaTime(field+".starts_at", d.StartsAt); err != nil {
			return p, err
		}
	}
	if d.EndsAt != "" {
		if p.EndsAt, err = ParseRigaTime(field+".ends_at", d.EndsAt); err != nil {
			return p, err
		}
	}
	if !p.EndsAt.After(p.StartsAt) {
		return p, Invalid(field+".ends_at", "must be after %s.starts_at", field)
	}
	if p.StartsAt.Before(s.StartsAt) || p.EndsAt.After(s.EndsAt) {
		return p, Invalid(field, "must lie inside the session, %s to %s", s.StartsAt.In(Riga).Format(time.RFC3339), s.EndsAt.In(Riga).Format(time.RFC3339))
	}
	return p, nil
}
