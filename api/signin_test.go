package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/api/oidc"
)

const goodPassword = "trīs baltas kazas"

// browser is a client with a cookie jar, and with what browsers send.
func (w *world) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &http.Client{Jar: jar}
}

func (w *world) signIn(client *http.Client, login, plain string) answer {
	w.t.Helper()
	return w.do(request{method: "POST", path: "/v1/sign-in", body: map[string]any{"login": login, "password": plain}, client: client})
}

func (w *world) me(client *http.Client) answer {
	w.t.Helper()
	return w.do(request{method: "GET", path: "/v1/me", client: client})
}

func cookieOf(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	require.NoError(t, err)
	return c
}

func TestSignInAndOut(t *testing.T) {
	w := newWorld(t)
	u := w.user("anna", goodPassword, []lieciba.SiteID{w.own.site.ID}, lieciba.RoleSupervisor)
	b := w.browser()
	a := w.signIn(b, "Anna", goodPassword).want(200) // logins are lower case, people are not
	in, err := w.catalog.SignIn(t.Context(), sha256.Sum256([]byte(cookieOf(t, a).Value)))
	require.NoError(t, err, "only the SHA-256 is kept")
	got := a.json()
	require.Equal(t, string(in.ID), got["sign_in"].(map[string]any)["id"])
	delete(got, "sign_in")
	require.Equal(t, map[string]any{"id": string(u.ID), "name": "Name of anna", "login": "anna", "machine": false,
		"roles": []any{"supervisor"}, "site_ids": []any{string(w.own.site.ID)},
		"acts": []any{"view_sites", "view_cameras", "view_sessions", "view_exam", "start_session", "watch_live", "watch_archive", "ask_grant", "view_requests",
			"mark_incident", "run_part", "check_readiness", "confirm_cancel", "link_session"},
		"must_change": false, "local": true, "prove_by": []any{"passkey", "password"}}, got)
	c := cookieOf(t, a)
	require.Equal(t, "lieciba_session", c.Name)
	require.True(t, c.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.False(t, c.Secure, "plain HTTP on loopback")
	require.Len(t, c.Value, 43, "256 bits")
	require.Equal(t, start.Add(12*time.Hour), in.ExpiresAt)

	w.me(b).want(200)
	w.do(request{method: "POST", path: "/v1/sign-out", client: b}).want(204)
	w.me(b).refused(401, "unauthenticated", "")
	stolen := http.Header{"Cookie": {"lieciba_session=" + c.Value}}
	w.do(request{method: "GET", path: "/v1/me", header: stolen}).refused(401, "unauthenticated", "")
	entries := w.audited("sign_in")
	require.Len(t, entries, 1)
	require.Equal(t, "ok", entries[0].Outcome)
	require.Equal(t, "anna", entries[0].Who)
	require.Len(t, w.audited("sign_out"), 1)
}

func TestSignInRotatesTheCookie(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	b := w.browser()
	first := cookieOf(t, w.signIn(b, "anna", goodPassword).want(200)).Value
	second := cookieOf(t, w.signIn(b, "anna", goodPassword).want(200)).Value
	require.NotEqual(t, first, second)
	w.do(request{method: "GET", path: "/v1/me", header: http.Header{"Cookie": {"lieciba_session=" + first}}}).want(401)
	w.me(b).want(200)
	// Fixation: a value that somebody planted is never taken over.
	planted := strings.Repeat("A", 43)
	got := cookieOf(t, w.do(request{method: "POST", path: "/v1/sign-in", header: http.Header{"Cookie": {"lieciba_session=" + planted}},
		body: map[string]any{"login": "anna", "password": goodPassword}}).want(200)).Value
	require.NotEqual(t, planted, got)
}

func TestSignInEnds(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	b := w.browser()
	w.signIn(b, "anna", goodPassword).want(200)
	for range 3 { // each use puts the idle end off
		w.clock.add(29 * time.Minute)
		w.me(b).want(200)
	}
	w.clock.add(30 * time.Minute)
	w.me(b).refused(401, "unauthenticated", "")

	w.signIn(b, "anna", goodPassword).want(200)
	for range 25 {
		w.clock.add(28 * time.Minute)
		w.me(b).want(200)
	}
	w.clock.add(21 * time.Minute) // 12 h 1 min after the sign-in, and never idle
	w.me(b).refused(401, "unauthenticated", "")
}

func TestSecureCookieAndHSTS(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SecureCookie = true })
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	a := w.signIn(w.browser(), "anna", goodPassword).want(200)
	require.True(t, cookieOf(t, a).Secure)
	require.Equal(t, "__Host-lieciba_session", cookieOf(t, a).Name, "no other host can set it")
	require.Equal(t, "/", cookieOf(t, a).Path)
	require.Empty(t, cookieOf(t, a).Domain)
	plain := http.Header{"Cookie": {"lieciba_session=" + cookieOf(t, a).Value}}
	w.do(request{method: "GET", path: "/v1/me", header: plain}).refused(401, "unauthenticated", "")
	require.Contains(t, a.header.Get("Strict-Transport-Security"), "max-age=31536000")
	require.Empty(t, newWorld(t).do(request{method: "GET", path: "/healthz"}).header.Get("Strict-Transport-Security"))
}

