package api

import (
	"encoding/binary"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/alarm"
)

// An hour after the sign-in its cookie gets a new value; the old one works for
// the requests that were under way, and not for a thief later.
func TestCookieIsRotatedEveryHour(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.IdleTimeout = 2 * time.Hour })
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	b := w.browser()
	old := cookieOf(t, w.signIn(b, "anna", goodPassword).want(200)).Value
	id := w.me(b).want(200).json()["sign_in"].(map[string]any)["id"]
	with := func(value string) answer {
		return w.do(request{method: "GET", path: "/v1/me", header: http.Header{"Cookie": {sessionCookie + "=" + value}}})
	}
	w.clock.add(61 * time.Minute)
	a := w.me(b).want(200)
	require.NotEqual(t, old, cookieOf(t, a).Value)
	require.Equal(t, id, a.json()["sign_in"].(map[string]any)["id"], "the same sign-in")
	w.clock.add(9 * time.Second)
	require.Empty(t, with(old).want(200).header.Get("Set-Cookie"), "a request that was under way")
	w.clock.add(time.Second)
	with(old).refused(401, "unauthenticated", "")
	w.me(b).want(200)
}

// sentCookie calls with a cookie's value alone and another browser, as a thief does.
func (w *world) sentCookie(value, method, path string, body any) answer {
	w.t.Helper()
	return w.do(request{method: method, path: path, body: body,
		header: http.Header{"Cookie": {sessionCookie + "=" + value}, "User-Agent": {"a thief's"}}})
}

// address is the server's, for a browser's cookies.
func (w *world) address() *url.URL {
	w.t.Helper()
	at, err := url.Parse(w.http.URL)
	require.NoError(w.t, err)
	return at
}

// heldCookie is the value that a browser holds now.
func (w *world) heldCookie(b *http.Client) string {
	w.t.Helper()
	for _, c := range b.Jar.Cookies(w.address()) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	w.t.Fatal("the browser has no sign-in")
	return ""
}

// Who holds an old value of an approver's cookie does not ride on the proof that
// the approver has just given, and betrays itself by sending it again later.
func TestStolenCookieGainsNoFreshProof(t *testing.T) {
	f := newFourEyes(t)
	f.server.cfg.Alarms = alarm.Raiser{Catalog: f.catalog}
	f.clock.add(lieciba.FreshFor)
	old := f.heldCookie(f.people["berta"])
	approval := map[string]any{"digest": f.request["digest"]}
	f.sentCookie(old, "POST", f.path("/approval"), approval).refused(403, lieciba.CodeNotFresh, "")
	f.by("berta", "POST", "/v1/me/proof/password", map[string]any{"password": goodPassword}).want(200)
	f.sentCookie(old, "GET", "/v1/me", nil).want(200)
	f.sentCookie(old, "POST", f.path("/approval"), approval).refused(403, lieciba.CodeNotFresh, "")
	f.sentCookie(old, "POST", "/v1/me/passkeys/options", nil).refused(403, lieciba.CodeNotFresh, "")
	f.by("berta", "POST", "/v1/me/passkeys/options", nil).want(200)

	f.clock.add(rotateGrace)
	require.Empty(t, f.alarms(lieciba.AlarmCopied))
	f.sentCookie(old, "GET", "/v1/me", nil).refused(401, lieciba.CodeUnauthenticated, "")
	f.by("berta", "GET", "/v1/me", nil).refused(401, lieciba.CodeUnauthenticated, "")
	require.Len(t, f.alarms(lieciba.AlarmCopied), 1)
	require.Equal(t, "berta", f.alarms(lieciba.AlarmCopied)[0].Who)
	require.Equal(t, "system", f.audited(lieciba.AuditEndSignIn)[0].Who)
	f.sentCookie(old, "GET", "/v1/me", nil).refused(401, lieciba.CodeUnauthenticated, "")
	require.Len(t, f.alarms(lieciba.AlarmCopied), 1, "once for each sign-in")
}

