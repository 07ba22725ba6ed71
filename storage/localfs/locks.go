package localfs

import (
	"context"
	"time"

	"lieciba"
)

// errLocks is why no folder can lock: its owner can delete.
func errLocks() error {
	return lieciba.Errorf(lieciba.CodeUnsupported, "a folder cannot lock what it holds: use an S3 store with object lock for write-once storage")
}

// LockUntil implements storage.Media: a folder cannot.
func (*Store) LockUntil(context.Context, lieciba.MediaRef, time.Time) error { return errLocks() }

// SetHold implements storage.Media: a folder cannot.
func (*Store) SetHold(context.Context, lieciba.MediaRef, bool) error { return errLocks() }

// Lock implements storage.Media: a folder cannot.
func (*Store) Lock(context.Context, lieciba.MediaRef) (time.Time, bool, error) {
	return time.Time{}, false, errLocks()
}
