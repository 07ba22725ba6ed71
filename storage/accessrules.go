package storage

import (
	"lieciba"
)

// CheckClientToken checks a client token on its own.
func CheckClientToken(t lieciba.ClientToken) error {
	if t.TokenHash == [32]byte{} && t.Certificate == [32]byte{} {
		return lieciba.Invalid("token_hash", "a client needs a token or a certificate")
	}
	return nil
}

// CheckProviderSession checks what EndProviderSession is asked to end: without an
// issuer it would reach local accounts, with an issuer alone everybody.
func CheckProviderSession(issuer, subject, sid string) error {
	switch {
	case issuer == "":
		return lieciba.Invalid("issuer", "name the provider whose sign-ins shall end")
	case subject == "" && sid == "":
		return lieciba.Invalid("sid", "name the person, the provider's session, or both")
	}
	return nil
}

// MicroSignIn is a sign-in as it is stored: times to the microsecond, no
// challenge as nil.
func MicroSignIn(s lieciba.SignIn) lieciba.SignIn {
	s.CreatedAt, s.SeenAt = lieciba.Micro(s.CreatedAt), lieciba.Micro(s.SeenAt)
	s.ExpiresAt, s.FreshAt = lieciba.Micro(s.ExpiresAt), lieciba.Micro(s.FreshAt)
	if len(s.Challenge) == 0 {
		s.Challenge = nil
	}
	return s
}

// PlanSignIn decides what decide of ChangeSignIn makes of a sign-in: whose it is
// and when it began never changes.
func PlanSignIn(stored, next lieciba.SignIn) (lieciba.SignIn, error) {
	next = MicroSignIn(next)
	if next.ID != stored.ID || next.UserID != stored.UserID || !next.CreatedAt.Equal(stored.CreatedAt) {
		return stored, lieciba.Errorf(lieciba.CodeInternal, "a change of sign-in %s returned another sign-in", stored.ID)
	}
	return next, nil
}
