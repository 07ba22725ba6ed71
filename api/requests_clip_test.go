package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A package may be asked for with the clip of an incident of its session.
func TestAskForTheClipOfAnIncident(t *testing.T) {
	w := newWorld(t)
	x, _ := w.sealed(w.own)
	other, _ := w.sealed(w.own)
	mine, foreign := w.incident(x), w.incident(other)
	a := w.as("reviewer", "POST", "/v1/requests", packageBody(x, map[string]any{"incident_id": mine.ID})).want(201).json()
	require.Equal(t, string(mine.ID), a["asked"].(map[string]any)["incident_id"])
	for _, id := range []any{foreign.ID, x.ID} {
		r := w.as("reviewer", "POST", "/v1/requests", packageBody(x, map[string]any{"incident_id": id})).want(400).json()
		require.Contains(t, r["error"].(map[string]any)["field"], "incident_id")
	}
}
