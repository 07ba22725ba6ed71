package storage

import (
	"context"
	"time"

	"lieciba"
)

// RequestFilter narrows ListRequests. Zero fields do not filter.
type RequestFilter struct {
	AskedByID    string
	NotByID      string // asked by anybody but this one
	SessionID    lieciba.SessionID
	Kinds        []lieciba.RequestKind
	States       []lieciba.RequestState // as stored: expired ones are requested or approved still
	ExpiresAfter time.Time              // only those that expire after it
	Limit        int                    // 0: 100; at most 1000
	Before       lieciba.RequestID
}

// Requests keeps what waits for another person's approval.
type Requests interface {
	// PutRequest inserts r, which waits; the same again is no error, however it was
	// decided since, another content of the ID is CodeConflict "id".
	PutRequest(ctx context.Context, r lieciba.Request) error
	// ChangeRequest runs decide in one transaction (the Act's, inside of one) that
	// excludes every other change of the request, and stores what it returns; nil:
	// nothing. An error of decide is returned as is; it may run more than once.
	// CodeConflict names "state" for a way that a request does not go (PlanRequest),
	// "decided_by" when who asked decides, "expires_at" for what comes too late.
	ChangeRequest(ctx context.Context, id lieciba.RequestID, decide func(lieciba.Request) (*lieciba.Request, error)) (lieciba.Request, error)
	Request(ctx context.Context, id lieciba.RequestID) (lieciba.Request, error)
	// ListRequests returns them newest first, then by ID descending.
	ListRequests(ctx context.Context, f RequestFilter) ([]lieciba.Request, error)
}

// GrantFilter narrows ListGrants. Zero fields do not filter.
type GrantFilter struct {
	HolderID  string
	SessionID lieciba.SessionID
	Appeal    string    // with SessionID
	InForceAt time.Time // not revoked, begun and not expired then
	Limit     int       // 0: 100; at most 1000
	Before    lieciba.GrantID
}

// Grants keeps who may see which footage.
type Grants interface {
	// PutGrant inserts g; the same again is no error, also when it was revoked since.
	// CodeConflict names "request_id" when another grant came of that request or
	// nobody approved it, "id" for another content of the ID, and the field that
	// goes beyond what was approved (CheckGranted).
	PutGrant(ctx context.Context, g lieciba.Grant) error
	// RevokeGrant ends it at an instant; revoked already: the first stands.
	RevokeGrant(ctx context.Context, id lieciba.GrantID, by string, at time.Time) (lieciba.Grant, error)
	Grant(ctx context.Context, id lieciba.GrantID) (lieciba.Grant, error)
	// ListGrants returns them newest first, then by ID descending.
	ListGrants(ctx context.Context, f GrantFilter) ([]lieciba.Grant, error)
}

// AppealFilter narrows ListAppeals. Zero fields do not filter.
type AppealFilter struct {
	SessionID lieciba.SessionID
	Reference string
	States    []lieciba.AppealState
	Limit     int // 0: 100; at most 1000
	Before    lieciba.AppealID
}

// Appeals keeps contested results.
type Appeals interface {
	// ChangeAppeal runs decide in one transaction (the Act's, inside of one) that
	// excludes every other change of the session's appeals. decide gets the stored
	// one of that reference or nil, and returns the one to store, or nil to store
	// nothing. An error of decide is returned as is; it may run more than once. The
	// hold that it names must be there when the transaction ends. CodeConflict for a
	// state that it does not go to (lieciba.MoveAppeal) and for a closed one;
	// CodeInvalid "reference". It returns the stored one, a zero one if there is none.
	ChangeAppeal(ctx context.Context, s lieciba.SessionID, reference string, decide func(current *lieciba.Appeal) (*lieciba.Appeal, error)) (lieciba.Appeal, error)
	Appeal(ctx context.Context, id lieciba.AppealID) (lieciba.Appeal, error)
	// ListAppeals returns them newest opened first, then by ID descending.
	ListAppeals(ctx context.Context, f AppealFilter) ([]lieciba.Appeal, error)
}

// Passkeys keeps WebAuthn credentials.
type Passkeys interface {
	// PutPasskey inserts or replaces by ID; CodeConflict names "key_id" when another
	// passkey has it, "user_id" when the ID is another person's.
	PutPasskey(ctx context.Context, p lieciba.Passkey) error
	// UserPasskeys returns them by CreatedAt.
	UserPasskeys(ctx context.Context, user lieciba.UserID) ([]lieciba.Passkey, error)
	// DeletePasskey removes the user's passkey; CodeNotFound if it is not theirs, or
	// not there any more.
	DeletePasskey(ctx context.Context, user lieciba.UserID, id lieciba.PasskeyID) error
}

// Identities keeps how people and machines are known. PutSignIn replaces by ID,
// also its TokenHash: a rotation.
type Identities interface {
	// UserBySubject finds a provider's account (OpenID Connect Core 1.0, 2).
	UserBySubject(ctx context.Context, issuer, subject string) (lieciba.User, error)
	SignInByID(ctx context.Context, id lieciba.SignInID) (lieciba.SignIn, error)
	// ListSignIns returns a user's by CreatedAt; everybody's for an empty user.
	ListSignIns(ctx context.Context, user lieciba.UserID) ([]lieciba.SignIn, error)
	// ChangeSignIn runs decide in one transaction (the Act's, inside of one) that
	// excludes every other change and the end of the sign-in, and stores what it
	// returns; nil: nothing. CodeNotFound when it has ended: it never comes back, as
	// it would by a PutSignIn of what was read before. An error of decide is
	// returned as is; it may run more than once.
	ChangeSignIn(ctx context.Context, id lieciba.SignInID, decide func(lieciba.SignIn) (*lieciba.SignIn, error)) (lieciba.SignIn, error)
	// EndSignIn deletes by ID; no such sign-in is no error.
	EndSignIn(ctx context.Context, id lieciba.SignInID) error
	// EndProviderSession deletes those of the user of that issuer and subject: of
	// the provider's session sid, or all for an empty sid; with an empty subject,
	// those of the sid whoever has it. It returns how many. CodeInvalid without an
	// issuer ("issuer"), or with neither subject nor sid ("sid").
	EndProviderSession(ctx context.Context, issuer, subject, sid string) (int, error)
	// ClientCertificate finds the token of a certificate's public key: the one that
	// is not revoked, else the one made last.
	ClientCertificate(ctx context.Context, spki [32]byte) (lieciba.ClientToken, error)
}
