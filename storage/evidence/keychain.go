package evidence

import (
	"slices"

	"lieciba"
)

// handoverLabel starts the text that the old and the new key sign.
const handoverLabel = "lieciba-handover/v1"

func handoverText(previous, next string) string {
	return handoverLabel + "\n" + previous + "\n" + next + "\n"
}

// FirstKey is what the leaf of the log's first key says.
func FirstKey(k *Key, reason string) KeyDetail {
	return KeyDetail{Key: k.VerifierKey(), Reason: reason}
}

// Handover is what the leaf of a rotation says: both keys sign it, so that who
// knows the old key can trust the new one without the checkpoint of that time.
// Both keys have the same name, the log's.
func Handover(old, next *Key, reason string) (KeyDetail, error) {
	if old.name != next.name || old.VerifierKey() == next.VerifierKey() {
		return KeyDetail{}, lieciba.Errorf(lieciba.CodeConflict, "a key is followed by another key of the same name, %s", old.name)
	}
	signed, err := SignNote(handoverText(old.VerifierKey(), next.VerifierKey()), old, next)
	if err != nil {
		return KeyDetail{}, err
	}
	return KeyDetail{Key: next.VerifierKey(), Previous: old.VerifierKey(), Reason: reason, Handover: string(signed)}, nil
}

// Check verifies the detail by itself: the keys are keys of one name, and both
// signed the handover. CodeCorrupt if not.
func (d KeyDetail) Check() error {
	next, err := logVerifier(d.Key)
	if err != nil {
		return err
	}
	if d.Previous == "" {
		if d.Handover != "" {
			return lieciba.Errorf(lieciba.CodeCorrupt, "the first key of a log has no predecessor that could hand over")
		}
		return nil
	}
	old, err := logVerifier(d.Previous)
	if err != nil {
		return err
	}
	n, err := ParseNote([]byte(d.Handover))
	if err != nil {
		return err
	}
	by, unknown, err := n.Check(old, next)
	if err != nil {
		return err
	}
	if len(by) != 2 || len(unknown) != 0 || old.Name() != next.Name() || d.Key == d.Previous ||
		n.Text != handoverText(d.Previous, d.Key) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the change of key is not signed by both keys")
	}
	return nil
}

func logVerifier(vkey string) (Verifier, error) {
	v, err := NewVerifier(vkey)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the log names a key that is none")
	}
	if IsWitness(v) {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the log names a witness's key as its own")
	}
	return v, nil
}

// KeyOfLeaf reads the detail of a key's leaf and checks it: CodeCorrupt.
func KeyOfLeaf(l lieciba.Leaf) (KeyDetail, error) {
	var d KeyDetail
	if l.Kind != lieciba.LeafKey {
		return d, lieciba.Errorf(lieciba.CodeCorrupt, "leaf %d is not about a key", l.Index)
	}
	if err := Decode(l.Detail, &d); err != nil {
		return d, err
	}
	if d.Key != l.Subject {
		return d, lieciba.Errorf(lieciba.CodeCorrupt, "leaf %d names another key than it describes", l.Index)
	}
	return d, d.Check()
}

// CheckKeyChain verifies that each key was handed over by the one before, from
// the log's first to the one that signs now.
func CheckKeyChain(chain []KeyDetail) error {
	if len(chain) == 0 {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the log names no key")
	}
	previous := ""
	for _, d := range chain {
		if d.Previous != previous {
			return lieciba.Errorf(lieciba.CodeCorrupt, "the chain of the log's keys is broken")
		}
		if err := d.Check(); err != nil {
			return err
		}
		previous = d.Key
	}
	return nil
}

// FollowKeys walks handovers from a trusted key to the key that a checkpoint is
// signed by: the keys after the trusted one, in order; nil if the trusted key
// itself signed. CodeForbidden when no handover leads there, CodeCorrupt for a
// signature or a handover that is wrong.
func FollowKeys(trusted string, chain []KeyDetail, checkpoint Note) (keys []string, err error) {
	at := trusted
	for range len(chain) + 1 {
		v, err := logVerifier(at)
		if err != nil {
			return nil, err
		}
		by, _, err := checkpoint.Check(v)
		if err != nil {
			return nil, err
		}
		next := slices.IndexFunc(chain, func(d KeyDetail) bool { return d.Previous == at })
		if len(by) > 0 && (next < 0 || !signedBy(checkpoint, chain[next].Key)) {
			return keys, nil
		}
		if next < 0 {
			break
		}
		if err := chain[next].Check(); err != nil {
			return nil, err
		}
		at = chain[next].Key
		keys = append(keys, at)
	}
	return nil, lieciba.Errorf(lieciba.CodeForbidden, "no change of key leads from the trusted key to the one that signed the checkpoint")
}

func signedBy(n Note, vkey string) bool {
	v, err := logVerifier(vkey)
	return err == nil && slices.ContainsFunc(n.Signatures, func(s Signature) bool { return s.by(v) })
}

// KeyAt is a key of the log and the leaf that announced it.
type KeyAt struct {
	Index int64 // of the leaf
	Key   string
}

// SignersOf tells which keys sign the checkpoint of that size, when the one
// before it had the size before: the key in force then, and each that the new
// leaves announce. keys are by Index, the log's first key first.
func SignersOf(keys []KeyAt, before, size int64) []string {
	var out []string
	for i, k := range keys {
		if i > 0 && k.Index >= size {
			break
		}
		if i > 0 && k.Index < before {
			out = out[:0]
		}
		out = append(out, k.Key)
	}
	return out
}

// CheckSigners verifies that a checkpoint as it is stored carries the signatures
// of the keys of SignersOf, in order, and no others: CodeCorrupt if not.
func CheckSigners(c lieciba.Checkpoint, signers []string) error {
	verifiers, err := NewVerifiers(signers...)
	if err != nil {
		return err
	}
	p, n, err := UnverifiedCheckpoint(c.Note)
	if err != nil {
		return err
	}
	by, unknown, err := n.Check(verifiers...)
	if err != nil {
		return err
	}
	if len(unknown) != 0 || !slices.Equal(by, verifiers) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the checkpoint of %d leaves is not signed by the keys of that time", p.Size)
	}
	if p.Origin != c.Origin || p.Size != c.Size || p.Root != c.Root {
		return lieciba.Errorf(lieciba.CodeCorrupt, "the checkpoint of %d leaves does not say what is signed", c.Size)
	}
	return nil
}
