package recorder

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/ingest"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/storagetest"
)

// intact checks that every segment on record is in the store, byte for byte,
// and that the spool is empty.
func (h *house) intact(x held) {
	h.t.Helper()
	for _, s := range x.segments {
		require.Equal(h.t, lieciba.SegmentVerified, s.State)
		src, err := h.media.Open(ctxb, s.Media)
		require.NoError(h.t, err)
		sum := sha256.New()
		_, err = io.Copy(sum, src)
		require.NoError(h.t, errors.Join(err, src.Close()))
		require.Equal(h.t, s.SHA256[:], sum.Sum(nil))
	}
	left, err := filepath.Glob(filepath.Join(h.dir, "spool", "*", "*"))
	require.NoError(h.t, err)
	require.Empty(h.t, left)
}

// shortSession records 40 s with an outage of 3 s in short segments; rest is
// how long to wait after the window.
func (h *house) shortSession(t *testing.T, rest time.Duration) held {
	h.t = t
	tune := h.tune
	h.tune = func(c *Config) {
		c.SegmentLength = 6 * time.Second
		if tune != nil {
			tune(c)
		}
	}
	_, stop := h.start()
	cam := h.sims[h.cameras[0].Streams[0].URL]
	begin := time.Now().Add(15 * time.Second)
	id := h.session(h.rooms[0], begin, begin.Add(40*time.Second), nil)
	at(begin.Add(20 * time.Second))
	cam.fail(&ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("refused")})
	time.Sleep(3 * time.Second)
	cam.fail(nil)
	at(begin.Add(40*time.Second + rest))
	x := h.only(id)
	require.Equal(t, lieciba.RecordingComplete, x.State)
	h.intact(x)
	stop()
	return x
}

func TestEveryCatalogueWriteFailsOnce(t *testing.T) {
	total := 0
	run := func(n int, w storagetest.When) (x held) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, 1)
			faults := storagetest.NewFaultCatalog(h.catalog)
			if n > 0 {
				faults.FailNth(n, w)
			}
			h.wrap = func(storage.Catalog) storage.Catalog { return faults }
			x = h.shortSession(t, 40*time.Second)
			total = len(faults.Writes())
		})
		return x
	}
	base := run(0, storagetest.Never)
	require.Len(t, base.gaps, 1)
	writes := total
	t.Logf("%d writes", writes)
	for n := 1; n <= writes; n += stride(n) {
		for i, w := range []storagetest.When{storagetest.Before, storagetest.After} {
			if n > 30 && n%2 != i { // both ways in the first writes, then one after the other
				continue
			}
			x := run(n, w)
			require.Len(t, x.gaps, 1, "write %d, %v", n, w)
			require.InDelta(t, base.cover.Recorded.Seconds(), x.cover.Recorded.Seconds(), 2)
		}
	}
}

func TestEveryStoreStepFailsOnce(t *testing.T) {
	for _, step := range []storagetest.MediaStep{storagetest.MediaPut, storagetest.MediaSum} {
		for n := 1; n <= 6; n++ {
			for _, after := range []bool{false, true} {
				sim(t, 1, func(t *testing.T, h *house) {
					faults := storagetest.NewFaultMedia(h.media)
					h.wrapM = func(storage.Media) storage.Media { return faults }
					if after {
						faults.FailAfter(step, n, storagetest.Outage())
					} else {
						faults.FailBefore(step, n, storagetest.Outage())
					}
					x := h.shortSession(t, 40*time.Second)
					require.Len(t, x.gaps, 1)
				})
			}
		}
	}
}

// diskFault fails the nth step on the spool.
type diskFault struct {
	mu    sync.Mutex
	n     int // counts down; 0 fails
	after bool
	err   error
	steps int
}

func (f *diskFault) fault(_ durable.Step, _ string, do func() error) error {
	f.mu.Lock()
	f.n--
	f.steps++
	hit := f.n == 0
	f.mu.Unlock()
	if !hit {
		return do()
	}
	if f.after {
		return errors.Join(f.err, do())
	}
	return f.err
}

