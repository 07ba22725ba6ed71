package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage/durable"
)

// SelfSignedName is the file of the data folder that holds the server's own
// certificate with its private key: one file, so that they always fit.
const SelfSignedName = "tls.pem"

// How long an own certificate is valid at most (the longest that browsers of all
// makers take from a private authority), and how long before its end the next is made.
const (
	selfSignedValid = 825 * 24 * time.Hour
	renewBefore     = 30 * 24 * time.Hour
)

// selfSigned keeps the certificate that a small site's server makes itself.
type selfSigned struct {
	path  string
	names []string // host names and addresses that it must hold
	now   func() time.Time
}

func newSelfSigned(c config.Config, now func() time.Time) selfSigned {
	return selfSigned{filepath.Join(c.Data, SelfSignedName), certificateNames(c), now}
}

// certificateNames are the names that browsers may call this server by.
func certificateNames(c config.Config) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(c.HTTP.Listen); err == nil {
		names = append(names, host)
	}
	if u, err := url.Parse(c.HTTP.PublicURL); err == nil {
		names = append(names, u.Hostname())
	}
	names = append(append(names, c.WebRTC.Addresses...), c.WebRTC.PublicIPs...)
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	names = slices.DeleteFunc(names, func(s string) bool {
		ip, err := netip.ParseAddr(s)
		return s == "" || err == nil && (ip.IsUnspecified() || ip.Zone() != "")
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// load returns the pair, and makes a new one when there is none, when it ends
// soon or when a name is missing in it.
func (s selfSigned) load() (tls.Certificate, error) {
	pair, err := readSelfSigned(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.unfit(pair.Leaf) {
		return s.renew()
	}
	return pair, err
}

func (s selfSigned) unfit(leaf *x509.Certificate) bool {
	if s.now().After(leaf.NotAfter.Add(-renewBefore)) {
		return true
	}
	return slices.ContainsFunc(s.names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// readSelfSigned reads a file that renew wrote. One that others may read is
// refused with the cure.
func readSelfSigned(path string) (tls.Certificate, error) {
	info, err := os.Stat(path)
	if err != nil {
		return tls.Certificate{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return tls.Certificate{}, lieciba.Invalid("http.tls", "%s can be read or changed by others (mode %04o): run chmod 600 on it, or remove it if it was exposed: a new one is made", path, info.Mode().Perm())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(raw, raw)
	return pair, lieciba.Wrap(err, lieciba.CodeCorrupt, "%s holds no certificate with its key: remove it, and a new one is made", path)
}

// renew makes a pair and stores it in the place of the old one.
func (s selfSigned) renew() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	leaf, err := s.template()
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("write a key: %w", err)
	}
	var b bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&b, block); err != nil {
			return tls.Certificate{}, fmt.Errorf("write a certificate: %w", err)
		}
	}
	if err := durable.WriteFile(s.path, b.Bytes(), 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(b.Bytes(), b.Bytes())
}

// template is the certificate before it is signed (RFC 5280).
func (s selfSigned) template() (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	from := s.now().Add(-time.Hour).UTC().Truncate(time.Second) // clocks of browsers differ
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Lieciba"}, NotBefore: from, NotAfter: from.Add(selfSignedValid),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	for _, name := range s.names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c, nil
}

// Fingerprint is the SHA-256 of a certificate as browsers show it.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(strings.ToUpper(fmt.Sprintf("% x", sum)), " ", ":")
}
