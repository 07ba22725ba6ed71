package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/fsck"
	"lieciba/storage/sequencer"
)

// loggedHouse is a data folder with a few audit entries in its evidence log.
func loggedHouse(t *testing.T) (dir string, entries []lieciba.AuditEntry) {
	t.Helper()
	dir = t.TempDir()
	for _, folder := range []string{"media", "spool"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o700))
	}
	cfg := config.Default()
	cfg.Data = dir
	err := server.WithStores(t.Context(), cfg, func(cat storage.Catalog, _ storage.Media, _ fsck.Options) error {
		for n := range 5 {
			at := time.Date(2026, 11, 22, 10, 0, n, 0, time.UTC)
			e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](at), At: at, Who: "Anna", WhoID: "anna", Act: "watch_archive", Object: "camera:x", Outcome: "ok"}
			require.NoError(t, cat.AppendAudit(t.Context(), e))
			entries = append(entries, e)
		}
		_, err := sequencer.New(sequencer.Config{Catalog: cat, KeyFile: filepath.Join(dir, sequencer.KeyName)}).Once(t.Context())
		return err
	})
	require.NoError(t, err)
	return dir, entries
}

// TestFsckChecksTheLog: the chain check from the shell knows the node's key, and
// names what is not so.
func TestFsckChecksTheLog(t *testing.T) {
	t.Parallel()
	dir, _ := loggedHouse(t)
	c := writeConfig(t, dir)
	for _, flags := range [][]string{{"--log"}, {}, {"--repair"}} {
		code, out, errs := command(t, nil, "", append([]string{"fsck", "-c", c}, flags...)...)
		require.Zero(t, code, out+errs)
		require.Regexp(t, `0 violations; evidence log of \d+ leaves, [1-9]`, out)
	}
	code, out, errs := command(t, nil, "", "fsck", "--log", "--json", "-c", c)
	require.Zero(t, code, errs)
	r := decode[fsck.LogResult](t, []byte(out))
	require.Empty(t, r.Violations)
	require.Zero(t, r.Unsigned, "the key file was used")
	require.Positive(t, r.Size)

	require.Equal(t, fsck.JudgedByGiven, r.JudgedBy)
	require.Empty(t, r.Warning)

	key := filepath.Join(dir, sequencer.KeyName)
	require.NoError(t, os.Rename(key, key+".away"))
	for _, flags := range [][]string{{"--log"}, {}} {
		code, out, errs = command(t, nil, "", append([]string{"fsck", "-c", c}, flags...)...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "warning: signatures were judged by the keys that the log names itself, because this node has no key file")
	}
	_, out, _ = command(t, nil, "", "fsck", "--log", "--json", "-c", c)
	r = decode[fsck.LogResult](t, []byte(out))
	require.Equal(t, fsck.JudgedByLog, r.JudgedBy)
	require.Contains(t, r.Warning, "this node has no key file")
	require.NoError(t, os.Rename(key+".away", key))

	code, _, errs = command(t, nil, "", "fsck", "--log", "-c", c, "--key", "nonsense")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "verifier key")

	otherDir, _ := loggedHouse(t)
	other, err := sequencerKey(t.Context(), otherDir)
	require.NoError(t, err)
	code, out, _ = command(t, nil, "", "fsck", "--log", "-c", c, "--key", other)
	require.Equal(t, 1, code)
	require.Contains(t, out, "hands the log over to a key that is not one of ours")
	require.Contains(t, out, "first broken leaf of the evidence log")
}

func sequencerKey(ctx context.Context, dir string) (key string, err error) {
	cfg := config.Default()
	cfg.Data = dir
	err = server.WithStores(ctx, cfg, func(_ storage.Catalog, _ storage.Media, opt fsck.Options) error {
		key = opt.LogKeys[0]
		return nil
	})
	return key, err
}

func writeConfig(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lieciba.yaml")
	require.NoError(t, os.WriteFile(path, []byte("data: "+dir+"\n"), 0o600))
	return path
}
