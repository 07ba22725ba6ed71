package sequencer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/postgres"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		child(url)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// catalog is a real catalogue; open gives another connection to the same one.
type catalog interface {
	sequencer.Catalog
	storage.Audit
	Close() error
}

// onEach runs a test on every catalogue.
func onEach(t *testing.T, f func(t *testing.T, open func() catalog)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "c.db")
		f(t, func() catalog {
			c, err := sqlite.Open(context.Background(), path)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			return c
		})
	})
	t.Run("postgres", func(t *testing.T) {
		url := storagetest.PostgresFor(t, postgres.Open)
		f(t, func() catalog {
			c, err := postgres.Open(context.Background(), url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			return c
		})
	})
}

func newKey(t testing.TB) *evidence.Key {
	t.Helper()
	k, _, err := evidence.CreateKey(filepath.Join(t.TempDir(), "k"), "log.example/1")
	require.NoError(t, err)
	return k
}

// stage stages n leaves with subjects that begin with name.
func stage(t testing.TB, c storage.HashLog, name string, n int) {
	t.Helper()
	for i := range n {
		l := evidence.NewLeaf(lieciba.LeafExport, fmt.Sprint(name, i), noon, evidence.ExportDetail{ID: lieciba.ExportID(fmt.Sprint(name, i))})
		require.NoError(t, c.StageLeaf(context.Background(), l))
	}
}

// checkLog proves the whole log: every leaf, every checkpoint, every signature.
// It returns the size.
func checkLog(t testing.TB, c storage.HashLog) int64 {
	t.Helper()
	ctx := context.Background()
	checkpoints, err := c.Checkpoints(ctx, 0)
	require.NoError(t, err)
	require.NotEmpty(t, checkpoints)
	head := checkpoints[len(checkpoints)-1]
	leaves, err := c.Leaves(ctx, 0, head.Size+10)
	require.NoError(t, err)
	require.Len(t, leaves, int(head.Size))
	proofs, err := evidence.ProveLeaves(leaves, head.Size, func(i []int64) ([][32]byte, error) { return c.LogHashes(ctx, i) })
	require.NoError(t, err)
	var keys []evidence.KeyAt
	for i, p := range proofs {
		l, err := p.Check(head.Size, head.Root)
		require.NoError(t, err)
		require.EqualValues(t, i, l.Index)
		if l.Kind == lieciba.LeafKey {
			keys = append(keys, evidence.KeyAt{Index: l.Index, Key: l.Subject})
		}
	}
	before := lieciba.Checkpoint{}
	for _, cp := range checkpoints {
		require.NoError(t, evidence.CheckSigners(cp, evidence.SignersOf(keys, before.Size, cp.Size)))
		require.False(t, cp.At.Before(before.At))
		if before.Size > 0 {
			p, err := evidence.ProveTree(cp.Size, before.Size, func(i []int64) ([][32]byte, error) { return c.LogHashes(ctx, i) })
			require.NoError(t, err)
			require.NoError(t, evidence.CheckTree(p, cp.Size, cp.Root, before.Size, before.Root))
			require.Equal(t, before.Origin, cp.Origin)
		}
		before = cp
	}
	return head.Size
}

func sizeOf(t testing.TB, c storage.HashLog) int64 {
	t.Helper()
	head, err := c.NewestCheckpoint(context.Background())
	require.NoError(t, err)
	return head.Size
}

var errInjected = errors.New("injected")

// faulty fails Sequence and Act before or after they took effect, as fail says;
// it is asked once for each, "" lets the call pass.
type faulty struct {
	catalog
	mu   sync.Mutex
	fail func(method string) (when string)
	in   bool // of an Act, which fails as a whole
}

func (f *faulty) ask(method string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil || f.in {
		return ""
	}
	return f.fail(method)
}

func (f *faulty) set(in bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.in = in
}

func broken(when string, do func() error) error {
	if when == "before" {
		return lieciba.Wrap(errInjected, lieciba.CodeUnavailable, "injected")
	}
	err := do()
	if err == nil && when == "after" {
		return lieciba.Wrap(errInjected, lieciba.CodeUnavailable, "injected")
	}
	return err
}

func (f *faulty) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	when := f.ask("Act")
	return broken(when, func() error {
		f.set(true)
		defer f.set(false)
		return f.catalog.Act(ctx, e, do)
	})
}

func (f *faulty) Sequence(ctx context.Context, limit int,
	decide func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error)) (n int, err error) {
	err = broken(f.ask("Sequence"), func() (err error) {
		n, err = f.catalog.Sequence(ctx, limit, decide)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
