package oidc

import (
	"context"
	"errors"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// metadata is what the provider told of itself (OpenID Connect Discovery 1.0, 3).
type metadata struct {
	provider   *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	EndSession string `json:"end_session_endpoint"`
	// AuthMethods of the token endpoint; none: client_secret_basic.
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
}

// authStyle is how the client's secret is sent. It is not tried out, as a code that
// is no good would then be asked twice, and the secret be sent in both ways.
func (m *metadata) authStyle(secret string) oauth2.AuthStyle {
	basic := len(m.AuthMethods) == 0 || slices.Contains(m.AuthMethods, "client_secret_basic")
	if secret != "" && basic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// question is one request for the metadata; all who need it wait for the same.
type question struct {
	done  chan struct{} // closed with the fields below set
	known *metadata
	err   error
}

// discover returns what the provider told, asking it at the first need and again
// some time after a failure. ReasonAway when it does not answer, or not before ctx
// ends: a provider that hangs keeps nobody for longer than they want to wait.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	q, known, err := p.ask()
	if q == nil {
		return known, err
	}
	select {
	case <-q.done:
		return q.known, q.err
	case <-ctx.Done():
		return nil, refuse(ReasonAway, ctx.Err())
	}
}

// ask returns what is known, the last failure, or else the question under way,
// which it begins.
func (p *Provider) ask() (*question, *metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.known != nil:
		return nil, p.known, nil
	case p.failed != nil && p.cfg.Now().Before(p.retryAt):
		return nil, nil, p.failed
	case p.life.Err() != nil:
		return nil, nil, refuse(ReasonAway, errors.New("this server is about to stop"))
	case p.asked == nil:
		q := &question{done: make(chan struct{})}
		p.asked = q
		p.asking.Go(func() { p.answer(q) })
	}
	return p.asked, nil, nil
}

// answer carries a question out. Each request of the client has its timeout.
func (p *Provider) answer(q *question) {
	m := &metadata{}
	var err error
	if m.provider, err = oidc.NewProvider(oidc.ClientContext(p.life, p.client), p.cfg.Issuer); err == nil {
		err = m.provider.Claims(m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		m.verifier = m.provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now})
		p.known, p.failed, q.known = m, nil, m
	} else {
		p.failed, p.retryAt = refuse(ReasonAway, err), p.cfg.Now().Add(p.cfg.Retry)
		q.err = p.failed
	}
	p.asked = nil
	close(q.done)
}
