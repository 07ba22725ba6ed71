package storage

import (
	"context"
	"io"
	"time"

	"lieciba"
)

// Object is what Media knows of one stored version.
type Object struct {
	Ref  lieciba.MediaRef
	Size int64
}

// Media is the store of bytes. Keys come from SegmentKey and hold UUIDs only.
// The conventions of package storage hold.
type Media interface {
	// Name tells which store this is, for reports: "localfs" or "minio".
	Name() string
	// WriteOnce reports whether the store proved at start that it refuses to
	// destroy a locked version.
	WriteOnce() bool
	// Put stores size bytes of src under key, durable on return. sum is the
	// SHA-256 of the bytes: the store must refuse others. The same key and bytes
	// again is no error; a key that holds other bytes is CodeConflict and stays
	// untouched.
	Put(ctx context.Context, key string, src io.ReaderAt, size int64, sum [32]byte) (Object, error)
	// Stat returns the object, CodeNotFound if it is not there.
	Stat(ctx context.Context, ref lieciba.MediaRef) (Object, error)
	// ReadRange reads exactly len(p) bytes from off into p. CodeNotFound, or
	// CodeCorrupt when the object is shorter.
	ReadRange(ctx context.Context, ref lieciba.MediaRef, p []byte, off int64) error
	// Open streams the whole object; the caller closes it.
	Open(ctx context.Context, ref lieciba.MediaRef) (io.ReadCloser, error)
	// Sum reads the stored bytes back and returns their SHA-256.
	Sum(ctx context.Context, ref lieciba.MediaRef) ([32]byte, error)
	// Remove destroys one version. CodeForbidden while it is locked or held. A
	// missing object is no error.
	Remove(ctx context.Context, ref lieciba.MediaRef) error
	// RemoveAll destroys every version of key and every marker that hides it: on
	// return nothing of its bytes is left. CodeForbidden while a version is locked
	// or held; the others are gone then. A missing key is no error.
	RemoveAll(ctx context.Context, key string) error
	// Locks protect one version. CodeUnsupported on a store that is not WriteOnce.
	//
	// LockUntil forbids its removal before t, governed; a lock that lasts longer stays.
	LockUntil(ctx context.Context, ref lieciba.MediaRef, t time.Time) error
	// SetHold places or lifts a legal hold, which forbids removal whatever the lock says.
	SetHold(ctx context.Context, ref lieciba.MediaRef, on bool) error
	// Lock reads both; a zero until is no lock.
	Lock(ctx context.Context, ref lieciba.MediaRef) (until time.Time, held bool, err error)
	// List calls fn for every object whose key starts with prefix, newest
	// version only, by key; it ends at fn's error and returns it.
	List(ctx context.Context, prefix string, fn func(Object) error) error
	// Ping proves that the store answers.
	Ping(ctx context.Context) error
	Close() error
}

// SegmentKey is the object key of a segment: segments/RECORDING/SEGMENT.mp4.
func SegmentKey(rec lieciba.RecordingID, seg lieciba.SegmentID) string {
	return "segments/" + string(rec) + "/" + string(seg) + ".mp4"
}

// Source reads the bytes of a segment wherever they are now: the spool of this
// node, or Media. Safe for concurrent use.
type Source interface {
	// ReadSegment reads exactly len(p) bytes of the segment from off.
	ReadSegment(ctx context.Context, s lieciba.Segment, p []byte, off int64) error
	// Growing returns the recording's segment that is being written here, with
	// the fragments that are durable so far (To is the end of the last one, State
	// is empty); false if none is.
	Growing(rec lieciba.RecordingID) (lieciba.Segment, bool)
}