// An answer that was lost on the way takes the new value with it: that is no theft.
func TestLostAnswerOfARotationIsNoTheft(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.IdleTimeout = 2 * time.Hour })
	w.server.cfg.Alarms = alarm.Raiser{Catalog: w.catalog}
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	old := cookieOf(t, w.signIn(w.browser(), "anna", goodPassword).want(200)).Value
	w.clock.add(61 * time.Minute)
	w.sentCookie(old, "GET", "/v1/me", nil).want(200)
	w.clock.add(rotateGrace)
	w.sentCookie(old, "GET", "/v1/me", nil).refused(401, lieciba.CodeUnauthenticated, "")
	require.Empty(t, w.alarms(lieciba.AlarmCopied))
}

// A request that was overtaken by its browser's own newer ones is no theft, whenever
// it comes within rotateDoubt; the same from another browser or address is, and
// anybody's later than that.
func TestOvertakenRequestIsNoTheft(t *testing.T) {
	for name, x := range map[string]struct {
		after          time.Duration
		agent, address string
		theft          bool
	}{
		"the same browser, as the grace ends": {rotateGrace, "browser", "192.0.2.7", false},
		"the same browser, just in time":      {rotateDoubt - 1, "browser", "192.0.2.7", false},
		"the same browser, too late":          {rotateDoubt, "browser", "192.0.2.7", true},
		"another browser":                     {rotateGrace, "thief", "192.0.2.7", true},
		"another address":                     {rotateGrace, "browser", "192.0.2.8", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) {
				c.IdleTimeout, c.Proxies = 2*time.Hour, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
			})
			w.server.cfg.Alarms = alarm.Raiser{Catalog: w.catalog}
			w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
			b := w.browser()
			old := cookieOf(t, w.signIn(b, "anna", goodPassword).want(200)).Value
			from := func(agent, address string, more http.Header) request {
				h := http.Header{"User-Agent": {agent}, "X-Forwarded-For": {address}}
				maps.Copy(h, more)
				return request{method: "GET", path: "/v1/me", header: h}
			}
			honest := from("browser", "192.0.2.7", nil)
			honest.client = b
			w.clock.add(61 * time.Minute)
			w.do(honest).want(200) // and the browser has a new value
			require.NotEqual(t, old, w.heldCookie(b))
			w.do(honest).want(200) // which is in use

			w.clock.add(x.after)
			w.do(from(x.agent, x.address, http.Header{"Cookie": {sessionCookie + "=" + old}})).refused(401, lieciba.CodeUnauthenticated, "")
			if x.theft {
				w.do(honest).refused(401, lieciba.CodeUnauthenticated, "")
				require.Len(t, w.alarms(lieciba.AlarmCopied), 1)
				return
			}
			w.do(honest).want(200)
			require.Empty(t, w.alarms(lieciba.AlarmCopied))
			require.Empty(t, w.audited(lieciba.AuditEndSignIn))
		})
	}
}

func TestRotationsAreBounded(t *testing.T) {
	var r rotations
	value := func(n int) (v [32]byte) {
		binary.BigEndian.PutUint32(v[:], uint32(n))
		return v
	}
	for n := range rotationsKept {
		r.add(value(2*n), value(2*n+1), sender{}, start, start.Add(time.Hour))
	}
	_, worth := r.next(value(0), sender{}, start.Add(rotateGrace))
	require.Equal(t, valueLate, worth)
	r.add(value(1<<30), value(1<<30+1), sender{}, start.Add(rotateGrace), start.Add(time.Hour))
	require.Len(t, r.byID, 1)
	require.Len(t, r.used, 1)
}

func TestOwnAndOtherSignInsAreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	u := w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	w.user("berta", goodPassword, nil, lieciba.RoleSecurity)
	b, other, stranger := w.browser(), w.browser(), w.browser()
	w.signIn(b, "anna", goodPassword).want(200)
	id := w.signIn(other, "anna", goodPassword).want(200).json()["sign_in"].(map[string]any)["id"].(string)
	w.signIn(stranger, "berta", goodPassword).want(200)
	own := w.do(request{method: "GET", path: "/v1/me/sign-ins", client: b}).want(200).items()
	require.Len(t, own, 2)
	w.do(request{method: "DELETE", path: "/v1/me/sign-ins/" + id, client: stranger}).refused(404, "not_found", "")
	w.do(request{method: "DELETE", path: "/v1/me/sign-ins/" + id, client: b}).want(204)
	w.me(other).want(401)
	left := w.as("security", "GET", "/v1/users/"+string(u.ID)+"/sign-ins", nil).want(200).items()
	require.Len(t, left, 1)
	w.as("security", "DELETE", "/v1/sign-ins/"+left[0]["id"].(string), nil).want(204)
	w.me(b).want(401)
	require.Equal(t, "of user:"+string(u.ID), w.audited("end_sign_in")[0].Detail)
}

