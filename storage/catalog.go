// Package storage declares what the product needs of a database of facts
// (Catalog) and of a store of bytes (Media). DESIGN.md holds the invariants and
// the crash table; storagetest holds the contract that every implementation
// passes.
//
// Conventions of every method: safe for concurrent use; ctx bounds the call;
// errors are *lieciba.Error with CodeNotFound, CodeConflict, CodeUnavailable
// (worth a retry), CodeFull, CodeCorrupt or CodeInternal; CodeInvalid for an ID
// that is no UUID or a span that ends before it starts, CodeNotFound also for a
// row that refers to one that is not there; a nil error means that the change
// is durable. Times are kept to the microsecond. A call whose error is CodeUnavailable may or may not have taken
// effect: each write is idempotent, so the caller repeats it unchanged.
package storage

import (
	"context"
	"time"

	"lieciba"
)

// Catalog is the database of facts.
type Catalog interface {
	Sites
	Cameras
	Sessions
	Recordings
	Segments
	Gaps
	Leases
	Accounts
	Identities
	Requests
	Grants
	Appeals
	Passkeys
	Audit
	Acts
	HashLog
	Seals
	Exports
	Policies
	Events
	Holds
	Deletions
	Notices
	Incidents
	PartEvents
	ReadinessRows
	SessionLinks
	Alarms

	// Name tells which database this is, for reports: "sqlite" or "postgres".
	Name() string
	// Ping proves that the database answers a write transaction's first step.
	Ping(ctx context.Context) error
	// Close waits for calls under way. Idempotent.
	Close() error
}

// Sites keeps sites and rooms.
type Sites interface {
	// PutSite inserts or replaces by ID. CodeConflict names field "code" when
	// another site has that code.
	PutSite(ctx context.Context, s lieciba.Site) error
	Site(ctx context.Context, id lieciba.SiteID) (lieciba.Site, error)
	// ListSites returns all sites by code.
	ListSites(ctx context.Context) ([]lieciba.Site, error)
	// PutRoom inserts or replaces by ID; CodeConflict as for PutSite.
	PutRoom(ctx context.Context, r lieciba.Room) error
	Room(ctx context.Context, id lieciba.RoomID) (lieciba.Room, error)
	RoomByCode(ctx context.Context, code string) (lieciba.Room, error)
	// ListRooms returns the rooms of a site by code; all rooms for an empty site.
	ListRooms(ctx context.Context, site lieciba.SiteID) ([]lieciba.Room, error)
}

// Cameras keeps cameras, their sealed credentials and their assignments.
type Cameras interface {
	// PutCamera inserts or replaces by ID. CodeConflict names "endpoint_ref" or
	// "address" when another camera that is not retired has it.
	PutCamera(ctx context.Context, c lieciba.Camera) error
	Camera(ctx context.Context, id lieciba.CameraID) (lieciba.Camera, error)
	// ListCameras returns the cameras of a site by name; all for an empty site.
	ListCameras(ctx context.Context, site lieciba.SiteID) ([]lieciba.Camera, error)
	// SetCameraState updates state and clock offset only.
	SetCameraState(ctx context.Context, id lieciba.CameraID, state lieciba.CameraState, offset time.Duration) error
	// SetCameraSecret stores sealed credentials (storage/secret); nil removes them.
	SetCameraSecret(ctx context.Context, id lieciba.CameraID, sealed []byte) error
	// CameraSecret returns the sealed credentials, nil if there are none.
	CameraSecret(ctx context.Context, id lieciba.CameraID) ([]byte, error)
	// AssignCamera starts an assignment at a.From and ends the one that ran
	// before at that instant, in one transaction. An empty RoomID only ends.
	// CodeConflict names "from" when a later assignment is in the way.
	AssignCamera(ctx context.Context, a lieciba.CameraAssignment) error
	// Assignments returns those that overlap span, by camera and time; all
	// cameras for an empty room. A zero end of span is open.
	Assignments(ctx context.Context, room lieciba.RoomID, span lieciba.Interval) ([]lieciba.CameraAssignment, error)
}

