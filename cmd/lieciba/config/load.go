package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"lieciba"
	"lieciba/storage/evidence"
)

// The environment variables that win over the file, so that credentials need
// not stand in it.
const (
	EnvCatalogURL = "LIECIBA_CATALOG_URL"
	EnvMediaURL   = "LIECIBA_MEDIA_URL"
	EnvReaperURL  = "LIECIBA_REAPER_URL"

	// EnvSecretKey holds master keys of 64 hexadecimal digits, apart by spaces, the
	// one that seals first. EnvCredentials is set by systemd (systemd.exec(5)).
	EnvSecretKey   = "LIECIBA_SECRET_KEY"
	EnvCredentials = "CREDENTIALS_DIRECTORY"
)

// Load reads a file over the defaults, then the environment, and checks the
// whole. Every error is a CodeInvalid lieciba.Error whose message holds file,
// line and cure.
func Load(path string, getenv func(string) string) (Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Config{}, lieciba.Wrap(err, lieciba.CodeInvalid, "cannot read the configuration %s: copy deploy/lieciba.example.yaml there", path)
	}
	c, err := Parse(path, raw)
	if err != nil {
		return Config{}, err
	}
	c.fromEnvironment(getenv)
	return c, c.check(path, raw)
}

// FromEnvironment returns the defaults with the environment applied.
func FromEnvironment(getenv func(string) string) (Config, error) {
	c := Default()
	c.fromEnvironment(getenv)
	return c, c.check("environment", nil)
}

func (c *Config) fromEnvironment(getenv func(string) string) {
	if v := getenv(EnvCatalogURL); v != "" {
		c.Catalog.URL = v
	}
	if v := getenv(EnvMediaURL); v != "" {
		c.Media.URL = v
	}
	c.SignIn.OIDC.ClientSecret = getenv(EnvClientSecret)
	c.Secrets.Keys, c.Secrets.Credentials = getenv(EnvSecretKey), getenv(EnvCredentials)
	if v := getenv(EnvReaperURL); v != "" {
		c.Media.Reaper = v
	}
}

// Parse reads YAML over the defaults; name stands in errors.
func Parse(name string, raw []byte) (Config, error) {
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, lieciba.Errorf(lieciba.CodeInvalid, "%s: %s", name, plainYAML(err))
	}
	return c, nil
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// plainYAML turns the library's words into ones that name line, field and cure.
func plainYAML(err error) string {
	lines := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		lines = te.Errors
	}
	s := strings.TrimPrefix(strings.Join(lines, "; "), "yaml: ")
	return unknownField.ReplaceAllString(s, "unknown field $1: see deploy/lieciba.example.yaml for the fields there are")
}

// check tests what the types do not. It reports the first fault with its line.
func (c Config) check(name string, raw []byte) error {
	for _, f := range c.faults() {
		if f.err != nil {
			at := ""
			if line := lineOf(raw, f.path); line > 0 {
				at = fmt.Sprintf("line %d: ", line)
			}
			return &lieciba.Error{Code: lieciba.CodeInvalid, Field: f.path, Message: fmt.Sprintf("%s: %s%s", name, at, f.err)}
		}
	}
	return nil
}

type fault struct {
	path string
	err  error
}