// stride is how far the next step to fail is. The race detector makes a
// simulated minute ten times as long, and every step is failed without it:
// under it a sample does.
func stride(n int) int {
	if underRace && n > 4 {
		return 9
	}
	return 1
}

func TestEveryDiskStepFailsOnce(t *testing.T) {
	run := func(f *diskFault) (x held) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, 1)
			require.NoError(t, os.MkdirAll(filepath.Join(h.dir, "spool"), 0o750)) // New itself may fail, and says so
			h.tune = func(c *Config) {
				c.Disk = durable.OS.With(func(s durable.Step, path string, do func() error) error {
					if path == h.dir || filepath.Dir(path) == h.dir {
						return do()
					}
					return f.fault(s, path, do)
				})
			}
			x = h.shortSession(t, time.Minute)
		})
		return x
	}
	count := &diskFault{}
	base := run(count)
	t.Logf("%d steps", count.steps)
	for n := 1; n <= count.steps; n += stride(n) {
		for i, err := range []error{syscall.EIO, syscall.ENOSPC} {
			for j, after := range []bool{false, true} {
				if n > 12 && (n/2)%4 != 2*i+j { // each way in the first steps, then one after the other
					continue
				}
				x := run(&diskFault{n: n, err: err, after: after})
				require.LessOrEqual(t, len(x.gaps), 3, "step %d %v after=%v: %v", n, err, after, causes(x))
				require.Less(t, (base.cover.Recorded - x.cover.Recorded).Seconds(), 9.0, "step %d %v after=%v", n, err, after)
			}
		}
	}
}

// awayCatalog is a catalogue whose reads fail too.
type awayCatalog struct {
	*storagetest.FaultCatalog
	away atomic.Bool
}

func (c *awayCatalog) ListCameras(ctx context.Context, s lieciba.SiteID) ([]lieciba.Camera, error) {
	if c.away.Load() {
		return nil, storagetest.Outage()
	}
	return c.FaultCatalog.ListCameras(ctx, s)
}

func (c *awayCatalog) UnverifiedSegments(ctx context.Context, n lieciba.NodeID, limit int) ([]lieciba.Segment, error) {
	if c.away.Load() {
		return nil, storagetest.Outage()
	}
	return c.FaultCatalog.UnverifiedSegments(ctx, n, limit)
}

func (c *awayCatalog) set(away bool) {
	c.away.Store(away)
	c.Plan(nil)
	if away {
		c.FailAll()
	}
}

func TestCatalogueIsAwayWhileRecording(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		cat := &awayCatalog{FaultCatalog: storagetest.NewFaultCatalog(h.catalog)}
		h.wrap = func(storage.Catalog) storage.Catalog { return cat }
		r, _ := h.start()
		cam := h.sims[h.cameras[0].Streams[0].URL]
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(-11 * time.Second)) // it knows of the session, and has nothing on record
		r.Refresh()
		time.Sleep(500 * time.Millisecond)
		cat.set(true)
		at(begin.Add(2 * time.Minute))
		cam.fail(&ingest.Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("refused")})
		time.Sleep(5 * time.Second)
		cam.fail(nil)
		at(begin.Add(3 * time.Minute))
		require.Positive(t, r.Stats().RowsWaiting)
		st, ok := r.CameraStatus(h.cameras[0].ID)
		require.True(t, ok)
		require.True(t, st.Recording)
		cat.set(false)
		at(begin.Add(6 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseNetworkLoss}, causes(x))
		require.InDelta(t, 5, x.cover.Missing.Seconds(), 1)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		h.intact(x)
	})
}

func TestSpoolThatIsExhausted(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		faults := storagetest.NewFaultMedia(h.media)
		h.wrapM = func(storage.Media) storage.Media { return faults }
		h.tune = func(c *Config) { c.MaxSpoolBytes, c.SegmentLength = 100_000, 6*time.Second }
		r, _ := h.start()
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(5*time.Minute), nil)
		at(begin.Add(10 * time.Second))
		faults.FailAll(storagetest.MediaPut, storagetest.Outage())
		at(begin.Add(3 * time.Minute))
		st := r.Stats()
		require.Equal(t, lieciba.CauseStoreUnavailable, st.SpoolShut)
		require.InDelta(t, 100_000, float64(st.SpoolBytes), 20_000)
		cs, _ := r.CameraStatus(h.cameras[0].ID)
		require.Equal(t, lieciba.CauseStoreUnavailable, cs.GapCause)
		faults.Heal()
		at(begin.Add(6 * time.Minute))
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseStoreUnavailable}, causes(x))
		require.Equal(t, lieciba.RecordingComplete, x.State)
		h.intact(x)
	})
}

