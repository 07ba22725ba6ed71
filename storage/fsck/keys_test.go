package fsck_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
	"lieciba/storage/sequencer"
)

func (s *site) entry(n int) lieciba.AuditEntry {
	e := lieciba.AuditEntry{ID: id[lieciba.AuditID](), At: at(float64(n)), Who: "Anna", WhoID: "anna", Act: "sign_in", Object: "user:anna", Outcome: "ok"}
	require.NoError(s.t, s.catalog.AppendAudit(s.t.Context(), e))
	return e
}

// TestKeysOfTheLog: the newest key is enough to judge a log that changed hands,
// an old one is not, and another's is none.
func TestKeysOfTheLog(t *testing.T) {
	onStores(t, func(s *site) {
		ctx := t.Context()
		s.verified(0, 60)
		keys := []*evidence.Key{s.key}
		for range 2 {
			k, _, err := evidence.CreateKey(filepath.Join(t.TempDir(), "log.key"), s.key.Name())
			require.NoError(t, err)
			keys = append(keys, k)
		}
		seq := sequencer.New(sequencer.Config{Catalog: s.catalog, Key: s.key, Now: func() time.Time { return at(100) }})
		for n, k := range keys {
			s.entry(n)
			_, err := seq.Once(ctx)
			require.NoError(t, err)
			if n > 0 {
				require.NoError(t, seq.Rotate(ctx, k, "yearly"))
			}
			s.entry(10 + n)
			_, err = seq.Once(ctx)
			require.NoError(t, err)
		}
		check := func(vkeys ...string) fsck.LogResult {
			s.opt.LogKeys = vkeys
			r, err := fsck.CheckLog(ctx, s.catalog, s.opt)
			require.NoError(t, err)
			return r
		}
		newest := keys[2].VerifierKey()
		r := check(newest)
		require.Empty(t, r.Violations, spelled(r.Violations))
		require.Zero(t, r.Unsigned)
		require.Greater(t, r.Checkpoints, 4)
		require.Empty(t, check(keys[0].VerifierKey(), keys[1].VerifierKey(), newest).Violations)
		require.Empty(t, check().Violations, "by its own keys it agrees with itself")

		handed := edit{object: "key", words: "hands the log over to a key that is not one of ours", rule: fsck.RuleTree}
		require.True(t, named(check(keys[1].VerifierKey()).Violations, handed))
		stranger, _, err := evidence.OpenKey(filepath.Join(t.TempDir(), "other.key"))
		require.NoError(t, err)
		r = check(stranger.VerifierKey())
		require.True(t, named(r.Violations, handed))
		require.NotNil(t, r.FirstBroken)
		_, err = fsck.CheckLog(ctx, s.catalog, fsck.Options{LogKeys: []string{"nonsense"}})
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	})
}

// TestBesideASequencer: rows and checkpoints come in while the log is checked
// again and again: nothing of that is a violation.
func TestBesideASequencer(t *testing.T) {
	onStores(t, func(s *site) {
		ctx, cancel := context.WithCancel(t.Context())
		s.verified(0, 60)
		seq := sequencer.New(sequencer.Config{Catalog: s.catalog, Key: s.key, Interval: time.Millisecond, Rest: time.Nanosecond})
		_, err := seq.Once(ctx)
		require.NoError(t, err)
		done := make(chan error, 2)
		go func() { done <- seq.Run(ctx) }()
		go func() {
			for n := 0; ; n++ {
				e := lieciba.AuditEntry{ID: id[lieciba.AuditID](), At: at(float64(n)), Who: "Anna", WhoID: "anna", Act: "sign_in", Object: "user:anna", Outcome: "ok"}
				if err := s.catalog.AppendAudit(ctx, e); err != nil {
					if ctx.Err() != nil {
						err = nil
					}
					done <- err
					return
				}
			}
		}()
		size := int64(0)
		for range 8 {
			r, err := fsck.CheckLog(ctx, s.catalog, s.opt)
			require.NoError(t, err)
			require.Empty(t, r.Violations, spelled(r.Violations))
			require.GreaterOrEqual(t, r.Size, size)
			size = r.Size
		}
		s.clean()
		cancel()
		require.NoError(t, errors.Join(<-done, <-done))
	})
}
