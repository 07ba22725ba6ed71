package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// TestPushOfALinkedSession pushes the document of a session that an operator had
// started by hand, in another room and at other times than were planned.
func TestPushOfALinkedSession(t *testing.T) {
	start := time.Date(2026, 11, 18, 9, 7, 0, 0, time.UTC)
	room := lieciba.Room{ID: "room-1", SiteID: "site-1", Code: "riga-1", State: lieciba.PlaceActive}
	adhoc := lieciba.ExamSession{ID: "s", SessionKey: lieciba.SessionKey{Source: lieciba.SourceAdHoc, ExternalID: "adhoc-1"}, SiteID: "site-2", RoomID: "room-2",
		StartsAt: start, EndsAt: start.Add(2 * time.Hour), CreatedAt: start,
		Parts: []lieciba.Part{{ID: "p", Kind: lieciba.PartSpeaking, StartsAt: start, EndsAt: start.Add(2 * time.Hour), Sound: true, State: lieciba.PartRunning}}}
	key := lieciba.SessionKey{Source: "pizis", ExternalID: "EX-1"}
	doc := func(from, to string) lieciba.SessionDocument {
		return lieciba.SessionDocument{SourceVersion: 1, Room: room.Code, StartsAt: "2026-11-18T" + from + ":00+02:00", EndsAt: "2026-11-18T" + to + ":00+02:00", Seats: 12,
			Parts: []lieciba.PartDocument{{Kind: lieciba.PartSpeaking}, {Kind: lieciba.PartReading}}}
	}
	apply := func(state lieciba.SessionState, d lieciba.SessionDocument) (lieciba.ExamSession, lieciba.SessionChange, error) {
		s := adhoc
		s.State = state
		return lieciba.ApplySessionDocument(&s, key, d, room, start.Add(time.Hour))
	}
	for _, c := range []struct {
		name     string
		state    lieciba.SessionState
		from, to string
		ends     time.Time
	}{
		{"running, planned to end before", lieciba.SessionRunning, "10:00", "11:30", adhoc.EndsAt},
		{"running, ended by the plan already", lieciba.SessionRunning, "09:00", "10:00", adhoc.EndsAt},
		{"running, planned to end later", lieciba.SessionRunning, "11:00", "14:00", start.Add(2*time.Hour + 53*time.Minute)},
		{"finished", lieciba.SessionFinished, "11:00", "14:00", adhoc.EndsAt},
		{"anchored", lieciba.SessionAnchored, "09:00", "10:00", adhoc.EndsAt},
	} {
		got, change, err := apply(c.state, doc(c.from, c.to))
		require.NoError(t, err, c.name)
		require.False(t, change.Created || change.Unchanged, c.name)
		require.Len(t, change.Notes, 1, c.name)
		require.Equal(t, adhoc.SessionKey, got.SessionKey, "%s: its own name stays", c.name)
		require.Equal(t, []any{adhoc.ID, adhoc.RoomID, adhoc.SiteID, start, c.ends, c.state}, []any{got.ID, got.RoomID, got.SiteID, got.StartsAt, got.EndsAt, got.State}, c.name)
		require.Equal(t, []any{int64(1), 12, 2}, []any{got.SourceVersion, got.Seats, len(got.Parts)}, "%s: corrections are taken", c.name)
		require.Equal(t, []any{lieciba.PartID("p"), lieciba.PartRunning, start, c.ends}, []any{got.Parts[0].ID, got.Parts[0].State, got.Parts[0].StartsAt, got.Parts[0].EndsAt},
			"%s: a part without times lasts as long as the session", c.name)
		again, change, err := lieciba.ApplySessionDocument(&got, key, doc(c.from, c.to), room, start.Add(time.Hour))
		require.NoError(t, err)
		require.True(t, change.Unchanged)
		require.Equal(t, got, again)
	}

	got, change, err := apply(lieciba.SessionPlanned, doc("12:00", "14:00"))
	require.NoError(t, err)
	require.Empty(t, change.Notes)
	require.Equal(t, []any{room.ID, adhoc.SessionKey, "12:00"}, []any{got.RoomID, got.SessionKey, got.StartsAt.In(lieciba.Riga).Format("15:04")}, "nothing is filmed yet")

	cancelled := doc("11:00", "13:00")
	cancelled.Cancelled = true
	got, _, err = apply(lieciba.SessionRunning, cancelled)
	require.NoError(t, err)
	require.True(t, got.CancelAsked)
	require.Equal(t, lieciba.SessionRunning, got.State, "a person confirms it")
	_, _, err = apply(lieciba.SessionFinished, cancelled)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "footage is there: %v", err)
}
