package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// The tests of this file replay the 13 items of "What a robust client does":
// each was seen in the field.

func streamsOf(r Result) map[lieciba.StreamRole]lieciba.CameraStream {
	m := map[lieciba.StreamRole]lieciba.CameraStream{}
	for _, s := range r.Camera.Streams {
		m[s.Role] = s
	}
	return m
}

func codes(r Result) []string {
	var list []string
	for _, a := range r.Advice {
		list = append(list, a.Code)
	}
	return list
}

func TestRobust01ClockOffIsSignedInCameraTime(t *testing.T) {
	for _, skew := range []time.Duration{0, -3 * time.Hour, 90 * time.Second, -20 * 365 * 24 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			f := newFake(t).locked(true, false)
			f.skew = skew
			r, err := f.client(testCredentials).Probe(context.Background())
			require.NoError(t, err)
			require.Equal(t, "M1", r.Camera.Model)
			require.InDelta(t, skew, r.Camera.ClockOffset, float64(time.Second))
			require.Zero(t, f.wrongPasswords())
			require.Empty(t, f.complaints())
		})
	}
}

// The camera tells one time and checks against another: host time is tried once.
func TestRobust01ClockOffRetriesInHostTime(t *testing.T) {
	f := newFake(t).locked(true, false)
	f.skew = time.Hour
	f.checkSkew = new(time.Duration)
	_, err := f.client(testCredentials).Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, 1, f.wrongPasswords(), "one refusal, then it is remembered")
}

// A camera that restarts in 1970 refuses the old offset: it is read again.
func TestRobust01ClockOffRefreshesOnNotAuthorized(t *testing.T) {
	f := newFake(t).locked(true, false)
	c := f.client(testCredentials)
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
	f.mu.Lock()
	f.skew = -40 * 365 * 24 * time.Hour
	f.mu.Unlock()
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
	require.Equal(t, 1, f.wrongPasswords())
}

func TestRobust01ClockCallNeedsAuthenticationOrIsAbsent(t *testing.T) {
	t.Run("needs authentication, clock right", func(t *testing.T) {
		f := newFake(t).locked(true, false)
		f.clockNeedsAuth = true
		r, err := f.client(testCredentials).Probe(context.Background())
		require.NoError(t, err)
		require.NotZero(t, r.Clock.Samples)
	})
	t.Run("needs authentication, clock off: the Date header tells", func(t *testing.T) {
		f := newFake(t).locked(true, false)
		f.clockNeedsAuth, f.skew = true, -5*time.Hour
		c := f.client(testCredentials)
		require.NoError(t, c.KeyFrame(context.Background(), "main"))
		got, err := c.Clock(context.Background())
		require.NoError(t, err)
		require.InDelta(t, f.skew, got.Offset, float64(time.Second))
		require.Equal(t, 1, f.wrongPasswords())
	})
	t.Run("absent", func(t *testing.T) {
		f := newFake(t).locked(true, false)
		f.replies["device.GetSystemDateAndTime"] = failing(500, "Receiver", "ter:ActionNotSupported", "no clock")
		r, err := f.client(testCredentials).Probe(context.Background())
		require.NoError(t, err)
		require.Contains(t, codes(r), AdviceNoClock)
		require.Len(t, r.Camera.Streams, 2)
	})
}

func TestRobust02HTTPDigestOnly(t *testing.T) {
	for name, set := range map[string]func(*fakeDevice){
		"MD5":                   func(*fakeDevice) {},
		"no algorithm":          func(f *fakeDevice) { f.algorithms = []string{"none"} },
		"SHA-256":               func(f *fakeDevice) { f.algorithms = []string{"SHA-256"} },
		"SHA-256-sess":          func(f *fakeDevice) { f.algorithms = []string{"SHA-256-sess"} },
		"several headers":       func(f *fakeDevice) { f.algorithms = []string{"MD5", "SHA-512-256", "SHA-256"} },
		"several in one header": func(f *fakeDevice) { f.algorithms, f.oneHeader = []string{"MD5", "SHA-256"}, true },
		"only MD5 works":        func(f *fakeDevice) { f.algorithms, f.working = []string{"SHA-256", "MD5"}, "MD5" },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t).locked(false, true)
			set(f)
			c := f.client(testCredentials)
			require.NoError(t, c.KeyFrame(context.Background(), "main"))
			require.NoError(t, c.KeyFrame(context.Background(), "main"))
			require.Empty(t, f.complaints(), "each answer has its own fresh nonce")
		})
	}
}