func (c Config) faults() []fault {
	list := []fault{
		{"data", notEmpty(c.Data, "name a folder that the server may write to")},
		{"http.listen", hostPort(c.HTTP.Listen)},
		{"http.key", pair(c.HTTP.Certificate, c.HTTP.Key)},
		{"http.tls", oneOf(c.HTTP.TLS, "", SelfSigned)},
		{"http.tls", oneCertificate(c.HTTP)},
		{"http.client_certificates", overTLS(c.HTTP)},
		{"http.listen", notInClear(c.HTTP)},
		{"http.proxies", proxies(c.HTTP)},
		{"http.public_url", webURL(c.HTTP.PublicURL)},
		{"http.idle_sign_out", atLeast(c.HTTP.IdleSignOut, time.Minute)},
		{"webrtc.addresses", mediaAddresses(c.WebRTC.Addresses)},
		{"webrtc.port", inRange(c.WebRTC.Port, 0, 65535)},
		{"webrtc.public_ips", addresses(c.WebRTC.PublicIPs)},
		{"webrtc.viewers", inRange(c.WebRTC.Viewers, 1, 100_000)},
		{"catalog.url", storeURL(c.Catalog.URL, "sqlite", "postgres", "postgresql")},
		{"media.url", storeURL(c.Media.URL, "file", "s3")},
		{"media.reaper", storeURL(c.Media.Reaper, "s3")},
		{"media.lock_days", inRange(c.Media.LockDays, 0, 36_500)},
		{"record.before", atMost(c.Record.Before, time.Hour)},
		{"record.after", atMost(c.Record.After, time.Hour)},
		{"record.segment", between(c.Record.Segment, 2*time.Second, 5*time.Minute)},
		{"cameras.networks", prefixes(c.Cameras.Networks)},
		{"evidence.witnesses", witnesses(c.Evidence.Witnesses)},
		{"evidence.stamp.url", webURL(c.Evidence.Stamp.URL)},
		{"evidence.stamp.roots", together(c.Evidence.Stamp.URL, c.Evidence.Stamp.Roots)},
		{"evidence.stamp.every", atLeast(c.Evidence.Stamp.Every, time.Second)},
		{"export.keep_days", inRange(c.Export.KeepDays, 1, 3_650)},
		{"export.witness_wait", between(c.Export.WitnessWait, time.Second, time.Hour)},
		{"retention.every", between(c.Retention.Every, time.Second, 24*time.Hour)},
		{"disk.critical", below(c.Disk.Critical, c.Disk.Low)},
		{"webhooks.allow", optionalPrefixes(c.Webhooks.Allow)},
		{"log.level", oneOf(c.Log.Level, "debug", "info", "warn", "error")},
		{"log.format", oneOf(c.Log.Format, "text", "json")},
	}
	return slices.Concat(list, c.signInFaults(), c.Alarms.faults())
}

func notEmpty(s, cure string) error {
	if s == "" {
		return errors.New("is empty: " + cure)
	}
	return nil
}

func hostPort(s string) error {
	if _, _, err := net.SplitHostPort(s); err != nil {
		return fmt.Errorf("%q is not an address: write host:port, such as 127.0.0.1:8420", s)
	}
	return nil
}

// notInClear refuses to show passwords and pictures to a network.
func notInClear(h HTTP) error {
	host, _, err := net.SplitHostPort(h.Listen)
	a, ipErr := netip.ParseAddr(host)
	if err != nil || host == "localhost" || ipErr == nil && a.Unmap().IsLoopback() || h.OverTLS() || h.SecureCookie {
		return nil
	}
	return fmt.Errorf("%q is open to the network without TLS: give certificate and key, set tls to self-signed, or listen on 127.0.0.1; "+
		"set secure_cookie only behind a proxy that ends TLS", h.Listen)
}

func oneCertificate(h HTTP) error {
	if h.TLS == SelfSigned && h.Certificate != "" {
		return errors.New("self-signed and certificate exclude each other: remove one")
	}
	return nil
}

func overTLS(h HTTP) error {
	if h.ClientCerts && !h.OverTLS() {
		return errors.New("needs TLS that this server ends itself: give certificate and key, or set tls to self-signed")
	}
	return nil
}

// proxies refuses a proxy without a name: everybody would have its address, and
// the limits of one would be those of all.
func proxies(h HTTP) error {
	switch {
	case h.SecureCookie && len(h.Proxies) == 0:
		return errors.New("is empty, and secure_cookie says that a proxy ends TLS: list its network, such as 127.0.0.1/32, so that people's own addresses are known")
	case !h.SecureCookie && len(h.Proxies) > 0:
		return errors.New("is set without secure_cookie: set both behind a proxy that ends TLS, or neither")
	}
	for _, s := range h.Proxies {
		if p, err := netip.ParsePrefix(s); err != nil || p.Bits() == 0 {
			return fmt.Errorf("%q is not a network of proxies: write it as 10.1.2.3/32", s)
		}
	}
	return nil
}

