// Package secret seals small secrets, such as camera passwords, before they are
// stored. Each secret has a data key of its own, and that key is wrapped by a
// master key that is kept outside of the database (an envelope): AES-256-GCM
// (NIST SP 800-38D) for both. A sealed value is bound to its owner (additional
// data), so that it cannot be moved to another row.
//
//	format 2   2 | master key's ID (4) | nonce, wrapped data key, tag (12+32+16) | nonce, text, tag (12+n+16)
//	format 1   1 | key's ID (4) | nonce, text, tag (12+n+16): sealed by the master key itself; opened, never written
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"

	"lieciba"
)

// KeySize is the length of a master key and of a data key in bytes.
const KeySize = 32

const (
	formatDirect   = 1
	formatEnvelope = 2

	headerSize  = 1 + len(KeyID{})
	overhead    = 12 + 16 // nonce and tag
	wrappedSize = KeySize + overhead
)

// KeyID tells master keys apart; it says nothing of the key.
type KeyID [4]byte

// String writes the ID in hexadecimal.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// masterKey wraps data keys.
type masterKey struct {
	id   KeyID
	aead cipher.AEAD
}

func newMasterKey(key []byte) (masterKey, error) {
	if len(key) != KeySize {
		return masterKey{}, lieciba.Invalid("key", "must be %d bytes, not %d", KeySize, len(key))
	}
	aead, err := newAEAD(key)
	if err != nil {
		return masterKey{}, err
	}
	sum := sha256.Sum256(append([]byte("lieciba secret key fingerprint\x00"), key...))
	return masterKey{KeyID(sum[:len(KeyID{})]), aead}, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the cipher cannot be made")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return aead, lieciba.Wrap(err, lieciba.CodeInternal, "the cipher cannot be made")
}

// Box seals with its newest master key and unseals with each of them. Safe for
// concurrent use.
type Box struct {
	file string // read again when it changes; empty: the keys came from elsewhere

	mu    sync.Mutex
	keys  []masterKey // the first one seals
	stamp string      // of the file that they came from
}

// New makes a Box of keys of KeySize bytes each, the one that seals first. The
// keys are not kept.
func New(keys ...[]byte) (*Box, error) {
	b := &Box{}
	for _, key := range keys {
		k, err := newMasterKey(key)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(b.keys, func(o masterKey) bool { return o.id == k.id }) {
			return nil, lieciba.Invalid("key", "holds the key %s twice: give each once", k.id)
		}
		b.keys = append(b.keys, k)
	}
	if len(b.keys) == 0 {
		return nil, lieciba.Invalid("key", "holds no key: it is %d hexadecimal digits", 2*KeySize)
	}
	return b, nil
}

// FromHex makes a Box of keys of 64 hexadecimal digits each, apart by white
// space, the one that seals first: as an environment variable holds them. The
// error never quotes the input.
func FromHex(s string) (*Box, error) {
	lines, err := parseKeys([]byte(s))
	if err != nil {
		return nil, err
	}
	return New(sealFirst(lines)...)
}

// ring returns the keys of now. The caller does not change them.
func (b *Box) ring() []masterKey {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys
}

// Keys lists the master keys, the one that seals first.
func (b *Box) Keys() []KeyID {
	var ids []KeyID
	for _, k := range b.ring() {
		ids = append(ids, k.id)
	}
	return ids
}

// Seal encrypts plain. aad names its owner, such as a camera's ID, and must be
// given again to Unseal. Two seals of one text differ.
func (b *Box) Seal(plain, aad []byte) []byte {
	b.refresh() // another process may have put a newer key first
	var dataKey [KeySize]byte
	_, _ = rand.Read(dataKey[:]) // documented never to fail
	data, err := newAEAD(dataKey[:])
	if err != nil {
		panic(err) // the key's length is right
	}
	out := wrap(b.ring()[0], dataKey[:], aad)
	return data.Seal(out, nil, plain, bodyData(aad))
}

// wrap writes the header and the data key, sealed by the master key.
func wrap(k masterKey, dataKey, aad []byte) []byte {
	header := append([]byte{formatEnvelope}, k.id[:]...)
	return k.aead.Seal(slices.Clone(header), nil, dataKey, append(header, aad...))
}

