package sequencer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/postgres"
	"lieciba/storage/sequencer"
)

func TestFirstStart(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, path := open(), filepath.Join(t.TempDir(), "data", sequencer.KeyName)
		ctx := t.Context()
		s := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path, Now: func() time.Time { return noon }})
		stage(t, c, "older than the log ", 3)
		require.NoError(t, s.Start(ctx))
		head, err := c.NewestCheckpoint(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 4, head.Size)
		require.Equal(t, s.Key().Name(), head.Origin)
		require.Equal(t, noon, head.At)
		l, err := c.LeafOf(ctx, lieciba.LeafKey, s.Key().VerifierKey())
		require.NoError(t, err)
		require.EqualValues(t, 3, l.Index)
		keys, err := s.Keys(ctx)
		require.NoError(t, err)
		require.Equal(t, []evidence.KeyDetail{evidence.FirstKey(s.Key(), "first key of the log")}, keys)

		n, err := s.Once(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n, "the leaf of the audit entry of the beginning")
		n, err = s.Once(ctx)
		require.NoError(t, err)
		require.Zero(t, n)
		require.EqualValues(t, 5, checkLog(t, c))
		require.Equal(t, sequencer.Stats{Size: 5, At: noon, Batches: 2, Leaves: 5}, s.Stats())

		again := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path, Origin: "another.example"})
		stage(t, c, "later ", 1)
		n, err = again.Once(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.EqualValues(t, 6, checkLog(t, c), "the log keeps its name, whatever the configuration says")
	})
}

func TestOriginOfANewLog(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c := open()
		require.NoError(t, sequencer.New(sequencer.Config{Catalog: c, Key: newKey(t), Origin: "ministry.example/log"}).Start(t.Context()))
		head, err := c.NewestCheckpoint(t.Context())
		require.NoError(t, err)
		require.Equal(t, "ministry.example/log", head.Origin)
	})
}

func TestKeyMustBeTheLogs(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, path, ctx := open(), filepath.Join(t.TempDir(), "log.key"), t.Context()
		require.NoError(t, sequencer.New(sequencer.Config{Catalog: c, KeyFile: path}).Start(ctx))
		size := sizeOf(t, c)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(path))

		_, err = sequencer.New(sequencer.Config{Catalog: c, KeyFile: path}).Once(ctx)
		require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
		require.ErrorContains(t, err, "put the file back from its backup")
		require.NoFileExists(t, path, "a new key would hide the loss")

		other, _, err := evidence.OpenKey(path)
		require.NoError(t, err)
		for _, cfg := range []sequencer.Config{{Catalog: c, KeyFile: path}, {Catalog: c, Key: other}, {Catalog: c, Key: newKey(t)}} {
			err = sequencer.New(cfg).Start(ctx)
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
			require.ErrorContains(t, err, "is not the log's current key")
		}
		require.NoError(t, os.WriteFile(path, kept, 0o600))
		require.NoError(t, sequencer.New(sequencer.Config{Catalog: c, KeyFile: path}).Start(ctx))
		require.Equal(t, size, sizeOf(t, c))
	})
}

// TestManySequencers: four processes' worth of sequencers, each with a
// connection of its own, while four others stage.
func TestManySequencers(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		const nodes, each = 4, 25
		key := newKey(t)
		errs := make(chan error, 2*nodes)
		var stagers, all sync.WaitGroup
		staged := make(chan struct{})
		for node := range nodes {
			c := open()
			s := sequencer.New(sequencer.Config{Catalog: c, Key: key})
			stagers.Go(func() { stage(t, c, fmt.Sprint("node ", node, " "), each) })
			all.Go(func() {
				for {
					last := false
					select {
					case <-staged:
						last = true
					default:
					}
					if _, err := s.Once(t.Context()); err != nil || last {
						errs <- err
						return
					}
				}
			})
		}
		stagers.Wait()
		close(staged)
		all.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		c := open()
		require.EqualValues(t, nodes*each+2, checkLog(t, c), "all leaves, the key and the audit entry of the beginning")
	})
}

// TestTwoFirstKeys: of two nodes that begin a log with two keys one wins, and
// the other one is told.
func TestTwoFirstKeys(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			s := sequencer.New(sequencer.Config{Catalog: open(), Key: newKey(t)})
			all.Go(func() { errs[i] = s.Start(t.Context()) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err), "%v", err)
		}
		require.Equal(t, 1, won)
		require.EqualValues(t, 1, checkLog(t, open()))
	})
}

