package export_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/evidence/zipfile"
	"lieciba/storage/export"
	"lieciba/storage/localfs"
	"lieciba/storage/sequencer"
	"lieciba/storage/sqlite"
)

func sequencerRotate(h *house) (string, error) {
	k, err := sequencer.RotateKeyFile(h.ctx, h.log, "test")
	if err != nil {
		return "", err
	}
	return k.Fingerprint(), nil
}

var errInjected = errors.New("injected")

// nativePart is the package up to the last native segment.
func nativePart(t testing.TB, path string, segments int) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	z, err := zipfile.Open(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return b[:z.Entries()[segments-1].End()]
}

func segments(t testing.TB, h *house) (n int) {
	t.Helper()
	for _, r := range h.recs {
		list, err := h.catalog.RecordingSegments(h.ctx, r.ID, lieciba.Interval{})
		require.NoError(t, err)
		n += len(list)
	}
	return n
}

// TestEveryDiskStepFails fails each step on the disk, lost and persisted; a
// fresh builder goes on and ends with a package that verifies.
func TestEveryDiskStepFails(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	h := filled(sqliteHouse(t, 1))
	count := segments(t, h)
	for name, recipient := range map[string]string{"plain": "", "encrypted": key.Recipient().String()} {
		t.Run(name, func(t *testing.T) {
			var want []byte
			steps := 0
			build := func(e lieciba.Export, fault durable.Fault) (lieciba.Export, error) {
				c := h.config()
				if fault != nil {
					c.Disk = durable.OS.With(fault)
				}
				return export.New(c).Build(h.ctx, e, nil)
			}
			ask := func() lieciba.Export {
				e := h.request()
				e.Recipient = recipient
				return h.put(e)
			}
			_, err := build(ask(), func(_ durable.Step, _ string, do func() error) error {
				steps++
				return do()
			})
			require.NoError(t, err)
			require.Greater(t, steps, 100)
			stride := 3
			if recipient != "" {
				stride = 7
			}
			for n := 0; n < steps; n += stride {
				persisted := n%2 == 0
				e := ask()
				seen, missing := 0, false
				_, err := build(e, func(_ durable.Step, _ string, do func() error) error {
					if seen++; seen-1 != n {
						return do()
					}
					if persisted {
						if err := do(); err != nil {
							missing = true
							return err
						}
					}
					return errInjected
				})
				if seen <= n { // the last steps vary: proofs of a larger log have other lengths
					require.NoError(t, err)
				} else if !missing {
					require.ErrorIs(t, err, errInjected, "step %d", n)
				}
				stored, err := h.catalog.Export(h.ctx, e.ID)
				require.NoError(t, err)
				got, err := build(stored, nil)
				require.NoError(t, err, "step %d, persisted %v", n, persisted)
				path := export.New(h.config()).Path(got)
				h.requireVerdict(verify.CompleteWithGaps, path, verify.Options{Identities: []age.Identity{key}})
				require.Equal(t, sumOf(t, path), got.SHA256)
				if recipient == "" {
					part := nativePart(t, path, count)
					if want == nil {
						want = part
					}
					require.True(t, bytes.Equal(want, part), "step %d: the segments' part is the same", n)
				}
				require.NoError(t, os.RemoveAll(filepath.Dir(path)))
			}
		})
	}
}

// childEnv makes this test's program build one export, telling its progress.
const childEnv = "LIECIBA_EXPORT_CHILD"

func child(dir string) {
	act := buildIn
	if os.Getenv(memoryEnv) != "" {
		act = measure
	}
	if err := act(dir); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if os.Getenv(memoryEnv) == "" {
		fmt.Println("done")
	}
	os.Exit(0)
}

func buildIn(dir string) error {
	ctx := context.Background()
	catalog, err := sqlite.Open(ctx, os.Getenv("LIECIBA_EXPORT_CATALOG"))
	if err != nil {
		return err
	}
	media, err := localfs.OpenReader(filepath.Join(dir, "media"))
	if err != nil {
		return err
	}
	log := sequencer.New(sequencer.Config{Catalog: catalog, KeyFile: filepath.Join(dir, "log.key")})
	e, err := catalog.Export(ctx, lieciba.ExportID(os.Getenv("LIECIBA_EXPORT_ID")))
	if err != nil {
		return err
	}
	if err := log.Start(ctx); err != nil {
		return err
	}
	b := export.New(export.Config{Catalog: catalog, Media: media, Log: awaiting{log}, Dir: filepath.Join(dir, "exports"), Node: e.NodeID, Tool: "lieciba test"})
	_, err = b.Build(ctx, e, func(done, _ int64) { fmt.Println(done) })
	return err
}

// TestKilled kills the building process (SIGKILL) again and again, each time a
// bit further; the last one ends, and the package verifies.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	h := filled(newHouse(t, c, 2))
	e := h.put(h.request())
	kills, done := 0, false
	for after := 1; !done; after++ {
		require.Less(t, after, 200)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+h.dir, "LIECIBA_EXPORT_CATALOG="+path, "LIECIBA_EXPORT_ID="+string(e.ID))
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			require.NotContains(t, lines.Text(), "error")
			if lines.Text() == "done" {
				done = true
			} else if n == after {
				require.NoError(t, cmd.Process.Kill())
				kills++
				break
			}
		}
		_ = cmd.Wait() // killed, or ended well
	}
	require.Greater(t, kills, 5)
	got, err := h.catalog.Export(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportSealed, got.State)
	h.log = sequencer.New(sequencer.Config{Catalog: h.catalog, KeyFile: h.keyFile})
	require.NoError(t, h.log.Start(h.ctx))
	pkg := export.New(h.config()).Path(got)
	h.requireVerdict(verify.CompleteWithGaps, pkg, verify.Options{})

	whole := h.put(h.request()) // built in one go
	whole, err = export.New(h.config()).Build(h.ctx, whole, nil)
	require.NoError(t, err)
	n := segments(t, h)
	require.Equal(t, nativePart(t, export.New(h.config()).Path(whole), n), nativePart(t, pkg, n), "the segments' part is byte for byte the same")
}

// TestTwoBuilders: one at a time, also from two processes.
func TestTwoBuilders(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	e := h.put(h.request())
	c := h.config()
	dir := filepath.Join(c.Dir, string(e.ID))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	lock, err := durable.LockDir(dir)
	require.NoError(t, err)
	_, err = export.New(c).Build(h.ctx, e, nil)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	stored, err := h.catalog.Export(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportRequested, stored.State, "the other one goes on")
	require.NoError(t, lock.Close())
	_, err = export.New(c).Build(h.ctx, e, nil)
	require.NoError(t, err)
}

// TestStopped: a building that is stopped is no failed one.
func TestStopped(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	e := h.put(h.request())
	ctx, cancel := context.WithCancel(h.ctx)
	_, err := export.New(h.config()).Build(ctx, e, func(int64, int64) { cancel() })
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
	stored, err := h.catalog.Export(h.ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, lieciba.ExportBuilding, stored.State)
	_, err = export.New(h.config()).Build(h.ctx, stored, nil)
	require.NoError(t, err)
}
