package export

import (
	"strings"

	"filippo.io/age"

	"lieciba"
)

// ParseRecipient reads an age public key: age1… (X25519) or age1pq1… (hybrid,
// post-quantum). CodeInvalid names the field; a private key is refused without
// being repeated.
func ParseRecipient(field, s string) (age.Recipient, error) {
	if strings.HasPrefix(strings.ToUpper(s), "AGE-SECRET-KEY") {
		return nil, lieciba.Invalid(field, "is a private key: give the public one, age1…, and make a new pair")
	}
	var r age.Recipient
	var err error
	if strings.HasPrefix(s, "age1pq1") {
		r, err = age.ParseHybridRecipient(s)
	} else {
		r, err = age.ParseX25519Recipient(s)
	}
	if err != nil {
		return nil, lieciba.Invalid(field, "is no age public key: it starts with age1")
	}
	return r, nil
}

// NewRecipient makes an age key pair (X25519): the public key to ask for packages
// with, and the private one, which opens them and belongs to the recipient alone.
func NewRecipient() (public, private string, err error) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", lieciba.Wrap(err, lieciba.CodeInternal, "no key pair could be made")
	}
	return k.Recipient().String(), k.String(), nil
}
