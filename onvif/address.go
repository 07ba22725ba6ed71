package onvif

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lieciba"
)

// devicePath is where ONVIF puts the device service (Core, 5.1.1).
const devicePath = "/onvif/device_service"

// deviceURLs lists where the target's device service may be, best first. The
// error names the field and never repeats the input, which may hold a password.
func deviceURLs(t Target) ([]*url.URL, error) {
	var list []*url.URL
	for _, s := range t.DeviceURLs {
		u, err := parseURL("url", s, "http", "https")
		if err != nil {
			return nil, err
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = devicePath
		}
		list = append(list, u)
	}
	if t.Address != "" {
		byAddress, err := addressURLs(t.Address)
		if err != nil {
			return nil, err
		}
		for _, u := range byAddress {
			if !slices.ContainsFunc(list, func(o *url.URL) bool { return o.String() == u.String() }) {
				list = append(list, u)
			}
		}
	}
	if len(list) == 0 {
		return nil, lieciba.Invalid("address", "is missing: give host or host:port of the camera")
	}
	return list, nil
}

func addressURLs(address string) ([]*url.URL, error) {
	host, port := address, ""
	if h, p, err := net.SplitHostPort(address); err == nil {
		host, port = h, p
	}
	host = strings.Trim(host, "[]")
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		host = ""
	}
	if host == "" || strings.ContainsAny(host, "/@?#\\ \t\r\n") {
		return nil, lieciba.Invalid("address", "is not host or host:port")
	}
	var list []*url.URL
	add := func(scheme, port string) {
		list = append(list, &url.URL{Scheme: scheme, Host: joinHostPort(host, port), Path: devicePath})
	}
	switch port {
	case "":
		add("http", "")
		add("https", "")
		add("http", "8080")
	case "443":
		add("https", "")
	default:
		add("http", port)
		add("https", port)
	}
	return list, nil
}

func joinHostPort(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// parseURL parses an absolute URL of one of the schemes. User information is
// removed. The error never repeats the input.
func parseURL(field, s string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Hostname() == "" || u.Opaque != "" || !slices.Contains(schemes, strings.ToLower(u.Scheme)) {
		return nil, lieciba.Invalid(field, "is not a URL that starts with %s://", strings.Join(schemes, ":// or "))
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.User = nil
	u.Fragment = ""
	return u, nil
}

// redial puts what a camera says of itself onto the host that was dialled: its
// own idea of its address may be behind NAT, link-local, IPv6 or plain wrong.
// own is the device service URL as the camera tells it. A service on the same
// authority as own keeps the dialled authority (a forwarded port); one on
// another port keeps that port. The scheme is never lowered from https.
func redial(dialled *url.URL, own, told string) (*url.URL, bool) {
	u, err := url.Parse(strings.TrimSpace(told))
	if err != nil {
		return nil, false
	}
	r := *dialled
	r.Path, r.RawPath, r.RawQuery = u.Path, u.RawPath, u.RawQuery
	if u.Host == "" || !strings.HasPrefix(r.Path, "/") { // relative: a path beside the device service
		return dialled.ResolveReference(&url.URL{Path: u.Path, RawQuery: u.RawQuery}), u.Path != "" || u.RawQuery != ""
	}
	o, err := url.Parse(strings.TrimSpace(own))
	same := err != nil || o.Host == "" || effectivePort(o) == effectivePort(u)
	if !same && (dialled.Scheme != "https" || u.Scheme == "https") {
		r.Scheme = strings.ToLower(u.Scheme)
		r.Host = joinHostPort(dialled.Hostname(), u.Port())
	}
	return &r, r.Scheme == "http" || r.Scheme == "https"
}

func effectivePort(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "rtsp":
		return "554"
	case "rtsps":
		return "322"
	}
	return "80"
}

// streamURL cleans a stream URI: rtsp or rtsps, the host replaced by override
// or by the dialled one, no credentials. ok is false when it cannot be used.
func streamURL(told, dialledHost, override string) (clean string, ok bool) {
	u, err := parseURL("stream", told, "rtsp", "rtsps")
	if err != nil {
		return "", false
	}
	return cleanURL(u, dialledHost, override)
}

func cleanURL(u *url.URL, dialledHost, override string) (string, bool) {
	host, port := dialledHost, u.Port()
	if override != "" {
		host = override
		if h, p, err := net.SplitHostPort(override); err == nil {
			host, port = h, p
		}
	}
	u.Host = joinHostPort(strings.Trim(host, "[]"), port)
	if !dropSecrets(u) {
		return "", false
	}
	return u.String(), true
}

var secretKeys = []string{"user", "usr", "username", "login", "password", "passwd", "pass", "pwd", "auth"}

// dropSecrets removes credentials from the query and keeps its order. It is
// false for a URL with a password in its path, which cannot be cleaned.
func dropSecrets(u *url.URL) bool {
	lower := strings.ToLower(u.Path)
	if strings.Contains(lower, "password=") || strings.Contains(lower, "pwd=") || strings.Contains(lower, "passwd=") {
		return false
	}
	var kept []string
	for _, pair := range strings.Split(u.RawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if !slices.Contains(secretKeys, strings.ToLower(key)) {
			kept = append(kept, pair)
		}
	}
	u.RawQuery = strings.Join(kept, "&")
	return true
}

// AuthURL returns the stream URL with percent-encoded credentials, for a player
// that takes them no other way. Never log, store or show it.
func AuthURL(stream string, c Credentials) (*url.URL, error) {
	u, err := parseURL("url", stream, "rtsp", "rtsps")
	if err != nil {
		return nil, err
	}
	if c.Username != "" {
		u.User = url.UserPassword(c.Username, c.Password)
	}
	return u, nil
}

// rankHosts orders device URLs by how likely they answer from here: IPv4 in a
// subnet of ours, other IPv4, names, IPv6, link-local and unusable ones last.
func rankHosts(urls []*url.URL, subnets []netip.Prefix) {
	rank := func(u *url.URL) int {
		a, err := netip.ParseAddr(u.Hostname())
		if err != nil {
			return 2
		}
		a = a.Unmap()
		switch {
		case a.IsUnspecified():
			return 5
		case slices.ContainsFunc(subnets, func(p netip.Prefix) bool { return p.Contains(a) }) && a.Is4():
			return 0
		case a.IsLinkLocalUnicast():
			return 4
		case a.Is4():
			return 1
		}
		return 3
	}
	slices.SortStableFunc(urls, func(a, b *url.URL) int { return rank(a) - rank(b) })
}
