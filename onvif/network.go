package onvif

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"lieciba"
)

// ownRanges hold addresses that lead to this machine, to this link or to many at
// once (RFC 6890). A network allows one only if it lies inside of the range: so
// 0.0.0.0/0 does not open the services of the server itself, and 127.0.0.0/8 does.
var ownRanges = prefixes("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
	"::/127", "fe80::/10", "fec0::/10", "ff00::/8")

// metadataHosts hand out a machine's credentials to whoever asks from it. Only a
// network of that one address allows one.
var metadataHosts = prefixes("169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128")

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// allowed reports whether a lies in one of the networks that may hold it.
func allowed(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return false
	}
	least := 0 // bits that a network needs to hold a
	for _, own := range slices.Concat(ownRanges, metadataHosts) {
		if own.Contains(a) {
			least = max(least, own.Bits())
		}
	}
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) && p.Bits() >= least })
}

// dialer refuses every address outside the networks. The check sits in Control,
// after name resolution and for each address tried, so that no DNS answer can
// lead elsewhere between check and use.
func dialer(networks []netip.Prefix) *net.Dialer {
	return &net.Dialer{
		Timeout: 2 * time.Second, // leaves time for a second address within one call
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil || !allowed(networks, ap.Addr()) {
				return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "address",
					Message: "the camera's address is outside the allowed camera networks", Cause: ErrNetwork}
			}
			return nil
		},
	}
}

// Dial returns a dial function that reaches addresses in the networks only; for
// whoever else connects to cameras, such as the recorder. ErrNetwork, CodeInvalid
// with field "address", for every other address.
func Dial(networks []netip.Prefix) func(ctx context.Context, network, address string) (net.Conn, error) {
	return dialer(networks).DialContext
}

// pin holds the fingerprint of a device's certificate: trust on first use.
type pin struct {
	mu  sync.Mutex
	sum string // SHA-256, lower-case hex; empty until the first connection
}

func (p *pin) get() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum
}

// verify accepts the first certificate it sees and from then on only that one.
func (p *pin) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return fmt.Errorf("no certificate: %w", ErrPin)
	}
	sum := sha256.Sum256(s.PeerCertificates[0].Raw)
	seen := hex.EncodeToString(sum[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sum == "" {
		p.sum = seen
	}
	if p.sum != seen {
		return &lieciba.Error{Code: lieciba.CodeConflict, Cause: ErrPin,
			Message: "the camera's certificate changed: pinned " + p.sum + ", shown " + seen + "; adopt the camera anew if it was replaced"}
	}
	return nil
}

// newHTTPTransport makes the connection layer of one device.
func newHTTPTransport(o Options, p *pin) *http.Transport {
	return &http.Transport{
		Proxy:       nil, // a proxy would dial where the allow-list cannot see
		DialContext: dialer(o.Networks).DialContext,
		TLSClientConfig: &tls.Config{
			// Cameras sign their own certificates: the pin is the check, not a CA.
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection pins
			VerifyConnection:   p.verify,
			MinVersion:         tls.VersionTLS12,
		},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  90 * time.Second, // above every per-call deadline
		MaxIdleConnsPerHost:    2,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // the body cap counts what the camera sent
	}
}

func normalPin(s string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
}
