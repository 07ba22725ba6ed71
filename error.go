package lieciba

import (
	"errors"
	"fmt"
)

// Code classifies an Error. The API maps each code to one HTTP status.
type Code string

// The codes. A new code needs a row in the API's status table.
const (
	CodeInvalid         Code = "invalid"         // the input breaks a rule; Field names which input
	CodeUnauthenticated Code = "unauthenticated" // nobody is signed in
	CodeForbidden       Code = "forbidden"       // signed in, and the policy says no
	CodeNeedsGrant      Code = "needs_grant"     // the role allows it only with a grant that is in force
	CodeNotFresh        Code = "not_fresh"       // prove again that it is you: passkey, password or provider
	CodeNotFound        Code = "not_found"
	CodeConflict        Code = "conflict"  // true once, not any more: stale version, duplicate, wrong state
	CodeTooLarge        Code = "too_large" // a body or a count over its bound
	CodeRateLimited     Code = "rate_limited"
	CodeUnavailable     Code = "unavailable" // try again later: camera, database or store does not answer
	CodeFull            Code = "full"        // no space left
	CodeCorrupt         Code = "corrupt"     // stored bytes or rows contradict themselves
	CodeUnsupported     Code = "unsupported" // a codec or an ability that is not there
	CodeRefused         Code = "refused"     // a device behind us said no, such as a camera to its password
	CodeInternal        Code = "internal"
)

// Error is the one error shape of the product: a code for programs, a message
// for people that says what to do, the field that is at fault, and the cause
// for the log. The message never holds a secret; the cause never reaches a user.
type Error struct {
	Code    Code
	Message string
	Field   string // JSON or config path of the offending input; empty if none
	Cause   error
}

func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Field != "" {
		s = string(e.Code) + ": " + e.Field + ": " + e.Message
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error with a formatted message and no field.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid makes the error for one bad input. The message says what is wrong and the cure.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error of the given code around a cause. It returns nil for a nil cause.
func Wrap(cause error, code Code, format string, args ...any) error {
	if cause == nil {
		return nil
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// CodeOf returns the code of the first Error in err's chain, CodeInternal for
// any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
