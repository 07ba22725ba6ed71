package retention_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/retention"
	"lieciba/storage/storagetest"
)

// life is a process that makes steps. It can be killed before or after one of
// them: from then on nothing that it calls happens any more.
type life struct {
	mu    sync.Mutex
	n     int // steps so far
	kill  int // the step that it dies at; 0: none
	after bool
	dead  bool
	inAct bool
	step  func(n int) // called before each step outside of a transaction; may be nil
	names []string
}

func (l *life) do(name string, call func() error) error {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return storagetest.Outage()
	}
	l.n++
	n, hit := l.n, l.n == l.kill
	l.names = append(l.names, name)
	l.dead = hit && !l.after
	hook := l.step
	if l.inAct {
		hook = nil
	}
	l.mu.Unlock()
	if hit && !l.after {
		return storagetest.Outage()
	}
	if hook != nil {
		hook(n)
	}
	err := call()
	if hit {
		l.mu.Lock()
		l.dead = true
		l.mu.Unlock()
		return storagetest.Outage()
	}
	return err
}

// get is do for a call with a result.
func get[T any](l *life, name string, call func() (T, error)) (out T, err error) {
	err = l.do(name, func() (err error) {
		out, err = call()
		return err
	})
	return out, err
}

// mortalCatalog and mortalMedia are the stores as a process with a life sees them.
type mortalCatalog struct {
	retention.Catalog
	*life
}

func (m mortalCatalog) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	return m.do("Act", func() error {
		m.set(true)
		defer m.set(false)
		return m.Catalog.Act(ctx, e, func(ctx context.Context) error {
			if err := do(ctx); err != nil {
				return err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.dead { // killed inside: nothing is committed
				return storagetest.Outage()
			}
			return nil
		})
	})
}

func (l *life) set(inAct bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inAct = inAct
}

func (m mortalCatalog) Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error) {
	return get(m.life, "Policies", func() ([]lieciba.RetentionPolicy, error) { return m.Catalog.Policies(ctx) })
}

func (m mortalCatalog) ActiveHolds(ctx context.Context) ([]lieciba.Hold, error) {
	return get(m.life, "ActiveHolds", func() ([]lieciba.Hold, error) { return m.Catalog.ActiveHolds(ctx) })
}

func (m mortalCatalog) ChangeHold(ctx context.Context, id lieciba.HoldID, decide func(lieciba.Hold) (*lieciba.Hold, error)) (lieciba.Hold, error) {
	return get(m.life, "ChangeHold", func() (lieciba.Hold, error) { return m.Catalog.ChangeHold(ctx, id, decide) })
}

func (m mortalCatalog) RetentionFacts(ctx context.Context, id lieciba.RecordingID) (lieciba.RetentionFacts, error) {
	return get(m.life, "RetentionFacts", func() (lieciba.RetentionFacts, error) { return m.Catalog.RetentionFacts(ctx, id) })
}

func (m mortalCatalog) BeginDeletion(ctx context.Context, id lieciba.RecordingID, decide func(lieciba.RetentionFacts) (*lieciba.Deletion, error)) (*lieciba.Deletion, error) {
	return get(m.life, "BeginDeletion", func() (*lieciba.Deletion, error) { return m.Catalog.BeginDeletion(ctx, id, decide) })
}

func (m mortalCatalog) ClaimSegments(ctx context.Context, id lieciba.DeletionID, max int) ([]lieciba.Segment, error) {
	return get(m.life, "ClaimSegments", func() ([]lieciba.Segment, error) { return m.Catalog.ClaimSegments(ctx, id, max) })
}

func (m mortalCatalog) SegmentsDeleted(ctx context.Context, id lieciba.DeletionID, list []lieciba.SegmentID) error {
	return m.do("SegmentsDeleted", func() error { return m.Catalog.SegmentsDeleted(ctx, id, list) })
}

func (m mortalCatalog) FinishDeletion(ctx context.Context, id lieciba.DeletionID, at time.Time, certificate []byte) (lieciba.Deletion, error) {
	return get(m.life, "FinishDeletion", func() (lieciba.Deletion, error) { return m.Catalog.FinishDeletion(ctx, id, at, certificate) })
}

func (m mortalCatalog) RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error) {
	return get(m.life, "RecordingSegments", func() ([]lieciba.Segment, error) { return m.Catalog.RecordingSegments(ctx, rec, span) })
}

