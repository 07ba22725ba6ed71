package evidence

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"lieciba"
)

// cosignatureSize is that of the timestamped signature of C2SP tlog-cosignature:
// eight bytes of seconds since 1970, big endian, and an Ed25519 signature.
const cosignatureSize = 8 + ed25519.SignatureSize

// cosignedText is what a witness signs (cosignature/v1).
func cosignedText(text []byte, at uint64) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

// cosignVerifier checks cosignatures; it is a Verifier of notes.
type cosignVerifier struct {
	name string
	hash uint32
	key  [ed25519.PublicKeySize]byte
}

func (v cosignVerifier) Name() string    { return v.name }
func (v cosignVerifier) KeyHash() uint32 { return v.hash }

func (v cosignVerifier) Verify(msg, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	if at == 0 || at > 1<<40 { // no state was kept, or no time that anybody lives to see
		return false
	}
	return ed25519.Verify(v.key[:], cosignedText(msg, at), sig[8:])
}

// IsWitness tells a witness's key from a log's.
func IsWitness(v Verifier) bool {
	_, ok := v.(cosignVerifier)
	return ok
}

// Cosign signs a checkpoint's text for a witness at an instant (whole seconds):
// the signature line, without its line end.
func (k *Key) Cosign(text string, at time.Time) (line string, err error) {
	if k.alg != algCosigned1 || at.Unix() <= 0 {
		return "", lieciba.Errorf(lieciba.CodeInternal, "only a witness's key cosigns, at a real time")
	}
	if _, err := parseCheckpointText(text); err != nil {
		return "", err
	}
	seconds := uint64(at.Unix())
	sig := binary.BigEndian.AppendUint64(nil, seconds)
	sig = append(sig, ed25519.Sign(k.private, cosignedText([]byte(text), seconds))...)
	return Signature{Name: k.name, Hash: k.KeyHash(), Bytes: sig}.Line(), nil
}

// CheckCosignature verifies a witness's signature line on a checkpoint's text
// and tells when it was made. CodeCorrupt for a line in another than the
// canonical spelling, of another key or with a wrong signature.
func CheckCosignature(witness Verifier, text, line string) (at time.Time, err error) {
	s, err := ParseSignature(line)
	if err != nil {
		return time.Time{}, err
	}
	if !IsWitness(witness) || !s.by(witness) {
		return time.Time{}, lieciba.Errorf(lieciba.CodeCorrupt, "the cosignature is not of the witness %s", witness.Name())
	}
	if !witness.Verify([]byte(text), s.Bytes) {
		return time.Time{}, lieciba.Errorf(lieciba.CodeCorrupt, "the cosignature of the witness %s is wrong", witness.Name())
	}
	return s.CosignedAt(), nil
}

// CosignedAt is the time that a witness's verified signature holds.
func (s Signature) CosignedAt() time.Time {
	if len(s.Bytes) != cosignatureSize {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(s.Bytes)), 0).UTC()
}
