package storagetest

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

func (w *world) newIncident() lieciba.Incident {
	return lieciba.Incident{ID: newID[lieciba.IncidentID](), SessionID: w.session.ID, CameraID: w.camera.ID, At: sec(100), Seat: 7,
		Kind: lieciba.IncidentPhone, Note: "tālrunis uz galda", Step: lieciba.IncidentRaised, By: "Anna", ByID: "u1", RecordedAt: sec(101)}
}

func (w *world) newPartEvent(step lieciba.PartStep, at float64) lieciba.PartEvent {
	return lieciba.PartEvent{ID: newID[lieciba.PartEventID](), SessionID: w.session.ID, PartID: w.session.Parts[0].ID, Step: step, At: sec(at),
		By: "Anna", ByID: "u1", RecordedAt: sec(at + 1)}
}

func (w *world) newReadiness(at float64) lieciba.Readiness {
	return lieciba.Readiness{ID: newID[lieciba.ReadinessID](), SessionID: w.session.ID, CameraID: w.camera.ID, NodeID: nodeA, When: lieciba.ReadinessT60,
		At: sec(at), State: lieciba.ReadinessFailed, By: "system",
		Items: []lieciba.ReadinessItem{
			{Check: lieciba.CheckPicture, Outcome: lieciba.OutcomeFailed, Fact: "dark", Value: 0.125, Unit: "fps", Measured: "The picture is dark."},
			{Check: lieciba.CheckSound, Outcome: lieciba.OutcomeNotNeeded},
		}}
}

// addPart adds e and returns what decide saw.
func (w *world) addPart(c storage.Catalog, e lieciba.PartEvent) (seen []lieciba.PartEvent, err error) {
	err = c.AddPartEvent(w.ctx, e.SessionID, func(_ lieciba.ExamSession, events []lieciba.PartEvent) (*lieciba.PartEvent, error) {
		seen = events
		return &e, nil
	})
	return seen, err
}

// requireLeaf checks that the leaf of a row is staged and says what the row says.
func (w *world) requireLeaf(t *testing.T, want lieciba.Leaf) {
	t.Helper()
	l, err := w.LeafOf(w.ctx, want.Kind, want.Subject)
	require.NoError(t, err)
	require.NoError(t, evidence.CheckLeafRow(l))
	require.Equal(t, string(want.Detail), string(l.Detail))
	require.Equal(t, want.At, l.At)
}

