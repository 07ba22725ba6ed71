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