func TestPasswordThatAnotherSetIsChangedFirst(t *testing.T) {
	w := newWorld(t)
	u := w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	u.MustChange = true
	require.NoError(t, w.catalog.PutUser(t.Context(), u))
	b := w.browser()
	w.signIn(b, "anna", goodPassword).want(200)
	w.me(b).want(200)
	w.do(request{method: "GET", path: "/v1/audit", client: b}).refused(403, "forbidden", "password")
	change := func(current, next string) answer {
		return w.do(request{method: "PUT", path: "/v1/me/password", client: b, body: map[string]any{"current": current, "password": next}})
	}
	change("wrong password!", "another good one").refused(422, "refused", "current")
	change(goodPassword, goodPassword).refused(400, "invalid", "password")
	change(goodPassword, "another good one").want(200)
	w.do(request{method: "GET", path: "/v1/audit", client: b}).want(200)
}

// Who guesses from behind the same address does not lock out the browser that the
// account uses; many addresses together guess no faster than a few.
func TestGuessingBehindOneAddressAndFromMany(t *testing.T) {
	w := newWorld(t)
	w.user("anna", goodPassword, nil, lieciba.RoleSecurity)
	known := w.browser()
	w.signIn(known, "anna", goodPassword).want(200)
	for range freeAttempts {
		w.signIn(w.browser(), "anna", "wrong password!").want(401)
	}
	w.signIn(w.browser(), "anna", goodPassword).refused(429, "rate_limited", "")
	w.signIn(known, "anna", goodPassword).want(200)

	th := newThrottle()
	for i := range freeStrangers {
		_, err := th.begin("anna", "192.0.2."+string(rune('1'+i%9)), "", start.Add(time.Duration(i)*longestWait))
		if i < freeStrangers-1 {
			require.NoError(t, err)
		}
	}
	_, err := th.begin("anna", "198.51.100.1", "", start.Add(time.Duration(freeStrangers-1)*longestWait+time.Second))
	require.Equal(t, lieciba.CodeRateLimited, lieciba.CodeOf(err), "another address, the same account")
	_, err = th.begin("anna", "198.51.100.1", "known browser", start.Add(time.Duration(freeStrangers-1)*longestWait+time.Second))
	require.NoError(t, err)
}

func TestTokenWithScopesIsFollowedByAnother(t *testing.T) {
	w := newWorld(t)
	made := w.as("admin", "POST", "/v1/client-tokens", map[string]any{"name": "prometheus", "roles": []string{"monitoring", "witness"},
		"scopes": []string{"read_metrics"}}).want(201).json()
	old := made["token"].(string)
	w.do(request{method: "GET", path: "/v1/exam-sessions", token: old}).refused(403, "forbidden", "")
	w.badly("admin", "POST", "/v1/client-tokens", map[string]any{"name": "x", "roles": []string{"witness"},
		"scopes": []string{"watch_live"}}).refused(400, "invalid", "scopes")
	next := w.as("admin", "POST", "/v1/client-tokens/"+made["id"].(string)+"/rotation", map[string]any{"overlap_minutes": 10}).want(201).json()
	require.Equal(t, made["scopes"], next["scopes"])
	get := func(token string) answer { return w.do(request{method: "GET", path: "/v1/me", token: token}) }
	w.clock.add(9 * time.Minute)
	get(old).want(200)
	get(next["token"].(string)).want(200)
	w.clock.add(time.Minute)
	get(old).refused(401, "unauthenticated", "")
	get(next["token"].(string)).want(200)
}
