// Package config reads the server's YAML file. Every field has a default that
// is secure and works on one machine; deploy/lieciba.example.yaml shows and
// explains them all. An error names the file, the line, the field and the cure.
package config

import (
	"net/netip"
	"time"
)

// Config is the whole configuration. It is read once at start.
type Config struct {
	Data    string  `yaml:"data"`    // folder for spool, key file and, by default, catalogue and media
	HTTP    HTTP    `yaml:"http"`    // pages and API
	WebRTC  WebRTC  `yaml:"webrtc"`  // pictures and sound
	Catalog Store   `yaml:"catalog"` // facts
	Media   Media   `yaml:"media"`   // bytes
	Record  Record  `yaml:"record"`
	Cameras Cameras `yaml:"cameras"`

	SignIn    SignIn    `yaml:"sign_in"`
	Secrets   Secrets   `yaml:"secrets"`
	Evidence  Evidence  `yaml:"evidence"`
	Export    Export    `yaml:"export"`
	Retention Retention `yaml:"retention"`
	Webhooks  Webhooks  `yaml:"webhooks"`
	Alarms    Alarms    `yaml:"alarms"`
	Disk      Disk      `yaml:"disk"`
	Log       Log       `yaml:"log"`
}

// HTTP is where pages and API are served.
type HTTP struct {
	Listen       string   `yaml:"listen"`              // host:port
	PublicURL    string   `yaml:"public_url"`          // how browsers reach this server; empty: by Listen
	TLS          string   `yaml:"tls"`                 // SelfSigned, or empty: Certificate and Key
	Certificate  string   `yaml:"certificate"`         // PEM file; with Key: HTTPS
	Key          string   `yaml:"key"`                 // PEM file
	ClientCerts  bool     `yaml:"client_certificates"` // ask machines for a certificate; browsers that have one ask their people then
	SecureCookie bool     `yaml:"secure_cookie"`       // set behind a proxy that ends TLS
	Proxies      []string `yaml:"proxies"`             // networks of such proxies, whose X-Forwarded-For is believed
	IdleSignOut  Duration `yaml:"idle_sign_out"`       // a sign-in without requests ends after this
}

// SelfSigned as HTTP.TLS has the server make its own certificate.
const SelfSigned = "self-signed"

// OverTLS reports whether this server itself speaks TLS.
func (h HTTP) OverTLS() bool { return h.TLS == SelfSigned || h.Certificate != "" }

// ProxyPrefixes returns Proxies parsed; the file was checked, so it cannot fail.
func (h HTTP) ProxyPrefixes() []netip.Prefix { return parsePrefixes(h.Proxies) }

// WebRTC is where pictures are sent from.
type WebRTC struct {
	Addresses []string `yaml:"addresses"`  // of this machine; never 0.0.0.0
	Port      int      `yaml:"port"`       // UDP and TCP, the same on each address; 0: one that is free
	PublicIPs []string `yaml:"public_ips"` // announced instead of the listening addresses, behind NAT
	Viewers   int      `yaml:"viewers"`    // at most so many at once
}

// Store names a database or a media store by URL.
type Store struct {
	URL string `yaml:"url"` // empty: the embedded default in Data
}

// Media is the store of bytes.
type Media struct {
	URL      string `yaml:"url"`       // empty: a folder in Data; else s3://bucket
	Reaper   string `yaml:"reaper"`    // the same store with an account that may delete; empty: URL
	LockDays int    `yaml:"lock_days"` // object lock on each new segment; 0: none
}

// Record rules what is recorded and how.
type Record struct {
	Before    Duration `yaml:"before"`     // margin before a session's start
	After     Duration `yaml:"after"`      // margin after its end
	Segment   Duration `yaml:"segment"`    // length of a segment, cut at the next key frame
	SpoolSize Size     `yaml:"spool_size"` // most bytes kept on local disk while Media is away
}

// Cameras rules who may be called a camera.
type Cameras struct {
	Networks   []string `yaml:"networks"`   // only addresses in these are ever dialled
	Interfaces []string `yaml:"interfaces"` // WS-Discovery runs on these
}

