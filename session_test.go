package lieciba_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var (
	key  = lieciba.SessionKey{Source: "pizis", ExternalID: "2026-11-18.R201"}
	room = lieciba.Room{ID: "room", SiteID: "site", Code: "R201", State: lieciba.PlaceActive}
	// now is two hours before the session of doc.
	now = time.Date(2026, 11, 18, 5, 0, 0, 0, time.UTC)
)

func doc(change ...func(*lieciba.SessionDocument)) lieciba.SessionDocument {
	d := lieciba.SessionDocument{SourceVersion: 5, Room: "R201", StartsAt: "2026-11-18T09:00:00+02:00", EndsAt: "2026-11-18T12:00:00+02:00",
		Seats: 12, Parts: []lieciba.PartDocument{{Kind: lieciba.PartListening}, {Kind: lieciba.PartSpeaking, StartsAt: "2026-11-18T11:00:00+02:00"}}}
	for _, c := range change {
		c(&d)
	}
	return d
}

func version(v int64) func(*lieciba.SessionDocument) {
	return func(d *lieciba.SessionDocument) { d.SourceVersion = v }
}

func ends(s string) func(*lieciba.SessionDocument) {
	return func(d *lieciba.SessionDocument) { d.EndsAt = s }
}

func starts(s string) func(*lieciba.SessionDocument) {
	return func(d *lieciba.SessionDocument) { d.StartsAt = s }
}

func seats(n int) func(*lieciba.SessionDocument) {
	return func(d *lieciba.SessionDocument) { d.Seats = n }
}

func cancelled(d *lieciba.SessionDocument) { d.Cancelled = true }

// stored is the session of doc in a state.
func stored(t *testing.T, st lieciba.SessionState) *lieciba.ExamSession {
	t.Helper()
	s, ch, err := lieciba.ApplySessionDocument(nil, key, doc(), room, now)
	require.NoError(t, err)
	require.True(t, ch.Created)
	s.State = st
	return &s
}

func TestApplyCreates(t *testing.T) {
	s := stored(t, lieciba.SessionPlanned)
	require.Equal(t, now.Add(2*time.Hour), s.StartsAt)
	require.Equal(t, []any{lieciba.SiteID("site"), lieciba.RoomID("room"), 12, int64(5)}, []any{s.SiteID, s.RoomID, s.Seats, s.SourceVersion})
	require.False(t, s.Parts[0].Sound)
	require.True(t, s.Parts[1].Sound)
	require.Equal(t, s.EndsAt, s.Parts[0].EndsAt, "a part without times lasts as long as the session")
	c, _, err := lieciba.ApplySessionDocument(nil, key, doc(cancelled), room, now)
	require.NoError(t, err)
	require.Equal(t, lieciba.SessionCancelled, c.State)
}

func TestApplyVersions(t *testing.T) {
	cur := stored(t, lieciba.SessionPlanned)
	same, ch, err := lieciba.ApplySessionDocument(cur, key, doc(), room, now.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, ch.Unchanged)
	require.Equal(t, *cur, same)
	retired := room
	retired.State = lieciba.PlaceRetired
	_, ch, err = lieciba.ApplySessionDocument(cur, key, doc(), retired, now)
	require.NoError(t, err, "a repeat stays good when the room was retired since")
	require.True(t, ch.Unchanged)
	_, _, err = lieciba.ApplySessionDocument(cur, key, doc(version(6)), retired, now)
	requireField(t, err, lieciba.CodeInvalid, "room")
	for _, d := range []lieciba.SessionDocument{doc(seats(13)), doc(version(4)), doc(version(4), seats(13))} {
		_, _, err := lieciba.ApplySessionDocument(cur, key, d, room, now)
		requireField(t, err, lieciba.CodeConflict, "source_version")
	}
}

func requireField(t *testing.T, err error, code lieciba.Code, field string) {
	t.Helper()
	var e *lieciba.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{code, field}, []any{e.Code, e.Field}, "%v", err)
}

