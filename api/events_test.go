package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func (w *world) event(x lieciba.ExamSession, id, kind, at, appeal string) answer {
	w.t.Helper()
	b := map[string]any{"event_id": id, "kind": kind, "at": at}
	if appeal != "" {
		b["appeal"] = appeal
	}
	return w.as("citizenship", "POST", "/v1/exam-sessions/"+x.ExternalID+"/events", b)
}

// approved puts a policy of one month after an appeal in force.
func (w *world) approved() lieciba.RetentionPolicy {
	p := w.draft(lieciba.DefaultPolicy)
	p, err := w.catalog.ApprovePolicy(w.t.Context(), p.ID, "boss", lieciba.NewID[string](start), start)
	require.NoError(w.t, err)
	return p
}

func TestResultNotified(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	x, _ := w.finished(w.own)
	a := w.event(x, "E-1", "result_notified", "2026-11-18T08:30:00+02:00", "").want(201).json()
	require.Equal(t, []any{"anchored", "2026-11-18T06:30:00Z", nil, nil}, []any{a["session_state"], a["at"], a["appeal"], a["hold"]})
	require.Equal(t, a, w.event(x, "E-1", "result_notified", "2026-11-18T08:30:00+02:00", "").want(200).json(), "again changes nothing")
	w.event(x, "E-1", "result_notified", "2026-11-18T08:30:00.5+02:00", "").refused(409, "conflict", "event_id")
	e := w.audited("push_event")
	require.Equal(t, []any{"event E-1: result_notified, repeated", "event E-1: result_notified"}, []any{e[0].Detail, e[1].Detail})
	require.Equal(t, []any{x.ID, start}, []any{e[1].SessionID, e[1].From})
	require.Len(t, w.as("security", "GET", "/v1/exam-sessions/"+string(x.ID)+"/events", nil).want(200).items(), 1)
	require.Empty(t, w.as("security", "GET", "/v1/holds", nil).items())
	// A session that was started by hand is anchored too; one of another source is not there.
	byHand := w.session(lieciba.SourceAdHoc, "adhoc-1", w.own.room, start)
	w.event(byHand, "E-2", "result_notified", "2026-11-18T08:30:00+02:00", "").want(201)
	other := w.session("other-system", "theirs", w.own.room, start)
	w.event(other, "E-3", "result_notified", "2026-11-18T08:30:00+02:00", "").refused(404, "not_found", "")
}

