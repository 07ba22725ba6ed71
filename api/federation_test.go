package api

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/api/oidc"
	"lieciba/api/oidc/oidctest"
)

// federated is a world whose people sign in with a provider that runs in the test.
type federated struct {
	*world
	theirs *oidctest.Provider
}

func newFederated(t *testing.T, options ...option) *federated {
	t.Helper()
	f := &federated{}
	f.world = newWorld(t, append([]option{func(c *Config) {
		f.theirs = oidctest.New(t, "lieciba", "the client's secret", c.Now)
		p, err := oidc.New(oidc.Config{Name: "Ministry", Issuer: f.theirs.Issuer(), ClientID: "lieciba", ClientSecret: "the client's secret",
			Redirect: "https://lieciba.test/v1/sign-in/oidc/callback", Now: c.Now, Groups: map[string]oidc.Membership{
				"appeals": {Roles: []lieciba.Role{lieciba.RoleReviewer}}, "security": {Roles: []lieciba.Role{lieciba.RoleSecurity}},
				"riga": {Roles: []lieciba.Role{lieciba.RoleSupervisor}, Sites: []string{"riga", "no-such-site"}}}})
		require.NoError(t, err)
		t.Cleanup(p.Close)
		c.Provider = p
	}}, options...)...)
	return f
}

