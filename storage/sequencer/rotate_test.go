package sequencer_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
)

func TestRotateBesideARunningServer(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, path, ctx := open(), filepath.Join(t.TempDir(), "log.key"), t.Context()
		server := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path})
		_, err := server.Once(ctx)
		require.NoError(t, err)
		first := server.Key()
		stage(t, c, "before ", 2)

		shell := sequencer.New(sequencer.Config{Catalog: open(), KeyFile: path, Who: "shell", WhoID: "shell"})
		second, err := sequencer.RotateKeyFile(ctx, shell, "the operator left")
		require.NoError(t, err)
		require.Equal(t, first.Name(), second.Name())
		head, err := c.NewestCheckpoint(ctx)
		require.NoError(t, err)
		require.NoError(t, evidence.CheckSigners(head, []string{first.VerifierKey(), second.VerifierKey()}), "both sign the change")

		n, err := server.Once(ctx)
		require.NoError(t, err, "the server goes on with the new key")
		require.Equal(t, 1, n, "the leaf of the rotation's audit entry")
		require.Equal(t, second.VerifierKey(), server.Key().VerifierKey())
		head, err = c.NewestCheckpoint(ctx)
		require.NoError(t, err)
		require.NoError(t, evidence.CheckSigners(head, []string{second.VerifierKey()}))
		checkLog(t, c)

		keys, err := server.Keys(ctx)
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Equal(t, second.VerifierKey(), keys[1].Key)
		require.Equal(t, "the operator left", keys[1].Reason)
		require.NoError(t, evidence.CheckKeyChain(keys))

		onDisk, err := evidence.ReadKey(path)
		require.NoError(t, err)
		require.Equal(t, second.VerifierKey(), onDisk.VerifierKey())
		entries, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Len(t, entries, 2, "the key and the one that it replaced")
		for _, e := range entries {
			info, err := e.Info()
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
		}
		audit, err := c.ListAudit(ctx, storage.AuditFilter{Act: "rotate_key"})
		require.NoError(t, err)
		require.Len(t, audit, 1)
		require.Equal(t, "shell", audit[0].Who)
		require.Equal(t, "key:"+second.Fingerprint(), audit[0].Object)
	})
}

// TestKeyIsKnownWithoutALeaf: what the log's keys are must not wait for the next
// fact; a witness that asked a server of yesterday's keys would raise its alarm.
func TestKeyIsKnownWithoutALeaf(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, path, ctx := open(), filepath.Join(t.TempDir(), "log.key"), t.Context()
		idle := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path})
		require.NoError(t, idle.Start(ctx))
		rotate := func() *evidence.Key {
			shell := sequencer.New(sequencer.Config{Catalog: open(), KeyFile: path})
			k, err := sequencer.RotateKeyFile(ctx, shell, "yearly")
			require.NoError(t, err)
			_, err = shell.Once(ctx) // nothing is left for the idle one
			require.NoError(t, err)
			return k
		}
		second := rotate()
		keys, err := idle.Keys(ctx)
		require.NoError(t, err)
		require.Equal(t, []any{2, second.VerifierKey()}, []any{len(keys), keys[len(keys)-1].Key})
		third := rotate()
		n, err := idle.Once(ctx)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, third.VerifierKey(), idle.Key().VerifierKey())
		require.NoError(t, os.Remove(path))
		require.NoError(t, idle.Refresh(ctx), "the file is not needed while the key is the log's")
	})
}

func TestRetiredKeySignsNoMore(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, first, second := open(), newKey(t), newKey(t)
		s := sequencer.New(sequencer.Config{Catalog: c, Key: first})
		require.NoError(t, s.Rotate(t.Context(), second, "planned"))
		require.NoError(t, s.Rotate(t.Context(), second, "planned"), "again, after a lost answer")
		old := sequencer.New(sequencer.Config{Catalog: c, Key: first})
		_, err := old.Once(t.Context())
		require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(s.Rotate(t.Context(), newKey(t), "")))
		stranger, _, err := evidence.OpenKey(filepath.Join(t.TempDir(), "k"))
		require.NoError(t, err)
		require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(s.Rotate(t.Context(), stranger, "of another log")))
		require.Error(t, s.Rotate(t.Context(), first, "back again"), "a key comes once")
		checkLog(t, c)
	})
}

// TestRotationCutOff ends a rotation after each of its steps; the next start
// signs with the key that the log says.
func TestRotationCutOff(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		for name, cut := range map[string]func(path string, s *sequencer.Sequencer, old *evidence.Key) (wantNew bool){
			"after the new file": func(path string, _ *sequencer.Sequencer, old *evidence.Key) bool {
				_, _, err := evidence.CreateKey(sequencer.NextKeyFile(path), old.Name())
				require.NoError(t, err)
				return false
			},
			"after the log": func(path string, s *sequencer.Sequencer, old *evidence.Key) bool {
				next, _, err := evidence.CreateKey(sequencer.NextKeyFile(path), old.Name())
				require.NoError(t, err)
				require.NoError(t, s.Rotate(t.Context(), next, "planned"))
				return true
			},
			"between the files": func(path string, s *sequencer.Sequencer, old *evidence.Key) bool {
				next, _, err := evidence.CreateKey(sequencer.NextKeyFile(path), old.Name())
				require.NoError(t, err)
				require.NoError(t, s.Rotate(t.Context(), next, "planned"))
				require.NoError(t, durable.Rename(path, path+".retired"))
				return true
			},
		} {
			t.Run(name, func(t *testing.T) {
				c, path := freshLike(t, open()), filepath.Join(t.TempDir(), "log.key")
				s := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path})
				require.NoError(t, s.Start(t.Context()))
				old := s.Key()
				wantNew := cut(path, s, old)

				again := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path})
				_, err := again.Once(t.Context())
				require.NoError(t, err)
				require.Equal(t, wantNew, again.Key().VerifierKey() != old.VerifierKey())
				onDisk, err := evidence.ReadKey(path)
				require.NoError(t, err)
				require.Equal(t, again.Key().VerifierKey(), onDisk.VerifierKey())
				_, err = sequencer.RotateKeyFile(t.Context(), again, "the next one")
				require.NoError(t, err)
				require.NoFileExists(t, sequencer.NextKeyFile(path))
				checkLog(t, c)
			})
		}
	})
}

func TestRotationFailsAtEachFile(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c, dir := open(), t.TempDir()
		path := filepath.Join(dir, "log.key")
		s := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path})
		require.NoError(t, s.Start(t.Context()))
		size := sizeOf(t, c)
		require.NoError(t, os.WriteFile(sequencer.NextKeyFile(path), []byte("damaged"), 0o600))
		_, err := sequencer.RotateKeyFile(t.Context(), s, "planned")
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
		require.Equal(t, size, sizeOf(t, c), "nothing was announced")
		require.NoError(t, os.Remove(sequencer.NextKeyFile(path)))

		f := &faulty{catalog: c, fail: func(m string) string {
			if m == "Act" {
				return "after"
			}
			return ""
		}}
		half := sequencer.New(sequencer.Config{Catalog: f, KeyFile: path})
		_, err = sequencer.RotateKeyFile(t.Context(), half, "planned")
		require.True(t, errors.Is(err, errInjected))
		again := sequencer.New(sequencer.Config{Catalog: c, KeyFile: path})
		_, err = again.Once(t.Context())
		require.NoError(t, err)
		keys, err := again.Keys(t.Context())
		require.NoError(t, err)
		require.Len(t, keys, 2, "the log had it, so the files follow")
		checkLog(t, c)
	})
}
