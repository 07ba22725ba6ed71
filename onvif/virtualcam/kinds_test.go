package virtualcam_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif"
	"lieciba/onvif/virtualcam"
	"lieciba/onvif/virtualcam/rtspcam"
)

func camera(t *testing.T, o virtualcam.Options, f virtualcam.Faults) *virtualcam.Camera {
	t.Helper()
	c, err := virtualcam.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	c.SetFaults(f)
	return c
}

func probe(t *testing.T, c *virtualcam.Camera) onvif.Result {
	t.Helper()
	r, err := onvif.Probe(t.Context(), onvif.Target{Address: c.Address()}, onvif.Credentials{Username: c.Username(), Password: c.Password()}, onvif.Options{Networks: loopback})
	require.NoError(t, err)
	return r
}

func TestH265IsToldByMedia2(t *testing.T) {
	o := virtualcam.Options{Streams: rtspcam.Config{Name: "H", Username: "u", Password: "p", Video: lieciba.H265, Audio: lieciba.PCMA}}
	for name, f := range map[string]virtualcam.Faults{"absent from Media1": {}, "H264 in Media1": {H265Hidden: true}} {
		t.Run(name, func(t *testing.T) {
			r := probe(t, camera(t, o, f))
			main, ok := r.Camera.Stream(lieciba.StreamMain)
			require.True(t, ok)
			require.Equal(t, lieciba.H265, main.Video)
			sub, ok := r.Camera.Stream(lieciba.StreamSub)
			require.True(t, ok)
			require.Equal(t, lieciba.H264, sub.Video)
		})
	}
}

func TestDigestWithSHA256(t *testing.T) {
	o := virtualcam.Options{Digest: true, SHA256: true, Streams: rtspcam.Config{Name: "H", Username: "u", Password: "p"}}
	c := camera(t, o, virtualcam.Faults{})
	require.NotEmpty(t, probe(t, c).Camera.Serial)
	require.Zero(t, c.Failures())
}

func TestTLSCertificateIsPinned(t *testing.T) {
	c := camera(t, virtualcam.Options{TLS: true, Streams: rtspcam.Config{Name: "H", Username: "u", Password: "p"}}, virtualcam.Faults{})
	r := probe(t, c)
	require.Equal(t, c.Fingerprint(), strings.ToLower(r.Camera.TLSPin))
	require.Equal(t, c.DeviceURL(), r.Camera.DeviceURL)
	_, err := onvif.Probe(t.Context(), onvif.Target{Address: c.Address(), TLSPin: strings.Repeat("0", 64)},
		onvif.Credentials{Username: "u", Password: "p"}, onvif.Options{Networks: loopback})
	require.Error(t, err)
}

// TestDiscoveryAmongStrangers finds cameras that answer one kind of Probe only,
// between junk and printers, on an address of their own.
func TestDiscoveryAmongStrangers(t *testing.T) {
	faults := []virtualcam.Faults{{TypedOnly: true, Strangers: true}, {UntypedOnly: true, Twice: true}, {Silent: true}}
	cameras := site(t, len(faults), func(i int, o *virtualcam.Options) { o.Address = net.JoinHostPort("127.0.0."+string(rune('2'+i)), "0") })
	for i, c := range cameras {
		c.SetFaults(faults[i])
	}
	require.Equal(t, 2, foundOf(t, cameras))
	require.True(t, strings.HasPrefix(cameras[1].RTSP().Address(), "127.0.0.3:"))
	cameras[0].Disconnect(time.Minute)
	require.Equal(t, 1, foundOf(t, cameras))
}

// foundOf discovers on loopback and counts those of the cameras that are found.
func foundOf(t *testing.T, cameras []*virtualcam.Camera) (n int) {
	t.Helper()
	found, err := onvif.Discover(t.Context(), onvif.DiscoverOptions{Interfaces: []string{"lo"}, Networks: loopback, Duration: time.Second})
	require.NoError(t, err)
	for _, c := range cameras {
		for _, f := range found {
			if f.Address == c.Address() {
				n++
			}
		}
	}
	return n
}

