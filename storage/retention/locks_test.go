package retention_test

import (
	"strings"
	"testing"
	"time"

	mc "github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/retention"
)

// dates lets the reaper extend locks, which needs a clock like the store's.
func dates(c *retention.Config) { c.NoDates = false }

// atNow makes a recording of a session that ended a day ago, by the real clock.
func (w *world) atNow(n int) *footage {
	w.now = lieciba.Micro(time.Now())
	return w.record(w.now.AddDate(0, 0, -1), n)
}

// locks expects the same lock on every object.
func (w *world) locks(f *footage, until time.Time, held bool) {
	w.t.Helper()
	for _, s := range f.segments {
		u, h, err := w.media.Lock(w.t.Context(), s.Media)
		require.NoError(w.t, err)
		require.Equal(w.t, []any{until, held}, []any{u, h})
	}
}

// TestHoldsAreCarriedToTheObjects: placed and lifted by a reaper that was
// restarted in between, and mended when somebody changed them.
func TestHoldsAreCarriedToTheObjects(t *testing.T) {
	w := servers(t)
	f, other := w.due(3), w.due(1)
	w.now = riga("2026-02-20")
	h, _ := w.hold(f, lieciba.HoldCourt, "C")
	second, _ := w.hold(f, lieciba.HoldRequest, "R")
	require.Equal(t, 3, w.once().Locked)
	w.locks(f, time.Time{}, true)
	w.locks(other, time.Time{}, false)
	r := retention.New(w.config())
	for range 2 {
		report, err := r.Once(t.Context())
		require.NoError(t, err)
		require.Zero(t, report.Locked, "there is nothing to change")
	}
	off := mc.LegalHoldDisabled
	require.NoError(t, w.admin.PutObjectLegalHold(t.Context(), w.bucket, f.segments[1].Media.Key, mc.PutObjectLegalHoldOptions{VersionID: f.segments[1].Media.Version, Status: &off}))
	require.Equal(t, 1, w.once().Locked, "a restarted reaper looks at every object")
	w.locks(f, time.Time{}, true)

	w.release(h)
	w.now = riga("2026-03-05")
	require.Zero(t, w.once().Locked, "the other hold stands")
	w.locks(f, time.Time{}, true)
	w.whole(f)
	w.deleted(other)
	w.release(second)
	report, err := r.Once(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{3, 1}, []int{report.Locked, report.Deleted}, "lifted, and then due")
	w.deleted(f)
}

// TestAnOpenAppealHoldsTheObjects, also when its hold was never placed.
func TestAnOpenAppealHoldsTheObjects(t *testing.T) {
	w := servers(t)
	f := w.notDue(2)
	w.event(f, lieciba.EventAppealOpened, "2026-02-10 10:00", "A")
	require.Equal(t, 2, w.once().Locked)
	w.locks(f, time.Time{}, true)
	w.event(f, lieciba.EventAppealDecided, "2026-02-20 10:00", "A")
	require.Equal(t, 2, w.once().Locked)
	w.locks(f, time.Time{}, false)
}

// TestLocksFollowTheAnchors: extended as the due date moves, never shortened.
func TestLocksFollowTheAnchors(t *testing.T) {
	w := servers(t)
	f := w.atNow(2)
	end := f.session.EndsAt
	require.Equal(t, 2, w.once(dates).Locked)
	first := months(1).After(end) // if the result was notified at once
	w.locks(f, first, false)
	require.Zero(t, w.once(dates).Locked)

	notify := func(at time.Time) {
		e := lieciba.SessionEvent{ID: id[lieciba.EventID](), SessionID: f.session.ID, Source: "exams", Kind: lieciba.EventResultNotified, At: at, ReceivedAt: at}
		e.ExternalID = string(e.ID)
		_, _, err := w.catalog.AddSessionEvent(t.Context(), e)
		require.NoError(t, err)
	}
	result := end.AddDate(0, 0, 10)
	notify(result)
	require.Equal(t, 2, w.once(dates).Locked)
	w.locks(f, months(1).After(result), false)
	notify(end.AddDate(0, 0, 40))
	require.Equal(t, 2, w.once(dates).Locked)
	w.locks(f, months(1).After(end.AddDate(0, 0, 40)), false)

	w.approve(2, days(1), retroactive) // due sooner now; the lock stays
	require.Zero(t, w.once(dates).Locked)
	w.locks(f, months(1).After(end.AddDate(0, 0, 40)), false)
	w.whole(f)
}

