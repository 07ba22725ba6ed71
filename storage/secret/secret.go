// Package secret seals small secrets, such as camera passwords, before they are
// stored: AES-256-GCM (NIST SP 800-38D) with a key that is kept outside the
// database. A sealed value is bound to its owner (additional data), so that it
// cannot be moved to another row.
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"

	"lieciba"
	"lieciba/storage/durable"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// version starts every sealed value: format 1, AES-256-GCM with a random
// 96-bit nonce. The fingerprint of the key follows.
const (
	version         = 1
	fingerprintSize = 4
	headerSize      = 1 + fingerprintSize
)

// Box seals and unseals with one key. Safe for concurrent use.
type Box struct {
	aead   cipher.AEAD
	header [headerSize]byte
}

// New makes a Box of a key of KeySize bytes. The key is not kept.
func New(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, lieciba.Invalid("key", "must be %d bytes, not %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the cipher cannot be made")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the cipher cannot be made")
	}
	b := &Box{aead: aead}
	b.header[0] = version
	sum := sha256.Sum256(append([]byte("lieciba secret key fingerprint\x00"), key...))
	copy(b.header[1:], sum[:fingerprintSize])
	return b, nil
}

// FromHex makes a Box of a key of 64 hexadecimal digits, as an environment
// variable or a key file holds it. The error never quotes the input.
func FromHex(s string) (*Box, error) {
	text := bytes.TrimSpace([]byte(s))
	key := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(key, text); err != nil || len(key) != KeySize {
		return nil, lieciba.Invalid("key", "must be %d hexadecimal digits", 2*KeySize)
	}
	return New(key)
}

// Open makes a Box of the key in a file, which holds 64 hexadecimal digits. A
// missing file is made with a fresh key, mode 0600. A file that others than its
// owner may read or write is refused: CodeInvalid with the cure.
func Open(keyFile string) (*Box, error) {
	err := createKey(keyFile)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeConflict {
		return nil, err
	}
	f, err := os.Open(keyFile)
	if err != nil {
		return nil, durable.Error(err)
	}
	box, err := read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, durable.Error(err)
	}
	return box, nil
}

func read(f *os.File) (*Box, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, lieciba.Invalid("key_file", "%s is not a regular file", f.Name())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, lieciba.Invalid("key_file", "%s can be read or changed by others (mode %04o): run chmod 600 on it, and replace the key if it was exposed", f.Name(), info.Mode().Perm())
	}
	buf := make([]byte, 2*KeySize+2) // a line end may follow
	n, err := f.ReadAt(buf, 0)
	if n < 2*KeySize || info.Size() > int64(len(buf)) {
		return nil, errors.Join(lieciba.Invalid("key_file", "%s does not hold a key of %d hexadecimal digits: restore it from your backup; if nothing was sealed with it yet, remove it and a new one is made", f.Name(), 2*KeySize), err)
	}
	return FromHex(string(buf[:n]))
}

// createKey writes a fresh key, CodeConflict if the file is there.
func createKey(path string) error {
	f, err := durable.Create(path, 0o600)
	if err != nil {
		return err
	}
	var key [KeySize]byte
	_, _ = rand.Read(key[:]) // documented never to fail
	_, err = f.Append([]byte(hex.EncodeToString(key[:]) + "\n"))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, durable.Remove(path))
	}
	return nil
}

// Seal encrypts plain. aad names its owner, such as a camera's ID, and must be
// given again to Unseal. Two seals of one text differ.
func (b *Box) Seal(plain, aad []byte) []byte {
	out := append(make([]byte, 0, headerSize+len(plain)+b.aead.Overhead()), b.header[:]...)
	return b.aead.Seal(out, nil, plain, b.bind(aad))
}

// Unseal returns what Seal was given. CodeUnavailable when it was sealed with
// another key, CodeUnsupported when by a newer version, CodeCorrupt when it was
// changed or belongs to another owner.
func (b *Box) Unseal(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < headerSize+b.aead.Overhead() {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the sealed secret is too short")
	}
	header, body := sealed[:headerSize], sealed[headerSize:]
	if header[0] != version {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "the secret was sealed by version %d of the format, this program knows version %d", header[0], version)
	}
	if !bytes.Equal(header, b.header[:]) {
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the secret was sealed with another key: restore that key file, or enter the secret again")
	}
	plain, err := b.aead.Open(nil, nil, body, b.bind(aad))
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the sealed secret was changed, or belongs to another owner")
	}
	return plain, nil
}

// bind puts the header under the authentication too.
func (b *Box) bind(aad []byte) []byte {
	return append(append(make([]byte, 0, headerSize+len(aad)), b.header[:]...), aad...)
}
