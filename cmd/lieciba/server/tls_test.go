package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/cmd/lieciba/config"
)

// handClock is set by hand.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func selfSignedConfig(t *testing.T) config.Config {
	c := config.Default()
	c.Data = filepath.Join(t.TempDir(), "data")
	c.HTTP.Listen, c.HTTP.TLS, c.HTTP.PublicURL, c.WebRTC.Port = "127.0.0.1:0", config.SelfSigned, "https://exam.example:8443", 0
	c.WebRTC.Addresses = []string{"127.0.0.1"}
	require.NoError(t, makeData(c.Data))
	return c
}

// A real server with a certificate of its own: a browser that trusts it gets TLS
// 1.3 and the pages, and what it sees is what the server prints and tells.
func TestServerOverItsOwnCertificate(t *testing.T) {
	c := selfSignedConfig(t)
	s, err := Open(t.Context(), Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	served := make(chan error, 1)
	srv := &http.Server{Handler: s.api, ReadHeaderTimeout: 10 * time.Second}
	go func() { served <- srv.Serve(s.listener) }()
	defer func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}()
	require.True(t, strings.HasPrefix(s.URL(), "https://127.0.0.1:"))
	client := s.HTTPClient()
	defer client.CloseIdleConnections()
	resp, err := client.Get(s.URL() + "/healthz")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, uint16(tls.VersionTLS13), resp.TLS.Version)
	require.Equal(t, "max-age=31536000; includeSubDomains", resp.Header.Get("Strict-Transport-Security"))
	sum := sha256.Sum256(resp.TLS.PeerCertificates[0].Raw)
	require.Equal(t, strings.ToUpper(hex.EncodeToString(sum[:])), strings.ReplaceAll(s.Fingerprint(), ":", ""))
	leaf, err := ReadCertificate(c)
	require.NoError(t, err)
	require.Equal(t, s.Fingerprint(), Fingerprint(leaf.Raw), "`lieciba tls show` prints the same")
	_, err = http.Get(s.URL())
	require.ErrorContains(t, err, "certificate", "who was not told of it does not trust it")
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	_, err = tls.Dial("tcp", s.listener.Addr().String(), old)
	require.ErrorContains(t, err, "protocol version")
}