// bodyData is what the body is bound to: its owner, and not the master key, which
// may change around it.
func bodyData(aad []byte) []byte { return append([]byte("lieciba envelope 2\x00"), aad...) }

// sealed is a sealed value in its parts.
type sealed struct {
	format        byte
	key           KeyID
	header        []byte
	wrapped, rest []byte // wrapped is empty in format 1
}

func parse(value []byte) (sealed, error) {
	short := lieciba.Errorf(lieciba.CodeCorrupt, "the sealed secret is too short")
	if len(value) < headerSize+overhead {
		return sealed{}, short
	}
	s := sealed{format: value[0], key: KeyID(value[1:headerSize]), header: value[:headerSize], rest: value[headerSize:]}
	switch s.format {
	case formatDirect:
	case formatEnvelope:
		if len(s.rest) < wrappedSize+overhead {
			return sealed{}, short
		}
		s.wrapped, s.rest = s.rest[:wrappedSize], s.rest[wrappedSize:]
	default:
		return sealed{}, lieciba.Errorf(lieciba.CodeUnsupported, "the secret was sealed by version %d of the format, this program knows versions up to %d", s.format, formatEnvelope)
	}
	return s, nil
}

// KeyOf tells which master key opens a sealed value, and whether it is an
// envelope; an older value is sealed by the master key itself.
func KeyOf(value []byte) (id KeyID, envelope bool, err error) {
	s, err := parse(value)
	return s.key, s.format == formatEnvelope, err
}

// find returns the master key of a value: CodeUnavailable when it is not there.
func (b *Box) find(id KeyID) (masterKey, error) {
	for range 2 {
		keys := b.ring()
		if i := slices.IndexFunc(keys, func(k masterKey) bool { return k.id == id }); i >= 0 {
			return keys[i], nil
		}
		if !b.refresh() {
			break
		}
	}
	return masterKey{}, lieciba.Errorf(lieciba.CodeUnavailable, "the secret was sealed with another key (%s): restore that key file, or enter the secret again", id)
}

// Unseal returns what Seal was given. CodeUnavailable when it was sealed with a
// key that is not here, CodeUnsupported when by a newer version, CodeCorrupt when
// it was changed or belongs to another owner.
func (b *Box) Unseal(value, aad []byte) ([]byte, error) {
	s, err := parse(value)
	if err != nil {
		return nil, err
	}
	k, err := b.find(s.key)
	if err != nil {
		return nil, err
	}
	if s.format == formatDirect {
		return open(k.aead, s.rest, slices.Concat(s.header, aad))
	}
	dataKey, err := open(k.aead, s.wrapped, slices.Concat(s.header, aad))
	if err != nil {
		return nil, err
	}
	data, err := newAEAD(dataKey)
	if err != nil {
		return nil, err
	}
	return open(data, s.rest, bodyData(aad))
}

func open(aead cipher.AEAD, text, aad []byte) ([]byte, error) {
	plain, err := aead.Open(nil, nil, text, aad)
	return plain, lieciba.Wrap(err, lieciba.CodeCorrupt, "the sealed secret was changed, or belongs to another owner")
}

// Rewrap returns the value under the newest master key; changed is false when it
// is already. The text of an envelope stays as it is, only its key is wrapped
// anew; an older value becomes an envelope. Errors as for Unseal.
func (b *Box) Rewrap(value, aad []byte) (out []byte, changed bool, err error) {
	s, err := parse(value)
	if err != nil {
		return nil, false, err
	}
	newest := b.ring()[0]
	if s.format == formatEnvelope && s.key == newest.id {
		return value, false, nil
	}
	plain, err := b.Unseal(value, aad) // proves that the whole of it is good
	if err != nil {
		return nil, false, err
	}
	if s.format == formatDirect {
		return b.Seal(plain, aad), true, nil
	}
	k, err := b.find(s.key)
	if err != nil {
		return nil, false, err
	}
	dataKey, err := open(k.aead, s.wrapped, slices.Concat(s.header, aad))
	if err != nil {
		return nil, false, err
	}
	return append(wrap(newest, dataKey, aad), bytes.Clone(s.rest)...), true, nil
}
