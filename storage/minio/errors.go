package minio

import (
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"

	"lieciba"
)

// errorCodes maps S3 error codes, where the HTTP status does not say enough.
var errorCodes = map[string]struct {
	code    lieciba.Code
	message string
}{
	"XMinioStorageFull":              {lieciba.CodeFull, "the media store is full"},
	"XMinioAdminBucketQuotaExceeded": {lieciba.CodeFull, "the bucket's quota is used up"},
	"QuotaExceeded":                  {lieciba.CodeFull, "the media store's quota is used up"},
	"InsufficientStorage":            {lieciba.CodeFull, "the media store is full"},
	"NoSuchKey":                      {lieciba.CodeNotFound, "there is no such object"},
	"NoSuchVersion":                  {lieciba.CodeNotFound, "there is no such version"},
	"MethodNotAllowed":               {lieciba.CodeNotFound, "that version is a delete marker"},
	"NoSuchBucket":                   {lieciba.CodeUnavailable, "the bucket is gone: make it again, or name another one"},
	"InvalidRange":                   {lieciba.CodeCorrupt, "the object is shorter than it should be"},
	"XAmzContentSHA256Mismatch":      {lieciba.CodeInvalid, "the bytes do not have the SHA-256 that was given"},
	"XAmzContentChecksumMismatch":    {lieciba.CodeInvalid, "the bytes do not have the SHA-256 that was given"},
	"BadDigest":                      {lieciba.CodeInvalid, "the bytes do not have the SHA-256 that was given"},
	"PreconditionFailed":             {lieciba.CodeConflict, "the key is taken"},
	"EntityTooLarge":                 {lieciba.CodeTooLarge, "the object is larger than one upload may be"},
	"RequestTimeTooSkewed":           {lieciba.CodeUnavailable, "this machine's clock and the media store's differ too much: set both by NTP"},
}

// refused are the codes of a store that does not accept this server's account.
var refused = map[string]bool{"AccessDenied": true, "InvalidAccessKeyId": true, "SignatureDoesNotMatch": true,
	"AllAccessDisabled": true, "AccountProblem": true, "InvalidToken": true, "ExpiredToken": true}

// mapError gives an error of minio-go or the network one of the product's
// codes. A refused account is CodeUnavailable, not CodeForbidden: no user is
// forbidden anything, and an administrator can cure it while the spool waits.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	if known := (*lieciba.Error)(nil); errors.As(err, &known) {
		return err
	}
	var res minio.ErrorResponse
	if !errors.As(err, &res) || res.StatusCode == 0 && res.Code == "" {
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "the media store does not answer")
	}
	if m, ok := errorCodes[res.Code]; ok {
		return lieciba.Wrap(err, m.code, "%s", m.message)
	}
	switch {
	case refused[res.Code], res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusUnauthorized:
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "the media store refuses this server's account (%s): check its keys and its policy", res.Code)
	case res.StatusCode == http.StatusInsufficientStorage:
		return lieciba.Wrap(err, lieciba.CodeFull, "the media store is full")
	case res.StatusCode == http.StatusNotFound:
		return lieciba.Wrap(err, lieciba.CodeNotFound, "there is no such object")
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout,
		res.Code == "SlowDown", res.Code == "RequestTimeout", res.Code == "IncompleteBody":
		return lieciba.Wrap(err, lieciba.CodeUnavailable, "the media store cannot serve the call now (%s)", res.Code)
	}
	return lieciba.Wrap(err, lieciba.CodeInternal, "the media store answered %s", res.Code)
}

// lockRefusal reports whether err is how a store refuses to destroy a locked
// version: an answer, not an outage, that says denied or locked.
func lockRefusal(err error) bool {
	var res minio.ErrorResponse
	if !errors.As(err, &res) {
		return false
	}
	switch res.Code {
	case "AccessDenied", "ObjectLocked", "InvalidRequest", "Conflict", "OperationNotPermitted":
		return res.StatusCode >= 400 && res.StatusCode < 500
	}
	return res.StatusCode == http.StatusForbidden
}

// asResponse returns the store's own answer in err's chain, false if the error
// is none.
func asResponse(err error) (minio.ErrorResponse, bool) {
	var res minio.ErrorResponse
	return res, errors.As(err, &res) && res.StatusCode != 0
}
