package evidence

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1" // #nosec G505 -- RFC 3161's certificate identifier, beside the signature
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"lieciba"
)

// MaxStamp bounds a time-stamp response, in bytes.
const MaxStamp = 64 << 10

var (
	oidTSTInfo        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}  // RFC 3161 section 2.4.2
	oidContentType    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}         // RFC 5652 section 11.1
	oidSigningCert    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12} // RFC 2634: SHA-1
	oidSigningCertV2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // RFC 5816
	oidExtKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 37}
	stampDigests      = []asn1.ObjectIdentifier{pkcs7.OIDDigestAlgorithmSHA256, pkcs7.OIDDigestAlgorithmSHA384, pkcs7.OIDDigestAlgorithmSHA512}
	errStampMalformed = lieciba.Errorf(lieciba.CodeCorrupt, "the time stamp is no RFC 3161 response in DER")
)

// StampRequest asks an authority for a stamp over the SHA-256 of a checkpoint's
// Note.
type StampRequest struct {
	Query []byte // DER of the TimeStampReq
	note  []byte
	nonce *big.Int
}

// NewStampRequest makes a request with a fresh 64-bit nonce that asks for the
// authority's certificates.
func NewStampRequest(note []byte) (StampRequest, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return StampRequest{}, lieciba.Wrap(err, lieciba.CodeInternal, "a nonce cannot be made")
	}
	query, err := timestamp.CreateRequest(bytes.NewReader(note), &timestamp.RequestOptions{
		Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	return StampRequest{query, note, nonce}, lieciba.Wrap(err, lieciba.CodeInternal, "a time-stamp request cannot be made")
}

// Check verifies the authority's answer to this very request.
func (r StampRequest) Check(response []byte, roots []*x509.Certificate) (Stamped, error) {
	s, nonce, err := checkStamp(response, r.note, roots)
	if err != nil {
		return Stamped{}, err
	}
	if nonce == nil || nonce.Cmp(r.nonce) != 0 {
		return Stamped{}, lieciba.Errorf(lieciba.CodeCorrupt, "the time stamp answers another request: its nonce is not the one that was sent")
	}
	return s, nil
}

// Stamped is what a verified time stamp states.
type Stamped struct {
	At        time.Time         // as the authority signed it
	Authority string            // common name of its certificate
	Root      *x509.Certificate // that it leads to
}

// CheckStamp verifies a stored time stamp over the SHA-256 of note: imprint,
// signature, and a chain to one of the roots that was valid at the stamped time
// and allows time stamping only. CodeForbidden for a chain to none of the roots,
// CodeCorrupt for everything else.
func CheckStamp(response, note []byte, roots []*x509.Certificate) (Stamped, error) {
	s, _, err := checkStamp(response, note, roots)
	return s, err
}

// PinnedRoots returns those of the certificates, in DER, whose SHA-256 in
// lower-case hex is among pins.
func PinnedRoots(pins []string, certificates ...[]byte) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range certificates {
		if !slices.Contains(pins, Hash(sha256.Sum256(der)).String()) {
			continue
		}
		if c, err := x509.ParseCertificate(der); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// oneParser guards the parser of CMS, which counts its depth in a global.
var oneParser sync.Mutex

func checkStamp(response, note []byte, roots []*x509.Certificate) (s Stamped, nonce *big.Int, err error) {
	oneParser.Lock()
	defer oneParser.Unlock()
	defer func() {
		if recover() != nil { // the parsers below are not ours, and the bytes are anybody's
			s, nonce, err = Stamped{}, nil, errStampMalformed
		}
	}()
	if len(response) > MaxStamp || !definiteDER(response, 0) {
		return Stamped{}, nil, errStampMalformed
	}
	token, err := timestamp.ParseResponse(response) // verifies the signature by the certificates inside
	if err != nil {
		return Stamped{}, nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the time stamp is none, or its signature is wrong")
	}
	sum := sha256.Sum256(note)
	if token.HashAlgorithm != crypto.SHA256 || !bytes.Equal(token.HashedMessage, sum[:]) {
		return Stamped{}, nil, lieciba.Errorf(lieciba.CodeCorrupt, "the time stamp is over something else than this checkpoint")
	}
	signer, err := stampSigner(token.RawToken)
	if err != nil {
		return Stamped{}, nil, err
	}
	root, err := stampChain(signer, token.Certificates, roots, token.Time)
	if err != nil {
		return Stamped{}, nil, err
	}
	return Stamped{token.Time.UTC(), signer.Subject.CommonName, root}, token.Nonce, nil
}

// stampSigner finds the certificate that signed the token, and checks the signed
// attributes that bind it (RFC 3161 section 2.4.2, RFC 5816).
func stampSigner(token []byte) (*x509.Certificate, error) {
	p7, err := pkcs7.Parse(token)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeCorrupt, "the time stamp is no CMS message")
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the time stamp does not hold the certificate of its one signer")
	}
	digest := p7.Signers[0].DigestAlgorithm.Algorithm
	if !slices.ContainsFunc(stampDigests, digest.Equal) {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the time stamp is signed with a weak hash")
	}
	var contentType asn1.ObjectIdentifier
	if err := p7.UnmarshalSignedAttribute(oidContentType, &contentType); err != nil || !contentType.Equal(oidTSTInfo) {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "what is signed is no time stamp")
	}
	if !namesCertificate(p7, signer) {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the time stamp does not name the certificate that signed it")
	}
	return signer, nil
}

