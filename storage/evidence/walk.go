package evidence

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Walk recomputes a log's tree from its leaves in a stream. It keeps one hash
// for each level, whatever the log's size. The zero value is the empty tree.
// Not safe for concurrent use.
type Walk struct {
	size int64
	edge []tlog.Hash // of the full subtrees, the largest first (RFC 6962 section 2.1)
}

// Add appends a leaf by its hash and returns the hashes that a log stores for
// it, in the order of golang.org/x/mod/sumdb/tlog: its own, then those of the
// subtrees that it completes, each twice as large as the one before.
func (w *Walk) Add(leaf [32]byte) [][32]byte {
	h := tlog.Hash(leaf)
	out := [][32]byte{h}
	for range bits.TrailingZeros64(^uint64(w.size)) {
		last := len(w.edge) - 1
		h = tlog.NodeHash(w.edge[last], h)
		w.edge = w.edge[:last]
		out = append(out, h)
	}
	w.edge = append(w.edge, h)
	w.size++
	return out
}

// Size is the number of leaves.
func (w *Walk) Size() int64 { return w.size }

// Root is the tree's root.
func (w *Walk) Root() [32]byte {
	if len(w.edge) == 0 {
		h, err := tlog.TreeHash(0, nil)
		if err != nil {
			panic(err) // the empty tree reads nothing
		}
		return h
	}
	h := w.edge[len(w.edge)-1]
	for i := len(w.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(w.edge[i], h)
	}
	return h
}

// Clone returns a walk that goes on from here on its own.
func (w *Walk) Clone() Walk {
	return Walk{size: w.size, edge: append([]tlog.Hash(nil), w.edge...)}
}
