package onvif

import (
	"log/slog"
	"net/netip"
	"time"

	"lieciba"
)

// Credentials sign in to a camera. They never leave a Client.
type Credentials struct{ Username, Password string }

// String hides the password from every format verb that prints strings.
func (c Credentials) String() string { return "credentials of " + c.Username }

// GoString hides the password from %#v.
func (c Credentials) GoString() string { return c.String() }

// Target says which camera. Give DeviceURLs in order of preference, or Address,
// or both: all are tried, URLs first.
type Target struct {
	Address    string   // host or host:port; tried as http, then https
	DeviceURLs []string // device service URLs
	TLSPin     string   // SHA-256 of the certificate, hex, as pinned before; empty: pin at first use
	// SnapshotURL is used instead of asking for the snapshot URI; may be empty.
	SnapshotURL string
}

// TargetOf returns the target of an adopted camera.
func TargetOf(c lieciba.Camera) Target {
	t := Target{Address: c.Address, TLSPin: c.TLSPin, SnapshotURL: c.SnapshotURL}
	if c.DeviceURL != "" {
		t.DeviceURLs = []string{c.DeviceURL}
	}
	return t
}

// Options bound what a Client may do. The zero value allows no network.
type Options struct {
	// Networks that cameras may have addresses in; every other address is
	// refused when it is dialled. Empty: none is allowed.
	Networks []netip.Prefix
	// CallTimeout bounds one call with all its retries; 0 means 5 s.
	CallTimeout time.Duration
	// StreamHost replaces the host in stream and snapshot URIs ("host" or
	// "host:port"), for cameras behind NAT; empty: the host that was dialled.
	StreamHost string
	// ClockPrecision is the half-width below which Clock stops sampling; 0
	// means 100 ms.
	ClockPrecision time.Duration
	// Log is told why an event subscription broke off; nil: nobody.
	Log *slog.Logger
}

// PrivateNetworks are those of RFC 1918 and RFC 4193: a default for an exam
// site's Networks. Loopback and link-local addresses are not in it.
func PrivateNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("fc00::/7"),
	}
}

func (o Options) withDefaults() Options {
	if o.CallTimeout <= 0 {
		o.CallTimeout = 5 * time.Second
	}
	if o.ClockPrecision <= 0 {
		o.ClockPrecision = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
