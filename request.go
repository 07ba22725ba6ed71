package lieciba

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// RequestKind is what one person asks and another must approve (four eyes).
type RequestKind string

const (
	RequestGrant       RequestKind = "grant"
	RequestExport      RequestKind = "export"
	RequestHoldRelease RequestKind = "hold_release"
	RequestDeletion    RequestKind = "early_deletion"
	RequestPolicy      RequestKind = "retention_policy"
	RequestKeyRotation RequestKind = "key_rotation"
	RequestRoles       RequestKind = "roles"
	RequestClientToken RequestKind = "client_token" // of the citizenship system
)

// askActs is the act that lets somebody ask, for every kind.
var askActs = map[RequestKind]Act{
	RequestGrant: ActAskGrant, RequestExport: ActExport, RequestHoldRelease: ActAskRelease, RequestDeletion: ActAskDeletion,
	RequestPolicy: ActAskPolicy, RequestKeyRotation: ActAskKeyRotation, RequestRoles: ActAskRoles,
	RequestClientToken: ActAskClientToken,
}

// RequestKinds lists every kind.
func RequestKinds() []RequestKind {
	return []RequestKind{RequestGrant, RequestExport, RequestHoldRelease, RequestDeletion, RequestPolicy, RequestKeyRotation, RequestRoles,
		RequestClientToken}
}

// AskAct is the act that lets somebody ask for it; empty for an unknown kind.
func (k RequestKind) AskAct() Act { return askActs[k] }

// RequestState of a Request. Whether one has expired, the clock says: StateAt.
type RequestState string

const (
	RequestRequested RequestState = "requested"
	RequestApproved  RequestState = "approved"
	RequestRefused   RequestState = "refused"
	RequestWithdrawn RequestState = "withdrawn"
	RequestUsed      RequestState = "used"
	RequestExpired   RequestState = "expired"
)

// RequestLife is how long a request may wait for its approval, and then for its use.
const RequestLife = 24 * time.Hour

// FreshFor is how long a proof of presence counts for an approval.
const FreshFor = 5 * time.Minute

// Asked is exactly what is asked for. Which fields are set depends on the kind;
// the API fills and checks them. Its canonical JSON is what the digest is over.
type Asked struct {
	SessionID     SessionID   `json:"session_id,omitempty"`
	CameraIDs     []CameraID  `json:"camera_ids,omitempty"` // sorted; none: all of the session
	From          time.Time   `json:"from,omitzero"`        // UTC, µs
	To            time.Time   `json:"to,omitzero"`
	ClipFrom      time.Time   `json:"clip_from,omitzero"` // export: of the copy for watching; all footage is packed
	ClipTo        time.Time   `json:"clip_to,omitzero"`
	Until         time.Time   `json:"until,omitzero"` // grant: expires then
	Appeal        string      `json:"appeal,omitempty"`
	IncidentID    IncidentID  `json:"incident_id,omitempty"`
	Purpose       string      `json:"purpose,omitempty"`        // grant without an appeal or incident: data_subject, security
	RecipientName string      `json:"recipient_name,omitempty"` // export
	RecipientKind string      `json:"recipient_kind,omitempty"` // export: appeal_board, court, police, data_subject, other
	Recipient     string      `json:"recipient,omitempty"`      // export: age public key
	HoldID        HoldID      `json:"hold_id,omitempty"`
	RecordingID   RecordingID `json:"recording_id,omitempty"` // early deletion
	PolicyID      PolicyID    `json:"policy_id,omitempty"`
	UserID        UserID      `json:"user_id,omitempty"` // roles
	Roles         []Role      `json:"roles,omitempty"`   // sorted; all that the account shall have
	SiteIDs       []SiteID    `json:"site_ids,omitempty"`

	Client *AskedClient `json:"client,omitempty"` // client_token; never changed in place
}

// Request is one person's wish that needs another's approval. It is used once,
// by who asked, exactly as it was approved.
type Request struct {
	ID          RequestID
	Kind        RequestKind
	Asked       Asked
	Reason      string
	Digest      [32]byte // of kind, who, what and why: what the approver signs with their name
	AskedBy     string
	AskedByID   string
	AskedSignIn SignInID // empty for a machine
	AskedAt     time.Time
	ExpiresAt   time.Time // for approval and for use
	State       RequestState
	DecidedBy   string // approved, refused or withdrawn
	DecidedByID string
	DecidedAt   time.Time
	DecidedNote string // of a refusal
	UsedAt      time.Time
	UsedFor     string // kind:ID of what came of it
}

