package retention

import (
	"fmt"
	"time"

	"lieciba"
)

// sealWithin is how long after its session a recording may take to be sealed
// before that is an alarm, in Riga days.
var sealWithin = lieciba.Period{Days: 7}

// BlockKind says what forbids a deletion.
type BlockKind string

const (
	BlockNotSealed BlockKind = "not_sealed"
	BlockNoPolicy  BlockKind = "no_policy" // no approved rule says how long
	BlockHold      BlockKind = "hold"
	BlockAppeal    BlockKind = "appeal"  // open, whatever became of its hold
	BlockExport    BlockKind = "export"  // asked for and not built yet
	BlockGrant     BlockKind = "grant"   // in force: somebody may be watching
	BlockRequest   BlockKind = "request" // for a grant or a package, not decided or not used yet
)

// Block is one thing that forbids the deletion of a recording.
type Block struct {
	Kind BlockKind `json:"kind"`
	ID   string    `json:"id"` // of the hold, appeal, export, grant or request; else empty
	Text string    `json:"text"`
}

// AlarmKind names what an operator must look at.
type AlarmKind string

const (
	AlarmNoPolicy    AlarmKind = "no_policy"
	AlarmNotSealed   AlarmKind = "not_sealed"
	AlarmUnanchored  AlarmKind = "unanchored"     // the ceiling comes near, or is reached
	AlarmNoHold      AlarmKind = "appeal_no_hold" // an open appeal that has no active hold
	AlarmEarlyResult AlarmKind = "early_result"   // notified before the exam ended
	AlarmState       AlarmKind = "state"          // the rows contradict each other
	AlarmLocked      AlarmKind = "locked"         // the store refuses to destroy what is due
	AlarmFailed      AlarmKind = "failed"         // a step failed; it is repeated
)

// Alarm is something that a person must look at.
type Alarm struct {
	Kind AlarmKind `json:"kind"`
	Text string    `json:"text"` // one sentence with the cure
}

// Decision is what the rules say about one recording at one instant.
type Decision struct {
	Due      bool      // it may go now: DueAt is reached and nothing blocks it
	DueAt    time.Time // from when on the policy allows it; zero: no date is known
	Anchored bool      // DueAt counts from a notified result, not from the ceiling
	Gone     bool      // deleted already
	Started  bool      // the tombstone is written
	Policy   lieciba.RetentionPolicy
	Reason   string // one sentence
	Blocked  []Block
	Alarms   []Alarm

	// Hold tells that the objects must bear a legal hold. LockUntil is how long
	// they must be locked at least: not beyond the day on which they can become
	// due, as the rules stand. Zero: no lock is asked for.
	Hold      bool
	LockUntil time.Time
}

// Decide applies the rules to one recording. It is pure.
//
// The policy is the one that the seal names. A later approved version of that
// name holds instead if it keeps this recording longer, or if it was approved as
// retroactive. The period counts from the newest notified result, without one
// from the session's end up to the ceiling. An open appeal, an active hold, an
// open export, a grant in force and an open request for a grant or a package each
// forbid that the deletion begins, and so does everything that is unclear.
func Decide(f lieciba.RetentionFacts, now time.Time) Decision {
	var d Decision
	appeals := appealsOf(f.Events)
	d.Blocked = blocks(f, appeals, now)
	d.Hold = hasBlock(d.Blocked, BlockHold) || hasBlock(d.Blocked, BlockAppeal)
	d.Alarms = appealAlarms(f, appeals)
	if f.Deletion != nil {
		return d.underDeletion(f)
	}
	switch {
	case f.Recording.State == lieciba.RecordingExpired || f.Recording.State == lieciba.RecordingDeleted:
		d.Reason = fmt.Sprintf("The recording is %s without a deletion on record: nothing more is removed.", f.Recording.State)
		d.alarm(AlarmState, "recording %s is %s and no deletion of it is on record: run fsck", f.Recording.ID, f.Recording.State)
		return d
	case f.Seal == nil:
		return d.notSealed(f, now)
	}
	anchor, anchored := anchorOf(f)
	d.Anchored = anchored
	date, ok := holding(f, anchor, anchored, appeals, now)
	if !ok {
		return d.noPolicy(f, now)
	}
	d.Policy, d.DueAt = date.policy, date.at
	if anchored && anchor.After(newestResult(f.Events)) {
		d.alarm(AlarmEarlyResult, "the result of session %s was notified before the exam ended: check it in the citizenship system; the period counts from the end",
			f.Session.ExternalID)
	}
	d.lockUntil(f, now)
	d.Due = len(d.Blocked) == 0 && !now.Before(d.DueAt)
	d.Reason = date.reason(anchor, anchored)
	if !anchored {
		d.warnOfCeiling(f, now)
	}
	return d
}

