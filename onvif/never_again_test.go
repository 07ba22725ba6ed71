package onvif

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// D-Link's cameras connected to whatever host and port a request named, and told
// what answered there. Nothing here is dialled outside of the camera networks, and
// this machine, this link and hosts of metadata only where they are named themselves.
func TestCVE_2018_15517_OnlyCameraNetworksAreDialled(t *testing.T) {
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("169.254.0.0/16")}
	for _, own := range []string{"127.0.0.1", "127.8.9.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "224.0.0.1", "ff02::c", "255.255.255.255",
		"169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"} {
		require.False(t, allowed(everything, netip.MustParseAddr(own)), own)
	}
	for own, network := range map[string]string{"127.0.0.1": "127.0.0.0/8", "::1": "::1/128", "169.254.3.4": "169.254.0.0/16", "fe80::1%eth0": "fe80::/64",
		"169.254.169.254": "169.254.169.254/32", "fd00:ec2::254": "fd00:ec2::254/128", "10.1.2.3": "0.0.0.0/0", "fd00::9": "::/0"} {
		require.True(t, allowed([]netip.Prefix{netip.MustParsePrefix(network)}, netip.MustParseAddr(own)), "%s in %s", own, network)
	}
	var touched atomic.Int32 // a service of this machine that listens on loopback
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	srv.Listener = countingListener{l, &touched}
	srv.Start()
	defer srv.Close()
	for _, base := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), strings.Replace(srv.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		_, err := Probe(context.Background(), Target{DeviceURLs: []string{base + devicePath}}, Credentials{}, Options{Networks: PrivateNetworks()})
		require.ErrorIs(t, err, ErrNetwork, base)
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	}
	_, err = Dial(PrivateNetworks())(context.Background(), "tcp", l.Addr().String())
	require.ErrorIs(t, err, ErrNetwork)
	require.Zero(t, touched.Load(), "nothing was connected to")
}

// countingListener counts connections, also those that send nothing.
type countingListener struct {
	net.Listener
	n *atomic.Int32
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

// A camera that answers with a redirect leads to no other host: not outside of the
// camera networks, and not to another one inside of them.
func TestCVE_2018_15517_RedirectsOfACameraAreNotFollowed(t *testing.T) {
	var touched atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	inside := httptest.NewUnstartedServer(http.NotFoundHandler())
	inside.Listener = countingListener{l, &touched}
	inside.Start()
	defer inside.Close()
	for _, to := range []string{"http://169.254.169.254/latest/meta-data/", inside.URL + "/admin", "file:///etc/passwd"} {
		for _, status := range []int{301, 302, 307, 308} {
			f := newFake(t)
			camera := f.srv.Config.Handler
			f.srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "snap") {
					w.Header().Set("Location", to)
					w.WriteHeader(status)
					return
				}
				camera.ServeHTTP(w, r)
			})
			f.replies["media.GetSnapshotUri"] = reply(uriResponse("media", "GetSnapshotUri", "/snap.jpg"))
			f.replies["media2.GetSnapshotUri"] = reply(uriResponse("media2", "GetSnapshotUri", "/snap.jpg"))
			_, err := f.client(Credentials{}).Snapshot(context.Background())
			require.Error(t, err)
			require.Contains(t, []lieciba.Code{lieciba.CodeForbidden, lieciba.CodeUnavailable}, lieciba.CodeOf(err), "%v", err)
		}
		redirecting := httptest.NewServer(http.RedirectHandler(to, http.StatusTemporaryRedirect)) // of SOAP calls
		_, err := Probe(context.Background(), Target{DeviceURLs: []string{redirecting.URL + devicePath}}, Credentials{}, Options{Networks: loopback})
		require.Error(t, err)
		redirecting.Close()
	}
	require.Zero(t, touched.Load())
}