// Secrets names the master keys that seal the cameras' passwords and the secrets
// of webhooks.
type Secrets struct {
	KeyFile string `yaml:"key_file"` // empty: of the service manager's credentials, else in Data
	Keys    string `yaml:"-"`        // of the environment; wins over every file
	// Credentials is the folder of credentials that a service manager hands over.
	Credentials string `yaml:"-"`
}

// String keeps keys out of messages and logs.
func (Secrets) String() string { return "(hidden)" }

// Evidence is the hash log and who vouches for it.
type Evidence struct {
	Key       string   `yaml:"key"`       // signing key file; empty: log.key in Data
	Witnesses []string `yaml:"witnesses"` // verifier keys whose cosignatures are taken
	Stamp     Stamp    `yaml:"stamp"`
}

// Stamp is an RFC 3161 time-stamp authority.
type Stamp struct {
	URL   string   `yaml:"url"`   // empty: none
	Roots string   `yaml:"roots"` // PEM file with the roots that its certificate must lead to
	Every Duration `yaml:"every"` // at most one stamp in so long; exports get one of their own
}

// Export rules evidence packages.
type Export struct {
	Dir         string   `yaml:"dir"`          // empty: exports in Data
	KeepDays    int      `yaml:"keep_days"`    // a collected package is removed after so many days
	AllowClear  bool     `yaml:"allow_clear"`  // packages may be asked for without a recipient's key, and then are not encrypted
	WitnessWait Duration `yaml:"witness_wait"` // a package waits at most so long for the witnesses; then it goes out without
}

// Retention rules the deletion of what is due.
type Retention struct {
	Delete bool     `yaml:"delete"` // false: nothing is deleted, only shown as due
	Every  Duration `yaml:"every"`  // between two looks
}

// Disk rules what happens when local disks fill up. Recording goes on at any level.
type Disk struct {
	Low      Size `yaml:"low"`      // free bytes below which an alarm is raised and no package is built
	Critical Size `yaml:"critical"` // free bytes below which the alarm is urgent
}

// Webhooks rules where notices may be sent to.
type Webhooks struct {
	// Allow lists networks that may be called although they lead to this machine, its
	// link or its host's services, and that may be called without TLS.
	Allow []string `yaml:"allow"`
}

// WebhookPrefixes returns Webhooks.Allow parsed; the file was checked, so it cannot fail.
func (c Config) WebhookPrefixes() []netip.Prefix { return parsed(c.Webhooks.Allow) }

func parsed(networks []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(networks))
	for _, s := range networks {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Log rules the log on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Data:   "lieciba-data",
		HTTP:   HTTP{Listen: "127.0.0.1:8420", IdleSignOut: Duration(30 * time.Minute)},
		WebRTC: WebRTC{Addresses: []string{"127.0.0.1"}, Port: 8421, Viewers: 200},
		Record: Record{Before: Duration(5 * time.Minute), After: Duration(5 * time.Minute),
			Segment: Duration(30 * time.Second), SpoolSize: 20 << 30},
		Cameras:   Cameras{Networks: []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"}},
		SignIn:    SignIn{ApproveWith: ApproveWithPasskey, OIDC: OIDC{Name: "OpenID Connect", Scopes: []string{"profile"}, GroupsClaim: "groups", SignOutAfter: Duration(12 * time.Hour), Groups: map[string]Group{}}},
		Evidence:  Evidence{Stamp: Stamp{Every: Duration(time.Hour)}},
		Export:    Export{KeepDays: 30, WitnessWait: Duration(2 * time.Minute)},
		Retention: Retention{Delete: true, Every: Duration(time.Hour)},
		Webhooks:  Webhooks{Allow: []string{}},
		Alarms:    defaultAlarms(),
		Disk:      Disk{Low: 10 << 30, Critical: 2 << 30},
		Log:       Log{Level: "info", Format: "text"},
	}
}

// Prefixes returns Cameras.Networks parsed; the file was checked, so it cannot fail.
func (c Config) Prefixes() []netip.Prefix {
	return parsePrefixes(c.Cameras.Networks)
}

func parsePrefixes(list []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}
