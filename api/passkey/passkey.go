// Package passkey runs the ceremonies of WebAuthn Level 3: registering a passkey
// and proving with one. It knows no catalogue and no web framework: challenges
// and credentials are bytes that the caller keeps. A challenge is good for Life
// and once; that it is once is the caller's to see to.
package passkey

import (
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"lieciba"
)

// Life is how long a ceremony may take.
const Life = 5 * time.Minute

// Config of a Ceremonies.
type Config struct {
	Name   string // of the product, shown by the browser
	Origin string // of the pages, such as https://lieciba.example.lv
}

// Ceremonies registers and judges passkeys for one origin. Safe for concurrent use.
type Ceremonies struct{ w *webauthn.WebAuthn }

// New makes Ceremonies; CodeInvalid for an origin where browsers have no passkeys.
func New(cfg Config) (*Ceremonies, error) {
	id, err := RelyingParty(cfg.Origin)
	if err != nil {
		return nil, err
	}
	bound := webauthn.TimeoutConfig{Enforce: true, Timeout: Life, TimeoutUVD: Life}
	w, err := webauthn.New(&webauthn.Config{RPID: id, RPDisplayName: cfg.Name, RPOrigins: []string{cfg.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
		Timeouts: webauthn.TimeoutsConfig{Login: bound, Registration: bound}})
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInvalid, "passkeys cannot be set up for %s", cfg.Origin)
	}
	return &Ceremonies{w}, nil
}

// RelyingParty is the RP ID of an origin: its host, which must be a name
// (WebAuthn Level 3, 5.1.3), with TLS or on this machine.
func RelyingParty(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return "", lieciba.Invalid("http.public_url", "must be an origin such as https://lieciba.example.lv, without a path")
	}
	host := u.Hostname()
	switch {
	case net.ParseIP(host) != nil:
		return "", lieciba.Invalid("http.public_url", "browsers have no passkeys at an address of digits: use a name, or localhost on one machine")
	case u.Scheme != "https" && host != "localhost" && !strings.HasSuffix(host, ".localhost"):
		return "", lieciba.Invalid("http.public_url", "browsers have passkeys over https only, but for localhost")
	}
	return host, nil
}

// person is a user in the words of the library.
type person struct {
	user lieciba.User
	keys []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.user.ID) }
func (p person) WebAuthnName() string                       { return p.user.Login }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.keys }
func (p person) WebAuthnDisplayName() string {
	if p.user.Name != "" {
		return p.user.Name
	}
	return p.user.Login
}

func personOf(u lieciba.User, keys []lieciba.Passkey) (person, error) {
	p := person{user: u}
	for _, k := range keys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Credential, &c); err != nil {
			return p, lieciba.Wrap(err, lieciba.CodeCorrupt, "a stored passkey cannot be read: remove it and register it again")
		}
		p.keys = append(p.keys, c)
	}
	return p, nil
}

// pending is what the caller keeps of a ceremony under way.
type pending struct {
	Purpose string               `json:"purpose"`
	Session webauthn.SessionData `json:"session"`
}

const forRegistering, forProving, forSigningIn = "register", "prove", "sign_in"

// begun packs what the browser gets and what the caller keeps.
func begun(purpose string, options any, s *webauthn.SessionData) (forBrowser json.RawMessage, kept []byte, err error) {
	if forBrowser, err = json.Marshal(options); err != nil {
		return nil, nil, err
	}
	kept, err = json.Marshal(pending{purpose, *s})
	return forBrowser, kept, err
}

// errNoCeremony is for an answer to a challenge that was not set, is too old, was
// answered already or was meant for something else.
func errNoCeremony() error {
	return lieciba.Errorf(lieciba.CodeConflict, "this passkey question is over: start again")
}

// taken unpacks what the caller kept.
func taken(purpose string, kept []byte, now time.Time) (webauthn.SessionData, error) {
	var p pending
	if len(kept) == 0 || json.Unmarshal(kept, &p) != nil || p.Purpose != purpose || !now.Before(p.Session.Expires) {
		return p.Session, errNoCeremony()
	}
	// The library compares Expires with a clock of its own.
	p.Session.Expires = time.Time{}
	return p.Session, nil
}

// errRefused keeps the library's reason for the log.
func errRefused(err error) error {
	var detail *protocol.Error
	if errors.As(err, &detail) && detail.DevInfo != "" {
		err = errors.New(detail.Details + ": " + detail.DevInfo)
	}
	return lieciba.Wrap(err, lieciba.CodeRefused, "this passkey was not accepted")
}

// BeginRegistration asks the browser to make a passkey that the user does not
// have yet. kept goes to FinishRegistration.
func (c *Ceremonies) BeginRegistration(u lieciba.User, have []lieciba.Passkey, now time.Time) (options json.RawMessage, kept []byte, err error) {
	p, err := personOf(u, have)
	if err != nil {
		return nil, nil, err
	}
	exclude := make([]protocol.CredentialDescriptor, 0, len(p.keys))
	for _, k := range p.keys {
		exclude = append(exclude, k.Descriptor())
	}
	o, s, err := c.w.BeginRegistration(p, webauthn.WithExclusions(exclude))
	if err != nil {
		return nil, nil, err
	}
	s.Expires = now.Add(Life)
	return begun(forRegistering, o, s)
}

