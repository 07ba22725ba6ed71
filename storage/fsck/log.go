package fsck

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
)

// LogReport says what was found in the evidence log.
type LogReport struct {
	Size        int64   `json:"size"`        // leaves under the newest checkpoint
	Root        string  `json:"root"`        // recomputed from the leaves, hex
	Checkpoints int     `json:"checkpoints"` // each compared with the recomputed tree
	Unsigned    int     `json:"unsigned"`    // of them: their signature was not judged, because no key is known
	Cosigned    int     `json:"cosigned"`    // cosignatures that verify
	Uncosigned  int     `json:"uncosigned"`  // cosignatures of witnesses whose key was not given
	Staged      int     `json:"staged"`      // leaves that wait for their index
	Rows        int     `json:"rows"`        // rows that have their leaf
	JudgedBy    string  `json:"judged_by"`   // JudgedByGiven or JudgedByLog
	Warning     string  `json:"warning"`     // what the result does not show; empty: nothing
	FirstBroken *Broken `json:"first_broken"`
}

// Whose keys signatures were judged by.
const (
	JudgedByGiven = "given keys"
	JudgedByLog   = "keys that the log names itself"
)

const ownKeysWarning = "signatures were judged by the keys that the log names itself, because this node has no key file and no other key was given: " +
	"the log agrees with itself, and whose it is was not shown; put the key file back from its backup, or give the verifier key that its recipients know"

// Broken is the first leaf that is not as it was logged.
type Broken struct {
	Index   int64            `json:"index"`
	Kind    lieciba.LeafKind `json:"kind"` // empty if the leaf is gone
	Subject string           `json:"subject"`
	Message string           `json:"message"`
}

// leafPage is how many leaves are read at once.
const leafPage = 500

// maxDoubtful bounds how many differences are kept until a checkpoint tells
// whether the leaf or the stored hash was changed.
const maxDoubtful = 1000

// logWalk recomputes the tree from the leaves and, beside it, from the stored
// hashes of the leaves: a signed root then tells which of the two was changed.
type logWalk struct {
	c        *checker
	size     int64 // of the newest checkpoint
	leaves   evidence.Walk
	stored   evidence.Walk
	next     int64 // index of the next stored hash
	good     int64 // size of the last checkpoint whose root agreed
	doubtful []doubtful
	queue    []lieciba.Checkpoint // that lie ahead
	lastSize int64                // of the newest in the queue so far
	keys     logKeys
	rows     rowReader
}

// doubtful is a leaf whose hash is not the stored one.
type doubtful struct {
	leaf    lieciba.Leaf // without salt and detail; Kind empty: it is gone
	subtree int64        // leaves of the stored hash that differs; 1: the leaf's own
}

// checkLog walks the whole log (invariant 5, and the leaves of 7).
func (c *checker) checkLog(ctx context.Context) error {
	w := &logWalk{c: c, rows: newRowReader(c)}
	if err := w.keys.start(ctx, c); err != nil {
		return err
	}
	newest, err := c.catalog.NewestCheckpoint(ctx)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return err
	}
	w.size = newest.Size
	c.log.Size, c.log.JudgedBy = newest.Size, JudgedByGiven
	if !w.keys.given {
		c.log.JudgedBy = JudgedByLog
		if newest.Size > 0 {
			c.log.Warning = ownKeysWarning
		}
	}
	for w.leaves.Size() < w.size {
		if err := w.page(ctx); err != nil {
			return err
		}
		c.progress("log", int(w.leaves.Size()))
	}
	root := w.leaves.Root()
	c.log.Root = hex.EncodeToString(root[:])
	if err := w.beyond(ctx); err != nil {
		return err
	}
	return w.staged(ctx, newest)
}

// page walks the next leaves.
func (w *logWalk) page(ctx context.Context) error {
	from := w.leaves.Size()
	to := min(from+leafPage, w.size)
	list, err := w.c.catalog.Leaves(ctx, from, to)
	if err != nil {
		return err
	}
	hashes, err := w.storedHashes(ctx, w.next, evidence.StoredHashCount(to))
	if err != nil {
		return err
	}
	at := map[int64]lieciba.Leaf{}
	for _, l := range list {
		at[l.Index] = l
	}
	for i := from; i < to; i++ {
		l, ok := at[i]
		if !ok {
			l = lieciba.Leaf{Index: i}
		}
		if err := w.leaf(ctx, l, ok, hashes); err != nil {
			return err
		}
	}
	return w.rows.compare(ctx, list)
}