// TestEveryStepFails fails each write of a sequencer's life, before and after it
// took effect; a repeat, also by a new process, ends in the same log.
func TestEveryStepFails(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		life := func(s *sequencer.Sequencer, next *evidence.Key) error {
			if _, err := s.Once(t.Context()); err != nil {
				return err
			}
			if err := s.Rotate(t.Context(), next, "planned"); err != nil {
				return err
			}
			_, err := s.Once(t.Context())
			return err
		}
		var methods []string
		f := &faulty{catalog: open()}
		f.fail = func(m string) string { methods = append(methods, m); return "" }
		key, next := newKey(t), newKey(t)
		require.NoError(t, life(sequencer.New(sequencer.Config{Catalog: f, Key: key}), next))
		want := checkLog(t, f)
		require.Equal(t, []string{"Act", "Sequence", "Sequence", "Act", "Sequence"}, methods)

		for nth := range methods {
			for _, when := range []string{"before", "after"} {
				for _, restart := range []bool{false, true} {
					if _, ok := f.catalog.(*postgres.Catalog); ok && restart != (nth%2 == 0) {
						continue // a fresh database takes a second; SQLite runs them all
					}
					t.Run(fmt.Sprintf("%s %d %s restart=%v", methods[nth], nth, when, restart), func(t *testing.T) {
						c, seen := freshLike(t, f.catalog), 0
						f := &faulty{catalog: c, fail: func(string) string {
							if seen++; seen-1 == nth {
								return when
							}
							return ""
						}}
						key, next := newKey(t), newKey(t)
						s := sequencer.New(sequencer.Config{Catalog: f, Key: key})
						require.ErrorIs(t, life(s, next), errInjected)
						if restart {
							s = sequencer.New(sequencer.Config{Catalog: c, Key: key})
							if lieciba.CodeOf(s.Start(t.Context())) == lieciba.CodeConflict { // rotated already
								s = sequencer.New(sequencer.Config{Catalog: c, Key: next})
							}
						}
						require.NoError(t, life(s, next))
						require.Equal(t, want, checkLog(t, c))
					})
				}
			}
		}
	})
}

func TestClockSetBack(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, now := open(), noon
		s := sequencer.New(sequencer.Config{Catalog: c, Key: newKey(t), Now: func() time.Time { return now }})
		require.NoError(t, s.Start(t.Context()))
		now = noon.Add(-time.Hour)
		_, err := s.Once(t.Context())
		require.NoError(t, err)
		now = noon.Add(time.Minute)
		stage(t, c, "later ", 1)
		_, err = s.Once(t.Context())
		require.NoError(t, err)
		list, err := c.Checkpoints(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, []time.Time{noon, noon, now}, []time.Time{list[0].At, list[1].At, list[2].At})
	})
}

// altered changes what the catalogue tells a sequencer, as somebody with the
// database's password could.
type altered struct {
	catalog
	change func(*storage.LogHead, []lieciba.Leaf)
}

func (a altered) Sequence(ctx context.Context, limit int,
	decide func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error)) (int, error) {
	return a.catalog.Sequence(ctx, limit, func(h storage.LogHead, l []lieciba.Leaf) (storage.Sequenced, error) {
		a.change(&h, l)
		return decide(h, l)
	})
}

func TestNothingIsSignedOnTopOfAChange(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, key := open(), newKey(t)
		ctx := t.Context()
		_, err := sequencer.New(sequencer.Config{Catalog: c, Key: key}).Once(ctx)
		require.NoError(t, err)
		stage(t, c, "next ", 2)
		size := sizeOf(t, c)
		stolen := newKey(t)
		foreign, err := evidence.Handover(key, stolen, "none")
		require.NoError(t, err)
		for name, change := range map[string]func(*storage.LogHead, []lieciba.Leaf){
			"a stored hash": func(h *storage.LogHead, _ []lieciba.Leaf) {
				read := h.Hashes
				h.Hashes = func(i []int64) ([][32]byte, error) {
					out, err := read(i)
					out[0][0] ^= 1
					return out, err
				}
			},
			"the checkpoint's size": func(h *storage.LogHead, _ []lieciba.Leaf) { h.Checkpoint.Size-- },
			"the checkpoint's root": func(h *storage.LogHead, _ []lieciba.Leaf) { h.Checkpoint.Root[0] ^= 1 },
			"its note":              func(h *storage.LogHead, _ []lieciba.Leaf) { h.Checkpoint.Note = h.Checkpoint.Note[1:] },
			"its signature": func(h *storage.LogHead, _ []lieciba.Leaf) {
				n, err := evidence.ParseNote(h.Checkpoint.Note)
				require.NoError(t, err)
				n.Signatures[0].Bytes[0] ^= 1
				h.Checkpoint.Note = n.Encode()
			},
			"a staged leaf's detail": func(_ *storage.LogHead, l []lieciba.Leaf) { l[1].Detail = []byte("{}\n") },
			"a key that nobody rotated to": func(_ *storage.LogHead, l []lieciba.Leaf) {
				l[0] = evidence.NewLeaf(lieciba.LeafKey, stolen.VerifierKey(), noon, foreign)
			},
		} {
			s := sequencer.New(sequencer.Config{Catalog: altered{c, change}, Key: key})
			_, err := s.Once(ctx)
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "%s: %v", name, err)
			require.Equal(t, size, sizeOf(t, c), name)
			require.False(t, s.Stats().FailingAt.IsZero())
			require.Equal(t, 2, s.Stats().Staged)
		}
		_, err = sequencer.New(sequencer.Config{Catalog: c, Key: key}).Once(ctx)
		require.NoError(t, err)
		require.Equal(t, size+2, checkLog(t, c))
	})
}
