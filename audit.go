package lieciba

import "time"

// AuditEntry is one line of the audit log: who did what to which object, when
// and with what outcome. Entries are only ever appended.
type AuditEntry struct {
	ID        AuditID
	At        time.Time
	Who       string // Principal.Name; "system" for the server itself
	WhoID     string
	Act       string    // an Act, or a name such as "sign_in"
	Object    string    // kind:ID, e.g. "camera:0198…"
	SessionID SessionID // set when the act concerns an exam session
	CameraID  CameraID
	From, To  time.Time // the range watched or changed; zero if none
	Outcome   string    // "ok" or the Code of the refusal
	Detail    string    // one plain sentence; no personal data, no secret
	Address   string    // of the client
}

// Watched is a range of the archive of one camera that was shown to somebody.
type Watched struct {
	CameraID CameraID
	Interval
}
