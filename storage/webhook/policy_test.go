package webhook

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// Addresses that a server must not be made to call, in every form that reaches them.
func TestServerSideRequestForgeryAddresses(t *testing.T) {
	for _, s := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::", "::1", "::127.0.0.1", // this machine
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", // IPv4 inside of IPv6
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1", // through translation
		"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", // link and metadata
		"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254", "64:ff9b:1::1",
		"224.0.0.1", "239.255.255.250", "ff02::1", "ff05::1:3", "240.0.0.1", "255.255.255.255",
	} {
		a := netip.MustParseAddr(s)
		for _, clear := range []bool{true, false} {
			require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(Policy{}.Check(a, clear)), s)
		}
	}
	for _, s := range []string{"10.1.2.3", "192.168.1.9", "172.16.0.1", "fd12:3456::1", "203.0.113.7", "2001:db8::1", "64:ff9b::cb00:7107", "::ffff:10.1.2.3"} {
		a := netip.MustParseAddr(s)
		require.NoError(t, Policy{}.Check(a, false), s)
		require.Error(t, Policy{}.Check(a, true), "%s in clear", s)
	}
	open := Policy{Allow: prefixes("127.0.0.0/8", "10.9.0.0/16")}
	require.NoError(t, open.Check(netip.MustParseAddr("127.0.0.1"), true))
	require.NoError(t, open.Check(netip.MustParseAddr("::ffff:127.0.0.1"), true))
	require.NoError(t, open.Check(netip.MustParseAddr("10.9.1.1"), true))
	require.Error(t, open.Check(netip.MustParseAddr("10.8.1.1"), true), "a list of networks opens those alone")
	require.Error(t, open.Check(netip.MustParseAddr("::1"), false))
}

func TestCheckURL(t *testing.T) {
	for url, says := range map[string]string{
		"": "https://host/path", "https://": "https://host/path", "https:///x": "https://host/path", "/x": "https://host/path", "https://:443/x": "https://host/path",
		"https://a b/": "https://host/path", "mailto:a@b.lv": "https://host/path", "https://" + strings.Repeat("a", 2048) + "/": "https://host/path",
		"ftp://a.lv/": "ftp", "file://a/etc/passwd": "file", "https://u:p@a.lv/": "credentials", "https://a.lv/#x": "fragment",
		"http://a.lv/": "webhooks.allow", "https://127.0.0.1/": "webhooks.allow", "https://[::1]:9/": "webhooks.allow", "https://169.254.169.254/latest/meta-data": "webhooks.allow",
		"https://[::ffff:127.0.0.1]/": "webhooks.allow", "https://[fe80::1%25eth0]/": "webhooks.allow",
	} {
		err := Policy{}.CheckURL(url)
		require.ErrorContains(t, err, "url", url)
		require.ErrorContains(t, err, says, url)
	}
	for _, url := range []string{"https://pizis.example/hooks?key=1", "https://10.0.0.8:8443/x", "https://localhost/"} { // a name is judged when it is dialled
		require.NoError(t, Policy{}.CheckURL(url), url)
	}
	open := Policy{Allow: prefixes("127.0.0.0/8")}
	require.NoError(t, open.CheckURL("http://127.0.0.1:8080/x"))
	require.NoError(t, open.CheckURL("http://localhost:8080/x"))
	require.Error(t, open.CheckURL("http://10.0.0.1/x"))
}

// The dialer judges what a name resolved to, whatever the name said before; a
// redirect leads nowhere, and no proxy of the environment is asked.
func TestClientCallsOnlyWhatIsAllowed(t *testing.T) {
	called := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called++
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("HTTP_PROXY", srv.URL)
	t.Setenv("HTTPS_PROXY", srv.URL)
	strict, open := Policy{}.Client(time.Minute), Policy{Allow: prefixes("127.0.0.0/8", "::1/128")}.Client(time.Minute)
	defer strict.CloseIdleConnections()
	defer open.CloseIdleConnections()
	get := func(c *http.Client, url string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(overTLS(t.Context(), url), http.MethodPost, url, nil)
		require.NoError(t, err)
		return c.Do(req)
	}
	for _, url := range []string{"https://localhost:" + port, "http://localhost:" + port, "http://127.0.0.1:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port, "http://0x7f.1:" + port, "http://2130706433:" + port} {
		_, err := get(strict, url)
		require.Error(t, err, url)
	}
	_, err = get(strict, "https://localhost:"+port)
	require.ErrorContains(t, err, "webhooks.allow", "the name was resolved, and its address refused")
	require.Zero(t, called)
	resp, err := get(open, "http://localhost:"+port)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, resp.StatusCode)
	require.Equal(t, 1, called)
}

func TestSignature(t *testing.T) {
	at := time.Unix(1763452800, 0)
	body := []byte(`{"id":"x"}`)
	h := Sign(body, at, []byte("old"), []byte("new"))
	require.Equal(t, 2, strings.Count(h, ",v1="))
	// printf '1763452800.{"id":"x"}' | openssl dgst -sha256 -hmac old
	require.Equal(t, "t=1763452800,v1=6a5caa88d2b1fb2cb31ec10e67155f40bad6f45bd97d66dbe3beb2da49f394a4", Sign(body, at, []byte("old")))
	for _, secret := range []string{"old", "new"} {
		require.NoError(t, Verify(h, body, []byte(secret), at.Add(time.Minute), 5*time.Minute))
	}
	require.Error(t, Verify(h, body, []byte("another"), at, time.Minute))
	require.Error(t, Verify(h, append(body, ' '), []byte("old"), at, time.Minute))
	require.Error(t, Verify(h, body, []byte("old"), at.Add(6*time.Minute), 5*time.Minute), "replayed later")
	require.Error(t, Verify(strings.Replace(h, "t=1763452800", "t=1763452801", 1), body, []byte("old"), at, time.Minute), "the time is signed too")
	for _, bad := range []string{"", "t=", "v1=00", "t=1763452800", "t=1763452800,v1=zz", "t=1763452800,v0=00"} {
		require.Error(t, Verify(bad, body, []byte("old"), at, time.Minute), bad)
	}
}

func TestBackoffGrowsToAnHour(t *testing.T) {
	var last, sum time.Duration
	for n := 1; n < 90; n++ {
		d := Backoff(n)
		require.GreaterOrEqual(t, d, last)
		require.LessOrEqual(t, d, time.Hour)
		for range 20 {
			j := secondHalf(d)
			require.True(t, j >= d/2 && j <= d, j)
		}
		last, sum = d, sum+d
	}
	require.Equal(t, 5*time.Second, Backoff(1))
	require.Equal(t, 5*time.Second, Backoff(0))
	require.Equal(t, time.Hour, last)
	require.Greater(t, sum, DeadAfter)
}
