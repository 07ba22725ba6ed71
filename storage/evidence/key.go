package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// Key is an Ed25519 key that signs: checkpoints of a log or cosignatures of a
// witness, never both (the signature type is part of the key). Printing a Key
// prints its verifier key. Safe for concurrent use.
type Key struct {
	name    string
	alg     byte
	private ed25519.PrivateKey
}

// keyPrefix starts the text of a signing key, as golang.org/x/mod/sumdb/note
// writes it.
const keyPrefix = "PRIVATE+KEY+"

// OpenKey reads the log's signing key from a file, and makes one where there is
// none, named lieciba.local/ID. It never replaces a file. A file that others
// than its owner may read, or that is damaged, is CodeInvalid with the cure.
func OpenKey(path string) (k *Key, created bool, err error) {
	return openKey(path, "lieciba.local/"+newName(), algEd25519)
}

// CreateKey is OpenKey for a key of that name; another name in a file that is
// there already is CodeConflict.
func CreateKey(path, name string) (k *Key, created bool, err error) {
	k, created, err = openKey(path, name, algEd25519)
	if err == nil && k.name != name {
		return nil, false, lieciba.Errorf(lieciba.CodeConflict, "the key file %s holds a key of %s, not of %s", path, k.name, name)
	}
	return k, created, err
}

// OpenWitnessKey is OpenKey for a witness's key; name, if not empty, is the name
// of a key that it makes.
func OpenWitnessKey(path, name string) (k *Key, created bool, err error) {
	if name == "" {
		name = "witness.local/" + newName()
	}
	return openKey(path, name, algCosigned1)
}

// ReadKey reads the log's signing key; a missing file is CodeNotFound.
func ReadKey(path string) (*Key, error) { return readKey(path, algEd25519) }

func newName() string { return string(lieciba.NewID[lieciba.NodeID](time.Now())) }

func openKey(path, name string, alg byte) (*Key, bool, error) {
	k, err := readKey(path, alg)
	if lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return k, false, err
	}
	if !validName(name) {
		return nil, false, lieciba.Invalid("name", "must not hold spaces or a plus")
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, false, lieciba.Wrap(err, lieciba.CodeInternal, "a key cannot be made")
	}
	made := &Key{name: name, alg: alg, private: private}
	err = durable.CreateFile(path, made.text(), 0o600)
	if lieciba.CodeOf(err) == lieciba.CodeConflict { // another process was faster
		k, err := readKey(path, alg)
		return k, false, err
	}
	if err != nil {
		return nil, false, err
	}
	return made, true, nil
}

func readKey(path string, alg byte) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, durable.Error(err)
	}
	text, err := readPrivate(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	k, err := parseKey(text)
	if err != nil {
		return nil, lieciba.Invalid("key", "the key file %s is damaged: put it back from its backup", path)
	}
	if k.alg != alg {
		return nil, lieciba.Invalid("key", "the key file %s is for another use: a log and a witness have keys of their own", path)
	}
	return k, nil
}

// readPrivate reads a small file that nobody but its owner may touch.
func readPrivate(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, durable.Error(err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, lieciba.Invalid("key", "the key file %s is open to others (%v): chmod 600 it, and make a new key if it was read", f.Name(), info.Mode())
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	return b, durable.Error(err)
}

// text is the content of a key file.
func (k *Key) text() []byte {
	secret := append([]byte{k.alg}, k.private.Seed()...)
	return fmt.Appendf(nil, "%s%s+%08x+%s\n", keyPrefix, k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(secret))
}

func parseKey(text []byte) (*Key, error) {
	bad := lieciba.Errorf(lieciba.CodeCorrupt, "is no signing key")
	rest, ok := strings.CutPrefix(string(text), keyPrefix)
	if !ok {
		return nil, bad
	}
	name, rest, _ := strings.Cut(rest, "+")
	_, b64, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), "+")
	secret, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(secret) != 1+ed25519.SeedSize || !validName(name) {
		return nil, bad
	}
	k := &Key{name: name, alg: secret[0], private: ed25519.NewKeyFromSeed(secret[1:])}
	if !bytes.Equal(k.text(), text) { // the hash is wrong, or the spelling
		return nil, bad
	}
	return k, nil
}

func keyHash(name string, key []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n'})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func (k *Key) public() []byte {
	return append([]byte{k.alg}, k.private[ed25519.SeedSize:]...)
}

// Name is the key's name; of the log's first key it is the log's origin.
func (k *Key) Name() string { return k.name }

// KeyHash is the key's short hash, as signature lines carry it.
func (k *Key) KeyHash() uint32 { return keyHash(k.name, k.public()) }

// VerifierKey is the public half: NAME+HASH+BASE64.
func (k *Key) VerifierKey() string { return verifierKey(k.name, k.public()) }

// Fingerprint is the fingerprint of the verifier key.
func (k *Key) Fingerprint() string { return Fingerprint(k.VerifierKey()) }

// Verifier checks the key's signatures.
func (k *Key) Verifier() Verifier {
	v, err := NewVerifier(k.VerifierKey())
	if err != nil {
		panic(err) // a key is made by openKey and parseKey only
	}
	return v
}

// Sign makes a signed note of the text, which ends with a line end.
func (k *Key) Sign(text string) ([]byte, error) { return SignNote(text, k) }

// SignNote makes a note of the text with the signatures of log keys, in order.
func SignNote(text string, keys ...*Key) ([]byte, error) {
	if !strings.HasSuffix(text, "\n") || !plainText([]byte(text)) || len(keys) == 0 {
		return nil, lieciba.Errorf(lieciba.CodeInternal, "a text to sign ends with a line end and holds no control characters")
	}
	n := Note{Text: text}
	for _, k := range keys {
		if k.alg != algEd25519 {
			return nil, lieciba.Errorf(lieciba.CodeInternal, "a witness's key signs no notes")
		}
		n = n.With(Signature{Name: k.name, Hash: k.KeyHash(), Bytes: ed25519.Sign(k.private, []byte(text))})
	}
	return n.Encode(), nil
}

// Format implements fmt.Formatter: every verb prints the public half.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.VerifierKey()) }

// LogValue implements slog.LogValuer.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.VerifierKey()) }

// MarshalText implements encoding.TextMarshaler.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.VerifierKey()), nil }

// Fingerprint is what people compare: the SHA-256 of a verifier key, in
// lower-case hex.
func Fingerprint(vkey string) string {
	sum := sha256.Sum256([]byte(vkey))
	return hex.EncodeToString(sum[:])
}

// FingerprintGroups is a fingerprint for paper: groups of four.
func FingerprintGroups(fingerprint string) string {
	var b strings.Builder
	for i := 0; i < len(fingerprint); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(fingerprint[i:min(i+4, len(fingerprint))])
	}
	return b.String()
}

// PlainFingerprint is a fingerprint as Fingerprint writes it, whatever spaces or
// colons, and whichever case of letters, people wrote it with.
func PlainFingerprint(given string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(given, ":", "")), ""))
}

// MatchKey tells whether given names that verifier key: by its fingerprint, in
// any spelling of PlainFingerprint, or by the whole verifier key.
func MatchKey(given, vkey string) bool {
	given = strings.TrimSpace(given)
	if given == vkey {
		return true
	}
	return PlainFingerprint(given) == Fingerprint(vkey)
}
