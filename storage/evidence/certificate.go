package evidence

import "lieciba"

// CertificateFormat is the name and version of the format.
const CertificateFormat = "lieciba-deletion/v1"

// Certificate states what was deleted under which rule. It is the detail of the
// deletion's leaf, and outlives the bytes.
type Certificate struct {
	Format      string              `json:"format"`
	ID          lieciba.DeletionID  `json:"id"`
	RecordingID lieciba.RecordingID `json:"recording_id"`
	Session     SessionIdentity     `json:"session"`
	CameraID    lieciba.CameraID    `json:"camera_id"`
	PolicyID    lieciba.PolicyID    `json:"policy_id"`
	Policy      string              `json:"policy"` // name and version
	LegalBasis  string              `json:"legal_basis"`
	RequestID   lieciba.RequestID   `json:"request_id,omitempty"` // approved by two people, instead of a policy
	Reason      string              `json:"reason"`
	DueAt       Time                `json:"due_at"` // by the policy; of a request, when it was approved
	DecidedAt   Time                `json:"decided_at"`
	DoneAt      Time                `json:"done_at"`
	By          string              `json:"by"`
	NodeID      lieciba.NodeID      `json:"node_id"`
	Seal        Hash                `json:"seal_sha256"` // of the recording's manifest; zeros if it was not sealed
	Objects     []DeletedObject     `json:"objects"`
}

// DeletedObject is one object version that is gone.
type DeletedObject struct {
	SegmentID lieciba.SegmentID `json:"segment_id"`
	Key       string            `json:"key"`
	Version   string            `json:"version"`
	From      Time              `json:"from"`
	To        Time              `json:"to"`
	Size      int64             `json:"size"`
	SHA256    Hash              `json:"sha256"`
}