// FinishRegistration judges what the browser made. The passkey has no ID and no
// name yet. CodeConflict for a ceremony that is over, CodeRefused for an answer
// that is not good.
func (c *Ceremonies) FinishRegistration(u lieciba.User, kept []byte, answer []byte, now time.Time) (lieciba.Passkey, error) {
	s, err := taken(forRegistering, kept, now)
	if err != nil {
		return lieciba.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return lieciba.Passkey{}, errRefused(err)
	}
	k, err := c.w.CreateCredential(person{user: u}, s, parsed)
	if err != nil {
		return lieciba.Passkey{}, errRefused(err)
	}
	return pack(u.ID, lieciba.Passkey{CreatedAt: now}, k)
}

func pack(user lieciba.UserID, stored lieciba.Passkey, k *webauthn.Credential) (lieciba.Passkey, error) {
	b, err := json.Marshal(k)
	if err != nil {
		return lieciba.Passkey{}, err
	}
	stored.UserID, stored.KeyID, stored.Credential = user, k.ID, b
	return stored, nil
}

// BeginProof asks for one of the user's passkeys; CodeConflict if they have none.
func (c *Ceremonies) BeginProof(u lieciba.User, have []lieciba.Passkey, now time.Time) (options json.RawMessage, kept []byte, err error) {
	if len(have) == 0 {
		return nil, nil, lieciba.Errorf(lieciba.CodeConflict, "you have no passkey yet: register one on the page of your account")
	}
	p, err := personOf(u, have)
	if err != nil {
		return nil, nil, err
	}
	o, s, err := c.w.BeginLogin(p)
	if err != nil {
		return nil, nil, err
	}
	s.Expires = now.Add(Life)
	return begun(forProving, o, s)
}

// BeginSignIn asks for any passkey of this server.
func (c *Ceremonies) BeginSignIn(now time.Time) (options json.RawMessage, kept []byte, err error) {
	o, s, err := c.w.BeginDiscoverableLogin()
	if err != nil {
		return nil, nil, err
	}
	s.Expires = now.Add(Life)
	return begun(forSigningIn, o, s)
}

// ErrCloned marks a passkey whose counter says that there is a copy of it
// (WebAuthn Level 3, 6.1.1): it is refused.
var ErrCloned = errors.New("the counter of the passkey went back: there may be a copy of it")

// FinishProof judges an answer to BeginProof and returns the passkey used, as it
// is to be stored now. Errors as for FinishRegistration; ErrCloned inside of one,
// with the passkey as it was.
func (c *Ceremonies) FinishProof(u lieciba.User, have []lieciba.Passkey, kept, answer []byte, now time.Time) (lieciba.Passkey, error) {
	s, err := taken(forProving, kept, now)
	if err != nil {
		return lieciba.Passkey{}, err
	}
	p, err := personOf(u, have)
	if err != nil {
		return lieciba.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return lieciba.Passkey{}, errRefused(err)
	}
	k, err := c.w.ValidateLogin(p, s, parsed)
	if err != nil {
		return lieciba.Passkey{}, errRefused(err)
	}
	return used(u.ID, have, k, now)
}

// FinishSignIn judges an answer to BeginSignIn. find returns the user of an ID
// and their passkeys; its error is returned as is. Who is refused is nobody: the
// answer names whom it likes. But for ErrCloned, where the signature was good.
func (c *Ceremonies) FinishSignIn(kept, answer []byte, now time.Time,
	find func(lieciba.UserID) (lieciba.User, []lieciba.Passkey, error)) (u lieciba.User, k lieciba.Passkey, err error) {
	s, err := taken(forSigningIn, kept, now)
	if err != nil {
		return u, k, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return u, k, errRefused(err)
	}
	var have []lieciba.Passkey
	var findErr error
	_, good, err := c.w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		id, err := lieciba.ParseID[lieciba.UserID]("user_handle", string(handle))
		if err != nil {
			return nil, err
		}
		if u, have, findErr = find(id); findErr != nil {
			return nil, findErr
		}
		return personOf(u, have)
	}, s, parsed)
	if findErr != nil {
		return lieciba.User{}, k, findErr
	}
	if err != nil {
		return lieciba.User{}, k, errRefused(err)
	}
	k, err = used(u.ID, have, good, now)
	return u, k, err
}

// used notes the use of a passkey, or refuses a copy.
func used(user lieciba.UserID, have []lieciba.Passkey, good *webauthn.Credential, now time.Time) (lieciba.Passkey, error) {
	i := slices.IndexFunc(have, func(k lieciba.Passkey) bool { return slices.Equal(k.KeyID, good.ID) })
	if i < 0 {
		return lieciba.Passkey{}, errRefused(errors.New("the passkey is not one of the user's"))
	}
	if good.Authenticator.CloneWarning {
		return have[i], lieciba.Wrap(ErrCloned, lieciba.CodeRefused,
			"this passkey may have been copied: it was not accepted; tell your security staff and register another")
	}
	k := have[i]
	k.UsedAt = lieciba.Micro(now)
	return pack(user, k, good)
}
