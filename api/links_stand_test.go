package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// byHand starts an exam of an hour by hand at 08:30 in riga-301 and links it to LV-7.
func (w *world) byHand() (x map[string]any, path string) {
	w.t.Helper()
	room := w.room(w.own.site.ID, "riga-301")
	x = w.as("supervisor", "POST", "/v1/exam-sessions", map[string]any{"room": room.Code, "minutes": 60}).want(201).json()
	path = "/v1/exam-sessions/" + x["id"].(string)
	w.as("supervisor", "PUT", path+"/link", map[string]any{"source": "token-citizenship", "external_id": "LV-7"}).want(200)
	return x, path
}

func (w *world) plan(version int, room, from, to string, cancelled bool) answer {
	w.t.Helper()
	return w.as("citizenship", "PUT", "/v1/exam-sessions/LV-7", sessionDocument(map[string]any{"source_version": version, "room": room,
		"starts_at": from, "ends_at": to, "cancelled": cancelled}))
}

// reaches tells a result and an appeal under the linked ID: they are of the session
// that was filmed, and its footage is held.
func (w *world) reaches(x map[string]any) {
	w.t.Helper()
	at := lieciba.Micro(w.clock.Now()).In(lieciba.Riga).Format(time.RFC3339Nano)
	linked := lieciba.ExamSession{SessionKey: lieciba.SessionKey{ExternalID: "LV-7"}}
	for id, e := range map[string][2]string{"E-1": {"result_notified", ""}, "E-2": {"appeal_opened", "A-1"}} {
		require.Equal(w.t, x["id"], w.event(linked, id, e[0], at, e[1]).want(201).json()["session_id"])
	}
	holds, err := w.catalog.SessionHolds(w.t.Context(), lieciba.SessionID(x["id"].(string)))
	require.NoError(w.t, err)
	require.Len(w.t, holds, 1)
	require.Equal(w.t, "A-1", holds[0].Reference)
	require.Len(w.t, w.as("reviewer", "GET", "/v1/exam-sessions?external_id=LV-7", nil).want(200).items(), 1, "no second session")
	require.Empty(w.t, w.alarms(lieciba.AlarmVoidLink))
}

// The source comes back while the exam goes on, with a plan that ends later: the
// running session goes on to that end, so all of it is one recording.
func TestALinkedExamGoesOnToItsPlannedEnd(t *testing.T) {
	w := newAlarmedWorld(t)
	x, path := w.byHand()
	w.later(30 * time.Minute)
	for range 2 { // a repeat changes nothing
		got := w.plan(1, "riga-301", "2026-11-18T08:00:00+02:00", "2026-11-18T12:00:00+02:00", false).want(200).json()
		require.Equal(t, x["id"], got["id"])
	}
	got := w.as("supervisor", "GET", path, nil).want(200).json()
	require.Equal(t, []any{x["external_id"], x["room_code"], x["starts_at"], "running", 12.0, 1.0},
		[]any{got["external_id"], got["room_code"], got["starts_at"], got["state"], got["seats"], got["source_version"]}, "what was filmed stays")
	ends, err := time.Parse(time.RFC3339, got["ends_at"].(string))
	require.NoError(t, err)
	require.Equal(t, "12:00", ends.In(lieciba.Riga).Format("15:04"))
	said := w.audited("push_session")
	require.Len(t, said, 2)
	require.ElementsMatch(t, []string{"unchanged", "changed; the session was started by hand: its room and start stay as it was filmed, it goes on to the planned end"},
		[]string{said[0].Detail, said[1].Detail})

	w.plan(1, "riga-301", "2026-11-18T08:00:00+02:00", "2026-11-18T13:00:00+02:00", false).refused(409, "conflict", "source_version")
	w.plan(1, "riga-201", "2026-11-18T10:00:00+02:00", "2026-11-18T13:00:00+02:00", false).refused(409, "conflict", "external_id") // no newer one: it ends no link
	w.plan(2, "riga-301", "2026-11-18T08:00:00+02:00", "2026-11-18T11:00:00+02:00", false).refused(409, "conflict", "external_id") // nothing is cut away
	w.plan(3, "riga-301", "2026-11-18T08:00:00+02:00", "2026-11-18T13:00:00+02:00", false).want(200)
	w.later(5 * time.Hour)
	w.reaches(x)
}

// The exam was held in another room, or the source cancels it: a late document has
// nothing left to record, and the link stands.
func TestALinkStandsWhenNothingIsLeftToRecord(t *testing.T) {
	w := newAlarmedWorld(t)
	x, _ := w.byHand()
	w.plan(1, "riga-201", "2026-11-18T14:00:00+02:00", "2026-11-18T15:00:00+02:00", true).refused(409, "conflict", "external_id")
	w.later(2 * time.Hour)
	w.plan(2, "riga-201", "2026-11-18T08:30:00+02:00", "2026-11-18T09:30:00+02:00", false).refused(409, "conflict", "external_id")
	w.plan(3, "riga-201", "2026-11-17T08:30:00+02:00", "2026-11-17T09:30:00+02:00", false).refused(409, "conflict", "external_id")
	w.reaches(x)
}

// What the source has told of a session is not taken from it by a later document.
func TestALinkStandsOnceItsSourceHasTold(t *testing.T) {
	w := newAlarmedWorld(t)
	x, path := w.byHand()
	w.later(2 * time.Hour)
	w.reaches(x)
	says := w.plan(1, "riga-201", "2026-11-25T09:00:00+02:00", "2026-11-25T12:00:00+02:00", false).refused(409, "conflict", "external_id")
	require.Contains(t, says, "needs an external_id of its own")
	require.Empty(t, w.alarms(lieciba.AlarmVoidLink))
	require.Contains(t, w.as("supervisor", "GET", path, nil).want(200).json(), "link")
}
