package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"lieciba"
	"lieciba/storage/evidence"
)

type leafKey struct {
	kind    lieciba.LeafKind
	subject string
}

// checkLog judges keys, checkpoint, cosignatures and the closing note. What is
// signed by the log's key is trusted from then on; whose key that is, the caller
// compares.
func (c *check) checkLog() {
	verifiers, witnesses, ok := c.readKeys()
	b, have := c.read(evidence.CheckpointName)
	if !ok || !have {
		return
	}
	cp, note, err := evidence.UnverifiedCheckpoint(b)
	if err != nil {
		c.add(find(CodeCheckpoint, why(err)).in(evidence.CheckpointName))
		return
	}
	c.note = note
	by, unknown, err := note.Check(append(slices.Clone(verifiers), witnesses...)...)
	if err != nil {
		c.add(find(CodeCheckpoint, why(err)).in(evidence.CheckpointName))
		c.checkSignatures(verifiers, witnesses)
		return
	}
	for _, s := range unknown {
		c.add(find(CodeSignature, s.Name).in(evidence.CheckpointName))
	}
	last := verifiers[len(verifiers)-1]
	if !slices.ContainsFunc(by, func(v evidence.Verifier) bool { return v == last }) {
		c.add(find(CodeCheckpoint, "the log's key did not sign it").in(evidence.CheckpointName))
		return
	}
	key := c.keys.Log[len(c.keys.Log)-1]
	c.Log = &Log{Origin: cp.Origin, Size: cp.Size, Root: cp.Root, Key: key, Fingerprint: evidence.Fingerprint(key)}
	c.signed = true
	if c.known && c.manifest.Log != cp.Origin {
		c.add(find(CodeContent, "the manifest names the log "+c.manifest.Log+", the checkpoint "+cp.Origin).in(evidence.ManifestName))
	}
	c.checkWitnesses(witnesses)
	c.checkClosing(last)
}

// checkSignatures names each signature that is wrong by the key that it claims.
func (c *check) checkSignatures(keys, witnesses []evidence.Verifier) {
	for _, v := range append(slices.Clone(keys), witnesses...) {
		if _, _, err := c.note.Check(v); err == nil {
			continue
		}
		code := CodeCheckpoint
		if evidence.IsWitness(v) {
			code = CodeCosignature
		}
		c.add(find(code, v.Name()).in(evidence.CheckpointName))
	}
}

// readKeys reads keys.json.
func (c *check) readKeys() (keys, witnesses []evidence.Verifier, ok bool) {
	b, have := c.read(evidence.KeysName)
	if !have {
		return nil, nil, false
	}
	bad := func(err error) { c.add(find(CodeKeys, why(err)).in(evidence.KeysName)) }
	if err := evidence.Decode(b, &c.keys); err != nil {
		bad(err)
		return nil, nil, false
	}
	keys, err := evidence.NewVerifiers(c.keys.Log...)
	if err == nil {
		witnesses, err = evidence.NewVerifiers(c.keys.Witnesses...)
	}
	if err == nil && len(keys) == 0 {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "no key of a log is listed")
	}
	if err == nil && (slices.ContainsFunc(keys, evidence.IsWitness) || slices.ContainsFunc(witnesses, func(v evidence.Verifier) bool { return !evidence.IsWitness(v) })) {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "a log's key and a witness's key are in each other's place")
	}
	if err == nil && repeats(append(slices.Clone(c.keys.Log), c.keys.Witnesses...)) {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "a key is listed twice")
	}
	if err != nil {
		bad(err)
		return nil, nil, false
	}
	return keys, witnesses, true
}

func repeats(list []string) bool {
	sorted := slices.Sorted(slices.Values(list))
	return len(slices.Compact(sorted)) != len(list)
}

// checkWitnesses reports the cosignatures, which are valid, and those that the
// caller asks for and that are not there.
func (c *check) checkWitnesses(witnesses []evidence.Verifier) {
	for i, v := range witnesses {
		vkey := c.keys.Witnesses[i]
		for _, s := range c.note.Signatures {
			if s.Name != v.Name() || s.Hash != v.KeyHash() {
				continue
			}
			c.Witnesses = append(c.Witnesses, Witness{Name: v.Name(), Fingerprint: evidence.Fingerprint(vkey), At: evidence.At(s.CosignedAt()),
				Compared: slices.ContainsFunc(c.opts.Witnesses, func(given string) bool { return evidence.MatchKey(given, vkey) })})
		}
	}
	c.Witnessed = len(c.Witnesses) > 0
	for _, given := range c.opts.Witnesses {
		if !slices.ContainsFunc(c.Witnesses, func(w Witness) bool { return evidence.MatchKey(given, c.witnessKey(w)) }) {
			c.add(find(CodeNoWitness, given))
		}
	}
	switch {
	case !c.Witnessed:
		c.add(find(CodeNotWitness))
	case len(c.opts.Witnesses) == 0:
		c.add(find(CodeWitnessOpen))
	}
}