type mortalMedia struct {
	storage.Media
	*life
}

func (m mortalMedia) RemoveAll(ctx context.Context, key string) error {
	return m.do("RemoveAll", func() error { return m.Media.RemoveAll(ctx, key) })
}

func (m mortalMedia) SetHold(ctx context.Context, ref lieciba.MediaRef, on bool) error {
	return m.do("SetHold", func() error { return m.Media.SetHold(ctx, ref, on) })
}

func (m mortalMedia) Lock(ctx context.Context, ref lieciba.MediaRef) (until time.Time, held bool, err error) {
	err = m.do("Lock", func() error {
		until, held, err = m.Media.Lock(ctx, ref)
		return err
	})
	return until, held, err
}

// live makes one pass of a process with this life.
func (w *world) live(l *life) (retention.Report, error) {
	return retention.New(w.config(func(c *retention.Config) {
		c.Catalog, c.Media = mortalCatalog{w.catalog, l}, mortalMedia{w.media, l}
	})).Once(w.t.Context())
}

// TestKilledAtEachStep kills the reaper before and after each of its steps, also
// inside of a transaction. Another process goes on and ends in the same state:
// one certificate, nothing left, each act once in the audit log, nothing else touched.
func TestKilledAtEachStep(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		stays, held := w.notDue(1), w.due(1)
		w.hold(held, lieciba.HoldCourt, "C")
		seen := map[string]int{}
		for _, after := range []bool{false, true} {
			for n := 1; ; n += stride {
				f := w.due(3)
				left, _ := w.hold(f, lieciba.HoldIncident, "I") // released; on MinIO its objects still bear it
				if w.admin != nil {
					w.once()
				}
				w.release(left)
				l := &life{kill: n, after: after}
				_, err := w.live(l)
				if !l.dead {
					require.NoError(t, err)
					w.deleted(f)
					break
				}
				require.Error(t, err, "a dead process reports no success")
				seen[l.names[n-1]]++
				r := w.once()
				require.Empty(t, alarms(r, f))
				w.deleted(f)
				w.whole(stays)
				w.whole(held)
			}
		}
		for _, name := range []string{"Act", "BeginDeletion", "ClaimSegments", "RemoveAll", "SegmentsDeleted", "FinishDeletion", "RetentionFacts"} {
			require.GreaterOrEqual(t, seen[name], 2/stride, "%s was not killed: %v", name, seen)
		}
		if w.admin != nil {
			require.GreaterOrEqual(t, seen["SetHold"], 2/stride, "%v", seen)
		}
		t.Logf("killed at %v", seen)
	})
}

// TestKilledTwice: two crashes in a row, at every other pair of steps, on the
// embedded stores.
func TestKilledTwice(t *testing.T) {
	w := embedded(t)
	pairs := 0
	for first, ended := 1, false; !ended; first += stride {
		for second := 1 + first%2; ; second += 2 * stride {
			f := w.due(1)
			a := &life{kill: first, after: first%2 == 0}
			_, err := w.live(a)
			if !a.dead {
				require.NoError(t, err)
				ended = true
				break
			}
			b := &life{kill: second, after: second%4 < 2}
			_, err = w.live(b)
			if !b.dead {
				require.NoError(t, err)
				w.deleted(f)
				break
			}
			pairs++
			w.once()
			w.deleted(f)
		}
	}
	t.Logf("%d pairs", pairs)
	require.Greater(t, pairs, 50/stride/stride)
}

// TestHoldPlacedWhileTheReaperRuns places a hold before each of its steps. What
// was claimed before goes, as the placing was told; what was not stays, byte for
// byte, until the hold is released.
func TestHoldPlacedWhileTheReaperRuns(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		kept := map[int]bool{} // how many segments stayed
		for n := 1; ; n += stride {
			f := w.due(5)
			var h lieciba.Hold
			gone, placed := 0, false
			l := &life{step: func(step int) {
				if step >= n && !placed {
					placed = true
					h, gone = w.hold(f, lieciba.HoldCourt, "C")
				}
			}}
			_, err := w.live(l)
			require.NoError(t, err)
			if !placed {
				w.deleted(f)
				break
			}
			stay := w.kept(f, gone)
			kept[stay] = true
			w.once()
			require.Equal(t, stay, w.kept(f, gone), "a later pass takes no more")
			w.release(h)
			if len(w.deletions(f)) == 0 || w.deletions(f)[0].State != lieciba.DeletionDone {
				require.Equal(t, 1, w.once().Deleted)
			}
			w.deleted(f)
		}
		for _, n := range []int{5, 3, 1, 0} {
			require.True(t, kept[n] || stride > 1, "a hold that saves %d of 5 segments: %v", n, kept)
		}
	})
}

