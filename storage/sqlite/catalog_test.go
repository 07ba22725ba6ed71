package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba/storage"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCatalog(t *testing.T) {
	empty := emptyFile(t)
	storagetest.TestCatalog(t, func(t *testing.T) storagetest.Opener {
		path := filepath.Join(t.TempDir(), "catalogue #1 ?.db")
		require.NoError(t, os.WriteFile(path, empty, 0o600))
		return func() storage.Catalog {
			c, err := Open(t.Context(), path)
			require.NoError(t, err)
			return c
		}
	})
}

// emptyFile is a catalogue without rows: making its schema takes longer than most tests.
func emptyFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.db")
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}
