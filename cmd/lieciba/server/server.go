package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/net/netutil"

	"lieciba"
	"lieciba/api"
	"lieciba/cmd/lieciba/config"
	"lieciba/onvif"
	"lieciba/recorder"
	"lieciba/recorder/readiness"
	"lieciba/storage"
	"lieciba/storage/fsck"
	"lieciba/storage/secret"
	"lieciba/storage/webhook"
	"lieciba/viewer"
	"lieciba/viewer/web"
)

// Options of a Server.
type Options struct {
	Config  config.Config
	Log     *slog.Logger
	Version string
	// NewSecretKey has a new secret.key made though cameras have passwords that
	// only the missing one opens; they must be entered again.
	NewSecretKey bool
}

// Server is the whole product in one process.
type Server struct {
	cfg      config.Config
	log      *slog.Logger
	node     lieciba.NodeID
	catalog  storage.Catalog
	media    storage.Media
	secrets  *secret.Box
	prober   prober
	recorder *recorder.Recorder
	viewer   *viewer.Viewer
	api      *api.Server
	events   *events
	sender   *webhook.Sender
	keep     keeping
	ready    *readiness.Checker
	version  string

	certificates *certificates // nil: no TLS of its own
	uiBuilt      bool
	listener     net.Listener
	closers      []func() error // in the order of opening
}

// Open opens stores and sockets. On error everything that was opened is closed
// again. The caller calls Run, then Close.
func Open(ctx context.Context, o Options) (*Server, error) {
	s := &Server{cfg: o.Config, log: o.Log, version: o.Version}
	s.events = &events{s: s, active: map[lieciba.CameraID]map[onvif.EventKind]*condition{}}
	secrets := func(ctx context.Context) (err error) {
		s.secrets, err = openSecrets(ctx, s.catalog, o.Config, o.NewSecretKey)
		return err
	}
	for _, step := range []func(context.Context) error{s.openNode, s.openStores, secrets, s.openKeeping, s.openRecorder, s.openReadiness, s.openViewer} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if err := s.openAPI(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) later(f func() error) { s.closers = append(s.closers, f) }

func (s *Server) openNode(context.Context) error {
	if err := makeData(s.cfg.Data); err != nil {
		return err
	}
	var err error
	s.node, err = nodeID(s.cfg.Data)
	return err
}

func (s *Server) openStores(ctx context.Context) error {
	var err error
	if s.catalog, err = OpenCatalog(ctx, s.cfg); err != nil {
		return err
	}
	s.later(s.catalog.Close)
	if s.media, err = openMedia(ctx, s.cfg, toRecord); err != nil {
		return err
	}
	s.later(s.media.Close)
	return nil
}

func (s *Server) openRecorder(context.Context) error {
	s.prober = newProber(s.cfg)
	s.later(func() error { s.prober.clients.Close(); return nil })
	var err error
	s.recorder, err = recorder.New(recorder.Config{
		Catalog: s.catalog, Media: s.media, Node: s.node, SpoolDir: spoolDir(s.cfg), Margins: s.margins(),
		SegmentLength: time.Duration(s.cfg.Record.Segment), MaxSpoolBytes: int64(s.cfg.Record.SpoolSize),
		Logged: s.logged, Secrets: s.cameraSecret, RequestKeyFrame: s.requestKeyFrame, Dial: onvif.Dial(s.cfg.Prefixes()), Log: s.log})
	if err == nil {
		s.later(s.recorder.Close)
	}
	return err
}

func (s *Server) openViewer(context.Context) error {
	var err error
	s.viewer, err = viewer.New(viewer.Config{Live: s.recorder, Catalog: s.catalog, Source: s.recorder,
		ListenAddresses: s.cfg.WebRTC.Addresses, Port: s.cfg.WebRTC.Port, PublicIPs: s.cfg.WebRTC.PublicIPs,
		MaxViewers: s.cfg.WebRTC.Viewers, Log: s.log})
	if err == nil {
		s.later(s.viewer.Close)
	}
	return err
}

func (s *Server) openAPI() error {
	ui, built := web.Handler()
	s.uiBuilt = built
	process := prometheus.NewRegistry()
	process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if s.certificates, err = openCertificates(s.cfg, s.log, time.Now); err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	in, err := s.openSignIn()
	if err != nil {
		return err
	}
	s.openSender()
	s.api, err = api.New(api.Config{Catalog: s.catalog, Webhooks: s.sender.Policy, PokeWebhooks: s.sender.Poke, Media: s.media, Source: s.recorder, Prober: s.prober,
		Monitor: monitor{s}, Live: live{s.viewer}, Player: player{s.viewer}, Refresh: s.recorder, Secrets: s.secrets,
		Spare: s.spare, Exporter: s.keep.exporter, ClearPackages: s.clearPackages(), Checker: checker{s}, Readiness: readinessChecker{s.ready}, Retention: retainer{s.keep.reaper, s.catalog}, LogKey: s.logKey, Parts: s.parts(),
		Witnesses: s.cfg.Evidence.Witnesses, UI: ui, UIBuilt: built, Stats: s.stats, Gatherer: process, Version: s.version, Node: s.node, Margins: s.margins(),
		SecureCookie: s.cfg.HTTP.SecureCookie || s.certificates != nil, Proxies: s.cfg.HTTP.ProxyPrefixes(), TLSFingerprint: s.certificates.fingerprint,
		IdleTimeout: time.Duration(s.cfg.HTTP.IdleSignOut), Log: s.log,
		Provider: in.provider, ProviderTimeout: time.Duration(s.cfg.SignIn.OIDC.SignOutAfter), Passkeys: in.passkeys, ApproveWith: in.approveWith, Alarms: in.alarms})
	if err == nil {
		s.later(s.api.Close)
	}
	return err
}

func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.cfg.HTTP.Listen)
	if err != nil {
		return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "http.listen", Cause: err,
			Message: s.cfg.HTTP.Listen + " cannot be listened on: choose another address or end what uses it"}
	}
	all := maxConnections(openFiles())
	l = netutil.LimitListener(shareConnections(l, maxShare(all), s.cfg.HTTP.ProxyPrefixes()), all)
	if s.certificates != nil {
		l = tls.NewListener(l, s.certificates.config(s.cfg.HTTP.ClientCerts))
	}
	s.listener = l
	return nil
}

