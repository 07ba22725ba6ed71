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
func Roles() []Role {
	return []Role{RoleSupervisor, RoleReviewer, RoleApprover, RoleSecurity, RoleAdmin, RoleCitizenship, RoleMonitoring, RoleWitness}
}

// ParseRole returns the role of that name, or an error that lists them.
func ParseRole(field, s string) (Role, error) {
	if slices.Contains(Roles(), Role(s)) {
		return Role(s), nil
	}
	return "", Invalid(field, "unknown role %q: use one of %v", s, Roles())
}

// User is a local account.
type User struct {
	ID           UserID
	Login        string // unique, lower case, matches ValidCode
	Name         string
	PasswordHash string // argon2id in PHC string format
	Roles        []Role
	SiteIDs      []SiteID // the sites of a supervisor; empty: none
	Disabled     bool
	CreatedAt    time.Time
}

// SignIn is a browser's session. The cookie's value is never stored, only its SHA-256.
type SignIn struct {
	TokenHash [32]byte
	UserID    UserID
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// ClientToken is a machine's bearer token, kept as SHA-256.
type ClientToken struct {
	ID        TokenID
	Name      string // of the client; also the Source of sessions it pushes
	TokenHash [32]byte
	Roles     []Role
	SiteIDs   []SiteID
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time // zero: valid
}

// Principal is who asks: a signed-in user or a client with a token.
type Principal struct {
	ID      string // UserID or TokenID
	Name    string // login or client name
	Machine bool
	Roles   []Role
	SiteIDs []SiteID
}

// Has reports whether the principal has the role.
func (p Principal) Has(r Role) bool { return slices.Contains(p.Roles, r) }
