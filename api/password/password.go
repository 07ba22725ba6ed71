// Package password hashes the passwords of local accounts with argon2id
// (RFC 9106) in the PHC string format. It knows no database and no HTTP.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"lieciba"
)

// The cost of a fresh hash: OWASP Password Storage Cheat Sheet, argon2id,
// second row. One hash takes 19 MiB.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltSize  = 16
	keySize   = 32
)

// Bounds on a password, in characters and bytes. ASVS 5.0, 6.2.
const (
	MinLength = 12
	MaxBytes  = 256
)

// The most that Verify spends on a stored hash, so that a row that somebody
// changed cannot exhaust memory.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 16
)

// Check returns nil for a password that may be set, or a CodeInvalid error for
// field "password" that says what to change.
func Check(plain string) error {
	switch {
	case !utf8.ValidString(plain):
		return lieciba.Invalid("password", "must be valid UTF-8")
	case utf8.RuneCountInString(plain) < MinLength:
		return lieciba.Invalid("password", "must have at least %d characters", MinLength)
	case len(plain) > MaxBytes:
		return lieciba.Invalid("password", "must have at most %d bytes", MaxBytes)
	}
	return nil
}

// Hash checks a password and returns its argon2id hash with a fresh salt.
func Hash(plain string) (string, error) {
	if err := Check(plain); err != nil {
		return "", err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // documented never to fail
	key := argon2.IDKey([]byte(plain), salt, passes, memoryKiB, lanes, keySize)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// Generate makes up a password of 120 random bits, in groups that a person can type.
func Generate() string {
	const group = 6
	s := strings.ToLower(rand.Text()[:4*group]) // base 32: 5 bits a letter
	return s[:group] + "-" + s[group:2*group] + "-" + s[2*group:3*group] + "-" + s[3*group:]
}

type parsed struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// parse reads a PHC string; the error holds nothing of it.
func parse(phc string) (parsed, error) {
	var p parsed
	bad := lieciba.Errorf(lieciba.CodeCorrupt, "a stored password hash is not argon2id in PHC format: set the password again")
	f := strings.Split(phc, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); n != 3 || err != nil {
		return p, bad
	}
	if p.memory == 0 || p.memory > maxMemoryKiB || p.passes == 0 || p.passes > maxPasses || p.lanes == 0 {
		return p, bad
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(f[4]); err != nil || len(p.salt) < 8 {
		return p, bad
	}
	if p.key, err = base64.RawStdEncoding.Strict().DecodeString(f[5]); err != nil || len(p.key) < 16 {
		return p, bad
	}
	return p, nil
}

// Verify reports whether plain is the password of the hash, in constant time
// with regard to both. It costs as much as Hash did. CodeCorrupt for a hash
// that cannot be read.
func Verify(plain, phc string) (bool, error) {
	p, err := parse(phc)
	if err != nil {
		return false, err
	}
	key := argon2.IDKey([]byte(plain), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key)))
	return subtle.ConstantTimeCompare(key, p.key) == 1, nil
}

// decoy is a hash that no password is known for.
var decoy = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
	strings.Repeat("A", 22), strings.Repeat("A", 43))

// Decoy does the work of Verify for a login that does not exist, so that the
// time of the answer does not tell.
func Decoy(plain string) {
	if ok, err := Verify(plain, decoy); ok || err != nil {
		panic("password: the decoy hash is broken") // covered by a test
	}
}
