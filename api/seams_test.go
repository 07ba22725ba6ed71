package api

import (
	"bytes"
	"context"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
)

// lockedBuffer collects the log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// mediaSource reads segments from a real media store; what grows is told to it.
type mediaSource struct {
	media   storage.Media
	mu      sync.Mutex
	growing map[lieciba.RecordingID]lieciba.Segment
	reads   int
	failAt  int // the read of this number fails; 0: none
}

func (m *mediaSource) ReadSegment(ctx context.Context, s lieciba.Segment, p []byte, off int64) error {
	m.mu.Lock()
	m.reads++
	fail := m.reads == m.failAt
	m.mu.Unlock()
	if fail {
		return lieciba.Errorf(lieciba.CodeUnavailable, "the media store does not answer")
	}
	return m.media.ReadRange(ctx, s.Media, p, off)
}

func (m *mediaSource) Growing(rec lieciba.RecordingID) (lieciba.Segment, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.growing[rec]
	return s, ok
}

// jpegMagic begins every JPEG file (ISO/IEC 10918-1, B.1.1.3).
var jpegMagic = []byte{0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0}

// seamCameras stands where package onvif is wired in.
type seamCameras struct {
	mu       sync.Mutex
	err      error
	probed   []ProbeRequest
	answer   Probed
	found    []Found
	hold     chan struct{} // a discovery waits for it; nil: it ends at once
	status   map[lieciba.CameraID]lieciba.CameraStatus
	used     []Credentials
	snapshot []byte
}

func (s *seamCameras) Discover(ctx context.Context, _ DiscoverRequest, found func(Found)) error {
	s.mu.Lock()
	list, hold, err := s.found, s.hold, s.err
	s.mu.Unlock()
	for _, f := range list {
		found(f)
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (s *seamCameras) Probe(_ context.Context, r ProbeRequest) (Probed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probed = append(s.probed, r)
	if s.err != nil {
		return Probed{}, s.err
	}
	p := s.answer
	if p.Camera.Address == "" {
		p.Camera.Address = lieciba.NewID[string](time.Now()) + ".test:80" // cameras never share one
	}
	return p, nil
}

func (s *seamCameras) Snapshot(_ context.Context, _ lieciba.Camera, cred Credentials) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = append(s.used, cred)
	if s.snapshot != nil {
		return s.snapshot, s.err
	}
	return jpegMagic, s.err
}

func (s *seamCameras) KeyFrame(_ context.Context, _ lieciba.Camera, cred Credentials) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = append(s.used, cred)
	return s.err
}

func (s *seamCameras) CameraStatus(id lieciba.CameraID) (lieciba.CameraStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.status[id]
	return st, ok
}

// seamViewer stands where package viewer is wired in.
type seamViewer struct {
	mu      sync.Mutex
	err     error
	owners  map[string]string
	ends    map[string]func([]lieciba.Watched)
	watched []lieciba.Watched
	at      time.Time
	scope   Scope
	role    lieciba.StreamRole
}

func newSeamViewer() *seamViewer {
	return &seamViewer{owners: map[string]string{}, ends: map[string]func([]lieciba.Watched){}}
}

const answerSDP = "v=0\r\n"

func (s *seamViewer) begin(who lieciba.Principal) (string, string, error) {
	if s.err != nil {
		return "", "", s.err
	}
	id := lieciba.NewID[string](time.Now())
	s.owners[id] = who.ID
	return id, answerSDP, nil
}

func (s *seamViewer) Live(_ context.Context, _ lieciba.CameraID, role lieciba.StreamRole, _ string, who lieciba.Principal) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.role = role
	return s.begin(who)
}

func (s *seamViewer) Playback(_ context.Context, _ lieciba.SessionID, at time.Time, scope Scope, _ string, who lieciba.Principal, onEnd func([]lieciba.Watched)) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.scope = at, scope
	id, sdp, err := s.begin(who)
	s.ends[id] = onEnd
	return id, sdp, err
}

func (s *seamViewer) Hangup(id string) error {
	s.mu.Lock()
	end, watched := s.ends[id], s.watched
	delete(s.owners, id)
	delete(s.ends, id)
	s.mu.Unlock()
	if end != nil {
		end(watched)
	}
	return nil
}

func (s *seamViewer) Owner(id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.owners[id]
	return o, ok
}

// seamRefresh counts the recorder's refreshes.
type seamRefresh struct {
	mu sync.Mutex
	n  int
}

func (s *seamRefresh) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
}

func (s *seamRefresh) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *seamRefresh) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n = 0
}
