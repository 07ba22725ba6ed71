package retention_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage/retention"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// riga reads "2026-01-31 10:00" or with seconds, as Riga's clocks show it.
func riga(s string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, s, lieciba.Riga); err == nil {
			return lieciba.Micro(at)
		}
	}
	panic(s + " is no time of the table")
}

func months(n int) lieciba.Period { return lieciba.Period{Months: n} }
func days(n int) lieciba.Period   { return lieciba.Period{Days: n} }

// The facts of the table: a session in January 2026 under a policy of one month
// from the result, half a year without, a month after an appeal.
const (
	sessionID   = lieciba.SessionID("0198c0de-0000-7000-8000-0000000000a1")
	recordingID = lieciba.RecordingID("0198c0de-0000-7000-8000-0000000000b1")
	cameraID    = lieciba.CameraID("0198c0de-0000-7000-8000-0000000000c1")
)

func version(n int, keep lieciba.Period, edit ...func(*lieciba.RetentionPolicy)) lieciba.RetentionPolicy {
	p := lieciba.RetentionPolicy{ID: lieciba.PolicyID("policy-" + string(rune('0'+n))), Name: lieciba.DefaultPolicy, Version: n, Keep: keep,
		Unanchored: months(6), WarnBefore: days(30), AfterAppeal: months(1), State: lieciba.PolicyApproved,
		ApprovedAt: riga("2025-12-01").AddDate(0, 0, n)}
	for _, f := range edit {
		f(&p)
	}
	return p
}

func draft(p *lieciba.RetentionPolicy) { p.State, p.ApprovedAt = lieciba.PolicyDraft, time.Time{} }
func retroactive(p *lieciba.RetentionPolicy) {
	p.Retroactive = true
}
func superseded(p *lieciba.RetentionPolicy) { p.State = lieciba.PolicySuperseded }

func approvedAt(at string) func(*lieciba.RetentionPolicy) {
	return func(p *lieciba.RetentionPolicy) { p.ApprovedAt = riga(at) }
}

type change func(*lieciba.RetentionFacts)

func facts(changes ...change) lieciba.RetentionFacts {
	end := riga("2026-01-15 13:00")
	f := lieciba.RetentionFacts{
		Recording: lieciba.Recording{ID: recordingID, SessionID: sessionID, CameraID: cameraID, State: lieciba.RecordingSealed,
			Window: lieciba.Interval{From: end.Add(-4 * time.Hour), To: end.Add(5 * time.Minute)}},
		Session: lieciba.ExamSession{ID: sessionID, SessionKey: lieciba.SessionKey{Source: "exams", ExternalID: "S-1"},
			StartsAt: end.Add(-4 * time.Hour), EndsAt: end, State: lieciba.SessionFinished},
		Seal:     &lieciba.Seal{RecordingID: recordingID, SessionID: sessionID, PolicyID: "policy-1", At: end.Add(time.Hour)},
		Policies: []lieciba.RetentionPolicy{version(1, months(1))},
	}
	for _, c := range changes {
		c(&f)
	}
	return f
}

func event(kind lieciba.EventKind, at, appeal string) change {
	return func(f *lieciba.RetentionFacts) {
		f.Events = append(f.Events, lieciba.SessionEvent{ID: lieciba.EventID("event-" + at + appeal), SessionID: sessionID, Kind: kind, At: riga(at), Appeal: appeal})
	}
}
func notified(at string) change       { return event(lieciba.EventResultNotified, at, "") }
func opened(appeal, at string) change { return event(lieciba.EventAppealOpened, at, appeal) }
func decided(appeal, at string) change {
	return event(lieciba.EventAppealDecided, at, appeal)
}

func hold(kind lieciba.HoldKind, ref, placed, releaseDue, released string) change {
	return func(f *lieciba.RetentionFacts) {
		h := lieciba.Hold{ID: lieciba.HoldID("hold-" + ref), SessionID: sessionID, Kind: kind, Reference: ref, PlacedAt: riga(placed)}
		if releaseDue != "" {
			h.ReleaseDue = riga(releaseDue)
		}
		if released != "" {
			h.ReleasedAt, h.ReleasedBy = riga(released), "system"
		}
		f.Holds = append(f.Holds, h)
	}
}

