package onvif

import (
	"net/url"
	"strings"

	"lieciba"
)

// ManualCamera describes a camera without ONVIF.
type ManualCamera struct {
	MainURL string // rtsp or rtsps, may carry user:password, percent-encoded
	SubURL  string // optional
}

// Manual makes a camera from RTSP URLs. Credentials in the URLs are taken out
// and returned apart. Nothing is contacted: the recorder's first connection
// tells whether the URLs work. Errors name the field and never repeat a URL.
func Manual(m ManualCamera) (lieciba.Camera, Credentials, error) {
	main, cred, err := manualURL("url", m.MainURL)
	if err != nil {
		return lieciba.Camera{}, Credentials{}, err
	}
	cam := lieciba.Camera{
		Address: joinHostPort(main.Hostname(), effectivePort(main)),
		State:   lieciba.CameraEnrolled,
		Streams: []lieciba.CameraStream{{Role: lieciba.StreamMain, URL: main.String()}},
	}
	if m.SubURL == "" {
		return cam, cred, nil
	}
	sub, subCred, err := manualURL("sub_url", m.SubURL)
	if err != nil {
		return lieciba.Camera{}, Credentials{}, err
	}
	if cred == (Credentials{}) {
		cred = subCred
	}
	if subCred != (Credentials{}) && subCred != cred {
		return lieciba.Camera{}, Credentials{}, lieciba.Invalid("sub_url", "has another user or password than url: a camera has one")
	}
	cam.Streams = append(cam.Streams, lieciba.CameraStream{Role: lieciba.StreamSub, URL: sub.String()})
	return cam, cred, nil
}

func manualURL(field, s string) (*url.URL, Credentials, error) {
	s = strings.TrimSpace(s)
	var cred Credentials
	if u, err := url.Parse(s); err == nil && u.User != nil {
		cred.Username = u.User.Username()
		cred.Password, _ = u.User.Password()
	} else if err != nil && strings.Contains(s, "@") {
		return nil, Credentials{}, lieciba.Invalid(field, "is not a URL: write special characters of the password as %%XX, or give user and password in their own fields")
	}
	u, err := parseURL(field, s, "rtsp", "rtsps")
	if err != nil {
		return nil, Credentials{}, err
	}
	if !dropSecrets(u) {
		return nil, Credentials{}, lieciba.Invalid(field, "has a password in its path, which would be stored in clear: not supported")
	}
	return u, cred, nil
}
