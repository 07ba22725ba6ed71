package zipfile_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/durable"
	"lieciba/storage/evidence/zipfile"
)

// goOn writes what is missing of the files.
func goOn(disk *durable.Disk, path string) (err error) {
	f, err := zipfile.OpenFile(disk, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, x := range files[len(f.Entries()):] {
		w, err := f.Create(x.name)
		if err != nil {
			return err
		}
		for b := []byte(x.content); len(b) > 0; b = b[min(len(b), 10_000):] {
			if _, err := w.Write(b[:min(len(b), 10_000)]); err != nil {
				return err
			}
		}
		if _, err := f.Finish(); err != nil {
			return err
		}
	}
	return f.Complete()
}

// TestResumeAfterEveryFault fails every step on the disk, both lost and
// persisted: going on ends with the same bytes.
func TestResumeAfterEveryFault(t *testing.T) {
	want := build(t, files)
	injected := errors.New("injected")
	steps := 1
	for n := 0; n < steps; n++ {
		for _, persisted := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "p.zip")
			seen, missing := 0, false
			err := goOn(durable.OS.With(func(_ durable.Step, _ string, do func() error) error {
				seen++
				if seen-1 != n {
					return do()
				}
				if persisted {
					if err := do(); err != nil { // the look for a file that is not there yet
						missing = true
						return err
					}
				}
				return injected
			}), path)
			if !missing {
				require.ErrorIs(t, err, injected)
			}
			require.NoError(t, goOn(durable.OS, path))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "step %d, persisted %v", n, persisted)
		}
		if n == 0 {
			seen := 0
			require.NoError(t, goOn(durable.OS.With(func(_ durable.Step, _ string, do func() error) error {
				seen++
				return do()
			}), filepath.Join(t.TempDir(), "p.zip")))
			steps = seen
		}
	}
	require.Greater(t, steps, 20)
}

// TestResumeAfterACut: whatever a power cut left of the two files, the archive
// ends the same, or is refused.
func TestResumeAfterACut(t *testing.T) {
	want := build(t, files)
	whole := filepath.Join(t.TempDir(), "p.zip")
	require.NoError(t, goOn(durable.OS, whole))
	journal, err := os.ReadFile(whole + zipfile.JournalSuffix)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 5))
	for range 200 {
		path := filepath.Join(t.TempDir(), "p.zip")
		tail := make([]byte, random.IntN(2000)) // what a file system may leave of an unsynced append
		data := append(bytes.Clone(want[:random.IntN(len(want)+1)]), tail...)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		// The journal never knows more than what was synced of the data.
		torn := journal[:random.IntN(len(journal)+1)]
		if len(data)-len(tail) < len(want) {
			torn = torn[:min(len(torn), reach(t, journal, len(data)-len(tail))+random.IntN(30))]
		}
		require.NoError(t, os.WriteFile(path+zipfile.JournalSuffix, torn, 0o600))
		require.NoError(t, goOn(durable.OS, path))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	}
}

// reach is how much of the journal speaks of the first n bytes of the data.
func reach(t *testing.T, journal []byte, n int) (size int) {
	path := filepath.Join(t.TempDir(), "p.zip")
	require.NoError(t, os.WriteFile(path, build(t, files)[:n], 0o600))
	require.NoError(t, os.WriteFile(path+zipfile.JournalSuffix, journal, 0o600))
	f, err := zipfile.OpenFile(durable.OS, path)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	b, err := os.ReadFile(path + zipfile.JournalSuffix)
	require.NoError(t, err)
	return len(b)
}

func TestRewind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.zip")
	require.NoError(t, goOn(durable.OS, path))
	f, err := zipfile.OpenFile(durable.OS, path)
	require.NoError(t, err)
	require.Len(t, f.Entries(), len(files))
	require.NoError(t, f.Rewind(2))
	require.Len(t, f.Entries(), 2)
	require.Error(t, f.Rewind(3))
	w, err := f.Create(files[2].name)
	require.NoError(t, err, "its name is free again")
	_, err = io.WriteString(w, "unfinished")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	require.NoError(t, goOn(durable.OS, path))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, build(t, files), got)
}
