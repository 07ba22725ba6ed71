package lieciba

import (
	"slices"
	"time"
)

// AppealStands decides what a session's events make of one appeal, whatever the
// order they arrived in: decided is the instant of the final decision, the zero
// time while the appeal is open. known is false when no event opened it.
func AppealStands(events []SessionEvent, appeal string) (decided time.Time, known bool) {
	var last SessionEvent
	for _, e := range events {
		if e.Appeal != appeal || e.Kind != EventAppealOpened && e.Kind != EventAppealDecided {
			continue
		}
		known = known || e.Kind == EventAppealOpened
		// Opened and decided at one instant: the decision is final.
		if last.ID == "" || e.At.After(last.At) || e.At.Equal(last.At) && e.Kind == EventAppealDecided {
			last = e
		}
	}
	if last.Kind == EventAppealDecided {
		decided = last.At
	}
	return decided, known
}

// ReleaseAfterAppeal is when the hold of an appeal may end by itself: after the
// longest AfterAppeal of the policies that may govern the session, which are
// those its recordings were sealed under and the default one that is in force.
// One in force that is retroactive governs alone. The zero time: no approved
// policy says so, a person must release the hold.
func ReleaseAfterAppeal(policies []RetentionPolicy, sealed []PolicyID, decided time.Time) time.Time {
	var due time.Time
	for _, p := range policies {
		inForce := p.State == PolicyApproved && p.Name == DefaultPolicy
		if inForce && p.Retroactive {
			return p.AfterAppeal.After(decided)
		}
		if inForce || p.State != PolicyDraft && slices.Contains(sealed, p.ID) {
			if t := p.AfterAppeal.After(decided); t.After(due) {
				due = t
			}
		}
	}
	return due
}