// TestLateChanges is domain.md's list of late changes, state by state.
func TestLateChanges(t *testing.T) {
	during := now.Add(3 * time.Hour)
	afterEnd := now.Add(5*time.Hour + 2*time.Minute)
	elsewhere := lieciba.Room{ID: "other", SiteID: "site", Code: "R202", State: lieciba.PlaceActive}
	earlier, later, longer := starts("2026-11-18T08:00:00+02:00"), starts("2026-11-18T09:30:00+02:00"), ends("2026-11-18T13:00:00+02:00")
	for name, c := range map[string]struct {
		state  lieciba.SessionState
		change []func(*lieciba.SessionDocument)
		room   lieciba.Room
		at     time.Time
		field  string // of the conflict; empty: it is applied
		to     lieciba.SessionState
		asked  bool
	}{
		"planned: reschedule":              {state: lieciba.SessionPlanned, change: []func(*lieciba.SessionDocument){earlier, longer}},
		"ready: reschedule":                {state: lieciba.SessionReady, change: []func(*lieciba.SessionDocument){later}},
		"planned: cancel":                  {state: lieciba.SessionPlanned, change: []func(*lieciba.SessionDocument){cancelled}, to: lieciba.SessionCancelled},
		"running: extend":                  {state: lieciba.SessionRunning, change: []func(*lieciba.SessionDocument){longer}},
		"running: other room":              {state: lieciba.SessionRunning, room: elsewhere},
		"running: move the start":          {state: lieciba.SessionRunning, change: []func(*lieciba.SessionDocument){later}, field: "starts_at"},
		"running: end in the past":         {state: lieciba.SessionRunning, change: []func(*lieciba.SessionDocument){ends("2026-11-18T09:30:00+02:00"), noParts}, field: "ends_at"},
		"running: cancel waits":            {state: lieciba.SessionRunning, change: []func(*lieciba.SessionDocument){cancelled}, asked: true},
		"running, margin: seats":           {state: lieciba.SessionRunning, change: []func(*lieciba.SessionDocument){seats(11)}, at: afterEnd},
		"running, margin: extend":          {state: lieciba.SessionRunning, change: []func(*lieciba.SessionDocument){longer}, at: afterEnd},
		"cancelled: back again":            {state: lieciba.SessionCancelled, field: "cancelled"},
		"cancelled: cancelled still":       {state: lieciba.SessionCancelled, change: []func(*lieciba.SessionDocument){cancelled}},
		"finished: correct the seats":      {state: lieciba.SessionFinished, change: []func(*lieciba.SessionDocument){seats(11)}},
		"finished: correct the parts":      {state: lieciba.SessionFinished, change: []func(*lieciba.SessionDocument){noParts}},
		"finished: extend":                 {state: lieciba.SessionFinished, change: []func(*lieciba.SessionDocument){longer}, field: "ends_at"},
		"finished: move":                   {state: lieciba.SessionFinished, change: []func(*lieciba.SessionDocument){earlier}, field: "starts_at"},
		"finished: other room":             {state: lieciba.SessionFinished, room: elsewhere, field: "room"},
		"finished: cancel":                 {state: lieciba.SessionFinished, change: []func(*lieciba.SessionDocument){cancelled}, field: "cancelled"},
		"anchored: extend":                 {state: lieciba.SessionAnchored, change: []func(*lieciba.SessionDocument){longer}, field: "ends_at"},
		"closed: correct the seats":        {state: lieciba.SessionClosed, change: []func(*lieciba.SessionDocument){seats(1)}},
		"planned: version rises by a leap": {state: lieciba.SessionPlanned, change: []func(*lieciba.SessionDocument){version(1 << 62)}},
	} {
		t.Run(name, func(t *testing.T) {
			cur := stored(t, c.state)
			if c.room.ID == "" {
				c.room = room
			}
			if c.at.IsZero() {
				c.at = during
			}
			before := *cur
			got, ch, err := lieciba.ApplySessionDocument(cur, key, doc(append([]func(*lieciba.SessionDocument){version(6)}, c.change...)...), c.room, c.at)
			require.Equal(t, before, *cur, "the argument is not changed")
			if c.field != "" {
				requireField(t, err, lieciba.CodeConflict, c.field)
				return
			}
			require.NoError(t, err)
			if c.to == "" {
				c.to = c.state
			}
			require.Equal(t, c.to, got.State)
			require.Equal(t, c.asked, got.CancelAsked)
			require.Equal(t, c.asked, len(ch.Notes) > 0)
			require.Equal(t, cur.ID, got.ID, "identity stays")
			require.Equal(t, c.room.ID, got.RoomID)
			require.Equal(t, c.at, got.UpdatedAt)
			require.Equal(t, cur.CreatedAt, got.CreatedAt)
			if len(got.Parts) > 0 {
				require.Equal(t, cur.Parts[0].ID, got.Parts[0].ID, "a part that stays keeps its identity")
			}
			require.NoError(t, lieciba.MoveSession(c.state, got.State))
		})
	}
}

func noParts(d *lieciba.SessionDocument) { d.Parts = nil }

