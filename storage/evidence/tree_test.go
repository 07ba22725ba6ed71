package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

// TestGrowInAnyBatches: however leaves are cut into batches, the tree is the same.
func TestGrowInAnyBatches(t *testing.T) {
	var one memory
	one.grow(t, 70)
	for _, batch := range []int{1, 2, 3, 7, 8, 33} {
		m := memory{roots: [][32]byte{{}}}
		for len(m.leaves) < 70 {
			size := len(m.leaves)
			n := min(batch, 70-size)
			before := m.reads
			g, err := evidence.Grow(int64(size), one.leaves[size:size+n], m.read)
			require.NoError(t, err)
			require.LessOrEqual(t, m.reads-before, 1, "one read a batch")
			m.leaves, m.hashes = one.leaves[:size+n], append(m.hashes, g.Hashes...)
			root, err := evidence.TreeHash(int64(size+n), m.read)
			require.NoError(t, err)
			require.Equal(t, root, g.Root)
		}
		require.Equal(t, one.hashes, m.hashes)
		require.EqualValues(t, len(m.hashes), evidence.StoredHashCount(70))
	}
}

func TestProofsOfEveryLeafAndSize(t *testing.T) {
	var m memory
	for range 40 {
		m.grow(t, 1)
	}
	for size := int64(1); size <= 40; size++ {
		root := m.roots[size]
		for i := range size {
			p, err := evidence.ProveLeaf(size, i, m.read)
			require.NoError(t, err)
			require.NoError(t, evidence.CheckLeaf(m.leaves[i], p, size, root))
			wrong := m.leaves[i]
			wrong.Subject += "x"
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckLeaf(wrong, p, size, root)))
			wrong = m.leaves[i]
			wrong.Index = (i + 1) % size
			if size > 1 {
				require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckLeaf(wrong, p, size, root)))
			}
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckLeaf(m.leaves[i], append(p, root), size, root)))
		}
		for old := int64(1); old <= size; old++ {
			p, err := evidence.ProveTree(size, old, m.read)
			require.NoError(t, err)
			require.NoError(t, evidence.CheckTree(p, size, root, old, m.roots[old]))
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckTree(p, size, root, old, someRoot)))
			require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(evidence.CheckTree(p, size, someRoot, old, m.roots[old])))
		}
	}
}

func TestProofsOfSizesThatCannotBe(t *testing.T) {
	var m memory
	m.grow(t, 3)
	_, err := evidence.ProveTree(2, 3, m.read)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	_, err = evidence.ProveTree(3, 0, m.read)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	for _, size := range []int64{-1, 0, 1<<62 + 1, 1<<63 - 1} { // the largest would never end in the arithmetic below
		require.Error(t, evidence.CheckTree(nil, size, someRoot, 1, someRoot))
		l := m.leaves[0]
		l.Index = 0
		require.Error(t, evidence.CheckLeaf(l, [][32]byte{someRoot}, size, someRoot))
	}
	_, err = evidence.TreeHash(3, func([]int64) ([][32]byte, error) { return make([][32]byte, 1), nil })
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), "a store that answers too little")
}

func TestLeafProofs(t *testing.T) {
	var m memory
	m.grow(t, 50)
	m.reads = 0
	some := []lieciba.Leaf{m.leaves[49], m.leaves[0], m.leaves[17]}
	proofs, err := evidence.ProveLeaves(some, 50, m.read)
	require.NoError(t, err)
	require.Equal(t, 1, m.reads, "one read for all of them")
	for i, p := range proofs {
		l, err := p.Check(50, m.roots[50])
		require.NoError(t, err)
		require.Equal(t, some[i], l)
	}
	for name, change := range map[string]func(*evidence.LeafProof){
		"index":      func(p *evidence.LeafProof) { p.Index++ },
		"no index":   func(p *evidence.LeafProof) { p.Index = -1 },
		"kind":       func(p *evidence.LeafProof) { p.Kind = lieciba.LeafSeal },
		"no kind":    func(p *evidence.LeafProof) { p.Kind = "x" },
		"subject":    func(p *evidence.LeafProof) { p.Subject += "x" },
		"time":       func(p *evidence.LeafProof) { p.At = evidence.At(noon) },
		"salt":       func(p *evidence.LeafProof) { p.Salt = p.Salt[:31] + "g" },
		"other salt": func(p *evidence.LeafProof) { p.Salt = "00" + p.Salt[2:] },
		"upper case": func(p *evidence.LeafProof) { p.Salt = "AA" + p.Salt[2:] },
		"detail":     func(p *evidence.LeafProof) { p.Detail += " " },
		"path":       func(p *evidence.LeafProof) { p.Proof = p.Proof[1:] },
		"no path":    func(p *evidence.LeafProof) { p.Proof = nil },
	} {
		p := proofs[2]
		change(&p)
		_, err := p.Check(50, m.roots[50])
		require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err), name)
	}
	staged := m.leaves[3]
	staged.Index = -1
	_, err = evidence.ProveLeaves([]lieciba.Leaf{staged}, 50, m.read)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
}
