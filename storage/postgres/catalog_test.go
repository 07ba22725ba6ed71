package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba/storage"
	"lieciba/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCatalog(t *testing.T) {
	storagetest.TestCatalog(t, func(t *testing.T) storagetest.Opener {
		url := storagetest.PostgresFor(t, Open)
		return func() storage.Catalog {
			c, err := Open(t.Context(), url)
			require.NoError(t, err)
			return c
		}
	})
}
