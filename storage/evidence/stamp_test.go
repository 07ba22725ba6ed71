package evidence_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

// criticalUsage is the extension that crypto/x509 only writes as not critical.
func criticalUsage(t testing.TB, usages []x509.ExtKeyUsage) pkix.Extension {
	t.Helper()
	var oids []asn1.ObjectIdentifier
	for _, u := range usages {
		last := map[x509.ExtKeyUsage]int{x509.ExtKeyUsageTimeStamping: 8, x509.ExtKeyUsageServerAuth: 1}[u]
		oids = append(oids, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, last})
	}
	der, err := asn1.Marshal(oids)
	require.NoError(t, err)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: der}
}

func TestStamp(t *testing.T) {
	a := newAuthority(t, certificate{})
	note := signedCheckpoint(t, newKey(t)).Note
	req, err := evidence.NewStampRequest(note)
	require.NoError(t, err)
	response := a.answer(t, req.Query, nil)

	s, err := req.Check(response, []*x509.Certificate{a.root})
	require.NoError(t, err)
	require.WithinRange(t, s.At, a.cert.NotBefore, a.cert.NotAfter)
	at := s.At
	require.Equal(t, "Test authority", s.Authority)
	require.True(t, s.Root.Equal(a.root))
	s, err = evidence.CheckStamp(response, note, []*x509.Certificate{a.root})
	require.NoError(t, err)
	require.Equal(t, at, s.At)

	pin := evidence.Hash(sha(a.root.Raw)).String()
	require.Len(t, evidence.PinnedRoots([]string{pin}, a.cert.Raw, a.root.Raw, []byte("x")), 1)
	require.Empty(t, evidence.PinnedRoots(nil, a.root.Raw))
}

// TestStampOutlivesItsCertificate judges a stamp ten years on: by the time that it states.
func TestStampOutlivesItsCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, certificate{})
		note := signedCheckpoint(t, newKey(t)).Note
		req, err := evidence.NewStampRequest(note)
		require.NoError(t, err)
		response := a.answer(t, req.Query, nil)
		time.Sleep(10 * 365 * 24 * time.Hour) // of the bubble's clock
		require.True(t, time.Now().After(a.root.NotAfter))
		_, err = evidence.CheckStamp(response, note, []*x509.Certificate{a.root})
		require.NoError(t, err)
	})
}

func TestStampRefused(t *testing.T) {
	note := signedCheckpoint(t, newKey(t)).Note
	req, err := evidence.NewStampRequest(note)
	require.NoError(t, err)
	earlier, err := evidence.NewStampRequest(note)
	require.NoError(t, err)
	usual := newAuthority(t, certificate{})
	expired := newAuthority(t, certificate{from: now().Add(-2 * time.Hour), to: now().Add(-time.Hour)})
	future := newAuthority(t, certificate{from: now().Add(time.Hour), to: now().Add(2 * time.Hour)})
	server := newAuthority(t, certificate{usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	two := newAuthority(t, certificate{usages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageServerAuth}})
	lax := newAuthority(t, certificate{lax: true})
	rejection, err := timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.TimeNotAvailable)
	require.NoError(t, err)

	for name, tc := range map[string]struct {
		by       authority
		response []byte
		roots    []*x509.Certificate
		code     lieciba.Code
	}{
		"wrong imprint": {by: usual, code: lieciba.CodeCorrupt, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) {
			sum := sha([]byte("another checkpoint"))
			ts.HashedMessage = sum[:]
		})},
		"wrong hash": {by: usual, code: lieciba.CodeCorrupt, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) {
			ts.HashAlgorithm, ts.HashedMessage = crypto.SHA384, make([]byte, 48)
		})},
		"wrong nonce":          {by: usual, code: lieciba.CodeCorrupt, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) { ts.Nonce = big.NewInt(7) })},
		"no nonce":             {by: usual, code: lieciba.CodeCorrupt, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) { ts.Nonce = nil })},
		"replayed":             {by: usual, code: lieciba.CodeCorrupt, response: usual.answer(t, earlier.Query, nil)},
		"without certificates": {by: usual, code: lieciba.CodeCorrupt, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) { ts.AddTSACertificate = false })},
		"wrong root":           {by: usual, code: lieciba.CodeForbidden, roots: []*x509.Certificate{expired.root}},
		"no root":              {by: usual, code: lieciba.CodeForbidden, roots: []*x509.Certificate{}},
		"expired":              {by: expired, code: lieciba.CodeCorrupt},
		"not yet valid":        {by: future, code: lieciba.CodeCorrupt},
		"dated before its key": {by: usual, code: lieciba.CodeForbidden, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) { ts.Time = now().Add(-2 * time.Hour) })},
		"dated after its key":  {by: usual, code: lieciba.CodeForbidden, response: usual.answer(t, req.Query, func(ts *timestamp.Timestamp) { ts.Time = now().Add(2 * time.Hour) })},
		"of a web server":      {by: server, code: lieciba.CodeCorrupt},
		"of a web server too":  {by: two, code: lieciba.CodeCorrupt},
		"usage not critical":   {by: lax, code: lieciba.CodeCorrupt},
		"rejection":            {by: usual, code: lieciba.CodeCorrupt, response: rejection},
		"nothing":              {by: usual, code: lieciba.CodeCorrupt, response: []byte{}},
		"too long":             {by: usual, code: lieciba.CodeCorrupt, response: make([]byte, evidence.MaxStamp+1)},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.response == nil {
				tc.response = tc.by.answer(t, req.Query, nil)
			}
			if tc.roots == nil {
				tc.roots = []*x509.Certificate{tc.by.root}
			}
			_, err := req.Check(tc.response, tc.roots)
			require.Equal(t, tc.code, lieciba.CodeOf(err), "%v", err)
		})
	}
}

// TestStampIsSignedToTheLastByte flips every bit of a stamp; what passes still
// states the same time over the same checkpoint.
func TestStampIsSignedToTheLastByte(t *testing.T) {
	a := newAuthority(t, certificate{})
	note := signedCheckpoint(t, newKey(t)).Note
	req, err := evidence.NewStampRequest(note)
	require.NoError(t, err)
	response := a.answer(t, req.Query, nil)
	good, err := evidence.CheckStamp(response, note, []*x509.Certificate{a.root})
	require.NoError(t, err)
	passed := 0
	for i := range response {
		bad := append([]byte(nil), response...)
		bad[i] ^= 1 << (i % 8)
		if s, err := evidence.CheckStamp(bad, note, []*x509.Certificate{a.root}); err == nil {
			passed++
			require.Equal(t, good.At, s.At)
		}
	}
	require.Less(t, passed, len(response)/20, "only what CMS does not sign, such as its own version number")
}

func FuzzStamp(f *testing.F) {
	a := newAuthority(f, certificate{})
	note := signedCheckpoint(f, newKey(f)).Note
	req, err := evidence.NewStampRequest(note)
	require.NoError(f, err)
	response := a.answer(f, req.Query, nil)
	good, err := evidence.CheckStamp(response, note, []*x509.Certificate{a.root})
	require.NoError(f, err)
	f.Add(response)
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Add([]byte{0x30, 3, 2, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := evidence.CheckStamp(b, note, []*x509.Certificate{a.root}); err == nil {
			require.Equal(t, good.At, s.At, "only that time was ever signed")
		}
	})
}
