package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lieciba"
	"lieciba/api/oidc"
	"lieciba/api/passkey"
	"lieciba/storage"
	"lieciba/storage/webhook"
)

// Credentials of a camera. Never logged, never sent out.
type Credentials struct{ Username, Password string }

// LogValue keeps credentials out of logs.
func (Credentials) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// String keeps credentials out of messages.
func (Credentials) String() string { return "(hidden)" }

// DiscoverRequest says where to look for cameras and how long.
type DiscoverRequest struct {
	Interfaces []string // names; empty: all that can multicast
	Addresses  []string // host or host:port, asked directly
	Duration   time.Duration
}

// Found is a device that answered a discovery.
type Found struct {
	Camera           lieciba.Camera // as far as it is known without credentials
	NeedsCredentials bool
	Advice           []string
	Err              error // why it could not be read; nil if it could
}

// ProbeRequest names one camera to read. Exactly one of Address and URL is set.
type ProbeRequest struct {
	Address     string // host or host:port of an ONVIF device
	URL         string // rtsp:// of a manual camera, or http(s):// of an ONVIF device service
	ONVIF       bool
	Credentials Credentials
}

// Probed is what a camera said of itself. ID, site, name, purpose and state of
// the Camera are not set.
type Probed struct {
	Camera lieciba.Camera
	Advice []string
}

// Prober talks to cameras (package onvif). Errors are *lieciba.Error: credentials
// that the camera refuses are CodeUnauthenticated or CodeForbidden, or any code
// with field "password" or "username"; an address outside the allowed networks
// is CodeInvalid with field "address".
type Prober interface {
	// Discover calls found for every device until the duration is over. found may
	// be called from several goroutines, also twice for one device.
	Discover(ctx context.Context, r DiscoverRequest, found func(Found)) error
	Probe(ctx context.Context, r ProbeRequest) (Probed, error)
	// Snapshot returns a JPEG picture of now.
	Snapshot(ctx context.Context, c lieciba.Camera, cred Credentials) ([]byte, error)
	KeyFrame(ctx context.Context, c lieciba.Camera, cred Credentials) error
}

// CameraMonitor tells how cameras do (packages recorder and viewer); false for
// a camera that it does not run.
type CameraMonitor interface {
	CameraStatus(id lieciba.CameraID) (lieciba.CameraStatus, bool)
}

// LiveViewer answers WHEP offers (package viewer). IDs are UUIDs.
type LiveViewer interface {
	Live(ctx context.Context, c lieciba.CameraID, role lieciba.StreamRole, offer string, who lieciba.Principal) (id, answer string, err error)
	// Hangup ends the view; CodeNotFound if there is none.
	Hangup(id string) error
	// Owner returns the Principal.ID of who began it; false if there is none.
	Owner(id string) (string, bool)
}

// Scope is what of a session somebody may see; zero fields bound nothing.
type Scope struct {
	CameraIDs []lieciba.CameraID // nil: all of the session
	Span      lieciba.Interval   // of the footage; a zero end is open
	Until     time.Time          // the view ends then
}

// Player plays the archive (package viewer). Hangup and Owner as for LiveViewer.
type Player interface {
	// Playback begins at `at`; the zero time means the start. Nothing outside of
	// the scope is shown or sent. onEnd is called exactly once, after the end of a
	// playback that began, with what was shown.
	Playback(ctx context.Context, s lieciba.SessionID, at time.Time, scope Scope, offer string, who lieciba.Principal,
		onEnd func([]lieciba.Watched)) (id, answer string, err error)
	Hangup(id string) error
	Owner(id string) (string, bool)
}

// Refresher makes the recorder read its wanted state now; it does not block.
type Refresher interface{ Refresh() }

// Exporter builds evidence packages (package storage/export).
type Exporter interface {
	// Open opens a finished package and tells its size in bytes; the caller closes
	// it. CodeNotFound when this node does not keep its file.
	Open(ctx context.Context, id lieciba.ExportID) (io.ReadSeekCloser, int64, error)
	// Poke makes it look for requests now; it does not block.
	Poke()
}

// Violation is one broken invariant that a check found.
type Violation struct{ Invariant, Object, Message string }

// LogCheck is the result of a check of the hash log and of what it stands for.
type LogCheck struct {
	Violations  []Violation
	FirstBroken string // names the first entry that does not hold, and what is wrong; empty: all hold
	Leaves      int64  // that were checked
}

// Checker proves the hash log against the catalogue (package storage/fsck).
type Checker interface {
	// CheckLog tells progress how much of the total is done, in leaves. What is
	// broken is a result and no error.
	CheckLog(ctx context.Context, progress func(done, total int64)) (LogCheck, error)
}

// PlannedDeletion is what the rules of retention say about one recording.
type PlannedDeletion struct {
	RecordingID lieciba.RecordingID
	SessionID   lieciba.SessionID
	ExternalID  string // of the session
	CameraID    lieciba.CameraID
	Bytes       int64
	Due         bool      // it may go now
	DueAt       time.Time // zero: no date is known
	Started     bool      // its deletion is under way
	PolicyID    lieciba.PolicyID
	Reason      string
	BlockedBy   []string // one sentence each; nil: nothing
	Alarms      []string
}

// Retention deletes what is due (package storage/retention).
type Retention interface {
	// Plan lists by DueAt, unknown dates last, what is not deleted yet; with a
	// before that is not zero, only what has a date before it. It changes nothing.
	Plan(ctx context.Context, before time.Time) ([]PlannedDeletion, error)
	// MayDelete says what forbids to delete a recording's footage before its policy
	// lets it: CodeConflict. Pure.
	MayDelete(f lieciba.RetentionFacts, now time.Time) error
	// Poke makes it look at holds, events and policies now; it does not block.
	Poke()
}

