package evidence

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// TestWalkIsTheTree: a walk gives, leaf by leaf, the hashes and the root that
// growing a stored tree gives.
func TestWalkIsTheTree(t *testing.T) {
	var w Walk
	var stored [][32]byte
	read := HashReader(func(indexes []int64) ([][32]byte, error) {
		out := make([][32]byte, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	empty, err := TreeHash(0, read)
	require.NoError(t, err)
	require.Equal(t, empty, w.Root())
	for n := range int64(300) {
		l := NewLeaf(lieciba.LeafAudit, "x", time.Unix(n, 0), struct{}{})
		g, err := Grow(n, []lieciba.Leaf{l}, read)
		require.NoError(t, err)
		before := w.Clone()
		require.Equal(t, g.Hashes, w.Add(LeafHash(l)), "leaf %d", n)
		stored = append(stored, g.Hashes...)
		require.Equal(t, g.Root, w.Root(), "leaf %d", n)
		require.Equal(t, n+1, w.Size())
		require.Equal(t, g.OldRoot, before.Root(), "a clone stands still")
		require.Len(t, stored, int(StoredHashCount(n+1)))
	}
}