// browser stops at each redirect.
func (f *federated) browser() *http.Client {
	b := f.world.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

func personOfTheirs(groups ...string) oidctest.Claims {
	return oidctest.Claims{"sub": "1", "preferred_username": "anna", "name": "Anna K", "groups": groups, "sid": "s1"}
}

// begin begins a sign-in, or a proof with the query proof=1, and returns where the
// browser is sent.
func (f *federated) begin(b *http.Client, query string) string {
	f.t.Helper()
	return f.do(request{method: "GET", path: "/v1/sign-in/oidc" + query, client: b}).want(303).header.Get("Location")
}

// finish brings back what the provider answered, and returns the reason of a
// refusal; empty: it came about.
func (f *federated) finish(b *http.Client, answer url.Values) string {
	f.t.Helper()
	a := f.do(request{method: "GET", path: "/v1/sign-in/oidc/callback?" + answer.Encode(), client: b}).want(303)
	to, err := url.Parse(a.header.Get("Location"))
	require.NoError(f.t, err)
	return to.Query().Get("sign_in_failed")
}

func (f *federated) signInOIDC(b *http.Client, groups ...string) string {
	f.t.Helper()
	return f.finish(b, f.theirs.Callback(f.begin(b, ""), personOfTheirs(groups...)))
}

func (f *federated) logout(token string) answer {
	f.t.Helper()
	return f.do(request{method: "POST", path: "/v1/sign-in/oidc/back-channel-logout", contentType: "application/x-www-form-urlencoded",
		body: url.Values{"logout_token": {token}}.Encode()})
}

func TestRolesComeFromGroupsAtEachSignIn(t *testing.T) {
	f := newFederated(t)
	f.ticks = true
	b := f.browser()
	require.Empty(t, f.signInOIDC(b, "appeals", "riga", "football"))
	me := f.me(b).want(200).json()
	require.Equal(t, []any{"reviewer", "supervisor"}, me["roles"])
	require.Equal(t, []any{string(f.own.site.ID)}, me["site_ids"], "a site that is not there is left out")
	require.Equal(t, false, me["local"])
	other := f.browser()
	require.Empty(t, f.signInOIDC(other, "security"))
	require.Equal(t, []any{"security"}, f.me(b).want(200).json()["roles"], "everywhere")
	require.Equal(t, "group", f.signInOIDC(f.browser(), "football"))
	f.me(b).want(401)
	require.Equal(t, "by oidc: group", f.audited("sign_in")[0].Detail)
}

// Nobody who has not signed in fills the evidence log: what anybody can cause
// leaves no entry, and failures of one address are recorded as often as wrong
// passwords are let through. Who has signed in with a browser before is not kept
// out by those who fail behind the same address.
func TestNobodyFillsTheEvidenceLog(t *testing.T) {
	const allowed = 4
	f := newFederated(t, func(c *Config) { c.Rates.Wrong = Rate{PerSecond: 0.001, Burst: allowed} })
	f.ticks = true
	known := f.browser()
	require.Empty(t, f.signInOIDC(known, "appeals"))
	count := func() int { return len(f.audited("sign_in")) }
	before := count()
	for range 3 {
		require.Equal(t, "flow", f.finish(f.browser(), url.Values{"code": {"x"}, "state": {"y"}}))
		b := f.browser()
		f.begin(b, "")
		require.Equal(t, "state", f.finish(b, url.Values{"code": {"x"}, "state": {"y"}}))
		f.do(request{method: "POST", path: "/v1/sign-in/passkey", body: map[string]any{"credential": map[string]any{}}}).refused(409, lieciba.CodeConflict, "")
	}
	require.Equal(t, before, count())

	guess := func(b *http.Client) string {
		to, err := url.Parse(f.begin(b, ""))
		require.NoError(t, err)
		return f.finish(b, url.Values{"code": {"guessed"}, "state": {to.Query().Get("state")}})
	}
	for range allowed {
		require.Equal(t, "code", guess(f.browser()))
	}
	asked := f.theirs.Asked("/token")
	for range 5 {
		require.Equal(t, "wait", guess(f.browser()))
	}
	require.Equal(t, asked, f.theirs.Asked("/token"), "the provider is not asked either")
	require.Equal(t, before+allowed, count())
	require.Equal(t, "code", guess(known))
	require.Equal(t, before+allowed, count(), "no entry beyond those")
	require.Empty(t, f.signInOIDC(known, "appeals"))
	f.signIn(f.browser(), "nobody", goodPassword).refused(429, lieciba.CodeRateLimited, "")
}

// Whom the provider signs in and nobody lets in here fills the evidence log as
// little as a stranger does, also with a browser that is not kept out.
func TestNobodyWhoIsKeptOutFillsTheEvidenceLog(t *testing.T) {
	const allowed = 4
	for why, x := range map[string]struct {
		group string
		taken int // entries of rights that were taken
		close bool
	}{
		"group":    {group: "football", taken: 1},
		"disabled": {group: "appeals", close: true},
	} {
		t.Run(why, func(t *testing.T) {
			f := newFederated(t, func(c *Config) { c.Rates.Wrong = Rate{PerSecond: 0.001, Burst: allowed} })
			f.ticks = true
			known := f.browser()
			require.Empty(t, f.signInOIDC(known, "appeals"))
			if x.close {
				u, err := f.catalog.UserBySubject(t.Context(), f.theirs.Issuer(), "1")
				require.NoError(t, err)
				u.Disabled = true
				require.NoError(t, f.catalog.PutUser(t.Context(), u))
			}
			before := len(f.audited("sign_in"))
			for range allowed + 3 {
				require.Equal(t, why, f.signInOIDC(known, x.group))
			}
			list := f.audited("sign_in")
			require.Len(t, list, before+allowed)
			require.Equal(t, []any{"forbidden", "by oidc: " + why}, []any{list[0].Outcome, list[0].Detail})
			require.Len(t, f.audited(string(lieciba.ActManageUsers)), x.taken)
			require.Equal(t, "wait", f.signInOIDC(f.browser(), x.group), "and a strange browser is kept out")
			f.me(known).want(401)
		})
	}
}

// A flow is spent by the sign-in that it led to, and by nothing else: places for
// what is spent are few.
func TestFlowIsSpentByItsSignIn(t *testing.T) {
	f := newFederated(t)
	f.theirs.Careless = true
	b := f.browser()
	answer := f.theirs.Callback(f.begin(b, ""), personOfTheirs("appeals"))
	kept := b.Jar.Cookies(f.address())
	restore := func() *http.Client { // as who has copied the browser's cookies
		b := f.browser()
		b.Jar.SetCookies(f.address(), kept)
		return b
	}
	wrong := url.Values{"code": {"guessed"}, "state": answer["state"]}
	require.Equal(t, "code", f.finish(restore(), wrong))
	require.Empty(t, f.server.used.seen)
	require.Empty(t, f.finish(restore(), answer))
	require.Len(t, f.server.used.seen, 1)
	require.Equal(t, "flow", f.finish(restore(), answer), "the provider took the code again")
}

// Signing out by the provider is not kept out by a crowd of sign-ins.
func TestLogoutHasPlacesOfItsOwn(t *testing.T) {
	f := newFederated(t)
	b := f.browser()
	require.Empty(t, f.signInOIDC(b, "appeals"))
	for n := len(f.server.used.seen); n < onceLimit; n++ {
		_, err := f.server.used.use(lieciba.NewID[string](start), start, start.Add(time.Hour))
		require.NoError(t, err)
	}
	require.Equal(t, "internal", f.signInOIDC(f.browser(), "appeals"))
	token := f.theirs.LogoutToken(oidctest.Claims{"sub": "1", "sid": "s1"})
	f.logout(token).want(200)
	f.me(b).want(401)
	f.logout(token).refused(400, lieciba.CodeInvalid, "logout_token")
	f.clock.add(sweepEvery + time.Hour)
	require.Empty(t, f.signInOIDC(b, "appeals"), "what is too old made room")
	require.Len(t, f.server.used.seen, 1)
}

// Bad logout tokens do not make the server ask the provider for its keys without end.
func TestBadLogoutTokensAreFew(t *testing.T) {
	f := newFederated(t)
	bad := f.theirs.Sign(oidctest.Claims{"alg": "RS256", "kid": "unknown"}, oidctest.Claims{"iss": f.theirs.Issuer()})
	for range logoutRate.Burst {
		f.logout(bad).refused(400, lieciba.CodeInvalid, "logout_token")
	}
	asked := f.theirs.Asked("/keys")
	a := f.logout(bad)
	a.refused(429, lieciba.CodeRateLimited, "")
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, asked, f.theirs.Asked("/keys"))
	f.clock.add(time.Second)
	f.logout(f.theirs.LogoutToken(oidctest.Claims{"sub": "1"})).want(200)
}

