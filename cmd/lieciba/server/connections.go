package server

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// maxShare is how many of the connections one address may hold: enough for the
// browsers of 20 people behind one address, and never more than half of all.
func maxShare(all int) int { return max(8, min(256, all/2)) }

// sharedListener closes connections of an address that holds its share. Proxies
// of the configuration speak for many and are not counted.
type sharedListener struct {
	net.Listener
	share  int
	exempt []netip.Prefix
	mu     sync.Mutex
	held   map[netip.Prefix]int
}

func shareConnections(l net.Listener, share int, exempt []netip.Prefix) *sharedListener {
	return &sharedListener{Listener: l, share: share, exempt: exempt, held: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *sharedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, counted := l.network(c.RemoteAddr())
		if !counted {
			return c, nil
		}
		if l.take(from) {
			return &sharedConn{Conn: c, release: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		_ = c.Close() // refused: nothing was sent on it
	}
}

// network is what counts as one address, as in the API: an IPv4 address or an IPv6 /64.
func (l *sharedListener) network(a net.Addr) (netip.Prefix, bool) {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}, false
	}
	ip := ap.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(l.exempt, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return netip.Prefix{}, false
	}
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	return p, err == nil
}

func (l *sharedListener) take(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[from] >= l.share {
		return false
	}
	l.held[from]++
	return true
}

func (l *sharedListener) give(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[from]--; l.held[from] == 0 {
		delete(l.held, from)
	}
}

// sharedConn gives its place back when it is closed.
type sharedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *sharedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
