package recorder

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
)

// hangingCatalog does not answer the first call of each of these, as a database
// does whose machine went away in mid-connection.
type hangingCatalog struct {
	storage.Catalog
	mu   sync.Mutex
	hung map[string]bool
}

func (c *hangingCatalog) hang(ctx context.Context, call string) error {
	c.mu.Lock()
	first := !c.hung[call]
	c.hung[call] = true
	c.mu.Unlock()
	if !first {
		return nil
	}
	<-ctx.Done()
	return lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "no answer")
}

func (c *hangingCatalog) SetCameraState(ctx context.Context, id lieciba.CameraID, s lieciba.CameraState, d time.Duration) error {
	return errors.Join(c.hang(ctx, "SetCameraState"), c.Catalog.SetCameraState(ctx, id, s, d))
}

func (c *hangingCatalog) ChangeSession(ctx context.Context, key lieciba.SessionKey, decide func(*lieciba.ExamSession) (*lieciba.ExamSession, error), a *lieciba.AuditEntry) error {
	return errors.Join(c.hang(ctx, "ChangeSession"), c.Catalog.ChangeSession(ctx, key, decide, a))
}

func (c *hangingCatalog) MoveRecording(ctx context.Context, id lieciba.RecordingID, to lieciba.RecordingState, n lieciba.NodeID) error {
	return errors.Join(c.hang(ctx, "MoveRecording "+string(to)), c.Catalog.MoveRecording(ctx, id, to, n))
}

func (c *hangingCatalog) ListRecordings(ctx context.Context, s ...lieciba.RecordingState) ([]lieciba.Recording, error) {
	list, err := c.Catalog.ListRecordings(ctx, s...)
	return list, errors.Join(c.hang(ctx, "ListRecordings"), err)
}

func (c *hangingCatalog) UnverifiedSegments(ctx context.Context, n lieciba.NodeID, limit int) ([]lieciba.Segment, error) {
	list, err := c.Catalog.UnverifiedSegments(ctx, n, limit)
	if len(list) > 0 {
		err = errors.Join(c.hang(ctx, "UnverifiedSegments"), err)
	}
	return list, err
}

func (c *hangingCatalog) VerifySegment(ctx context.Context, id lieciba.SegmentID, ref lieciba.MediaRef) error {
	return errors.Join(c.hang(ctx, "VerifySegment"), c.Catalog.VerifySegment(ctx, id, ref))
}

func TestCatalogueThatDoesNotAnswer(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.wrap = func(c storage.Catalog) storage.Catalog {
			return &hangingCatalog{Catalog: c, hung: map[string]bool{}}
		}
		_, stop := h.start()
		begin := time.Now().Add(2 * time.Minute)
		id := h.session(h.rooms[0], begin, begin.Add(3*time.Minute), nil)
		at(begin.Add(6 * time.Minute))
		stop()
		x := h.only(id)
		x.exact(t)
		require.Empty(t, x.gaps)
		require.Equal(t, lieciba.RecordingComplete, x.State)
	})
}

// panicCatalog has a bug.
type panicCatalog struct {
	storage.Catalog
	once sync.Once
}

func (c *panicCatalog) AddSegment(ctx context.Context, s lieciba.Segment) error {
	c.once.Do(func() { panic("a bug in the catalogue") })
	return c.Catalog.AddSegment(ctx, s)
}

// panicMedia has a bug too.
type panicMedia struct {
	storage.Media
	once sync.Once
}

func (m *panicMedia) Sum(ctx context.Context, ref lieciba.MediaRef) (sum [32]byte, err error) {
	m.once.Do(func() { panic("a bug in the store") })
	return m.Media.Sum(ctx, ref)
}

func TestPanicsOfCatalogueAndStoreCostNothing(t *testing.T) {
	sim(t, 1, func(t *testing.T, h *house) {
		h.wrap = func(c storage.Catalog) storage.Catalog { return &panicCatalog{Catalog: c} }
		h.wrapM = func(m storage.Media) storage.Media { return &panicMedia{Media: m} }
		h.start()
		begin := time.Now().Add(12 * time.Second)
		id := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
		at(begin.Add(4 * time.Minute))
		x := h.only(id)
		require.Empty(t, x.gaps)
		require.Equal(t, lieciba.RecordingComplete, x.State)
		h.intact(x)
	})
}

// A panic in the middle of writing a segment keeps what was durable of it, even
// if closing it panics too.
func TestPanicWhileWritingKeepsWhatIsDurable(t *testing.T) {
	for _, panics := range []int{1, 2} {
		sim(t, 1, func(t *testing.T, h *house) {
			begin := time.Now().Add(12 * time.Second)
			var mu sync.Mutex
			left := panics
			h.tune = func(c *Config) {
				c.Disk = durable.OS.With(func(s durable.Step, path string, do func() error) error {
					mu.Lock()
					hit := left > 0 && time.Since(begin) > 20*time.Second && s == durable.StepSync && strings.HasSuffix(path, ".part")
					if hit {
						left--
					}
					mu.Unlock()
					if hit {
						panic("a bug while writing")
					}
					return do()
				})
			}
			_, stop := h.start()
			id := h.session(h.rooms[0], begin, begin.Add(2*time.Minute), nil)
			at(begin.Add(4 * time.Minute))
			stop()
			x := h.only(id)
			x.exact(t)
			require.Equal(t, []lieciba.GapCause{lieciba.CauseDecodeError}, causes(x))
			require.Less(t, x.cover.Missing, 4*time.Second, "%d panics", panics)
			require.Equal(t, lieciba.RecordingComplete, x.State)
			files, err := filepath.Glob(filepath.Join(h.dir, "spool", "*", "*.mp4*"))
			require.NoError(t, err)
			require.Empty(t, files)
		})
	}
}
