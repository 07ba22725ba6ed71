package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func min10(m int) time.Time { return time.Date(2026, 11, 18, 10, m, 0, 0, time.UTC) }

func TestIncidentsOf(t *testing.T) {
	phone := lieciba.Incident{ID: "1", At: min10(20), Kind: lieciba.IncidentPhone, Seat: 7, Step: lieciba.IncidentRaised, By: "anna", RecordedAt: min10(20)}
	left := lieciba.Incident{ID: "2", At: min10(5), Kind: lieciba.IncidentLeft, Step: lieciba.IncidentRaised, RecordedAt: min10(21)}
	fix := lieciba.Incident{ID: "3", Follows: "1", Step: lieciba.IncidentCorrected, At: min10(19), Kind: lieciba.IncidentPhone, Seat: 8, By: "berta", RecordedAt: min10(22)}
	review := lieciba.Incident{ID: "4", Follows: "1", Step: lieciba.IncidentReviewed, Note: "seen", At: min10(40), RecordedAt: min10(40)}
	gone := lieciba.Incident{ID: "5", Follows: "2", Step: lieciba.IncidentRetracted, At: min10(41), RecordedAt: min10(41)}
	got := lieciba.IncidentsOf([]lieciba.Incident{phone, left, fix, review, gone})
	require.Len(t, got, 2)
	require.Equal(t, lieciba.IncidentID("2"), got[0].ID, "by time")
	require.Equal(t, lieciba.IncidentRetracted, got[0].State)
	require.Equal(t, []any{lieciba.IncidentID("1"), 8, min10(19), "anna", lieciba.IncidentReviewed, 3, ""},
		[]any{got[1].ID, got[1].Seat, got[1].At, got[1].By, got[1].State, len(got[1].Rows), got[1].Note}, "a review changes nothing of what was marked")
	rows := []lieciba.Incident{phone, left, gone}
	require.NoError(t, lieciba.NextIncident(rows, fix))
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(lieciba.NextIncident(rows, lieciba.Incident{Follows: "2", Step: lieciba.IncidentReviewed})))
}

func TestIncidentCheck(t *testing.T) {
	good := lieciba.Incident{At: min10(1), Kind: lieciba.IncidentPhone, Seat: 3, Step: lieciba.IncidentRaised}
	require.NoError(t, good.Check(12))
	for field, change := range map[string]func(*lieciba.Incident){
		"kind":    func(i *lieciba.Incident) { i.Kind = "dance" },
		"seat":    func(i *lieciba.Incident) { i.Seat = 13 },
		"follows": func(i *lieciba.Incident) { i.Follows = "x" },
		"at":      func(i *lieciba.Incident) { i.At = time.Time{} },
		"note":    func(i *lieciba.Incident) { i.Note = "candidate 131175-12345" },
	} {
		bad := good
		change(&bad)
		err := bad.Check(12)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), field)
		require.ErrorContains(t, err, field)
	}
	good.Seat = 500
	require.NoError(t, good.Check(0), "the number of seats is not known")
	good.Seat = lieciba.MaxSeats + 1
	require.Error(t, good.Check(0))
}

func TestPartTimes(t *testing.T) {
	n := 0
	ev := func(step lieciba.PartStep, m int, corrects lieciba.PartEventID, void bool) lieciba.PartEvent {
		n++
		return lieciba.PartEvent{ID: lieciba.PartEventID(rune('a' + n)), Step: step, At: min10(m), Corrects: corrects, Void: void, RecordedAt: min10(n)}
	}
	start := ev(lieciba.StepStarted, 5, "", false)
	pause := ev(lieciba.StepPaused, 10, "", false)
	resume := ev(lieciba.StepResumed, 12, "", false)
	over := ev(lieciba.StepEnded, 30, "", false)
	got, err := lieciba.PartTimesOf([]lieciba.PartEvent{over, start, resume, pause})
	require.NoError(t, err)
	require.Equal(t, lieciba.PartTimes{State: lieciba.PartEnded, Running: []lieciba.Interval{{From: min10(5), To: min10(10)}, {From: min10(12), To: min10(30)}}}, got)
	earlier := ev(lieciba.StepStarted, 3, start.ID, false)
	got, err = lieciba.PartTimesOf([]lieciba.PartEvent{start, earlier})
	require.NoError(t, err)
	require.Equal(t, []lieciba.Interval{{From: min10(3)}}, got.Running, "a correction stands in for what it names")
	never := ev(lieciba.StepStarted, 3, start.ID, true)
	got, err = lieciba.PartTimesOf([]lieciba.PartEvent{start, never})
	require.NoError(t, err)
	require.Equal(t, lieciba.PartTimes{State: lieciba.PartPlanned}, got)
	_, err = lieciba.PartTimesOf([]lieciba.PartEvent{over, start, ev(lieciba.StepResumed, 40, "", false)})
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	_, err = lieciba.PartTimesOf([]lieciba.PartEvent{over})
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "an end without a start")
}

func TestReadinessOf(t *testing.T) {
	row := func(id lieciba.ReadinessID, cam lieciba.CameraID, state lieciba.ReadinessState, follows lieciba.ReadinessID) lieciba.Readiness {
		return lieciba.Readiness{ID: id, CameraID: cam, State: state, Follows: follows}
	}
	passed, failed, over := lieciba.ReadinessPassed, lieciba.ReadinessFailed, lieciba.ReadinessOverridden
	cams, signed := lieciba.ReadinessOf([]lieciba.Readiness{row("1", "a", failed, ""), row("2", "b", passed, ""), row("3", "a", over, "1"), row("4", "", passed, "")})
	require.Equal(t, []any{over, passed}, []any{cams["a"].State, cams["b"].State})
	require.Equal(t, lieciba.ReadinessID("4"), signed.ID)
	cams, signed = lieciba.ReadinessOf([]lieciba.Readiness{row("1", "a", failed, ""), row("2", "a", over, "1"), row("3", "", passed, ""), row("4", "a", failed, ""), row("5", "a", over, "1")})
	require.Equal(t, lieciba.ReadinessID("4"), cams["a"].ID, "an override of an older check does not stand")
	require.Nil(t, signed, "a failure after the sign-off undoes it")
}

func TestMoveAppeal(t *testing.T) {
	const o, c, f, x = lieciba.AppealOpened, lieciba.AppealCourt, lieciba.AppealFinal, lieciba.AppealClosed
	for _, m := range [][2]lieciba.AppealState{{o, c}, {o, f}, {c, f}, {f, c}, {f, o}, {f, x}, {x, x}} {
		require.NoError(t, lieciba.MoveAppeal(m[0], m[1]), m)
	}
	for _, m := range [][2]lieciba.AppealState{{o, x}, {c, x}, {c, o}, {x, o}, {x, f}, {x, c}} {
		require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(lieciba.MoveAppeal(m[0], m[1])), m)
	}
}
