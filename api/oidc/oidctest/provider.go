// Package oidctest runs an OpenID provider inside of a test: metadata, keys, the
// token endpoint with PKCE, userinfo and logout tokens, over real HTTP. What a
// person would do at its pages is a call, so that no test needs a browser.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Claims of a token, by their names in JSON.
type Claims = map[string]any

// Provider is an OpenID provider. The fields may be changed between requests.
// Safe for concurrent use.
type Provider struct {
	Now      func() time.Time
	Client   string // the only one that is registered
	Secret   string
	Careless bool                           // a code is good for ever
	InBody   bool                           // the secret is sent in the body, and not in a header
	Info     Claims                         // of userinfo; nil: no such endpoint
	Before   func(path string)              // is called at each request; nil: nothing
	Change   func(header, claims Claims)    // spoils each ID token; nil: nothing
	Token    func(http.ResponseWriter) bool // answers in place of the token endpoint if true; nil: never

	t    *testing.T
	key  *rsa.PrivateKey
	http *httptest.Server

	mu    sync.Mutex
	codes map[string]granted
	asked map[string]int // requests by path
}

type granted struct {
	challenge string
	claims    Claims
}

// New starts a provider that ends with the test.
func New(t *testing.T, client, secret string, now func() time.Time) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{Now: now, Client: client, Secret: secret, t: t, key: key, codes: map[string]granted{}, asked: map[string]int{}}
	p.http = httptest.NewServer(p)
	t.Cleanup(p.http.Close)
	return p
}

// Issuer is the provider's address.
func (p *Provider) Issuer() string { return p.http.URL }

// Stop ends the provider: it does not answer any more.
func (p *Provider) Stop() { p.http.Close() }

// Asked tells how many requests came for a path.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// Callback is what the browser brings back when the person has signed in at the
// address that it was sent to.
func (p *Provider) Callback(sentTo string, person Claims) url.Values {
	p.t.Helper()
	at, err := url.Parse(sentTo)
	if err != nil {
		p.t.Fatal(err)
	}
	q := at.Query()
	if q.Get("client_id") != p.Client || q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
		p.t.Fatalf("the provider was asked for something else: %s", sentTo)
	}
	now := p.Now()
	claims := Claims{"iss": p.Issuer(), "aud": p.Client, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"auth_time": now.Unix(), "nonce": q.Get("nonce")}
	maps.Copy(claims, person)
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = granted{q.Get("code_challenge"), claims}
	p.mu.Unlock()
	return url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.Issuer()}}
}

// LogoutToken signs a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4);
// claims take the place of its own, and nil removes one.
func (p *Provider) LogoutToken(change Claims) string {
	now := p.Now()
	claims := Claims{"iss": p.Issuer(), "aud": p.Client, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": Claims{"http://schemas.openid.net/event/backchannel-logout": Claims{}}}
	for name, v := range change {
		if v == nil {
			delete(claims, name)
			continue
		}
		claims[name] = v
	}
	return p.Sign(Claims{"alg": "RS256", "kid": "1", "typ": "logout+jwt"}, claims)
}

// Sign makes a JWT with RS256, whatever the header says (RFC 7515, 3.1).
func (p *Provider) Sign(header, claims Claims) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	p.mu.Unlock()
	if p.Before != nil {
		p.Before(r.URL.Path)
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.metadata(w)
	case "/keys":
		key := Claims{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": base64.RawURLEncoding.EncodeToString(p.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.key.E)).Bytes())}
		p.answer(w, http.StatusOK, Claims{"keys": []Claims{key}})
	case "/token":
		p.token(w, r)
	case "/userinfo":
		if p.Info == nil || r.Header.Get("Authorization") != "Bearer the access token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.answer(w, http.StatusOK, p.Info)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) metadata(w http.ResponseWriter) {
	m := Claims{"issuer": p.Issuer(), "authorization_endpoint": p.Issuer() + "/authorize", "token_endpoint": p.Issuer() + "/token",
		"jwks_uri": p.Issuer() + "/keys", "end_session_endpoint": p.Issuer() + "/logout?of=this", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"}}
	if p.InBody {
		m["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	}
	if p.Info != nil {
		m["userinfo_endpoint"] = p.Issuer() + "/userinfo"
	}
	p.answer(w, http.StatusOK, m)
}

// token gives out an ID token for a code, once, to who has the verifier (RFC 7636, 4.6).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if p.Token != nil && p.Token(w) {
		return
	}
	if err := r.ParseForm(); err != nil {
		p.answer(w, http.StatusBadRequest, Claims{"error": "invalid_request"})
		return
	}
	p.mu.Lock()
	g, known := p.codes[r.PostForm.Get("code")]
	if !p.Careless {
		delete(p.codes, r.PostForm.Get("code"))
	}
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case !p.knows(r):
		p.answer(w, http.StatusUnauthorized, Claims{"error": "invalid_client"})
		return
	case !known || strings.TrimRight(base64.URLEncoding.EncodeToString(sum[:]), "=") != g.challenge:
		p.answer(w, http.StatusBadRequest, Claims{"error": "invalid_grant"})
		return
	}
	header := Claims{"alg": "RS256", "kid": "1", "typ": "JWT"}
	if p.Change != nil {
		p.Change(header, g.claims)
	}
	out := Claims{"access_token": "the access token", "token_type": "Bearer", "expires_in": 60, "id_token": p.Sign(header, g.claims)}
	p.answer(w, http.StatusOK, out)
}

// knows reports whether the client proved who it is, in one of the two ways, or is
// one without a secret.
func (p *Provider) knows(r *http.Request) bool {
	if p.InBody || p.Secret == "" {
		_, _, header := r.BasicAuth()
		return !header && r.PostForm.Get("client_id") == p.Client && r.PostForm.Get("client_secret") == p.Secret
	}
	id, secret, _ := r.BasicAuth() // both are encoded as in a form (RFC 6749, 2.3.1)
	return !r.PostForm.Has("client_secret") && id == url.QueryEscape(p.Client) && secret == url.QueryEscape(p.Secret)
}

func (p *Provider) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Log(err) // who asked has left
	}
}