// storedHashes reads the stored hashes from <= index < to; a missing one is left
// out.
func (w *logWalk) storedHashes(ctx context.Context, from, to int64) (map[int64][32]byte, error) {
	out := map[int64][32]byte{}
	read := func(indexes []int64) error {
		got, err := w.c.catalog.LogHashes(ctx, indexes)
		for i := range got {
			out[indexes[i]] = got[i]
		}
		return err
	}
	var all []int64
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	err := read(all)
	if lieciba.CodeOf(err) != lieciba.CodeCorrupt {
		return out, err
	}
	for _, i := range all { // one is missing: find out which
		if err := read([]int64{i}); err != nil && lieciba.CodeOf(err) != lieciba.CodeCorrupt {
			return nil, err
		}
	}
	return out, nil
}

// leaf adds one leaf to both trees and compares.
func (w *logWalk) leaf(ctx context.Context, l lieciba.Leaf, there bool, hashes map[int64][32]byte) error {
	own, known := hashes[w.next]
	hash := own
	switch {
	case !there:
		w.broken(l, "the leaf is gone")
	case evidence.CheckLeafRow(l) != nil:
		w.broken(l, "its salt, detail or commitment was changed: they do not belong together")
	}
	if there {
		hash = evidence.LeafHash(l)
		if l.Kind == lieciba.LeafKey {
			w.c.noteKey(l)
			if message := w.keys.add(l); message != "" {
				w.broken(l, message)
			}
		}
	}
	if !known {
		own = hash
	}
	w.stored.Add(own)
	for k, h := range w.leaves.Add(hash) {
		stored, ok := hashes[w.next]
		if !ok {
			w.tree(l, "the stored hash %d, over %d leaves up to this one, is gone", w.next, 1<<k)
		} else if stored != h && len(w.doubtful) < maxDoubtful {
			w.doubtful = append(w.doubtful, doubtful{lieciba.Leaf{Index: l.Index, Kind: l.Kind, Subject: l.Subject}, 1 << k})
		}
		w.next++
	}
	return w.checkpoints(ctx)
}

// checkpoints compares the checkpoints of the size that the trees have now.
func (w *logWalk) checkpoints(ctx context.Context) error {
	size := w.leaves.Size()
	for {
		if len(w.queue) == 0 && w.lastSize < size {
			list, err := w.c.catalog.Checkpoints(ctx, w.lastSize)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				w.lastSize = w.size
			} else {
				w.queue, w.lastSize = list, list[len(list)-1].Size
			}
		}
		if len(w.queue) == 0 || w.queue[0].Size > size {
			return nil
		}
		cp := w.queue[0]
		w.queue = w.queue[1:]
		if cp.Size < size {
			w.c.violate(RuleCheckpoint, fmt.Sprintf("checkpoint of %d leaves", cp.Size), nil, "is out of order")
			continue
		}
		if err := w.checkpoint(ctx, cp); err != nil {
			return err
		}
	}
}

// checkpoint checks one checkpoint against the trees, and settles by its root
// what was changed since the last good one.
func (w *logWalk) checkpoint(ctx context.Context, cp lieciba.Checkpoint) error {
	w.c.log.Checkpoints++
	object := fmt.Sprintf("checkpoint of %d leaves", cp.Size)
	signed, judged, message := w.keys.check(cp)
	if !judged {
		w.c.log.Unsigned++
	}
	if message != "" {
		w.c.violate(RuleCheckpoint, object, nil, "%s", message)
	}
	for _, known := range w.c.opt.Known {
		if known.Size == cp.Size && known.Root != signed {
			w.c.violate(RuleCheckpoint, object, nil, "is another one than was known outside of this catalogue: the log was rewritten")
		}
	}
	switch fromLeaves, fromStored := w.leaves.Root() == signed, w.stored.Root() == signed; {
	case fromLeaves:
		w.settle("its stored hash %s was changed: the leaf itself is as it was signed")
		w.stored = w.leaves.Clone()
		w.good = cp.Size
	case fromStored:
		w.settle("the leaf was changed: it is not the one that was signed (stored hash %s)")
		w.leaves = w.stored.Clone()
		w.good = cp.Size
	default:
		w.settle("the leaf and its stored hash %s were changed, or one of them and the checkpoint")
		w.c.violate(RuleCheckpoint, object, &w.good, "its root is not that of the leaves: of leaves %d to %d, or of the checkpoint, something was rewritten", w.good, cp.Size-1)
		w.first(Broken{Index: w.good, Message: fmt.Sprintf("leaves %d to %d are not those that were signed", w.good, cp.Size-1)})
	}
	if w.c.opt.Quick {
		return nil
	}
	return w.cosignatures(ctx, cp, object)
}

