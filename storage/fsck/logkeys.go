package fsck

import (
	"context"
	"slices"

	"lieciba"
	"lieciba/storage/evidence"
)

// logKeys are the keys that checkpoints are judged by: those that were given
// from outside, or, without any, those that the log itself names. The latter
// show that the log agrees with itself, not whose it is.
type logKeys struct {
	given bool
	list  []evidence.Verifier
	texts []string // of list
	last  string   // newest key that the log names
}

func (k *logKeys) start(vkeys []string) error {
	list, err := evidence.NewVerifiers(vkeys...)
	k.list, k.texts, k.given = list, slices.Clone(vkeys), len(vkeys) > 0
	return err
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
	k.last = d.Key
	switch known := slices.Contains(k.texts, d.Key); {
	case d.Previous != previous:
		return "names another previous key than the log did: the log was signed by somebody else in between"
	case k.given && !known:
		return "hands the log over to a key that is not one of ours"
	case !known:
		k.list, k.texts = append(k.list, v), append(k.texts, d.Key)
	}
	return ""
}

// check judges a checkpoint on its own. root is the one that was signed, as far
// as a note can be read, else the row's. judged is false when no key is known.
func (k *logKeys) check(cp lieciba.Checkpoint) (root [32]byte, judged bool, message string) {
	text, _, err := evidence.UnverifiedCheckpoint(cp.Note)
	switch {
	case err != nil:
		return cp.Root, false, "its note cannot be read: " + err.Error()
	case text.Size != cp.Size || text.Root != cp.Root || text.Origin != cp.Origin:
		return text.Root, true, "its row says something else than its signed note"
	case len(k.list) == 0:
		return cp.Root, false, ""
	}
	if _, err := evidence.ParseCheckpoint(cp.Note, k.list...); err != nil {
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
