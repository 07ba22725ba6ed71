package webhook

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"lieciba"
)

// Policy says where messages may go. The zero Policy is the strict one: https, and
// no address that only this machine or its host's own services answer at.
type Policy struct {
	// Allow lists networks that may be called although the rules refuse them, and
	// that may be called in clear (http).
	Allow []netip.Prefix
}

// refusedNets are addresses that a server must not be made to call (SSRF): they
// lead to itself, to its neighbours on the wire, to the metadata service of its
// host, or to nobody in particular. Private networks are not among them: that is
// where a ministry's systems live.
var refusedNets = prefixes(
	"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", // this host; loopback; link-local with 169.254.169.254 (RFC 6890)
	"192.0.0.0/24", "100.100.100.200/32", "168.63.129.16/32", // protocol assignments; metadata of two clouds
	"224.0.0.0/4", "240.0.0.0/4", // multicast; reserved and broadcast
	"::/96", "64:ff9b:1::/48", // unspecified, loopback and IPv4-compatible; local NAT64
	"fe80::/10", "fec0::/10", "ff00::/8", // link-local; site-local; multicast
	"fd00:ec2::/32", "fd20:ce::254/128", // metadata of two clouds
)

// translated are IPv6 networks whose addresses hold an IPv4 one at an offset in bytes.
var translated = []struct {
	net netip.Prefix
	at  int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64 (RFC 6052, 2.1)
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4 (RFC 3056, 2)
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Check refuses an address that must not be called; clear says that the call
// would be in clear. CodeInvalid.
func (p Policy) Check(a netip.Addr, clear bool) error {
	a = a.Unmap().WithZone("")
	if contains(p.Allow, a) {
		return nil
	}
	if contains(refusedNets, a) || contains(refusedNets, inside(a)) {
		return lieciba.Errorf(lieciba.CodeInvalid, "%s is an address of this machine, its link or its host's services: "+
			"list its network under webhooks.allow if that is meant", a)
	}
	if clear {
		return lieciba.Errorf(lieciba.CodeInvalid, "%s may be called over https only, unless webhooks.allow lists its network", a)
	}
	return nil
}

// inside is the IPv4 address that an IPv6 one is translated to; the address itself for others.
func inside(a netip.Addr) netip.Addr {
	for _, t := range translated {
		if t.net.Contains(a) {
			b := a.As16()
			return netip.AddrFrom4([4]byte(b[t.at : t.at+4]))
		}
	}
	return a
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// CheckURL judges a webhook's address as far as it can be judged before its name
// is resolved; the dialer judges the rest. CodeInvalid names the field "url".
func (p Policy) CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || len(s) > 2048:
		return lieciba.Invalid("url", "is not an address: write https://host/path")
	case u.User != nil:
		return lieciba.Invalid("url", "holds credentials: messages are signed instead")
	case u.Fragment != "":
		return lieciba.Invalid("url", "holds a fragment (#): it is never sent")
	case u.Scheme != "https" && u.Scheme != "http":
		return lieciba.Invalid("url", "has scheme %q: use https", u.Scheme)
	case u.Scheme == "http" && len(p.Allow) == 0:
		return lieciba.Invalid("url", "is not https: messages in clear go only to networks that webhooks.allow lists")
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil // a name: judged when it is dialled
	}
	if err := p.Check(a, u.Scheme == "http"); err != nil {
		return lieciba.Invalid("url", "%s", err.(*lieciba.Error).Message)
	}
	return nil
}

// tlsKey marks the context of a call over TLS; what is not marked is in clear.
type tlsKey struct{}

func overTLS(ctx context.Context, u string) context.Context {
	return context.WithValue(ctx, tlsKey{}, strings.HasPrefix(u, "https://"))
}

// Client returns the client that messages go out by: it calls only what the
// policy allows, judged on the address that a name resolved to, so that a name
// which changes its address meanwhile (DNS rebinding) gains nothing; it follows
// no redirect and uses no proxy, which would be judged instead of the receiver.
func (p Policy) Client(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return lieciba.Errorf(lieciba.CodeInvalid, "%s is no address", address)
		}
		tls, _ := ctx.Value(tlsKey{}).(bool)
		return p.Check(at.Addr(), !tls)
	}}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
