package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"lieciba"
)

type healthView struct {
	OK     bool            `json:"ok"`
	Checks map[string]bool `json:"checks,omitempty"`
}

func (s *Server) healthz(c *call) error { return c.ok(healthView{OK: true}) }

// readiness remembers the last answer of catalogue and store for a moment:
// everybody may ask, and asking must not become work for the database.
type readiness struct {
	mu     sync.Mutex
	at     time.Time
	checks map[string]bool
}

func (r *readiness) ask(ctx context.Context, cfg Config, now time.Time) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks != nil && now.Sub(r.at) < cfg.ReadinessMaxAge && !now.Before(r.at) {
		return r.checks
	}
	// The caller may hang up; the answer is for all who wait.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	ping := func(name string, f func(context.Context) error) bool {
		err := f(ctx)
		if err != nil {
			cfg.Log.WarnContext(ctx, "not ready", "part", name, "error", err)
		}
		return err == nil
	}
	r.at = now
	r.checks = map[string]bool{"catalog": ping("catalog", cfg.Catalog.Ping), "media": ping("media", cfg.Media.Ping)}
	for name, part := range cfg.Parts {
		r.checks[name] = ping(name, part)
	}
	return r.checks
}

func (s *Server) readyz(c *call) error {
	checks := s.readiness.ask(c.ctx(), s.cfg, c.now)
	v := healthView{OK: true}
	for _, ok := range checks {
		v.OK = v.OK && ok
	}
	if c.authenticate() == nil {
		v.Checks = checks
	}
	status := http.StatusOK
	if !v.OK {
		status = http.StatusServiceUnavailable
	}
	c.gin.JSON(status, v)
	return nil
}

type systemView struct {
	Version   string         `json:"version"`
	Node      lieciba.NodeID `json:"node"`
	Catalog   string         `json:"catalog"`
	Media     string         `json:"media"`
	WriteOnce bool           `json:"write_once"`
	UI        bool           `json:"ui"`

	TLSFingerprint string `json:"tls_fingerprint"` // SHA-256 of the certificate; empty: a proxy ends TLS
}

func (s *Server) system(c *call) error {
	return c.ok(systemView{Version: s.cfg.Version, Node: s.cfg.Node, Catalog: s.cfg.Catalog.Name(),
		Media: s.cfg.Media.Name(), WriteOnce: s.cfg.Media.WriteOnce(), UI: s.cfg.UIBuilt, TLSFingerprint: s.cfg.TLSFingerprint()})
}

func (s *Server) openapi(c *call) error {
	c.gin.Data(http.StatusOK, "application/yaml", openapiDocument)
	return nil
}

func (s *Server) metrics(c *call) error {
	s.metricsPage.ServeHTTP(c.gin.Writer, c.gin.Request)
	return nil
}
