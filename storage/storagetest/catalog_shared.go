package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// sharedTests are about several nodes, several goroutines and several lives of
// one store.
var sharedTests = map[string]func(*testing.T, *world){
	"NameAndPing": func(t *testing.T, w *world) {
		require.Contains(t, []string{"sqlite", "postgres"}, w.Name())
		require.NoError(t, w.Ping(w.ctx))
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		requireCode(t, w.Ping(gone), lieciba.CodeUnavailable, "")
		_, err := w.Site(gone, w.site.ID)
		requireCode(t, err, lieciba.CodeUnavailable, "")
		require.ErrorIs(t, err, context.Canceled)
	},

	"IDsMustBeUUIDs": func(t *testing.T, w *world) {
		s := newSite("x")
		s.ID = "../../etc/passwd"
		requireCode(t, w.PutSite(w.ctx, s), lieciba.CodeInvalid, "")
	},

	"SurvivesCloseAndReopen": func(t *testing.T, w *world) {
		s, g := w.segment(0, 10), w.gap(10, 0)
		require.NoError(t, w.AddSegment(w.ctx, s))
		require.NoError(t, w.PutGap(w.ctx, g))
		require.NoError(t, w.Close())
		require.NoError(t, w.Close(), "idempotent")
		requireCode(t, w.Ping(w.ctx), lieciba.CodeUnavailable, "")
		_, err := w.Segment(w.ctx, s.ID)
		requireCode(t, err, lieciba.CodeUnavailable, "")

		w.Catalog = w.open()
		got, err := w.Segment(w.ctx, s.ID)
		require.NoError(t, err)
		require.Equal(t, s, got)
		gaps, err := w.OpenGaps(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Gap{g}, gaps)
		session, err := w.Session(w.ctx, w.session.ID)
		require.NoError(t, err)
		require.Equal(t, w.session, session)
	},

	"TwoNodesOpenAnEmptyStoreTogether": func(t *testing.T, w *world) {
		a, b := w.open(), w.open()
		require.NoError(t, a.PutSite(w.ctx, newSite("seen-by-b")))
		list, err := b.ListSites(w.ctx)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	},

	"ChangesOfOneSessionTakeTurns": testChangesTakeTurns,

	"FirstChangesOfOneKeyTakeTurns": func(t *testing.T, w *world) {
		key := lieciba.SessionKey{Source: "pizis", ExternalID: "fresh"}
		created := make([]bool, 8)
		w.together(t, len(created), func(c storage.Catalog, i int) error {
			return c.ChangeSession(w.ctx, key, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
				if created[i] = cur == nil; !created[i] {
					return nil, nil
				}
				s := w.newSession("fresh", base)
				return &s, nil
			}, nil)
		})
		require.Equal(t, 1, count(created), "one creates, the others find it")
	},

	"NobodyElseChangesASessionMeanwhile": testChangeExcludes,

	"DecideMayPanic": func(t *testing.T, w *world) {
		for range 20 { // more than there are connections
			require.Panics(t, func() {
				err := w.ChangeSession(w.ctx, w.session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { panic("a bug") }, nil)
				t.Errorf("returned %v", err)
			})
		}
		require.NoError(t, w.MoveSession(w.ctx, w.session.ID, lieciba.SessionReady))
	},

	"OverlappingSegmentsTakeTurns": func(t *testing.T, w *world) {
		w.rounds(t, func(round int) {
			ok := make([]bool, 8)
			w.together(t, len(ok), func(c storage.Catalog, i int) error {
				from := float64(20*round) + float64(i)/10
				err := c.AddSegment(w.ctx, w.segment(from, from+10))
				ok[i] = err == nil
				return unless(err, lieciba.CodeConflict)
			})
			require.Equal(t, 1, count(ok))
		})
	},

	"OneSegmentAddedTwiceAtOnce": func(t *testing.T, w *world) {
		s := w.segment(0, 10)
		w.together(t, 8, func(c storage.Catalog, _ int) error { return c.AddSegment(w.ctx, s) })
		list, err := w.RecordingSegments(w.ctx, w.rec.ID, lieciba.Interval{})
		require.NoError(t, err)
		require.Len(t, list, 1)
	},

	"OverlappingGapsTakeTurns": func(t *testing.T, w *world) {
		w.rounds(t, func(round int) {
			ok := make([]bool, 8)
			w.together(t, len(ok), func(c storage.Catalog, i int) error {
				from := float64(20*round + i)
				err := c.PutGap(w.ctx, w.gap(from, from+10))
				ok[i] = err == nil
				return unless(err, lieciba.CodeConflict)
			})
			require.Equal(t, 1, count(ok))
		})
	},

	"AssignmentsTakeTurns": func(t *testing.T, w *world) {
		w.together(t, 8, func(c storage.Catalog, i int) error {
			a := lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: w.room.ID, From: sec(float64(i))}
			return unless(c.AssignCamera(w.ctx, a), lieciba.CodeConflict)
		})
		list, err := w.Assignments(w.ctx, "", lieciba.Interval{})
		require.NoError(t, err)
		for i := 1; i < len(list); i++ {
			require.Equal(t, list[i-1].To, list[i].From)
		}
		require.True(t, list[len(list)-1].To.IsZero())
	},

	"Leases": testLeases,

	"Beats": func(t *testing.T, w *world) {
		last, err := w.LastBeat(w.ctx, nodeA)
		require.NoError(t, err)
		require.True(t, last.IsZero())
		require.NoError(t, w.Beat(w.ctx, nodeA, sec(5)))
		require.NoError(t, w.Beat(w.ctx, nodeA, sec(4)))
		require.NoError(t, w.Beat(w.ctx, nodeB, sec(9)))
		last, err = w.LastBeat(w.ctx, nodeA)
		require.NoError(t, err)
		require.Equal(t, sec(5), last, "the newest")
	},
}

