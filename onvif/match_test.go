package onvif

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func probeMatches(matches ...string) string {
	return `<?xml version="1.0" encoding="utf-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header><wsa:RelatesTo>uuid:1</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body><d:ProbeMatches>` +
		strings.Join(matches, "") + `</d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

func probeMatch(ref, types, scopes, xaddrs string) string {
	return `<d:ProbeMatch><wsa:EndpointReference><wsa:Address>` + ref + `</wsa:Address></wsa:EndpointReference><d:Types>` + types + `</d:Types><d:Scopes>` + scopes + `</d:Scopes><d:XAddrs>` + xaddrs + `</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch>`
}

const (
	cameraTypes  = "dn:NetworkVideoTransmitter"
	cameraScopes = "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Room%20101 onvif://www.onvif.org/hardware/X-1 onvif://www.onvif.org/location/Riga"
)

func TestDecodeMatches(t *testing.T) {
	list, err := decodeMatches([]byte(probeMatches(
		probeMatch("urn:uuid:AA-1", cameraTypes, cameraScopes, " http://10.0.0.5/onvif/device_service\n http://[fe80::5]/onvif/device_service "),
		probeMatch("uuid:aa-2", "wsdp:Device", "", ""))))
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "aa-1", list[0].endpointRef)
	require.Len(t, list[0].xaddrs, 2)
	require.Equal(t, "Room 101", list[0].scope("name"))
	require.Equal(t, "X-1", list[0].scope("model", "hardware"))
	require.True(t, list[0].isCamera())
	require.False(t, list[1].isCamera())
}

// Datagrams that were seen on shared networks, and some that were not.
var junk = map[string]string{
	"empty":            "",
	"text":             "hello",
	"binary":           "\x00\xff\xfe\x01\x02",
	"SSDP":             "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
	"HTML":             "<html><body>no</body></html>",
	"cut":              probeMatches(probeMatch("a", cameraTypes, cameraScopes, "http://10.0.0.5/"))[:400],
	"no body":          `<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"/>`,
	"empty body":       `<Envelope><Body/></Envelope>`,
	"Hello":            `<Envelope><Body><Hello><XAddrs>http://10.0.0.5/</XAddrs></Hello></Body></Envelope>`,
	"probe of another": string(probeMessage("")),
	"entities":         `<!DOCTYPE e [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Envelope><Body><ProbeMatches>&b;</ProbeMatches></Body></Envelope>`,
	"unknown charset":  `<?xml version="1.0" encoding="x-nothing"?><Envelope>` + "\xff",
}

func TestDecodeMatchesRefusesJunk(t *testing.T) {
	for name, s := range junk {
		t.Run(name, func(t *testing.T) {
			list, err := decodeMatches([]byte(s))
			require.Empty(t, list)
			if name != "entities" { // an empty list of matches, which is no error
				require.ErrorIs(t, err, errJunk)
			}
		})
	}
}

func FuzzDecodeMatches(f *testing.F) {
	for _, s := range junk {
		f.Add([]byte(s))
	}
	f.Add([]byte(probeMatches(probeMatch("urn:uuid:AA-1", cameraTypes, cameraScopes, "http://10.0.0.5/onvif/device_service"))))
	f.Add([]byte(probeMatches(probeMatch("", "", "", ""))))
	f.Add([]byte(probeMatches(probeMatch("x y", "a", "onvif:// %zz onvif://www.onvif.org/name/%ff", "http:// :// http://[::1 /"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeMatches(b)
		if err != nil && len(list) > 0 {
			t.Fatal("matches beside an error")
		}
		s := &search{options: DiscoverOptions{Networks: PrivateNetworks()}, byKey: map[string]int{}}
		for _, m := range list {
			f, ok := s.judge(m, sourceForTest, networkInterface{})
			if ok && (len(f.DeviceURLs) == 0 || f.Address == "" || !strings.Contains(f.DeviceURL, "://") || strings.Contains(f.DeviceURL, "@")) {
				t.Fatalf("a camera without a usable address: %+v", f)
			}
		}
	})
}
