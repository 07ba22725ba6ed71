package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func (w *world) appeals(query string) []map[string]any {
	w.t.Helper()
	return w.as("reviewer", "GET", "/v1/appeals"+query, nil).want(200).items()
}

// An appeal that the citizenship system opens is the same as one by hand.
func TestAppealOfTheCitizenshipSystem(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	x, _ := w.finished(w.own)
	w.approved()
	w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(201)
	list := w.appeals("?reference=A-17")
	require.Len(t, list, 1)
	require.Equal(t, []any{"opened", "token-citizenship", x.ExternalID, "2026-11-18T06:30:00Z"},
		[]any{list[0]["state"], list[0]["source"], list[0]["external_id"], list[0]["opened_at"]})
	require.NotNil(t, list[0]["hold_id"])
	w.as("reviewer", "POST", "/v1/appeals", map[string]any{"session": x.ExternalID, "reference": "A-17", "reason": "again"}).want(200)
	w.event(x, "E-2", "appeal_decided", "2026-11-18T08:30:00.5+02:00", "A-17").want(201)
	require.Equal(t, "final", w.appeals("?session=" + string(x.ID))[0]["state"])
	w.event(x, "E-3", "appeal_opened", "2026-11-18T08:30:00.6+02:00", "A-17").want(201)
	require.Equal(t, []any{"opened", nil}, []any{w.appeals("")[0]["state"], w.appeals("")[0]["final_at"]}, "contested once more")
	require.Empty(t, w.appeals("?state=closed"))
	require.Len(t, w.appeals("?state=opened&state=court"), 1)
}

// The decision that comes before the opening is kept, and judged with it.
func TestAppealDecidedBeforeItWasOpened(t *testing.T) {
	w := newWorld(t)
	x, _ := w.finished(w.own)
	w.event(x, "E-2", "appeal_decided", "2026-11-18T08:30:00.5+02:00", "A-17").want(201)
	require.Empty(t, w.appeals(""))
	w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(201)
	require.Equal(t, "final", w.appeals("")[0]["state"])
}

// By hand: opened, to court, decided, contested once more, decided, closed.
func TestAppealByHand(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	x, _ := w.finished(w.own)
	w.approved()
	a := w.as("reviewer", "POST", "/v1/appeals", map[string]any{"session": x.ExternalID, "reference": "A-9", "reason": "letter"}).want(201).json()
	path := "/v1/appeals/" + a["id"].(string)
	state := func(to, reason string) answer {
		return w.as("reviewer", "POST", path+"/state", map[string]any{"state": to, "reason": reason})
	}
	release := func() any {
		holds := w.as("security", "GET", "/v1/holds?session="+string(x.ID), nil).want(200).items()
		require.Len(t, holds, 1, "one appeal, one hold, whatever happens to it")
		require.Equal(t, true, holds[0]["active"])
		return holds[0]["release_due"]
	}
	require.Nil(t, release())
	require.Equal(t, []any{"court", "final"}, a["can"])
	state("closed", "too early").refused(409, "conflict", "")
	require.Equal(t, "court", state("court", "lawsuit").want(200).json()["state"])
	require.Equal(t, "court", state("court", "lawsuit").want(200).json()["state"], "again changes nothing")
	require.Equal(t, "final", state("final", "judgement").want(200).json()["state"])
	require.Nil(t, release(), "one person's word ends no hold")
	w.as("reviewer", "POST", path+"/state", map[string]any{"state": "court", "reason": "cassation", "at": "2026-11-18T06:30:00.002Z"}).
		refused(400, "invalid", "at")
	require.Equal(t, "court", state("court", "cassation").want(200).json()["state"])
	require.Nil(t, release())
	state("final", "judgement").want(200)
	closed := state("closed", "archived").want(200).json()
	require.Equal(t, []any{"closed", "token-reviewer"}, []any{closed["state"], closed["closed_by"]})
	state("court", "too late").refused(409, "conflict", "")
	require.Empty(t, closed["can"], "closed is the end")
	f := w.as("approver", "GET", path, nil).want(200).json()
	require.Empty(t, f["appeal"].(map[string]any)["can"])
	require.Len(t, f["events"], 4)
	require.Len(t, f["holds"], 1)
	require.Equal(t, x.ExternalID, f["session"].(map[string]any)["external_id"])
	require.Equal(t, "appeal A-9 closed: archived", w.audited("manage_appeals")[0].Detail)
}

