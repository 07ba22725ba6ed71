package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"lieciba"
)

// Verifier checks the signatures of one key (golang.org/x/mod/sumdb/note). Those
// of NewVerifier are comparable.
type Verifier = note.Verifier

// The signature types of C2SP signed-note that are known here.
const (
	algEd25519   = 1 // a signature of the note's text
	algCosigned1 = 4 // cosignature/v1 of the note's text and a time
)

const (
	sigPrefix     = "— " // U+2014 and a space
	maxNote       = 64 << 10
	maxSignatures = 100
)

// NewVerifier reads a verifier key: of a log (Ed25519) or of a witness
// (cosignature/v1). Only the one canonical spelling passes: CodeInvalid.
func NewVerifier(vkey string) (Verifier, error) {
	bad := lieciba.Invalid("key", "is no verifier key: it has the form NAME+HASH+BASE64, as `lieciba key show` prints it")
	name, rest, _ := strings.Cut(vkey, "+")
	_, b64, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || !validName(name) || verifierKey(name, key) != vkey {
		return nil, bad
	}
	switch key[0] {
	case algEd25519:
		return noteVerifier{name, keyHash(name, key), [ed25519.PublicKeySize]byte(key[1:])}, nil
	case algCosigned1:
		return cosignVerifier{name, keyHash(name, key), [ed25519.PublicKeySize]byte(key[1:])}, nil
	}
	return nil, bad
}

// NewVerifiers reads several verifier keys; the first that is wrong ends it.
func NewVerifiers(vkeys ...string) ([]Verifier, error) {
	list := make([]Verifier, 0, len(vkeys))
	for _, k := range vkeys {
		v, err := NewVerifier(k)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// noteVerifier checks plain Ed25519 signatures.
type noteVerifier struct {
	name string
	hash uint32
	key  [ed25519.PublicKeySize]byte
}

func (v noteVerifier) Name() string                { return v.name }
func (v noteVerifier) KeyHash() uint32             { return v.hash }
func (v noteVerifier) Verify(msg, sig []byte) bool { return ed25519.Verify(v.key[:], msg, sig) }

// Signature is one signature line of a Note.
type Signature struct {
	Name  string
	Hash  uint32 // of the key
	Bytes []byte // without the key's hash in front
}

// Line is the signature as a line of a note, without the line end.
func (s Signature) Line() string {
	b := binary.BigEndian.AppendUint32(nil, s.Hash)
	return sigPrefix + s.Name + " " + base64.StdEncoding.EncodeToString(append(b, s.Bytes...))
}

// ParseSignature reads one signature line without its line end, and refuses any
// spelling that Line does not write: CodeCorrupt.
func ParseSignature(line string) (Signature, error) {
	bad := lieciba.Errorf(lieciba.CodeCorrupt, "is no signature line")
	rest, ok := strings.CutPrefix(line, sigPrefix)
	if !ok || len(line) > maxNote {
		return Signature{}, bad
	}
	name, b64, _ := strings.Cut(rest, " ")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) < 5 || !validName(name) {
		return Signature{}, bad
	}
	s := Signature{Name: name, Hash: binary.BigEndian.Uint32(raw), Bytes: raw[4:]}
	if s.Line() != line { // base64 has spare bits and takes line breaks
		return Signature{}, lieciba.Errorf(lieciba.CodeCorrupt, "is a signature line in another than the canonical spelling")
	}
	return s, nil
}

// by tells whether the signature claims to be of that key.
func (s Signature) by(v Verifier) bool { return s.Name == v.Name() && s.Hash == v.KeyHash() }

// Note is a signed note (C2SP signed-note) in canonical spelling: what Encode
// writes is, byte for byte, what ParseNote read.
type Note struct {
	Text       string // ends with a line end
	Signatures []Signature
}

// ParseNote reads a signed note without judging its signatures. Any other
// spelling, and a second signature of the same key, is CodeCorrupt.
func ParseNote(b []byte) (Note, error) {
	bad := lieciba.Errorf(lieciba.CodeCorrupt, "is no signed note")
	if len(b) > maxNote || !plainText(b) {
		return Note{}, bad
	}
	at := bytes.LastIndex(b, []byte("\n\n"))
	if at < 1 {
		return Note{}, bad
	}
	lines, ok := strings.CutSuffix(string(b[at+2:]), "\n")
	if !ok {
		return Note{}, bad
	}
	n := Note{Text: string(b[:at+1])}
	for line := range strings.SplitSeq(lines, "\n") {
		s, err := ParseSignature(line)
		if err != nil {
			return Note{}, err
		}
		if len(n.Signatures) == maxSignatures || n.has(s) {
			return Note{}, lieciba.Errorf(lieciba.CodeCorrupt, "is a signed note with a signature too many")
		}
		n.Signatures = append(n.Signatures, s)
	}
	return n, nil
}

func (n Note) has(s Signature) bool {
	for _, o := range n.Signatures {
		if o.Name == s.Name && o.Hash == s.Hash {
			return true
		}
	}
	return false
}

// Encode writes the note.
func (n Note) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(n.Text)
	b.WriteByte('\n')
	for _, s := range n.Signatures {
		b.WriteString(s.Line())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Check verifies every signature whose key is known: by lists those keys in the
// order of their lines, unknown the signatures of other keys. A signature of a
// known key that does not verify is CodeCorrupt.
func (n Note) Check(known ...Verifier) (by []Verifier, unknown []Signature, err error) {
next:
	for _, s := range n.Signatures {
		for _, v := range known {
			if !s.by(v) {
				continue
			}
			if !v.Verify([]byte(n.Text), s.Bytes) {
				return nil, nil, lieciba.Errorf(lieciba.CodeCorrupt, "the signature of key %s+%08x is wrong", s.Name, s.Hash)
			}
			by = append(by, v)
			continue next
		}
		unknown = append(unknown, s)
	}
	return by, unknown, nil
}

// Only returns the note with the signature lines of the given keys alone.
func (n Note) Only(keys ...Verifier) Note {
	out := Note{Text: n.Text}
	for _, s := range n.Signatures {
		for _, v := range keys {
			if s.by(v) {
				out.Signatures = append(out.Signatures, s)
				break
			}
		}
	}
	return out
}

// With returns the note with more signature lines at its end; a key that signed
// already is left out.
func (n Note) With(more ...Signature) Note {
	out := Note{Text: n.Text, Signatures: append([]Signature(nil), n.Signatures...)}
	for _, s := range more {
		if !out.has(s) {
			out.Signatures = append(out.Signatures, s)
		}
	}
	return out
}

// plainText allows valid UTF-8 without control characters but the line feed.
func plainText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return bytes.IndexFunc(b, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x7f }) < 0
}

// validName allows what C2SP signed-note does: no space and no plus.
func validName(s string) bool {
	return s != "" && len(s) <= 255 && utf8.ValidString(s) && !strings.Contains(s, "+") &&
		strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) < 0
}

func verifierKey(name string, key []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, key), base64.StdEncoding.EncodeToString(key))
}
