package lieciba

import (
	"slices"
	"time"
)

// AuditEntry is one line of the audit log: who did what to which object, when
// and with what outcome. Entries are only ever appended.
type AuditEntry struct {
	ID        AuditID
	At        time.Time
	Who       string // Principal.Name; "system" for the server itself
	WhoID     string
	Act       string    // one of AuditActs
	Object    string    // kind:ID, e.g. "camera:0198…"
	SessionID SessionID // set when the act concerns an exam session
	CameraID  CameraID
	From, To  time.Time // the range watched or changed; zero if none
	Outcome   string    // "ok" or the Code of the refusal
	Detail    string    // one plain sentence; no personal data, no secret
	Address   string    // of the client
}

// Names of audit entries beside those of the policy (Acts): what needs no right,
// what the server does by itself, and the steps of four eyes. An entry is called
// alike wherever its act is done, over HTTP, at the shell or by the server.
const (
	AuditSignIn          = "sign_in" // also a failed one
	AuditSignOut         = "sign_out"
	AuditEndSignIn       = "end_sign_in" // of another device or person, or by the provider
	AuditProve           = "prove"       // that one is there
	AuditChangePassword  = "change_password"
	AuditRegisterPasskey = "register_passkey"
	AuditRemovePasskey   = "remove_passkey"

	// Steps of a request; asking is AuditAsk, deciding ActApproveRequest and
	// ActRefuseRequest.
	AuditAmendRequest    = "amend_request"
	AuditWithdrawRequest = "withdraw_request"
	AuditUseRequest      = "use_request"
	AuditBeginGrant      = "begin_grant"

	AuditSeeAlarm   = "see_alarm"
	AuditRaiseAlarm = "raise_alarm"
	AuditBreakGlass = "break_glass" // done by one person what needs two

	AuditBeginLog        = "begin_log"
	AuditRotateKey       = "rotate_key"        // of the log
	AuditRotateSecretKey = "rotate_secret_key" // that seals the secrets at rest
	AuditCameraEvent     = "camera_event"      // what a camera told by itself
	AuditRepair          = "repair"            // of what fsck found
)

// AuditAsk names the entry of asking for a kind of request, such as ask_grant.
func AuditAsk(k RequestKind) string { return "ask_" + string(k) }

// AuditActs lists every name that an audit entry may bear, sorted. The list is
// the caller's.
func AuditActs() []string {
	names := []string{AuditSignIn, AuditSignOut, AuditEndSignIn, AuditProve, AuditChangePassword, AuditRegisterPasskey, AuditRemovePasskey,
		AuditAmendRequest, AuditWithdrawRequest, AuditUseRequest, AuditBeginGrant,
		AuditSeeAlarm, AuditRaiseAlarm, AuditBreakGlass,
		AuditBeginLog, AuditRotateKey, AuditRotateSecretKey, AuditCameraEvent, AuditRepair}
	for _, a := range Acts() {
		names = append(names, string(a))
	}
	for _, k := range RequestKinds() {
		names = append(names, AuditAsk(k))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Watched is a range of the archive of one camera that was shown to somebody.
type Watched struct {
	CameraID CameraID
	Interval
}
