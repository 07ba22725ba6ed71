package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// FlowLife is how long a person may take at the provider.
const FlowLife = 10 * time.Minute

// leeway is how far the provider's clock may be from ours.
const leeway = time.Minute

// Flow is a sign-in under way. It is kept, sealed, by the browser that began it,
// and is good once.
type Flow struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // PKCE
	At       time.Time `json:"at"`
	Again    bool      `json:"again"` // the person must prove again that they are there
}

// Begin starts a sign-in: where to send the browser, and what it keeps. With
// again the provider asks the person anew, whoever is signed in there.
func (p *Provider) Begin(ctx context.Context, again bool, longest time.Duration) (string, Flow, error) {
	m, err := p.discover(ctx)
	if err != nil {
		return "", Flow{}, err
	}
	f := Flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), At: p.cfg.Now(), Again: again}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if again {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	} else { // max_age makes the provider tell auth_time (Core 1.0, 3.1.2.1)
		opts = append(opts, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(longest/time.Second))))
	}
	return p.oauth(m).AuthCodeURL(f.State, opts...), f, nil
}

// Person is who the provider says has signed in.
type Person struct {
	Subject   string // never changes, unique with the issuer
	SessionID string // the provider's sid; empty: it has none
	Name      string
	Username  string
	Email     string
	Groups    []string
	AuthTime  time.Time // when the provider last asked them; zero: it did not say
}

// Finish judges what the browser brought back to the callback. Errors are *Error.
func (p *Provider) Finish(ctx context.Context, f Flow, answer url.Values) (Person, error) {
	now := p.cfg.Now()
	switch {
	case f.State == "" || now.Sub(f.At) > FlowLife:
		return Person{}, refuse(ReasonFlow, nil)
	case !same(answer.Get("state"), f.State):
		return Person{}, refuse(ReasonState, nil)
	case answer.Has("iss") && answer.Get("iss") != p.cfg.Issuer:
		return Person{}, refuse(ReasonIssuer, nil)
	case answer.Has("error"):
		return Person{}, refuse(ReasonDenied, fmt.Errorf("the provider answered %q", answer.Get("error")))
	case answer.Get("code") == "":
		return Person{}, refuse(ReasonCode, nil)
	}
	m, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(m).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return Person{}, exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Person{}, refuse(ReasonToken, errors.New("the provider sent no ID token"))
	}
	id, err := m.verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, refuse(tokenReason(err), err)
	}
	return p.person(ctx, m, f, id, token)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// exchangeError tells a code that is no good from a provider that is.
func exchangeError(err error) error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) {
		return refuse(ReasonAway, err)
	}
	// The body may hold what it was asked with: only the code of the error goes on.
	cause := fmt.Errorf("the provider's token endpoint answered %d %q", answered.Response.StatusCode, answered.ErrorCode)
	if answered.ErrorCode == "invalid_grant" { // RFC 6749, 5.2
		return refuse(ReasonCode, cause)
	}
	return refuse(ReasonAway, cause)
}

// claims are those that we read of an ID token or of userinfo.
type claims struct {
	AuthorizedParty string `json:"azp"`
	AuthTime        int64  `json:"auth_time"`
	SessionID       string `json:"sid"`
	Name            string `json:"name"`
	Username        string `json:"preferred_username"`
	Email           string `json:"email"`
}

// person judges a verified ID token further (Core 1.0, 3.1.3.7) and reads it.
func (p *Provider) person(ctx context.Context, m *metadata, f Flow, id *oidc.IDToken, token *oauth2.Token) (Person, error) {
	var c claims
	if err := id.Claims(&c); err != nil {
		return Person{}, refuse(ReasonToken, err)
	}
	switch {
	case !same(id.Nonce, f.Nonce):
		return Person{}, refuse(ReasonNonce, nil)
	case len(id.Audience) > 1 && c.AuthorizedParty != p.cfg.ClientID:
		return Person{}, refuse(ReasonToken, errors.New("the token was made for another party"))
	}
	who := Person{Subject: id.Subject, SessionID: c.SessionID, Name: c.Name, Username: c.Username, Email: c.Email}
	if c.AuthTime > 0 {
		who.AuthTime = time.Unix(c.AuthTime, 0)
	}
	if f.Again && who.AuthTime.Before(f.At.Add(-leeway)) {
		return Person{}, refuse(ReasonStale, nil)
	}
	var all map[string]json.RawMessage
	if err := id.Claims(&all); err != nil {
		return Person{}, refuse(ReasonToken, err)
	}
	if _, told := all[p.cfg.GroupsClaim]; !told && m.provider.UserInfoEndpoint() != "" {
		if err := p.userInfo(ctx, m, token, &who, &all); err != nil {
			return Person{}, err
		}
	}
	who.Groups = groupsOf(all[p.cfg.GroupsClaim])
	return who, nil
}

// userInfo asks for the claims that the ID token does not hold (Core 1.0, 5.3).
func (p *Provider) userInfo(ctx context.Context, m *metadata, token *oauth2.Token, who *Person, all *map[string]json.RawMessage) error {
	info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return refuse(ReasonAway, err)
	}
	if info.Subject != who.Subject { // Core 1.0, 5.3.2
		return refuse(ReasonToken, errors.New("userinfo is about another person"))
	}
	var c claims
	if err := errors.Join(info.Claims(&c), info.Claims(all)); err != nil {
		return refuse(ReasonToken, err)
	}
	for have, told := range map[*string]string{&who.Name: c.Name, &who.Username: c.Username, &who.Email: c.Email} {
		if *have == "" {
			*have = told
		}
	}
	return nil
}

// groupsOf reads a claim that is a list of names or one name.
func groupsOf(raw json.RawMessage) []string {
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}
