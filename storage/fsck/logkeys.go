package fsck

import (
	"context"

	"lieciba"
	"lieciba/storage/evidence"
)

// logKeys are the keys that checkpoints are judged by: those that were given
// from outside, and those that handed the log over to one of them. Without any
// the log is judged by the keys that it names itself, which shows that it agrees
// with itself, not whose it is.
type logKeys struct {
	given   bool
	trusted map[string]bool
	before  []evidence.Verifier // for checkpoints from before the log named its first key
	current evidence.Verifier   // the newest that the log named so far; nil: none
	last    string              // its text
}

// start takes the given keys and follows the log's own chain back from them.
func (k *logKeys) start(ctx context.Context, c *checker) error {
	k.given, k.trusted = len(c.opt.LogKeys) > 0, map[string]bool{}
	for _, vkey := range c.opt.LogKeys {
		if _, err := evidence.NewVerifier(vkey); err != nil {
			return err
		}
		for at := vkey; at != "" && !k.trusted[at]; {
			v, err := evidence.NewVerifier(at)
			if err != nil { // a leaf was changed: the walk says which
				break
			}
			k.trusted[at], k.before = true, append(k.before, v)
			l, err := c.catalog.LeafOf(ctx, lieciba.LeafKey, at)
			if lieciba.CodeOf(err) == lieciba.CodeNotFound {
				break
			}
			if err != nil {
				return err
			}
			var d evidence.KeyDetail
			if evidence.Decode(l.Detail, &d) != nil {
				break
			}
			at = d.Previous
		}
	}
	return nil
}

// add takes a key's leaf into account; message says what is wrong with it.
func (k *logKeys) add(l lieciba.Leaf) (message string) {
	var d evidence.KeyDetail
	if err := evidence.Decode(l.Detail, &d); err != nil || d.Key != l.Subject {
		return "is no leaf of the key that it names"
	}
	v, err := evidence.NewVerifier(d.Key)
	if err != nil {
		return "names no verifier key"
	}
	previous := k.last
	k.last, k.current = d.Key, v
	switch {
	case d.Previous != previous:
		return "names another previous key than the log did: somebody else signed in between"
	case k.given && !k.trusted[d.Key]:
		return "hands the log over to a key that is not one of ours"
	}
	return ""
}

// check judges a checkpoint on its own: the key that the log named last must
// have signed it. root is the one in its note, as far as that can be read, else
// the row's. judged is false when no key is known.
func (k *logKeys) check(cp lieciba.Checkpoint) (root [32]byte, judged bool, message string) {
	text, _, err := evidence.UnverifiedCheckpoint(cp.Note)
	keys := k.before
	if k.current != nil {
		keys = []evidence.Verifier{k.current}
	}
	switch {
	case err != nil:
		return cp.Root, false, "its note cannot be read: " + err.Error()
	case text.Size != cp.Size || text.Root != cp.Root || text.Origin != cp.Origin:
		return text.Root, true, "its row says something else than its signed note"
	case len(keys) == 0:
		return cp.Root, false, ""
	}
	if _, err := evidence.ParseCheckpoint(cp.Note, keys...); err != nil {
		return cp.Root, true, "its signature does not verify: " + err.Error()
	}
	return cp.Root, true, ""
}

// cosignatures verifies what witnesses signed of one checkpoint.
func (w *logWalk) cosignatures(ctx context.Context, cp lieciba.Checkpoint, object string) error {
	list, err := w.c.catalog.Cosignatures(ctx, cp.Size)
	if err != nil || len(list) == 0 {
		return err
	}
	text := evidence.CheckpointText(cp.Origin, cp.Size, cp.Root)
	for _, cs := range list {
		s, err := evidence.ParseSignature(cs.Line)
		if err != nil {
			w.c.violate(RuleCosignature, object, nil, "the cosignature of witness %s cannot be read: %v", cs.Witness, err)
			continue
		}
		key := w.witness(s)
		if key == nil {
			w.c.log.Uncosigned++
			continue
		}
		at, err := evidence.CheckCosignature(key, text, cs.Line)
		switch {
		case err != nil:
			w.c.violate(RuleCosignature, object, nil, "the cosignature of witness %s does not verify", cs.Witness)
		case !at.Equal(cs.At) || s.Name != cs.Witness:
			w.c.violate(RuleCosignature, object, nil, "the row of witness %s says something else than its signature", cs.Witness)
		default:
			w.c.log.Cosigned++
		}
	}
	return nil
}

// witness finds the given key of a signature, nil if there is none.
func (w *logWalk) witness(s evidence.Signature) evidence.Verifier {
	for _, v := range w.c.witnesses {
		if v.Name() == s.Name && v.KeyHash() == s.Hash {
			return v
		}
	}
	return nil
}