// A stale nonce is no wrong password: the answer is repeated with the fresh one.
func TestRobust02StaleNonceIsAnsweredAgain(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		a := r.Header.Get("Authorization")
		seen = append(seen, digestParam(a, "nonce"))
		switch len(seen) {
		case 1:
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="one", qop="auth"`)
		case 2:
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="two", qop="auth", stale=true`)
		default:
			write(w, soapHead+`<a/>`+soapTail)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	c, err := NewClient(Target{DeviceURLs: []string{srv.URL}}, testCredentials, Options{Networks: loopback})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.call(context.Background(), srv.URL+devicePath, rawXML(`<tds:GetHostname/>`), nil))
	require.Equal(t, []string{"", "one", "two"}, seen)
	require.False(t, c.auth.unproven())
}

func TestRobust03WrongPasswordStopsUntilItChanges(t *testing.T) {
	for name, f := range map[string]func(*fakeDevice) *fakeDevice{
		"WSSE":   func(f *fakeDevice) *fakeDevice { return f.locked(true, false) },
		"Digest": func(f *fakeDevice) *fakeDevice { return f.locked(false, true) },
		"both":   func(f *fakeDevice) *fakeDevice { return f.locked(true, true) },
		"skewed": func(f *fakeDevice) *fakeDevice { f.skew = time.Hour; return f.locked(true, false) },
		"many": func(f *fakeDevice) *fakeDevice {
			f.algorithms = []string{"SHA-256", "MD5"}
			return f.locked(true, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := f(newFake(t))
			c := f.client(Credentials{"admin", "wrong-secret"})
			require.NoError(t, c.connect(context.Background()))
			var wg sync.WaitGroup
			for range 8 { // all at once: only one may try
				wg.Go(func() {
					err := c.call(context.Background(), c.deviceURL().String(), rawXML(`<tds:GetHostname/>`), nil)
					if !errors.Is(err, ErrRefused) {
						t.Errorf("got %v", err)
					}
				})
			}
			wg.Wait()
			first := f.wrongPasswords()
			require.LessOrEqual(t, first, maxSigned)
			for range 20 {
				_, err := c.Probe(context.Background())
				require.ErrorIs(t, err, ErrRefused)
				require.NotContains(t, err.Error(), "wrong-secret")
				_, err = c.Snapshot(context.Background())
				require.ErrorIs(t, err, ErrRefused)
				require.ErrorIs(t, c.Events(context.Background(), func(Event) {}), ErrRefused)
			}
			require.Equal(t, first, f.wrongPasswords(), "no lock-out loop")
			c.SetCredentials(Credentials{"admin", "wrong-secret"})
			require.ErrorIs(t, c.KeyFrame(context.Background(), "main"), ErrRefused)
			require.Equal(t, first, f.wrongPasswords(), "the same pair again lifts nothing")
			c.SetCredentials(testCredentials)
			require.NoError(t, c.KeyFrame(context.Background(), "main"))
			require.Equal(t, first, f.wrongPasswords())
		})
	}
}

// A user who may not do one thing keeps the rest, and is not asked to repeat it.
func TestRobust03AnOperationDeniedIsNoWrongPassword(t *testing.T) {
	f := newFake(t).locked(true, false)
	f.replies["device.SetSystemDateAndTime"] = failing(400, "Sender", "ter:NotAuthorized", "Operation prohibited")
	c := f.client(testCredentials)
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
	for range 3 {
		err := c.SetClock(context.Background())
		require.ErrorIs(t, err, ErrDenied)
		require.Equal(t, lieciba.CodeForbidden, lieciba.CodeOf(err))
		require.NoError(t, c.KeyFrame(context.Background(), "main"))
	}
	require.Equal(t, 1, f.count("device.SetSystemDateAndTime"))
}

func TestRobust03AChangedPasswordIsGivenUpSoon(t *testing.T) {
	f := newFake(t).locked(true, true)
	c := f.client(testCredentials)
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
	f.mu.Lock()
	f.pass = "another"
	f.mu.Unlock()
	for range 10 {
		require.Error(t, c.KeyFrame(context.Background(), "main"))
		_, err := c.Snapshot(context.Background())
		require.Error(t, err)
	}
	require.LessOrEqual(t, f.wrongPasswords(), 4)
	require.ErrorIs(t, c.KeyFrame(context.Background(), "main"), ErrRefused)
}