func TestSelfSignedCertificate(t *testing.T) {
	c := selfSignedConfig(t)
	clock := &handClock{now: time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC)}
	k, err := openCertificates(c, slog.New(slog.DiscardHandler), clock.Now)
	require.NoError(t, err)
	first := k.current()
	leaf := first.Leaf
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "exam.example"} {
		require.NoError(t, leaf.VerifyHostname(name))
	}
	require.Error(t, leaf.VerifyHostname("other.example"))
	require.Equal(t, x509.ECDSA, leaf.PublicKeyAlgorithm)
	require.Equal(t, elliptic.P256(), leaf.PublicKey.(*ecdsa.PublicKey).Curve)
	require.LessOrEqual(t, leaf.NotAfter.Sub(leaf.NotBefore), 825*24*time.Hour)
	require.False(t, leaf.IsCA)
	info, err := os.Stat(filepath.Join(c.Data, SelfSignedName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, err := openCertificates(c, k.log, clock.Now)
	require.NoError(t, err)
	require.Equal(t, k.fingerprint(), again.fingerprint(), "a restart keeps it")

	clock.add(825*24*time.Hour - renewBefore - 2*time.Hour)
	require.Equal(t, first.Certificate, k.current().Certificate)
	clock.add(2 * time.Hour)
	renewed := k.current()
	require.NotEqual(t, first.Certificate, renewed.Certificate, "renewed before it ends, without a restart")
	require.True(t, clock.Now().Before(renewed.Leaf.NotAfter.Add(-renewBefore)))
	require.NotEqual(t, leaf.SerialNumber, renewed.Leaf.SerialNumber)

	c.HTTP.PublicURL = "https://other.example"
	moved, err := openCertificates(c, k.log, clock.Now)
	require.NoError(t, err)
	require.NoError(t, moved.current().Leaf.VerifyHostname("other.example"), "a new name needs a new certificate")

	path := filepath.Join(c.Data, SelfSignedName)
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = openCertificates(c, k.log, clock.Now)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.WriteFile(path, []byte("nonsense"), 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = openCertificates(c, k.log, clock.Now)
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
}

// Files that change are read again; files that cannot be used change nothing.
func TestCertificateFilesAreReadAgain(t *testing.T) {
	a, b := selfSignedConfig(t), selfSignedConfig(t)
	clock := &handClock{now: time.Now()}
	var pems [][]byte
	for _, c := range []config.Config{a, b} {
		_, err := newSelfSigned(c, clock.Now).load()
		require.NoError(t, err)
		raw, err := os.ReadFile(filepath.Join(c.Data, SelfSignedName))
		require.NoError(t, err)
		pems = append(pems, raw)
	}
	c := config.Default()
	dir := t.TempDir()
	c.HTTP.Certificate, c.HTTP.Key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	write := func(raw []byte) {
		require.NoError(t, os.WriteFile(c.HTTP.Certificate, raw, 0o600))
		require.NoError(t, os.WriteFile(c.HTTP.Key, raw, 0o600))
		later := clock.Now().Add(time.Second) // another time of change also on coarse file systems
		require.NoError(t, os.Chtimes(c.HTTP.Certificate, later, later))
		clock.add(2 * time.Second)
	}
	var log bytes.Buffer
	write(pems[0])
	k, err := openCertificates(c, slog.New(slog.NewTextHandler(&log, nil)), clock.Now)
	require.NoError(t, err)
	first := k.fingerprint()
	write(pems[1])
	second := k.fingerprint()
	require.NotEqual(t, first, second)
	write([]byte("half a file"))
	require.Equal(t, second, k.fingerprint(), "the old one stays in force")
	clock.add(time.Minute)
	require.Equal(t, second, k.fingerprint())
	require.Equal(t, 1, strings.Count(log.String(), "stays in force"), "told once: %s", log.String())
	require.NotContains(t, log.String(), "PRIVATE")
	write(pems[0])
	require.Equal(t, first, k.fingerprint())
	require.NoError(t, os.Remove(c.HTTP.Key))
	clock.add(2 * time.Second)
	require.Equal(t, first, k.fingerprint())
	_, err = openCertificates(c, k.log, clock.Now)
	require.ErrorContains(t, err, "http.certificate", "but nothing starts with it")
}

func TestReadCertificateWithoutOne(t *testing.T) {
	c := selfSignedConfig(t)
	_, err := ReadCertificate(c)
	require.ErrorContains(t, err, "lieciba serve")
	require.NoFileExists(t, filepath.Join(c.Data, SelfSignedName), "reading makes none")
	_, err = ReadCertificate(config.Default())
	require.ErrorContains(t, err, "self-signed")
}

// One address takes its share of the connections, and leaves the rest to others.
func TestOneAddressTakesItsShare(t *testing.T) {
	require.Equal(t, []int{8, 32, 128, 256, 256}, []int{maxShare(16), maxShare(64), maxShare(256), maxShare(1024), maxShare(4096)})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := shareConnections(inner, 2, []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")})
	accepted := make(chan net.Conn, 10)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() }) // some were closed by then
		return c
	}
	refused := func(c net.Conn) {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server closed it")
	}
	dial("127.0.0.1")
	dial("127.0.0.1")
	one, two := <-accepted, <-accepted
	refused(dial("127.0.0.1"))
	dial("127.0.0.2")
	other := <-accepted
	var proxied []net.Conn
	for range 5 {
		dial("127.0.0.9")
		proxied = append(proxied, <-accepted)
	}
	require.NoError(t, one.Close())
	require.ErrorIs(t, one.Close(), net.ErrClosed) // and gives only one place back
	dial("127.0.0.1")
	three := <-accepted
	refused(dial("127.0.0.1"))
	for _, c := range append(proxied, two, three, other) {
		require.NoError(t, c.Close())
	}
	require.Empty(t, l.held)
	require.NoError(t, l.Close())
	<-ended
}