// settle reports the differences since the last checkpoint.
func (w *logWalk) settle(format string) {
	for _, d := range w.doubtful {
		over := "over the leaf"
		if d.subtree > 1 {
			over = fmt.Sprintf("over leaves %d to %d", d.leaf.Index+1-d.subtree, d.leaf.Index)
		}
		if d.leaf.Kind != "" { // one that is gone was reported
			w.broken(d.leaf, fmt.Sprintf(format, over))
		}
	}
	w.doubtful = w.doubtful[:0]
}

func (w *logWalk) broken(l lieciba.Leaf, message string) { w.tree(l, "%s", message) }

// tree reports a leaf that is not as it was logged.
func (w *logWalk) tree(l lieciba.Leaf, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	w.c.violate(RuleTree, leafName(l), &l.Index, "%s", message)
	w.first(Broken{Index: l.Index, Kind: l.Kind, Subject: l.Subject, Message: message})
}

func (w *logWalk) first(b Broken) { w.c.firstBroken(b) }

// firstBroken keeps the broken leaf with the lowest index.
func (c *checker) firstBroken(b Broken) {
	if c.log.FirstBroken == nil || b.Index < c.log.FirstBroken.Index {
		c.log.FirstBroken = &b
	}
}

func leafName(l lieciba.Leaf) string {
	if l.Kind == "" {
		return fmt.Sprintf("leaf %d", l.Index)
	}
	return fmt.Sprintf("leaf %d (%s %s)", l.Index, l.Kind, l.Subject)
}

// beyond looks for traces of a longer log than the newest checkpoint tells.
func (w *logWalk) beyond(ctx context.Context) error {
	object := fmt.Sprintf("log of %d leaves", w.size)
	if w.c.grown(ctx, w.size) {
		return nil // the sequencer went on meanwhile
	}
	after, err := w.c.catalog.Leaves(ctx, w.size, w.size+leafPage)
	if err != nil {
		return err
	}
	if len(after) > 0 && !w.c.grown(ctx, w.size) {
		w.c.violate(RuleTree, leafName(after[0]), &after[0].Index, "stands behind the newest checkpoint of %d leaves: checkpoints were removed", w.size)
		w.first(Broken{Index: after[0].Index, Kind: after[0].Kind, Subject: after[0].Subject, Message: "is under no checkpoint"})
	}
	hashes, err := w.storedHashes(ctx, w.next, w.next+1)
	if err != nil {
		return err
	}
	if len(hashes) > 0 && !w.c.grown(ctx, w.size) {
		w.c.violate(RuleTree, object, nil, "has stored hashes behind its end: leaves or checkpoints were removed")
	}
	newest, err := w.c.catalog.NewestCosignatures(ctx)
	if err != nil {
		return err
	}
	for _, cs := range newest {
		if cs.Size > w.size && !w.c.grown(ctx, w.size) {
			w.c.violate(RuleCosignature, object, nil, "was cut: witness %s has signed %d leaves", cs.Witness, cs.Size)
		}
	}
	for _, known := range w.c.opt.Known {
		if known.Size > w.size {
			w.c.violate(RuleCheckpoint, object, nil, "was cut: a checkpoint of %d leaves is known outside of this catalogue", known.Size)
		}
	}
	return nil
}

// grown reports whether the log is longer by now than it was said to be.
func (c *checker) grown(ctx context.Context, size int64) bool {
	cp, err := c.catalog.NewestCheckpoint(ctx)
	return err == nil && cp.Size > size
}

// staged looks whether the sequencer works.
func (w *logWalk) staged(ctx context.Context, newest lieciba.Checkpoint) error {
	n, oldest, err := w.c.catalog.StagedLeaves(ctx)
	if err != nil {
		return err
	}
	w.c.log.Staged = n
	limit := w.c.opt.Now().Add(-w.c.opt.StagedLimit)
	if n > 0 && oldest.Before(limit) && newest.At.Before(limit) {
		w.c.violate(RuleLeaf, "log", nil, "%d leaves wait for their index, the oldest since %s: the sequencer stands", n, oldest.UTC().Format(time.RFC3339))
	}
	return nil
}
