// Package alarm looks for suspicious access: looking without an open case, at
// one's own site, out of hours, far more than usual, refusals one after the other,
// guessed passwords, packages that nobody fetches. Its rules are pure functions
// over rows; Watch runs them and raises each alarm once.
package alarm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
)

// Thresholds say when a way of access is worth an alarm.
type Thresholds struct {
	From, To     time.Duration // office hours of a day in Riga, since midnight
	Weekends     bool          // are office days too
	VolumeFactor float64       // times one's own mean of a day with looking
	VolumeFloor  time.Duration // of footage in a day, below which nothing is an alarm
	BaselineDays int           // days before that make the mean
	Refusals     int           // of one person or machine in an hour
	WrongAccount int           // wrong passwords for one account in an hour
	WrongAddress int           // from one address in an hour
	CollectDays  int           // days after which a package counts as not fetched
}

// Defaults are the thresholds of a configuration that names none.
func Defaults() Thresholds {
	return Thresholds{From: 7 * time.Hour, To: 19 * time.Hour, VolumeFactor: 3, VolumeFloor: 4 * time.Hour, BaselineDays: 28,
		Refusals: 10, WrongAccount: 10, WrongAddress: 30, CollectDays: 7}
}

const ok = "ok"

// day names the day in Riga.
func day(t time.Time) string { return t.In(lieciba.Riga).Format(time.DateOnly) }

// byKey raises one alarm a key, with the count of what came under it and the
// instant of the newest.
type byKey struct {
	kind  lieciba.AlarmKind
	order []string
	found map[string]*lieciba.Alarm
}

func newByKey(kind lieciba.AlarmKind) *byKey {
	return &byKey{kind: kind, found: map[string]*lieciba.Alarm{}}
}

// add counts e under a key; the alarm is returned for what else it should say.
func (k *byKey) add(key string, e lieciba.AuditEntry) *lieciba.Alarm {
	a, known := k.found[key]
	if !known {
		a = &lieciba.Alarm{Kind: k.kind, Key: key, Who: e.Who, WhoID: e.WhoID}
		k.found[key] = a
		k.order = append(k.order, key)
	}
	a.Count++
	if e.At.After(a.At) {
		a.At = e.At
	}
	return a
}

// list returns those that have come up to least, with their detail.
func (k *byKey) list(least int, detail func(lieciba.Alarm) string) (out []lieciba.Alarm) {
	for _, key := range k.order {
		if a := *k.found[key]; a.Count >= least {
			a.Detail = detail(a)
			out = append(out, a)
		}
	}
	return out
}

// person reports whether somebody but the server itself acted.
func person(e lieciba.AuditEntry) bool { return e.WhoID != "" && e.WhoID != "system" }

// looked reports whether an entry is somebody's look into the archive.
func looked(e lieciba.AuditEntry) bool {
	return e.Act == string(lieciba.ActWatchArchive) && e.Outcome == ok && person(e)
}

// OutOfHours finds looking into the archive, and packages asked for, outside of
// office hours: one alarm for each person and day.
func OutOfHours(entries []lieciba.AuditEntry, th Thresholds) []lieciba.Alarm {
	k := newByKey(lieciba.AlarmOutOfHours)
	for _, e := range entries {
		taken := e.Act == string(lieciba.ActExport) && e.Outcome == ok && person(e)
		if (looked(e) || taken) && !th.inOffice(e.At) {
			k.add("user:"+e.WhoID+":"+day(e.At), e)
		}
	}
	return k.list(1, func(a lieciba.Alarm) string {
		return fmt.Sprintf("%s looked into the archive or asked for packages outside of office hours, %d times on %s", a.Who, a.Count, day(a.At))
	})
}

// inOffice reports whether an instant lies in office hours.
func (th Thresholds) inOffice(t time.Time) bool {
	local := t.In(lieciba.Riga)
	if d := local.Weekday(); !th.Weekends && (d == time.Saturday || d == time.Sunday) {
		return false
	}
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	return clock >= th.From && clock < th.To
}

// Tally is how much footage somebody saw on a day, by Principal.ID and day.
type Tally map[string]map[string]time.Duration

// TallyOf sums up what was seen.
func TallyOf(entries []lieciba.AuditEntry) Tally {
	t := Tally{}
	for _, e := range entries {
		t.add(e)
	}
	return t
}

// add counts what an entry says was seen.
func (t Tally) add(e lieciba.AuditEntry) {
	if !looked(e) || !e.To.After(e.From) || e.From.IsZero() {
		return
	}
	if t[e.WhoID] == nil {
		t[e.WhoID] = map[string]time.Duration{}
	}
	t[e.WhoID][day(e.At)] += e.To.Sub(e.From)
}

// mean is that of the days with looking; 0 without one.
func (t Tally) mean(who string) time.Duration {
	var sum time.Duration
	for _, d := range t[who] {
		sum += d
	}
	if n := len(t[who]); n > 0 {
		return sum / time.Duration(n)
	}
	return 0
}

