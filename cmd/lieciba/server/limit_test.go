package server

import (
	"bufio"
	"log/slog"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba/cmd/lieciba/config"
)

func TestConnectionsLeaveFilesToTheRecorder(t *testing.T) {
	for files, want := range map[uint64]int{0: 16, 256: 64, 1024: 256, 20_000: 4096, math.MaxUint64: 4096} {
		require.Equal(t, want, maxConnections(files), files)
	}
	require.Positive(t, openFiles())
}

// Connections that say nothing take their share of the open files and no more:
// the next one is served when one of them has gone.
func TestSilentConnectionsAreBounded(t *testing.T) {
	var was syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was))
	few := was
	few.Cur = 512
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was)) }()
	cfg := config.Default()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.HTTP.Listen, cfg.WebRTC.Port = "127.0.0.1:0", 0
	cfg.HTTP.Proxies = []string{"127.0.0.1/32"} // speaks for many: no share of one address
	s, err := Open(t.Context(), Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	go func() { _ = http.Serve(s.listener, http.NotFoundHandler()) }() // ends with the listener
	var silent []net.Conn
	for range maxConnections(512) {
		c, err := net.Dial("tcp", s.listener.Addr().String())
		require.NoError(t, err)
		defer func() { _ = c.Close() }() // some were closed below
		silent = append(silent, c)
	}
	late, err := net.Dial("tcp", s.listener.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, late.Close()) }()
	_, err = late.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)
	require.NoError(t, late.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = bufio.NewReader(late).ReadByte()
	require.ErrorContains(t, err, "timeout", "not served while all places are taken")
	require.NoError(t, silent[0].Close())
	require.NoError(t, late.SetReadDeadline(time.Now().Add(10*time.Second)))
	answer, err := bufio.NewReader(late).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, answer, "404")
}
