package alarm

import (
	"fmt"
	"slices"
	"time"

	"lieciba"
)

// Look is an entry of looking into the archive, with what justifies it or not.
type Look struct {
	Entry   lieciba.AuditEntry
	Site    lieciba.SiteID   // of the session
	Own     []lieciba.SiteID // that the person supervises
	Grants  []lieciba.Grant  // of the person on the session, in any state
	Appeals []lieciba.Appeal // of the session
}

// NoCase finds looking that no open case justified then: under a grant that names
// neither appeal nor incident, under one whose appeal was over, or under none.
// One alarm for each person and session.
func NoCase(looks []Look) []lieciba.Alarm {
	k := newByKey(lieciba.AlarmNoCase)
	for _, l := range looks {
		if !l.justified() {
			k.add("user:"+l.Entry.WhoID+":session:"+string(l.Entry.SessionID), l.Entry).SessionID = l.Entry.SessionID
		}
	}
	return k.list(1, func(a lieciba.Alarm) string {
		return fmt.Sprintf("%s looked into a session %d times without an open appeal or incident behind it", a.Who, a.Count)
	})
}

// justified reports whether a grant in force then, for that footage, served a
// case that was open.
func (l Look) justified() bool {
	at, span := l.Entry.At, lieciba.Interval{}
	if l.Entry.To.After(l.Entry.From) {
		span = lieciba.Interval{From: l.Entry.From, To: l.Entry.To}
	}
	return slices.ContainsFunc(l.Grants, func(g lieciba.Grant) bool {
		return inForce(g, at) && g.Opens(l.Entry.CameraID, span) && (g.IncidentID != "" || l.appealOpen(g.Appeal, at))
	})
}

// inForce judges a grant at an instant of the past. The entry of a playback is
// written when it ends, which is a moment after the grant was revoked or expired.
func inForce(g lieciba.Grant, at time.Time) bool {
	const ends = time.Minute
	return !at.Before(g.BeganAt) && at.Before(g.ExpiresAt.Add(ends)) && (g.RevokedAt.IsZero() || at.Before(g.RevokedAt.Add(ends)))
}

func (l Look) appealOpen(reference string, at time.Time) bool {
	return reference != "" && slices.ContainsFunc(l.Appeals, func(a lieciba.Appeal) bool {
		over := !a.ClosedAt.IsZero() && !at.Before(a.ClosedAt) || !a.Open() && !a.FinalAt.IsZero() && !at.Before(a.FinalAt)
		return a.Reference == reference && !at.Before(a.OpenedAt) && !over
	})
}

// OwnSite finds looking into sessions of a site that the person supervises: one
// alarm for each person and session.
func OwnSite(looks []Look) []lieciba.Alarm {
	k := newByKey(lieciba.AlarmOwnSite)
	for _, l := range looks {
		if l.Site != "" && slices.Contains(l.Own, l.Site) {
			k.add("user:"+l.Entry.WhoID+":session:"+string(l.Entry.SessionID), l.Entry).SessionID = l.Entry.SessionID
		}
	}
	return k.list(1, func(a lieciba.Alarm) string {
		return fmt.Sprintf("%s, who supervises the site, looked into the archive of a session there %d times", a.Who, a.Count)
	})
}