// DigestOf binds a request's kind, asker, content and reason: SHA-256 over their
// canonical JSON.
func (r Request) DigestOf() [32]byte {
	b, err := json.Marshal(struct {
		Format    string      `json:"format"`
		Kind      RequestKind `json:"kind"`
		AskedByID string      `json:"asked_by_id"`
		Asked     Asked       `json:"asked"`
		Reason    string      `json:"reason"`
	}{"lieciba-request/v1", r.Kind, r.AskedByID, r.Asked, r.Reason})
	if err != nil {
		panic(err) // strings and times of our own
	}
	return sha256.Sum256(b)
}

// StateAt is the state with the clock in it: what was neither used nor refused
// in its life has expired.
func (r Request) StateAt(now time.Time) RequestState {
	if (r.State == RequestRequested || r.State == RequestApproved) && !now.Before(r.ExpiresAt) {
		return RequestExpired
	}
	return r.State
}

// NewRequest makes a request of a principal that may ask it (RequestKind.AskAct:
// the caller has checked that, and Asked). CodeInvalid names the field "reason".
func NewRequest(kind RequestKind, asked Asked, reason string, who Principal, now time.Time) (Request, error) {
	r := Request{ID: NewID[RequestID](now), Kind: kind, AskedBy: who.Name, AskedByID: who.ID, AskedSignIn: who.SignIn,
		AskedAt: Micro(now), State: RequestRequested}
	return r.amend(asked, reason, now)
}

// Amend changes what is asked while nobody has decided. The digest changes with
// it, so that an approval of what was there before fails.
func (r Request) Amend(asked Asked, reason string, who Principal, now time.Time) (Request, error) {
	if err := r.mustBe(RequestRequested, now); err != nil {
		return r, err
	}
	if r.AskedByID != who.ID {
		return r, Errorf(CodeForbidden, "only who asked may change a request")
	}
	return r.amend(asked, reason, now)
}

func (r Request) amend(asked Asked, reason string, now time.Time) (Request, error) {
	if err := CheckSentence("reason", reason); err != nil {
		return r, err
	}
	asked.CameraIDs, asked.Roles = slices.Clone(asked.CameraIDs), slices.Clone(asked.Roles)
	asked.SiteIDs, asked.Client = slices.Clone(asked.SiteIDs), asked.Client.canonical()
	slices.Sort(asked.CameraIDs)
	slices.Sort(asked.Roles)
	slices.Sort(asked.SiteIDs)
	asked.From, asked.To, asked.Until = microUTC(asked.From), microUTC(asked.To), microUTC(asked.Until)
	asked.ClipFrom, asked.ClipTo = microUTC(asked.ClipFrom), microUTC(asked.ClipTo)
	r.Asked, r.Reason, r.ExpiresAt = asked, reason, Micro(now).Add(RequestLife)
	r.Digest = r.DigestOf()
	return r, nil
}

// microUTC cuts to what is stored; the zero time stays zero.
func microUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return Micro(t).UTC()
}

func (r Request) mustBe(want RequestState, now time.Time) error {
	if got := r.StateAt(now); got != want {
		return Errorf(CodeConflict, "this request is %s: only one that is %s can be", got, want)
	}
	return nil
}

// mustBeOpen refuses what was refused, withdrawn or used, or has expired.
func (r Request) mustBeOpen(now time.Time) error {
	if s := r.StateAt(now); s != RequestRequested && s != RequestApproved {
		return Errorf(CodeConflict, "this request is %s", s)
	}
	return nil
}

// Approve lets another person say yes to exactly the digest that they saw, from
// another sign-in, freshly proven by one of the methods. CodeForbidden for one's
// own request, for a machine and for who might have asked for it themselves
// (MayApprove), CodeNotFresh, CodeConflict names "digest" when what is asked is not
// what was seen, CodeConflict for a state that does not wait.
func (r Request) Approve(by Principal, in SignIn, digest [32]byte, now time.Time, methods ...SignInMethod) (Request, error) {
	if err := r.decidable(by); err != nil {
		return r, err
	}
	if err := r.mustBe(RequestRequested, now); err != nil {
		return r, err
	}
	if err := r.Kind.MayApprove(by); err != nil {
		return r, err
	}
	switch {
	case by.Machine || in.ID == "" || in.UserID != UserID(by.ID):
		return r, Errorf(CodeForbidden, "only a person who signed in can approve")
	case in.ID == r.AskedSignIn:
		return r, Errorf(CodeForbidden, "this was asked from the same sign-in: another person must approve it from their own")
	case !in.Fresh(now, FreshFor, methods...):
		return r, Errorf(CodeNotFresh, "prove first that it is you: the last proof must be younger than %s", FreshFor)
	case digest != r.Digest || digest != r.DigestOf():
		return r, &Error{Code: CodeConflict, Field: "digest", Message: "what is asked is not what you saw: read it again, its digest is " + hex.EncodeToString(r.Digest[:])}
	}
	return r.decided(RequestApproved, by, "", now), nil
}