// namesCertificate checks the signing-certificate attribute.
func namesCertificate(p7 *pkcs7.PKCS7, signer *x509.Certificate) bool {
	var v2 struct {
		Certs []struct {
			HashAlgorithm struct {
				Algorithm  asn1.ObjectIdentifier
				Parameters asn1.RawValue `asn1:"optional"`
			} `asn1:"optional"`
			Hash         []byte
			IssuerSerial asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	if err := p7.UnmarshalSignedAttribute(oidSigningCertV2, &v2); err == nil && len(v2.Certs) > 0 {
		h := crypto.SHA256 // the default of RFC 5816
		switch a := v2.Certs[0].HashAlgorithm.Algorithm; {
		case a.Equal(pkcs7.OIDDigestAlgorithmSHA384):
			h = crypto.SHA384
		case a.Equal(pkcs7.OIDDigestAlgorithmSHA512):
			h = crypto.SHA512
		case a != nil && !a.Equal(pkcs7.OIDDigestAlgorithmSHA256):
			return false
		}
		sum := h.New()
		sum.Write(signer.Raw)
		return bytes.Equal(sum.Sum(nil), v2.Certs[0].Hash)
	}
	var v1 struct {
		Certs []struct {
			Hash         []byte
			IssuerSerial asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	if err := p7.UnmarshalSignedAttribute(oidSigningCert, &v1); err != nil || len(v1.Certs) == 0 {
		return false
	}
	sum := sha1.Sum(signer.Raw) // #nosec G401 -- as above
	return bytes.Equal(sum[:], v1.Certs[0].Hash)
}

// stampChain leads the signer's certificate to one of the roots, as of at.
func stampChain(signer *x509.Certificate, others, roots []*x509.Certificate, at time.Time) (*x509.Certificate, error) {
	critical := slices.ContainsFunc(signer.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidExtKeyUsage) && e.Critical })
	if !critical || !slices.Equal(signer.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}) || len(signer.UnknownExtKeyUsage) > 0 {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the certificate of the time stamp is not for time stamping only")
	}
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}
	for _, c := range roots {
		opts.Roots.AddCert(c)
	}
	for _, c := range others {
		opts.Intermediates.AddCert(c)
	}
	chains, err := signer.Verify(opts)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeForbidden, "the certificate of the time stamp leads to none of the expected roots, or was not valid then")
	}
	return chains[0][len(chains[0])-1], nil
}

// definiteDER tells whether b is a run of values with definite lengths, down to
// the leaves: what the parsers take for granted.
func definiteDER(b []byte, depth int) bool {
	if depth > 32 {
		return false
	}
	for s := cryptobyte.String(b); !s.Empty(); {
		var inner cryptobyte.String
		var tag cryptobyteasn1.Tag
		if !s.ReadAnyASN1(&inner, &tag) {
			return false
		}
		if tag&0x20 != 0 && !definiteDER(inner, depth+1) { // constructed
			return false
		}
	}
	return true
}