var examTests = map[string]func(*testing.T, *world){
	"AddIncident": func(t *testing.T, w *world) {
		i := w.newIncident()
		i.At = i.At.Add(999 * time.Nanosecond) // kept to the microsecond
		require.NoError(t, w.AddIncident(w.ctx, i))
		require.NoError(t, w.AddIncident(w.ctx, i), "the same again")
		i.At = sec(100)
		got, err := w.Incident(w.ctx, i.ID)
		require.NoError(t, err)
		require.Equal(t, i, got)
		w.requireLeaf(t, evidence.LeafOfIncident(i))
		n, _, err := w.StagedLeaves(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		other := i
		other.Seat = 8
		requireCode(t, w.AddIncident(w.ctx, other), lieciba.CodeConflict, "id")

		fix := w.newIncident()
		fix.Follows, fix.Step, fix.CameraID, fix.Seat, fix.Note, fix.RecordedAt = i.ID, lieciba.IncidentCorrected, "", 8, "", sec(50)
		require.NoError(t, w.AddIncident(w.ctx, fix))
		list, err := w.SessionIncidents(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Incident{fix, i}, list, "by the time of writing")
		list, err = w.SessionIncidents(w.ctx, newID[lieciba.SessionID]())
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = w.Incident(w.ctx, newID[lieciba.IncidentID]())
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"IncidentsThatAreRefused": func(t *testing.T, w *world) {
		first := w.newIncident()
		require.NoError(t, w.AddIncident(w.ctx, first))
		fix := w.newIncident()
		fix.Follows, fix.Step = first.ID, lieciba.IncidentReviewed
		require.NoError(t, w.AddIncident(w.ctx, fix))
		elsewhere := w.newSession("exam-2", base)
		require.NoError(t, w.store(elsewhere))
		for name, c := range map[string]struct {
			spoil func(*lieciba.Incident)
			code  lieciba.Code
			field string
		}{
			"no first row":    {func(i *lieciba.Incident) { i.Follows = fix.ID }, lieciba.CodeConflict, "follows"},
			"follows nothing": {func(i *lieciba.Incident) { i.Follows = newID[lieciba.IncidentID]() }, lieciba.CodeConflict, "follows"},
			"other session":   {func(i *lieciba.Incident) { i.Follows, i.SessionID = first.ID, elsewhere.ID }, lieciba.CodeConflict, "follows"},
			"no session": {func(i *lieciba.Incident) {
				i.Step, i.SessionID = lieciba.IncidentRaised, newID[lieciba.SessionID]()
			}, lieciba.CodeNotFound, ""},
			"no camera": {func(i *lieciba.Incident) {
				i.Step, i.CameraID = lieciba.IncidentRaised, newID[lieciba.CameraID]()
			}, lieciba.CodeNotFound, ""},
			"kind":          {func(i *lieciba.Incident) { i.Kind = "yawning" }, lieciba.CodeInvalid, "kind"},
			"step":          {func(i *lieciba.Incident) { i.Step = "forgiven" }, lieciba.CodeInvalid, "step"},
			"no writing":    {func(i *lieciba.Incident) { i.RecordedAt = time.Time{} }, lieciba.CodeInvalid, "recorded_at"},
			"personal code": {func(i *lieciba.Incident) { i.Follows, i.Note = first.ID, "code 010190-12345" }, lieciba.CodeInvalid, "note"},
		} {
			bad := w.newIncident()
			bad.Step = lieciba.IncidentCorrected
			c.spoil(&bad)
			err := w.AddIncident(w.ctx, bad)
			require.Error(t, err, name)
			requireCode(t, err, c.code, c.field)
			_, err = w.LeafOf(w.ctx, lieciba.LeafIncident, string(bad.ID))
			requireCode(t, err, lieciba.CodeNotFound, "")
		}
	},

	"OneIncidentAddedAtOnce": func(t *testing.T, w *world) {
		i := w.newIncident()
		w.together(t, 8, func(c storage.Catalog, n int) error {
			x := i
			if n >= 4 { // as another wrote it
				x.Seat = 9
			}
			return unless(c.AddIncident(w.ctx, x), lieciba.CodeConflict)
		})
		list, err := w.SessionIncidents(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Len(t, list, 1)
		w.requireLeaf(t, evidence.LeafOfIncident(list[0]))
	},

	"AddPartEvent": testAddPartEvent,

	"PartEventsThatAreRefused": func(t *testing.T, w *world) {
		began := w.newPartEvent(lieciba.StepStarted, 10)
		_, err := w.addPart(w, began)
		require.NoError(t, err)
		for field, spoil := range map[string]func(*lieciba.PartEvent){
			"step":        func(e *lieciba.PartEvent) { e.Step = "forgotten" },
			"at":          func(e *lieciba.PartEvent) { e.At = time.Time{} },
			"recorded_at": func(e *lieciba.PartEvent) { e.RecordedAt = time.Time{} },
			"part_id":     func(e *lieciba.PartEvent) { e.PartID = newID[lieciba.PartID]() },
			"note":        func(e *lieciba.PartEvent) { e.Note = "010190-12345" },
			"corrects":    func(e *lieciba.PartEvent) { e.Void = true },
		} {
			bad := w.newPartEvent(lieciba.StepEnded, 20)
			spoil(&bad)
			_, err := w.addPart(w, bad)
			requireCode(t, err, lieciba.CodeInvalid, field)
		}
		bad := w.newPartEvent(lieciba.StepEnded, 20)
		bad.Corrects = newID[lieciba.PartEventID]()
		_, err = w.addPart(w, bad)
		requireCode(t, err, lieciba.CodeConflict, "corrects")
		began.Note = "another"
		_, err = w.addPart(w, began)
		requireCode(t, err, lieciba.CodeConflict, "id")
		strange := w.newPartEvent(lieciba.StepEnded, 20)
		err = w.AddPartEvent(w.ctx, w.session.ID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) {
			strange.SessionID = newID[lieciba.SessionID]()
			return &strange, nil
		})
		requireCode(t, err, lieciba.CodeInternal, "")
		err = w.AddPartEvent(w.ctx, strange.SessionID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) {
			t.Error("decided on a session that is not there")
			return nil, nil
		})
		requireCode(t, err, lieciba.CodeNotFound, "")
		list, err := w.SessionPartEvents(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Len(t, list, 1)
	},

	"PartEventsTakeTurns": func(t *testing.T, w *world) {
		second := w.second(t)
		require.NoError(t, w.AddPartEvent(w.ctx, w.session.ID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) {
			w.short(t, func(ctx context.Context) error { return second.MoveSession(ctx, w.session.ID, lieciba.SessionRunning) })
			return nil, nil
		}))
		started := make([]bool, 8)
		w.together(t, len(started), func(c storage.Catalog, i int) error {
			e := w.newPartEvent(lieciba.StepStarted, float64(i))
			return c.AddPartEvent(w.ctx, w.session.ID, func(_ lieciba.ExamSession, events []lieciba.PartEvent) (*lieciba.PartEvent, error) {
				if started[i] = len(events) == 0; !started[i] {
					return nil, nil
				}
				return &e, nil
			})
		})
		require.Equal(t, 1, count(started), "a part starts once")
	},

	"AddReadiness": func(t *testing.T, w *world) {
		late, early := w.newReadiness(20), w.newReadiness(10)
		require.NoError(t, w.AddReadiness(w.ctx, late))
		require.NoError(t, w.AddReadiness(w.ctx, late), "the same again")
		early.Items = nil
		require.NoError(t, w.AddReadiness(w.ctx, early))
		allowed := lieciba.Readiness{ID: newID[lieciba.ReadinessID](), SessionID: w.session.ID, CameraID: w.camera.ID, When: lieciba.ReadinessByHand,
			At: sec(30), State: lieciba.ReadinessOverridden, Follows: late.ID, Reason: "gaisma izslēgta", By: "Anna", ByID: "u1"}
		require.NoError(t, w.AddReadiness(w.ctx, allowed))
		signed := lieciba.Readiness{ID: newID[lieciba.ReadinessID](), SessionID: w.session.ID, When: lieciba.ReadinessByHand, At: sec(40),
			State: lieciba.ReadinessPassed, By: "Anna", ByID: "u1"}
		require.NoError(t, w.AddReadiness(w.ctx, signed))
		list, err := w.SessionReadiness(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Readiness{early, late, allowed, signed}, list, "by time")
		for _, r := range list {
			w.requireLeaf(t, evidence.LeafOfReadiness(r))
		}
		n, _, err := w.StagedLeaves(w.ctx)
		require.NoError(t, err)
		require.Equal(t, 4, n)

		other := late
		other.Items = []lieciba.ReadinessItem{late.Items[0]}
		requireCode(t, w.AddReadiness(w.ctx, other), lieciba.CodeConflict, "id")
		other = late
		other.State = lieciba.ReadinessPassed
		requireCode(t, w.AddReadiness(w.ctx, other), lieciba.CodeConflict, "id")
		lost := w.newReadiness(50)
		lost.SessionID = newID[lieciba.SessionID]()
		requireCode(t, w.AddReadiness(w.ctx, lost), lieciba.CodeNotFound, "")
		lost = w.newReadiness(50)
		lost.Follows = newID[lieciba.ReadinessID]()
		requireCode(t, w.AddReadiness(w.ctx, lost), lieciba.CodeNotFound, "")
		for field, spoil := range map[string]func(*lieciba.Readiness){
			"state":  func(r *lieciba.Readiness) { r.State = "hopeful" },
			"at":     func(r *lieciba.Readiness) { r.At = time.Time{} },
			"items":  func(r *lieciba.Readiness) { r.Items[0].Value = math.Inf(-1) },
			"reason": func(r *lieciba.Readiness) { r.Reason = "010190-12345" },
		} {
			bad := w.newReadiness(50)
			spoil(&bad)
			requireCode(t, w.AddReadiness(w.ctx, bad), lieciba.CodeInvalid, field)
		}
	},
}

func testAddPartEvent(t *testing.T, w *world) {
	began, over := w.newPartEvent(lieciba.StepStarted, 10), w.newPartEvent(lieciba.StepEnded, 5)
	seen, err := w.addPart(w, began)
	require.NoError(t, err)
	require.Empty(t, seen)
	seen, err = w.addPart(w, began)
	require.NoError(t, err, "the same again")
	require.Equal(t, []lieciba.PartEvent{began}, seen)
	w.requireLeaf(t, evidence.LeafOfPart(began))
	_, err = w.addPart(w, over)
	require.NoError(t, err)
	fix := w.newPartEvent(lieciba.StepEnded, 90)
	fix.Corrects, fix.Note, fix.At = over.ID, "vēlāk", sec(80)
	_, err = w.addPart(w, fix)
	require.NoError(t, err)
	never := w.newPartEvent(lieciba.StepEnded, 99)
	never.Corrects, never.Void = fix.ID, true
	// A part that the source took out of the session keeps its events.
	bare := w.session
	bare.Parts = nil
	require.NoError(t, w.store(bare))
	_, err = w.addPart(w, never)
	require.NoError(t, err)
	list, err := w.SessionPartEvents(w.ctx, w.session.ID)
	require.NoError(t, err)
	require.Equal(t, []lieciba.PartEvent{over, began, fix, never}, list, "by the time of writing")
	w.requireLeaf(t, evidence.LeafOfPart(never))
	n, _, err := w.StagedLeaves(w.ctx)
	require.NoError(t, err)
	require.Equal(t, 4, n)

	refused := errors.New("it is not running")
	err = w.AddPartEvent(w.ctx, w.session.ID, func(s lieciba.ExamSession, events []lieciba.PartEvent) (*lieciba.PartEvent, error) {
		require.Equal(t, bare, s)
		require.Equal(t, list, events)
		return nil, refused
	})
	require.True(t, err == refused, "%v", err)
	none, err := w.SessionPartEvents(w.ctx, newID[lieciba.SessionID]())
	require.NoError(t, err)
	require.Empty(t, none)
}
