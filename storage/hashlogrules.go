package storage

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"

	"lieciba"
)

// MaxSequence is how many leaves one Sequence takes at most, whatever its max.
const MaxSequence = 10_000

// CheckLeaf checks a leaf that is to be staged, on its own: what enters the tree
// is written line by line.
func CheckLeaf(l lieciba.Leaf) error {
	switch {
	case !slices.Contains(lieciba.LeafKinds(), l.Kind):
		return lieciba.Invalid("kind", "%q is no kind of leaf", l.Kind)
	case l.Subject == "" || strings.ContainsAny(l.Subject, "\r\n"):
		return lieciba.Invalid("subject", "a leaf needs a subject of one line")
	case len(l.Detail) == 0:
		return lieciba.Invalid("detail", "a leaf needs a detail")
	}
	return nil
}

// RepeatLeaf judges the staging of a leaf whose kind and subject are there
// already: the same detail says the same, whatever its salt.
func RepeatLeaf(stored, l lieciba.Leaf) error {
	if !bytes.Equal(stored.Detail, l.Detail) {
		return conflict("subject", "the evidence log says something else of %s %s already", l.Kind, l.Subject)
	}
	return nil
}

// storedHashes is how many hashes the tree of n leaves stores: one for each leaf
// and for each full pair below (golang.org/x/mod/sumdb/tlog keeps the same).
func storedHashes(n int64) int64 { return 2*n - int64(bits.OnesCount64(uint64(n))) }

// FirstNewHash is the index of the first stored hash that a tree of n leaves
// does not have yet.
func FirstNewHash(n int64) int64 { return storedHashes(n) }

// CheckSequenced checks what decide of Sequence returned for n staged leaves
// after head: a log that would contradict itself is never stored.
func CheckSequenced(head lieciba.Checkpoint, n int, s Sequenced) error {
	next := s.Checkpoint
	switch {
	case next.Size != head.Size+int64(n):
		return lieciba.Errorf(lieciba.CodeInternal, "a checkpoint of size %d was made for %d leaves after %d", next.Size, n, head.Size)
	case int64(len(s.Hashes)) != storedHashes(next.Size)-storedHashes(head.Size):
		return lieciba.Errorf(lieciba.CodeInternal, "%d hashes were made for %d leaves after %d", len(s.Hashes), n, head.Size)
	case len(next.Note) == 0 || next.Origin == "":
		return lieciba.Errorf(lieciba.CodeInternal, "a checkpoint needs an origin and a note")
	case head.Size > 0 && next.Origin != head.Origin:
		return conflict("origin", "the log is named %q, not %q: a log keeps its name", head.Origin, next.Origin)
	}
	return nil
}

// PickHashes puts found in the order of indexes; CodeCorrupt if one is missing.
func PickHashes(indexes []int64, found map[int64][32]byte) ([][32]byte, error) {
	out := make([][32]byte, len(indexes))
	for i, x := range indexes {
		h, ok := found[x]
		if !ok {
			return nil, lieciba.Errorf(lieciba.CodeCorrupt, "hash %d of the evidence log is missing: restore the catalogue from a backup", x)
		}
		out[i] = h
	}
	return out, nil
}
