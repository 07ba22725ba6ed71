package lieciba

import "time"

// CameraState is the last known state of a camera.
type CameraState string

const (
	CameraEnrolled CameraState = "enrolled" // adopted, never connected yet
	CameraReady    CameraState = "ready"    // frames arrive
	CameraDegraded CameraState = "degraded" // frames arrive, with a fault that Health names
	CameraOffline  CameraState = "offline"
	CameraRetired  CameraState = "retired"
)

// StreamRole tells the recorded stream from the small one.
type StreamRole string

const (
	StreamMain StreamRole = "main" // recorded
	StreamSub  StreamRole = "sub"  // small picture for the wall
)

// CameraStream is one RTSP stream of a camera. Width, Height, FPS and the
// codecs are what the device declared: hints. The SDP and the frames decide.
type CameraStream struct {
	Role         StreamRole
	URL          string // rtsp://host:port/path, never with credentials
	ProfileToken string // ONVIF media profile; empty for a manual camera
	Video        VideoCodec
	Audio        AudioCodec // empty: no sound
	Width        int
	Height       int
	FPS          float64
}

// Camera is an adopted camera. Its user name and password are not here: they
// are write-only in the catalogue (storage.Cameras) and sealed with a key
// outside of it.
type Camera struct {
	ID          CameraID
	SiteID      SiteID
	Name        string
	Address     string // host:port of the ONVIF device service, or of RTSP for a manual camera
	ONVIF       bool   // false: a manual RTSP camera
	DeviceURL   string // ONVIF device service URL; empty for a manual camera
	EndpointRef string // WS-Discovery EndpointReference, the camera's identity across addresses
	Maker       string
	Model       string
	Firmware    string
	Serial      string
	SnapshotURL string
	Streams     []CameraStream
	TLSPin      string // SHA-256 of the device's certificate, hex, pinned at first use
	Purpose     string // why this camera records, for data protection
	LegalBasis  string
	State       CameraState
	ClockOffset time.Duration // camera clock minus ours, as last measured
	CreatedAt   time.Time
}

// Stream returns the camera's stream of a role; false if it has none.
func (c Camera) Stream(role StreamRole) (CameraStream, bool) {
	for _, s := range c.Streams {
		if s.Role == role {
			return s, true
		}
	}
	return CameraStream{}, false
}

// CameraAssignment says that a camera watches a room during [From, To); a zero
// To means until further notice. Assignments of one camera never overlap.
type CameraAssignment struct {
	CameraID CameraID
	RoomID   RoomID
	From, To time.Time
}

// Lease is the right of one node to pull and record a camera until it expires.
type Lease struct {
	CameraID  CameraID
	NodeID    NodeID
	ExpiresAt time.Time
}
