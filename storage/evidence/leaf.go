package evidence

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"lieciba"
)

// The labels keep the hashes of one purpose apart from those of another.
const (
	commitmentLabel = "lieciba-commitment/v1\n"
	leafLabel       = "lieciba-leaf/v1\n"
)

// NewLeaf makes a leaf that is not in the log yet, with a fresh salt.
func NewLeaf(kind lieciba.LeafKind, subject string, at time.Time, detail any) lieciba.Leaf {
	l := lieciba.Leaf{Index: -1, Kind: kind, Subject: subject, At: lieciba.Micro(at), Detail: Encode(detail)}
	_, _ = rand.Read(l.Salt[:]) // documented never to fail
	l.Commitment = Commitment(l.Salt, l.Detail)
	return l
}

// Commitment is the salted hash of a leaf's detail.
func Commitment(salt [16]byte, detail []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(commitmentLabel))
	h.Write(salt[:])
	h.Write(detail)
	return [32]byte(h.Sum(nil))
}

// LeafData is what enters the tree for a leaf: five lines of text.
func LeafData(l lieciba.Leaf) []byte {
	b := []byte(leafLabel)
	b = append(b, l.Kind...)
	b = append(b, '\n')
	b = append(b, l.Subject...)
	b = append(b, '\n')
	b = l.At.UTC().AppendFormat(b, timeLayout)
	b = append(b, '\n')
	b = base64.StdEncoding.AppendEncode(b, l.Commitment[:])
	return append(b, '\n')
}

// SegmentDetail is the detail of a segment's leaf.
type SegmentDetail struct {
	ID           lieciba.SegmentID    `json:"id"`
	RecordingID  lieciba.RecordingID  `json:"recording_id"`
	CameraID     lieciba.CameraID     `json:"camera_id"`
	RunID        lieciba.RunID        `json:"run_id"`
	NodeID       lieciba.NodeID       `json:"node_id"`
	From         Time                 `json:"from"`
	To           Time                 `json:"to"`
	Size         int64                `json:"size"`
	SHA256       Hash                 `json:"sha256"`
	Video        lieciba.VideoCodec   `json:"video"`
	Audio        lieciba.AudioCodec   `json:"audio"`
	Frames       int                  `json:"frames"`
	LostPackets  int64                `json:"lost_packets"`
	ClockOffset  int64                `json:"clock_offset_us"`
	ClockQuality lieciba.ClockQuality `json:"clock_quality"`
}

// DetailOfSegment is what a segment's leaf says of it.
func DetailOfSegment(s lieciba.Segment) SegmentDetail {
	return SegmentDetail{s.ID, s.RecordingID, s.CameraID, s.RunID, s.NodeID, At(s.From), At(s.To), s.Size, s.SHA256,
		s.Video, s.Audio, s.Frames, s.LostPackets, s.ClockOffset.Microseconds(), s.ClockQuality}
}

// GapDetail is the detail of a gap's leaf, staged when the gap is closed.
type GapDetail struct {
	ID          lieciba.GapID       `json:"id"`
	RecordingID lieciba.RecordingID `json:"recording_id"`
	CameraID    lieciba.CameraID    `json:"camera_id"`
	NodeID      lieciba.NodeID      `json:"node_id"`
	From        Time                `json:"from"`
	To          Time                `json:"to"`
	Cause       lieciba.GapCause    `json:"cause"`
	Detail      string              `json:"detail"`
}

// DetailOfGap is what a gap's leaf says of it.
func DetailOfGap(g lieciba.Gap) GapDetail {
	return GapDetail{g.ID, g.RecordingID, g.CameraID, g.NodeID, At(g.From), At(g.To), g.Cause, g.Detail}
}

// AuditDetail is the detail of the leaf of an audit entry.
type AuditDetail struct {
	ID        lieciba.AuditID   `json:"id"`
	At        Time              `json:"at"`
	Who       string            `json:"who"`
	WhoID     string            `json:"who_id"`
	Act       string            `json:"act"`
	Object    string            `json:"object"`
	SessionID lieciba.SessionID `json:"session_id"`
	CameraID  lieciba.CameraID  `json:"camera_id"`
	From      Time              `json:"from"`
	To        Time              `json:"to"`
	Outcome   string            `json:"outcome"`
	Detail    string            `json:"detail"`
	Address   string            `json:"address"`
}

