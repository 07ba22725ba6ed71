package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lieciba"
)

// appeal is what the events say of one appeal.
type appeal struct {
	id      string
	open    bool
	decided time.Time // of the newest final decision, from when terms after it run
}

// appealsOf lists the appeals that the events name, each as it stands.
func appealsOf(events []lieciba.SessionEvent) []appeal {
	var list []appeal
	for _, e := range events {
		if e.Kind != lieciba.EventAppealOpened && e.Kind != lieciba.EventAppealDecided ||
			slices.ContainsFunc(list, func(a appeal) bool { return a.id == e.Appeal }) {
			continue
		}
		stands := lieciba.AppealStands(events, e.Appeal)
		list = append(list, appeal{e.Appeal, stands.Open(), stands.Counts})
	}
	slices.SortFunc(list, func(a, b appeal) int { return cmp.Compare(a.id, b.id) })
	return list
}

// blocks lists what forbids deletion, whatever a policy says.
func blocks(f lieciba.RetentionFacts, appeals []appeal, now time.Time) []Block {
	var list []Block
	for _, h := range f.Holds {
		if h.Active() {
			list = append(list, Block{BlockHold, string(h.ID), fmt.Sprintf("a hold (%s) since %s", h.Kind, rigaDate(h.PlacedAt))})
		}
	}
	for _, a := range appeals {
		if a.open {
			list = append(list, Block{BlockAppeal, a.id, "an appeal that is not decided"})
		}
	}
	for _, e := range f.Exports {
		if e.Open() {
			list = append(list, Block{BlockExport, string(e.ID), "an evidence package that is not built yet"})
		}
	}
	if f.Deletion != nil { // what was decided is not put off by who comes later
		return list
	}
	grants, requests := f.Needed(now)
	for _, g := range grants {
		list = append(list, Block{BlockGrant, string(g.ID), fmt.Sprintf("a grant in force until %s", rigaTime(g.ExpiresAt))})
	}
	for _, r := range requests {
		list = append(list, Block{BlockRequest, string(r.ID), fmt.Sprintf("a request (%s) that is open until %s", r.Kind, rigaTime(r.ExpiresAt))})
	}
	return list
}

// appealAlarms finds open appeals that no active hold stands for: the objects
// are kept, but a hold should say so.
func appealAlarms(f lieciba.RetentionFacts, appeals []appeal) []Alarm {
	var list []Alarm
	for _, a := range appeals {
		if !a.open || slices.ContainsFunc(f.Holds, func(h lieciba.Hold) bool { return h.Active() && isOf(h, a) }) {
			continue
		}
		list = append(list, Alarm{AlarmNoHold, fmt.Sprintf("the open appeal %s of session %s has no hold: place one; nothing is deleted meanwhile", a.id, f.Session.ExternalID)})
	}
	return list
}

func isOf(h lieciba.Hold, a appeal) bool {
	return h.Kind == lieciba.HoldAppeal && h.Reference == a.id
}

// newestResult is the newest notification of a result, zero without one.
func newestResult(events []lieciba.SessionEvent) (at time.Time) {
	for _, e := range events {
		if e.Kind == lieciba.EventResultNotified && e.At.After(at) {
			at = e.At
		}
	}
	return at
}

// anchorOf is where the period starts: the newest notified result, else the
// session's end. A result from before the end counts from the end.
func anchorOf(f lieciba.RetentionFacts) (at time.Time, anchored bool) {
	end, result := sessionEnd(f), newestResult(f.Events)
	if result.IsZero() {
		return end, false
	}
	if result.Before(end) {
		return end, true
	}
	return result, true
}

// date is when a policy lets a recording go, and by which of its periods.
type date struct {
	at     time.Time
	policy lieciba.RetentionPolicy
	appeal string // the decided appeal that puts it off; empty: none does
}

