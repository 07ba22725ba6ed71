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

	life   context.Context // of questions to the provider; ends with Close
	end    context.CancelFunc
	asking sync.WaitGroup

	mu      sync.Mutex
	known   *metadata
	failed  error
	retryAt time.Time
	asked   *question // under way; nil: none
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
	p := &Provider{cfg: cfg, client: &http.Client{Timeout: cfg.Timeout, Transport: transport()}}
	p.life, p.end = context.WithCancel(context.Background())
	return p, nil
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

// Close ends what is asked of the provider, waits for it, and ends idle
// connections. Idempotent.
func (p *Provider) Close() {
	p.mu.Lock()
	p.end() // after it no question begins
	p.mu.Unlock()
	p.asking.Wait()
	p.client.CloseIdleConnections()
}

func (p *Provider) oauth(m *metadata) *oauth2.Config {
	at := m.provider.Endpoint()
	at.AuthStyle = m.authStyle(p.cfg.ClientSecret)
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: at,
		RedirectURL: p.cfg.Redirect, Scopes: slices.Concat([]string{oidc.ScopeOpenID}, p.cfg.Scopes)}
}

// logoutWait bounds how long a sign-out waits for a provider that was never asked.
const logoutWait = 2 * time.Second

// LogoutURL is where a browser ends its session with the provider too
// (OpenID Connect RP-Initiated Logout 1.0, 2); empty when the provider has no
// such address, or does not answer soon: our own sign-out holds without it.
func (p *Provider) LogoutURL(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, logoutWait)
	defer cancel()
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
	Subject, SessionID string    // not both empty
	TokenID            string    // jti; good once
	Expires            time.Time // until when TokenID must be remembered
}

// logoutLife is how old a logout token may be, whatever its exp says: that long
// its ID is remembered, and no longer.
const logoutLife = 10 * time.Minute

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
	if p.cfg.Now().Sub(t.IssuedAt) > logoutLife {
		return Ended{}, refuse(ReasonExpired, errors.New("the logout token was issued too long ago"))
	}
	return Ended{Subject: t.Subject, SessionID: t.SessionID, TokenID: t.TokenID, Expires: t.IssuedAt.Add(logoutLife + leeway)}, nil
}

func tokenReason(err error) Reason {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return ReasonExpired
	}
	return ReasonToken
}
