package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lieciba"
)

// statusOf is the one table from codes to HTTP statuses.
var statusOf = map[lieciba.Code]int{
	lieciba.CodeInvalid:         http.StatusBadRequest,
	lieciba.CodeUnauthenticated: http.StatusUnauthorized,
	lieciba.CodeForbidden:       http.StatusForbidden,
	lieciba.CodeNeedsGrant:      http.StatusForbidden,
	lieciba.CodeNotFresh:        http.StatusForbidden,
	lieciba.CodeNotFound:        http.StatusNotFound,
	lieciba.CodeConflict:        http.StatusConflict,
	lieciba.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	lieciba.CodeUnsupported:     http.StatusUnprocessableEntity,
	lieciba.CodeRefused:         http.StatusUnprocessableEntity,
	lieciba.CodeRateLimited:     http.StatusTooManyRequests,
	lieciba.CodeUnavailable:     http.StatusServiceUnavailable,
	lieciba.CodeFull:            http.StatusInsufficientStorage,
	lieciba.CodeCorrupt:         http.StatusInternalServerError,
	lieciba.CodeInternal:        http.StatusInternalServerError,
}

type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code    lieciba.Code `json:"code"`
	Message string       `json:"message"`
	Field   string       `json:"field,omitempty"`
}

// retryError is a rate limit with the time after which to try again.
type retryError struct {
	err   *lieciba.Error
	after time.Duration
}

func (e retryError) Error() string { return e.err.Error() }
func (e retryError) Unwrap() error { return e.err }

// writeError answers with the error shape outside of a route.
func writeError(w http.ResponseWriter, e *lieciba.Error) { writeStatus(w, e, statusOf[e.Code]) }

func writeStatus(w http.ResponseWriter, e *lieciba.Error, status int) {
	b, err := json.Marshal(errorBody{errorDetail{Code: e.Code, Message: e.Message, Field: e.Field}})
	if err != nil {
		panic(err) // strings only
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller is gone: nobody is left to tell
}

// plainErrors are the errors that net/http writes as plain text, in the one shape.
var plainErrors = map[int]*lieciba.Error{
	http.StatusNotFound:                     {Code: lieciba.CodeNotFound, Message: "there is no such file"},
	http.StatusRequestedRangeNotSatisfiable: {Code: lieciba.CodeInvalid, Field: "Range", Message: "lies outside of the file: ask for bytes that it has, as Content-Range tells"},
}

// plainError finds what to answer in place of a plain text.
func plainError(status int, h http.Header) *lieciba.Error {
	if !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
		return nil
	}
	e, ok := plainErrors[status]
	if !ok {
		return nil
	}
	h.Del("Content-Length")
	return e
}

// writeRetry answers with a rate limit outside of a route.
func writeRetry(w http.ResponseWriter, err error) {
	setRetryAfter(w.Header(), err)
	writeError(w, asError(err, ""))
}

// setRetryAfter tells in whole seconds when to try again (RFC 9110, 10.2.3).
func setRetryAfter(h http.Header, err error) {
	var retry retryError
	if errors.As(err, &retry) {
		h.Set("Retry-After", strconv.FormatInt(int64((retry.after+time.Second-1)/time.Second), 10))
	}
}

// fail answers with the error shape. The cause goes to the log, never to the
// caller; what is no *lieciba.Error shows as an internal error.
func (c *call) fail(err error) {
	e := asError(err, c.requestID)
	status, ok := statusOf[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	c.cause = err
	h := c.gin.Writer.Header()
	setRetryAfter(h, err)
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110, 11.6.1
	}
	c.gin.AbortWithStatusJSON(status, errorBody{errorDetail{Code: e.Code, Message: e.Message, Field: e.Field}})
}

// asError finds what may be shown of an error.
func asError(err error, requestID string) *lieciba.Error {
	var e *lieciba.Error
	switch {
	case errors.As(err, &e):
		if _, known := statusOf[e.Code]; known && e.Code != lieciba.CodeInternal {
			return e
		}
	case errors.Is(err, context.DeadlineExceeded):
		return lieciba.Errorf(lieciba.CodeUnavailable, "this took too long: try again")
	case errors.Is(err, context.Canceled):
		return lieciba.Errorf(lieciba.CodeUnavailable, "the request was given up")
	}
	return &lieciba.Error{Code: lieciba.CodeInternal, Message: fmt.Sprintf(
		"something failed inside the server: tell your operator this number: %s", requestID)}
}

// notFound is the one answer for what is not there and for what is outside of
// the caller's sites; both must look the same.
func notFound(what string) error {
	return lieciba.Errorf(lieciba.CodeNotFound, "there is no such %s, or it is outside of your sites", strings.ReplaceAll(what, "_", " "))
}

// asNotFound gives a lookup's CodeNotFound the one answer; other errors stay.
func asNotFound(err error, what string) error {
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return notFound(what)
	}
	return err
}
