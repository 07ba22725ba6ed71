package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// checks makes rows a minute apart: "a-" camera a failed, "a+" passed, "a!" the
// override of its newest check, "." a sign-off.
func checks(t *testing.T, marks ...string) []lieciba.Readiness {
	t.Helper()
	at := time.Date(2026, 11, 18, 6, 0, 0, 0, time.UTC)
	newest := map[lieciba.CameraID]lieciba.ReadinessID{}
	var rows []lieciba.Readiness
	for _, m := range marks {
		at = at.Add(time.Minute)
		r := lieciba.Readiness{ID: lieciba.NewID[lieciba.ReadinessID](at), At: at}
		if m != "." {
			r.CameraID = lieciba.CameraID(m[:1])
			r.State = map[string]lieciba.ReadinessState{"-": lieciba.ReadinessFailed, "+": lieciba.ReadinessPassed, "!": lieciba.ReadinessOverridden}[m[1:]]
			if m[1:] == "!" {
				r.Follows = newest[r.CameraID]
			} else {
				newest[r.CameraID] = r.ID
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func TestReadyToBegin(t *testing.T) {
	both := []lieciba.CameraID{"a", "b"}
	for _, c := range []struct {
		marks   []string
		unready []lieciba.CameraID
		ready   bool
	}{
		{nil, both, false},
		{[]string{"a+", "b+"}, nil, false},
		{[]string{"a+", "b+", "."}, nil, true},
		{[]string{"a+", ".", "b+"}, nil, true},
		{[]string{"a+", "."}, []lieciba.CameraID{"b"}, false},
		{[]string{"a+", "b-", "."}, []lieciba.CameraID{"b"}, false},
		{[]string{"a+", "b-", ".", "b!"}, nil, true},
		{[]string{"a+", "b-", "b!", "."}, nil, true},
		{[]string{"a+", "b+", ".", "b-"}, []lieciba.CameraID{"b"}, false},
		{[]string{"a+", "b+", ".", "b-", "b!"}, nil, false}, // what was signed off was another state of things
		{[]string{"a+", "b-", "b!", "b-", "."}, []lieciba.CameraID{"b"}, false},
		{[]string{"a+", "b-", "b+", "."}, nil, true},
		{[]string{"a+", "b+", "c-", "."}, nil, true}, // c watches another room by now
	} {
		rows := checks(t, c.marks...)
		require.Equal(t, c.unready, lieciba.UnreadyOf(both, rows), "%v", c.marks)
		require.Equal(t, c.ready, lieciba.ReadyToBegin(both, rows), "%v", c.marks)
	}
	require.False(t, lieciba.ReadyToBegin(nil, checks(t, ".")), "a room without cameras")
}

func TestOverridesAndSignOffsNeedTheirReason(t *testing.T) {
	field := func(err error, code lieciba.Code, name string) {
		t.Helper()
		var e *lieciba.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, code, e.Code)
		require.Equal(t, name, e.Field)
	}
	rows := checks(t, "a-", "b+")
	override := lieciba.Readiness{CameraID: "a", Follows: rows[0].ID, State: lieciba.ReadinessOverridden, Reason: "the room is dark on purpose"}
	require.NoError(t, lieciba.CheckOverride(override, rows))
	for _, c := range []struct {
		change func(*lieciba.Readiness)
		code   lieciba.Code
		field  string
	}{
		{func(r *lieciba.Readiness) { r.Reason = "" }, lieciba.CodeInvalid, "reason"},
		{func(r *lieciba.Readiness) { r.Reason = "two\nlines" }, lieciba.CodeInvalid, "reason"},
		{func(r *lieciba.Readiness) { r.CameraID = "b" }, lieciba.CodeConflict, "camera_id"},
		{func(r *lieciba.Readiness) { r.CameraID = "c" }, lieciba.CodeConflict, "camera_id"},
		{func(r *lieciba.Readiness) { r.Follows = rows[1].ID }, lieciba.CodeConflict, "camera_id"},
	} {
		bad := override
		c.change(&bad)
		field(lieciba.CheckOverride(bad, rows), c.code, c.field)
	}
	cameras := []lieciba.CameraID{"a", "b"}
	field(lieciba.CheckSignOff(lieciba.Readiness{}, cameras, rows), lieciba.CodeInvalid, "reason")
	field(lieciba.CheckSignOff(lieciba.Readiness{}, nil, nil), lieciba.CodeInvalid, "reason")
	require.NoError(t, lieciba.CheckSignOff(lieciba.Readiness{Reason: "the other camera sees it all"}, cameras, rows))
	require.NoError(t, lieciba.CheckSignOff(lieciba.Readiness{}, []lieciba.CameraID{"b"}, rows))
}

func TestWorstReadiness(t *testing.T) {
	type list = []lieciba.ReadinessState
	const passed, failed, overridden, unchecked = lieciba.ReadinessPassed, lieciba.ReadinessFailed, lieciba.ReadinessOverridden, lieciba.ReadinessUnchecked
	for _, c := range []struct {
		cameras list
		want    lieciba.ReadinessState
	}{{nil, unchecked}, {list{passed, passed}, passed}, {list{passed, overridden}, overridden}, {list{overridden, unchecked, passed}, unchecked},
		{list{unchecked, passed, failed, overridden}, failed}} {
		require.Equal(t, c.want, lieciba.WorstReadiness(c.cameras), c.cameras)
	}
}