func TestWrongSignInsLookAlike(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	off := w.user("berta", goodPassword, nil, lieciba.RoleSecurity)
	off.Disabled = true
	require.NoError(t, w.catalog.PutUser(t.Context(), off))
	var bodies []string
	for _, login := range []string{"anna", "berta", "nobody", "../etc/passwd", "no such ' login"} {
		plain := "wrong password!"
		if login == "berta" {
			plain = goodPassword
		}
		a := w.signIn(w.browser(), login, plain)
		a.refused(401, "unauthenticated", "")
		require.Empty(t, a.header.Get("Set-Cookie"))
		bodies = append(bodies, string(a.body))
	}
	for _, b := range bodies {
		require.Equal(t, bodies[0], b)
	}
	// What was typed as login is not kept: people type passwords there.
	who := []string{}
	for _, e := range w.audited("sign_in") {
		require.Equal(t, "unauthenticated", e.Outcome)
		who = append(who, e.Who)
	}
	require.ElementsMatch(t, []string{"unknown", "berta", "anna"}, who)
	require.NotContains(t, w.log.String(), "wrong password!")
	require.NotContains(t, w.log.String(), goodPassword)
}

func TestGuessingIsSlowedDownWithoutLockingOut(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	w.user("berta", goodPassword, nil, lieciba.RoleSecurity)
	for range freeAttempts {
		w.signIn(w.browser(), "anna", "wrong password!").want(401)
	}
	a := w.signIn(w.browser(), "anna", goodPassword) // right, and not even looked at
	a.refused(429, "rate_limited", "")
	require.Equal(t, "30", a.header.Get("Retry-After"))
	w.signIn(w.browser(), "berta", goodPassword).want(200) // the same site, another account
	_, err := w.server.throttle.begin("anna", "192.0.2.7", "", w.clock.Now())
	require.NoError(t, err, "the same account from elsewhere")
	w.clock.add(30 * time.Second)
	w.signIn(w.browser(), "anna", goodPassword).want(200)
	w.signIn(w.browser(), "anna", "wrong password!").want(401) // success forgot the failures
}

func TestThrottleWaitsLongerAndForgets(t *testing.T) {
	th := newThrottle()
	now := start
	var waits []time.Duration
	for len(waits) < 8 {
		_, err := th.begin("anna", "192.0.2.1", "", now)
		var r retryError
		if err == nil {
			continue
		}
		require.ErrorAs(t, err, &r)
		waits = append(waits, r.after)
		now = now.Add(r.after)
	}
	s := time.Second
	require.Equal(t, []time.Duration{30 * s, 60 * s, 120 * s, 240 * s, 480 * s, 900 * s, 900 * s, 900 * s}, waits)
	now = now.Add(forgetAfter + longestWait + 1)
	for range freeAttempts - 1 {
		_, err := th.begin("anna", "192.0.2.1", "", now)
		require.NoError(t, err)
	}
}