func TestBadAppeals(t *testing.T) {
	w := newWorld(t)
	later := w.session("token-citizenship", "later", w.own.room, start.Add(48*time.Hour))
	post := func(session, reference, reason string) answer {
		return w.badly("reviewer", "POST", "/v1/appeals", map[string]any{"session": session, "reference": reference, "reason": reason})
	}
	post("no-such", "A-1", "letter").refused(400, "invalid", "session")
	post(string(later.ID), "A-1", "letter").refused(400, "invalid", "session")
	post(string(w.own.session.ID), "not a code", "letter").refused(400, "invalid", "reference")
	post(string(w.own.session.ID), "A-1", "").refused(400, "invalid", "reason")
	post(string(w.own.session.ID), "A-1", "of 131175-12345").refused(400, "invalid", "reason")
	require.Empty(t, w.appeals(""))
	require.Empty(t, w.as("security", "GET", "/v1/holds", nil).items())
	a := w.as("reviewer", "POST", "/v1/appeals", map[string]any{"session": string(w.own.session.ID), "reference": "A-1", "reason": "letter"}).want(201).json()
	path := "/v1/appeals/" + a["id"].(string) + "/state"
	w.badly("reviewer", "POST", path, map[string]any{"state": "opened", "reason": "x"}).refused(400, "invalid", "state")
	w.as("reviewer", "POST", path, map[string]any{"state": "final", "reason": "x", "at": "2020-01-01T00:00:00Z"}).refused(400, "invalid", "at")
	w.as("reviewer", "POST", path, map[string]any{"state": "final", "reason": "x", "at": "2030-01-01T00:00:00Z"}).refused(400, "invalid", "at")
	require.Equal(t, lieciba.AppealOpened, lieciba.AppealState(w.appeals("")[0]["state"].(string)))
}

// S3 of the review: an appeal that waited for months is decided with a date that
// makes the policy's term be over already. The hold stays until two people, or the
// system that opened it, end it.
func TestNobodyEndsAHoldByDatingBack(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	x, _ := w.finished(w.own)
	w.approved()
	w.event(x, "E-1", "appeal_opened", "2026-11-18T08:30:00+02:00", "A-17").want(201)
	w.later(200 * 24 * time.Hour)
	hold := func() map[string]any {
		holds := w.as("security", "GET", "/v1/holds?session="+string(x.ID), nil).want(200).items()
		require.Len(t, holds, 1)
		require.Equal(t, true, holds[0]["active"])
		return holds[0]
	}
	path := "/v1/appeals/" + w.appeals("")[0]["id"].(string) + "/state"
	w.as("reviewer", "POST", path, map[string]any{"state": "final", "reason": "x", "at": "2026-11-18T06:30:00.001Z"}).want(200)
	require.Nil(t, hold()["release_due"])
	// The system's own word counts from the day on which it came, not from its date.
	w.event(x, "E-2", "appeal_decided", "2026-11-18T08:30:01+02:00", "A-17").want(201)
	require.Equal(t, "2027-07-06T21:00:00Z", hold()["release_due"])
}

// Everything of one appeal is in its file, what was deleted of its session too.
func TestAppealFileHoldsDeletions(t *testing.T) {
	w := newWorld(t)
	d := w.deletion(w.own, true)
	x, err := w.catalog.Session(t.Context(), d.SessionID)
	require.NoError(t, err)
	a := w.as("reviewer", "POST", "/v1/appeals", map[string]any{"session": string(x.ID), "reference": "A-9", "reason": "letter"}).want(201).json()
	require.ElementsMatch(t, []any{"court", "final"}, a["can"])
	f := w.as("security", "GET", "/v1/appeals/"+a["id"].(string), nil).want(200).json()
	gone := f["deletions"].([]any)
	require.Len(t, gone, 1)
	require.Equal(t, []any{string(d.ID), "done"}, []any{gone[0].(map[string]any)["id"], gone[0].(map[string]any)["state"]})
	for _, part := range []string{"holds", "events", "requests", "grants", "exports"} {
		require.Contains(t, f, part)
	}
}