// SessionFilter narrows ListSessions. Zero fields do not filter.
type SessionFilter struct {
	Sites      []lieciba.SiteID // nil: every site; empty but not nil: none
	RoomID     lieciba.RoomID
	States     []lieciba.SessionState
	ExternalID string
	Source     string            // its own sessions, and those started by hand that are linked to no other source
	Span       lieciba.Interval  // sessions whose planned time overlaps it; zero To: open
	Limit      int               // 0: 100; at most 1000
	Before     lieciba.SessionID // page: sessions listed after this one
}

// Sessions keeps exam sessions.
type Sessions interface {
	// ChangeSession runs decide in one transaction that excludes every other
	// change of the same key. decide gets the current session or nil and returns
	// the one to store, or nil to store nothing. audit, if not nil, is appended
	// in the same transaction. An error of decide rolls back and is returned as is.
	// decide may run more than once; it must not call the Catalog's writes, which
	// would wait for it. No session lasts longer than lieciba.MaxSessionLength.
	// Under the key of its link current is the session that was started by hand, with
	// its own key, which stays; before the source's first push its SourceVersion is 0
	// and its DocumentHash empty.
	ChangeSession(ctx context.Context, key lieciba.SessionKey, decide func(current *lieciba.ExamSession) (*lieciba.ExamSession, error), audit *lieciba.AuditEntry) error
	Session(ctx context.Context, id lieciba.SessionID) (lieciba.ExamSession, error)
	SessionByKey(ctx context.Context, key lieciba.SessionKey) (lieciba.ExamSession, error)
	// ListSessions returns sessions by start, newest first, then by ID descending.
	ListSessions(ctx context.Context, f SessionFilter) ([]lieciba.ExamSession, error)
	// MoveSession changes the state alone, checked by lieciba.MoveSession.
	MoveSession(ctx context.Context, id lieciba.SessionID, to lieciba.SessionState) error
}

// Recordings keeps recordings and runs.
type Recordings interface {
	// EnsureRecording inserts r, or returns the stored one of the same session,
	// camera and room unchanged.
	EnsureRecording(ctx context.Context, r lieciba.Recording) (lieciba.Recording, error)
	Recording(ctx context.Context, id lieciba.RecordingID) (lieciba.Recording, error)
	// SessionRecordings returns a session's recordings by creation.
	SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error)
	// ListRecordings returns the recordings in one of the states, by window start;
	// all of them without a state.
	ListRecordings(ctx context.Context, states ...lieciba.RecordingState) ([]lieciba.Recording, error)
	// SetRecordingWindow changes what is expected. CodeConflict once sealed.
	SetRecordingWindow(ctx context.Context, id lieciba.RecordingID, w lieciba.Interval) error
	// MoveRecording changes state and node, checked by lieciba.MoveRecording.
	// CodeConflict for complete while a segment is not verified or a gap is open,
	// and for what SealRecording, BeginDeletion and FinishDeletion move to. An empty node keeps the stored one, as a sealed recording does.
	MoveRecording(ctx context.Context, id lieciba.RecordingID, to lieciba.RecordingState, node lieciba.NodeID) error
	// PutRun inserts a run; the same run again is no error.
	PutRun(ctx context.Context, r lieciba.Run) error
	Runs(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Run, error)
}

// SegmentTotals sums up the segments of a recording.
type SegmentTotals struct {
	Count, Unverified int
	Bytes             int64
}

// Segments keeps segments with their fragment index.
type Segments interface {
	// AddSegment inserts a closed segment with state hashed. The bytes must be
	// durable already (invariant 2). The same segment again, with the same hash,
	// is no error; the same ID with another hash, or an overlap with another
	// segment of the recording, is CodeConflict; so is a sealed recording.
	AddSegment(ctx context.Context, s lieciba.Segment) error
	// VerifySegment records that Media holds the bytes, read back and equal. The
	// same ref again is no error, another one CodeConflict.
	VerifySegment(ctx context.Context, id lieciba.SegmentID, ref lieciba.MediaRef) error
	Segment(ctx context.Context, id lieciba.SegmentID) (lieciba.Segment, error)
	// SegmentAt returns the segment that covers t, else the first after t; with
	// its fragments. CodeNotFound when there is none. One index query.
	SegmentAt(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error)
	// SegmentBefore returns the last segment that starts before t, with fragments.
	SegmentBefore(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error)
	// RecordingSegments returns the segments that overlap span, by time, without
	// fragments; a zero span means all.
	RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error)
	// UnverifiedSegments returns up to limit of the node's segments that are
	// not verified, oldest first, without fragments.
	UnverifiedSegments(ctx context.Context, node lieciba.NodeID, limit int) ([]lieciba.Segment, error)
	// ScanSegments calls fn for every segment by ID, with fragments, from the
	// first after `after`; it ends at fn's error and returns it.
	ScanSegments(ctx context.Context, after lieciba.SegmentID, fn func(lieciba.Segment) error) error
	SegmentTotals(ctx context.Context, rec lieciba.RecordingID) (SegmentTotals, error)
}

