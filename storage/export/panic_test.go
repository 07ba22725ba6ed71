package export_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/export"
)

// A bug that one export's data brings out fails that export alone, and leaves
// nothing behind that keeps it from being built when the bug is gone.
func TestPanicFailsOneExport(t *testing.T) {
	h := filled(sqliteHouse(t, 1))
	for _, at := range []int{10, 20, 60} {
		e := h.put(h.request())
		c, steps := h.config(), 0
		c.Disk = durable.OS.With(func(_ durable.Step, _ string, do func() error) error {
			if steps++; steps == at {
				panic("hostile data")
			}
			return do()
		})
		b := export.New(c)
		e, err := b.Build(h.ctx, e, nil)
		require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
		stored, err := h.catalog.Export(h.ctx, e.ID)
		require.NoError(t, err)
		require.Equal(t, lieciba.ExportFailed, stored.State)
		require.NotContains(t, stored.Error, "hostile", "people are not shown the stack")
		stored, err = b.Build(h.ctx, stored, nil) // by the same process
		require.NoError(t, err)
		require.Equal(t, lieciba.ExportSealed, stored.State)
	}
}