func export(state lieciba.ExportState) change {
	return func(f *lieciba.RetentionFacts) {
		f.Exports = append(f.Exports, lieciba.Export{ID: "export-1", SessionID: sessionID, State: state})
	}
}

// grant is of one camera of the session; empty: of all.
func grant(cam lieciba.CameraID, began, expires, revoked string) change {
	return func(f *lieciba.RetentionFacts) {
		g := lieciba.Grant{ID: "grant-1", SessionID: sessionID, BeganAt: riga(began), ExpiresAt: riga(expires)}
		if cam != "" {
			g.CameraIDs = []lieciba.CameraID{cam}
		}
		if revoked != "" {
			g.RevokedAt = riga(revoked)
		}
		f.Grants = append(f.Grants, g)
	}
}

func asked(kind lieciba.RequestKind, cam lieciba.CameraID, at string) change {
	return func(f *lieciba.RetentionFacts) {
		r := lieciba.Request{ID: "request-1", Kind: kind, State: lieciba.RequestApproved, AskedAt: riga(at), ExpiresAt: riga(at).Add(lieciba.RequestLife)}
		if cam != "" {
			r.Asked.CameraIDs = []lieciba.CameraID{cam}
		}
		f.Requests = append(f.Requests, r)
	}
}

func policies(list ...lieciba.RetentionPolicy) change {
	return func(f *lieciba.RetentionFacts) { f.Policies = list }
}
func seal(p lieciba.PolicyID) change { return func(f *lieciba.RetentionFacts) { f.Seal.PolicyID = p } }
func unsealed(f *lieciba.RetentionFacts) {
	f.Seal, f.Recording.State = nil, lieciba.RecordingComplete
}
func deletion(state lieciba.DeletionState) change {
	return func(f *lieciba.RetentionFacts) {
		f.Recording.State = lieciba.RecordingExpired
		f.Deletion = &lieciba.Deletion{ID: "deletion-1", RecordingID: recordingID, PolicyID: "policy-1", State: state,
			Reason: "It was due.", DueAt: riga("2026-03-01"), DecidedAt: riga("2026-03-01 01:00")}
	}
}

