package api

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A body that never comes holds neither a connection nor a goroutine for longer
// than a request may take, whether anybody reads it or not.
func TestBodyThatNeverComes(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.RequestTimeout = 200 * time.Millisecond })
	for _, path := range []string{"/v1/sign-in", "/v1/users", "/"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", path)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err, "%s: the connection is closed", path)
		require.NoError(t, conn.Close())
	}
}
