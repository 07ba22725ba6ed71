package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/api"
)

// machine is a client with a key of its own.
type machine struct {
	t   *testing.T
	s   *Server
	key *ecdsa.PrivateKey
}

func newMachine(t *testing.T, s *Server) *machine {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &machine{t, s, key}
}

// certificate makes one for the machine's key, as its owner would at any time.
func (m *machine) certificate(from, until time.Time) tls.Certificate {
	m.t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: "pizis"}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &m.key.PublicKey, m.key)
	require.NoError(m.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: m.key}
}

// admit lets the machine in at the server.
func (m *machine) admit(token bool, c tls.Certificate) (plain string, t lieciba.ClientToken) {
	m.t.Helper()
	now := time.Now()
	plain, t, err := api.NewClient(api.Client{Name: "pizis", Roles: []lieciba.Role{lieciba.RoleMonitoring}, Lasts: time.Hour, Token: token,
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))}, now)
	require.NoError(m.t, err)
	require.NoError(m.t, m.s.catalog.PutClientToken(m.t.Context(), t))
	return plain, t
}

// me asks the server over a connection of its own who it takes the caller for.
func (m *machine) me(token string, shown ...tls.Certificate) (status int, name string, err error) {
	m.t.Helper()
	base := m.s.HTTPClient().Transport.(*http.Transport).Clone()
	base.TLSClientConfig.Certificates = shown
	defer base.CloseIdleConnections()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.s.URL()+"/v1/me", nil)
	require.NoError(m.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: base}).Do(r)
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(resp.Body)
	require.NoError(m.t, err)
	require.NoError(m.t, resp.Body.Close())
	var v struct{ Name string }
	require.NoError(m.t, json.Unmarshal(b, &v))
	return resp.StatusCode, v.Name, nil
}

func (m *machine) is(status int, token string, shown ...tls.Certificate) {
	m.t.Helper()
	got, name, err := m.me(token, shown...)
	require.NoError(m.t, err)
	require.Equal(m.t, status, got)
	if status == http.StatusOK {
		require.Equal(m.t, "pizis", name)
	}
}

// servedOverTLS is a running server with a certificate of its own.
func servedOverTLS(t *testing.T, clientCertificates bool) *Server {
	t.Helper()
	c := selfSignedConfig(t)
	c.HTTP.ClientCerts = clientCertificates
	s, err := Open(t.Context(), Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	served := make(chan error, 1)
	srv := &http.Server{Handler: s.api, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { served <- srv.Serve(s.listener) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return s
}

// A machine is known by the key that it proves to have in the handshake
// (RFC 8446, 4.4.3): a new certificate of that key needs nothing, and a copy of
// the certificate without the key is worth nothing.
func TestMachineIsKnownByItsCertificate(t *testing.T) {
	s := servedOverTLS(t, true)
	now := time.Now()
	m, thief := newMachine(t, s), newMachine(t, s)
	good := m.certificate(now.Add(-time.Hour), now.Add(time.Hour))
	_, row := m.admit(false, good)
	m.is(200, "", good)
	m.is(200, "", m.certificate(now.Add(-time.Minute), now.Add(24*time.Hour)))
	m.is(401, "")
	m.is(401, "", thief.certificate(now.Add(-time.Hour), now.Add(time.Hour)))
	m.is(401, "", m.certificate(now.Add(-2*time.Hour), now.Add(-time.Hour)))
	m.is(401, "", m.certificate(now.Add(time.Hour), now.Add(2*time.Hour)))
	_, _, err := m.me("", tls.Certificate{Certificate: good.Certificate, PrivateKey: thief.key})
	require.Error(t, err, "the handshake ends")

	row.RevokedAt = lieciba.Micro(time.Now())
	require.NoError(t, s.catalog.PutClientToken(t.Context(), row))
	m.is(401, "", good)
}

// A client with both a token and a certificate proves itself with both.
func TestMachineNeedsItsTokenAndItsCertificate(t *testing.T) {
	s := servedOverTLS(t, true)
	now := time.Now()
	m, other := newMachine(t, s), newMachine(t, s)
	good := m.certificate(now.Add(-time.Hour), now.Add(time.Hour))
	plain, _ := m.admit(true, good)
	m.is(200, plain, good)
	m.is(401, plain)
	m.is(401, "", good)
	m.is(401, plain, other.certificate(now.Add(-time.Hour), now.Add(time.Hour)))
}

// Where certificates are not asked for, none is taken.
func TestCertificatesAreTakenWhereTheyAreAskedForOnly(t *testing.T) {
	s := servedOverTLS(t, false)
	m := newMachine(t, s)
	good := m.certificate(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	m.admit(false, good)
	m.is(401, "", good)
}
