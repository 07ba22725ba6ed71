package api

import (
	"context"
	_ "embed"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"lieciba"
	"lieciba/storage/evidence"
)

//go:embed openapi.yaml
var openapiDocument []byte

// Server answers HTTP. Safe for concurrent use.
type Server struct {
	cfg         Config
	handler     http.Handler
	throttle    *throttle
	rates       rates
	passwords   passwordWork
	rotated     rotations  // cookie values that still work for a moment
	used        once       // sign-ins that came about: each is good once
	loggedOut   once       // logout tokens of the provider: a crowd of sign-ins must not keep them out
	cameraEdits sync.Mutex // read, change, write of one camera row
	discoveries *discoveries
	viewings    viewings
	downloads   downloads
	witnesses   []evidence.Verifier
	checks      logChecks
	readiness   readiness
	metricsPage http.Handler
	requests    *requestMetrics
}

// New makes a Server from its parts. The caller serves it (see HTTPServer) and
// calls Close after the last request.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, throttle: newThrottle(), rates: newRates(cfg.Rates), passwords: newPasswordWork(cfg.MaxPasswordWork),
		discoveries: newDiscoveries(), checks: newLogChecks(), requests: newRequestMetrics()}
	if s.witnesses, err = witnessKeys(cfg.Witnesses); err != nil {
		return nil, err
	}
	if s.metricsPage, err = newMetricsPage(cfg, s.requests); err != nil {
		return nil, err
	}
	engine, err := s.engine()
	if err != nil {
		return nil, err
	}
	var csrf http.CrossOriginProtection // no trusted origin, no exception
	csrf.SetDenyHandler(http.HandlerFunc(s.denyCrossOrigin))
	// Protection runs inside of the engine's outer wrap, so that refusals are logged too.
	s.handler = s.wrap(csrf.Handler(engine))
	s.startReviews()
	return s, nil
}

// witnessKeys reads the keys of those who may cosign.
func witnessKeys(vkeys []string) ([]evidence.Verifier, error) {
	list, err := evidence.NewVerifiers(vkeys...)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		if !evidence.IsWitness(v) {
			return nil, lieciba.Invalid("witnesses", "%s is the key of a log, not of a witness", v.Name())
		}
	}
	return list, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends discoveries, checks and reviews under way and waits for them. Idempotent.
func (s *Server) Close() error {
	s.viewings.close()
	s.discoveries.close()
	s.checks.close()
	return nil
}

// HTTPServer returns a server for h with the bounds that a server open to a
// network needs. Bodies and answers are bounded per request, because a segment
// may take long.
func HTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

func init() { gin.SetMode(gin.ReleaseMode) }

// engine registers the route table, and nothing else.
func (s *Server) engine() (*gin.Engine, error) {
	e := gin.New()
	if err := e.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	e.ForwardedByClientIP = false
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	for _, r := range s.routes() {
		e.Handle(r.method, r.path, s.serve(r.method, r.endpoint))
	}
	e.NoRoute(s.noRoute)
	return e, nil
}

// serve runs an endpoint: who asks, then its rule and its handler.
func (s *Server) serve(method string, e endpoint) gin.HandlerFunc {
	return func(g *gin.Context) {
		caller := g.Request.Context()
		bound := s.cfg.RequestTimeout
		if e.patient {
			bound = s.cfg.ProbeTimeout
		}
		if !e.endless {
			work := caller
			if method != http.MethodGet && !e.looks {
				work = context.WithoutCancel(caller)
			}
			ctx, cancel := context.WithTimeout(work, bound)
			defer cancel()
			g.Request = g.Request.WithContext(ctx)
		}
		c := s.begin(g)
		c.caller = caller
		if !e.open {
			if err := c.authenticate(); err != nil {
				c.fail(err)
				return
			}
			if err := c.admitAccount(); err != nil {
				c.fail(err)
				return
			}
		}
		if err := e.serve(c); err != nil {
			c.fail(err)
		}
	}
}

// noRoute answers unknown paths of the API to who is signed in, and leaves the
// rest to the pages.
func (s *Server) noRoute(g *gin.Context) {
	c := s.begin(g)
	method, path := g.Request.Method, g.Request.URL.Path
	if path != "/v1" && !strings.HasPrefix(path, "/v1/") {
		if method == http.MethodGet || method == http.MethodHead {
			g.Writer.WriteHeader(http.StatusOK) // gin starts an unknown route with 404
			s.cfg.UI.ServeHTTP(g.Writer, g.Request)
			return
		}
	} else if err := c.authenticate(); err != nil {
		c.fail(err)
		return
	}
	c.fail(lieciba.Errorf(lieciba.CodeNotFound, "there is no such address: see /v1/openapi.yaml"))
}

// begin makes the call of a request.
func (s *Server) begin(g *gin.Context) *call {
	c := &call{gin: g, server: s, now: s.cfg.Now(), caller: g.Request.Context()}
	if l := recordOf(g.Request); l != nil {
		l.call, c.requestID, l.route = c, l.id, g.FullPath() // gin reuses g after the request
	}
	return c
}
