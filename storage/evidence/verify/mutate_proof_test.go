package verify_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// proofMutators change what the folder evidence/ and keys.json say.
var proofMutators = []mutator{
	{"edit any field of the proofs", 6, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		proofs := p.proofs(t)
		e := pick(r, edits(reflect.ValueOf(&proofs).Elem(), ""))
		e.do(r)
		return p.withProofs(t, r, s, proofs, e.path)
	}},
	{"exchange proofs", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		proofs := p.proofs(t)
		i, j := r.IntN(len(proofs.Leaves)), r.IntN(len(proofs.Leaves))
		a, b := &proofs.Leaves[i], &proofs.Leaves[j]
		switch r.IntN(4) {
		case 0:
			a.Proof, b.Proof = b.Proof, a.Proof
		case 1:
			a.Index, b.Index = b.Index, a.Index
		case 2:
			a.Subject, b.Subject = b.Subject, a.Subject
		case 3:
			a.Detail, b.Detail, a.Salt, b.Salt = b.Detail, a.Detail, b.Salt, a.Salt
		}
		return p.withProofs(t, r, s, proofs, fmt.Sprint(i, j))
	}},
	{"take the proofs of another package", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		from := pick(r, []parcel{s.sibling, s.stranger, s.earlier})
		names := []string{evidence.ProofsName, evidence.CheckpointName, evidence.StampsName, evidence.ClosingName}
		for _, name := range names {
			if r.IntN(3) > 0 {
				p.set(name, from.get(name))
			}
		}
		return crime{bytes: p.zip(t)}
	}},
	{"take the keys of another log", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		p.set(evidence.KeysName, s.stranger.get(evidence.KeysName))
		if r.IntN(2) == 0 {
			p.rehash(t, s)
		}
		return crime{bytes: p.zip(t)}
	}},
	{"edit the keys", 3, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		k := s.house.keyring()
		k.Log = slices.Clone(k.Log)
		switch r.IntN(5) {
		case 0:
			k.Log = []string{s.forger.VerifierKey()}
		case 1:
			k.Log = append(k.Log, s.forger.VerifierKey())
		case 2:
			k.Log = append([]string{s.forger.VerifierKey()}, k.Log...)
		case 3:
			k.Witnesses = []string{}
		case 4:
			k.Witnesses = append(k.Witnesses, s.other.witness.VerifierKey())
		}
		p.set(evidence.KeysName, evidence.Encode(k))
		if r.IntN(2) == 0 {
			p.rehash(t, s)
		}
		return crime{bytes: p.zip(t)}
	}},
	{"edit the checkpoint", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		lines := strings.Split(string(p.get(evidence.CheckpointName)), "\n")
		i := r.IntN(len(lines) - 1)
		switch r.IntN(4) {
		case 0:
			lines[i] = otherText(r, lines[i])
		case 1:
			lines = slices.Delete(lines, i, i+1)
		case 2:
			lines = slices.Insert(lines, i, lines[i])
		case 3:
			j := r.IntN(len(lines) - 1)
			lines[i], lines[j] = lines[j], lines[i]
		}
		p.set(evidence.CheckpointName, []byte(strings.Join(lines, "\n")))
		return crime{what: fmt.Sprint(i), bytes: p.zip(t)}
	}},
	{"respell a signature", 4, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		name := pick(r, []string{evidence.CheckpointName, evidence.ClosingName})
		p.set(name, respell(r, p.get(name)))
		return crime{what: name, bytes: p.zip(t)}
	}},
	{"add a signature", 2, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		note, err := evidence.ParseNote(p.get(evidence.CheckpointName))
		require.NoError(t, err)
		signed, err := s.forger.Sign(note.Text)
		require.NoError(t, err)
		more, err := evidence.ParseNote(signed)
		require.NoError(t, err)
		p.set(evidence.CheckpointName, note.With(more.Signatures...).Encode())
		return crime{bytes: p.zip(t)}
	}},
	{"add a time stamp", 1, func(t testing.TB, r *rand.Rand, s *scene) crime {
		p := s.base.clone()
		p.set(evidence.StampsName, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{{Authority: "tsa", Token: noise(r)}}}))
		return crime{bytes: p.zip(t)}
	}},
}

func (p *parcel) proofs(t testing.TB) evidence.Proofs {
	var proofs evidence.Proofs
	require.NoError(t, evidence.Decode(p.get(evidence.ProofsName), &proofs))
	return proofs
}

// withProofs puts the proofs in, with a closing note of the forger's or not.
func (p *parcel) withProofs(t testing.TB, r *rand.Rand, s *scene, proofs evidence.Proofs, what string) crime {
	p.set(evidence.ProofsName, evidence.Encode(proofs))
	if r.IntN(2) == 0 {
		p.forgeClosing(t, s.forger)
	}
	return crime{what: what, bytes: p.zip(t)}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// respell writes the last signature's base64 in another way that decodes to the
// same bytes where it has spare bits, or breaks its line.
func respell(r *rand.Rand, b []byte) []byte {
	s := strings.TrimRight(string(b), "\n")
	if pad := strings.TrimRight(s, "="); len(pad) < len(s) && r.IntN(2) == 0 {
		last := strings.IndexByte(alphabet, pad[len(pad)-1])
		return []byte(pad[:len(pad)-1] + string(alphabet[last^1]) + s[len(pad):] + "\n")
	}
	at := len(s) - 1 - r.IntN(20)
	return bytes.Join([][]byte{[]byte(s[:at]), []byte(s[at:] + "\n")}, []byte(pick(r, []string{"\n", "\r", " ", "=", "A"})))
}
