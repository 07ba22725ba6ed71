package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

var policyTests = map[string]func(*testing.T, *world){
	"PutPolicy": func(t *testing.T, w *world) {
		p := newPolicy("default", 2)
		require.NoError(t, w.PutPolicy(w.ctx, p))
		p.Purpose, p.Keep = "cits mērķis", lieciba.Period{Days: 40}
		require.NoError(t, w.PutPolicy(w.ctx, p), "a draft may be replaced")
		first, other := newPolicy("default", 1), newPolicy("a-name", 1)
		require.NoError(t, w.PutPolicy(w.ctx, first))
		require.NoError(t, w.PutPolicy(w.ctx, other))
		list, err := w.Policies(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.RetentionPolicy{other, first, p}, list, "by name and version")

		requireCode(t, w.PutPolicy(w.ctx, newPolicy("default", 2)), lieciba.CodeConflict, "version")
		for field, spoil := range map[string]func(*lieciba.RetentionPolicy){
			"state":   func(p *lieciba.RetentionPolicy) { p.State = lieciba.PolicyApproved },
			"name":    func(p *lieciba.RetentionPolicy) { p.Name = "" },
			"version": func(p *lieciba.RetentionPolicy) { p.Version = 0 },
		} {
			bad := newPolicy("default", 3)
			spoil(&bad)
			requireCode(t, w.PutPolicy(w.ctx, bad), lieciba.CodeInvalid, field)
		}
		_, err = w.ApprovePolicy(w.ctx, p.ID, "Berta", "u2", sec(1))
		require.NoError(t, err)
		requireCode(t, w.PutPolicy(w.ctx, p), lieciba.CodeConflict, "id")
	},

	"ApprovePolicy": func(t *testing.T, w *world) {
		one, two, three, other := newPolicy("default", 1), newPolicy("default", 2), newPolicy("default", 3), newPolicy("court", 1)
		for _, p := range []lieciba.RetentionPolicy{one, two, three, other} {
			require.NoError(t, w.PutPolicy(w.ctx, p))
		}
		_, err := w.ApprovePolicy(w.ctx, one.ID, "Anna", "u1", sec(1))
		requireCode(t, err, lieciba.CodeConflict, "approved_by")
		_, err = w.ApprovePolicy(w.ctx, newID[lieciba.PolicyID](), "Berta", "u2", sec(1))
		requireCode(t, err, lieciba.CodeNotFound, "")
		approve := func(p *lieciba.RetentionPolicy, at float64) {
			t.Helper()
			got, err := w.ApprovePolicy(w.ctx, p.ID, "Berta", "u2", sec(at))
			require.NoError(t, err)
			p.State, p.ApprovedBy, p.ApprovedByID, p.ApprovedAt = lieciba.PolicyApproved, "Berta", "u2", sec(at)
			require.Equal(t, *p, got)
		}
		approve(&one, 1)
		approve(&other, 2)
		approve(&three, 3)
		one.State = lieciba.PolicySuperseded
		list, err := w.Policies(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.RetentionPolicy{other, one, two, three}, list, "one is in force per name")
		_, err = w.ApprovePolicy(w.ctx, two.ID, "Berta", "u2", sec(4))
		requireCode(t, err, lieciba.CodeConflict, "version")
		got, err := w.ApprovePolicy(w.ctx, three.ID, "Berta", "u2", sec(9))
		require.NoError(t, err, "approved by the same already")
		require.Equal(t, three, got)
		got, err = w.ApprovePolicy(w.ctx, one.ID, "Berta", "u2", sec(9))
		require.NoError(t, err)
		require.Equal(t, one, got, "superseded since")
		_, err = w.ApprovePolicy(w.ctx, three.ID, "Cilda", "u3", sec(9))
		requireCode(t, err, lieciba.CodeConflict, "state")
		require.NoError(t, w.Close())
		w.Catalog = w.open()
		list, err = w.Policies(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.RetentionPolicy{other, one, two, three}, list, "it survives")
	},

	"ApprovalsTakeTurns": func(t *testing.T, w *world) {
		list := make([]lieciba.RetentionPolicy, 8)
		for i := range list {
			list[i] = newPolicy("default", i+1)
			require.NoError(t, w.PutPolicy(w.ctx, list[i]))
		}
		w.together(t, len(list), func(c storage.Catalog, i int) error {
			_, err := c.ApprovePolicy(w.ctx, list[i].ID, "Berta", "u2", sec(1))
			return unless(err, lieciba.CodeConflict)
		})
		got, err := w.Policies(w.ctx)
		require.NoError(t, err)
		for i, p := range got {
			if last := i == len(got)-1; last || p.State == lieciba.PolicyApproved {
				require.Equal(t, lieciba.PolicyApproved, p.State, "the newest is in force")
				require.True(t, last, "and no other")
			}
		}
	},

	"AddSessionEvent": func(t *testing.T, w *world) {
		e, second := w.newEvent("e-1"), w.newSession("exam-2", base)
		require.NoError(t, w.store(second))
		stored, repeated, err := w.AddSessionEvent(w.ctx, e)
		require.NoError(t, err)
		require.False(t, repeated)
		require.Equal(t, e, stored)
		again := w.newEvent("e-1")
		again.ReceivedAt = sec(9999)
		stored, repeated, err = w.AddSessionEvent(w.ctx, again)
		require.NoError(t, err)
		require.True(t, repeated)
		require.Equal(t, e, stored, "the stored one")
		for name, spoil := range map[string]func(*lieciba.SessionEvent){
			"kind":    func(e *lieciba.SessionEvent) { e.Kind = lieciba.EventAppealDecided },
			"at":      func(e *lieciba.SessionEvent) { e.At = sec(1) },
			"appeal":  func(e *lieciba.SessionEvent) { e.Appeal = "A-2" },
			"session": func(e *lieciba.SessionEvent) { e.SessionID = second.ID },
		} {
			other := w.newEvent("e-1")
			spoil(&other)
			_, _, err := w.AddSessionEvent(w.ctx, other)
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "%s: %v", name, err)
			requireCode(t, err, lieciba.CodeConflict, "event_id")
		}
		foreign, early := w.newEvent("e-1"), w.newEvent("e-2")
		foreign.Source, early.At = "cits", sec(-5)
		for _, e := range []lieciba.SessionEvent{foreign, early} {
			_, repeated, err := w.AddSessionEvent(w.ctx, e)
			require.NoError(t, err)
			require.False(t, repeated)
		}
		if foreign.ID < e.ID {
			foreign, e = e, foreign
		}
		list, err := w.SessionEvents(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.SessionEvent{early, e, foreign}, list, "by time, then by ID")
		lost := w.newEvent("e-3")
		lost.SessionID = newID[lieciba.SessionID]()
		_, _, err = w.AddSessionEvent(w.ctx, lost)
		requireCode(t, err, lieciba.CodeNotFound, "")
		for field, spoil := range map[string]func(*lieciba.SessionEvent){
			"kind":     func(e *lieciba.SessionEvent) { e.Kind = "rumour" },
			"event_id": func(e *lieciba.SessionEvent) { e.ExternalID = "../x" },
			"at":       func(e *lieciba.SessionEvent) { e.At = time.Time{} },
		} {
			bad := w.newEvent("e-4")
			spoil(&bad)
			_, _, err := w.AddSessionEvent(w.ctx, bad)
			requireCode(t, err, lieciba.CodeInvalid, field)
		}
	},

	"ResultAnchorsAFinishedSession": func(t *testing.T, w *world) {
		state := func() lieciba.SessionState {
			s, err := w.Session(w.ctx, w.session.ID)
			require.NoError(t, err)
			return s.State
		}
		add := func(external string, kind lieciba.EventKind) {
			e := w.newEvent(external)
			e.Kind = kind
			_, _, err := w.AddSessionEvent(w.ctx, e)
			require.NoError(t, err)
		}
		add("early", lieciba.EventResultNotified)
		require.Equal(t, lieciba.SessionPlanned, state(), "not finished yet")
		require.NoError(t, w.MoveSession(w.ctx, w.session.ID, lieciba.SessionFinished))
		add("appeal", lieciba.EventAppealOpened)
		require.Equal(t, lieciba.SessionFinished, state())
		add("result", lieciba.EventResultNotified)
		require.Equal(t, lieciba.SessionAnchored, state())
		add("corrected", lieciba.EventResultNotified)
		require.Equal(t, lieciba.SessionAnchored, state())
	},

	"OneEventOfTwoNodes": func(t *testing.T, w *world) {
		first := make([]bool, 8)
		w.together(t, len(first), func(c storage.Catalog, i int) error {
			_, repeated, err := c.AddSessionEvent(w.ctx, w.newEvent("e-1"))
			first[i] = !repeated
			return err
		})
		require.Equal(t, 1, count(first))
	},
}
