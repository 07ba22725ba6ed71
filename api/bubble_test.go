package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections are pipes in memory: they hold nothing,
// so that who does not read is felt at once, and a bubble's clock passes while
// they wait.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return pipeAddr }

var pipeAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} // RFC 5737: for documentation

// dial connects; the caller closes the connection.
func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- pipeConn{far}:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// pipeConn has an address, as every peer of the server.
type pipeConn struct{ net.Conn }

// RemoteAddr implements net.Conn.
func (pipeConn) RemoteAddr() net.Addr { return pipeAddr }

// inBubble runs a test on a server as it stands in the product, where time passes
// at once while everybody waits (testing/synctest). dial connects to it.
func inBubble(t *testing.T, test func(t *testing.T, w *world, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		cat, db := openSQLite(t)
		w, p := newWorldWithoutHTTP(t, cat, db), newPipes()
		srv, ended := HTTPServer(w.server), make(chan error, 1)
		srv.ErrorLog = slog.NewLogLogger(w.cfg.Log.Handler(), slog.LevelError)
		go func() { ended <- srv.Serve(p) }()
		test(t, w, func() net.Conn {
			c, err := p.dial(t.Context())
			require.NoError(t, err)
			return c
		})
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
}
