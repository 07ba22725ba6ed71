package sequencer_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/postgres"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

// run runs a sequencer and returns how to end it.
func run(t *testing.T, s *sequencer.Sequencer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestAwait(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c := open()
		s := sequencer.New(sequencer.Config{Catalog: c, Key: newKey(t), Interval: time.Hour})
		defer run(t, s)()
		stage(t, c, "x", 1)
		l, err := s.Await(t.Context(), lieciba.LeafExport, "x0")
		require.NoError(t, err)
		require.GreaterOrEqual(t, l.Index, int64(0))
		_, err = s.Await(t.Context(), lieciba.LeafExport, "never staged")
		require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
	})
}

// countingLog counts checkpoints on a bubble's clock; nothing of it is stored.
type countingLog struct {
	sequencer.Catalog
	head lieciba.Checkpoint

	mu          sync.Mutex
	staged      int
	checkpoints []time.Time
}

func (f *countingLog) NewestCheckpoint(context.Context) (lieciba.Checkpoint, error) {
	return f.head, nil
}

func (f *countingLog) StagedLeaves(context.Context) (int, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.staged, time.Time{}, nil
}

func (f *countingLog) Sequence(context.Context, int, func(storage.LogHead, []lieciba.Leaf) (storage.Sequenced, error)) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.staged
	f.staged = 0
	f.checkpoints = append(f.checkpoints, time.Now())
	return n, nil
}

func (f *countingLog) stage() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.staged++
}

func (f *countingLog) made() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.checkpoints
}

// TestCheckpointsUnderLoad: a leaf and a poke every 5 ms for ten seconds make
// some fifty checkpoints and not two thousand, and nobody waits for long.
func TestCheckpointsUnderLoad(t *testing.T) {
	key := newKey(t)
	head, err := evidence.SignCheckpoint("log.example/1", 1, [32]byte{}, key)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		f := &countingLog{head: head}
		s := sequencer.New(sequencer.Config{Catalog: f, Key: key})
		stop := run(t, s)
		synctest.Wait()
		begin := time.Now()
		for range 2000 {
			f.stage()
			s.Poke()
			time.Sleep(5 * time.Millisecond) // of the bubble's clock
		}
		synctest.Wait()
		busy := f.made()
		require.LessOrEqual(t, len(busy), 51)
		require.GreaterOrEqual(t, len(busy), 45)
		require.Equal(t, begin, busy[0], "the first one at once")
		for i := 1; i < len(busy); i++ {
			require.LessOrEqual(t, busy[i].Sub(busy[i-1]), 210*time.Millisecond, "nobody waits for long")
		}

		time.Sleep(20 * time.Second)
		synctest.Wait()
		idle := len(f.made())
		f.stage()
		s.Poke()
		synctest.Wait()
		require.Len(t, f.made(), idle+1, "a poke after a quiet time is answered at once")
		f.stage() // another node's, without a poke
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Len(t, f.made(), idle+2)
		stop()
	})
}

// stamper is an authority that answers in a channel's time.
type stamper struct{ asked chan []byte }

func (s stamper) Stamp(_ context.Context, note []byte) (lieciba.TimeStamp, error) {
	s.asked <- note
	return lieciba.TimeStamp{Authority: "a", At: noon, Token: []byte("t")}, nil
}

func TestStamps(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c := open()
		asked := make(chan []byte, 10)
		s := sequencer.New(sequencer.Config{Catalog: c, Key: newKey(t), Stamper: stamper{asked}})
		require.NoError(t, s.Start(t.Context()))
		head, err := c.NewestCheckpoint(t.Context())
		require.NoError(t, err)
		stop := run(t, s)
		note := <-asked
		stop()
		require.Contains(t, string(note), "log.example/1")
		got, err := s.Stamp(t.Context(), head.Size)
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, lieciba.TimeStamp{Size: head.Size, Authority: "a", At: noon, Token: []byte("t")}, got[0])
		_, err = s.Stamp(t.Context(), 1_000_000)
		require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
		_, err = sequencer.New(sequencer.Config{Catalog: c, Key: s.Key()}).Stamp(t.Context(), head.Size)
		require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	})
}

// childEnv makes the test binary the process that gets killed.
const childEnv = "LIECIBA_TEST_SEQUENCER"

// child stages and sequences until it is killed, and tells each checkpoint.
func child(where string) {
	die := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	ctx := context.Background()
	url, key, _ := strings.Cut(where, "|")
	c, err := openAny(ctx, url)
	die(err)
	s := sequencer.New(sequencer.Config{Catalog: c, KeyFile: key})
	for i := 0; ; i++ {
		l := evidence.NewLeaf(lieciba.LeafExport, fmt.Sprint(os.Getpid(), " ", i), noon, evidence.ExportDetail{})
		die(c.StageLeaf(ctx, l))
		_, err := s.Once(ctx)
		die(err)
		fmt.Println(s.Stats().Size)
	}
}

func openAny(ctx context.Context, url string) (catalog, error) {
	if strings.HasPrefix(url, "postgres") {
		return postgres.Open(ctx, url)
	}
	return sqlite.Open(ctx, url)
}

// TestKilled kills a sequencing process with SIGKILL, three times; what it told
// is there, and the next one goes on.
func TestKilled(t *testing.T) {
	for name, url := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "c.db"), "postgres": storagetest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			key := filepath.Join(t.TempDir(), "log.key")
			for round := range 3 {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), childEnv+"="+url+"|"+key)
				cmd.Stderr = os.Stderr
				out, err := cmd.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				var told int64
				lines := bufio.NewScanner(out)
				for range 5 + 7*round {
					require.True(t, lines.Scan())
					_, err := fmt.Sscan(lines.Text(), &told)
					require.NoError(t, err)
				}
				require.NoError(t, cmd.Process.Kill())
				require.Error(t, cmd.Wait())
				c, err := openAny(t.Context(), url)
				require.NoError(t, err)
				require.GreaterOrEqual(t, checkLog(t, c), told)
				require.NoError(t, c.Close())
			}
		})
	}
}

// freshLike opens an empty catalogue of the same sort as c.
func freshLike(t *testing.T, c catalog) catalog {
	t.Helper()
	url := filepath.Join(t.TempDir(), "fresh.db")
	if _, ok := c.(*postgres.Catalog); ok {
		url = storagetest.Postgres(t)
	}
	fresh, err := openAny(context.Background(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fresh.Close()) })
	return fresh
}
