package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba/storage"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCatalog(t *testing.T) {
	storagetest.TestCatalog(t, func(t *testing.T) storagetest.Opener {
		path := filepath.Join(t.TempDir(), "catalogue #1 ?.db")
		return func() storage.Catalog {
			c, err := Open(t.Context(), path)
			require.NoError(t, err)
			return c
		}
	})
}

var _ interface {
	storage.Acts
	storage.HashLog
	storage.Seals
	storage.Exports
	storage.Policies
	storage.Events
	storage.Holds
	storage.Deletions
} = (*Catalog)(nil)