func (c *check) witnessKey(w Witness) string {
	for _, k := range c.keys.Witnesses {
		if evidence.Fingerprint(k) == w.Fingerprint {
			return k
		}
	}
	return ""
}

func (c *check) checkClosing(key evidence.Verifier) {
	closing, ok := c.read(evidence.ClosingName)
	if !ok {
		return
	}
	files := map[string][]byte{}
	for _, name := range evidence.ClosedFiles() {
		if b, ok := c.read(name); ok {
			files[name] = b
		}
	}
	if err := evidence.CheckClosing(closing, key, files); err != nil {
		c.add(find(CodeClosing, why(err)).in(evidence.ClosingName))
	}
}

// checkProofs verifies each leaf under the checkpoint's root, and the chain of
// the log's keys, which are leaves too.
func (c *check) checkProofs() {
	b, ok := c.read(evidence.ProofsName)
	if !ok {
		return
	}
	var p evidence.Proofs
	if err := evidence.Decode(b, &p); err != nil {
		c.add(find(CodeProofs, why(err)).in(evidence.ProofsName))
		return
	}
	if !c.signed {
		return
	}
	if p.Size != c.Log.Size {
		c.add(find(CodeProofs, fmt.Sprintf("%d ≠ %d", p.Size, c.Log.Size)).in(evidence.ProofsName))
	}
	var chain []evidence.KeyDetail
	last := int64(-1)
	for _, x := range p.Leaves {
		l, err := x.Check(c.Log.Size, c.Log.Root)
		if err != nil {
			c.add(c.ofLeaf(find(CodeProof, fmt.Sprintf("%s %s: %s", x.Kind, x.Subject, why(err))), x.Kind, x.Subject))
			continue
		}
		at := leafKey{l.Kind, l.Subject}
		if _, twice := c.leaves[at]; twice {
			c.add(find(CodeProofs, fmt.Sprintf("%s %s", x.Kind, x.Subject)).in(evidence.ProofsName))
			continue
		}
		c.leaves[at] = l
		if l.Kind == lieciba.LeafKey {
			d, err := evidence.KeyOfLeaf(l)
			if err == nil && l.Index <= last {
				err = lieciba.Errorf(lieciba.CodeCorrupt, "the keys are not in the order of the log")
			}
			if err != nil {
				c.add(find(CodeKeyChain, why(err)).in(evidence.ProofsName))
			}
			last, chain = l.Index, append(chain, d)
		}
	}
	c.Totals.Leaves = len(c.leaves)
	c.checkKeys(chain)
}

// checkKeys holds keys.json against the leaves of the keys, and the caller's key
// against them.
func (c *check) checkKeys(chain []evidence.KeyDetail) {
	if err := evidence.CheckKeyChain(chain); err != nil {
		c.add(find(CodeKeyChain, why(err)).in(evidence.ProofsName))
	}
	var keys []string
	for _, d := range chain {
		keys = append(keys, d.Key)
	}
	if !slices.Equal(keys, c.keys.Log) {
		c.add(find(CodeKeyChain, "keys.json").in(evidence.KeysName))
	}
	if len(c.opts.Keys) == 0 {
		c.add(find(CodeNotCompared))
		return
	}
	for _, given := range c.opts.Keys {
		for _, k := range c.keys.Log {
			if !evidence.MatchKey(given, k) {
				continue
			}
			if _, err := evidence.FollowKeys(k, chain, c.note); err == nil {
				c.Log.KeyCompared = true
				return
			}
		}
	}
	c.Log.KeyDiffers = true
	c.add(find(CodeKeyOther, evidence.FingerprintGroups(c.Log.Fingerprint)))
}

// checkStamps verifies the RFC 3161 tokens over the checkpoint.
func (c *check) checkStamps() {
	b, ok := c.read(evidence.StampsName)
	if !ok {
		return
	}
	var list evidence.Stamps
	if err := evidence.Decode(b, &list); err != nil {
		c.add(find(CodeStamps, why(err)).in(evidence.StampsName))
		return
	}
	if !c.signed {
		return
	}
	keys, err := evidence.NewVerifiers(c.keys.Log...)
	if err != nil {
		return // readKeys said so
	}
	stamped := c.note.Only(keys...).Encode() // a stamp is over the note before it was cosigned
	for _, t := range list.Tokens {
		s, err := evidence.CheckStamp(t.Token, stamped, append(evidence.PinnedRoots(c.keys.Stamps, t.Root), c.opts.StampRoots...))
		switch {
		case lieciba.CodeOf(err) == lieciba.CodeForbidden:
			c.add(find(CodeStampOpen, t.Authority+": "+why(err)).in(evidence.StampsName))
		case err != nil:
			c.add(find(CodeStamps, t.Authority+": "+why(err)).in(evidence.StampsName))
		default:
			sum := sha256.Sum256(s.Root.Raw)
			c.Stamps = append(c.Stamps, Stamp{Authority: s.Authority, At: evidence.At(s.At), Root: hex.EncodeToString(sum[:])})
		}
	}
}
