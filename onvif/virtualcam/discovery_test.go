package virtualcam_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/onvif/virtualcam"
	"lieciba/onvif/virtualcam/rtspcam"
)

// The tests of this file speak WS-Discovery by hand on the loopback interface,
// where cameras of other packages' tests may speak too.

var group = net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	conn, err := net.ListenMulticastUDP("udp4", lo, &group)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// asker sends probes to one camera. A unicast Probe (WS-Discovery 2005/04,
// section 5) goes to the port that all cameras of this machine share, so that
// probes are multicast, and answers of other cameras are passed over.
type asker struct {
	t      *testing.T
	camera *virtualcam.Camera
	conn   *net.UDPConn
}

func ask(t *testing.T, c *virtualcam.Camera) *asker {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // the address picks the interface
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	return &asker{t: t, camera: c, conn: conn}
}

// probe sends a Probe with that inside and returns its MessageID.
func (a *asker) probe(inside string) string {
	a.t.Helper()
	id := "urn:uuid:" + lieciba.NewID[string](time.Now())
	_, err := a.conn.WriteTo([]byte(`<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"`+
		` xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:y="http://schemas.xmlsoap.org/ws/2005/04/discovery"`+
		` xmlns:net="http://www.onvif.org/ver10/network/wsdl" xmlns:dev='http://www.onvif.org/ver10/device/wsdl'`+
		` xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof" xmlns:print="http://schemas.microsoft.com/windows/2006/08/wdp/print"><e:Header>`+
		`<w:MessageID>`+id+`</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>`+
		`<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header><e:Body><y:Probe>`+inside+`</y:Probe></e:Body></e:Envelope>`), &group)
	require.NoError(a.t, err)
	return id
}

// answers returns the camera's answers up to the one to the Probe last.
func (a *asker) answers(last string) (list []string) {
	a.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := a.conn.Read(buf)
		require.NoError(a.t, err, "no answer to the last Probe")
		text := string(buf[:n])
		if strings.Contains(text, a.camera.EndpointRef()) {
			if list = append(list, text); strings.Contains(text, "<a:RelatesTo>"+last+"<") {
				return list
			}
		}
	}
}

func TestProbesAreAnsweredByTypeAndScope(t *testing.T) {
	a := ask(t, camera(t, virtualcam.Options{Interface: "lo", Streams: rtspcam.Config{Name: "Logs 1"}}, virtualcam.Faults{}))
	for inside, answered := range map[string]bool{
		``:           true,
		`<y:Types/>`: true,
		`<y:Types>net:NetworkVideoTransmitter</y:Types>`:                                                    true,
		`<y:Types> dev:Device </y:Types>`:                                                                   true,
		`<y:Types>net:NetworkVideoTransmitter dev:Device</y:Types>`:                                         true,
		`<y:Types>net:NetworkVideoDisplay</y:Types>`:                                                        false,
		`<y:Types>wsdp:Device</y:Types>`:                                                                    false,
		`<y:Types>print:PrintDeviceType</y:Types>`:                                                          false,
		`<y:Types>wsdp:Device dev:Device</y:Types>`:                                                         false,
		`<y:Types>dev:NetworkVideoTransmitter</y:Types>`:                                                    false,
		`<y:Scopes>onvif://www.onvif.org/Profile</y:Scopes>`:                                                true,
		`<y:Scopes>onvif://www.onvif.org/name/Logs%201 onvif://www.onvif.org/type/video_encoder</y:Scopes>`: true,
		`<y:Scopes>onvif://www.onvif.org/name/Logs</y:Scopes>`:                                              false,
		`<y:Scopes>onvif://www.onvif.org/type/ptz</y:Scopes>`:                                               false,
	} {
		asked := a.probe(inside)
		list := a.answers(a.probe("")) // one camera answers in turn: what came before is all there is
		if !answered {
			require.Len(t, list, 1, inside)
			continue
		}
		require.Len(t, list, 2, inside)
		require.Contains(t, list[0], "<a:RelatesTo>"+asked+"<")
		require.Contains(t, list[0], a.camera.DeviceURL())
		require.Contains(t, list[0], "/name/Logs%201")
	}
}

func TestCameraMayAnswerOneKindOfProbeOnly(t *testing.T) {
	const typed = `<y:Types>net:NetworkVideoTransmitter</y:Types>`
	a := ask(t, camera(t, virtualcam.Options{Interface: "lo", Streams: rtspcam.Config{Name: "H"}}, virtualcam.Faults{TypedOnly: true}))
	a.probe("")
	require.Len(t, a.answers(a.probe(typed)), 1)
	a.camera.SetFaults(virtualcam.Faults{UntypedOnly: true})
	a.probe(typed)
	require.Len(t, a.answers(a.probe("")), 1)
}

func TestHelloAndByeAreSaid(t *testing.T) {
	ear := listen(t)
	hear := func(what, of string) string {
		buf := make([]byte, 64<<10)
		for {
			n, err := ear.Read(buf)
			require.NoError(t, err, "no %s", what)
			if text := string(buf[:n]); strings.Contains(text, "<d:"+what+">") && strings.Contains(text, of) {
				return text
			}
		}
	}
	c, err := virtualcam.Start(virtualcam.Options{Interface: "lo", Streams: rtspcam.Config{Name: "H"}})
	require.NoError(t, err)
	hello := hear("Hello", c.EndpointRef())
	require.Contains(t, hello, "discovery/Hello</a:Action>")
	require.Contains(t, hello, c.DeviceURL())
	require.NoError(t, c.Close())
	require.Contains(t, hear("Bye", c.EndpointRef()), "discovery/Bye</a:Action>")
}
