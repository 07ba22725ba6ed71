package lieciba

import "time"

// LeafKind names what a leaf of the hash log is about.
type LeafKind string

const (
	LeafSegment   LeafKind = "segment"   // a segment was closed: its span, size and SHA-256
	LeafGap       LeafKind = "gap"       // a gap was closed: its span and cause
	LeafSeal      LeafKind = "seal"      // a recording was sealed: the SHA-256 of its manifest
	LeafExport    LeafKind = "export"    // a package was built: the SHA-256 of its manifest
	LeafDeletion  LeafKind = "deletion"  // footage was deleted: the certificate
	LeafPolicy    LeafKind = "policy"    // a version of a retention policy was approved
	LeafHold      LeafKind = "hold"      // a hold was placed or released
	LeafAudit     LeafKind = "audit"     // one entry of the audit log
	LeafKey       LeafKind = "key"       // the log's signing key was made or changed
	LeafIncident  LeafKind = "incident"  // an incident was marked, corrected or reviewed
	LeafPart      LeafKind = "part"      // a part was started, paused, resumed, ended or corrected
	LeafReadiness LeafKind = "readiness" // a readiness check, an override or a sign-off
)

// LeafKinds lists every kind.
func LeafKinds() []LeafKind {
	return []LeafKind{LeafSegment, LeafGap, LeafSeal, LeafExport, LeafDeletion, LeafPolicy, LeafHold, LeafAudit, LeafKey,
		LeafIncident, LeafPart, LeafReadiness}
}

// Leaf is one entry of the hash log: a fact, committed to by a salted hash. It
// is staged in the transaction of the fact itself and gets its Index from the
// one sequencer. What enters the tree is kind, subject, time and Commitment;
// Salt and Detail stand beside it (storage/evidence).
type Leaf struct {
	Index      int64 // position in the log; -1 while it is staged only
	Kind       LeafKind
	Subject    string // ID of the object; unique within the kind
	At         time.Time
	Salt       [16]byte // random
	Detail     []byte   // canonical JSON (storage/evidence)
	Commitment [32]byte // SHA-256 over Salt and Detail
}

// Checkpoint is a signed state of the hash log: Note is a C2SP tlog-checkpoint.
// Sizes only grow, and each root is consistent with every earlier one.
type Checkpoint struct {
	Origin string // name of the log
	Size   int64  // leaves
	Root   [32]byte
	At     time.Time
	Note   []byte // text and signatures of the log's own key
}

// Cosignature is a witness's signature on a checkpoint (C2SP tlog-cosignature).
type Cosignature struct {
	Size    int64 // of the checkpoint
	Witness string
	At      time.Time // as the witness signed it
	Line    string    // one signature line of a signed note, without its line end
}

// TimeStamp is an RFC 3161 token over the SHA-256 of a checkpoint's Note.
type TimeStamp struct {
	Size      int64 // of the checkpoint
	Authority string
	At        time.Time // as the authority signed it
	Token     []byte    // DER of the TimeStampResp
}

// Seal closes a recording for good: from here on nothing of it changes.
type Seal struct {
	RecordingID RecordingID
	SessionID   SessionID
	PolicyID    PolicyID // the retention policy in force then; empty: none was approved
	At          time.Time
	Manifest    []byte // canonical JSON of what is sealed (storage/evidence)
	SHA256      [32]byte
}

// ExportState moves forward only, failed apart: a failed export can be resumed.
type ExportState string

const (
	ExportRequested ExportState = "requested"
	ExportBuilding  ExportState = "building"
	ExportSealed    ExportState = "sealed" // the package is whole and can be fetched
	ExportCollected ExportState = "collected"
	ExportPurged    ExportState = "purged" // the file is gone; the manifest's hash stays in the log
	ExportFailed    ExportState = "failed"
)

// Export is a request for an evidence package of a session and what became of it.
type Export struct {
	ID            ExportID
	SessionID     SessionID
	CameraIDs     []CameraID // nil: all of the session
	From, To      time.Time  // range of the viewing clip; zero: none, the whole session is packed anyway
	Purpose       string     // why it leaves the house
	RecipientName string
	Recipient     string // age public key; empty: not encrypted
	RequestedBy   string
	RequestedByID string
	RequestedAt   time.Time
	RequestID     RequestID // that allowed it, approved by ApprovedBy
	ApprovedBy    string
	NodeID        NodeID // that builds and keeps it
	State         ExportState
	DoneBytes     int64
	TotalBytes    int64 // planned; 0 until the building began
	Size          int64 // of the finished file
	SHA256        [32]byte
	Manifest      [32]byte // SHA-256 of manifest.json
	SealedAt      time.Time
	CollectedAt   time.Time // first full download
	Error         string    // of the last failed attempt, for people
}

// Open reports whether the export still needs the footage.
func (e Export) Open() bool {
	return e.State == ExportRequested || e.State == ExportBuilding || e.State == ExportFailed
}