// DetailOfAudit is what an audit entry's leaf says of it: all of it.
func DetailOfAudit(e lieciba.AuditEntry) AuditDetail {
	return AuditDetail{e.ID, At(e.At), e.Who, e.WhoID, e.Act, e.Object, e.SessionID, e.CameraID,
		At(e.From), At(e.To), e.Outcome, e.Detail, e.Address}
}

// SealDetail is the detail of a seal's leaf.
type SealDetail struct {
	RecordingID lieciba.RecordingID `json:"recording_id"`
	SessionID   lieciba.SessionID   `json:"session_id"`
	PolicyID    lieciba.PolicyID    `json:"policy_id"`
	Manifest    Hash                `json:"manifest_sha256"`
}

// DetailOfSeal is what a seal's leaf says of it.
func DetailOfSeal(s lieciba.Seal) SealDetail {
	return SealDetail{s.RecordingID, s.SessionID, s.PolicyID, s.SHA256}
}

// ExportDetail is the detail of the leaf of an export.
type ExportDetail struct {
	ID        lieciba.ExportID  `json:"id"`
	SessionID lieciba.SessionID `json:"session_id"`
	Manifest  Hash              `json:"manifest_sha256"`
}

// PolicyDetail is the detail of the leaf of an approved retention policy.
type PolicyDetail struct {
	ID          lieciba.PolicyID `json:"id"`
	Name        string           `json:"name"`
	Version     int              `json:"version"`
	Purpose     string           `json:"purpose"`
	LegalBasis  string           `json:"legal_basis"`
	Keep        PeriodDetail     `json:"keep"`
	Unanchored  PeriodDetail     `json:"unanchored"`
	WarnBefore  PeriodDetail     `json:"warn_before"`
	AfterAppeal PeriodDetail     `json:"after_appeal"`
	Retroactive bool             `json:"retroactive"`
	DraftedBy   string           `json:"drafted_by"`
	ApprovedBy  string           `json:"approved_by"`
	ApprovedAt  Time             `json:"approved_at"`
}

// PeriodDetail is a lieciba.Period.
type PeriodDetail struct {
	Months int `json:"months"`
	Days   int `json:"days"`
}

// DetailOfPolicy is what a policy's leaf says of it.
func DetailOfPolicy(p lieciba.RetentionPolicy) PolicyDetail {
	return PolicyDetail{p.ID, p.Name, p.Version, p.Purpose, p.LegalBasis, PeriodDetail(p.Keep), PeriodDetail(p.Unanchored),
		PeriodDetail(p.WarnBefore), PeriodDetail(p.AfterAppeal), p.Retroactive, p.DraftedBy, p.ApprovedBy, At(p.ApprovedAt)}
}

// HoldDetail is the detail of the leaves of a hold. Its placing has the subject
// "ID", its release "ID:released".
type HoldDetail struct {
	ID         lieciba.HoldID    `json:"id"`
	SessionID  lieciba.SessionID `json:"session_id"`
	Kind       lieciba.HoldKind  `json:"kind"`
	Reference  string            `json:"reference"`
	Reason     string            `json:"reason"`
	PlacedBy   string            `json:"placed_by"`
	PlacedAt   Time              `json:"placed_at"`
	ReleasedBy string            `json:"released_by"`
	ReleasedAt Time              `json:"released_at"`
}

// DetailOfHold is what a hold's leaf says of it.
func DetailOfHold(h lieciba.Hold) HoldDetail {
	return HoldDetail{h.ID, h.SessionID, h.Kind, h.Reference, h.Reason, h.PlacedBy, At(h.PlacedAt), h.ReleasedBy, At(h.ReleasedAt)}
}

// KeyDetail is the detail of a key's leaf: the key that signs from the next
// checkpoint on. Its subject is the verifier key (golang.org/x/mod/sumdb/note).
type KeyDetail struct {
	Key      string `json:"key"`      // note verifier key
	Previous string `json:"previous"` // "" for the first
	Reason   string `json:"reason"`
	Handover string `json:"handover"` // signed note of the previous and the new key over both; "" for the first
}