func TestThrottleIsBoundedAndKnowsNetworks(t *testing.T) {
	th := newThrottle()
	for i := range trackedLimit + 500 {
		_, err := th.begin("u"+strconv.Itoa(i), "192.0.2.1", "", start)
		require.NoError(t, err)
	}
	require.Len(t, th.byKey, trackedLimit)
	require.Equal(t, trackedLimit, th.order.Len())
	require.NotContains(t, th.byKey, attemptKey{login: "u0", prefix: network("192.0.2.1")}, "the longest unused goes first")
	require.Equal(t, network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"), "one machine owns a /64")
	require.NotEqual(t, network("2001:db8:1:2::1"), network("2001:db8:1:3::1"))
	require.Equal(t, network("192.0.2.1"), network("::ffff:192.0.2.1"))
	require.NotEqual(t, network("192.0.2.1"), network("192.0.2.2"))
}

// Attempts at once count before they are judged, so that a burst gets no more guesses.
func TestThrottleCountsAttemptsUnderWay(t *testing.T) {
	th := newThrottle()
	refused := make(chan bool)
	for range 50 {
		go func() {
			_, err := th.begin("anna", "192.0.2.1", "", start)
			refused <- err != nil
		}()
	}
	let := 0
	for range 50 {
		if !<-refused {
			let++
		}
	}
	require.Equal(t, freeAttempts, let)
	for range 20 { // the server could not judge: never counted
		a, err := th.begin("berta", "192.0.2.1", "", start)
		require.NoError(t, err)
		a.undo()
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	plain, tok := NewClientToken("pizis", []lieciba.Role{lieciba.RoleCitizenship}, nil, start, time.Hour)
	require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
	require.Regexp(t, `^lct_[A-Za-z0-9_-]{43}$`, plain)
	get := func() answer { return w.do(request{method: "GET", path: "/v1/me", token: plain}) }
	m := get().want(200).json()
	require.Equal(t, true, m["machine"])
	require.Equal(t, "", m["login"])
	w.clock.add(time.Hour - time.Microsecond)
	get().want(200)
	w.clock.add(time.Microsecond)
	require.Contains(t, get().refused(401, "unauthenticated", ""), "expired")
	tok.ExpiresAt = start.Add(24 * time.Hour)
	tok.RevokedAt = start
	require.NoError(t, w.catalog.PutClientToken(t.Context(), tok))
	require.Contains(t, get().refused(401, "unauthenticated", ""), "revoked")
	for _, h := range []string{"Bearer", "Bearer x", "Basic YTpi", "Bearer " + strings.Repeat("x", 5000), "bearer  "} {
		w.do(request{method: "GET", path: "/v1/me", header: http.Header{"Authorization": {h}}}).refused(401, "unauthenticated", "")
	}
	require.NotContains(t, w.log.String(), plain)
}

func TestUsersAreManaged(t *testing.T) {
	w := newWorld(t)
	made := w.as("admin", "POST", "/v1/users", map[string]any{"login": "anna", "name": "Anna"}).want(201).json()
	plain, _ := made["password"].(string)
	require.NotEmpty(t, plain, "made up, and shown once")
	require.Empty(t, made["roles"], "roles are asked for, and approved by another")
	require.Equal(t, true, made["must_change"])
	b := w.browser()
	w.signIn(b, "anna", plain).want(200)
	for _, u := range w.as("admin", "GET", "/v1/users", nil).want(200).items() {
		require.NotContains(t, u, "password")
	}
	path := "/v1/users/" + made["id"].(string)
	w.as("admin", "PATCH", path, map[string]any{"name": "Anna B"}).want(200)
	w.me(b).want(401) // a change ends the sign-ins
	again := w.as("admin", "PATCH", path, map[string]any{"new_password": true}).want(200).json()["password"].(string)
	require.NotEqual(t, plain, again)
	w.signIn(w.browser(), "anna", plain).want(401)
	w.signIn(b, "anna", again).want(200)
	w.as("admin", "PATCH", path, map[string]any{"disabled": true}).want(200)
	w.me(b).want(401)
	w.signIn(b, "anna", again).want(401)
	w.as("admin", "POST", "/v1/users", map[string]any{"login": "anna", "name": "Other"}).refused(409, "conflict", "login")
	for field, body := range map[string]any{
		"password": map[string]any{"login": "x", "name": "X", "password": "too short"},
		"roles":    map[string]any{"login": "x", "name": "X", "roles": []string{"security"}},
		"site_ids": map[string]any{"login": "x", "name": "X", "site_ids": []string{}},
		"name":     map[string]any{"login": "x", "name": " "},
		"login":    map[string]any{"login": "X", "name": "X"},
	} {
		w.badly("admin", "POST", "/v1/users", body).refused(400, "invalid", field)
	}
	for _, login := range []string{"ad-hoc", "by-hand", "shell", "system", "provider", "unknown"} {
		w.as("admin", "POST", "/v1/users", map[string]any{"login": login, "name": "X"}).refused(400, "invalid", "login")
		w.as("admin", "POST", "/v1/client-tokens", map[string]any{"name": login, "roles": []string{"monitoring"}}).refused(400, "invalid", "name")
	}
	for _, field := range []string{"roles", "site_ids"} { // four eyes: a request of kind roles
		w.badly("admin", "PATCH", path, map[string]any{field: []string{}}).refused(400, "invalid", field)
	}
	details := []string{}
	for _, e := range w.audited("manage_users") {
		details = append(details, e.Detail)
		require.NotContains(t, e.Detail, again)
	}
	require.Contains(t, details, "user created without roles")
	require.Contains(t, details, "changed: disabled")
	require.NotContains(t, w.log.String(), again)
}

// Nobody grants themselves a right, and nobody locks themselves out.
func TestNobodyChangesTheirOwnRights(t *testing.T) {
	w := newWorld(t)
	u := w.user("boss", goodPassword, nil, lieciba.RoleAdmin)
	b := w.browser()
	w.signIn(b, "boss", goodPassword).want(200)
	for field, v := range map[string]any{"disabled": true, "password": "another good one"} {
		w.do(request{method: "PATCH", path: "/v1/users/" + string(u.ID), body: map[string]any{field: v}, client: b}).refused(403, "forbidden", field)
	}
	require.Equal(t, "forbidden", w.audited("manage_users")[0].Outcome)
	got, err := w.catalog.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, []lieciba.Role{lieciba.RoleAdmin}, got.Roles)
}

func TestClientTokensAreManaged(t *testing.T) {
	w := newWorld(t)
	made := w.as("admin", "POST", "/v1/client-tokens", map[string]any{"name": "prometheus", "roles": []string{"monitoring"}, "days": 30}).want(201).json()
	plain := made["token"].(string)
	w.do(request{method: "GET", path: "/metrics", token: plain}).want(200)
	for _, x := range w.as("admin", "GET", "/v1/client-tokens", nil).want(200).items() {
		require.NotContains(t, x, "token")
	}
	path := fmt.Sprintf("/v1/client-tokens/%s", made["id"])
	w.as("admin", "DELETE", path, nil).want(204)
	w.as("admin", "DELETE", path, nil).want(204)
	w.do(request{method: "GET", path: "/metrics", token: plain}).want(401)
	w.badly("admin", "POST", "/v1/client-tokens", map[string]any{"name": "x", "roles": []string{"monitoring"}, "days": 5000}).refused(400, "invalid", "days")
	w.badly("admin", "POST", "/v1/client-tokens", map[string]any{"name": "x", "roles": []string{}}).refused(400, "invalid", "roles")
	for _, role := range peoplesRoles { // made at the machine itself only
		w.badly("admin", "POST", "/v1/client-tokens", map[string]any{"name": "x", "roles": []string{string(role)}}).refused(400, "invalid", "roles")
	}
	w.badly("admin", "POST", "/v1/client-tokens", map[string]any{"name": "ad-hoc", "roles": []string{"citizenship"}}).refused(400, "invalid", "name")
	w.as("admin", "DELETE", "/v1/client-tokens/"+lieciba.NewID[string](start), nil).want(404)
}

func TestPasswordWorkIsBounded(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	work := w.server.passwords
	var ends []func()
	for range cap(work.running) {
		done, err := work.enter(t.Context(), "192.0.2.1")
		require.NoError(t, err)
		ends = append(ends, done)
	}
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	_, err := work.enter(given, "192.0.2.1")
	require.ErrorIs(t, err, context.Canceled, "who gives up leaves the queue")
	var queue []netip.Prefix
	for i := 2; len(queue) < passwordQueue; i++ { // each network takes its share
		for range passwordShare {
			queue = append(queue, network("192.0.2."+strconv.Itoa(i)))
			require.True(t, work.admit(queue[len(queue)-1]))
		}
	}
	a := w.signIn(w.browser(), "anna", goodPassword)
	a.refused(429, "rate_limited", "")
	require.Equal(t, "2", a.header.Get("Retry-After"))
	for _, from := range queue {
		work.leave(from)
	}
	for _, done := range ends {
		done()
	}
	require.Empty(t, work.admitted)
	require.Empty(t, work.of)
	for range freeAttempts + 1 { // the attempt that was not judged did not count
		w.signIn(w.browser(), "anna", goodPassword).want(200)
	}
}

// Somebody who tries many logins at once fills their own share of the queue.
func TestOneNetworkCannotShutOutTheOthers(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	work, attacker := w.server.passwords, network("198.51.100.7")
	for range passwordShare {
		require.True(t, work.admit(attacker))
	}
	require.False(t, work.admit(attacker))
	_, err := work.enter(t.Context(), "198.51.100.7")
	require.Equal(t, lieciba.CodeRateLimited, lieciba.CodeOf(err))
	w.signIn(w.browser(), "anna", goodPassword).want(200)
}

// A provider's user name that reads as the server's own is not taken over.
func TestPeopleOfAProviderBearNoReservedName(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"shell", "System", "provider", "unknown", "ad-hoc", "by-hand"} {
		login, err := w.server.freeLogin(t.Context(), oidc.Person{Username: name}, "issuer\x00subject")
		require.NoError(t, err)
		require.Regexp(t, `^person-[0-9a-f]{8}$`, login, name)
	}
	login, err := w.server.freeLogin(t.Context(), oidc.Person{Username: "Anna"}, "issuer\x00subject")
	require.NoError(t, err)
	require.Equal(t, "anna", login)
}
