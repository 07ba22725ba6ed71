package api

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A body that never comes holds neither a connection nor a goroutine for longer
// than a request may take, whether anybody reads it or not.
func TestBodyThatNeverComes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, dial func() net.Conn) {
		for _, path := range []string{"/v1/sign-in", "/v1/users", "/"} {
			began, conn := time.Now(), dial() // of the bubble
			_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", path)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, conn)
			require.NoError(t, err, "%s: the connection is closed", path)
			require.LessOrEqual(t, time.Since(began), w.server.cfg.RequestTimeout, path)
			require.NoError(t, conn.Close())
		}
	})
}