func (d *Decision) alarm(kind AlarmKind, format string, args ...any) {
	d.Alarms = append(d.Alarms, Alarm{kind, fmt.Sprintf(format, args...)})
}

// underDeletion is the decision once a tombstone is there: what was decided goes
// on, as far as nothing blocks it.
func (d Decision) underDeletion(f lieciba.RetentionFacts) Decision {
	d.Started = true
	d.DueAt, d.Reason = f.Deletion.DueAt, f.Deletion.Reason
	for _, p := range f.Policies {
		if p.ID == f.Deletion.PolicyID {
			d.Policy = p
		}
	}
	if f.Deletion.State == lieciba.DeletionDone {
		d.Gone, d.Blocked, d.Alarms, d.Hold = true, nil, nil, false
		return d
	}
	d.Due = len(d.Blocked) == 0
	return d
}

func (d Decision) notSealed(f lieciba.RetentionFacts, now time.Time) Decision {
	d.Blocked = append(d.Blocked, Block{BlockNotSealed, "", "the recording is not sealed"})
	d.Reason = "The recording is not sealed, so nothing of it is deleted."
	d.LockUntil = rolling(now)
	if end := sessionEnd(f); !now.Before(sealWithin.After(end)) {
		d.alarm(AlarmNotSealed, "recording %s ended on %s and is not sealed: see what its coverage lacks", f.Recording.ID, rigaDate(end))
	}
	return d
}

func (d Decision) noPolicy(f lieciba.RetentionFacts, now time.Time) Decision {
	d.Blocked = append(d.Blocked, Block{BlockNoPolicy, "", "no approved policy says how long it is kept"})
	d.Reason = "No approved policy says how long the recording is kept, so nothing of it is deleted."
	d.LockUntil = rolling(now)
	d.alarm(AlarmNoPolicy, "no approved retention policy rules recording %s: draft one and have it approved", f.Recording.ID)
	return d
}

// warnOfCeiling raises the alarm of a session whose result nobody notified.
func (d *Decision) warnOfCeiling(f lieciba.RetentionFacts, now time.Time) {
	if now.Before(d.Policy.WarnBefore.Before(d.DueAt)) {
		return
	}
	d.alarm(AlarmUnanchored, "no result of session %s was notified: its footage goes on %s; notify the result or place a hold before",
		f.Session.ExternalID, rigaDate(d.DueAt))
}

func hasBlock(list []Block, kind BlockKind) bool {
	for _, b := range list {
		if b.Kind == kind {
			return true
		}
	}
	return false
}

// sessionEnd is when the session ended as planned: what no period starts before.
func sessionEnd(f lieciba.RetentionFacts) time.Time {
	if f.Session.EndsAt.IsZero() {
		return f.Recording.Window.To
	}
	return f.Session.EndsAt
}

// rigaTime is a minute of a day as people at the exam sites write it.
func rigaTime(t time.Time) string { return t.In(lieciba.Riga).Format("02.01.2006 15:04") }

// rigaDate is a day as people at the exam sites write it.
func rigaDate(t time.Time) string { return t.In(lieciba.Riga).Format("02.01.2006") }
