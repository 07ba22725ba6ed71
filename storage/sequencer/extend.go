package sequencer

import (
	"errors"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// errOtherKey marks that the log's current key is another one.
var errOtherKey = errors.New("the log is signed by another key")

// extension tells who signs and what the batch may hold.
type extension struct {
	now   *evidence.Key // signs
	next  *evidence.Key // announced by a key leaf of this very batch; signs too. nil: no change of key
	first bool          // the batch begins the log: now is announced in it
}

// extend decides what Catalog.Sequence stores: it judges the log as it stands,
// adds the leaves and signs. It refuses rather than sign what it cannot stand for.
func (s *Sequencer) extend(head storage.LogHead, staged []lieciba.Leaf, x extension) (storage.Sequenced, error) {
	origin := s.c.Origin
	if origin == "" {
		origin = x.now.Name()
	}
	if head.Checkpoint.Size > 0 {
		if err := checkCurrent(head.Checkpoint, x.now); err != nil {
			return storage.Sequenced{}, err
		}
		origin = head.Checkpoint.Origin
	}
	signers, err := judge(staged, x)
	if err != nil {
		return storage.Sequenced{}, err
	}
	g, err := evidence.Grow(head.Checkpoint.Size, staged, head.Hashes)
	if err != nil {
		return storage.Sequenced{}, err
	}
	if head.Checkpoint.Size > 0 && g.OldRoot != head.Checkpoint.Root {
		return storage.Sequenced{}, lieciba.Errorf(lieciba.CodeCorrupt,
			"the stored hashes of the log do not give the root of its checkpoint of %d leaves: somebody changed them; run the chain check and restore the catalogue", head.Checkpoint.Size)
	}
	c, err := evidence.SignCheckpoint(origin, head.Checkpoint.Size+int64(len(staged)), g.Root, signers...)
	if err != nil {
		return storage.Sequenced{}, err
	}
	c.At = lieciba.Micro(s.c.Now())
	if c.At.Before(head.Checkpoint.At) { // the clock was set back; time in the log is not
		c.At = head.Checkpoint.At
	}
	return storage.Sequenced{Hashes: g.Hashes, Checkpoint: c}, nil
}

// judge checks each leaf by itself, and that no key is announced but the one
// that is meant to be. It returns who signs the batch.
func judge(staged []lieciba.Leaf, x extension) ([]*evidence.Key, error) {
	signers := []*evidence.Key{x.now}
	for _, l := range staged {
		if evidence.Commitment(l.Salt, l.Detail) != l.Commitment {
			return nil, lieciba.Errorf(lieciba.CodeCorrupt,
				"the staged leaf of %s %s does not hold what it commits to: somebody changed it in the database", l.Kind, l.Subject)
		}
		if l.Kind != lieciba.LeafKey {
			continue
		}
		switch {
		case x.first && l.Subject == x.now.VerifierKey():
		case x.next != nil && l.Subject == x.next.VerifierKey():
			signers = append(signers, x.next)
		default:
			return nil, lieciba.Errorf(lieciba.CodeCorrupt,
				"a change of the log's key is staged that no rotation made: remove the leaf of key %s, and find out who put it there", l.Subject)
		}
		if _, err := evidence.KeyOfLeaf(l); err != nil {
			return nil, err
		}
	}
	return signers, nil
}

// checkCurrent verifies the newest checkpoint and that key is the one that signs
// now: after a rotation the new key's signature is the last.
func checkCurrent(head lieciba.Checkpoint, key *evidence.Key) error {
	stated, n, err := evidence.UnverifiedCheckpoint(head.Note)
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "the newest checkpoint of the log is damaged: restore the catalogue")
	}
	if last := n.Signatures[len(n.Signatures)-1]; last.Name != key.Name() || last.Hash != key.KeyHash() {
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: "evidence.key", Cause: errOtherKey,
			Message: otherKey(key, last)}
	}
	if _, _, err := n.Check(key.Verifier()); err != nil {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "the newest checkpoint of the log is not what the key signed: restore the catalogue")
	}
	if stated.Origin != head.Origin || stated.Size != head.Size || stated.Root != head.Root {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the newest checkpoint of the log says something else than what was signed: restore the catalogue")
	}
	return nil
}