func TestRobust03NoCredentialsAsksForThem(t *testing.T) {
	f := newFake(t).locked(true, true)
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.ErrorIs(t, err, ErrNeedsCredentials)
	require.True(t, r.NeedsCredentials)
	require.NotZero(t, r.Clock.Samples, "what is open is still told")
}

func TestRobust04WrongHostsAreDialledWhereTheCameraIs(t *testing.T) {
	for _, told := range []string{"http://192.168.99.99", "http://169.254.3.4:80", "http://[fe80::1]", "http://0.0.0.0:8000", "http://camera.invalid:81"} {
		t.Run(told, func(t *testing.T) {
			f := newFake(t)
			f.replies["device.GetServices"] = func(*http.Request, string) (int, string) {
				return 200, soapHead + `<tds:GetServicesResponse>` + f.services(told) + `</tds:GetServicesResponse>` + soapTail
			}
			for _, m := range []string{"media", "media2"} {
				f.replies[m+".GetStreamUri"] = func(_ *http.Request, body string) (int, string) {
					return 200, soapHead + uriResponse(m, "GetStreamUri", "rtsp://0.0.0.0:8554/"+tokenOf(body)+"?ch=1&x=2") + soapTail
				}
				f.replies[m+".GetSnapshotUri"] = reply(uriResponse(m, "GetSnapshotUri", "/snap.jpg?q=1"))
			}
			r, err := f.client(Credentials{}).Probe(context.Background())
			require.NoError(t, err)
			require.Equal(t, "rtsp://127.0.0.1:8554/main?ch=1&x=2", streamsOf(r)[lieciba.StreamMain].URL)
			require.Equal(t, "rtsp://127.0.0.1:8554/sub?ch=1&x=2", streamsOf(r)[lieciba.StreamSub].URL)
			require.Equal(t, f.srv.URL+"/snap.jpg?q=1", r.Camera.SnapshotURL)
		})
	}
}

func TestRobust04StreamHostCanBeOverridden(t *testing.T) {
	f := newFake(t)
	r, err := f.clientWith(Credentials{}, Options{StreamHost: "nat.example:10554"}).Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, "rtsp://nat.example:10554/main", streamsOf(r)[lieciba.StreamMain].URL)
}

func TestRobust04EveryAddressIsTried(t *testing.T) {
	f := newFake(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	deadURL := dead.URL
	dead.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { write(w, "<html>log in</html>") }))
	defer page.Close()
	c, err := NewClient(Target{DeviceURLs: []string{"http://192.168.99.99/onvif/device_service", deviceURLOf(deadURL), deviceURLOf(page.URL), deviceURLOf(f.srv.URL)}},
		Credentials{}, Options{Networks: loopback})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
}

func deviceURLOf(base string) string { return base + devicePath }

func TestRobust04SameSubnetIPv4First(t *testing.T) {
	var list []*url.URL
	for _, s := range []string{"http://[fe80::1]/", "http://0.0.0.0/", "http://[fd00::9]/", "http://cam.local/", "http://203.0.113.5/", "http://10.1.2.3/", "http://169.254.1.1/"} {
		u, err := url.Parse(s)
		require.NoError(t, err)
		list = append(list, u)
	}
	rankHosts(list, []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")})
	var got []string
	for _, u := range list {
		got = append(got, u.Hostname())
	}
	require.Equal(t, []string{"10.1.2.3", "203.0.113.5", "cam.local", "fd00::9", "fe80::1", "169.254.1.1", "0.0.0.0"}, got)
}

func TestRobust06H265IsTakenFromMedia2(t *testing.T) {
	f := newFake(t)
	f.replies["media2.GetProfiles"] = reply(`<tr2:GetProfilesResponse>` + media2Profile("main", "H265", 3840, 2160, 2) + media2Profile("sub", "H264", 640, 360, 1) +
		media2Profile("only2", "H265", 1280, 720, 1) + `</tr2:GetProfilesResponse>`)
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.NoError(t, err)
	main, sub := streamsOf(r)[lieciba.StreamMain], streamsOf(r)[lieciba.StreamSub]
	require.Equal(t, lieciba.H265, main.Video)
	require.Equal(t, 3840, main.Width)
	require.Equal(t, lieciba.AAC, main.Audio, "Media1 still tells what Media2 leaves out")
	require.Equal(t, lieciba.H264, sub.Video, "a browser can show the small one")
	require.Len(t, r.Profiles, 3)
	require.Subset(t, codes(r), []string{AdviceBFrames, AdviceH265, AdviceAAC})
}

func TestRobust06Media1AloneStillWorks(t *testing.T) {
	f := newFake(t)
	delete(f.replies, "media2.GetProfiles")
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, lieciba.H264, streamsOf(r)[lieciba.StreamMain].Video)
	require.Equal(t, 0, f.count("media2.GetStreamUri"))
}