// TestLockedIsNotEvenClaimed: the rule says due, the store's date is later. The
// reaper tells it and waits; a hold can still come.
func TestLockedIsNotEvenClaimed(t *testing.T) {
	w := servers(t)
	f := w.atNow(3)
	locked := w.now.AddDate(0, 9, 0).Truncate(time.Second)
	require.NoError(t, w.media.LockUntil(t.Context(), f.segments[1].Media, locked))
	w.now = w.now.AddDate(0, 7, 0) // the ceiling is past
	for range 2 {
		r := w.once()
		require.Equal(t, []int{1, 0}, []int{r.Due, r.Deleted})
		require.Contains(t, alarms(r, f), retention.AlarmLocked)
		w.whole(f)
		require.Empty(t, w.deletions(f))
	}
	w.unlock(f.segments[1].Media)
	require.Equal(t, 1, w.once().Deleted)
	w.deleted(f)
}

// TestARefusalOfTheStoreIsNeverBypassed: our clock says that the lock is over,
// the store's does not. What it destroys is recorded, what it keeps is tried again.
func TestARefusalOfTheStoreIsNeverBypassed(t *testing.T) {
	w := servers(t)
	f := w.atNow(3)
	require.NoError(t, w.media.LockUntil(t.Context(), f.segments[1].Media, w.now.AddDate(0, 2, 0)))
	w.now = w.now.AddDate(0, 7, 0)
	for range 2 {
		r := w.once(func(c *retention.Config) { c.Batch = 100 })
		require.Zero(t, r.Deleted)
		require.Contains(t, alarms(r, f), retention.AlarmLocked)
		w.stored(f, f.segments[1])
		require.Equal(t, 1, w.versions(f), "the free ones are gone")
		segments, err := w.catalog.RecordingSegments(t.Context(), f.recording.ID, lieciba.Interval{})
		require.NoError(t, err)
		require.Equal(t, []lieciba.SegmentState{lieciba.SegmentDeleted, lieciba.SegmentDeleting, lieciba.SegmentDeleted},
			[]lieciba.SegmentState{segments[0].State, segments[1].State, segments[2].State})
	}
	w.unlock(f.segments[1].Media)
	require.Equal(t, 1, w.once().Deleted)
	w.deleted(f)
}

// TestHiddenAndSwappedVersionsGoToo: somebody wrote over an object and hid it.
func TestHiddenAndSwappedVersionsGoToo(t *testing.T) {
	w := servers(t)
	f := w.due(2)
	k := f.segments[0].Media.Key
	_, err := w.admin.PutObject(t.Context(), w.bucket, k, strings.NewReader("another"), 7, mc.PutObjectOptions{})
	require.NoError(t, err)
	require.NoError(t, w.admin.RemoveObject(t.Context(), w.bucket, k, mc.RemoveObjectOptions{}))
	require.Equal(t, 4, w.versions(f))
	require.Equal(t, 1, w.once().Deleted)
	w.deleted(f)
}

// TestALostObjectIsToldAndDeleted: it is fsck's to explain; the rest of the
// recording goes as it must.
func TestALostObjectIsToldAndDeleted(t *testing.T) {
	w := servers(t)
	f := w.notDue(2)
	require.NoError(t, w.media.RemoveAll(t.Context(), f.segments[0].Media.Key))
	require.Equal(t, []retention.AlarmKind{retention.AlarmState}, alarms(w.once(), f))
	w.now = riga("2026-03-02")
	require.Equal(t, 1, w.once().Deleted)
	w.deleted(f)
}

var _ storage.Media = mortalMedia{}