// Run records and serves until ctx ends or a part fails.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := api.HTTPServer(s.api)
	srv.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.events.run(ctx)
	}()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		s.keepOn(ctx)
	}()
	recorded := make(chan error, 1)
	go func() {
		defer cancel()
		recorded <- s.recorder.Run(ctx)
	}()
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- srv.Serve(s.listener)
	}()
	<-ctx.Done()
	stop, release := context.WithTimeout(context.Background(), 5*time.Second)
	defer release()
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) { // a download that does not end must not hold the stop
		err = srv.Close()
	}
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	<-heard
	<-kept
	return errors.Join(err, <-recorded)
}

// Close closes in the reverse order of opening. Idempotent.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	if s.listener != nil {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
		s.listener = nil
	}
	return errors.Join(errs...)
}

// URL is where pages and API are.
func (s *Server) URL() string {
	scheme := "http"
	if s.certificates != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Fingerprint is the SHA-256 of the certificate in use; empty without TLS.
func (s *Server) Fingerprint() string { return s.certificates.fingerprint() }

// UIBuilt reports whether the pages are in this binary.
func (s *Server) UIBuilt() bool { return s.uiBuilt }

// Catalog is the open catalogue; Close closes it.
func (s *Server) Catalog() storage.Catalog { return s.catalog }

// HTTPClient reaches this server.
func (s *Server) HTTPClient() *http.Client {
	c := &http.Client{Timeout: time.Minute}
	if s.cfg.HTTP.TLS == config.SelfSigned {
		roots := x509.NewCertPool()
		roots.AddCert(s.certificates.current().Leaf)
		c.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	}
	return c
}

// Fsck proves the invariants on the stores of this running server.
func (s *Server) Fsck(ctx context.Context) (fsck.Report, error) {
	opt, err := checkOptions(s.cfg)
	if err != nil {
		return fsck.Report{}, err
	}
	return fsck.Check(ctx, s.catalog, s.media, opt)
}

func (s *Server) margins() lieciba.Margins {
	return lieciba.Margins{Before: time.Duration(s.cfg.Record.Before), After: time.Duration(s.cfg.Record.After)}
}

func spoolDir(c config.Config) string { return filepath.Join(c.Data, "spool") }

func (s *Server) cameraSecret(ctx context.Context, id lieciba.CameraID) (user, pass string, err error) {
	sealed, err := s.catalog.CameraSecret(ctx, id)
	if err != nil {
		return "", "", err
	}
	c, err := api.OpenCredentials(s.secrets, id, sealed)
	return c.Username, c.Password, err
}

// requestKeyFrame is a wish: a camera that cannot grant it sends one anyway, later.
func (s *Server) requestKeyFrame(ctx context.Context, id lieciba.CameraID) {
	c, err := s.catalog.Camera(ctx, id)
	if err != nil || !c.ONVIF {
		return
	}
	user, pass, err := s.cameraSecret(ctx, id)
	if err == nil {
		err = s.prober.KeyFrame(ctx, c, api.Credentials{Username: user, Password: pass})
	}
	if err != nil {
		s.log.DebugContext(ctx, "no key frame on request", "camera", id, "error", err)
	}
}
