package evidence_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *evidence.Key {
	t.Helper()
	k, created, err := evidence.CreateKey(filepath.Join(t.TempDir(), "k"), "log.example/1")
	require.NoError(t, err)
	require.True(t, created)
	return k
}

func newWitness(t testing.TB) *evidence.Key {
	t.Helper()
	k, created, err := evidence.OpenWitnessKey(filepath.Join(t.TempDir(), "w"), "witness.example/1")
	require.NoError(t, err)
	require.True(t, created)
	return k
}

func verifier(t testing.TB, k *evidence.Key) evidence.Verifier {
	t.Helper()
	v, err := evidence.NewVerifier(k.VerifierKey())
	require.NoError(t, err)
	return v
}

// memory is a tree that stores its hashes.
type memory struct {
	leaves []lieciba.Leaf
	hashes [][32]byte
	roots  [][32]byte // by size
	reads  int
}

func (m *memory) read(indexes []int64) ([][32]byte, error) {
	m.reads++
	out := make([][32]byte, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(m.hashes)) {
			return nil, lieciba.Errorf(lieciba.CodeCorrupt, "hash %d is missing", x)
		}
		out[i] = m.hashes[x]
	}
	return out, nil
}

func leafNumber(i int) lieciba.Leaf {
	l := evidence.NewLeaf(lieciba.LeafAudit, fmt.Sprint("subject ", i), noon.Add(time.Duration(i)*time.Second), evidence.ExportDetail{ID: "e"})
	l.Index = int64(i)
	return l
}

// grow adds n leaves in one batch.
func (m *memory) grow(t testing.TB, n int) {
	t.Helper()
	size := len(m.leaves)
	for i := range n {
		m.leaves = append(m.leaves, leafNumber(size+i))
	}
	g, err := evidence.Grow(int64(size), m.leaves[size:], m.read)
	require.NoError(t, err)
	if size > 0 {
		require.Equal(t, m.roots[size], g.OldRoot)
	}
	m.hashes = append(m.hashes, g.Hashes...)
	for len(m.roots) <= size+n {
		m.roots = append(m.roots, [32]byte{})
	}
	m.roots[size+n] = g.Root
}

// now is the time of stamps: a signature's own signing time is the clock's.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// authority is a time-stamp authority with its own root.
type authority struct {
	root *x509.Certificate
	cert *x509.Certificate
	key  crypto.Signer
}

// certificate describes the authority's certificate where it is not the usual one.
type certificate struct {
	from, to time.Time
	usages   []x509.ExtKeyUsage
	lax      bool // the extended key usage is not critical
}

func newAuthority(t testing.TB, c certificate) authority {
	t.Helper()
	if c.from.IsZero() {
		c.from, c.to = now().Add(-time.Hour), now().Add(time.Hour)
	}
	if c.usages == nil {
		c.usages = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	}
	rootKey := newECDSA(t)
	root := sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test root"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: now().AddDate(-5, 0, 0), NotAfter: now().AddDate(5, 0, 0)}, nil, rootKey, rootKey)
	key := newECDSA(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Test authority"},
		KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: c.from, NotAfter: c.to, ExtKeyUsage: c.usages}
	if !c.lax {
		template.ExtKeyUsage = nil
		template.ExtraExtensions = []pkix.Extension{criticalUsage(t, c.usages)}
	}
	return authority{root, sign(t, template, root, key, rootKey), key}
}

func newECDSA(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return k
}

func sign(t testing.TB, template, parent *x509.Certificate, key, by crypto.Signer) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// answer makes a response to a query, changed by the caller before it is signed.
func (a authority) answer(t testing.TB, query []byte, change func(*timestamp.Timestamp)) []byte {
	t.Helper()
	req, err := timestamp.ParseRequest(query)
	require.NoError(t, err)
	ts := &timestamp.Timestamp{HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage, Time: now(),
		Nonce: req.Nonce, Policy: []int{1, 2, 3}, AddTSACertificate: true}
	if change != nil {
		change(ts)
	}
	out, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	require.NoError(t, err)
	return out
}

func sha(b []byte) [32]byte { return sha256.Sum256(b) }
