package retention_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/retention"
)

func TestDueGoesAndTheRestStays(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		due, later, held, appealed := w.due(5), w.notDue(3), w.due(2), w.due(2)
		unsealed := w.record(riga("2026-02-28 13:00"), 1)
		w.hold(held, lieciba.HoldCourt, "C")
		w.event(appealed, lieciba.EventAppealOpened, "2026-02-28 23:59:59", "A") // on the last day, without a hold
		r := w.once()
		require.Equal(t, []int{5, 1, 1, 5}, []int{r.Scanned, r.Due, r.Deleted, r.Segments})
		w.deleted(due)
		for _, f := range []*footage{later, held, appealed, unsealed} {
			w.whole(f)
			require.Empty(t, w.deletions(f))
		}
		require.Equal(t, []retention.AlarmKind{retention.AlarmNoHold}, alarms(r, appealed))

		r = w.once()
		require.Equal(t, []int{0, 0, 0}, []int{r.Due, r.Deleted, r.Segments}, "a second pass finds nothing to do")
		w.deleted(due)
		w.now = riga("2026-03-02")
		require.Equal(t, 1, w.once().Deleted)
		w.deleted(later)
		w.whole(held)
	})
}

func TestKeepDueDeletesNothing(t *testing.T) {
	w := embedded(t)
	f := w.due(2)
	r := w.once(func(c *retention.Config) { c.KeepDue = true })
	require.Equal(t, []int{1, 0}, []int{r.Due, r.Deleted})
	w.whole(f)
	require.Empty(t, w.deletions(f))
}

// TestPolicyShortened: a version that keeps shorter takes nothing that was
// sealed before it, unless it was approved as retroactive.
func TestPolicyShortened(t *testing.T) {
	w := embedded(t)
	f := w.notDue(2)
	w.approve(2, days(1))
	require.Zero(t, w.once().Due)
	w.whole(f)
	w.approve(3, days(1), retroactive)
	require.Equal(t, 1, w.once().Deleted)
	w.deleted(f)
}

func TestHoldsEndByThemselves(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		f, again := w.due(2), w.due(2)
		set := func(h lieciba.Hold, due string) {
			_, err := w.catalog.ChangeHold(t.Context(), h.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
				h.ReleaseDue = riga(due)
				return &h, nil
			})
			require.NoError(t, err)
		}
		w.event(f, lieciba.EventAppealDecided, "2026-02-10 10:00", "A")
		h, _ := w.hold(f, lieciba.HoldAppeal, "A")
		set(h, "2026-03-12")
		other, _ := w.hold(f, lieciba.HoldRequest, "R") // overlaps, and ends on its own
		reopened, _ := w.hold(again, lieciba.HoldAppeal, "B")
		set(reopened, "2026-03-12")
		w.event(again, lieciba.EventAppealOpened, "2026-03-01 10:00", "B")

		w.now = riga("2026-03-11 23:59:59")
		require.Zero(t, w.once().Released)
		w.now = riga("2026-03-12")
		require.Equal(t, 1, w.once().Released)
		require.Zero(t, w.once().Released, "once")
		h, err := w.catalog.Hold(t.Context(), h.ID)
		require.NoError(t, err)
		require.Equal(t, []any{"system", w.now}, []any{h.ReleasedBy, h.ReleasedAt})
		reopened, err = w.catalog.Hold(t.Context(), reopened.ID)
		require.NoError(t, err)
		require.True(t, reopened.Active(), "its appeal is open again")
		w.whole(f)
		w.release(other)
		require.Equal(t, 1, w.once().Deleted)
		w.deleted(f)
		w.whole(again)
	})
}

// TestRun: a pass at once, one when it is poked, one at each interval; it ends
// with its context.
func TestRun(t *testing.T) {
	w := embedded(t)
	passes := make(chan retention.Report)
	r := retention.New(w.config(func(c *retention.Config) {
		c.Passed = func(r retention.Report, err error) {
			if err != nil {
				t.Error(err)
			}
			passes <- r
		}
	}))
	f := w.due(2)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	require.Equal(t, 1, (<-passes).Deleted)
	w.deleted(f)
	g := w.due(2)
	r.Poke()
	require.Equal(t, 1, (<-passes).Deleted)
	w.deleted(g)
	require.Equal(t, 1, r.Last().Deleted)
	cancel()
	require.NoError(t, <-done)
}

func TestPlanIsWhatTheReaperDoes(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		later, due, held := w.notDue(3), w.due(5), w.due(2)
		unanchored := w.record(riga("2026-02-20 13:00"), 1)
		w.hold(held, lieciba.HoldCourt, "C")
		rows, err := retention.Plan(t.Context(), w.catalog, w.now, time.Time{})
		require.NoError(t, err)
		require.Len(t, rows, 4)
		require.True(t, rows[0].RecordingID == due.recording.ID || rows[1].RecordingID == due.recording.ID)
		byID := map[lieciba.RecordingID]retention.Row{}
		for i, r := range rows {
			byID[r.RecordingID] = r
			require.NotEmpty(t, r.Reason)
			require.True(t, i == 0 || !r.DueAt.Before(rows[i-1].DueAt), "by due date")
		}
		d := byID[due.recording.ID]
		size := int64(0)
		for _, s := range due.segments {
			size += s.Size
		}
		require.Equal(t, retention.Row{RecordingID: due.recording.ID, SessionID: due.session.ID, ExternalID: due.session.ExternalID, CameraID: w.camera.ID,
			Segments: 5, Bytes: size, DueAt: riga("2026-03-01"), Due: true, Reason: d.Reason, Policy: "default", Version: 1, PolicyID: w.policy.ID,
			Blocked: []retention.Block{}, Alarms: []retention.Alarm{}}, d)
		require.False(t, byID[held.recording.ID].Due)
		require.Equal(t, retention.BlockHold, byID[held.recording.ID].Blocked[0].Kind)
		require.Equal(t, unanchored.recording.ID, rows[3].RecordingID)
		w.whole(due)

		rows, err = retention.Plan(t.Context(), w.catalog, w.now, riga("2026-03-02"))
		require.NoError(t, err)
		require.Len(t, rows, 2, "due before that day")
		require.Equal(t, 1, w.once().Deleted)
		w.deleted(due)
		rows, err = retention.Plan(t.Context(), w.catalog, w.now, time.Time{})
		require.NoError(t, err)
		require.Len(t, rows, 3, "what is deleted is no part of the plan")
		w.whole(later)
	})
}
