package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"lieciba"
)

// Config of a Provider. Fields without a default are required unless they say otherwise.
type Config struct {
	Name         string // for the button
	Issuer       string
	ClientID     string
	ClientSecret string   // empty: a public client, which PKCE alone protects
	Redirect     string   // of the callback, absolute
	AfterLogout  string   // where the provider sends people who signed out, absolute
	Scopes       []string // beside openid; nil: profile
	GroupsClaim  string   // empty: groups
	Groups       map[string]Membership
	Timeout      time.Duration // of one request to the provider; 0: 10 s
	Retry        time.Duration // a provider that was down is asked again after; 0: 5 s
	Now          func() time.Time
}

// Provider signs people in. Safe for concurrent use.
type Provider struct {
	cfg    Config
	client *http.Client

	mu      sync.Mutex
	known   *metadata
	failed  error
	retryAt time.Time
}

// metadata is what the provider told of itself (OpenID Connect Discovery 1.0, 3).
type metadata struct {
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	EndSession string `json:"end_session_endpoint"`
}

// New checks a Config. It does not talk to the provider.
func New(cfg Config) (*Provider, error) {
	for name, s := range map[string]string{"Issuer": cfg.Issuer, "ClientID": cfg.ClientID, "Redirect": cfg.Redirect} {
		if s == "" {
			return nil, errors.New("oidc: Config." + name + " is missing")
		}
	}
	if len(cfg.Groups) == 0 {
		return nil, lieciba.Invalid("sign_in.oidc.groups", "name at least one group and its roles: without it nobody may sign in")
	}
	if cfg.Scopes == nil {
		cfg.Scopes = []string{"profile"}
	}
	if cfg.GroupsClaim == "" {
		cfg.GroupsClaim = "groups"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Retry == 0 {
		cfg.Retry = 5 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Provider{cfg: cfg, client: &http.Client{Timeout: cfg.Timeout, Transport: transport()}}, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.IdleConnTimeout = 2, time.Minute
	return t
}

// Name is what people call the provider.
func (p *Provider) Name() string { return p.cfg.Name }

// Issuer names the provider in accounts.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// Close ends idle connections. Idempotent.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// discover returns what the provider told, asking it at the first need and again
// some time after a failure. ReasonAway when it does not answer.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	if p.failed != nil && p.cfg.Now().Before(p.retryAt) {
		return nil, p.failed
	}
	m := &metadata{}
	var err error
	if m.provider, err = oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.cfg.Issuer); err == nil {
		err = m.provider.Claims(m)
	}
	if err != nil {
		p.failed, p.retryAt = refuse(ReasonAway, err), p.cfg.Now().Add(p.cfg.Retry)
		return nil, p.failed
	}
	m.verifier = m.provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now})
	p.known, p.failed = m, nil
	return m, nil
}

func (p *Provider) oauth(m *metadata) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: m.provider.Endpoint(),
		RedirectURL: p.cfg.Redirect, Scopes: slices.Concat([]string{oidc.ScopeOpenID}, p.cfg.Scopes)}
}

// LogoutURL is where a browser ends its session with the provider too
// (OpenID Connect RP-Initiated Logout 1.0, 2); empty when the provider has no
// such address, or does not answer: our own sign-out holds without it.
func (p *Provider) LogoutURL(ctx context.Context) string {
	m, err := p.discover(ctx)
	if err != nil || m.EndSession == "" {
		return ""
	}
	u, err := url.Parse(m.EndSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.cfg.ClientID)
	if p.cfg.AfterLogout != "" {
		q.Set("post_logout_redirect_uri", p.cfg.AfterLogout)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Ended is what a logout token ends: a session of the provider, or all of a person's.
type Ended struct {
	Subject, SessionID string // not both empty
	TokenID            string // jti; good once
	Expires            time.Time
}

// Logout judges a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6).
// That its ID was not seen before is the caller's to check.
func (p *Provider) Logout(ctx context.Context, raw string) (Ended, error) {
	m, err := p.discover(ctx)
	if err != nil {
		return Ended{}, err
	}
	t, err := m.verifier.VerifyLogout(oidc.ClientContext(ctx, p.client), raw)
	if err != nil {
		return Ended{}, refuse(tokenReason(err), err)
	}
	if t.TokenID == "" {
		return Ended{}, refuse(ReasonToken, errors.New("the logout token has no jti"))
	}
	return Ended{Subject: t.Subject, SessionID: t.SessionID, TokenID: t.TokenID, Expires: t.Expiry}, nil
}

func tokenReason(err error) Reason {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return ReasonExpired
	}
	return ReasonToken
}
