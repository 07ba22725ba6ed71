package onvif

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// Items 8 and 10 to 13 of "What a robust client does"; see robust_test.go.

func TestRobust08SelfSignedCertificateIsPinned(t *testing.T) {
	f := newFakeTLS(t).locked(true, false)
	r, err := f.client(testCredentials).Probe(context.Background())
	require.NoError(t, err)
	require.Len(t, r.Camera.TLSPin, 64)
	require.True(t, strings.HasPrefix(r.Camera.SnapshotURL, "https://"))
	again := TargetOf(r.Camera)
	_, err = Probe(context.Background(), again, testCredentials, Options{Networks: loopback, ClockPrecision: time.Second})
	require.NoError(t, err)
	before := len(f.calls)
	again.TLSPin = strings.Repeat("ab", 32)
	_, err = Probe(context.Background(), again, testCredentials, Options{Networks: loopback})
	require.ErrorIs(t, err, ErrPin)
	require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), r.Camera.TLSPin, "the fingerprint is shown")
	require.Len(t, f.calls, before, "nothing was sent over the doubtful connection")
}

// A pinned camera is not asked in plain text on another candidate.
func TestRobust08PinnedNeverFallsBackToPlainHTTP(t *testing.T) {
	f := newFake(t)
	c, err := NewClient(Target{Address: f.address(), DeviceURLs: []string{"https://" + f.address() + devicePath}, TLSPin: strings.Repeat("ab", 32)},
		testCredentials, Options{Networks: loopback})
	require.NoError(t, err)
	defer c.Close()
	require.Error(t, c.KeyFrame(context.Background(), "main"))
	require.Empty(t, f.calls)
}

func TestRobust10AHangingServiceCostsItsOwnPart(t *testing.T) {
	f := newFake(t)
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	hang := func(r *http.Request, _ string) (int, string) {
		select {
		case <-end:
		case <-r.Context().Done():
		}
		return 500, ""
	}
	f.replies["media2.GetProfiles"], f.replies["media.GetSnapshotUri"], f.replies["media2.GetSnapshotUri"] = hang, hang, hang
	r, err := f.clientWith(Credentials{}, Options{CallTimeout: 300 * time.Millisecond}).Probe(context.Background())
	require.NoError(t, err)
	require.Len(t, r.Camera.Streams, 2)
	require.Contains(t, codes(r), AdviceServiceFailed)
	require.Empty(t, r.Camera.SnapshotURL)
}

func TestRobust10BodiesAreCapped(t *testing.T) {
	f := newFake(t)
	f.replies["snap.jpg"] = func(*http.Request, string) (int, string) { return 200, "\xff\xd8\xff" + strings.Repeat("x", maxBody) }
	_, err := f.client(Credentials{}).Snapshot(context.Background())
	require.Equal(t, lieciba.CodeTooLarge, lieciba.CodeOf(err))
}

func TestRobust11AbsurdValuesAreUnknown(t *testing.T) {
	f := newFake(t)
	delete(f.replies, "media2.GetProfiles")
	f.replies["media.GetProfiles"] = reply(`<trt:GetProfilesResponse>` + strings.Replace(media1Profile("a", "H264", 1920, 1080, "G711"), ">25<", ">1000000<", 1) + media1Profile("b", "H264", -3, 99999999, "") + `</trt:GetProfilesResponse>`)
	r, err := f.client(Credentials{}).Probe(context.Background()) // its time zone is UTC5UTC
	require.NoError(t, err)
	require.Zero(t, r.Profiles[0].Bitrate, "2147483647")
	require.Zero(t, r.Profiles[0].FPS)
	require.Zero(t, r.Profiles[1].Width)
	require.InDelta(t, 0, r.Clock.Offset, float64(time.Second))
	require.Contains(t, codes(r), AdviceG711)
}

