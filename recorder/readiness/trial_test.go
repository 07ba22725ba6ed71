package readiness

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam/picture"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/localfs"
)

// trialOf writes 2 s of a virtual camera's pictures.
func trialOf(t *testing.T, c *Checker) *trial {
	t.Helper()
	s, err := picture.New(picture.Config{Width: 320, Height: 192, DeclaredRate: 25, Name: "Logs"})
	require.NoError(t, err)
	tr := c.newTrial(lieciba.NewID[lieciba.CameraID](start), lieciba.VideoFormat{Codec: lieciba.H264, Width: 320, Height: 192, SPS: s.Encoder.SPS(), PPS: s.Encoder.PPS()})
	for i := range 50 {
		at := start.Add(time.Duration(i) * 40 * time.Millisecond)
		unit, key := s.P, i%25 == 0
		if key {
			unit = s.IDR
		}
		ticks := int64(i) * 3600
		tr.write(lieciba.Frame{Key: key, Time: at, PTS: ticks, DTS: ticks, Units: bytesOf(unit(at))})
	}
	return tr
}

// tampering is a real store that gives back other bytes than it was given.
type tampering struct{ storage.Media }

func (m tampering) Sum(ctx context.Context, ref lieciba.MediaRef) ([32]byte, error) {
	sum, err := m.Media.Sum(ctx, ref)
	sum[0] ^= 1
	return sum, err
}

// keeping is a real store that does not let go, as one that locks everything.
type keeping struct{ storage.Media }

func (keeping) RemoveAll(context.Context, string) error {
	return lieciba.Errorf(lieciba.CodeForbidden, "the object is locked")
}

func TestATestRecordingTellsWhichStepFailed(t *testing.T) {
	full := func(s durable.Step, _ string, do func() error) error {
		if s == durable.StepWrite {
			return syscall.ENOSPC
		}
		return do()
	}
	for want, c := range map[string]struct {
		wrap  func(*localfs.Store) storage.Media
		fault durable.Fault
	}{
		"ok":             {},
		"compare_failed": {wrap: func(s *localfs.Store) storage.Media { return tampering{s} }},
		"remove_failed":  {wrap: func(s *localfs.Store) storage.Media { return keeping{s} }},
		"store_failed": {wrap: func(s *localfs.Store) storage.Media {
			require.NoError(t, s.Close())
			return s
		}},
		"write_failed": {fault: full},
	} {
		t.Run(want, func(t *testing.T) {
			dir := t.TempDir()
			store, err := localfs.Open(filepath.Join(dir, "media"))
			require.NoError(t, err)
			defer func() { require.NoError(t, store.Close()) }()
			cfg := Config{Media: store, Node: lieciba.NewID[lieciba.NodeID](start), TrialDir: filepath.Join(dir, "trial"), Log: slog.New(slog.DiscardHandler)}
			if c.wrap != nil {
				cfg.Media = c.wrap(store)
			}
			if c.fault != nil {
				cfg.Disk = durable.OS.With(c.fault)
			}
			k := New(cfg)
			item := JudgeTrial(k.prove(t.Context(), trialOf(t, k)))
			require.Equal(t, want, item.Fact, item.Measured)
			require.Equal(t, want == "ok", item.Outcome == lieciba.OutcomePassed)
			left, err := os.ReadDir(cfg.TrialDir)
			require.NoError(t, err)
			require.Empty(t, left, "no file stays, whatever failed")
			require.NoError(t, k.Close())
		})
	}
}

// A camera without a picture has nothing to write, and fails by that.
func TestNoPictureNoTestRecording(t *testing.T) {
	store, err := localfs.Open(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	k := New(Config{Media: store})
	require.Equal(t, "write_failed", JudgeTrial(k.prove(t.Context(), nil)).Fact)
}