func TestCancellationCanBeTakenBack(t *testing.T) {
	cur := stored(t, lieciba.SessionRunning)
	asked, _, err := lieciba.ApplySessionDocument(cur, key, doc(version(6), cancelled), room, now.Add(3*time.Hour))
	require.NoError(t, err)
	require.True(t, asked.CancelAsked)
	back, _, err := lieciba.ApplySessionDocument(&asked, key, doc(version(7)), room, now.Add(3*time.Hour))
	require.NoError(t, err)
	require.False(t, back.CancelAsked)
	require.Equal(t, lieciba.SessionRunning, back.State)
}

func TestPartsKeepIdentityByKind(t *testing.T) {
	two := func(d *lieciba.SessionDocument) {
		d.Parts = []lieciba.PartDocument{{Kind: lieciba.PartReading}, {Kind: lieciba.PartReading, StartsAt: "2026-11-18T11:00:00+02:00"}}
	}
	cur, _, err := lieciba.ApplySessionDocument(nil, key, doc(two), room, now)
	require.NoError(t, err)
	got, _, err := lieciba.ApplySessionDocument(&cur, key, doc(two, version(6), func(d *lieciba.SessionDocument) {
		d.Parts = append([]lieciba.PartDocument{{Kind: lieciba.PartAnthem}}, d.Parts...)
	}), room, now)
	require.NoError(t, err)
	require.Equal(t, []lieciba.PartID{cur.Parts[0].ID, cur.Parts[1].ID}, []lieciba.PartID{got.Parts[1].ID, got.Parts[2].ID})
	require.NotEqual(t, got.Parts[1].ID, got.Parts[0].ID)
}

func TestDocumentHash(t *testing.T) {
	var a, b, c lieciba.SessionDocument
	require.NoError(t, json.Unmarshal([]byte(`{"source_version":1,"room":"R","seats":2}`), &a))
	require.NoError(t, json.Unmarshal([]byte(` { "seats" : 2, "parts":[], "room":"\u0052", "source_version":1 } `), &b))
	require.NoError(t, json.Unmarshal([]byte(`{"source_version":1,"room":"R","seats":3}`), &c))
	require.Equal(t, a.Hash(), b.Hash())
	require.NotEqual(t, a.Hash(), c.Hash())
	yes, no := true, false
	seen := map[[32]byte]bool{}
	for _, sound := range []*bool{nil, &yes, &no} {
		seen[lieciba.SessionDocument{Parts: []lieciba.PartDocument{{Kind: "reading", Sound: sound}}}.Hash()] = true
	}
	require.Len(t, seen, 3)
}

var sessionStates = []lieciba.SessionState{lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning, lieciba.SessionFinished,
	lieciba.SessionCancelled, lieciba.SessionAnchored, lieciba.SessionClosed}

// A session never moves backwards: from no state can an earlier one be reached.
func TestSessionNeverMovesBackwards(t *testing.T) {
	rank := map[lieciba.SessionState]int{lieciba.SessionPlanned: 0, lieciba.SessionReady: 1, lieciba.SessionRunning: 2,
		lieciba.SessionFinished: 3, lieciba.SessionCancelled: 3, lieciba.SessionAnchored: 4, lieciba.SessionClosed: 5}
	for _, from := range sessionStates {
		for _, to := range sessionStates {
			err := lieciba.MoveSession(from, to)
			if from == to {
				require.NoError(t, err)
				continue
			}
			if rank[to] <= rank[from] {
				require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "%s to %s", from, to)
			}
		}
	}
	require.NoError(t, lieciba.MoveSession(lieciba.SessionPlanned, lieciba.SessionFinished), "the server slept through it")
	require.Error(t, lieciba.MoveSession(lieciba.SessionCancelled, lieciba.SessionAnchored))
	require.Error(t, lieciba.MoveSession(lieciba.SessionPlanned, lieciba.SessionClosed))
	require.Error(t, lieciba.MoveSession(lieciba.SessionPlanned, "asleep"))
}

func TestRecordingNeverMovesBackwards(t *testing.T) {
	order := []lieciba.RecordingState{lieciba.RecordingScheduled, lieciba.RecordingRecording, lieciba.RecordingFinalising,
		lieciba.RecordingComplete, lieciba.RecordingSealed, lieciba.RecordingExpired, lieciba.RecordingDeleted}
	for i, from := range order {
		for j, to := range order {
			require.Equal(t, j >= i, lieciba.MoveRecording(from, to) == nil, "%s to %s", from, to)
		}
		require.Error(t, lieciba.MoveRecording(from, "asleep"))
		require.Error(t, lieciba.MoveRecording("asleep", from))
	}
}

