package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// The citizenship system was down, a supervisor started by hand, and the session
// gets its real name later: nothing of it changes, and events find it.
func TestLinkASessionThatWasStartedByHand(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	room := w.room(w.own.site.ID, "riga-301")
	x := w.as("supervisor", "POST", "/v1/exam-sessions", map[string]any{"room": room.Code, "minutes": 60}).want(201).json()
	path := "/v1/exam-sessions/" + x["id"].(string)
	link := map[string]any{"source": "token-citizenship", "external_id": "2026-11-18.R301"}
	a := w.as("supervisor", "PUT", path+"/link", link).want(200).json()
	got := a["link"].(map[string]any)
	require.Equal(t, []any{"token-citizenship", "2026-11-18.R301", "token-supervisor"}, []any{got["source"], got["external_id"], got["by"]})
	delete(a, "link")
	require.Equal(t, x, a, "no row of the session changes")
	require.Equal(t, a["id"], w.as("supervisor", "PUT", path+"/link", link).want(200).json()["id"], "again is no error")
	for _, ref := range []string{"2026-11-18.R301", x["external_id"].(string)} {
		require.Equal(t, x["id"], w.as("reviewer", "GET", "/v1/exam-sessions/"+ref, nil).want(200).json()["id"], "found under both names")
	}
	w.as("admin", "PUT", path+"/link", map[string]any{"source": "token-citizenship", "external_id": "other"}).refused(409, "conflict", "session_id")
	w.as("admin", "PUT", "/v1/exam-sessions/"+string(w.own.session.ID)+"/link", map[string]any{"source": "token-citizenship", "external_id": "other"}).refused(409, "conflict", "id")
	w.as("admin", "PUT", path+"/link", map[string]any{"source": "nobody", "external_id": "other"}).refused(400, "invalid", "source")
	w.as("admin", "PUT", path+"/link", map[string]any{"source": "ad-hoc", "external_id": "other"}).refused(400, "invalid", "source")
	w.badly("admin", "PUT", path+"/link", map[string]any{"source": "token-citizenship", "external_id": "../x"}).refused(400, "invalid", "external_id")

	// What the source sends under its own name reaches it, or is told so.
	linked := lieciba.ExamSession{SessionKey: lieciba.SessionKey{ExternalID: "2026-11-18.R301"}}
	e := w.event(linked, "E-1", "appeal_opened", "2026-11-18T08:31:00+02:00", "A-1").want(201).json()
	require.Equal(t, x["id"], e["session_id"])
	says := w.as("citizenship", "PUT", "/v1/exam-sessions/2026-11-18.R301", sessionDocument(map[string]any{"room": room.Code,
		"starts_at": "2026-11-18T08:30:00+02:00", "ends_at": "2026-11-18T09:30:00+02:00"})).refused(409, "conflict", "external_id")
	require.Contains(t, says, x["external_id"])
	require.Len(t, w.as("reviewer", "GET", "/v1/exam-sessions?external_id=2026-11-18.R301", nil).want(200).items(), 1)

	// A name that has a session cannot be given to another one.
	second := w.session(lieciba.SourceAdHoc, "adhoc-2", room, start)
	for _, taken := range []string{"2026-11-18.R301", w.own.session.ExternalID} {
		w.as("admin", "PUT", "/v1/exam-sessions/"+string(second.ID)+"/link", map[string]any{"source": "token-citizenship", "external_id": taken}).refused(409, "conflict", "external_id")
	}
	require.Equal(t, "is 2026-11-18.R301 of token-citizenship", w.audited("link_session")[0].Detail)
}

// S8 of the review: a supervisor links the ID of an exam to come to a session of a
// minute. The exam is recorded all the same, and security hears of it.
func TestALinkKeepsNoExamFromBeingRecorded(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"another day":    {"room": "riga-301", "starts_at": "2026-11-25T09:00:00+02:00", "ends_at": "2026-11-25T12:00:00+02:00"},
		"another room":   {"room": "riga-201", "starts_at": "2026-11-18T08:30:00+02:00", "ends_at": "2026-11-18T09:00:00+02:00"},
		"later that day": {"room": "riga-301", "starts_at": "2026-11-18T14:00:00+02:00", "ends_at": "2026-11-18T16:00:00+02:00"},
		"right after it": {"room": "riga-301", "starts_at": "2026-11-18T09:30:00+02:00", "ends_at": "2026-11-18T12:00:00+02:00"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAlarmedWorld(t)
			room := w.room(w.own.site.ID, "riga-301")
			x := w.as("supervisor", "POST", "/v1/exam-sessions", map[string]any{"room": room.Code, "minutes": 60}).want(201).json()
			path := "/v1/exam-sessions/" + x["id"].(string)
			w.as("supervisor", "PUT", path+"/link", map[string]any{"source": "token-citizenship", "external_id": "LV-7"}).want(200)
			pushed := w.as("citizenship", "PUT", "/v1/exam-sessions/LV-7", sessionDocument(change)).want(201).json()
			require.Equal(t, []any{"LV-7", "token-citizenship"}, []any{pushed["external_id"], pushed["source"]})
			require.NotEqual(t, x["id"], pushed["id"])
			after := w.as("supervisor", "GET", path, nil).want(200).json()
			require.NotContains(t, after, "link")
			require.Equal(t, x, after, "what was filmed by hand stays")
			require.Equal(t, "created; the link of this ID to "+x["external_id"].(string)+" is void", w.audited("push_session")[0].Detail)
			raised := w.alarms(lieciba.AlarmVoidLink)
			require.Len(t, raised, 1)
			require.Equal(t, "token-supervisor", raised[0].Who, "who had linked it")
			require.Contains(t, raised[0].Detail, "to LV-7 of token-citizenship")
			w.as("supervisor", "PUT", path+"/link", map[string]any{"source": "token-citizenship", "external_id": "LV-8"}).want(200)
		})
	}
}

