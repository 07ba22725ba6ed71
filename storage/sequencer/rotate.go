package sequencer

import (
	"context"
	"errors"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// errFounded rolls the founding of a log back that another sequencer founded.
var errFounded = errors.New("the log has begun already")

// found begins the log: key leaf, first checkpoint and audit entry, in one
// transaction, so that two first starts with two keys cannot both succeed.
func (s *Sequencer) found(ctx context.Context, key *evidence.Key) error {
	e := s.entry(lieciba.AuditBeginLog, key, "the hash log began")
	detail := evidence.FirstKey(key, "first key of the log")
	var made []sequencedBatch
	err := s.c.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		made = nil
		l := evidence.NewLeaf(lieciba.LeafKey, key.VerifierKey(), s.c.Now(), detail)
		if err := s.c.Catalog.StageLeaf(ctx, l); err != nil {
			return err
		}
		var err error
		made, err = s.sequenceUntil(ctx, key.VerifierKey(), extension{now: key, first: true})
		return err
	})
	if err == nil {
		s.tell(made)
		s.c.Log.InfoContext(ctx, "the hash log began", "fingerprint", key.Fingerprint())
	}
	return err
}

// Rotate changes the log's key: the new one is announced by a leaf whose
// checkpoint both keys sign, in one transaction with the audit entry. The same
// call again, after its answer was lost, changes nothing. CodeConflict for a key
// of another log, CodeInvalid for a
// reason that CheckSentence refuses.
func (s *Sequencer) Rotate(ctx context.Context, next *evidence.Key, reason string) error {
	if err := lieciba.CheckSentence("reason", reason); err != nil {
		return err
	}
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.start(ctx); err != nil {
		return err
	}
	head, err := s.c.Catalog.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	if checkCurrent(head, next) == nil { // done before
		s.use(next)
		return nil
	}
	old := s.Key()
	detail, err := evidence.Handover(old, next, reason)
	if err != nil {
		return err
	}
	if _, err := s.drain(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.next = next
	s.mu.Unlock()
	e := s.entry(lieciba.AuditRotateKey, next, reason)
	var made []sequencedBatch
	err = s.c.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		made = nil
		if s.c.Allow != nil {
			if err := s.c.Allow(ctx, next); err != nil {
				return err
			}
		}
		l := evidence.NewLeaf(lieciba.LeafKey, next.VerifierKey(), s.c.Now(), detail)
		if err := s.c.Catalog.StageLeaf(ctx, l); err != nil {
			return err
		}
		var err error
		made, err = s.sequenceUntil(ctx, next.VerifierKey(), extension{now: old, next: next})
		return err
	})
	if err != nil {
		return err
	}
	s.use(next)
	s.tell(made)
	s.c.Log.InfoContext(ctx, "the key of the hash log was changed", "fingerprint", next.Fingerprint())
	return nil
}

func (s *Sequencer) use(k *evidence.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.next = k, nil
}

type sequencedBatch struct {
	checkpoint lieciba.Checkpoint
	n          int
}

func (s *Sequencer) tell(made []sequencedBatch) {
	for _, m := range made {
		s.sequenced(m.checkpoint, m.n)
	}
}

// sequenceUntil sequences inside of an Act until the key's leaf is in the log.
// Only the batch with that leaf carries the next key's signature.
func (s *Sequencer) sequenceUntil(ctx context.Context, subject string, x extension) (made []sequencedBatch, err error) {
	for {
		var m sequencedBatch
		m.n, err = s.c.Catalog.Sequence(ctx, batch, func(head storage.LogHead, staged []lieciba.Leaf) (storage.Sequenced, error) {
			if x.first && len(made) == 0 && head.Checkpoint.Size > 0 {
				return storage.Sequenced{}, errFounded
			}
			out, err := s.extend(head, staged, x)
			m.checkpoint = out.Checkpoint
			return out, err
		})
		if err != nil {
			return nil, err
		}
		if m.n == 0 && x.first { // another sequencer with the same key took the leaf
			return nil, errFounded
		}
		if m.n == 0 {
			return nil, lieciba.Errorf(lieciba.CodeConflict, "another process is changing the log's key: look at it with `lieciba key show` first")
		}
		made = append(made, m)
		l, err := s.c.Catalog.LeafOf(ctx, lieciba.LeafKey, subject)
		if err != nil || l.Index >= 0 {
			return made, err
		}
	}
}

func (s *Sequencer) entry(act string, key *evidence.Key, detail string) lieciba.AuditEntry {
	now := lieciba.Micro(s.c.Now())
	return lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: now, Who: s.c.Who, WhoID: s.c.WhoID,
		Act: act, Object: "key:" + key.Fingerprint(), Outcome: "ok", Detail: detail}
}

// Keys returns what the log says of its keys, the first one first, the one that
// signs now last: the details of the key leaves, each of them checked.
func (s *Sequencer) Keys(ctx context.Context) ([]evidence.KeyDetail, error) {
	_, details, err := s.KeyLeaves(ctx)
	return details, err
}

// KeyLeaves is Keys with the leaves themselves, for proofs.
func (s *Sequencer) KeyLeaves(ctx context.Context) (leaves []lieciba.Leaf, details []evidence.KeyDetail, err error) {
	if err := s.Refresh(ctx); err != nil {
		return nil, nil, err
	}
	return KeyLeaves(ctx, s.c.Catalog, s.Key().VerifierKey())
}

// KeyLeaves walks the key leaves back from a key to the log's first: leaves and
// their details, first key first. CodeNotFound for a key that the log does not
// know, CodeCorrupt for a chain that does not hold.
func KeyLeaves(ctx context.Context, log storage.HashLog, vkey string) (leaves []lieciba.Leaf, details []evidence.KeyDetail, err error) {
	for at := vkey; at != ""; {
		l, err := log.LeafOf(ctx, lieciba.LeafKey, at)
		if err != nil {
			return nil, nil, err
		}
		d, err := evidence.KeyOfLeaf(l)
		if err != nil {
			return nil, nil, err
		}
		if len(leaves) > 0 && l.Index >= leaves[0].Index { // also ends a circle
			return nil, nil, lieciba.Errorf(lieciba.CodeCorrupt, "the keys of the log are not in order")
		}
		leaves = append([]lieciba.Leaf{l}, leaves...)
		details = append([]evidence.KeyDetail{d}, details...)
		at = d.Previous
	}
	return leaves, details, evidence.CheckKeyChain(details)
}