func pair(cert, key string) error {
	if (cert == "") != (key == "") {
		return errors.New("certificate and key belong together: give both files or neither")
	}
	return nil
}

func mediaAddresses(list []string) error {
	if len(list) == 0 {
		return errors.New("is empty: name at least one address, such as 127.0.0.1")
	}
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil && a.IsUnspecified() {
			return fmt.Errorf("%q means every address: browsers need real ones, so list each address of this machine that viewers reach", s)
		}
	}
	return addresses(list)
}

func addresses(list []string) error {
	for _, s := range list {
		if _, err := netip.ParseAddr(s); err != nil {
			return fmt.Errorf("%q is not an IP address", s)
		}
	}
	return nil
}

func prefixes(list []string) error {
	if len(list) == 0 {
		return errors.New("is empty: list the networks that cameras live in, such as 192.168.10.0/24")
	}
	for _, s := range list {
		if _, err := netip.ParsePrefix(s); err != nil {
			return fmt.Errorf("%q is not a network: write it as 192.168.10.0/24", s)
		}
	}
	return nil
}

// optionalPrefixes is prefixes for a list that may be empty.
func optionalPrefixes(list []string) error {
	if len(list) == 0 {
		return nil
	}
	return prefixes(list)
}

func storeURL(s string, schemes ...string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil { // the error would quote the URL with its password
		return fmt.Errorf("is not a URL: it starts with one of %s", strings.Join(schemes, ", "))
	}
	if !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("scheme %q is unknown: use one of %s", u.Scheme, strings.Join(schemes, ", "))
	}
	return nil
}

func webURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("is not an address: write http://host/path or https://host/path, without credentials")
	}
	return nil
}

// witnesses quotes no entry: it may be a private key that was pasted by mistake.
func witnesses(list []string) error {
	for i, s := range list {
		v, err := evidence.NewVerifier(s)
		if err != nil {
			return fmt.Errorf("entry %d is no witness's verifier key: it has the form NAME+HASH+BASE64, as `lieciba witness` prints it when it starts", i+1)
		}
		if !evidence.IsWitness(v) {
			return fmt.Errorf("entry %d is the key of a log, not of a witness: `lieciba witness` prints its own when it starts", i+1)
		}
	}
	return nil
}

// together refuses an authority without roots: its stamps could not be judged.
func together(url, roots string) error {
	if (url == "") != (roots == "") {
		return errors.New("url and roots belong together: give both or neither")
	}
	return nil
}

func below(s, limit Size) error {
	if s > limit {
		return fmt.Errorf("%d bytes is above disk.low: the urgent alarm comes after the first one", s)
	}
	return nil
}

func oneOf(s string, list ...string) error {
	if !slices.Contains(list, s) {
		return fmt.Errorf("%q is unknown: use one of %s", s, strings.Join(list, ", "))
	}
	return nil
}

func inRange(v, low, high int) error {
	if v < low || v > high {
		return fmt.Errorf("%d is out of range: use %d to %d", v, low, high)
	}
	return nil
}

func between(d Duration, low, high time.Duration) error {
	return errors.Join(atLeast(d, low), atMost(d, high))
}

func atLeast(d Duration, low time.Duration) error {
	if time.Duration(d) < low {
		return fmt.Errorf("%s is too short: at least %s", time.Duration(d), low)
	}
	return nil
}

func atMost(d Duration, high time.Duration) error {
	if time.Duration(d) > high {
		return fmt.Errorf("%s is too long: at most %s", time.Duration(d), high)
	}
	return nil
}

// lineOf finds the line of a dotted path in the file; 0 if it is not there.
func lineOf(raw []byte, path string) int {
	var doc yaml.Node
	if yaml.Unmarshal(raw, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	node, line := doc.Content[0], 0
	for _, key := range strings.Split(path, ".") {
		at := -1
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				at = i
			}
		}
		if at < 0 {
			return line
		}
		node, line = node.Content[at+1], node.Content[at].Line
	}
	return line
}