func testChangesTakeTurns(t *testing.T, w *world) {
	const changes = 24
	w.together(t, changes, func(c storage.Catalog, i int) error {
		if i%6 == 0 { // MoveSession changes the same row
			if err := c.MoveSession(w.ctx, w.session.ID, lieciba.SessionReady); err != nil {
				return err
			}
		}
		return c.ChangeSession(w.ctx, w.session.SessionKey, func(cur *lieciba.ExamSession) (*lieciba.ExamSession, error) {
			next := *cur
			next.SourceVersion++
			return &next, nil
		}, nil)
	})
	got, err := w.Session(w.ctx, w.session.ID)
	require.NoError(t, err)
	require.Equal(t, w.session.SourceVersion+changes, got.SourceVersion, "no change was lost")
	require.Equal(t, lieciba.SessionReady, got.State)
}

func testLeases(t *testing.T, w *world) {
	cam := w.camera.ID
	lease, ok, err := w.AcquireLease(w.ctx, cam, nodeA, time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, lieciba.Lease{CameraID: cam, NodeID: nodeA, ExpiresAt: lease.ExpiresAt}, lease)
	again, ok, err := w.AcquireLease(w.ctx, cam, nodeA, 2*time.Hour)
	require.NoError(t, err)
	require.True(t, ok, "renewed")
	require.True(t, again.ExpiresAt.After(lease.ExpiresAt))
	held, ok, err := w.AcquireLease(w.ctx, cam, nodeB, time.Hour)
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, again, held, "the holder's")
	require.NoError(t, w.ReleaseLease(w.ctx, cam, nodeB), "not holding it is no error")
	_, ok, err = w.AcquireLease(w.ctx, cam, nodeB, time.Hour)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, w.ReleaseLease(w.ctx, cam, nodeA))
	// A lease of no time has run out when it is granted.
	_, ok, err = w.AcquireLease(w.ctx, cam, nodeB, 0)
	require.NoError(t, err)
	require.True(t, ok)
	_, ok, err = w.AcquireLease(w.ctx, cam, nodeA, time.Hour)
	require.NoError(t, err)
	require.True(t, ok, "an expired lease is free")

	other := newID[lieciba.CameraID]()
	won := make([]bool, 8)
	w.together(t, len(won), func(c storage.Catalog, i int) (err error) {
		_, won[i], err = c.AcquireLease(w.ctx, other, newID[lieciba.NodeID](), time.Hour)
		return err
	})
	require.Equal(t, 1, count(won), "two nodes never hold one camera")
}

// testChangeExcludes calls from inside of decide, where the transaction is open:
// a second node's change of the same key must wait until its ctx ends.
func testChangeExcludes(t *testing.T, w *world) {
	second := w.second(t)
	for _, key := range []lieciba.SessionKey{w.session.SessionKey, {Source: "pizis", ExternalID: "fresh"}} {
		calls := 0
		var changed, moved error
		require.NoError(t, w.ChangeSession(w.ctx, key, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) {
			calls++
			short, cancel := context.WithTimeout(w.ctx, 200*time.Millisecond)
			defer cancel()
			changed = second.ChangeSession(short, key, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) {
				t.Error("decide ran beside another change of the key")
				return nil, nil
			}, nil)
			short, cancel = context.WithTimeout(w.ctx, 200*time.Millisecond)
			defer cancel()
			moved = second.MoveSession(short, w.session.ID, lieciba.SessionReady)
			return nil, nil
		}, nil))
		require.Equal(t, 1, calls)
		requireCode(t, changed, lieciba.CodeUnavailable, "")
		if key == w.session.SessionKey {
			requireCode(t, moved, lieciba.CodeUnavailable, "")
		}
	}
	require.NoError(t, second.MoveSession(w.ctx, w.session.ID, lieciba.SessionReady), "and it goes on afterwards")
}

// second opens the store as another node.
func (w *world) second(t *testing.T) storage.Catalog {
	c := w.open()
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// rounds repeats a race that a missing lock would lose only sometimes.
func (w *world) rounds(t *testing.T, race func(round int)) {
	w.other = w.second(t)
	for round := range 30 {
		race(round)
	}
}

// together runs n calls at once, by turns through two nodes of the store, each
// with its connection made before.
func (w *world) together(t *testing.T, n int, call func(c storage.Catalog, i int) error) {
	t.Helper()
	if w.other == nil {
		w.other = w.second(t)
	}
	nodes := []storage.Catalog{w.Catalog, w.other}
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			errs[i] = nodes[i%2].Ping(w.ctx)
			ready.Done()
			<-start
			errs[i] = errors.Join(errs[i], call(nodes[i%2], i))
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func unless(err error, code lieciba.Code) error {
	if err != nil && lieciba.CodeOf(err) == code {
		return nil
	}
	return err
}

func count(list []bool) (n int) {
	for _, v := range list {
		if v {
			n++
		}
	}
	return n
}

func sortByID(list []lieciba.Recording) {
	slices.SortFunc(list, func(a, b lieciba.Recording) int { return strings.Compare(string(a.ID), string(b.ID)) })
}
