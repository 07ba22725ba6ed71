package onvif

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestSnapshot(t *testing.T) {
	for name, f := range map[string]*fakeDevice{
		"open": newFake(t), "WSSE and Digest": newFake(t).locked(true, true), "TLS, Digest": newFakeTLS(t).locked(false, true),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := f.client(testCredentials).Snapshot(context.Background())
			require.NoError(t, err)
			require.Equal(t, "\xff\xd8\xff\xe0picture\xff\xd9", string(b))
			require.Empty(t, f.complaints())
			require.Zero(t, f.wrongPasswords())
		})
	}
}

// Other users for pictures than for ONVIF: the refusal concerns the picture only.
func TestSnapshotRefusedLeavesTheRest(t *testing.T) {
	f := newFake(t).locked(true, false)
	f.replies["snap.jpg"] = func(*http.Request, string) (int, string) { return http.StatusForbidden, "" }
	f.digest = true
	c := f.client(testCredentials)
	for range 3 {
		_, err := c.Snapshot(context.Background())
		require.ErrorIs(t, err, ErrDenied)
		require.NoError(t, c.KeyFrame(context.Background(), "main"))
	}
	require.LessOrEqual(t, f.count("snap.jpg"), 3, "asked in one call only, with its challenges")
}

// The same with a client whose first call is the picture, at an address known before.
func TestSnapshotRefusedFirstLeavesTheRest(t *testing.T) {
	f := newFake(t).locked(true, false)
	f.replies["snap.jpg"] = func(*http.Request, string) (int, string) { return http.StatusForbidden, "" }
	f.digest = true
	c, err := NewClient(Target{DeviceURLs: []string{deviceURLOf(f.srv.URL)}, SnapshotURL: f.srv.URL + "/snap.jpg"}, testCredentials, Options{Networks: loopback})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Snapshot(context.Background())
	require.ErrorIs(t, err, ErrDenied)
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
}

func TestSnapshotThatIsNoPicture(t *testing.T) {
	f := newFake(t)
	f.replies["snap.jpg"] = func(*http.Request, string) (int, string) { return 200, "<html>log in</html>" }
	_, err := f.client(Credentials{}).Snapshot(context.Background())
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
	f.replies["snap.jpg"] = func(*http.Request, string) (int, string) { return 503, "" }
	_, err = f.client(Credentials{}).Snapshot(context.Background())
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(err))
}

func TestKeyFrameAsksMedia2ThenMedia1(t *testing.T) {
	f := newFake(t)
	c := f.client(Credentials{})
	require.NoError(t, c.KeyFrame(context.Background(), `a"<&`))
	require.Equal(t, 0, f.count("media.SetSynchronizationPoint"))
	require.Contains(t, f.allBodies(), "ProfileToken>a&quot;&lt;&amp;<")
	delete(f.replies, "media2.SetSynchronizationPoint")
	require.NoError(t, c.KeyFrame(context.Background(), "main"))
	require.Equal(t, 1, f.count("media.SetSynchronizationPoint"))
	delete(f.replies, "media.SetSynchronizationPoint")
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(c.KeyFrame(context.Background(), "main")))
}

func TestClientsKeepWhatWasRefused(t *testing.T) {
	f := newFake(t).locked(true, false)
	s := NewClients(Options{Networks: loopback})
	defer s.Close()
	cam := lieciba.Camera{ID: "a", DeviceURL: deviceURLOf(f.srv.URL)}
	ask := func(password string) error {
		c, err := s.For(cam, Credentials{testCredentials.Username, password})
		require.NoError(t, err)
		return c.KeyFrame(context.Background(), "main")
	}
	for range 5 {
		require.ErrorIs(t, ask("wrong"), ErrRefused)
	}
	require.Equal(t, 1, f.wrongPasswords())
	require.NoError(t, ask(testCredentials.Password))
	s.Forget(cam.ID)
	require.NoError(t, ask(testCredentials.Password))
}
