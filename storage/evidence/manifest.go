package evidence

import "lieciba"

// RecordingManifest is what a seal closes: everything that is known of one
// camera's recording of one session. Its canonical JSON is lieciba.Seal.Manifest.
type RecordingManifest struct {
	Format    string              `json:"format"` // RecordingFormat
	ID        lieciba.RecordingID `json:"id"`
	Session   SessionIdentity     `json:"session"`
	Camera    CameraIdentity      `json:"camera"`
	RoomID    lieciba.RoomID      `json:"room_id"`
	From      Time                `json:"from"` // of the window: what is expected
	To        Time                `json:"to"`
	Segments  []SegmentDetail     `json:"segments"` // by time
	Gaps      []GapDetail         `json:"gaps"`     // by time
	RecordedU int64               `json:"recorded_us"`
	MissingU  int64               `json:"missing_us"` // declared by gaps

	// SessionRecordings are all recordings of the session, this one too, by ID: so
	// each seal tells which others there are, and none can be left out unseen.
	SessionRecordings []RecordingRef `json:"session_recordings"`
}

// RecordingRef names a recording and whose it is.
type RecordingRef struct {
	ID       lieciba.RecordingID `json:"id"`
	CameraID lieciba.CameraID    `json:"camera_id"`
}

// The names and versions of the formats.
const (
	RecordingFormat = "lieciba-recording/v1"
	PackageFormat   = "lieciba-package/v1"
)

// SessionIdentity names an exam session; it holds no personal data.
type SessionIdentity struct {
	ID         lieciba.SessionID `json:"id"`
	Source     string            `json:"source"`
	ExternalID string            `json:"external_id"`
}

// CameraIdentity names a camera as it was when the recording was sealed.
type CameraIdentity struct {
	ID       lieciba.CameraID `json:"id"`
	Name     string           `json:"name"`
	Maker    string           `json:"maker"`
	Model    string           `json:"model"`
	Serial   string           `json:"serial"`
	Firmware string           `json:"firmware"`
}

// Manifest is manifest.json of a package: what it holds, for whom and why. Its
// SHA-256 is in the hash log as the export's leaf, so nothing of it, and nothing
// that it lists, can be changed without being seen.
type Manifest struct {
	Format     string              `json:"format"` // PackageFormat
	Tool       string              `json:"tool"`   // name and version
	ExportID   lieciba.ExportID    `json:"export_id"`
	CreatedAt  Time                `json:"created_at"`
	CreatedRig string              `json:"created_at_riga"`
	Log        string              `json:"log"` // origin of the hash log
	Requester  string              `json:"requester"`
	Purpose    string              `json:"purpose"`
	Recipient  string              `json:"recipient"`
	Session    SessionManifest     `json:"session"`
	Recordings []RecordingManifest `json:"recordings"`
	LeftOut    []LeftOutManifest   `json:"left_out"` // recordings of the session that were not asked for, by ID
	Runs       []RunManifest       `json:"runs"`
	Events     []EventManifest     `json:"events"`
	Holds      []HoldDetail        `json:"holds"`
	Incidents  []IncidentDetail    `json:"incidents"`   // every row, corrections and retractions too, by recorded_at, then by ID
	PartEvents []PartDetail        `json:"part_events"` // every row, by recorded_at, then by ID
	Readiness  []ReadinessDetail   `json:"readiness"`   // checks, overrides and sign-offs, by at, then by ID
	Approval   Approval            `json:"approval"`    // who allowed that the package leaves the house
	Access     []AuditDetail       `json:"access"`      // the audit log's entries on this session, oldest first
	Clips      []ClipManifest      `json:"clips"`
	Files      []FileManifest      `json:"files"` // every file but manifest.json and those of the folder evidence/, by name
}

// SessionManifest is the exam session as it was when the package was built.
type SessionManifest struct {
	SessionIdentity
	Site     string         `json:"site"` // code
	SiteName string         `json:"site_name"`
	Room     string         `json:"room"` // code
	RoomName string         `json:"room_name"`
	StartsAt Time           `json:"starts_at"`
	EndsAt   Time           `json:"ends_at"`
	Seats    int            `json:"seats"`
	State    string         `json:"state"`
	Parts    []PartManifest `json:"parts"`
}

// Approval is the request that the export came of, and who approved it; all zero
// when the package was built without one, on the server itself.
type Approval struct {
	RequestID  lieciba.RequestID   `json:"request_id"`
	Kind       lieciba.RequestKind `json:"kind"`
	Digest     Hash                `json:"digest"` // lieciba.Request.DigestOf: what was approved
	AskedBy    string              `json:"asked_by"`
	ApprovedBy string              `json:"approved_by"`
	ApprovedAt Time                `json:"approved_at"`
	Reason     string              `json:"reason"`
	IncidentID lieciba.IncidentID  `json:"incident_id"` // whose clip was asked for; "" for none
}

