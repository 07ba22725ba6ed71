package onvif

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"lieciba"
)

// Causes that callers tell apart with errors.Is.
var (
	// ErrRefused: the camera refused the user name or the password. Nothing more
	// is sent with them until SetCredentials.
	ErrRefused = errors.New("the camera refused the user name or the password")
	// ErrNeedsCredentials: the camera wants a user name, and none was given.
	ErrNeedsCredentials = errors.New("the camera wants a user name and a password")
	// ErrDenied: the user is known to the camera and may not do this.
	ErrDenied = errors.New("the camera's user may not do this")
	// ErrNetwork: the address is outside the allowed networks.
	ErrNetwork = errors.New("the address is outside the allowed camera networks")
	// ErrPin: the camera shows another certificate than the pinned one.
	ErrPin = errors.New("the camera's certificate changed")
)

func errRefused() error {
	return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "password",
		Message: "the camera refused the user name or the password; nothing more is tried until they change", Cause: ErrRefused}
}

func errNeedsCredentials() error {
	return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "username",
		Message: "the camera wants a user name and a password", Cause: ErrNeedsCredentials}
}

func errDenied(operation string) error {
	return &lieciba.Error{Code: lieciba.CodeForbidden, Field: "username",
		Message: "the camera's user may not call " + operation + ": give it operator rights", Cause: ErrDenied}
}

// Fault is a SOAP fault (SOAP 1.2 part 1, 5.4; SOAP 1.1, 4.4).
type Fault struct {
	Operation string
	Codes     []string // code and subcodes, outermost first, without prefixes
	Reason    string   // the camera's words, cut to 200 characters, one line
}

func (f *Fault) Error() string {
	return fmt.Sprintf("%s: fault %s: %s", f.Operation, strings.Join(f.Codes, "/"), f.Reason)
}

// has reports whether a code or subcode of the fault is one of names, in any case.
func (f *Fault) has(names ...string) bool {
	for _, c := range f.Codes {
		for _, n := range names {
			if strings.EqualFold(c, n) {
				return true
			}
		}
	}
	return false
}

// notAuthorized tells a refused signature from every other fault. Some cameras
// say so in the reason alone.
func (f *Fault) notAuthorized() bool {
	if f.has("NotAuthorized", "FailedAuthentication", "FailedCheck", "InvalidSecurity", "InvalidSecurityToken") {
		return true
	}
	r := strings.ToLower(f.Reason)
	return strings.Contains(r, "not authorized") || strings.Contains(r, "authority failure") ||
		strings.Contains(r, "authentication failed") || strings.Contains(r, "unauthorized")
}

// asError makes the error that users see: the operation and the camera's reason.
func (f *Fault) asError() error {
	code := lieciba.CodeUnavailable
	if f.has("ActionNotSupported", "OptionalActionNotImplemented", "NoSuchService", "InvalidArgVal", "InvalidArgs",
		"UnknownAction", "NoProfile", "NoConfig", "IncompleteConfiguration", "MustUnderstand") {
		code = lieciba.CodeUnsupported
	}
	return lieciba.Wrap(f, code, "the camera answered %s with a fault", f.Operation)
}

// oneLine cuts the camera's words to n characters on one line.
func oneLine(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// withoutURL takes the URL out of an error of net/http: a camera's URL can hold
// a password wherever its maker liked.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return fmt.Errorf("%s: %w", strings.ToLower(ue.Op), ue.Err)
	}
	return err
}