// A real camera: 16 profiles, 3 fault, 4 have no video.
func TestRobust07BadProfilesAreSkipped(t *testing.T) {
	f := newFake(t)
	delete(f.replies, "media2.GetProfiles")
	var b strings.Builder
	for i := range 16 {
		name := fmt.Sprintf("p%d", i)
		switch {
		case i < 3: // the largest ones fault
			b.WriteString(media1Profile(name, "H264", 4000-i, 3000, ""))
		case i < 7:
			b.WriteString(`<trt:Profiles token="` + name + `"><tt:Name>audio</tt:Name></trt:Profiles>`)
		case i == 7:
			b.WriteString(media1Profile(name, "JPEG", 5000, 4000, ""))
		default:
			b.WriteString(media1Profile(name, "H264", 320*(i-6), 180*(i-6), ""))
		}
	}
	f.replies["media.GetProfiles"] = reply(`<trt:GetProfilesResponse>` + b.String() + `</trt:GetProfilesResponse>`)
	good := f.replies["media.GetStreamUri"]
	f.replies["media.GetStreamUri"] = func(r *http.Request, body string) (int, string) {
		if tok := tokenOf(body); tok == "p0" || tok == "p1" || tok == "p2" {
			return 500, soapFault("Receiver", "ter:Action", "internal")
		}
		return good(r, body)
	}
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, "p15", streamsOf(r)[lieciba.StreamMain].ProfileToken)
	require.Equal(t, "p8", streamsOf(r)[lieciba.StreamSub].ProfileToken, "640×360")
	require.Contains(t, codes(r), AdviceProfileSkipped)
	require.Contains(t, codes(r), AdviceNoSound)
}

// Some cameras name one URI for every profile: it is one stream, not two.
func TestRobust07OneURIForAllProfilesIsOneStream(t *testing.T) {
	f := newFake(t)
	for _, m := range []string{"media", "media2"} {
		f.replies[m+".GetStreamUri"] = reply(uriResponse(m, "GetStreamUri", "rtsp://127.0.0.1/live"))
	}
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.NoError(t, err)
	require.Len(t, r.Camera.Streams, 1)
	require.Equal(t, "main", r.Camera.Streams[0].ProfileToken)
	require.Contains(t, codes(r), AdviceNoSubStream)
}

// A device with two lenses is two cameras: main and sub show one room.
func TestRobust07MainAndSubShowOneLens(t *testing.T) {
	f := newFake(t)
	delete(f.replies, "media2.GetProfiles")
	other := strings.ReplaceAll(media1Profile("big2", "H264", 3840, 2160, "")+media1Profile("small2", "H264", 640, 360, ""), "lens1", "lens2")
	f.replies["media.GetProfiles"] = reply(`<trt:GetProfilesResponse>` + media1Profile("big1", "H264", 1280, 720, "") + other + media1Profile("small1", "H264", 640, 480, "") + `</trt:GetProfilesResponse>`)
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, "big1", streamsOf(r)[lieciba.StreamMain].ProfileToken)
	require.Equal(t, "small1", streamsOf(r)[lieciba.StreamSub].ProfileToken)
	require.Len(t, r.Profiles, 4)
}

// Candidates do not bleed into one another before one has answered.
func TestRobust04AStalePathFallsBackToTheUsualOne(t *testing.T) {
	f := newFake(t)
	f.replies["old.GetSystemDateAndTime"] = func(*http.Request, string) (int, string) { return http.StatusNotFound, "" }
	c, err := NewClient(Target{DeviceURLs: []string{f.srv.URL + "/old", "http://127.0.0.1:1" + devicePath}, Address: f.address()}, Credentials{}, Options{Networks: loopback})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.connect(context.Background()))
	require.Equal(t, deviceURLOf(f.srv.URL), c.deviceURL().String())
}
