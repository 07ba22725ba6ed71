package onvif_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif"
	"lieciba/onvif/virtualcam"
	"lieciba/onvif/virtualcam/rtspcam"
)

// The tests of this file run the client against the virtual camera, which was
// written apart from it.

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func startCamera(t *testing.T, o virtualcam.Options) *virtualcam.Camera {
	o.Streams.Name, o.Streams.Username, o.Streams.Password = "Integration room", "admin", "s3cret p@ss"
	c, err := virtualcam.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func clientOf(t *testing.T, c *virtualcam.Camera) *onvif.Client {
	client, err := onvif.NewClient(onvif.Target{Address: c.Address()}, onvif.Credentials{Username: c.Username(), Password: c.Password()},
		onvif.Options{Networks: loopback, CallTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func TestVirtualCameraIsProbedWhateverItsFaults(t *testing.T) {
	aac := rtspcam.Config{Audio: lieciba.AAC}
	for name, c := range map[string]struct {
		options virtualcam.Options
		faults  virtualcam.Faults
		skew    time.Duration
		advice  []string
		absent  []string
	}{
		"well":             {options: virtualcam.Options{Streams: aac}, advice: []string{onvif.AdviceAAC}, absent: []string{onvif.AdviceClockBad, onvif.AdviceServiceFailed}},
		"Digest, skewed":   {options: virtualcam.Options{Digest: true}, skew: 3 * time.Hour, advice: []string{onvif.AdviceClockBad, onvif.AdviceNoSound}},
		"WSSE, in 1986":    {skew: -40 * 365 * 24 * time.Hour, advice: []string{onvif.AdviceClockBad}},
		"wrong hosts":      {faults: virtualcam.Faults{XAddrHost: "169.254.7.7:80", StreamHost: "0.0.0.0:8554"}},
		"Media1 alone":     {faults: virtualcam.Faults{NoMedia2: true}},
		"absurd values":    {faults: virtualcam.Faults{BadHints: true}},
		"faulty services":  {faults: virtualcam.Faults{Fault: map[string]int{"GetSnapshotUri": 500, "GetServices": 400}}},
		"junk":             {faults: virtualcam.Faults{Junk: map[string]string{"GetEndpointReference": "<html>", "GetDeviceInformation": "\x00\xff"}}, advice: []string{onvif.AdviceServiceFailed}},
		"hanging snapshot": {faults: virtualcam.Faults{Delay: map[string]time.Duration{"GetSnapshotUri": time.Minute}}, advice: []string{onvif.AdviceServiceFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			cam := startCamera(t, c.options)
			cam.SetFaults(c.faults)
			cam.SetClockSkew(c.skew)
			r, err := clientOf(t, cam).Probe(t.Context())
			require.NoError(t, err)
			require.Zero(t, cam.Failures(), "no password was refused on the way")
			main, ok := r.Camera.Stream(lieciba.StreamMain)
			require.True(t, ok)
			if c.faults.StreamHost == "" {
				require.Equal(t, cam.RTSP().URL(lieciba.StreamMain), main.URL)
			} else {
				require.Equal(t, "rtsp://127.0.0.1:8554/main", main.URL)
			}
			_, ok = r.Camera.Stream(lieciba.StreamSub)
			require.True(t, ok)
			require.InDelta(t, c.skew, r.Clock.Offset, float64(r.Clock.Uncertainty+r.Clock.RoundTrip))
			var codes []string
			for _, a := range r.Advice {
				codes = append(codes, a.Code)
			}
			require.Subset(t, codes, c.advice)
			for _, a := range c.absent {
				require.NotContains(t, codes, a)
			}
		})
	}
}

func TestVirtualCameraLockoutIsNeverReached(t *testing.T) {
	for _, digest := range []bool{false, true} {
		cam := startCamera(t, virtualcam.Options{Digest: digest})
		cam.SetFaults(virtualcam.Faults{Lockout: 4})
		client := clientOf(t, cam)
		client.SetCredentials(onvif.Credentials{Username: cam.Username(), Password: "wrong"})
		for range 10 {
			_, err := client.Probe(t.Context())
			require.ErrorIs(t, err, onvif.ErrRefused)
		}
		client.SetCredentials(onvif.Credentials{Username: cam.Username(), Password: cam.Password()})
		_, err := client.Probe(t.Context())
		require.NoError(t, err, "the account was not locked")
	}
}

func TestVirtualCameraIsFoundOnceAndByItsReference(t *testing.T) {
	cam := startCamera(t, virtualcam.Options{Interface: "lo"})
	cam.SetFaults(virtualcam.Faults{Twice: true, XAddrHost: "192.168.77.77:" + portOf(t, cam)})
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	list, err := onvif.Discover(ctx, onvif.DiscoverOptions{Interfaces: []string{"lo"}, Networks: loopback, Duration: 2 * time.Second, OnFound: func(f onvif.Found) {
		if "urn:uuid:"+f.EndpointRef == cam.EndpointRef() {
			told++
		}
	}})
	cancel()
	require.NoError(t, err)
	require.Equal(t, 1, told)
	for _, f := range list {
		if "urn:uuid:"+f.EndpointRef == cam.EndpointRef() {
			require.Equal(t, cam.Address(), f.Address, "where it answers from, not what it says")
			require.Equal(t, "Integration room", f.Name)
			require.Equal(t, "Virtual camera", f.Model)
		}
	}
}

func portOf(t *testing.T, c *virtualcam.Camera) string {
	a, err := netip.ParseAddrPort(c.Address())
	require.NoError(t, err)
	return netip.AddrPortFrom(a.Addr(), a.Port()).String()[len(a.Addr().String())+1:]
}

// Whatever the pull point does wrong, events arrive, and no subscription leaks.
func TestVirtualCameraEventsWithFaults(t *testing.T) {
	for name, faults := range map[string]virtualcam.Faults{
		"none": {}, "hot": {HotPull: true}, "relative address": {Relative: true}, "wrong host, no renew": {XAddrHost: "10.9.9.9:80", NoRenew: true},
	} {
		t.Run(name, func(t *testing.T) {
			cam := startCamera(t, virtualcam.Options{})
			cam.SetFaults(faults)
			client := clientOf(t, cam)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			heard := make(chan onvif.Event, 256)
			ended := make(chan error, 1)
			go func() { ended <- client.Events(ctx, func(e onvif.Event) { heard <- e }) }()
			raise := time.NewTicker(50 * time.Millisecond)
			defer raise.Stop()
			for got := false; !got; {
				select {
				case <-raise.C: // until the subscription stands, nobody hears it
					cam.Raise(virtualcam.TopicTooDark, true)
				case e := <-heard:
					got = e.Kind == onvif.EventTooDark && e.Active && !e.Initial
				case err := <-ended:
					t.Fatal(err)
				}
			}
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			require.Zero(t, cam.Subscriptions())
		})
	}
}

func TestVirtualCameraKeyFrame(t *testing.T) {
	cam := startCamera(t, virtualcam.Options{})
	client := clientOf(t, cam)
	r, err := client.Probe(t.Context())
	require.NoError(t, err)
	main, _ := r.Camera.Stream(lieciba.StreamMain)
	require.NoError(t, client.KeyFrame(t.Context(), main.ProfileToken))
}
