package storage

import (
	"encoding/json"
	"time"

	"lieciba"
)

// NoticeData is the JSON of a notice: IDs, times and causes, nothing else. Which
// fields there are depends on the kind; times are UTC (RFC 3339).
type NoticeData struct {
	SessionID   lieciba.SessionID   `json:"session_id,omitempty"`
	ExternalID  string              `json:"external_id,omitempty"` // of the session, as its source names it
	RecordingID lieciba.RecordingID `json:"recording_id,omitempty"`
	CameraID    lieciba.CameraID    `json:"camera_id,omitempty"`
	GapID       lieciba.GapID       `json:"gap_id,omitempty"`
	HoldID      lieciba.HoldID      `json:"hold_id,omitempty"`
	ExportID    lieciba.ExportID    `json:"export_id,omitempty"`
	DeletionID  lieciba.DeletionID  `json:"deletion_id,omitempty"`
	AlarmID     lieciba.AlarmID     `json:"alarm_id,omitempty"`
	Alarm       lieciba.AlarmKind   `json:"alarm,omitempty"`
	From        time.Time           `json:"from,omitzero"` // of a loss
	To          time.Time           `json:"to,omitzero"`
	Cause       lieciba.GapCause    `json:"cause,omitempty"`
	DueAt       time.Time           `json:"due_at,omitzero"` // of a deletion
}

// NoticeSession is how other systems know a session: by the name that its source
// gave it, the linked one for a session that was started by hand.
type NoticeSession struct {
	ID         lieciba.SessionID
	Source     string
	ExternalID string
}

// Told is what a fact tells other systems. Subject is what it is about: of each
// kind and subject one notice is ever staged.
type Told struct {
	Kind    lieciba.NoticeKind
	Subject string
	At      time.Time
	Data    NoticeData
}

// Notice makes the notice of s, with a fresh ID.
func (t Told) Notice(s NoticeSession) lieciba.Notice {
	t.Data.SessionID, t.Data.ExternalID = s.ID, s.ExternalID
	return lieciba.Notice{ID: lieciba.NewID[lieciba.NoticeID](t.At), SessionID: s.ID, Source: s.Source, Kind: t.Kind,
		At: lieciba.Micro(t.At), Data: encodeNotice(t.Data)}
}

func encodeNotice(d NoticeData) []byte {
	d.From, d.To, d.DueAt = lieciba.Micro(d.From), lieciba.Micro(d.To), lieciba.Micro(d.DueAt)
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and times of this era only
	}
	return b
}

// Retold is a notice of a session that was started by hand, told again under the
// name that its source gave it. The fact and its time are the same.
func Retold(n lieciba.Notice, subject string, s NoticeSession) (lieciba.Notice, string, error) {
	var d NoticeData
	if err := json.Unmarshal(n.Data, &d); err != nil {
		return n, "", lieciba.Wrap(err, lieciba.CodeCorrupt, "read the notice %s", n.ID)
	}
	d.ExternalID = s.ExternalID
	n.ID, n.Number, n.Source, n.Data, n.Retold = lieciba.NewID[lieciba.NoticeID](n.At), 0, s.Source, encodeNotice(d), true
	return n, subject + " as " + s.Source + "/" + s.ExternalID, nil
}

// ToldOfMove is what a MoveRecording at an instant tells: the first recording of
// a session that records begins it. nil: nothing.
func ToldOfMove(stored, next lieciba.Recording, at time.Time) *Told {
	if next.State != lieciba.RecordingRecording || stored.State == next.State {
		return nil
	}
	return &Told{lieciba.NoticeRecordingStarted, string(next.SessionID), at, NoticeData{RecordingID: next.ID, CameraID: next.CameraID}}
}

// ToldOfGap is what a gap tells when it is put or closed: a loss that lasts, or
// one that is over.
func ToldOfGap(g lieciba.Gap) *Told {
	t := Told{lieciba.NoticeGap, string(g.ID), g.To,
		NoticeData{RecordingID: g.RecordingID, CameraID: g.CameraID, GapID: g.ID, From: g.From, To: g.To, Cause: g.Cause}}
	if g.Open() {
		t.Kind, t.At = lieciba.NoticeDegraded, g.From
	}
	return &t
}

// ToldOfSeal is what a seal tells; unsealed counts the recordings of the session
// that can still change. nil: nothing.
func ToldOfSeal(s lieciba.Seal, unsealed int) *Told {
	if unsealed > 0 {
		return nil
	}
	return &Told{lieciba.NoticeSealed, string(s.SessionID), s.At, NoticeData{}}
}

// ToldOfHold is what the placing of a hold tells, or its release.
func ToldOfHold(h lieciba.Hold) *Told {
	if !h.Active() {
		return &Told{lieciba.NoticeHoldReleased, string(h.ID), h.ReleasedAt, NoticeData{HoldID: h.ID}}
	}
	return &Told{lieciba.NoticeHoldPlaced, string(h.ID), h.PlacedAt, NoticeData{HoldID: h.ID}}
}

// ToldOfExport is what a PutExport tells; stored is nil for a new one. nil: nothing.
func ToldOfExport(stored *lieciba.Export, e lieciba.Export) *Told {
	sealed := func(s lieciba.ExportState) bool { return exportOrder[s] >= exportOrder[lieciba.ExportSealed] }
	if !sealed(e.State) || stored != nil && sealed(stored.State) {
		return nil
	}
	return &Told{lieciba.NoticeExportSealed, string(e.ID), e.SealedAt, NoticeData{ExportID: e.ID}}
}

// ToldOfDeletion is what a deletion tells when it was decided, or is done.
func ToldOfDeletion(d lieciba.Deletion) *Told {
	t := Told{lieciba.NoticeRetentionDue, string(d.ID), d.DecidedAt, NoticeData{RecordingID: d.RecordingID, DeletionID: d.ID, DueAt: d.DueAt}}
	if d.State == lieciba.DeletionDone {
		t.Kind, t.At = lieciba.NoticeDeleted, d.DoneAt
	}
	return &t
}

// NoticeOfAlarm is the notice of an alarm, for StageNotice: to security only, so
// it has no source.
func NoticeOfAlarm(a lieciba.Alarm) lieciba.Notice {
	return lieciba.Notice{ID: lieciba.NewID[lieciba.NoticeID](a.At), SessionID: a.SessionID, Kind: lieciba.NoticeAlarm, At: lieciba.Micro(a.At),
		Data: encodeNotice(NoticeData{SessionID: a.SessionID, AlarmID: a.ID, Alarm: a.Kind})}
}
