package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// A source alone never ends a recording: a person says yes or no.
func TestCancelARunningSession(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	const path = "/v1/exam-sessions/late-1"
	doc := func(version int, change map[string]any) map[string]any {
		d := sessionDocument(map[string]any{"source_version": version, "room": w.own.room.Code, "starts_at": "2026-11-18T08:00:00+02:00"})
		for k, v := range change {
			d[k] = v
		}
		return d
	}
	w.as("citizenship", "PUT", path, doc(1, nil)).want(201) // running, and the scheduler has not looked yet
	reason := map[string]any{"reason": "The commission did not come"}
	w.as("supervisor", "POST", path+"/cancellation", reason).refused(409, "conflict", "")
	w.as("supervisor", "DELETE", path+"/cancellation", nil).refused(409, "conflict", "")

	asked := w.as("citizenship", "PUT", path, doc(2, map[string]any{"cancelled": true})).want(200).json()
	require.Equal(t, []any{"running", true}, []any{asked["state"], asked["cancel_asked"]})
	refused := w.as("supervisor", "DELETE", path+"/cancellation", nil).want(200).json()
	require.Equal(t, []any{"running", false}, []any{refused["state"], refused["cancel_asked"]})
	same := w.as("citizenship", "PUT", path, doc(2, map[string]any{"cancelled": true})).want(200).json()
	require.Equal(t, false, same["cancel_asked"], "the same document asks once")
	w.as("citizenship", "PUT", path, doc(3, map[string]any{"cancelled": true})).want(200)
	back := w.as("citizenship", "PUT", path, doc(4, nil)).want(200).json()
	require.Equal(t, false, back["cancel_asked"], "a newer document takes the wish back")
	w.as("supervisor", "POST", path+"/cancellation", reason).refused(409, "conflict", "")

	w.as("citizenship", "PUT", path, doc(5, map[string]any{"cancelled": true})).want(200)
	w.badly("supervisor", "POST", path+"/cancellation", map[string]any{"reason": ""}).refused(400, "invalid", "reason")
	w.as("supervisor", "POST", path+"/cancellation", map[string]any{"reason": "for 010190-12345"}).refused(400, "invalid", "reason")
	w.refresh.reset()
	done := w.as("supervisor", "POST", path+"/cancellation", reason).want(200).json()
	require.Equal(t, []any{"cancelled", false}, []any{done["state"], done["cancel_asked"]})
	require.Equal(t, 1, w.refresh.count(), "the recorder hears of it at once")
	require.Equal(t, done, w.as("supervisor", "POST", path+"/cancellation", reason).want(200).json())
	w.as("citizenship", "PUT", path, doc(6, nil)).refused(409, "conflict", "cancelled")
	require.Contains(t, w.audited("confirm_cancel")[1].Detail, "The commission did not come")
}

// What a session that runs may still become, by its documents.
func TestLateDocuments(t *testing.T) {
	w := newWorld(t)
	const path = "/v1/exam-sessions/late-2"
	base := map[string]any{"source_version": 1, "room": w.own.room.Code, "starts_at": "2026-11-18T08:00:00+02:00", "ends_at": "2026-11-18T10:00:00+02:00"}
	push := func(change map[string]any) answer {
		d := map[string]any{}
		for _, m := range []map[string]any{base, change} {
			for k, v := range m {
				d[k] = v
			}
		}
		return w.as("citizenship", "PUT", path, d)
	}
	push(nil).want(201)
	push(map[string]any{"source_version": 2, "starts_at": "2026-11-18T09:00:00+02:00"}).refused(409, "conflict", "starts_at")
	push(map[string]any{"source_version": 2, "ends_at": "2026-11-18T08:29:59+02:00"}).refused(409, "conflict", "ends_at")
	w.refresh.reset()
	longer := push(map[string]any{"source_version": 2, "ends_at": "2026-11-18T11:00:00+02:00"}).want(200).json()
	require.Equal(t, "2026-11-18T09:00:00Z", longer["ends_at"])
	require.Equal(t, 1, w.refresh.count(), "an extension takes effect at once")
	moved := push(map[string]any{"source_version": 3, "room": w.foreign.room.Code, "ends_at": "2026-11-18T11:00:00+02:00"}).want(200).json()
	require.Equal(t, w.foreign.room.Code, moved["room_code"])

	// After its end only what was not filmed can be corrected.
	w.clock.add(3 * time.Hour)
	require.NoError(t, w.catalog.MoveSession(t.Context(), lieciba.SessionID(moved["id"].(string)), lieciba.SessionFinished))
	end := map[string]any{"room": w.foreign.room.Code, "ends_at": "2026-11-18T11:00:00+02:00", "source_version": 4}
	with := func(field string, v any) map[string]any {
		d := map[string]any{field: v}
		for k, v := range end {
			if k != field {
				d[k] = v
			}
		}
		return d
	}
	push(with("ends_at", "2026-11-18T12:00:00+02:00")).refused(409, "conflict", "ends_at")
	push(with("room", w.own.room.Code)).refused(409, "conflict", "room")
	push(with("starts_at", "2026-11-18T08:01:00+02:00")).refused(409, "conflict", "starts_at")
	push(with("cancelled", true)).refused(409, "conflict", "cancelled")
	require.Equal(t, float64(9), push(with("seats", 9)).want(200).json()["seats"])
}
