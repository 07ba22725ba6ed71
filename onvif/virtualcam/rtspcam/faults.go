package rtspcam

import (
	"net"
	"sync"
	"time"
)

// Disconnect breaks every connection and refuses new ones for d, as a pulled
// cable and a power cut do.
func (s *Server) Disconnect(d time.Duration) { s.gate.shut(d) }

// Freeze stops or resumes sending while connections stay open.
func (s *Server) Freeze(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozen = on
}

// SetClockSkew sets the camera's clock ahead of real time: sender reports tell
// it, the time code in the picture stays real.
func (s *Server) SetClockSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
	for _, st := range s.streams {
		st.report = time.Time{} // told with the next frame
	}
}

// SetLoss drops that share of RTP packets before they are sent, 0 to 1.
func (s *Server) SetLoss(share float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loss = share
}

// Restart comes back as cameras do after new settings: other size and so other
// SPS, new SSRC, new timestamps. Zero keeps the size of the main stream.
func (s *Server) Restart(width, height int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.streams
	s.streams = map[string]*stream{}
	if width > 0 {
		s.cfg.Width, s.cfg.Height = width, height
	}
	for _, st := range old {
		st.out.Close()
	}
	return s.open()
}

// KeyFrame makes the next frame of every stream a key frame.
func (s *Server) KeyFrame() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.index = 0
	}
}

// gate is a listener that can be shut for a while. Safe for concurrent use.
type gate struct {
	net.Listener
	mu    sync.Mutex
	until time.Time
	open  map[net.Conn]struct{}
	over  bool
}

func newGate(l net.Listener) *gate {
	return &gate{Listener: l, open: map[net.Conn]struct{}{}}
}

// Accept returns the next connection that comes while the gate is open; others
// are reset at once.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g.admit(c) {
			return &gateConn{Conn: c, gate: g}, nil
		}
		reset(c)
	}
}

func (g *gate) admit(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || time.Now().Before(g.until) {
		return false
	}
	g.open[c] = struct{}{}
	return true
}

func (g *gate) shut(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = time.Now().Add(d)
	for c := range g.open {
		reset(c)
	}
	clear(g.open)
}

func (g *gate) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	clear(g.open)
}

// reset drops a connection without the goodbye that would tell a fault from an end.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // closing follows whatever it says
	}
	_ = c.Close() // the point is that it is gone
}

type gateConn struct {
	net.Conn
	gate *gate
}

func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.open, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