// A document that is refused ends no link, and neither does one of what is over.
func TestWhatEndsNoLink(t *testing.T) {
	w := newAlarmedWorld(t)
	room := w.room(w.own.site.ID, "riga-301")
	x := w.as("supervisor", "POST", "/v1/exam-sessions", map[string]any{"room": room.Code, "minutes": 60}).want(201).json()
	w.as("supervisor", "PUT", "/v1/exam-sessions/"+x["id"].(string)+"/link", map[string]any{"source": "token-citizenship", "external_id": "LV-7"}).want(200)
	push := func(from, to string) {
		w.as("citizenship", "PUT", "/v1/exam-sessions/LV-7", sessionDocument(map[string]any{"room": room.Code, "starts_at": from, "ends_at": to})).
			refused(409, "conflict", "external_id")
	}
	push("2026-11-18T08:00:00+02:00", "2026-11-18T09:35:00+02:00") // its margins cover it
	push("2026-11-25T12:00:00+02:00", "2026-11-25T09:00:00+02:00") // ends before it begins
	w.later(4 * time.Hour)
	push("2026-11-18T09:00:00+02:00", "2026-11-18T12:00:00+02:00") // nothing of it is to come
	require.Empty(t, w.alarms(lieciba.AlarmVoidLink))
	require.Equal(t, "LV-7", w.as("admin", "GET", "/v1/exam-sessions/"+x["id"].(string), nil).want(200).json()["link"].(map[string]any)["external_id"])
}

// An administrator takes a link back that was a mistake, until its source has told
// of the session under that name.
func TestTakeALinkBack(t *testing.T) {
	w := newAlarmedWorld(t)
	x := w.session(lieciba.SourceAdHoc, "adhoc-1", w.own.room, start)
	path := "/v1/exam-sessions/" + string(x.ID) + "/link"
	w.as("admin", "DELETE", path, nil).refused(404, "not_found", "")
	link := map[string]any{"source": "token-citizenship", "external_id": "LV-7"}
	w.as("supervisor", "PUT", path, link).want(200)
	w.as("admin", "DELETE", path, nil).want(204)
	w.as("admin", "DELETE", path, nil).refused(404, "not_found", "")
	require.Equal(t, "is not LV-7 of token-citizenship", w.audited("void_link")[0].Detail)
	require.Contains(t, w.alarms(lieciba.AlarmVoidLink)[0].Detail, "token-admin took the link back")
	w.event(lieciba.ExamSession{SessionKey: lieciba.SessionKey{ExternalID: "LV-7"}}, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-1").want(404)
	w.as("supervisor", "PUT", path, link).want(200)
	w.event(lieciba.ExamSession{SessionKey: lieciba.SessionKey{ExternalID: "LV-7"}}, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-1").want(201)
	w.as("admin", "DELETE", path, nil).refused(409, "conflict", "")
}

// S20 and S21 of the review: a source sees and tells of its own sessions and of
// those that were started by hand and are no other source's; what happened in an
// exam is not for it.
func TestASourceIsKeptToItsOwn(t *testing.T) {
	w := newWorld(t)
	plain, tok := NewClientToken("other-system", []lieciba.Role{lieciba.RoleCitizenship}, nil, start, 24*time.Hour)
	require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
	w.tokens["other"] = plain
	free := w.session(lieciba.SourceAdHoc, "adhoc-1", w.own.room, start)
	mine := w.session(lieciba.SourceAdHoc, "adhoc-2", w.own.room, start)
	w.linked(mine, "LV-7")
	own := w.own.session
	get := func(role lieciba.Role, ref string) answer { return w.as(role, "GET", "/v1/exam-sessions/"+ref, nil) }
	for _, x := range []lieciba.ExamSession{own, mine} {
		for _, ref := range []string{string(x.ID), x.ExternalID} {
			get("citizenship", ref).want(200)
			get("other", ref).refused(404, "not_found", "")
			for _, what := range []string{"/timeline", "/coverage"} {
				get("other", ref+what).refused(404, "not_found", "")
			}
		}
		w.as("other", "POST", "/v1/exam-sessions/"+x.ExternalID+"/events", map[string]any{"event_id": "E-1", "kind": "appeal_decided", "at": "2026-11-18T08:30:00+02:00", "appeal": "A-1"}).
			refused(404, "not_found", "")
	}
	get("other", "LV-7").refused(404, "not_found", "")
	get("other", string(free.ID)).want(200)
	names := func(role lieciba.Role) (out []string) {
		for _, x := range w.as(role, "GET", "/v1/exam-sessions", nil).want(200).items() {
			out = append(out, x["external_id"].(string))
		}
		return out
	}
	require.Equal(t, []string{"adhoc-1"}, names("other"))
	require.ElementsMatch(t, []string{"adhoc-1", "adhoc-2", own.ExternalID, w.foreign.session.ExternalID}, names("citizenship"))
	for _, what := range []string{"/incidents", "/part-events", "/readiness"} {
		get("citizenship", string(own.ID)+what).refused(403, "forbidden", "")
	}
	w.event(mine, "E-2", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-1").want(201)
	w.as("other", "POST", "/v1/exam-sessions/adhoc-1/events", map[string]any{"event_id": "E-1", "kind": "result_notified", "at": "2026-11-18T08:30:00+02:00"}).want(201)
}
