package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// from sends a request of an address.
func (w *world) from(address, method, path, token string, header ...string) *http.Response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, nil)
	r.RemoteAddr = address
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return rec.Result()
}

// Twelve supervisors behind one address load the pages at once and ask five
// times a second for two hours, with the rates of the product: nobody waits.
func TestOneExamSiteIsNeverLockedOut(t *testing.T) {
	r := Rates{}.withDefaults()
	address, account := newRateLimit[netip.Prefix](r.Address), newRateLimit[string](r.Account)
	site, now := network("192.0.2.7"), start
	take := func(who int) {
		require.Zero(t, address.take(site, now))
		require.Zero(t, account.take(fmt.Sprint("supervisor ", who), now))
	}
	for range 60 { // what a page and its first look ask for
		for who := range 12 {
			take(who)
		}
	}
	for range 2 * 60 * 60 * 5 {
		now = now.Add(200 * time.Millisecond)
		for who := range 12 {
			take(who)
		}
	}
	for range 12 * 5 { // and each mistypes a password five times
		require.Zero(t, newRateLimit[netip.Prefix](r.Wrong).take(site, now))
	}
}

func TestOneAddressThatAsksTooOften(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rates.Address = Rate{PerSecond: 2, Burst: 3} })
	for range 3 {
		require.Equal(t, 200, w.from("192.0.2.7:1000", "GET", "/healthz", "").StatusCode)
	}
	for _, path := range []string{"/healthz", "/", "/v1/me", "/assets/x.js", "/v1/segments/../x"} { // pages too, and before anything is looked at
		a := w.from("192.0.2.7:2000", "GET", path, w.tokens["admin"])
		require.Equal(t, 429, a.StatusCode, path)
		require.Equal(t, "1", a.Header.Get("Retry-After"))
		body, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), `"code":"rate_limited"`)
	}
	require.Equal(t, 200, w.from("192.0.2.8:1000", "GET", "/healthz", "").StatusCode, "another address")
	w.clock.add(500 * time.Millisecond)
	require.Equal(t, 200, w.from("192.0.2.7:1000", "GET", "/healthz", "").StatusCode, "refusals cost nothing")
	require.Equal(t, 429, w.from("192.0.2.7:1000", "GET", "/healthz", "").StatusCode)
	// One machine owns a /64 of IPv6.
	for i := range 3 {
		require.Equal(t, 200, w.from(fmt.Sprintf("[2001:db8::%d]:1", i), "GET", "/healthz", "").StatusCode)
	}
	require.Equal(t, 429, w.from("[2001:db8::99]:1", "GET", "/healthz", "").StatusCode)
}

func TestOneAccountThatAsksTooOften(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rates.Account = Rate{PerSecond: 1, Burst: 2} })
	for i := range 2 {
		require.Equal(t, 200, w.from(fmt.Sprintf("192.0.2.%d:1", i), "GET", "/v1/me", w.tokens["admin"]).StatusCode)
	}
	a := w.from("192.0.2.200:1", "GET", "/v1/me", w.tokens["admin"])
	require.Equal(t, 429, a.StatusCode, "from whichever address")
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	require.Equal(t, 200, w.from("192.0.2.200:1", "GET", "/v1/me", w.tokens["security"]).StatusCode, "another account of that address")
	w.clock.add(time.Second)
	require.Equal(t, 200, w.from("192.0.2.200:1", "GET", "/v1/me", w.tokens["admin"]).StatusCode)
}

// 200 wrong passwords for 200 accounts: the throttle of one account sees each
// once, the limit of the address ends it. Whoever is elsewhere signs in.
func TestManyAccountsGuessedFromOneAddress(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rates.Wrong = Rate{PerSecond: 0.2, Burst: 20} })
	w.user("anna", goodPassword, nil, lieciba.RoleSupervisor)
	judged := 0
	for i := range 200 {
		a := w.do(request{method: "POST", path: "/v1/sign-in", body: map[string]any{"login": fmt.Sprint("guess", i), "password": "a wrong password"}})
		if a.status == 401 {
			judged++
			continue
		}
		require.Equal(t, 429, a.status)
		require.Equal(t, "5", a.header.Get("Retry-After"))
	}
	require.Equal(t, 20, judged)
	require.Len(t, w.audited("sign_in"), 20)
	body := strings.NewReader(`{"login":"anna","password":"` + goodPassword + `"}`)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/sign-in", body)
	r.RemoteAddr = "198.51.100.4:1"
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	require.Equal(t, 200, rec.Code, "the same account from another address: %s", rec.Body)
}

