package oidc

import "fmt"

// Reason says in one word why a sign-in was refused; the pages have a sentence
// for each.
type Reason string

const (
	ReasonFlow    Reason = "flow"     // not begun in this browser, too old, or done already
	ReasonState   Reason = "state"    // the answer belongs to another sign-in (RFC 6749, 10.12)
	ReasonIssuer  Reason = "issuer"   // the answer comes from another provider (RFC 9207)
	ReasonDenied  Reason = "denied"   // the provider said no
	ReasonCode    Reason = "code"     // the code was used, is too old or not ours
	ReasonNonce   Reason = "nonce"    // the token was made for another sign-in
	ReasonExpired Reason = "expired"  // the token's time is over
	ReasonToken   Reason = "token"    // signature, issuer, audience or form of the token
	ReasonStale   Reason = "stale"    // the provider did not ask the person again
	ReasonAway    Reason = "provider" // the provider does not answer
)

// Error is a refused sign-in. The cause is for the log; it holds no token.
type Error struct {
	Reason Reason
	Cause  error // nil when the reason says it all
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return "sign-in with the provider: " + string(e.Reason)
	}
	return fmt.Sprintf("sign-in with the provider: %s: %v", e.Reason, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

func refuse(r Reason, cause error) error { return &Error{r, cause} }
