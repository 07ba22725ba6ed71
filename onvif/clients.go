package onvif

import (
	"sync"

	"lieciba"
)

// Clients keeps one Client per adopted camera, so that what a camera refused is
// remembered over all uses. Safe for concurrent use.
type Clients struct {
	options Options
	mu      sync.Mutex
	byID    map[lieciba.CameraID]*kept
}

type kept struct {
	client *Client
	key    [4]string // what a change of needs a new Client
}

// NewClients makes an empty set.
func NewClients(o Options) *Clients {
	return &Clients{options: o, byID: map[lieciba.CameraID]*kept{}}
}

// For returns the camera's client with these credentials. A changed address or
// pin makes a new one; changed credentials lift its lock-out. The set owns it.
func (s *Clients) For(cam lieciba.Camera, cred Credentials) (*Client, error) {
	key := [4]string{cam.Address, cam.DeviceURL, cam.TLSPin, cam.SnapshotURL}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.byID[cam.ID]; ok {
		if k.key == key {
			k.client.SetCredentials(cred)
			return k.client, nil
		}
		k.client.Close()
	}
	c, err := NewClient(TargetOf(cam), cred, s.options)
	if err != nil {
		return nil, err
	}
	s.byID[cam.ID] = &kept{client: c, key: key}
	return c, nil
}

// Forget drops a retired camera's client.
func (s *Clients) Forget(id lieciba.CameraID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.byID[id]; ok {
		k.client.Close()
		delete(s.byID, id)
	}
}

// Close drops all clients. Calls under way end with their contexts.
func (s *Clients) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.byID {
		k.client.Close()
		delete(s.byID, id)
	}
}
