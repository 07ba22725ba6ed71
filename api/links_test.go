package api

import (
	"testing"

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
	says := w.as("citizenship", "PUT", "/v1/exam-sessions/2026-11-18.R301", sessionDocument(nil)).refused(409, "conflict", "external_id")
	require.Contains(t, says, x["external_id"])
	require.Len(t, w.as("reviewer", "GET", "/v1/exam-sessions?external_id=2026-11-18.R301", nil).want(200).items(), 1)

	// A name that has a session cannot be given to another one.
	second := w.session(lieciba.SourceAdHoc, "adhoc-2", room, start)
	for _, taken := range []string{"2026-11-18.R301", w.own.session.ExternalID} {
		w.as("admin", "PUT", "/v1/exam-sessions/"+string(second.ID)+"/link", map[string]any{"source": "token-citizenship", "external_id": taken}).refused(409, "conflict", "external_id")
	}
	require.Equal(t, "is 2026-11-18.R301 of token-citizenship", w.audited("link_session")[0].Detail)
}
