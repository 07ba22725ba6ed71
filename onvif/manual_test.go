package onvif

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestManualTakesCredentialsOutOfTheURL(t *testing.T) {
	cam, cred, err := Manual(ManualCamera{MainURL: " rtsp://admin:p%40ss%3A%2F@10.0.0.7/live/main?x=1 ", SubURL: "rtsps://10.0.0.7:8322/sub"})
	require.NoError(t, err)
	require.Equal(t, Credentials{"admin", "p@ss:/"}, cred)
	require.False(t, cam.ONVIF)
	require.Equal(t, "10.0.0.7:554", cam.Address)
	main, _ := cam.Stream(lieciba.StreamMain)
	sub, _ := cam.Stream(lieciba.StreamSub)
	require.Equal(t, "rtsp://10.0.0.7/live/main?x=1", main.URL)
	require.Equal(t, "rtsps://10.0.0.7:8322/sub", sub.URL)
}

func TestManualRefuses(t *testing.T) {
	for _, u := range []string{"", "http://10.0.0.7/", "rtsp://", "10.0.0.7", "file:///etc/passwd", "rtsp:opaque",
		"rtsp://admin:s3cr%et@10.0.0.7/", "rtsp://10.0.0.7/user=admin_password=s3cr%25et_channel=1", "rtsp://admin:s3cr\net@h/"} {
		_, _, err := Manual(ManualCamera{MainURL: u})
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), u)
		require.NotContains(t, err.Error(), "s3cr")
	}
	_, _, err := Manual(ManualCamera{MainURL: "rtsp://a:1@10.0.0.7/", SubURL: "rtsp://a:2@10.0.0.7/"})
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
}
