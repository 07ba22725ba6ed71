package lieciba

import (
	"slices"
	"time"
)

// Role is what a person or a machine may do; see policy.go.
type Role string

const (
	RoleSupervisor  Role = "supervisor"
	RoleReviewer    Role = "reviewer"
	RoleApprover    Role = "approver"
	RoleSecurity    Role = "security"
	RoleAdmin       Role = "admin"
	RoleCitizenship Role = "citizenship" // the citizenship system
	RoleMonitoring  Role = "monitoring"  // a machine that reads metrics
	RoleWitness     Role = "witness"     // a machine elsewhere that watches the hash log
)

// Roles lists every role.
func Roles() []Role { return append(PeopleRoles(), MachineRoles()...) }

// PeopleRoles lists the roles that a person may have.
func PeopleRoles() []Role {
	return []Role{RoleSupervisor, RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin}
}

// MachineRoles lists the roles of machines.
func MachineRoles() []Role { return []Role{RoleCitizenship, RoleMonitoring, RoleWitness} }

// ParseRole returns the role of that name, or an error that lists them.
func ParseRole(field, s string) (Role, error) {
	if slices.Contains(Roles(), Role(s)) {
		return Role(s), nil
	}
	return "", Invalid(field, "unknown role %q: use one of %v", s, Roles())
}

// User is a person's account: local, with a password, or of the provider that
// signs its people in (OpenID Connect).
type User struct {
	ID           UserID
	Login        string // unique, lower case, matches ValidCode
	Name         string
	PasswordHash string   // argon2id in PHC string format; empty: no local sign-in
	MustChange   bool     // the password was set by another: nothing else may be done before it is changed
	Issuer       string   // of the provider; empty for a local account
	Subject      string   // unique within the issuer (OpenID Connect Core 1.0, 2)
	Roles        []Role   // of a provider's account: as its groups said at the last sign-in
	SiteIDs      []SiteID // the sites of a supervisor; empty: none
	Disabled     bool
	CreatedAt    time.Time
}

// Local reports whether the account signs in with a password: break-glass where
// a provider is set up.
func (u User) Local() bool { return u.PasswordHash != "" }

// SignInMethod is how somebody proved who they are.
type SignInMethod string

const (
	SignInPassword SignInMethod = "password"
	SignInOIDC     SignInMethod = "oidc"
	SignInPasskey  SignInMethod = "passkey"
)

// SignInMethods lists every method.
func SignInMethods() []SignInMethod {
	return []SignInMethod{SignInPassword, SignInOIDC, SignInPasskey}
}

// SignIn is a browser's session. The cookie's value is never stored, only its SHA-256.
type SignIn struct {
	ID        SignInID // for lists and for naming it; not a secret
	TokenHash [32]byte // changes when the sign-in is rotated
	UserID    UserID
	Method    SignInMethod
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time // at the latest, whatever is done
	FreshAt   time.Time // when the person last proved to be there
	FreshBy   SignInMethod
	Address   string // of the client that signed in
	Agent     string // its User-Agent, cut to 200 bytes
	// ProviderSession is the provider's sid, for its logout (OpenID Connect
	// Back-Channel Logout 1.0, 2.4); empty for others.
	ProviderSession string
	Challenge       []byte // of a passkey ceremony under way; nil: none
}

// Fresh reports whether the person proved to be there within the last span by
// one of the methods.
func (s SignIn) Fresh(now time.Time, span time.Duration, by ...SignInMethod) bool {
	return slices.Contains(by, s.FreshBy) && !s.FreshAt.IsZero() && now.Sub(s.FreshAt) < span
}

// Passkey is a person's WebAuthn credential (W3C WebAuthn Level 3).
type Passkey struct {
	ID         PasskeyID
	UserID     UserID
	Name       string // given by the person, to tell their keys apart
	KeyID      []byte // the credential ID; unique
	Credential []byte // JSON of the WebAuthn library: public key, counter, flags
	CreatedAt  time.Time
	UsedAt     time.Time // zero: never
}

// ClientToken is what a machine proves itself with: a bearer token, kept as
// SHA-256, or a client certificate. Several of one name may be valid at once, so
// that one can follow the other.
type ClientToken struct {
	ID          TokenID
	Name        string   // of the client; also the Source of sessions it pushes
	TokenHash   [32]byte // zero: a certificate only
	Certificate [32]byte // SHA-256 of the client certificate's SubjectPublicKeyInfo; zero: a token only
	Roles       []Role
	Scopes      []Act // nil: all that its roles allow
	SiteIDs     []SiteID
	CreatedAt   time.Time
	ExpiresAt   time.Time
	RevokedAt   time.Time // zero: valid
}

// Principal is who asks: a signed-in user or a client with a token.
type Principal struct {
	ID      string // UserID or TokenID
	Name    string // login or client name
	Machine bool
	Roles   []Role
	SiteIDs []SiteID
	Scopes  []Act    // of a machine; nil: all that its roles allow
	SignIn  SignInID // of a person; empty for a machine
}

// Has reports whether the principal has the role.
func (p Principal) Has(r Role) bool { return slices.Contains(p.Roles, r) }