// Opening an appeal places a hold, the decision lets it end by itself: at the
// start of the day in Riga after the policy's term.
func TestAppealHolds(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	w.approved()
	h := w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.Equal(t, []any{"appeal", "A-17", true, nil, "token-citizenship"}, []any{h["kind"], h["reference"], h["active"], h["release_due"], h["placed_by"]})
	again := w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(200).json()
	require.Equal(t, h, again["hold"])
	w.event(x, "E-2", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-18").want(201)
	require.Len(t, w.as("security", "GET", "/v1/holds", nil).items(), 2, "two appeals, two holds")

	w.later(24 * time.Hour)
	decided := w.event(x, "E-3", "appeal_decided", "2026-11-19T08:30:00+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.Equal(t, h["id"], decided["id"])
	require.Equal(t, "2026-12-19T22:00:00Z", decided["release_due"], "one month, its last day in full")
	require.Equal(t, true, decided["active"])
	for _, h := range w.as("security", "GET", "/v1/holds", nil).items() {
		if h["reference"] == "A-18" {
			require.Nil(t, h["release_due"], "the other appeal is open")
		}
	}
	// Opened anew, it stands again.
	w.later(24 * time.Hour)
	anew := w.event(x, "E-4", "appeal_opened", "2026-11-20T08:30:00+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.Equal(t, []any{h["id"], nil}, []any{anew["id"], anew["release_due"]})
}

// Events arrive in any order and end in the same state.
func TestAppealEventsInTurnedOrder(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	w.approved()
	w.later(24 * time.Hour)
	require.Nil(t, w.event(x, "E-2", "appeal_decided", "2026-11-19T08:30:00+02:00", "A-17").want(201).json()["hold"])
	h := w.event(x, "E-1", "appeal_opened", "2026-11-18T09:00:00+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.Equal(t, []any{true, "2026-12-19T22:00:00Z"}, []any{h["active"], h["release_due"]})
}

// Without an approved policy no hold ends by itself, and what two people
// released is not placed again by a decision.
func TestAppealWithoutPolicy(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	h := w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	decided := w.event(x, "E-2", "appeal_decided", "2026-11-18T08:30:01+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.Equal(t, []any{h["id"], true, nil}, []any{decided["id"], decided["active"], decided["release_due"]})
	w.through("security", map[string]any{"kind": "hold_release", "hold_id": h["id"], "reason": "The appeal is over"})
	require.Nil(t, w.event(x, "E-3", "appeal_decided", "2026-11-18T08:30:02+02:00", "A-17").want(201).json()["hold"])
	anew := w.event(x, "E-4", "appeal_opened", "2026-11-18T08:30:03+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.NotEqual(t, h["id"], anew["id"], "a released hold stays released: opened anew is a new one")
}

// A hold that a person placed for the appeal is the appeal's hold.
func TestAppealFindsTheHoldOfAPerson(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	h := w.as("reviewer", "POST", "/v1/exam-sessions/"+string(x.ID)+"/holds", map[string]any{"kind": "appeal", "reference": "A-17", "reason": "told by phone"}).want(201).json()
	got := w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(201).json()["hold"].(map[string]any)
	require.Equal(t, h["id"], got["id"])
	require.Len(t, w.as("security", "GET", "/v1/holds", nil).items(), 1)
}

func TestEventsAreChecked(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	w.later(365 * 24 * time.Hour)
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"no event ID":              {map[string]any{"event_id": ""}, "event_id"},
		"a path":                   {map[string]any{"event_id": "../x"}, "event_id"},
		"an unknown kind":          {map[string]any{"kind": "deleted"}, "kind"},
		"no appeal":                {map[string]any{"appeal": ""}, "appeal"},
		"an appeal that is a name": {map[string]any{"appeal": "Jānis Bērziņš"}, "appeal"},
		"a personal code":          {map[string]any{"appeal": "010190-12345"}, "appeal"},
		"an appeal of a result":    {map[string]any{"kind": "result_notified"}, "appeal"},
		"no time":                  {map[string]any{"at": ""}, "at"},
		"UTC":                      {map[string]any{"at": "2026-12-01T08:00:00Z"}, "at"},
		"another zone":             {map[string]any{"at": "2026-12-01T08:00:00+01:00"}, "at"},
		"summer time in winter":    {map[string]any{"at": "2026-12-01T08:00:00+03:00"}, "at"},
		"an hour that is not":      {map[string]any{"at": "2027-03-28T03:30:00+02:00"}, "at"},
		"before the exam":          {map[string]any{"at": "2016-12-01T08:00:00+02:00"}, "at"},
		"the future":               {map[string]any{"at": "2062-12-01T08:00:00+02:00"}, "at"},
		"a name":                   {map[string]any{"name": "x"}, "name"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			body := map[string]any{"event_id": "E-1", "kind": "appeal_opened", "at": "2026-12-01T08:00:00+02:00", "appeal": "A-17"}
			for k, v := range c.change {
				body[k] = v
			}
			w.badly("citizenship", "POST", "/v1/exam-sessions/"+x.ExternalID+"/events", body).refused(400, "invalid", c.field)
		})
	}
	w.t = t
	require.Empty(t, w.as("security", "GET", "/v1/exam-sessions/"+string(x.ID)+"/events", nil).items())
	w.event(lieciba.ExamSession{SessionKey: lieciba.SessionKey{ExternalID: "no-such"}}, "E-1", "result_notified", "2026-12-01T08:00:00+02:00", "").refused(404, "not_found", "")
}