// TestDecide is the table of the rules. due: "" when no date is known; goes:
// whether the footage may go at `now`.
func TestDecide(t *testing.T) {
	type want struct {
		due     string // Riga
		goes    bool
		version int
		blocked []retention.BlockKind
		alarms  []retention.AlarmKind
		hold    bool
		says    string
	}
	block := func(k ...retention.BlockKind) []retention.BlockKind { return k }
	alarm := func(k ...retention.AlarmKind) []retention.AlarmKind { return k }
	for _, c := range []struct {
		name string
		now  string
		f    lieciba.RetentionFacts
		want want
	}{
		{"notified on 31 January, the last day", "2026-02-28 23:59:59.999999", facts(notified("2026-01-31 10:00")),
			want{due: "2026-03-01", version: 1, says: "until 28.02.2026"}},
		{"notified on 31 January, the midnight after", "2026-03-01", facts(notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 1, says: "1 month from 31.01.2026"}},
		{"notified on 31 January 2028, a leap year: 29 February is kept", "2028-02-29 23:59:59", facts(notified("2028-01-31 10:00")),
			want{due: "2028-03-01", version: 1}},
		{"notified on 31 January 2100, no leap year", "2100-03-01", facts(notified("2100-01-31 10:00")),
			want{due: "2100-03-01", goes: true, version: 1}},
		{"the last day ends in the short night of March", "2026-03-29 23:59:59", facts(notified("2026-02-28 10:00"), policies(version(1, lieciba.Period{Months: 1, Days: 1}))),
			want{due: "2026-03-30", version: 1}},
		{"and goes at summer midnight, 21:00 UTC", "2026-03-30", facts(notified("2026-02-28 10:00"), policies(version(1, lieciba.Period{Months: 1, Days: 1}))),
			want{due: "2026-03-30", goes: true, version: 1, says: "1 month and 1 day"}},
		{"the last day is the long one of October", "2026-10-25 23:59:59", facts(notified("2026-09-25 10:00")),
			want{due: "2026-10-26", version: 1}},
		{"notified at 23:59:59", "2026-03-11", facts(notified("2026-02-10 23:59:59")),
			want{due: "2026-03-11", goes: true, version: 1}},
		{"notified at midnight counts as the new day", "2026-03-11", facts(notified("2026-02-11 00:00")),
			want{due: "2026-03-12", version: 1}},
		{"the newest of two notifications counts", "2026-03-11", facts(notified("2026-02-10 10:00"), notified("2026-04-10 10:00")),
			want{due: "2026-05-11", version: 1}},
		{"they may arrive in any order", "2026-03-11", facts(notified("2026-04-10 10:00"), notified("2026-02-10 10:00")),
			want{due: "2026-05-11", version: 1}},
		{"a result from before the exam's end counts from the end", "2026-02-15 12:00", facts(notified("2025-06-01 10:00")),
			want{due: "2026-02-16", version: 1, alarms: alarm(retention.AlarmEarlyResult)}},

		{"appeal on the last day", "2026-03-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-28 23:59:59"), hold(lieciba.HoldAppeal, "A", "2026-02-28 23:59:59", "", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockHold, retention.BlockAppeal), hold: true}},
		{"appeal on the last day, its hold is missing", "2026-03-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-28 23:59:59")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"appeal after the date, told before the deletion", "2026-03-02", facts(notified("2026-01-31 10:00"), opened("A", "2026-03-01 12:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"an open appeal whose hold people released", "2026-04-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), hold(lieciba.HoldAppeal, "A", "2026-02-10 10:00", "", "2026-02-20 10:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"a decided appeal without a hold: a month after the decision", "2026-04-11", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-03-11 10:00")),
			want{due: "2026-04-12", version: 1, says: "after the final decision on appeal A: until 11.04.2026"}},
		{"and then it goes", "2026-04-12", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-03-11 10:00")),
			want{due: "2026-04-12", goes: true, version: 1}},
		{"a decided appeal whose hold is released: the term is over", "2026-04-12", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-03-11 10:00"), hold(lieciba.HoldAppeal, "A", "2026-02-10 10:00", "2026-04-12", "2026-04-12")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a hold released before the decision does not end the term", "2026-04-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-03-11 10:00"), hold(lieciba.HoldAppeal, "A", "2026-02-10 10:00", "", "2026-02-12")),
			want{due: "2026-04-12", version: 1}},
		{"two appeals, one decided", "2026-06-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), opened("B", "2026-02-11 10:00"), decided("A", "2026-03-11 10:00")),
			want{due: "2026-04-12", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"an appeal that is opened again after its decision", "2026-06-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-03-11 10:00"), opened("A", "2026-03-20 10:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"opened and decided in one instant: it is open", "2026-06-01", facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-02-10 10:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"decided without an opening on record", "2026-04-01", facts(notified("2026-01-31 10:00"), decided("A", "2026-03-11 10:00")),
			want{due: "2026-04-12", version: 1}},

		{"two overlapping holds, both active", "2026-06-01", facts(notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-02-01", "", ""), hold(lieciba.HoldRequest, "R", "2026-02-10", "", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockHold, retention.BlockHold), hold: true}},
		{"two overlapping holds, one released", "2026-06-01", facts(notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-02-01", "", "2026-02-20"), hold(lieciba.HoldRequest, "R", "2026-02-10", "", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockHold), hold: true}},
		{"two overlapping holds, both released", "2026-06-01", facts(notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-02-01", "", "2026-02-20"), hold(lieciba.HoldRequest, "R", "2026-02-10", "", "2026-05-01")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a hold whose release is due, not released yet", "2026-06-01", facts(notified("2026-01-31 10:00"), hold(lieciba.HoldAppeal, "A", "2026-02-10", "2026-05-01", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockHold), hold: true}},
		{"a hold before the date: the date stands", "2026-02-01", facts(notified("2026-01-31 10:00"), hold(lieciba.HoldIncident, "I", "2026-01-20", "", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockHold), hold: true}},

		{"an export that is asked for", "2026-06-01", facts(notified("2026-01-31 10:00"), export(lieciba.ExportRequested)),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockExport)}},
		{"an export that failed can be resumed", "2026-06-01", facts(notified("2026-01-31 10:00"), export(lieciba.ExportFailed)),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockExport)}},
		{"an export that is built holds its own bytes", "2026-06-01", facts(notified("2026-01-31 10:00"), export(lieciba.ExportSealed)),
			want{due: "2026-03-01", goes: true, version: 1}},

		{"a grant in force", "2026-03-05", facts(notified("2026-01-31 10:00"), grant("", "2026-03-01", "2026-03-10", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockGrant), says: "until 28.02.2026"}},
		{"a grant of the recording's camera", "2026-03-05", facts(notified("2026-01-31 10:00"), grant(cameraID, "2026-03-01", "2026-03-10", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockGrant)}},
		{"a grant of another camera", "2026-03-05", facts(notified("2026-01-31 10:00"), grant("other", "2026-03-01", "2026-03-10", "")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a grant that has expired", "2026-03-10", facts(notified("2026-01-31 10:00"), grant("", "2026-03-01", "2026-03-10", "")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a grant that was revoked", "2026-03-05", facts(notified("2026-01-31 10:00"), grant("", "2026-03-01", "2026-03-10", "2026-03-04")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"an open request for a package", "2026-03-05", facts(notified("2026-01-31 10:00"), asked(lieciba.RequestExport, "", "2026-03-04 12:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockRequest)}},
		{"an open request for a grant of the recording's camera", "2026-03-05", facts(notified("2026-01-31 10:00"), asked(lieciba.RequestGrant, cameraID, "2026-03-04 12:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockRequest)}},
		{"an open request for another camera", "2026-03-05", facts(notified("2026-01-31 10:00"), asked(lieciba.RequestGrant, "other", "2026-03-04 12:00")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a request that has expired", "2026-03-05 12:00", facts(notified("2026-01-31 10:00"), asked(lieciba.RequestGrant, "", "2026-03-04 12:00")),
			want{due: "2026-03-01", goes: true, version: 1}},

		{"no result, long before the ceiling", "2026-03-01", facts(),
			want{due: "2026-07-16", version: 1, says: "at most 6 months from the session's end on 15.01.2026: until 15.07.2026"}},
		{"no result, the day before the warning", "2026-06-15 23:59:59", facts(),
			want{due: "2026-07-16", version: 1}},
		{"no result, thirty days before the ceiling: an alarm", "2026-06-16", facts(),
			want{due: "2026-07-16", version: 1, alarms: alarm(retention.AlarmUnanchored)}},
		{"no result, the ceiling's last day", "2026-07-15 23:59:59", facts(),
			want{due: "2026-07-16", version: 1, alarms: alarm(retention.AlarmUnanchored)}},
		{"no result, the ceiling", "2026-07-16", facts(),
			want{due: "2026-07-16", goes: true, version: 1, alarms: alarm(retention.AlarmUnanchored)}},
		{"the result comes after the warning: it counts", "2026-07-16", facts(notified("2026-07-01 10:00")),
			want{due: "2026-08-02", version: 1}},
		{"an appeal without a result puts the ceiling off", "2026-07-20", facts(opened("A", "2026-07-01 10:00"), decided("A", "2026-07-15 10:00")),
			want{due: "2026-08-16", version: 1, alarms: alarm(retention.AlarmUnanchored), says: "after the final decision"}},

		{"not sealed, soon after", "2026-01-16", facts(unsealed, notified("2026-01-15 18:00")),
			want{blocked: block(retention.BlockNotSealed)}},
		{"not sealed, the last of seven days", "2026-01-22 23:59:59", facts(unsealed),
			want{blocked: block(retention.BlockNotSealed)}},
		{"not sealed for long: never due, an alarm", "2030-01-01", facts(unsealed, notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNotSealed), alarms: alarm(retention.AlarmNotSealed)}},
		{"not sealed, under hold", "2026-01-16", facts(unsealed, hold(lieciba.HoldCourt, "C", "2026-01-15", "", "")),
			want{blocked: block(retention.BlockHold, retention.BlockNotSealed), hold: true}},

		{"no policy at all", "2030-01-01", facts(policies(), seal(""), notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNoPolicy), alarms: alarm(retention.AlarmNoPolicy)}},
		{"only a draft", "2030-01-01", facts(policies(version(1, months(1), draft)), seal(""), notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNoPolicy), alarms: alarm(retention.AlarmNoPolicy)}},
		{"the sealed policy is not on record", "2030-01-01", facts(seal("policy-9"), notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNoPolicy), alarms: alarm(retention.AlarmNoPolicy)}},
		{"the sealed policy is a draft", "2030-01-01", facts(policies(version(1, months(1), draft)), notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNoPolicy), alarms: alarm(retention.AlarmNoPolicy)}},
		{"a policy without a period says nothing", "2030-01-01", facts(policies(version(1, lieciba.Period{})), notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNoPolicy), alarms: alarm(retention.AlarmNoPolicy)}},
		{"a policy with a negative period says nothing", "2030-01-01", facts(policies(version(1, days(-30))), notified("2026-01-31 10:00")),
			want{blocked: block(retention.BlockNoPolicy), alarms: alarm(retention.AlarmNoPolicy)}},
		{"sealed before the first policy: the first that was approved holds", "2026-03-01", facts(seal(""), policies(version(1, months(1), approvedAt("2026-02-01"))), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"sealed before the first policy: a later shorter one does not", "2026-03-01", facts(seal(""), policies(version(1, months(3), superseded, approvedAt("2026-02-01")), version(2, months(1), approvedAt("2026-02-02"))), notified("2026-01-31 10:00")),
			want{due: "2026-05-01", version: 1}},

		{"policy shortened, a draft: it does not hold", "2026-03-01", facts(policies(version(1, months(2)), version(2, months(1), draft)), notified("2026-01-31 10:00")),
			want{due: "2026-04-01", version: 1}},
		{"policy shortened and retroactive, a draft: it does not hold", "2026-03-01", facts(policies(version(1, months(2)), version(2, months(1), draft, retroactive)), notified("2026-01-31 10:00")),
			want{due: "2026-04-01", version: 1}},
		{"policy shortened, approved: never retroactive silently", "2026-03-01", facts(policies(version(1, months(2), superseded), version(2, months(1))), notified("2026-01-31 10:00")),
			want{due: "2026-04-01", version: 1}},
		{"policy shortened, approved as retroactive", "2026-03-01", facts(policies(version(1, months(2), superseded), version(2, months(1), retroactive)), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 2}},
		{"sealed under the shorter version: that holds", "2026-03-01", facts(seal("policy-2"), policies(version(1, months(2), superseded), version(2, months(1))), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 2}},
		{"policy prolonged: the later version holds", "2026-03-01", facts(policies(version(1, months(1), superseded), version(2, months(2))), notified("2026-01-31 10:00")),
			want{due: "2026-04-01", version: 2}},
		{"prolonged, then shortened: the longest stays", "2026-03-01", facts(policies(version(1, months(1), superseded), version(2, months(3), superseded), version(3, months(1))), notified("2026-01-31 10:00")),
			want{due: "2026-05-01", version: 2}},
		{"prolonged, then retroactively shortened", "2026-03-01", facts(policies(version(1, months(1), superseded), version(2, months(3), superseded), version(3, months(1), retroactive)), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 3}},
		{"retroactively shortened, then prolonged", "2026-03-01", facts(policies(version(1, months(3), superseded), version(2, months(1), superseded, retroactive), version(3, months(2))), notified("2026-01-31 10:00")),
			want{due: "2026-04-01", version: 3}},
		{"versions may come in any order", "2026-03-01", facts(policies(version(3, months(2)), version(2, months(1), superseded, retroactive), version(1, months(3), superseded)), notified("2026-01-31 10:00")),
			want{due: "2026-04-01", version: 3}},
		{"30 days instead of a month, from 31 January: longer by two days", "2026-03-01", facts(policies(version(1, months(1), superseded), version(2, days(30))), notified("2026-01-31 10:00")),
			want{due: "2026-03-03", version: 2}},
		{"30 days instead of a month, from 1 March: shorter by one", "2026-04-01", facts(policies(version(1, months(1), superseded), version(2, days(30))), notified("2026-03-01 10:00")),
			want{due: "2026-04-02", version: 1}},
		{"a longer version that is approved only later", "2026-03-01", facts(policies(version(1, months(1)), version(2, months(3), approvedAt("2026-03-02"))), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a policy of another name does not matter", "2026-03-01", facts(policies(version(1, months(1)), version(2, months(9), func(p *lieciba.RetentionPolicy) { p.Name = "other" })), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a lower ceiling is no reason to go sooner either", "2026-05-01", facts(policies(version(1, months(1), superseded), version(2, months(1), func(p *lieciba.RetentionPolicy) { p.Unanchored = months(3) }))),
			want{due: "2026-07-16", version: 1}},
		{"the term after an appeal prolonged by a later version", "2026-04-12", facts(policies(version(1, months(1), superseded), version(2, months(1), func(p *lieciba.RetentionPolicy) { p.AfterAppeal = months(2) })), notified("2026-01-31 10:00"), decided("A", "2026-03-11 10:00")),
			want{due: "2026-05-12", version: 2}},

		{"deletion under way goes on", "2026-03-02", facts(deletion(lieciba.DeletionOpen), notified("2026-01-31 10:00")),
			want{due: "2026-03-01", goes: true, version: 1, says: "It was due."}},
		{"deletion under way goes on when the policy was prolonged since", "2026-03-02", facts(deletion(lieciba.DeletionOpen), notified("2026-01-31 10:00"), policies(version(1, months(1), superseded), version(2, months(9)))),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a grant that begins in between does not stop it", "2026-03-02", facts(deletion(lieciba.DeletionOpen), notified("2026-01-31 10:00"), grant("", "2026-03-01", "2026-03-10", "")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"a hold in between stops it", "2026-03-02", facts(deletion(lieciba.DeletionHeld), notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-03-01 12:00", "", "")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockHold), hold: true}},
		{"an appeal in between stops it, also without a hold", "2026-03-02", facts(deletion(lieciba.DeletionOpen), notified("2026-01-31 10:00"), opened("A", "2026-03-01 12:00")),
			want{due: "2026-03-01", version: 1, blocked: block(retention.BlockAppeal), alarms: alarm(retention.AlarmNoHold), hold: true}},
		{"held, and the hold was released", "2026-04-02", facts(deletion(lieciba.DeletionHeld), notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-03-01 12:00", "", "2026-04-01")),
			want{due: "2026-03-01", goes: true, version: 1}},
		{"deleted is deleted, whatever comes", "2026-04-02", facts(deletion(lieciba.DeletionDone), opened("A", "2026-04-01 12:00"), hold(lieciba.HoldAppeal, "A", "2026-04-01 12:00", "", "")),
			want{due: "2026-03-01", version: 1}},
		{"expired without a deletion: rows that contradict each other", "2026-04-02", facts(notified("2026-01-31 10:00"), func(f *lieciba.RetentionFacts) { f.Recording.State = lieciba.RecordingExpired }),
			want{alarms: alarm(retention.AlarmState)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.f
			d := retention.Decide(c.f, riga(c.now))
			due := ""
			if !d.DueAt.IsZero() {
				due = d.DueAt.In(lieciba.Riga).Format("2006-01-02")
				require.Equal(t, "00:00:00", d.DueAt.In(lieciba.Riga).Format("15:04:05"))
			}
			got := want{due, d.Due, d.Policy.Version, nil, nil, d.Hold, c.want.says}
			for _, b := range d.Blocked {
				got.blocked = append(got.blocked, b.Kind)
				require.NotEmpty(t, b.Text)
			}
			for _, a := range d.Alarms {
				got.alarms = append(got.alarms, a.Kind)
				require.NotEmpty(t, a.Text)
			}
			require.Equal(t, c.want, got, "%s", d.Reason)
			require.Contains(t, d.Reason, c.want.says)
			require.True(t, len(d.Reason) > 0 && d.Reason[len(d.Reason)-1] == '.', "one sentence: %q", d.Reason)
			require.Equal(t, before, c.f, "the facts are not changed")
			if d.Due {
				require.Empty(t, d.Blocked)
				require.False(t, d.Gone)
			}
		})
	}
}

// TestDecideOrderDoesNotMatter: facts come in any order and say the same.
func TestDecideOrderDoesNotMatter(t *testing.T) {
	f := facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-03-11 10:00"), opened("B", "2026-02-12 10:00"),
		decided("B", "2026-03-15 10:00"), policies(version(1, months(1), superseded), version(2, months(2))))
	first := retention.Decide(f, riga("2026-04-01"))
	slices.Reverse(f.Events)
	slices.Reverse(f.Policies)
	require.Equal(t, first, retention.Decide(f, riga("2026-04-01")))
}

// TestLockUntil: with a result the due date; without one never later than the
// first day on which the footage could become due, then a week or two ahead.
func TestLockUntil(t *testing.T) {
	for _, c := range []struct {
		name, now string
		f         lieciba.RetentionFacts
		want      string // Riga day; UTC instant; empty: none
	}{
		{"anchored", "2026-02-01", facts(notified("2026-01-31 10:00")), "2026-03-01"},
		{"due", "2026-03-01", facts(notified("2026-01-31 10:00")), ""},
		{"anchored again, later", "2026-03-01", facts(notified("2026-01-31 10:00"), notified("2026-02-20 10:00")), "2026-03-21"},
		{"no result: as if it was notified at the end", "2026-01-16", facts(), "2026-02-16"},
		{"close to that: a week ahead at least", "2026-02-15", facts(), "2026-02-23T00:00:00Z"},
		{"later: in steps of a week", "2026-02-16 01:59", facts(), "2026-02-23T00:00:00Z"},
		{"and the next step", "2026-02-16 02:00", facts(), "2026-03-02T00:00:00Z"},
		{"never beyond the ceiling", "2026-07-14", facts(), "2026-07-16"},
		{"not sealed", "2026-01-16", facts(unsealed), "2026-01-26T00:00:00Z"},
		{"no policy", "2026-01-16", facts(policies(), seal("")), "2026-01-26T00:00:00Z"},
		{"under hold, past its date", "2026-06-01", facts(notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-02-01", "", "")), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := retention.Decide(c.f, riga(c.now))
			if c.want == "" {
				require.Zero(t, d.LockUntil)
				return
			}
			want, err := time.Parse(time.RFC3339, c.want)
			if err != nil {
				want = riga(c.want)
			}
			require.Equal(t, want, d.LockUntil)
		})
	}
}

// A decision that is dated back puts the deletion off all the same: its term runs
// from when it was told, and a hold that was released before ends no term.
func TestDecisionDatedBack(t *testing.T) {
	f := facts(notified("2026-01-31 10:00"), opened("A", "2026-02-10 10:00"), decided("A", "2026-02-10 10:01"),
		hold(lieciba.HoldAppeal, "A", "2026-02-10 10:00", "", "2026-03-01"))
	f.Events[2].ReceivedAt = riga("2026-06-15 10:00")
	d := retention.Decide(f, riga("2026-06-15 11:00"))
	require.False(t, d.Due)
	require.Equal(t, riga("2026-07-16"), d.DueAt)
}

// TestAsOf: what came since does not make a rightful deletion look wrong, nor a
// wrong one right.
func TestAsOf(t *testing.T) {
	at := riga("2026-03-01 01:00")
	now := facts(deletion(lieciba.DeletionDone), notified("2026-01-31 10:00"), opened("A", "2026-03-02 10:00"),
		hold(lieciba.HoldAppeal, "A", "2026-03-02 10:00", "", ""), export(lieciba.ExportRequested))
	now.Exports[0].RequestedAt = riga("2026-03-03")
	for i := range now.Events {
		now.Events[i].ReceivedAt = now.Events[i].At
	}
	before := now.Recording.State
	d := retention.Decide(retention.AsOf(now, at), at)
	require.True(t, d.Due, "%+v", d)
	require.Equal(t, riga("2026-03-01"), d.DueAt)
	require.Equal(t, before, now.Recording.State)
	require.Len(t, now.Holds, 1, "the facts are not changed")

	held := facts(deletion(lieciba.DeletionDone), notified("2026-01-31 10:00"), hold(lieciba.HoldCourt, "C", "2026-02-10", "", "2026-03-05"))
	held.Events[0].ReceivedAt = held.Events[0].At
	require.False(t, retention.Decide(retention.AsOf(held, at), at).Due, "the hold stood then")
	require.False(t, held.Holds[0].Active(), "the facts are not changed")
}
