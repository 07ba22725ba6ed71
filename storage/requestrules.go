package storage

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"lieciba"
)

// EncodeAsked is how what is asked is stored: the JSON that its digest is over.
func EncodeAsked(a lieciba.Asked) []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings and times of our own
	}
	return b
}

// DecodeAsked reads what EncodeAsked wrote; CodeCorrupt for anything else.
func DecodeAsked(b []byte) (a lieciba.Asked, err error) {
	if err := json.Unmarshal(b, &a); err != nil {
		return lieciba.Asked{}, lieciba.Wrap(err, lieciba.CodeCorrupt, "a stored request cannot be read")
	}
	return a, nil
}

// MicroRequest cuts the times of a request to what is stored.
func MicroRequest(r lieciba.Request) lieciba.Request {
	r.AskedAt, r.ExpiresAt = lieciba.Micro(r.AskedAt), lieciba.Micro(r.ExpiresAt)
	r.DecidedAt, r.UsedAt = lieciba.Micro(r.DecidedAt), lieciba.Micro(r.UsedAt)
	return r
}

// CheckRequest checks a request that waits, on its own.
func CheckRequest(r lieciba.Request) error {
	switch {
	case !slices.Contains(lieciba.RequestKinds(), r.Kind):
		return lieciba.Invalid("kind", "%q is no kind of request", r.Kind)
	case r.AskedByID == "":
		return lieciba.Invalid("asked_by", "a request needs somebody who asks")
	case r.State != lieciba.RequestRequested || !r.DecidedAt.IsZero() || !r.UsedAt.IsZero():
		return lieciba.Invalid("state", "a request is asked first and decided later, by another person")
	case !r.ExpiresAt.After(r.AskedAt):
		return lieciba.Invalid("expires_at", "a request must last for some time")
	case r.Digest != r.DigestOf():
		return lieciba.Invalid("digest", "must be over what is asked")
	}
	return nil
}

// RepeatRequest judges a PutRequest whose ID is stored already: how it was decided
// since does not matter.
func RepeatRequest(stored, r lieciba.Request) error {
	if !sameAsking(stored, MicroRequest(r)) || stored.Digest != r.Digest {
		return conflict("id", "request %s was asked otherwise", r.ID)
	}
	return nil
}

// sameAsking compares who asked, when and for which kind of thing.
func sameAsking(a, b lieciba.Request) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.AskedBy == b.AskedBy && a.AskedByID == b.AskedByID &&
		a.AskedSignIn == b.AskedSignIn && a.AskedAt.Equal(b.AskedAt)
}

// sameWish compares what is asked, and until when.
func sameWish(a, b lieciba.Request) bool {
	return a.Digest == b.Digest && a.Reason == b.Reason && a.ExpiresAt.Equal(b.ExpiresAt) && bytes.Equal(EncodeAsked(a.Asked), EncodeAsked(b.Asked))
}

func sameDecision(a, b lieciba.Request) bool {
	return a.DecidedBy == b.DecidedBy && a.DecidedByID == b.DecidedByID && a.DecidedNote == b.DecidedNote && a.DecidedAt.Equal(b.DecidedAt)
}

// requestMoves are the ways a request can go; what is not here is the end.
var requestMoves = map[lieciba.RequestState][]lieciba.RequestState{
	lieciba.RequestRequested: {lieciba.RequestRequested, lieciba.RequestApproved, lieciba.RequestRefused, lieciba.RequestWithdrawn},
	lieciba.RequestApproved:  {lieciba.RequestUsed, lieciba.RequestRefused, lieciba.RequestWithdrawn},
}

// PlanRequest decides what decide of ChangeRequest makes of a request. Who asked
// never changes; what is asked changes only while nobody has decided; another
// person approves; what was approved is used once, as it was approved.
func PlanRequest(stored, next lieciba.Request) (out lieciba.Request, write bool, err error) {
	next = MicroRequest(next)
	switch {
	case !sameAsking(stored, next):
		return stored, false, lieciba.Errorf(lieciba.CodeInternal, "a change of request %s returned another request", stored.ID)
	case sameRequestRow(stored, next):
		return stored, false, nil
	case !slices.Contains(requestMoves[stored.State], next.State):
		return stored, false, conflict("state", "a request that is %s cannot become %s", stored.State, next.State)
	}
	if next.State == lieciba.RequestRequested {
		err = CheckRequest(next)
	} else {
		err = checkDecided(stored, next)
	}
	if err != nil {
		return stored, false, err
	}
	return next, true, nil
}

func sameRequestRow(a, b lieciba.Request) bool {
	same := sameWish(a, b)
	a.Asked, b.Asked = lieciba.Asked{}, lieciba.Asked{}
	return same && reflect.DeepEqual(a, b)
}

func checkDecided(stored, next lieciba.Request) error {
	switch {
	case !sameWish(stored, next):
		return lieciba.Errorf(lieciba.CodeInternal, "a decision on request %s changed what is asked", stored.ID)
	case next.DecidedAt.IsZero():
		return lieciba.Invalid("decided_at", "a decision needs its time")
	case next.State != lieciba.RequestUsed && (!next.UsedAt.IsZero() || next.UsedFor != ""):
		return lieciba.Invalid("used_at", "only an approved request is used")
	case (next.State == lieciba.RequestWithdrawn) != (next.DecidedByID == next.AskedByID):
		return conflict("decided_by", "another person must decide; only who asked can withdraw")
	case next.State == lieciba.RequestApproved && next.DecidedByID == "":
		return conflict("decided_by", "an approval needs its person")
	case next.State == lieciba.RequestUsed || next.State == lieciba.RequestApproved:
		return checkBound(stored, next)
	}
	return nil
}

// checkBound holds an approval and a use to the digest and to the request's life.
func checkBound(stored, next lieciba.Request) error {
	at := next.DecidedAt
	if next.State == lieciba.RequestUsed {
		switch at = next.UsedAt; {
		case !sameDecision(stored, next):
			return lieciba.Errorf(lieciba.CodeInternal, "the use of request %s changed who approved it", stored.ID)
		case next.UsedAt.IsZero() || next.UsedFor == "":
			return lieciba.Invalid("used_for", "a use needs its time and what came of it")
		}
	}
	switch {
	case next.Digest != next.DigestOf():
		return lieciba.Errorf(lieciba.CodeCorrupt, "request %s is not what its digest says", stored.ID)
	case !at.Before(next.ExpiresAt):
		return conflict("expires_at", "the request expired at %s", next.ExpiresAt.Format(time.RFC3339))
	}
	return nil
}
