package onvif

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestSOAPFaultsAreErrors(t *testing.T) {
	soap11 := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>bad
		thing</faultstring></s:Fault></s:Body></s:Envelope>`
	for name, c := range map[string]struct {
		status int
		body   string
		want   lieciba.Code
		text   string
	}{
		"400":                   {400, soapFault("Sender", "ter:InvalidArgVal", "no such token"), lieciba.CodeUnsupported, "no such token"},
		"500":                   {500, soapFault("Receiver", "ter:Action", "internal"), lieciba.CodeUnavailable, "internal"},
		"fault with status 200": {200, soapFault("Receiver", "ter:ActionNotSupported", "never heard"), lieciba.CodeUnsupported, "never heard"},
		"SOAP 1.1":              {500, soap11, lieciba.CodeUnavailable, "bad thing"},
		"long reason":           {500, soapFault("Receiver", "ter:Action", strings.Repeat("é", 5000)), lieciba.CodeUnavailable, "…"},
		"HTML 404":              {404, "<html>no</html>", lieciba.CodeUnavailable, "404"},
		"HTML 200":              {200, "<html>log in</html>", lieciba.CodeUnavailable, "cannot be read"},
		"empty 200":             {200, "", lieciba.CodeUnavailable, "cannot be read"},
		"cut":                   {200, soapHead + "<trt:GetProf", lieciba.CodeUnavailable, "cannot be read"},
		"unreadable fault":      {500, soapHead + "<SOAP-ENV:Fault><a", lieciba.CodeUnavailable, "fault"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.replies["device.GetHostname"] = func(*http.Request, string) (int, string) { return c.status, c.body }
			cl := f.client(Credentials{})
			require.NoError(t, cl.connect(context.Background()))
			var out struct{ Name string }
			err := cl.call(context.Background(), cl.deviceURL().String(), rawXML(`<tds:GetHostname/>`), &out)
			require.Equal(t, c.want, lieciba.CodeOf(err))
			require.Contains(t, err.Error(), c.text)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 700)
		})
	}
}

// Namespace prefixes differ between makers, and so does the charset.
func TestAnswersDecodeWhateverThePrefix(t *testing.T) {
	f := newFake(t)
	f.replies["device.GetDeviceInformation"] = func(*http.Request, string) (int, string) {
		return 200, `<?xml version="1.0" encoding="ISO-8859-1"?><Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Header/><Body><ns9:GetDeviceInformationResponse xmlns:ns9="x"><ns9:Manufacturer>Caf` + "\xe9" + `</ns9:Manufacturer><Model>M</Model></ns9:GetDeviceInformationResponse></Body></Envelope>`
	}
	r, err := f.client(Credentials{}).Probe(context.Background())
	require.NoError(t, err)
	require.Equal(t, "Café", r.Camera.Maker)
	require.Equal(t, "M", r.Camera.Model)
}

func TestGetCapabilitiesWhenGetServicesIsAbsent(t *testing.T) {
	for name, set := range map[string]func(*fakeDevice){
		"absent": func(f *fakeDevice) { delete(f.replies, "device.GetServices") },
		"empty":  func(f *fakeDevice) { f.replies["device.GetServices"] = reply(`<tds:GetServicesResponse/>`) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t).locked(true, false)
			set(f)
			f.replies["device.GetCapabilities"] = reply(`<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Device><tt:XAddr>http://10.9.9.9/onvif/device_service</tt:XAddr></tt:Device>` +
				`<tt:Events><tt:XAddr>http://10.9.9.9/onvif/events</tt:XAddr></tt:Events><tt:Media><tt:XAddr>http://10.9.9.9/onvif/media</tt:XAddr></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>`)
			r, err := f.client(testCredentials).Probe(context.Background())
			require.NoError(t, err)
			require.Len(t, r.Camera.Streams, 2)
			require.Zero(t, f.wrongPasswords())
			require.NotZero(t, f.count("media.GetProfiles"))
		})
	}
}

// The library's fixed path and scheme are undone for devices elsewhere.
func TestDeviceServiceOnAnotherPathOverTLS(t *testing.T) {
	f := newFakeTLS(t)
	delete(f.replies, "device.GetServices")
	f.replies["odd/path.GetCapabilities"] = reply(`<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>http://10.9.9.9/onvif/media</tt:XAddr></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>`)
	f.replies["odd/path.GetDeviceInformation"] = f.replies["device.GetDeviceInformation"]
	c, err := NewClient(Target{DeviceURLs: []string{f.srv.URL + "/odd/path"}}, Credentials{}, Options{Networks: loopback})
	require.NoError(t, err)
	defer c.Close()
	r, err := c.Probe(context.Background())
	require.NoError(t, err)
	require.Len(t, r.Camera.Streams, 2)
	require.NotContains(t, codes(r), AdvicePlainHTTP)
}

func FuzzParseFault(f *testing.F) {
	f.Add([]byte(soapFault("Sender", "ter:NotAuthorized", "x")))
	f.Add([]byte(`<Envelope><Body><Fault><Code><Value>a:</Value><Subcode><Value>:</Value></Subcode></Code></Fault></Body></Envelope>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if fault, ok := parseFault(b); ok {
			if len([]rune(fault.Reason)) > 201 || strings.ContainsAny(fault.Error(), "\r\n") {
				t.Fatalf("%q", fault.Error())
			}
			_ = fault.notAuthorized()
		}
	})
}
