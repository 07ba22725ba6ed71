package export_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/export"
	"lieciba/storage/sequencer"
)

// authority is a time-stamp authority of this test.
type authority struct {
	t          *testing.T
	root, cert *x509.Certificate
	key        *ecdsa.PrivateKey
	silent     bool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	issue := func(c, parent *x509.Certificate, pub any) *x509.Certificate {
		c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, rootKey)
		require.NoError(t, err)
		out, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return out
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.root = issue(root, root, rootKey.Public())
	usage := pkix.Extension{Id: []int{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8}} // timeStamping alone
	a.cert = issue(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Authority"}, ExtraExtensions: []pkix.Extension{usage}}, a.root, a.key.Public())
	return a
}

// Stamp implements sequencer.Stamper.
func (a *authority) Stamp(_ context.Context, note []byte) (lieciba.TimeStamp, error) {
	if a.silent {
		return lieciba.TimeStamp{}, lieciba.Wrap(errors.New("no answer"), lieciba.CodeUnavailable, "the authority does not answer")
	}
	sum := sha256.Sum256(note)
	ts := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: time.Now().UTC(), Policy: []int{1, 2, 3}, AddTSACertificate: true}
	token, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	require.NoError(a.t, err)
	return lieciba.TimeStamp{Authority: "tsa.example", At: lieciba.Micro(time.Now()), Token: token}, nil
}

// TestStamped: the package has a stamp over its own checkpoint, and the root that
// it leads to; an authority that is silent holds nothing back.
func TestStamped(t *testing.T) {
	a := newAuthority(t)
	h := filled(sqliteHouse(t, 1))
	h.log = sequencer.New(sequencer.Config{Catalog: h.catalog, KeyFile: h.keyFile, Stamper: a})
	require.NoError(t, h.log.Start(h.ctx))
	c := h.config()
	c.StampCertificates = []*x509.Certificate{a.root}
	b := export.New(c)
	e, err := b.Build(h.ctx, h.put(h.request()), nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{})
	var s evidence.Stamps
	require.NoError(t, evidence.Decode(entry(t, b.Path(e), evidence.StampsName), &s))
	require.Len(t, s.Tokens, 1)
	require.Equal(t, a.root.Raw, s.Tokens[0].Root)
	head, note, err := evidence.UnverifiedCheckpoint(entry(t, b.Path(e), evidence.CheckpointName))
	require.NoError(t, err)
	require.Positive(t, head.Size)
	_, err = evidence.CheckStamp(s.Tokens[0].Token, note.Encode(), []*x509.Certificate{a.root})
	require.NoError(t, err)
	var k evidence.Keys
	require.NoError(t, evidence.Decode(entry(t, b.Path(e), evidence.KeysName), &k))
	require.Equal(t, []string{evidence.Hash(sha256.Sum256(a.root.Raw)).String()}, k.Stamps)

	a.silent = true
	e, err = b.Build(h.ctx, h.put(h.request()), nil)
	require.NoError(t, err)
	h.requireVerdict(verify.CompleteWithGaps, b.Path(e), verify.Options{})
	require.Equal(t, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{}}), entry(t, b.Path(e), evidence.StampsName))
}
