package virtualcam_test

import (
	"bytes"
	"context"
	"image/jpeg"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/onvif"
	"lieciba/onvif/virtualcam"
	"lieciba/onvif/virtualcam/picture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func site(t *testing.T, n int, with ...func(int, *virtualcam.Options)) []*virtualcam.Camera {
	t.Helper()
	list, err := virtualcam.StartSite(n, with...)
	require.NoError(t, err)
	for _, c := range list {
		t.Cleanup(func() { require.NoError(t, c.Close()) })
	}
	return list
}

func TestSiteIsFoundAndProbed(t *testing.T) {
	cameras := site(t, 4)
	found, err := onvif.Discover(t.Context(), onvif.DiscoverOptions{Interfaces: []string{"lo"}, Networks: loopback, Duration: 2 * time.Second})
	require.NoError(t, err)
	at := map[string]onvif.Found{}
	for _, f := range found {
		at[f.Address] = f
	}
	for _, c := range cameras {
		f, ok := at[c.Address()]
		require.True(t, ok, "%s was not found", c.Name())
		require.Equal(t, c.Name(), f.Name)
		cred := onvif.Credentials{Username: c.Username(), Password: c.Password()}
		r, err := onvif.Probe(t.Context(), f.Target(), cred, onvif.Options{Networks: loopback})
		require.NoError(t, err)
		main, ok := r.Camera.Stream(lieciba.StreamMain)
		require.True(t, ok)
		require.Equal(t, c.RTSP().URL(lieciba.StreamMain), main.URL)
		require.Equal(t, lieciba.H264, main.Video)
		require.Equal(t, c.RTSP().Config().Audio, main.Audio)
		_, ok = r.Camera.Stream(lieciba.StreamSub)
		require.True(t, ok)
		require.Less(t, r.Clock.Offset.Abs(), time.Second)
	}
}

func TestWrongPasswordIsCountedOnce(t *testing.T) {
	for _, c := range site(t, 2) {
		_, err := onvif.Probe(t.Context(), onvif.Target{Address: c.Address()}, onvif.Credentials{Username: c.Username(), Password: "wrong"}, onvif.Options{Networks: loopback})
		require.ErrorIs(t, err, onvif.ErrRefused)
		require.LessOrEqual(t, c.Failures(), 2, "in camera time, and once more in host time")
	}
}

func TestSnapshotShowsNow(t *testing.T) {
	c := site(t, 1)[0]
	client, err := onvif.NewClient(onvif.Target{Address: c.Address()}, onvif.Credentials{Username: c.Username(), Password: c.Password()}, onvif.Options{Networks: loopback})
	require.NoError(t, err)
	defer client.Close()
	before := time.Now().UnixMilli()
	raw, err := client.Snapshot(t.Context())
	require.NoError(t, err)
	img, err := jpeg.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	ms, ok := picture.DecodeTimecode(img, 640, 360)
	require.True(t, ok)
	require.GreaterOrEqual(t, ms, before)
}

func TestEventsReachASubscriber(t *testing.T) {
	c := site(t, 1)[0]
	client, err := onvif.NewClient(onvif.Target{Address: c.Address()}, onvif.Credentials{Username: c.Username(), Password: c.Password()}, onvif.Options{Networks: loopback})
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan onvif.Event, 16)
	ended := make(chan error, 1)
	go func() {
		ended <- client.Events(ctx, func(e onvif.Event) {
			select {
			case heard <- e:
			default:
			}
		})
	}()
	raise := time.NewTicker(50 * time.Millisecond)
	defer raise.Stop()
	for e := (onvif.Event{}); e.Kind != onvif.EventTamper; {
		select {
		case <-raise.C: // until the subscription stands, nobody hears it
			c.Raise(virtualcam.TopicTamper, true)
		case e = <-heard:
		case err := <-ended:
			t.Fatal(err)
		}
	}
	cancel()
	<-ended
	require.Zero(t, c.Subscriptions(), "the subscription is given back")
}
