package lieciba

import (
	"slices"
	"time"
)

// RecordingState moves forward only (see MoveRecording).
type RecordingState string

const (
	RecordingScheduled  RecordingState = "scheduled"
	RecordingRecording  RecordingState = "recording"
	RecordingFinalising RecordingState = "finalising" // window over, segments still in the spool
	RecordingComplete   RecordingState = "complete"   // all segments stored and verified; not sealed yet
	RecordingSealed     RecordingState = "sealed"
	RecordingExpired    RecordingState = "expired"
	RecordingDeleted    RecordingState = "deleted"
)

var recordingOrder = []RecordingState{
	RecordingScheduled, RecordingRecording, RecordingFinalising, RecordingComplete,
	RecordingSealed, RecordingExpired, RecordingDeleted,
}

// MoveRecording checks a change of state: forward only; staying is allowed.
func MoveRecording(from, to RecordingState) error {
	i, j := slices.Index(recordingOrder, from), slices.Index(recordingOrder, to)
	if i < 0 || j < 0 || j < i {
		return Errorf(CodeConflict, "a recording that is %s cannot become %s", from, to)
	}
	return nil
}

// Recording is what one camera keeps of one exam session. Window is what is
// expected of it; segments and gaps together must fill it (invariant 1).
// A session has at most one recording per camera and room.
type Recording struct {
	ID        RecordingID
	SessionID SessionID
	CameraID  CameraID
	RoomID    RoomID
	NodeID    NodeID // that records it, or did last
	Window    Interval
	State     RecordingState
	CreatedAt time.Time
}

// Run is one uninterrupted connection to a camera: one format, one RTP clock.
type Run struct {
	ID          RunID
	CameraID    CameraID
	RecordingID RecordingID
	NodeID      NodeID
	StartedAt   time.Time
	Format      StreamFormat
}

// SegmentState tells how far the bytes of a segment have come.
type SegmentState string

const (
	SegmentHashed   SegmentState = "hashed"   // closed and durable in the spool
	SegmentVerified SegmentState = "verified" // in Media, read back and equal; the spool copy may go
	SegmentDeleting SegmentState = "deleting" // claimed by a Deletion: its object goes, whatever comes
	SegmentDeleted  SegmentState = "deleted"  // bytes gone by policy; the hash stays
)

// ClockQuality tells how well a camera's clock offset is known.
type ClockQuality string

const (
	ClockUnknown    ClockQuality = "unknown"    // no sender report, no ONVIF clock
	ClockGood       ClockQuality = "good"       // drift below 250 ms
	ClockDrifting   ClockQuality = "drifting"   // drift of 250 ms or more
	ClockUnreliable ClockQuality = "unreliable" // drift above 1 s
)

// MediaRef names one stored version of one object.
type MediaRef struct {
	Key     string
	Version string // object version ID; empty where the store has none
}

// Segment is one closed file of a recording: standard fragmented MP4
// (storage/segment/FORMAT.md). A row exists only once its bytes are durable.
type Segment struct {
	ID           SegmentID
	RecordingID  RecordingID
	CameraID     CameraID
	RunID        RunID
	NodeID       NodeID // whose spool held it
	From, To     time.Time
	Size         int64
	SHA256       [32]byte
	InitSize     int64 // bytes of ftyp and moov at the start of the file
	Video        VideoCodec
	Audio        AudioCodec    // empty: no sound track
	Frames       int           // video frames
	LostPackets  int64         // RTP packets that the network lost while it was written
	ClockOffset  time.Duration // camera clock minus server clock; provenance, never applied
	ClockQuality ClockQuality
	State        SegmentState
	Media        MediaRef // set once verified
	Fragments    []Fragment
}

// Span is the time that the segment covers.
func (s Segment) Span() Interval { return Interval{s.From, s.To} }

// Fragment is one prft, moof and mdat of a segment: at most one GOP and about one
// second. The list of them is the index that a seek uses.
type Fragment struct {
	From   time.Time // of its first video frame
	PTS    int64     // of that frame, video ticks since the start of the run
	Offset int64     // of its first byte in the file: the time boxes (prft), then the moof
	Size   int64     // of all its boxes, prft to mdat, in bytes
	Frames int       // video frames
	Key    bool      // starts with a key frame
}

// GapCause says why an expected span was not recorded.
type GapCause string

const (
	CauseCameraOffline    GapCause = "camera_offline"   // the camera does not answer, or refused the connection
	CauseNetworkLoss      GapCause = "network_loss"     // the line broke or stalled in mid-stream
	CauseCameraRestarted  GapCause = "camera_restarted" // the stream came back with another format or clock
	CauseDecodeError      GapCause = "decode_error"     // what arrived was no valid stream
	CauseAuthFailed       GapCause = "auth_failed"      // the camera refused the credentials
	CauseServerDown       GapCause = "server_down"      // no recording process was alive
	CauseServerStart      GapCause = "server_start"     // the server or the recording began inside the window
	CauseToldLate         GapCause = "told_late"        // the session was not known to this server yet
	CauseDiskFull         GapCause = "disk_full"
	CauseStoreUnavailable GapCause = "store_unavailable" // catalogue or media store refused, spool exhausted
	CauseSpoolCorrupt     GapCause = "spool_corrupt"     // a torn or unreadable spool file
	CauseOverload         GapCause = "overload"          // this server could not keep up
	CauseNotAssigned      GapCause = "not_assigned"      // the camera watched another room, or none
	CauseLeaseHeld        GapCause = "lease_held"        // another node held the camera
	CauseNotAllowed       GapCause = "not_allowed"       // this server's settings forbid to connect to the camera's address
)

// GapCauses lists every cause.
func GapCauses() []GapCause {
	return []GapCause{CauseCameraOffline, CauseNetworkLoss, CauseCameraRestarted, CauseDecodeError,
		CauseAuthFailed, CauseServerDown, CauseServerStart, CauseToldLate, CauseDiskFull, CauseStoreUnavailable,
		CauseSpoolCorrupt, CauseOverload, CauseNotAssigned, CauseLeaseHeld, CauseNotAllowed}
}

// Gap is a declared loss: [From, To) of a recording's window is not on record,
// and why. An open gap has a zero To.
type Gap struct {
	ID          GapID
	RecordingID RecordingID
	CameraID    CameraID
	NodeID      NodeID
	From, To    time.Time
	Cause       GapCause
	Detail      string // one line for operators; never a secret
}

// Open reports whether the loss still lasts.
func (g Gap) Open() bool { return g.To.IsZero() }

// Span is what the gap covers; an open gap reaches to until.
func (g Gap) Span(until time.Time) Interval {
	if g.Open() {
		return Interval{g.From, until}
	}
	return Interval{g.From, g.To}
}