func TestRobust12PasswordsStayOutOfURLsAndErrors(t *testing.T) {
	f := newFake(t).locked(true, false)
	for _, m := range []string{"media", "media2"} {
		f.replies[m+".GetStreamUri"] = func(_ *http.Request, body string) (int, string) {
			uri := "rtsp://admin:hunter2@" + f.host() + ":554/" + tokenOf(body) + "?user=admin&password=hunter2&ch=1"
			if tokenOf(body) == "sub" {
				uri = "rtsp://" + f.host() + ":554/user=admin_password=hunter2_channel=1.sdp"
			}
			return 200, soapHead + uriResponse(m, "GetStreamUri", uri) + soapTail
		}
		f.replies[m+".GetSnapshotUri"] = reply(uriResponse(m, "GetSnapshotUri", "http://admin:hunter2@127.0.0.1:1/snap.jpg?usr=admin&pwd=hunter2&q=1"))
	}
	c := f.client(testCredentials)
	r, err := c.Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, "rtsp://127.0.0.1:554/main?ch=1", streamsOf(r)[lieciba.StreamMain].URL)
	require.Len(t, r.Camera.Streams, 1, "a password in the path cannot be taken out")
	require.NotContains(t, fmt.Sprintf("%+v %#v", r, r), "hunter2")
	_, err = c.Snapshot(context.Background()) // port 1 answers nobody
	require.Error(t, err)
	for _, secret := range []string{"hunter2", testCredentials.Password, url.QueryEscape(testCredentials.Password), url.PathEscape(testCredentials.Password)} {
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", testCredentials, testCredentials, testCredentials), secret)
	}
	require.NotContains(t, f.allBodies(), escape(testCredentials.Password), "only its digest is sent")
	u, err := AuthURL(r.Camera.Streams[0].URL, testCredentials)
	require.NoError(t, err)
	back, err := url.Parse(u.String())
	require.NoError(t, err)
	pass, _ := back.User.Password()
	require.Equal(t, testCredentials.Password, pass, "percent-encoded, it survives")
}

func TestRobust13AddressesOutsideTheNetworksAreRefused(t *testing.T) {
	f := newFake(t)
	for name, o := range map[string]Options{
		"none allowed": {},
		"another":      {Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	} {
		for _, address := range []string{f.address(), "localhost:" + f.srv.URL[strings.LastIndexByte(f.srv.URL, ':')+1:]} {
			t.Run(name+" "+address, func(t *testing.T) {
				_, err := Probe(context.Background(), Target{Address: address}, testCredentials, o)
				require.ErrorIs(t, err, ErrNetwork)
				require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
				require.Empty(t, f.calls)
			})
		}
	}
}

// An IPv4 address in IPv6 clothes is the same address.
func TestRobust13MappedAddressesAreUnmapped(t *testing.T) {
	n := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	require.True(t, allowed(n, netip.MustParseAddr("::ffff:10.1.1.1")))
	require.False(t, allowed(n, netip.MustParseAddr("::ffff:127.0.0.1")))
	require.False(t, allowed(PrivateNetworks(), netip.MustParseAddr("169.254.169.254")))
	require.False(t, allowed(PrivateNetworks(), netip.MustParseAddr("::1")))
	require.False(t, allowed(n, netip.Addr{}))
}

func TestRobust13RedirectsStayOnTheHost(t *testing.T) {
	var stolen bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen = true }))
	defer other.Close()
	f := newFake(t)
	away := strings.Replace(other.URL, "127.0.0.1", "127.0.0.2", 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, away, http.StatusTemporaryRedirect) })
	mux.HandleFunc("/circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle", http.StatusFound) })
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.srv.URL+devicePath, http.StatusMovedPermanently)
	})
	front := httptest.NewServer(mux)
	defer front.Close()
	for path, want := range map[string]lieciba.Code{"/away": lieciba.CodeForbidden, "/circle": lieciba.CodeUnavailable, "/here": ""} {
		c, err := NewClient(Target{DeviceURLs: []string{front.URL + path}}, testCredentials, Options{Networks: loopback})
		require.NoError(t, err)
		err = c.connect(context.Background())
		require.Equal(t, want, lieciba.CodeOf(err), path)
		c.Close()
	}
	require.False(t, stolen)
}
