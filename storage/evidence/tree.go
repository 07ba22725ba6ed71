package evidence

import (
	"golang.org/x/mod/sumdb/tlog"

	"lieciba"
)

// HashReader reads stored hashes by their index in the order of
// golang.org/x/mod/sumdb/tlog. It returns as many as it was asked for, or an error.
type HashReader func(indexes []int64) ([][32]byte, error)

// ReadHashes implements tlog.HashReader.
func (r HashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	got, err := r(indexes)
	if err != nil {
		return nil, err
	}
	if len(got) != len(indexes) {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "%d hashes of the log were read where %d were asked for", len(got), len(indexes))
	}
	return toTlog(got), nil
}

func toTlog(list [][32]byte) []tlog.Hash {
	out := make([]tlog.Hash, len(list))
	for i, h := range list {
		out[i] = h
	}
	return out
}

func fromTlog(list []tlog.Hash) [][32]byte {
	out := make([][32]byte, len(list))
	for i, h := range list {
		out[i] = h
	}
	return out
}

// StoredHashCount is how many hashes are stored for a tree of that size.
func StoredHashCount(size int64) int64 { return tlog.StoredHashCount(size) }

// LeafHash is the hash of a leaf in the tree (RFC 6962 section 2.1).
func LeafHash(l lieciba.Leaf) [32]byte { return tlog.RecordHash(LeafData(l)) }

// TreeHash computes the root of the tree of that size; size 0 has a root too.
func TreeHash(size int64, read HashReader) ([32]byte, error) {
	return tlog.TreeHash(size, read)
}

// Growth is a tree before and after leaves were added.
type Growth struct {
	OldRoot [32]byte   // as the stored hashes give it
	Hashes  [][32]byte // to be stored, in order
	Root    [32]byte
}

// Grow adds leaves to the tree of that size. It reads stored hashes once, at
// most 1 + log2(size) of them.
func Grow(size int64, leaves []lieciba.Leaf, read HashReader) (Growth, error) {
	known := make(map[int64]tlog.Hash) // the old tree's right edge, then all new ones
	var g Growth
	var err error
	g.OldRoot, err = tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		got, err := read.ReadHashes(indexes)
		for i := range got {
			known[indexes[i]] = got[i]
		}
		return got, err
	}))
	if err != nil {
		return Growth{}, err
	}
	edge := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			h, ok := known[x]
			if !ok {
				return nil, lieciba.Errorf(lieciba.CodeInternal, "hash %d of the log is not at its right edge", x)
			}
			out[i] = h
		}
		return out, nil
	})
	next := tlog.StoredHashCount(size)
	for i, l := range leaves {
		more, err := tlog.StoredHashesForRecordHash(size+int64(i), LeafHash(l), edge)
		if err != nil {
			return Growth{}, err
		}
		for _, h := range more {
			known[next] = h
			g.Hashes = append(g.Hashes, h)
			next++
		}
	}
	g.Root, err = tlog.TreeHash(size+int64(len(leaves)), edge)
	return g, err
}

// ProveLeaf makes the proof that the tree of that size holds a leaf at index.
func ProveLeaf(size, index int64, read HashReader) ([][32]byte, error) {
	p, err := tlog.ProveRecord(size, index, read)
	return fromTlog(p), err
}

// CheckLeaf verifies that the tree of that size and root holds the leaf at its
// Index: CodeCorrupt if not. It does not judge the leaf's Commitment.
func CheckLeaf(l lieciba.Leaf, proof [][32]byte, size int64, root [32]byte) error {
	if size < 1 || size > maxSize || l.Index < 0 || l.Index >= size {
		return lieciba.Errorf(lieciba.CodeCorrupt, "a log of %d leaves has no leaf %d", size, l.Index)
	}
	err := tlog.CheckRecord(toTlog(proof), size, root, l.Index, LeafHash(l))
	return lieciba.Wrap(err, lieciba.CodeCorrupt, "leaf %d is not in the log as it stands here", l.Index)
}

// ProveTree makes the proof that the tree of size starts with all of the tree of
// old leaves; both are at least 1.
func ProveTree(size, old int64, read HashReader) ([][32]byte, error) {
	if old < 1 || size < old {
		return nil, lieciba.Errorf(lieciba.CodeInvalid, "there is no consistency proof from %d to %d leaves", old, size)
	}
	p, err := tlog.ProveTree(size, old, read)
	return fromTlog(p), err
}

// CheckTree verifies that the tree of size and root starts with all of the tree
// of old leaves and oldRoot: CodeCorrupt if not.
func CheckTree(proof [][32]byte, size int64, root [32]byte, old int64, oldRoot [32]byte) error {
	if old < 1 || size < old || size > maxSize {
		return lieciba.Errorf(lieciba.CodeCorrupt, "a log of %d leaves does not continue one of %d", size, old)
	}
	err := tlog.CheckTree(toTlog(proof), size, root, old, oldRoot)
	return lieciba.Wrap(err, lieciba.CodeCorrupt, "the log of %d leaves does not continue the one of %d", size, old)
}