// kept expects that exactly the segments beyond the first gone ones are there.
func (w *world) kept(f *footage, gone int) (stay int) {
	w.t.Helper()
	segments, err := w.catalog.RecordingSegments(w.t.Context(), f.recording.ID, lieciba.Interval{})
	require.NoError(w.t, err)
	for i, s := range segments {
		if i < gone {
			require.Equal(w.t, lieciba.SegmentDeleted, s.State)
			continue
		}
		require.Equal(w.t, lieciba.SegmentVerified, s.State)
		w.stored(f, s)
		stay++
	}
	require.Equal(w.t, stay, w.versions(f))
	return stay
}

// TestAppealTakesEffectWithoutItsHold: the appeal arrives in mid-deletion and
// nobody places the hold.
func TestAppealTakesEffectWithoutItsHold(t *testing.T) {
	w := embedded(t)
	f := w.due(5)
	told := false
	l := &life{}
	l.step = func(int) {
		if !told && len(l.names) > 0 && l.names[len(l.names)-1] == "RemoveAll" {
			told = true
			w.event(f, lieciba.EventAppealOpened, "2026-03-01 11:00", "A")
		}
	}
	r, err := w.live(l)
	require.NoError(t, err)
	require.Zero(t, r.Deleted)
	require.Equal(t, 3, w.kept(f, 2))
	require.Equal(t, []retention.AlarmKind{retention.AlarmNoHold}, alarms(w.once(), f))
	require.Equal(t, 3, w.kept(f, 2))
}

// TestTwoReapersAtOnce: they share the work or repeat it, and end in one state.
func TestTwoReapersAtOnce(t *testing.T) {
	onEach(t, func(w *world) {
		t := w.t
		var all []*footage
		for range 6 {
			all = append(all, w.due(5))
		}
		stays := w.notDue(2)
		var wg sync.WaitGroup
		start := make(chan struct{})
		reports, errs := make([]retention.Report, 3), make([]error, 3)
		for i := range reports {
			r := retention.New(w.config())
			wg.Go(func() {
				<-start
				reports[i], errs[i] = r.Once(t.Context())
			})
		}
		close(start)
		wg.Wait()
		sum := 0
		for i := range reports {
			require.NoError(t, errs[i])
			sum += reports[i].Deleted
		}
		w.once()
		for _, f := range all {
			w.deleted(f)
		}
		require.Equal(t, len(all), sum, "each certificate is counted by the one that wrote it")
		w.whole(stays)
	})
}

// TestStoreFaultsAreRepeated: the store fails before or after each removal; the
// same reaper goes on in its next pass.
func TestStoreFaultsAreRepeated(t *testing.T) {
	w := embedded(t)
	faults := storagetest.NewFaultMedia(w.media)
	r := retention.New(w.config(func(c *retention.Config) { c.Media = faults }))
	for _, fail := range []func(storagetest.MediaStep, int, error){faults.FailBefore, faults.FailAfter} {
		for n := 1; n <= 3; n++ {
			f := w.due(3)
			fail(storagetest.MediaRemove, n, storagetest.Outage())
			report, err := r.Once(t.Context())
			require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
			require.Equal(t, []retention.AlarmKind{retention.AlarmFailed}, alarms(report, f))
			report, err = r.Once(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, report.Deleted)
			w.deleted(f)
		}
	}
	f := w.due(3)
	faults.FailAll(storagetest.MediaRemove, storagetest.Outage())
	for range 20 { // more recordings than a pass bears
		w.due(1)
	}
	report, err := r.Once(t.Context())
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	require.LessOrEqual(t, len(report.Alarms), 10, "an outage is told once in a while, not a thousand times")
	faults.Heal()
	_, err = r.Once(t.Context())
	require.NoError(t, err)
	w.deleted(f)
}