func (d date) reason(anchor time.Time, anchored bool) string {
	policy := fmt.Sprintf("Policy %s version %d", d.policy.Name, d.policy.Version)
	switch {
	case d.appeal != "":
		return fmt.Sprintf("%s keeps footage %s after the final decision on appeal %s: until %s.", policy, period(d.policy.AfterAppeal), d.appeal, lastDay(d.at))
	case anchored:
		return fmt.Sprintf("%s keeps footage %s from %s, when the result was notified: until %s.", policy, period(d.policy.Keep), rigaDate(anchor), lastDay(d.at))
	}
	return fmt.Sprintf("%s keeps footage without a notified result at most %s from the session's end on %s: until %s.", policy, period(d.policy.Unanchored), rigaDate(anchor), lastDay(d.at))
}

// lastDay is the last day before the midnight from which on footage may go.
func lastDay(due time.Time) string { return rigaDate(due.Add(-time.Microsecond)) }

func period(p lieciba.Period) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case p.Days == 0:
		return count(p.Months, "month")
	case p.Months == 0:
		return count(p.Days, "day")
	}
	return count(p.Months, "month") + " and " + count(p.Days, "day")
}

// holding finds the version that holds and its date: the bound one, then each
// later approved version that keeps this recording longer, or is retroactive.
// false: no approved version gives a date.
func holding(f lieciba.RetentionFacts, anchor time.Time, anchored bool, appeals []appeal, now time.Time) (date, bool) {
	var best date
	for _, p := range versions(f, now) {
		d := dateBy(p, anchor, anchored, f.Holds, appeals)
		if d.at.IsZero() { // it states no such period: nothing is due by it
			return date{}, false
		}
		if best.at.IsZero() || p.Retroactive || d.at.After(best.at) {
			best = d
		}
	}
	return best, !best.at.IsZero()
}

// versions lists the approved versions that can hold, by version: from the one
// that the seal names; from the first of the default policy when none was
// approved at the seal. Empty when the seal names one that is not approved.
func versions(f lieciba.RetentionFacts, now time.Time) []lieciba.RetentionPolicy {
	name, from := lieciba.DefaultPolicy, 0
	if f.Seal.PolicyID != "" {
		i := slices.IndexFunc(f.Policies, func(p lieciba.RetentionPolicy) bool { return p.ID == f.Seal.PolicyID })
		if i < 0 || !approved(f.Policies[i], now) {
			return nil
		}
		name, from = f.Policies[i].Name, f.Policies[i].Version
	}
	var list []lieciba.RetentionPolicy
	for _, p := range f.Policies {
		if p.Name == name && p.Version >= from && approved(p, now) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b lieciba.RetentionPolicy) int { return cmp.Compare(a.Version, b.Version) })
	return list
}

// approved tells a version that is or was in force from a draft.
func approved(p lieciba.RetentionPolicy, now time.Time) bool {
	return (p.State == lieciba.PolicyApproved || p.State == lieciba.PolicySuperseded) && !p.ApprovedAt.IsZero() && !p.ApprovedAt.After(now)
}

// dateBy is the date by one version, zero when it states no period for the case.
func dateBy(p lieciba.RetentionPolicy, anchor time.Time, anchored bool, holds []lieciba.Hold, appeals []appeal) date {
	span := p.Unanchored
	if anchored {
		span = p.Keep
	}
	if span.Zero() || span.Negative() || p.AfterAppeal.Negative() {
		return date{}
	}
	d := date{at: span.After(anchor), policy: p}
	for _, a := range appeals {
		if a.open || releasedFor(holds, a) {
			continue
		}
		if at := p.AfterAppeal.After(a.decided); at.After(d.at) {
			d.at, d.appeal = at, a.id
		}
	}
	return d
}

// releasedFor reports whether a hold for the appeal stood and was released after
// the decision: then its release has ended the term, as two people or the
// server's own clock decided.
func releasedFor(holds []lieciba.Hold, a appeal) bool {
	return slices.ContainsFunc(holds, func(h lieciba.Hold) bool { return isOf(h, a) && !h.Active() && !h.ReleasedAt.Before(a.decided) })
}