// MayApprove refuses who has no right to approve, and who has the right to ask for
// this kind: two people with both would approve each other's requests for ever.
// CodeForbidden.
func (k RequestKind) MayApprove(by Principal) error {
	if err := Allow(by, ActApproveRequest, ""); err != nil {
		return err
	}
	if AllowSomewhere(by, k.AskAct()) == nil {
		return Errorf(CodeForbidden, "your roles let you ask for this kind of thing (%s): somebody whose roles do not must approve it", k.AskAct())
	}
	return nil
}

// Stands tells whether the approval is still that of somebody who may approve:
// approver is the account of DecidedByID as it is now. CodeConflict.
func (r Request) Stands(approver User) error {
	switch {
	case UserID(r.DecidedByID) != approver.ID || approver.Disabled:
		return Errorf(CodeConflict, "the account of %s, who approved this, is closed: ask anew", r.DecidedBy)
	case r.Kind.MayApprove(Principal{ID: string(approver.ID), Name: approver.Login, Roles: approver.Roles, SiteIDs: approver.SiteIDs}) != nil:
		return Errorf(CodeConflict, "%s, who approved this, may not approve it any more: ask anew", r.DecidedBy)
	}
	return nil
}

// Refuse says no, with a reason: before the approval or, until it is used, after
// it. As Approve, but neither digest nor freshness nor the roles to ask matter.
func (r Request) Refuse(by Principal, note string, now time.Time) (Request, error) {
	if err := r.decidable(by); err != nil {
		return r, err
	}
	if err := r.mustBeOpen(now); err != nil {
		return r, err
	}
	if err := CheckSentence("note", note); err != nil {
		return r, err
	}
	return r.decided(RequestRefused, by, note, now), nil
}

// decidable refuses whose own matter it is.
func (r Request) decidable(by Principal) error {
	switch {
	case by.ID == r.AskedByID:
		return Errorf(CodeForbidden, "you asked for this: another person must decide")
	case r.Kind == RequestRoles && string(r.Asked.UserID) == by.ID:
		return Errorf(CodeForbidden, "this is about your own roles: another person must decide")
	}
	return nil
}

func (r Request) decided(to RequestState, by Principal, note string, now time.Time) Request {
	r.State, r.DecidedBy, r.DecidedByID, r.DecidedNote, r.DecidedAt = to, by.Name, by.ID, note, Micro(now)
	return r
}

// Withdraw takes a request back before it is used.
func (r Request) Withdraw(by Principal, now time.Time) (Request, error) {
	if by.ID != r.AskedByID {
		return r, Errorf(CodeForbidden, "only who asked may withdraw a request")
	}
	if err := r.mustBeOpen(now); err != nil {
		return r, err
	}
	return r.decided(RequestWithdrawn, by, "", now), nil
}

// Void ends an open request of an account that by has opened to somebody else:
// refused, or withdrawn when by asked for it. CodeConflict for one that is over.
func (r Request) Void(by Principal, note string, now time.Time) (Request, error) {
	if err := r.mustBeOpen(now); err != nil {
		return r, err
	}
	if by.ID == r.AskedByID {
		return r.decided(RequestWithdrawn, by, note, now), nil
	}
	return r.decided(RequestRefused, by, note, now), nil
}

// Use spends an approved request: once, by who asked, before it expires.
func (r Request) Use(by Principal, usedFor string, now time.Time) (Request, error) {
	if by.ID != r.AskedByID {
		return r, Errorf(CodeForbidden, "only who asked may use what was approved")
	}
	if err := r.mustBe(RequestApproved, now); err != nil {
		return r, err
	}
	if r.Digest != r.DigestOf() {
		return r, Errorf(CodeCorrupt, "what is asked is not what was approved")
	}
	r.State, r.UsedAt, r.UsedFor = RequestUsed, Micro(now), usedFor
	return r, nil
}
