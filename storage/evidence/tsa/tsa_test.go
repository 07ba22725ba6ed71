package tsa_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/tsa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is a real one on loopback.
type authority struct {
	*httptest.Server
	root   *x509.Certificate
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	change atomic.Pointer[func(*timestamp.Timestamp)] // before it is signed
	asked  atomic.Int64
}

func newAuthority(t *testing.T) *authority {
	now := time.Now()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	root = certify(t, root, root, rootKey.Public(), rootKey)
	usage := pkix.Extension{Id: []int{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8}}
	cert := certify(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtraExtensions: []pkix.Extension{usage}}, root, key.Public(), rootKey)
	a := &authority{root: root, cert: cert, key: key}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		query, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(a.answer(query))
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) answer(query []byte) []byte {
	req, err := timestamp.ParseRequest(query)
	if err != nil {
		return nil
	}
	ts := &timestamp.Timestamp{HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage, Nonce: req.Nonce,
		Time: time.Now().UTC(), Policy: []int{1, 2, 3}, AddTSACertificate: req.Certificates}
	if change := a.change.Load(); change != nil {
		(*change)(ts)
	}
	out, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err != nil {
		return nil
	}
	return out
}

func certify(t *testing.T, template, parent *x509.Certificate, pub any, by crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

func client(t *testing.T, c tsa.Config) *tsa.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c.Transport = tr
	out, err := tsa.New(c)
	require.NoError(t, err)
	return out
}

func TestStampOverHTTP(t *testing.T) {
	a := newAuthority(t)
	c := client(t, tsa.Config{URL: a.URL + "/tsr", Roots: []*x509.Certificate{a.root}})
	ts, err := c.Stamp(t.Context(), []byte("a checkpoint"))
	require.NoError(t, err)
	require.Equal(t, c.Authority(), ts.Authority)
	s, err := evidence.CheckStamp(ts.Token, []byte("a checkpoint"), c.Roots())
	require.NoError(t, err)
	require.True(t, ts.At.Equal(lieciba.Micro(s.At)))

	for name, tc := range map[string]struct {
		change func(*timestamp.Timestamp)
		code   lieciba.Code
	}{
		"wrong imprint": {func(ts *timestamp.Timestamp) { ts.HashedMessage = make([]byte, 32) }, lieciba.CodeCorrupt},
		"wrong nonce":   {func(ts *timestamp.Timestamp) { ts.Nonce = big.NewInt(1) }, lieciba.CodeCorrupt},
		"clock far off": {func(ts *timestamp.Timestamp) { ts.Time = ts.Time.Add(-30 * time.Minute) }, lieciba.CodeCorrupt},
	} {
		a.change.Store(&tc.change)
		_, err := c.Stamp(t.Context(), []byte("a checkpoint"))
		require.Equal(t, tc.code, lieciba.CodeOf(err), "%s: %v", name, err)
	}
	other := newAuthority(t)
	_, err = client(t, tsa.Config{URL: other.URL, Roots: []*x509.Certificate{a.root}}).Stamp(t.Context(), []byte("x"))
	require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err), "another root")
}

func TestReplayedToken(t *testing.T) {
	a := newAuthority(t)
	var kept []byte
	replay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		if kept == nil {
			kept = a.answer(query)
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(kept)
	}))
	defer replay.Close()
	c := client(t, tsa.Config{URL: replay.URL, Roots: []*x509.Certificate{a.root}})
	_, err := c.Stamp(t.Context(), []byte("a checkpoint"))
	require.NoError(t, err)
	_, err = c.Stamp(t.Context(), []byte("a checkpoint"))
	require.Equal(t, lieciba.CodeCorrupt, lieciba.CodeOf(err))
	require.ErrorContains(t, err, "nonce")
}

func TestAuthorityThatMisbehaves(t *testing.T) {
	a := newAuthority(t)
	release := make(chan struct{})
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	reply := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/timestamp-reply") }
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tc := range map[string]struct {
		url     string
		timeout time.Duration
		code    lieciba.Code
	}{
		"status": {url: serve(func(w http.ResponseWriter, _ *http.Request) { reply(w); w.WriteHeader(503) }), code: lieciba.CodeUnavailable},
		"a page": {url: serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }), code: lieciba.CodeUnavailable},
		"endless": {url: serve(func(w http.ResponseWriter, _ *http.Request) {
			reply(w)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		}), code: lieciba.CodeUnavailable},
		"empty":    {url: serve(func(w http.ResponseWriter, _ *http.Request) { reply(w) }), code: lieciba.CodeCorrupt},
		"redirect": {url: serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, a.URL, http.StatusTemporaryRedirect) }), code: lieciba.CodeUnavailable},
		"gone":     {url: gone.URL, code: lieciba.CodeUnavailable},
		"silent": {url: serve(func(w http.ResponseWriter, _ *http.Request) { <-release }), timeout: 50 * time.Millisecond,
			code: lieciba.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, tsa.Config{URL: tc.url, Roots: []*x509.Certificate{a.root}, Timeout: tc.timeout}).Stamp(t.Context(), []byte("x"))
			require.Equal(t, tc.code, lieciba.CodeOf(err), "%v", err)
		})
	}
	close(release)
	require.Zero(t, a.asked.Load(), "no redirect is followed")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, tsa.Config{URL: a.URL, Roots: []*x509.Certificate{a.root}}).Stamp(ctx, []byte("x"))
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
}

func TestConfig(t *testing.T) {
	a := newAuthority(t)
	roots := []*x509.Certificate{a.root}
	for _, c := range []tsa.Config{{URL: "tsa.example", Roots: roots}, {URL: "https://u:p@tsa.example", Roots: roots}, {URL: "ftp://tsa.example", Roots: roots}, {URL: a.URL}} {
		_, err := tsa.New(c)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
		require.NotContains(t, err.Error(), "u:p")
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	got, err := tsa.ParseRoots(append(text, text...))
	require.NoError(t, err)
	require.Len(t, got, 2)
	for _, bad := range [][]byte{nil, []byte("x"), append(append([]byte(nil), text...), 'x'), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: a.root.Raw})} {
		_, err := tsa.ParseRoots(bad)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	}
}