// Secrets seals camera credentials (package storage/secret). aad binds a sealed
// secret to its camera, so that it cannot be moved to another row.
type Secrets interface {
	Seal(plain, aad []byte) []byte
	Unseal(sealed, aad []byte) ([]byte, error)
}

// Config wires a Server. Fields without a default are required unless they say otherwise.
type Config struct {
	Catalog storage.Catalog
	Media   storage.Media
	Source  storage.Source
	Prober  Prober
	Monitor CameraMonitor
	Live    LiveViewer
	Player  Player
	Refresh Refresher
	Secrets Secrets

	Spare         func() error // CodeFull while disks are too full for work that can wait; nil: they never are
	ClearPackages bool         // packages may be asked for without a recipient's key

	Exporter  Exporter         // nil: this node builds no packages
	Checker   Checker          // nil: the log cannot be checked from here
	Retention Retention        // nil: this node deletes nothing
	Readiness ReadinessChecker // nil: this node records no cameras
	LogKey    func() string    // verifier key that signs checkpoints now; nil: this node does not know it
	Witnesses []string         // verifier keys whose cosignatures are taken

	Webhooks     webhook.Policy // where notices may be sent to
	PokeWebhooks func()         // makes the sender look now; it does not block; nil: this node sends none

	// Parts are what readyz asks beside catalogue and media store, by name; an
	// error says why a part does not work. Recording goes on without each of them.
	Parts map[string]func(context.Context) error

	UI       http.Handler        // pages for every path outside of /v1
	UIBuilt  bool                // the pages are built in
	Stats    func() Stats        // for /metrics; called for each scrape; nil: none
	Gatherer prometheus.Gatherer // more metrics, such as those of the process; nil: none

	Version string
	Node    lieciba.NodeID
	Margins lieciba.Margins // of the recording window

	Rates   Rates          // of requests; zero fields: the defaults
	Proxies []netip.Prefix // proxies in front of this server, whose X-Forwarded-For is believed; nil: none

	Provider    *oidc.Provider         // signs people in; nil: local accounts only
	Passkeys    *passkey.Ceremonies    // nil: the server has no name that browsers take for passkeys
	ApproveWith []lieciba.SignInMethod // proofs of presence that count for approvals; nil: passkeys
	Alarms      Alarms                 // nil: none are raised

	SecureCookie    bool          // cookie only over TLS, and HSTS, also when a proxy ends TLS
	TLSFingerprint  func() string // SHA-256 of the certificate in use; nil: no TLS here
	IdleTimeout     time.Duration // a sign-in without a request ends; 0: 30 minutes
	SignInTimeout   time.Duration // a sign-in ends at the latest; 0: 12 hours
	ProviderTimeout time.Duration // a sign-in with the Provider ends at the latest; 0: SignInTimeout
	RequestTimeout  time.Duration // bound on one request's work, camera probes apart; 0: 30 s
	ProbeTimeout    time.Duration // bound on talking to one camera; 0: 60 s
	MaxPasswordWork int           // password hashes computed at once, 19 MiB each; 0: 2
	DiscoveryKept   time.Duration // results are kept after the end; 0: 10 minutes
	ReadinessMaxAge time.Duration // readyz asks catalogue and store at most this often; 0: 1 s
	ReviewEvery     time.Duration // views whose right has ended are hung up this often, beside at once; 0: 30 s
	Now             func() time.Time
	Log             *slog.Logger
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// withDefaults checks a Config and fills what is left out.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	need := func(ok bool, name string) {
		if !ok {
			errs = append(errs, errors.New("api: Config."+name+" is missing"))
		}
	}
	need(c.Catalog != nil, "Catalog")
	need(c.Media != nil, "Media")
	need(c.Source != nil, "Source")
	need(c.Prober != nil, "Prober")
	need(c.Monitor != nil, "Monitor")
	need(c.Live != nil, "Live")
	need(c.Player != nil, "Player")
	need(c.Refresh != nil, "Refresh")
	need(c.Secrets != nil, "Secrets")
	need(c.UI != nil, "UI")
	orDefault(&c.IdleTimeout, 30*time.Minute)
	orDefault(&c.SignInTimeout, 12*time.Hour)
	orDefault(&c.ProviderTimeout, c.SignInTimeout)
	orDefault(&c.RequestTimeout, 30*time.Second)
	orDefault(&c.ProbeTimeout, time.Minute)
	orDefault(&c.MaxPasswordWork, 2)
	orDefault(&c.DiscoveryKept, 10*time.Minute)
	orDefault(&c.ReadinessMaxAge, time.Second)
	orDefault(&c.ReviewEvery, 30*time.Second)
	c.Rates = c.Rates.withDefaults()
	if c.ApproveWith == nil {
		c.ApproveWith = []lieciba.SignInMethod{lieciba.SignInPasskey}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Stats == nil {
		c.Stats = func() Stats { return Stats{} }
	}
	if c.Spare == nil {
		c.Spare = func() error { return nil }
	}
	if c.TLSFingerprint == nil {
		c.TLSFingerprint = func() string { return "" }
	}
	if c.LogKey == nil {
		c.LogKey = func() string { return "" }
	}
	return c, errors.Join(errs...)
}

// Alarms is told what security staff should look at (package storage). It is
// called inside of the transaction of what it is about.
type Alarms interface {
	RaiseAlarm(ctx context.Context, a lieciba.Alarm) (raised bool, err error)
}