// Volume finds days on which somebody saw far more than on their days before:
// above the floor, and above the factor times their mean. Who never looked before
// has the floor alone. Count is minutes of footage.
func Volume(entries []lieciba.AuditEntry, before Tally, th Thresholds) (out []lieciba.Alarm) {
	seen := TallyOf(entries)
	k := newByKey(lieciba.AlarmVolume)
	for _, e := range entries {
		if looked(e) && seen[e.WhoID][day(e.At)] > 0 {
			k.add("user:"+e.WhoID+":"+day(e.At), e)
		}
	}
	for _, a := range k.list(1, func(lieciba.Alarm) string { return "" }) {
		saw, usual := seen[a.WhoID][day(a.At)], before.mean(a.WhoID)
		if saw <= th.VolumeFloor || float64(saw) <= th.VolumeFactor*float64(usual) {
			continue
		}
		a.Count = int(saw / time.Minute)
		a.Detail = fmt.Sprintf("%s saw %d minutes of footage on %s, usually %d", a.Who, a.Count, day(a.At), int(usual/time.Minute))
		out = append(out, a)
	}
	return out
}

// refusals are the outcomes that say: you may not. Not found is what a step on
// another's object answers.
var refusals = []string{string(lieciba.CodeForbidden), string(lieciba.CodeNeedsGrant), string(lieciba.CodeNotFresh), string(lieciba.CodeNotFound)}

// Refusals finds who was refused again and again in the last hour.
func Refusals(entries []lieciba.AuditEntry, now time.Time, th Thresholds) []lieciba.Alarm {
	k := newByKey(lieciba.AlarmRefusals)
	for _, e := range entries {
		if person(e) && slices.Contains(refusals, e.Outcome) && now.Sub(e.At) <= time.Hour {
			k.add("user:"+e.WhoID+":"+day(now), e)
		}
	}
	return k.list(th.Refusals, func(a lieciba.Alarm) string {
		return fmt.Sprintf("%s was refused %d times within an hour", a.Who, a.Count)
	})
}

// proofs are the acts by which somebody proves who they are.
var proofs = []string{lieciba.AuditSignIn, lieciba.AuditProve, lieciba.AuditChangePassword}

// WrongPasswords finds guessing in the last hour: at one account from anywhere,
// and from one address at any. With a stolen cookie the password is guessed where
// one proves to be there, or changes it.
func WrongPasswords(entries []lieciba.AuditEntry, now time.Time, th Thresholds) []lieciba.Alarm {
	accounts, addresses := newByKey(lieciba.AlarmWrongPasswords), newByKey(lieciba.AlarmWrongPasswords)
	for _, e := range entries {
		if !slices.Contains(proofs, e.Act) || e.Outcome != string(lieciba.CodeUnauthenticated) || now.Sub(e.At) > time.Hour {
			continue
		}
		if e.WhoID != "" {
			accounts.add("user:"+e.WhoID+":"+day(now), e)
		}
		if e.Address != "" {
			a := addresses.add("address:"+e.Address+":"+day(now), e)
			a.Who, a.WhoID = "", ""
		}
	}
	out := accounts.list(th.WrongAccount, func(a lieciba.Alarm) string {
		return fmt.Sprintf("%d wrong passwords for the account %s within an hour", a.Count, a.Who)
	})
	return append(out, addresses.list(th.WrongAddress, func(a lieciba.Alarm) string {
		address := strings.TrimSuffix(strings.TrimPrefix(a.Key, "address:"), ":"+day(now))
		return fmt.Sprintf("%d wrong passwords from the address %s within an hour", a.Count, address)
	})...)
}

// Flooded tells that more was refused in the last hour than the count that was
// looked at, so that who is behind it may be missing among the others.
func Flooded(count int, now time.Time) lieciba.Alarm {
	return lieciba.Alarm{Kind: lieciba.AlarmRefusals, Key: "all:" + day(now), At: now, Count: count,
		Detail: fmt.Sprintf("more than %d refusals and wrong passwords within an hour: only the newest of them are looked at", count)}
}

// Uncollected finds packages that were sealed long ago and never fetched.
func Uncollected(exports []lieciba.Export, now time.Time, th Thresholds) (out []lieciba.Alarm) {
	for _, x := range exports {
		days := int(now.Sub(x.SealedAt) / (24 * time.Hour))
		if x.State != lieciba.ExportSealed || !x.CollectedAt.IsZero() || x.SealedAt.IsZero() || days < th.CollectDays {
			continue
		}
		out = append(out, lieciba.Alarm{Kind: lieciba.AlarmUncollected, Key: "export:" + string(x.ID), Who: x.RequestedBy, WhoID: x.RequestedByID,
			SessionID: x.SessionID, At: now, Count: days, Detail: fmt.Sprintf("a package that %s asked for was sealed %d days ago and never fetched", x.RequestedBy, days)})
	}
	return out
}
