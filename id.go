package lieciba

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// The identifiers. Each is a lower-case UUID in canonical form, so that an ID
// is safe in a path, an object key and a URL. Typed, so that one kind is never
// taken for another.
type (
	SiteID      string
	RoomID      string
	CameraID    string
	SessionID   string // of an ExamSession; the citizenship system's own ID is ExamSession.ExternalID
	PartID      string // of a Part of an exam
	RecordingID string
	RunID       string
	SegmentID   string
	GapID       string
	UserID      string
	TokenID     string
	AuditID     string
	NodeID      string // of a server process that records
	ExportID    string
	PolicyID    string // of one version of a RetentionPolicy
	EventID     string // of a SessionEvent
	HoldID      string
	DeletionID  string
	SignInID    string
	PasskeyID   string
	RequestID   string
	GrantID     string
	AppealID    string
	IncidentID  string
	PartEventID string
	ReadinessID string
	WebhookID   string
	NoticeID    string // of a Notice; the event ID that receivers see
	AlarmID     string
)

// NewID returns a fresh UUID of version 7 (RFC 9562 section 5.7): ordered by
// creation time to the millisecond, random otherwise.
func NewID[T ~string](now time.Time) T {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // documented never to fail
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return T(s[:])
}

// ParseID checks that s is a canonical lower-case UUID and returns it typed.
// The error names the field; nothing path-like can pass.
func ParseID[T ~string](field, s string) (T, error) {
	if !isUUID(s) {
		return "", Invalid(field, "is not an ID: expected a lower-case UUID such as 0198c0de-0000-7000-8000-000000000000")
	}
	return T(s), nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
