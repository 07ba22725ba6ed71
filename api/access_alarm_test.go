package api

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// alarmAccess is the part of the access table about alarms.
var alarmAccess = accessTable{
	rows: map[string]string{
		"GET /v1/alarms":           "- - - yes - - - -",
		"POST /v1/alarms/:id/seen": "- - - yes - - - -",
	},
	id: func(k *walk, name string, _ place, _ lieciba.Role) (string, bool) {
		if strings.Contains(name, "/alarms/") {
			return string(k.w.alarm(lieciba.AlarmRefusals, start).ID), true
		}
		return "", false
	},
	body: func(_ *walk, name string, _ place) (any, bool) {
		if name == "POST /v1/alarms/:id/seen" {
			return map[string]any{"note": "Spoke with them"}, true
		}
		return nil, false
	},
}

func init() { topics = append(topics, alarmAccess) }

// alarm raises one.
func (w *world) alarm(kind lieciba.AlarmKind, at time.Time) lieciba.Alarm {
	a := lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](at), Kind: kind, Key: "test:" + lieciba.NewID[string](at), Who: "anna", WhoID: "anna", At: at, Count: 3,
		SessionID: w.own.session.ID, Detail: "anna was refused 3 times"}
	raised, err := w.catalog.RaiseAlarm(w.t.Context(), a)
	require.NoError(w.t, err)
	require.True(w.t, raised)
	return a
}

func TestAlarms(t *testing.T) {
	w := newWorld(t)
	old, young := w.alarm(lieciba.AlarmRefusals, start), w.alarm(lieciba.AlarmVolume, start.Add(time.Minute))
	list := w.as("security", "GET", "/v1/alarms", nil).want(200).items()
	require.Len(t, list, 2)
	require.Equal(t, string(young.ID), list[0]["id"])
	require.Equal(t, map[string]any{"id": string(old.ID), "kind": "repeated_refusals", "who": "anna", "who_id": "anna", "session_id": string(w.own.session.ID),
		"at": "2026-11-18T06:30:00Z", "count": 3.0, "detail": "anna was refused 3 times", "seen_by": nil, "seen_at": nil, "seen_note": ""}, list[1])
	first := w.as("security", "GET", "/v1/alarms?limit=1", nil).want(200).json()
	require.Equal(t, string(young.ID), first["next_before"])
	require.Equal(t, string(old.ID), w.as("security", "GET", "/v1/alarms?limit=1&before="+string(young.ID), nil).want(200).items()[0]["id"])
	require.Len(t, w.as("security", "GET", "/v1/alarms?kind=volume", nil).want(200).items(), 1)

	a := w.as("security", "POST", "/v1/alarms/"+string(old.ID)+"/seen", map[string]any{"note": "Spoke with them"}).want(200).json()
	require.Equal(t, "token-security", a["seen_by"])
	require.Equal(t, "Spoke with them", a["seen_note"])
	w.clock.add(time.Hour)
	a = w.as("security", "POST", "/v1/alarms/"+string(old.ID)+"/seen", map[string]any{"note": "Changed my mind"}).want(200).json()
	require.Equal(t, "Spoke with them", a["seen_note"], "the first stands")
	require.Equal(t, "2026-11-18T06:30:00Z", a["seen_at"])
	require.Len(t, w.as("security", "GET", "/v1/alarms?unseen=true", nil).want(200).items(), 1)
	require.Len(t, w.as("security", "GET", "/v1/alarms?unseen=false", nil).want(200).items(), 2)
	e := w.audited("see_alarm")
	require.Len(t, e, 2)
	require.Equal(t, "alarm:"+string(old.ID), e[0].Object)
	require.Equal(t, w.own.session.ID, e[0].SessionID)

	made := lieciba.NewID[string](start)
	w.as("security", "POST", "/v1/alarms/"+made+"/seen", map[string]any{"note": "What"}).refused(404, "not_found", "")
	for _, note := range []string{"", "line\nline", strings.Repeat("x", 1001), "131250-21547"} {
		w.badly("security", "POST", "/v1/alarms/"+string(young.ID)+"/seen", map[string]any{"note": note}).refused(400, "invalid", "note")
	}
	for query, field := range map[string]string{"kind=other": "kind", "unseen=1": "unseen", "seen=true": "seen", "before=x": "before"} {
		w.badly("security", "GET", "/v1/alarms?"+query, nil).refused(400, "invalid", field)
	}
}
