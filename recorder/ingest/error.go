package ingest

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"lieciba"
)

// Error is why a stream did not open or ended: a cause for the gap row and the
// detail for operators. It never holds a credential.
type Error struct {
	Cause lieciba.GapCause
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// CauseOf returns the cause of an error of this package, camera_offline for others.
func CauseOf(err error) lieciba.GapCause {
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return lieciba.CauseCameraOffline
}

// forbidden marks the refusal of a Dial that may not connect to the address at
// all, CodeInvalid with field "address": no camera was asked.
func forbidden(err error) error {
	var refusal *lieciba.Error
	if errors.As(err, &refusal) && refusal.Code == lieciba.CodeInvalid && refusal.Field == "address" {
		return &Error{Cause: lieciba.CauseNotAllowed, Err: err}
	}
	return err
}

func userInfo(user, password string) *url.Userinfo { return url.UserPassword(user, password) }

// escaped is the password as it stands in a URL, to be kept out of messages too.
func escaped(u *base.URL) string {
	_, p, _ := strings.Cut(u.User.String(), ":")
	return p
}

// classify turns an error of the library into ours. opening tells a camera that
// does not answer from a line that broke in mid-stream.
func (s *Stream) classify(err error, opening bool) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Cause: lieciba.CauseNetworkLoss, Err: s.clean(err)}
	if opening {
		e.Cause = lieciba.CauseCameraOffline
	}
	var status liberrors.ErrClientBadStatusCode
	var auth liberrors.ErrClientAuthSetup
	switch {
	case errors.As(err, &status) && (status.Code == base.StatusUnauthorized || status.Code == base.StatusForbidden):
		e.Cause, e.Err = lieciba.CauseAuthFailed, errors.New("the camera refused the user name or password")
	case errors.As(err, &auth):
		e.Cause, e.Err = lieciba.CauseAuthFailed, errors.New("the camera asks for a kind of sign-in that is not supported")
	case opening && errors.As(err, new(liberrors.ErrClientSDPInvalid)):
		e.Cause = lieciba.CauseDecodeError
	}
	return e
}

// clean takes credentials out of a foreign message. Cleaned errors keep no
// chain, but for time-outs, whose text holds nothing secret.
func (s *Stream) clean(err error) error {
	if err == nil {
		return errors.New("the connection ended")
	}
	text := err.Error()
	for _, secret := range s.secrets {
		if len(secret) > 0 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	var op *net.OpError
	if text == err.Error() && errors.As(err, &op) {
		return err
	}
	return errors.New(text)
}