func TestAddressBehindProxies(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24"), netip.MustParsePrefix("::1/128")}
	})
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.7:1", "198.51.100.1", "192.0.2.7"}, // no proxy of ours
		{"10.1.0.5:1", "", "10.1.0.5"},
		{"10.1.0.5:1", "198.51.100.1", "198.51.100.1"},
		{"[::1]:1", "203.0.113.9, 198.51.100.1, 10.1.0.9", "198.51.100.1"}, // what the client wrote itself stands left
		{"10.1.0.5:1", "198.51.100.1, nonsense", "10.1.0.5"},
		{"10.1.0.5:1", "2001:db8::1", "2001:db8::1"},
		{"[::ffff:10.1.0.5]:1", "198.51.100.1", "198.51.100.1"},
		{"10.1.0.5:1", "10.1.0.6", "10.1.0.5"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		require.Equal(t, c.want, w.server.addressOf(r), c)
	}
}

// The memory of a limit is bounded, and the longest unused goes first.
func TestRateMemoryIsBounded(t *testing.T) {
	l := newRateLimit[int](Rate{1, 1})
	require.Zero(t, l.take(-1, start))
	for i := range rateKeys {
		require.Zero(t, l.take(i, start))
	}
	require.Len(t, l.byKey, rateKeys)
	require.Zero(t, l.take(-1, start), "forgotten")
	require.Positive(t, l.take(rateKeys-1, start), "remembered")
}

// What net/http writes as plain text leaves in the one shape.
func TestErrorsAreNeverPlainText(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.UI = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/file" {
				http.ServeContent(rw, r, "x.bin", time.Time{}, strings.NewReader("0123456789"))
				return
			}
			http.NotFound(rw, r)
		})
	})
	a := w.do(request{method: "GET", path: "/assets/none.js"})
	a.refused(404, "not_found", "")
	require.Equal(t, "application/json; charset=utf-8", a.header.Get("Content-Type"))
	a = w.do(request{method: "GET", path: "/file", header: http.Header{"Range": {"bytes=99-"}}})
	a.refused(416, "invalid", "Range")
	require.Equal(t, "bytes */10", a.header.Get("Content-Range"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	a = w.do(request{method: "GET", path: "/v1/segments/" + string(w.own.segment.ID) + "/content", token: w.tokens["reviewer"], header: http.Header{"Range": {"bytes=99999999-"}}})
	a.refused(416, "invalid", "Range")
	require.Contains(t, w.log.String(), `"status":416`)
}

// Who owns an IPv6 site, or 16 of them, gets no further by changing networks:
// not by more requests than a site has, and not by making limits forgotten.
func TestManyNetworksOfOneSite(t *testing.T) {
	r := Rates{}.withDefaults()
	for name, c := range map[string]struct {
		limit *networkLimit
		most  int
	}{
		"requests":        {newRates(r).address, r.Address.Burst * siteRequests},
		"wrong passwords": {newRates(r).wrong, r.Wrong.Burst * siteWrong},
	} {
		t.Run(name, func(t *testing.T) {
			taken := 0
			for n := range rateKeys + 5000 { // each network once: its own limit never holds it
				if c.limit.take(network(fmt.Sprintf("2001:db8:7:%x::1", n)), start) == 0 {
					taken++
				}
			}
			require.Equal(t, c.most, taken)
			require.Positive(t, c.limit.wait(network("2001:db8:7:ffff::1"), start))
			require.Zero(t, c.limit.take(network("2001:db8:8::1"), start), "another site")
			for n := range 1000 {
				require.Zero(t, c.limit.take(network(fmt.Sprintf("192.0.%d.%d", n/250, n%250)), start), "IPv4 has no sites")
			}
		})
	}
	require.Less(t, 2*16*r.Wrong.Burst*siteWrong, trackedLimit, "two counters for each failure")
}

// One network that asks too often takes nothing from its neighbours.
func TestNoisyNetworkOfASite(t *testing.T) {
	l := newNetworkLimit(Rate{1, 10}, 2)
	for range 100 {
		l.take(network("2001:db8:7:1::1"), start)
	}
	for range 10 {
		require.Zero(t, l.take(network("2001:db8:7:2::1"), start))
	}
	require.Positive(t, l.take(network("2001:db8:7:3::1"), start), "the site's limit")
}
