package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/api/oidc/oidctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 18, 6, 30, 0, 0, time.UTC)

const secret = "the client's secret, of the test only"

// newProvider is ours and the one that it talks to, at one standing clock.
func newProvider(t *testing.T, change ...func(*Config)) (*Provider, *oidctest.Provider) {
	t.Helper()
	theirs := oidctest.New(t, "lieciba", secret, func() time.Time { return start })
	cfg := Config{Name: "Ministry", Issuer: theirs.Issuer(), ClientID: "lieciba", ClientSecret: secret, Redirect: "https://lieciba.test/callback",
		AfterLogout: "https://lieciba.test/", Now: func() time.Time { return start },
		Groups: map[string]Membership{"appeals": {Roles: []lieciba.Role{lieciba.RoleReviewer}}}}
	for _, c := range change {
		c(&cfg)
	}
	p, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p, theirs
}

var anna = oidctest.Claims{"sub": "1", "preferred_username": "Anna.K", "name": "Anna K", "groups": []string{"appeals"}, "sid": "s1"}

func reasonOf(err error) Reason {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return ""
}

func TestSignInWithTheProvider(t *testing.T) {
	p, theirs := newProvider(t)
	to, flow, err := p.Begin(t.Context(), false, 12*time.Hour)
	require.NoError(t, err)
	at, err := url.Parse(to)
	require.NoError(t, err)
	require.Equal(t, "43200", at.Query().Get("max_age"))
	require.NotContains(t, to, flow.Verifier)
	who, err := p.Finish(t.Context(), flow, theirs.Callback(to, anna))
	require.NoError(t, err)
	require.Equal(t, Person{Subject: "1", SessionID: "s1", Name: "Anna K", Username: "Anna.K", Groups: []string{"appeals"},
		AuthTime: time.Unix(start.Unix(), 0)}, who)
	require.Equal(t, "anna.k", who.Login())
	require.Equal(t, 1, theirs.Asked("/.well-known/openid-configuration"), "the metadata is asked for once")
}