func TestDisconnectTakesTheWholeCameraAway(t *testing.T) {
	c := camera(t, virtualcam.Options{Streams: rtspcam.Config{Name: "H", Username: "u", Password: "p"}}, virtualcam.Faults{})
	probe(t, c)
	c.Disconnect(time.Hour)
	_, err := onvif.Probe(t.Context(), onvif.Target{Address: c.Address()}, onvif.Credentials{Username: "u", Password: "p"}, onvif.Options{Networks: loopback})
	require.Error(t, err)
	out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", c.RTSP().URL(lieciba.StreamMain)).CombinedOutput()
	require.Error(t, err, string(out))
	c.Disconnect(0)
	probe(t, c)
}

// soap posts a body to a camera without sign-in.
func soap(t *testing.T, c *virtualcam.Camera, service, body string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	text := `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>` + body + `</s:Body></s:Envelope>`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Address()+"/onvif/"+service, strings.NewReader(text))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

func TestEncoderIsSetOnlyAsAWhole(t *testing.T) {
	c := camera(t, virtualcam.Options{Streams: rtspcam.Config{Name: "H"}}, virtualcam.Faults{})
	size := `<tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution>`
	part := `<trt:SetVideoEncoderConfiguration><trt:Configuration token="ve-main">` + size + `</trt:Configuration></trt:SetVideoEncoderConfiguration>`
	whole := strings.Replace(part, size, `<tt:Name>main</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>`+size+`<tt:Quality>5</tt:Quality><tt:RateControl></tt:RateControl>`, 1)
	require.Equal(t, http.StatusBadRequest, soap(t, c, "media", part))
	require.Equal(t, 1280, c.RTSP().Config().Width)
	require.Equal(t, http.StatusBadRequest, soap(t, c, "media", strings.Replace(whole, ">640<", ">641<", 1)))
	require.Equal(t, http.StatusOK, soap(t, c, "media", whole))
	require.Equal(t, 640, c.RTSP().Config().Width)
	require.Equal(t, http.StatusOK, soap(t, c, "media2", strings.Replace(strings.Replace(whole, ">640<", ">320<", 1), "ve-main", "ve-sub", 1)))
	require.Equal(t, 320, c.RTSP().Config().SubWidth)
}

func TestSubscriptionsEndByThemselves(t *testing.T) {
	c := camera(t, virtualcam.Options{Streams: rtspcam.Config{Name: "H"}}, virtualcam.Faults{})
	require.Equal(t, http.StatusOK, soap(t, c, "events", `<tev:CreatePullPointSubscription/>`))
	require.Equal(t, 1, c.Subscriptions())
	c.SetClockSkew(2 * time.Minute)
	c.Raise(virtualcam.TopicTooDark, true)
	require.Zero(t, c.Subscriptions())
}

// TestSignatureCountsOnce signs by hand (OASIS UsernameToken Profile 1.0).
func TestSignatureCountsOnce(t *testing.T) {
	c := camera(t, virtualcam.Options{Streams: rtspcam.Config{Name: "H", Username: "u", Password: "p"}}, virtualcam.Faults{})
	ask := func(nonce string, at time.Time) int {
		created := at.UTC().Format(time.RFC3339)
		sum := sha1.Sum([]byte(nonce + created + "p"))
		b64 := base64.StdEncoding.EncodeToString
		return soap(t, c, "device_service", `<tds:GetDeviceInformation/><Security><UsernameToken><Username>u</Username><Password>`+b64(sum[:])+
			`</Password><Nonce>`+b64([]byte(nonce))+`</Nonce><Created>`+created+`</Created></UsernameToken></Security>`)
	}
	now := time.Now()
	require.Equal(t, http.StatusOK, ask("once", now))
	require.Equal(t, http.StatusBadRequest, ask("once", now), "replayed")
	require.Equal(t, http.StatusBadRequest, ask("late", now.Add(-time.Hour)), "signed in another time than the camera's")
	c.SetClockSkew(-time.Hour)
	require.Equal(t, http.StatusOK, ask("late", now.Add(-time.Hour)))
}
