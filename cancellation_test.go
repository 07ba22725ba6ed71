package lieciba_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// From the start of its window on, a session is running for whoever changes it.
func TestSessionAsBegun(t *testing.T) {
	m := lieciba.Margins{Before: 10 * time.Minute, After: 5 * time.Minute}
	for _, state := range sessionStates {
		s := *stored(t, state)
		w := lieciba.RecordingWindow(s, m)
		require.Equal(t, state, s.AsBegun(m, w.From.Add(-time.Microsecond)).State)
		want := state
		if state == lieciba.SessionPlanned || state == lieciba.SessionReady {
			want = lieciba.SessionRunning
		}
		require.Equal(t, want, s.AsBegun(m, w.From).State, "%s at the start of its window", state)
		require.Equal(t, want, s.AsBegun(m, w.To.Add(time.Hour)).State, "%s after its window", state)
	}
}

// A person's yes ends a running session, a no lets it go on; without a wish of
// the source there is nothing to say.
func TestCancelIsConfirmedOrRefused(t *testing.T) {
	now := time.Date(2026, 11, 18, 8, 0, 0, 1500, time.UTC)
	for _, state := range sessionStates {
		s := *stored(t, state)
		_, _, err := s.ConfirmCancel(now)
		if state != lieciba.SessionCancelled {
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), state)
		}
		_, err = s.RefuseCancel(now)
		require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), state)

		s.CancelAsked = true
		refused, err := s.RefuseCancel(now)
		require.NoError(t, err)
		require.Equal(t, []any{state, false, lieciba.Micro(now)}, []any{refused.State, refused.CancelAsked, refused.UpdatedAt})

		next, changed, err := s.ConfirmCancel(now)
		switch state {
		case lieciba.SessionRunning, lieciba.SessionPlanned, lieciba.SessionReady:
			require.NoError(t, err)
			require.Equal(t, []any{true, lieciba.SessionCancelled, false}, []any{changed, next.State, next.CancelAsked})
			again, changed, err := next.ConfirmCancel(now.Add(time.Second))
			require.NoError(t, err)
			require.False(t, changed)
			require.Equal(t, next, again)
		case lieciba.SessionCancelled:
			require.NoError(t, err)
			require.False(t, changed)
		default:
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "%s is over: it cannot be cancelled", state)
		}
	}
}
