package evidence

import (
	"encoding/hex"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"lieciba"
)

// ProveLeaves makes the proof of each leaf under the tree of that size, in the
// order given. All stored hashes are read in few large calls.
func ProveLeaves(leaves []lieciba.Leaf, size int64, read HashReader) ([]LeafProof, error) {
	known, err := readFor(leaves, size, read)
	if err != nil {
		return nil, err
	}
	out := make([]LeafProof, 0, len(leaves))
	for _, l := range leaves {
		path, err := tlog.ProveRecord(size, l.Index, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			got := make([]tlog.Hash, len(indexes))
			for i, x := range indexes {
				got[i] = known[x]
			}
			return got, nil
		}))
		if err != nil {
			return nil, err
		}
		p := LeafProof{Index: l.Index, Kind: l.Kind, Subject: l.Subject, At: At(l.At),
			Salt: hex.EncodeToString(l.Salt[:]), Detail: string(l.Detail), Proof: make([]Hash, len(path))}
		for i, h := range path {
			p.Proof[i] = Hash(h)
		}
		out = append(out, p)
	}
	return out, nil
}

// readFor reads every stored hash that the proofs of the leaves need.
func readFor(leaves []lieciba.Leaf, size int64, read HashReader) (map[int64]tlog.Hash, error) {
	known := make(map[int64]tlog.Hash)
	collect := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		for _, x := range indexes {
			known[x] = tlog.Hash{}
		}
		return make([]tlog.Hash, len(indexes)), nil
	})
	for _, l := range leaves {
		if l.Index < 0 || l.Index >= size || size > maxSize {
			return nil, lieciba.Errorf(lieciba.CodeConflict, "the leaf of %s %s is not among the first %d of the log", l.Kind, l.Subject, size)
		}
		if _, err := tlog.ProveRecord(size, l.Index, collect); err != nil {
			return nil, err
		}
	}
	var need []int64
	for x := range known {
		need = append(need, x)
	}
	slices.Sort(need)
	for part := range slices.Chunk(need, 1000) {
		got, err := read.ReadHashes(part)
		if err != nil {
			return nil, err
		}
		for i, x := range part {
			known[x] = got[i]
		}
	}
	return known, nil
}

// Check verifies the proof under a tree and returns the leaf: its detail is what
// the log committed to. CodeCorrupt names what does not fit.
func (p LeafProof) Check(size int64, root [32]byte) (lieciba.Leaf, error) {
	l := lieciba.Leaf{Index: p.Index, Kind: p.Kind, Subject: p.Subject, At: p.At.Time, Detail: []byte(p.Detail)}
	salt, err := hex.DecodeString(p.Salt)
	if err != nil || len(salt) != len(l.Salt) || hex.EncodeToString(salt) != p.Salt {
		return lieciba.Leaf{}, lieciba.Errorf(lieciba.CodeCorrupt, "the salt of leaf %d is not 16 bytes in lower-case hex", p.Index)
	}
	copy(l.Salt[:], salt)
	if !slices.Contains(lieciba.LeafKinds(), p.Kind) {
		return lieciba.Leaf{}, lieciba.Errorf(lieciba.CodeCorrupt, "leaf %d is of no known kind", p.Index)
	}
	l.Commitment = Commitment(l.Salt, l.Detail)
	path := make([][32]byte, len(p.Proof))
	for i, h := range p.Proof {
		path[i] = h
	}
	return l, CheckLeaf(l, path, size, root)
}
