package lieciba

import "time"

// AlarmKind is a way of access that security staff should look at.
type AlarmKind string

const (
	AlarmNoCase         AlarmKind = "no_open_case" // watched under a grant whose appeal is closed, or that names none
	AlarmOwnSite        AlarmKind = "own_site"     // watched the archive of a site one supervises
	AlarmOutOfHours     AlarmKind = "out_of_hours"
	AlarmVolume         AlarmKind = "volume" // far more than one's own baseline
	AlarmRefusals       AlarmKind = "repeated_refusals"
	AlarmUncollected    AlarmKind = "export_not_collected"
	AlarmBreakGlass     AlarmKind = "break_glass" // a local account signed in though a provider is set up, or one person did at the shell what needs two
	AlarmWrongPasswords AlarmKind = "wrong_passwords"
	// AlarmCopied: a cookie or a passkey is in two hands.
	AlarmCopied AlarmKind = "copied_credential"
	// AlarmAccountReset: another person set an account's password or opened it again.
	AlarmAccountReset AlarmKind = "account_reset"
	// AlarmVoidLink: a session that was started by hand bore an ID that is not its own.
	AlarmVoidLink AlarmKind = "void_link"
)

// AlarmKinds lists every kind.
func AlarmKinds() []AlarmKind {
	return []AlarmKind{AlarmNoCase, AlarmOwnSite, AlarmOutOfHours, AlarmVolume, AlarmRefusals, AlarmUncollected, AlarmBreakGlass, AlarmWrongPasswords, AlarmCopied, AlarmAccountReset, AlarmVoidLink}
}

// Alarm is raised once per Kind and Key.
type Alarm struct {
	ID        AlarmID
	Kind      AlarmKind
	Key       string // what it is about, such as "user:ID:2026-11-18"; unique within the kind
	Who       string // Principal.Name; empty: nobody in particular
	WhoID     string
	SessionID SessionID
	At        time.Time
	Count     int    // of what was counted
	Detail    string // one plain sentence
	SeenBy    string // of security staff; empty: nobody yet
	SeenAt    time.Time
	SeenNote  string
}