// The clock's state at the edges of the window, and never against the moves.
func TestSessionStateAt(t *testing.T) {
	s := *stored(t, lieciba.SessionPlanned)
	m := lieciba.Margins{Before: 10 * time.Minute, After: 5 * time.Minute}
	w := lieciba.RecordingWindow(s, m)
	require.Equal(t, lieciba.Interval{From: s.StartsAt.Add(-m.Before), To: s.EndsAt.Add(m.After)}, w)
	tick := time.Microsecond
	for at, want := range map[time.Time]lieciba.SessionState{w.From.Add(-tick): lieciba.SessionPlanned, w.From: lieciba.SessionRunning,
		w.To.Add(-tick): lieciba.SessionRunning, w.To: lieciba.SessionFinished} {
		require.Equal(t, want, lieciba.SessionStateAt(s, m, at), at)
	}
	for _, st := range sessionStates {
		for _, at := range []time.Time{w.From.Add(-time.Hour), w.From, w.To, w.To.Add(time.Hour)} {
			s.State = st
			require.NoError(t, lieciba.MoveSession(st, lieciba.SessionStateAt(s, m, at)), "%s at %s", st, at)
		}
	}
}

func TestSoundWanted(t *testing.T) {
	s := *stored(t, lieciba.SessionPlanned)
	m := lieciba.Margins{Before: 10 * time.Minute, After: 5 * time.Minute}
	require.Equal(t, []lieciba.Interval{{From: s.Parts[1].StartsAt, To: s.EndsAt.Add(m.After)}}, s.SoundWanted(m), "the last part takes the margin with it")
	s.Parts[0].Sound = true
	require.Equal(t, []lieciba.Interval{lieciba.RecordingWindow(s, m)}, s.SoundWanted(m), "parts that touch are one span")
	s.Parts = nil
	require.Empty(t, s.SoundWanted(m), "sound is off unless asked")
}

// Sound follows what really happened to a part, not its plan, once it was started.
func TestSoundFollowsWhatHappened(t *testing.T) {
	at := func(minutes int) time.Time {
		return time.Date(2026, 11, 18, 7, minutes, 0, 0, time.UTC)
	}
	m := lieciba.Margins{Before: time.Minute, After: time.Minute}
	s := lieciba.ExamSession{StartsAt: at(0), EndsAt: at(50), Parts: []lieciba.Part{
		{ID: "listen", StartsAt: at(0), EndsAt: at(10)}, {ID: "speak", StartsAt: at(20), EndsAt: at(40), Sound: true}}}
	event := func(id lieciba.PartEventID, part lieciba.PartID, step lieciba.PartStep, minute int) lieciba.PartEvent {
		return lieciba.PartEvent{ID: id, PartID: part, Step: step, At: at(minute), RecordedAt: at(minute)}
	}
	plan := []lieciba.Interval{{at(20), at(40)}}
	fix := event("5", "speak", lieciba.StepStarted, 15)
	fix.Corrects = "1"
	for name, c := range map[string]struct {
		events []lieciba.PartEvent
		want   []lieciba.Interval
	}{
		"the plan":         {nil, plan},
		"another part":     {[]lieciba.PartEvent{event("1", "listen", lieciba.StepStarted, 1)}, plan},
		"early":            {[]lieciba.PartEvent{event("1", "speak", lieciba.StepStarted, 12)}, []lieciba.Interval{{at(12), at(51)}}},
		"over early":       {[]lieciba.PartEvent{event("1", "speak", lieciba.StepStarted, 20), event("2", "speak", lieciba.StepEnded, 30)}, []lieciba.Interval{{at(20), at(30)}}},
		"paused":           {[]lieciba.PartEvent{event("1", "speak", lieciba.StepStarted, 20), event("2", "speak", lieciba.StepPaused, 25), event("3", "speak", lieciba.StepResumed, 30), event("4", "speak", lieciba.StepEnded, 45)}, []lieciba.Interval{{at(20), at(25)}, {at(30), at(45)}}},
		"corrected":        {[]lieciba.PartEvent{event("1", "speak", lieciba.StepStarted, 12), fix}, []lieciba.Interval{{at(15), at(51)}}},
		"without a story":  {[]lieciba.PartEvent{event("2", "speak", lieciba.StepEnded, 30)}, plan},
		"of another's end": {[]lieciba.PartEvent{event("1", "speak", lieciba.StepStarted, 12), event("2", "listen", lieciba.StepEnded, 13)}, []lieciba.Interval{{at(12), at(51)}}},
	} {
		require.Equal(t, c.want, s.SoundWantedAfter(c.events, m), name)
	}
}