func TestFlappingCamerasForAnHour(t *testing.T) {
	sim(t, 3, func(t *testing.T, h *house) {
		h.margins = margins
		h.start()
		begin := time.Now().Add(2 * time.Minute)
		var ids []lieciba.SessionID
		for i := range 3 {
			ids = append(ids, h.session(h.rooms[i], begin, begin.Add(time.Hour), nil))
		}
		rnd := rand.New(rand.NewPCG(7, 7))
		list := []lieciba.GapCause{lieciba.CauseCameraOffline, lieciba.CauseNetworkLoss, lieciba.CauseAuthFailed, lieciba.CauseDecodeError}
		for time.Now().Before(begin.Add(time.Hour)) {
			time.Sleep(time.Duration(rnd.Int64N(int64(30 * time.Second))))
			cam := h.sims[h.cameras[rnd.IntN(3)].Streams[0].URL]
			cam.fail(&ingest.Error{Cause: list[rnd.IntN(len(list))], Err: errors.New("flap")})
			time.Sleep(time.Duration(rnd.Int64N(int64(8 * time.Second))))
			for _, c := range h.sims {
				c.fail(nil)
			}
		}
		at(begin.Add(time.Hour + 2*time.Minute))
		for _, id := range ids {
			x := h.only(id)
			require.Equal(t, lieciba.RecordingComplete, x.State)
			require.Greater(t, len(x.gaps), 10)
			h.intact(x)
		}
	})
}

func TestPanicInOneCameraHurtsNoOther(t *testing.T) {
	sim(t, 2, func(t *testing.T, h *house) {
		r, _ := h.start()
		begin := time.Now().Add(12 * time.Second)
		ids := []lieciba.SessionID{h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil), h.session(h.rooms[1], begin, begin.Add(2*time.Minute), nil)}
		at(begin.Add(30*time.Second + 510*time.Millisecond))
		s := r.stream(h.cameras[0].ID, lieciba.StreamMain)
		s.hub.frame(lieciba.Frame{Key: true, Time: time.Now()}, nil) // a frame without a run: a bug's trace
		at(begin.Add(3 * time.Minute))
		x, y := h.only(ids[0]), h.only(ids[1])
		require.Equal(t, []lieciba.GapCause{lieciba.CauseDecodeError}, causes(x))
		require.Less(t, x.cover.Missing, 4*time.Second)
		require.Empty(t, y.gaps)
	})
}

func TestLeaseMovesToTheOtherNode(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		first, stopFirst := h.start()
		other := *h
		other.dir, other.node = filepath.Join(h.dir, "other"), lieciba.NewID[lieciba.NodeID](time.Now())
		require.NoError(t, os.MkdirAll(other.dir, 0o750))
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(4*time.Minute), nil)
		at(begin.Add(10 * time.Second))
		second, stopSecond := other.start()
		at(begin.Add(time.Minute + 3*time.Second)) // between two renewals of the other
		require.True(t, first.leases.granted(h.cameras[0].ID))
		require.False(t, second.leases.granted(h.cameras[0].ID))
		_, err := second.Join(ctxb, h.cameras[0].ID, lieciba.StreamMain)
		require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
		stopFirst()
		at(begin.Add(5 * time.Minute))
		_, stopAgain := h.start() // it still has segments in its spool
		time.Sleep(10 * time.Second)
		x := h.only(id)
		require.Equal(t, []lieciba.GapCause{lieciba.CauseServerDown}, causes(x))
		require.Less(t, x.cover.Missing, 20*time.Second)
		stopAgain()
		require.Equal(t, other.node, x.NodeID)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		stopSecond()
	})
}