// Gaps keeps declared losses.
type Gaps interface {
	// PutGap inserts an open or a closed gap; the same gap again is no error, also
	// when it has been closed or removed since.
	// CodeConflict when it overlaps another gap of the recording.
	PutGap(ctx context.Context, g lieciba.Gap) error
	// CloseGap sets the end of an open gap; a gap already closed at that instant
	// is no error, at another CodeConflict. An end not after the start removes
	// the gap: nothing was lost.
	CloseGap(ctx context.Context, id lieciba.GapID, to time.Time) error
	RecordingGaps(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Gap, error)
	OpenGaps(ctx context.Context) ([]lieciba.Gap, error)
}

// Leases shares cameras between nodes. The database's clock decides.
type Leases interface {
	// AcquireLease grants or renews the camera's lease for ttl. When another node
	// holds it, granted is false and the lease is that node's.
	AcquireLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID, ttl time.Duration) (lease lieciba.Lease, granted bool, err error)
	// ReleaseLease gives it up; not holding it is no error.
	ReleaseLease(ctx context.Context, camera lieciba.CameraID, node lieciba.NodeID) error
	// Beat records that the node is alive at `at`; LastBeat reads the newest, zero if none.
	Beat(ctx context.Context, node lieciba.NodeID, at time.Time) error
	LastBeat(ctx context.Context, node lieciba.NodeID) (time.Time, error)
}

// Accounts keeps users, their sign-ins and the tokens of machines.
type Accounts interface {
	// PutUser inserts or replaces by ID; CodeConflict names "login", or "subject"
	// when another account of the issuer has it.
	PutUser(ctx context.Context, u lieciba.User) error
	User(ctx context.Context, id lieciba.UserID) (lieciba.User, error)
	UserByLogin(ctx context.Context, login string) (lieciba.User, error)
	ListUsers(ctx context.Context) ([]lieciba.User, error)

	// PutSignIn inserts or replaces by ID, the token's hash too; CodeConflict names
	// "token_hash" when another sign-in has it.
	PutSignIn(ctx context.Context, s lieciba.SignIn) error
	SignIn(ctx context.Context, tokenHash [32]byte) (lieciba.SignIn, error)
	DeleteSignIn(ctx context.Context, tokenHash [32]byte) error
	// DeleteSignIns ends all of a user's; and those expired before now for an empty user.
	DeleteSignIns(ctx context.Context, user lieciba.UserID, now time.Time) error

	// PutClientToken inserts or replaces by ID. CodeConflict names "token_hash", or
	// "certificate" when another token that is not revoked has it; CodeInvalid
	// "token_hash" for one with neither.
	PutClientToken(ctx context.Context, t lieciba.ClientToken) error
	ClientToken(ctx context.Context, tokenHash [32]byte) (lieciba.ClientToken, error)
	ClientTokenByID(ctx context.Context, id lieciba.TokenID) (lieciba.ClientToken, error)
	ListClientTokens(ctx context.Context) ([]lieciba.ClientToken, error)
}

// AuditFilter narrows ListAudit. Zero fields do not filter.
type AuditFilter struct {
	WhoID     string
	Act       string
	SessionID lieciba.SessionID
	CameraID  lieciba.CameraID
	Outcomes  []string // any of them
	Span      lieciba.Interval
	Limit     int // 0: 100; at most MaxPage
	Before    lieciba.AuditID
}

// Audit keeps the audit log.
type Audit interface {
	AppendAudit(ctx context.Context, e lieciba.AuditEntry) error
	// ListAudit returns entries newest first.
	ListAudit(ctx context.Context, f AuditFilter) ([]lieciba.AuditEntry, error)
}