// ApprovalOf is what a package says of the request that it came of.
func ApprovalOf(r lieciba.Request) Approval {
	return Approval{r.ID, r.Kind, r.Digest, r.AskedBy, r.DecidedBy, At(r.DecidedAt), r.Reason, r.Asked.IncidentID}
}

// PartManifest is one exam part.
type PartManifest struct {
	ID       lieciba.PartID   `json:"id"`
	Kind     lieciba.PartKind `json:"kind"`
	StartsAt Time             `json:"starts_at"`
	EndsAt   Time             `json:"ends_at"`
	Sound    bool             `json:"sound"`
}

// LeftOutManifest is a recording of the session that the package does not hold,
// because not all cameras were asked for.
type LeftOutManifest struct {
	RecordingRef
	Camera string `json:"camera"` // its name
}

// RunManifest is one uninterrupted connection to a camera.
type RunManifest struct {
	ID          lieciba.RunID       `json:"id"`
	RecordingID lieciba.RecordingID `json:"recording_id"`
	StartedAt   Time                `json:"started_at"`
	Video       lieciba.VideoCodec  `json:"video"`
	Width       int                 `json:"width"`
	Height      int                 `json:"height"`
	Audio       lieciba.AudioCodec  `json:"audio"`
}

// EventManifest is what the citizenship system told about the session.
type EventManifest struct {
	Kind   lieciba.EventKind `json:"kind"`
	At     Time              `json:"at"`
	Appeal string            `json:"appeal"`
}

// ClipManifest is a range or an incident that was asked for, as a viewing copy.
type ClipManifest struct {
	CameraID lieciba.CameraID `json:"camera_id"`
	From     Time             `json:"from"`
	To       Time             `json:"to"`
	File     string           `json:"file"`

	IncidentID lieciba.IncidentID `json:"incident_id"` // its first row; "" for the range
}

// FileKind tells the native bytes from what was made of them.
type FileKind string

const (
	FileSegment FileKind = "segment" // native, byte for byte as it was recorded
	FileViewing FileKind = "viewing" // a derivative for viewing: repackaged, not evidence
	FileReport  FileKind = "report"  // a derivative for reading
	FileKeys    FileKind = "keys"    // the verification keys
	FileText    FileKind = "text"    // how to verify
)

// FileManifest is one file of the package.
type FileManifest struct {
	Name    string            `json:"name"` // path in the package, with slashes
	Kind    FileKind          `json:"kind"`
	Segment lieciba.SegmentID `json:"segment_id"` // of a native segment; else ""
	Size    int64             `json:"size"`
	SHA256  Hash              `json:"sha256"`
}

// Names of the files of a package that every package has.
const (
	ManifestName   = "manifest.json"
	KeysName       = "keys.json"
	ReadmeName     = "README.txt"
	ReportLVName   = "report.lv.html"
	ReportENName   = "report.en.html"
	CheckpointName = "evidence/checkpoint.txt" // signed note with cosignatures
	ProofsName     = "evidence/proofs.json"    // Proofs
	StampsName     = "evidence/stamps.json"    // Stamps
	ClosingName    = "evidence/closing.txt"    // signed note over the three files above
)

// Keys is keys.json: whose signatures to expect.
type Keys struct {
	Log       []string `json:"log"`       // note verifier keys, the one that signs now last
	Witnesses []string `json:"witnesses"` // note verifier keys of cosigners
	Stamps    []string `json:"stamps"`    // SHA-256 of the time-stamp authorities' root certificates, hex
}

// Proofs is evidence/proofs.json: each leaf with its proof under the checkpoint.
// In order: export, seals, segments and gaps by recording and time, incidents,
// part events, readiness, audit entries, keys.
type Proofs struct {
	Size   int64       `json:"size"` // of the checkpoint's tree
	Leaves []LeafProof `json:"leaves"`
}

// LeafProof is one leaf and the hashes that lead from it to the root.
type LeafProof struct {
	Index   int64            `json:"index"`
	Kind    lieciba.LeafKind `json:"kind"`
	Subject string           `json:"subject"`
	At      Time             `json:"at"`
	Salt    string           `json:"salt"`   // hex
	Detail  string           `json:"detail"` // canonical JSON, as a string
	Proof   []Hash           `json:"proof"`  // RFC 6962, from the leaf up
}

// Stamps is evidence/stamps.json: RFC 3161 tokens over the checkpoint's text.
type Stamps struct {
	Tokens []StampToken `json:"tokens"`
}

// StampToken is one DER TimeStampResp.
type StampToken struct {
	Authority string `json:"authority"`
	Token     []byte `json:"token"` // base64
	Root      []byte `json:"root"`  // DER of the root certificate that the token leads to; trusted only by its hash in Keys.Stamps
}
