package rtspcam

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// Gate is a listener that can be shut for a while. Safe for concurrent use.
type Gate struct {
	net.Listener
	mu    sync.Mutex
	until time.Time
	open  map[net.Conn]struct{}
	over  bool
}

// NewGate makes an open gate in front of a listener.
func NewGate(l net.Listener) *Gate {
	return &Gate{Listener: l, open: map[net.Conn]struct{}{}}
}

// Accept returns the next connection that comes while the gate is open; others
// are reset at once.
func (g *Gate) Accept() (net.Conn, error) {
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

func (g *Gate) admit(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || time.Now().Before(g.until) {
		return false
	}
	g.open[c] = struct{}{}
	return true
}

// Shut resets every connection and refuses new ones for d.
func (g *Gate) Shut(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = time.Now().Add(d)
	for c := range g.open {
		reset(c)
	}
	clear(g.open)
}

// IsShut tells whether connections are refused now.
func (g *Gate) IsShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.until)
}

// write sends the same bytes to every connection, between two frames of it.
func (g *Gate) write(b []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		_, _ = c.Write(b) // a reader that is gone is no fault of the camera
	}
}

func (g *Gate) finish() {
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
	gate *Gate
}

// Write gives an interleaved RTP packet (RFC 2326 section 10.12) the SSRC that
// stream.send put into its list of contributing sources, since the RTSP server,
// which writes each frame whole, leaves no choice.
func (c *gateConn) Write(b []byte) (int, error) {
	const frame, fixed, csrc = 4, 12, 4 // header sizes; RFC 3550 section 5.1
	if len(b) < frame+fixed+csrc || b[0] != '$' || b[1]%2 == 1 || b[frame] != 0x81 {
		return c.Conn.Write(b)
	}
	changed := append([]byte(nil), b[:frame+fixed]...)
	changed = append(changed, b[frame+fixed+csrc:]...)
	binary.BigEndian.PutUint16(changed[2:], uint16(len(changed)-frame))
	changed[frame] = 0x80
	copy(changed[frame+8:], b[frame+fixed:frame+fixed+csrc])
	if _, err := c.Conn.Write(changed); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.open, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
