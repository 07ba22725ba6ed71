package onvif

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestDeviceURLs(t *testing.T) {
	for address, want := range map[string][]string{
		"10.0.0.5":       {"http://10.0.0.5/onvif/device_service", "https://10.0.0.5/onvif/device_service", "http://10.0.0.5:8080/onvif/device_service"},
		"cam.local:8000": {"http://cam.local:8000/onvif/device_service", "https://cam.local:8000/onvif/device_service"},
		"10.0.0.5:443":   {"https://10.0.0.5/onvif/device_service"},
		"fd00::5":        {"http://[fd00::5]/onvif/device_service", "https://[fd00::5]/onvif/device_service", "http://[fd00::5]:8080/onvif/device_service"},
		"[fd00::5]:81":   {"http://[fd00::5]:81/onvif/device_service", "https://[fd00::5]:81/onvif/device_service"},
	} {
		list, err := deviceURLs(Target{Address: address})
		require.NoError(t, err, address)
		var got []string
		for _, u := range list {
			got = append(got, u.String())
		}
		require.Equal(t, want, got, address)
	}
	for _, bad := range []string{"", "http://x/", "a b", "user:pw@host", "../etc", ":80"} {
		_, err := deviceURLs(Target{Address: bad})
		require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err), bad)
	}
	_, err := deviceURLs(Target{DeviceURLs: []string{"file:///etc/passwd"}})
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
}

func TestRedial(t *testing.T) {
	for _, c := range []struct{ dialled, own, told, want string }{
		{"http://1.1.1.1:8899/onvif/device_service", "http://10.0.0.5/onvif/device_service", "http://10.0.0.5/onvif/media?a=b", "http://1.1.1.1:8899/onvif/media?a=b"},
		{"http://1.1.1.1/d", "http://10.0.0.5/d", "http://10.0.0.5:1080/events", "http://1.1.1.1:1080/events"},
		{"https://1.1.1.1/d", "http://10.0.0.5/d", "http://10.0.0.5/m", "https://1.1.1.1/m"},
		{"https://1.1.1.1/d", "https://10.0.0.5/d", "http://10.0.0.5:81/m", "https://1.1.1.1/m"},
		{"http://1.1.1.1/d", "", "http://[fe80::1]:5000/m", "http://1.1.1.1/m"},
		{"http://1.1.1.1/onvif/d", "", "/onvif/m", "http://1.1.1.1/onvif/m"},
		{"http://1.1.1.1/onvif/d", "", "m?x=1", "http://1.1.1.1/onvif/m?x=1"},
		{"http://1.1.1.1/onvif/d", "", "", ""},
		{"http://1.1.1.1/onvif/d", "", "http://%zz/", ""},
		{"http://1.1.1.1/onvif/d", "http://a:1/d", "gopher://a:2/x", ""},
	} {
		d, err := url.Parse(c.dialled)
		require.NoError(t, err)
		got, ok := redial(d, c.own, c.told)
		require.Equal(t, c.want != "", ok, c.told)
		if ok {
			require.Equal(t, c.want, got.String())
		}
	}
}

func FuzzStreamURL(f *testing.F) {
	for _, s := range []string{"rtsp://a:b@1.2.3.4:554/x?user=a&pwd=b", "rtsps://[::1]/", "rtsp://h/user=a_password=b", "http://h/", "rtsp://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, told string) {
		clean, ok := streamURL(told, "10.0.0.5", "")
		if !ok {
			return
		}
		u, err := url.Parse(clean)
		if err != nil || u.User != nil || u.Hostname() != "10.0.0.5" || (u.Scheme != "rtsp" && u.Scheme != "rtsps") {
			t.Fatalf("%q → %q: %v", told, clean, err)
		}
	})
}