// Every way in which what comes back is not what was asked for has its reason.
func TestAnswersThatAreRefused(t *testing.T) {
	type change func(f *Flow, answer url.Values, p *oidctest.Provider)
	claims := func(set oidctest.Claims) change {
		return func(_ *Flow, _ url.Values, p *oidctest.Provider) {
			p.Change = func(_, claims oidctest.Claims) {
				for name, v := range set {
					claims[name] = v
				}
			}
		}
	}
	for name, x := range map[string]struct {
		spoil change
		want  Reason
	}{
		"no flow of this browser":   {func(f *Flow, _ url.Values, _ *oidctest.Provider) { *f = Flow{} }, ReasonFlow},
		"a flow that took too long": {func(f *Flow, _ url.Values, _ *oidctest.Provider) { f.At = f.At.Add(-FlowLife - time.Second) }, ReasonFlow},
		"another state":             {func(_ *Flow, a url.Values, _ *oidctest.Provider) { a.Set("state", "planted") }, ReasonState},
		"another provider's answer": {func(_ *Flow, a url.Values, _ *oidctest.Provider) { a.Set("iss", "https://evil.test") }, ReasonIssuer},
		"the person said no":        {func(_ *Flow, a url.Values, _ *oidctest.Provider) { a.Set("error", "access_denied") }, ReasonDenied},
		"no code":                   {func(_ *Flow, a url.Values, _ *oidctest.Provider) { a.Del("code") }, ReasonCode},
		"a code of somebody else":   {func(_ *Flow, a url.Values, _ *oidctest.Provider) { a.Set("code", "guessed") }, ReasonCode},
		"another verifier":          {func(f *Flow, _ url.Values, _ *oidctest.Provider) { f.Verifier += "x" }, ReasonCode},
		"another client's secret":   {func(_ *Flow, _ url.Values, p *oidctest.Provider) { p.Secret = "changed" }, ReasonAway},
		"another nonce":             {claims(oidctest.Claims{"nonce": "another"}), ReasonNonce},
		"an expired token":          {claims(oidctest.Claims{"exp": start.Add(-time.Second).Unix()}), ReasonExpired},
		"another issuer":            {claims(oidctest.Claims{"iss": "https://evil.test"}), ReasonToken},
		"another audience":          {claims(oidctest.Claims{"aud": "another"}), ReasonToken},
		"made for another of two":   {claims(oidctest.Claims{"aud": []string{"lieciba", "other"}, "azp": "other"}), ReasonToken},
		"an unsigned token": {func(_ *Flow, _ url.Values, p *oidctest.Provider) {
			p.Change = func(h, _ oidctest.Claims) { h["alg"] = "none" }
		}, ReasonToken},
		"signed by symmetric key": {func(_ *Flow, _ url.Values, p *oidctest.Provider) {
			p.Change = func(h, _ oidctest.Claims) { h["alg"] = "HS256" }
		}, ReasonToken},
		"a key nobody knows": {func(_ *Flow, _ url.Values, p *oidctest.Provider) {
			p.Change = func(h, _ oidctest.Claims) { h["kid"] = "2" }
		}, ReasonToken},
		"userinfo of another person": {func(_ *Flow, _ url.Values, p *oidctest.Provider) {
			p.Info = oidctest.Claims{"sub": "2", "groups": "appeals"}
		}, ReasonToken},
	} {
		t.Run(name, func(t *testing.T) {
			p, theirs := newProvider(t)
			person := anna
			if name == "userinfo of another person" {
				person = oidctest.Claims{"sub": "1"}
				theirs.Info = oidctest.Claims{}
			}
			to, flow, err := p.Begin(t.Context(), false, time.Hour)
			require.NoError(t, err)
			answer := theirs.Callback(to, person)
			x.spoil(&flow, answer, theirs)
			_, err = p.Finish(t.Context(), flow, answer)
			require.Equal(t, x.want, reasonOf(err), "%v", err)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

// A code is good once, also at the provider of these tests.
func TestCodeIsGoodOnce(t *testing.T) {
	p, theirs := newProvider(t)
	to, flow, err := p.Begin(t.Context(), false, time.Hour)
	require.NoError(t, err)
	answer := theirs.Callback(to, anna)
	_, err = p.Finish(t.Context(), flow, answer)
	require.NoError(t, err)
	_, err = p.Finish(t.Context(), flow, answer)
	require.Equal(t, ReasonCode, reasonOf(err))
}

// A proof of presence is one only if the provider asked the person after it was
// sent for.
func TestProofNeedsThatThePersonWasAskedAgain(t *testing.T) {
	p, theirs := newProvider(t)
	to, flow, err := p.Begin(t.Context(), true, time.Hour)
	require.NoError(t, err)
	at, err := url.Parse(to)
	require.NoError(t, err)
	require.Equal(t, "login", at.Query().Get("prompt"))
	require.Equal(t, "0", at.Query().Get("max_age"))
	for _, before := range []time.Duration{leeway + time.Second, 0} {
		theirs.Change = func(_, claims oidctest.Claims) { claims["auth_time"] = start.Add(-before).Unix() }
		_, err = p.Finish(t.Context(), flow, theirs.Callback(to, anna))
		if before > leeway {
			require.Equal(t, ReasonStale, reasonOf(err))
			continue
		}
		require.NoError(t, err)
	}
}

// Groups that the token does not hold are asked of userinfo.
func TestGroupsOfUserInfo(t *testing.T) {
	p, theirs := newProvider(t)
	theirs.Info = oidctest.Claims{"sub": "1", "groups": "appeals", "preferred_username": "anna", "email": "anna@example.lv"}
	to, flow, err := p.Begin(t.Context(), false, time.Hour)
	require.NoError(t, err)
	who, err := p.Finish(t.Context(), flow, theirs.Callback(to, oidctest.Claims{"sub": "1", "name": "Anna K"}))
	require.NoError(t, err)
	require.Equal(t, []string{"appeals"}, who.Groups)
	require.Equal(t, "Anna K", who.Name)
	require.Equal(t, "anna@example.lv", who.Email)
	require.Equal(t, []lieciba.Role{lieciba.RoleReviewer}, p.Membership(append(who.Groups, "football")).Roles)
}

// A provider that hangs keeps nobody for longer than they want to wait, is asked
// once for all who wait, and is known to all of them when it answers.
func TestProviderThatHangs(t *testing.T) {
	p, theirs := newProvider(t)
	hang, reached := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(reached) })
	theirs.Before = func(path string) {
		if path == "/.well-known/openid-configuration" {
			once()
			<-hang
		}
	}
	waits := make(chan error, 8)
	for range cap(waits) {
		go func() {
			_, _, err := p.Begin(t.Context(), false, time.Hour)
			waits <- err
		}()
	}
	<-reached
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := p.Begin(ended, false, time.Hour)
	require.Equal(t, ReasonAway, reasonOf(err))
	require.Empty(t, p.LogoutURL(ended))
	close(hang)
	for range cap(waits) {
		require.NoError(t, <-waits)
	}
	require.Equal(t, 1, theirs.Asked("/.well-known/openid-configuration"))
	require.Equal(t, theirs.Issuer()+"/logout?client_id=lieciba&of=this&post_logout_redirect_uri=https%3A%2F%2Flieciba.test%2F", p.LogoutURL(t.Context()))
}

// A provider that is down is asked again after a while, and not at each request;
// one that is closed meanwhile ends what waits for it.
func TestProviderThatIsDown(t *testing.T) {
	now := start
	p, theirs := newProvider(t, func(c *Config) { c.Now = func() time.Time { return now } })
	theirs.Stop()
	for range 3 {
		_, _, err := p.Begin(t.Context(), false, time.Hour)
		require.Equal(t, ReasonAway, reasonOf(err))
	}
	failed := p.failed
	now = now.Add(p.cfg.Retry)
	_, _, err := p.Begin(t.Context(), false, time.Hour)
	require.Equal(t, ReasonAway, reasonOf(err))
	require.NotSame(t, failed, p.failed, "asked again")
	now = now.Add(p.cfg.Retry)
	p.Close()
	_, _, err = p.Begin(t.Context(), false, time.Hour)
	require.Equal(t, ReasonAway, reasonOf(err))
}

func TestLogoutTokens(t *testing.T) {
	p, theirs := newProvider(t)
	ended, err := p.Logout(t.Context(), theirs.LogoutToken(oidctest.Claims{"sub": "1", "sid": "s1", "jti": "j1"}))
	require.NoError(t, err)
	require.Equal(t, Ended{Subject: "1", SessionID: "s1", TokenID: "j1", Expires: time.Unix(start.Unix(), 0).Add(logoutLife + leeway)}, ended)
	for name, change := range map[string]oidctest.Claims{
		"without whom":        {},
		"without its event":   {"sub": "1", "events": nil},
		"without jti":         {"sub": "1", "jti": nil},
		"with a nonce":        {"sub": "1", "nonce": "n"},
		"of another client":   {"sub": "1", "aud": "another"},
		"of another provider": {"sub": "1", "iss": "https://evil.test"},
	} {
		_, err := p.Logout(t.Context(), theirs.LogoutToken(change))
		require.Equal(t, ReasonToken, reasonOf(err), name)
	}
	for name, change := range map[string]oidctest.Claims{
		"expired":                              {"sub": "1", "exp": start.Add(-time.Second).Unix()},
		"issued long ago, for ever good":       {"sub": "1", "iat": start.Add(-logoutLife - time.Second).Unix(), "exp": start.AddDate(1, 0, 0).Unix()},
		"without iat, so nobody knows how old": {"sub": "1", "iat": nil},
	} {
		_, err := p.Logout(t.Context(), theirs.LogoutToken(change))
		require.Equal(t, ReasonExpired, reasonOf(err), name)
	}
	id := theirs.Sign(oidctest.Claims{"alg": "RS256", "kid": "1"}, oidctest.Claims{"iss": theirs.Issuer(), "aud": "lieciba", "sub": "1",
		"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(), "jti": "id", "nonce": "n"})
	_, err = p.Logout(t.Context(), id)
	require.Equal(t, ReasonToken, reasonOf(err), "an ID token")
}

// The secret is sent in the one way that the provider takes, and a code once.
func TestSecretIsSentInOneWay(t *testing.T) {
	for name, inBody := range map[string]bool{"in a header": false, "in the body": true} {
		p, theirs := newProvider(t)
		theirs.InBody = inBody
		to, flow, err := p.Begin(t.Context(), false, time.Hour)
		require.NoError(t, err)
		answer := theirs.Callback(to, anna)
		_, err = p.Finish(t.Context(), flow, answer)
		require.NoError(t, err, name)
		_, err = p.Finish(t.Context(), flow, answer)
		require.Equal(t, ReasonCode, reasonOf(err), name)
		require.Equal(t, 2, theirs.Asked("/token"), name)
	}
	p, theirs := newProvider(t, func(c *Config) { c.ClientSecret = "" })
	theirs.Secret = ""
	to, flow, err := p.Begin(t.Context(), false, time.Hour)
	require.NoError(t, err)
	_, err = p.Finish(t.Context(), flow, theirs.Callback(to, anna))
	require.NoError(t, err, "a public client")
}

// A token endpoint that answers nonsense is told from a code that is no good, and
// the log does not get what it was asked with.
func TestTokenEndpointThatIsBroken(t *testing.T) {
	p, theirs := newProvider(t)
	to, flow, err := p.Begin(t.Context(), false, time.Hour)
	require.NoError(t, err)
	for body, want := range map[string]Reason{`{"error":"server_error","error_description":"` + secret + `"}`: ReasonAway, "<html>": ReasonAway,
		`{"error":"invalid_grant"}`: ReasonCode} {
		theirs.Token = func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(body))
			return true
		}
		_, err = p.Finish(t.Context(), flow, theirs.Callback(to, anna))
		require.Equal(t, want, reasonOf(err), body)
		require.NotContains(t, err.Error(), secret)
	}
	theirs.Token = func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"a","token_type":"Bearer"}`))
		return true
	}
	_, err = p.Finish(t.Context(), flow, theirs.Callback(to, anna))
	require.Equal(t, ReasonToken, reasonOf(err), "no ID token")
}

func TestLoginsOfPeople(t *testing.T) {
	for _, x := range []struct {
		who  Person
		want string
	}{
		{Person{Username: "Anna.K@ministry.lv"}, "anna.k"},
		{Person{Username: "Jānis Bērziņš"}, "j-nis-b-rzi--"},
		{Person{Email: "berta@example.lv"}, "berta"},
		{Person{Username: "120385-12345", Email: "carla@example.lv"}, "carla"}, // a personal code is never stored
		{Person{Username: "..."}, ""},
	} {
		require.Equal(t, x.want, x.who.Login())
	}
}

func TestConfigOfAProvider(t *testing.T) {
	good := Config{Issuer: "https://p.test", ClientID: "lieciba", Redirect: "https://l.test/c", Groups: map[string]Membership{"a": {}}}
	for name, spoil := range map[string]func(*Config){
		"Issuer": func(c *Config) { c.Issuer = "" }, "ClientID": func(c *Config) { c.ClientID = "" },
		"Redirect": func(c *Config) { c.Redirect = "" }, "groups": func(c *Config) { c.Groups = nil },
	} {
		cfg := good
		spoil(&cfg)
		_, err := New(cfg)
		require.ErrorContains(t, err, name)
	}
}