// A fresh proof with the provider reads the groups again: who has left theirs
// proves nothing, and loses what was open.
func TestProofWithTheProviderReadsTheGroups(t *testing.T) {
	f := newFederated(t)
	b := f.browser()
	require.Empty(t, f.signInOIDC(b, "appeals"))
	prove := func(groups ...string) string {
		return f.finish(b, f.theirs.Callback(f.begin(b, "?proof=1&to=/requests"), personOfTheirs(groups...)))
	}
	f.clock.add(lieciba.FreshFor)
	require.Empty(t, prove("security"))
	me := f.me(b).want(200).json()
	require.Equal(t, []any{"security"}, me["roles"])
	require.Equal(t, f.clock.Now().Format(time.RFC3339), me["sign_in"].(map[string]any)["fresh_at"])
	require.Equal(t, "other", f.finish(b, f.theirs.Callback(f.begin(b, "?proof=1"), oidctest.Claims{"sub": "2", "groups": []string{"security"}})))
	require.Equal(t, "group", prove("football"))
	f.me(b).want(401)
	u, err := f.catalog.UserBySubject(t.Context(), f.theirs.Issuer(), "1")
	require.NoError(t, err)
	require.Empty(t, u.Roles)
}

// A sign-in with the provider may be made to end sooner than others.
func TestSignInWithTheProviderEndsSooner(t *testing.T) {
	f := newFederated(t, func(c *Config) { c.ProviderTimeout, c.IdleTimeout = time.Hour, 2*time.Hour })
	b := f.browser()
	to, err := url.Parse(f.begin(b, ""))
	require.NoError(t, err)
	require.Equal(t, "3600", to.Query().Get("max_age"), "nor does an older sign-in there count")
	require.Empty(t, f.signInOIDC(b, "appeals"))
	f.clock.add(time.Hour - time.Second)
	f.me(b).want(200)
	f.clock.add(time.Second)
	f.me(b).want(401)
}
