package virtualcam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"lieciba"
)

// group is where WS-Discovery asks (WS-Discovery 2005/04, section 2.4).
var group = &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702}

// finder answers WS-Discovery for one camera on one interface.
type finder struct {
	camera *Camera
	conn   *ipv4.PacketConn
	raw    net.PacketConn
	iface  *net.Interface
	done   sync.WaitGroup
}

// startFinder joins the group on the interface and says Hello. Many cameras of
// one machine share the port: the kernel gives each its copy of a multicast.
func startFinder(name string, c *Camera) (*finder, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	shared := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) error {
		var failed error
		err := rc.Control(func(fd uintptr) {
			failed = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		})
		return errors.Join(err, failed)
	}}
	raw, err := shared.ListenPacket(context.Background(), "udp4", group.String())
	if err != nil {
		return nil, err
	}
	f := &finder{camera: c, raw: raw, conn: ipv4.NewPacketConn(raw), iface: iface}
	err = errors.Join(f.conn.JoinGroup(iface, &net.UDPAddr{IP: group.IP}), f.conn.SetMulticastInterface(iface),
		f.conn.SetMulticastLoopback(true), f.conn.SetControlMessage(ipv4.FlagInterface, true))
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	f.done.Add(1)
	go f.run()
	f.announce("Hello")
	return f, nil
}

// close says Bye and waits.
func (f *finder) close() error {
	f.announce("Bye")
	err := f.conn.Close()
	f.done.Wait()
	return err
}

func (f *finder) run() {
	defer f.done.Done()
	buffer := make([]byte, 64<<10)
	for {
		n, cm, from, err := f.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || cm == nil || cm.IfIndex != f.iface.Index {
			continue // probes of other interfaces are not ours
		}
		f.answer(string(buffer[:n]), from)
	}
}

var (
	messageID = regexp.MustCompile(`<(?:[\w-]+:)?MessageID[^>]*>([^<]*)<`)
	types     = regexp.MustCompile(`<(?:[\w-]+:)?Types[^>]*>([^<]*)<`)
	scopes    = regexp.MustCompile(`<(?:[\w-]+:)?Scopes[^>]*>([^<]*)<`)
	prefixes  = regexp.MustCompile(`xmlns:([\w-]+)\s*=\s*["']([^"']*)["']`)
	isProbe   = regexp.MustCompile(`<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?Probe[\s/>]`)
)

// answer sends a ProbeMatches for a Probe that asks for what this is.
func (f *finder) answer(probe string, to net.Addr) {
	faults := f.camera.fault()
	want := first(types, probe)
	if faults.Silent || f.camera.gate.IsShut() || !isProbe.MatchString(probe) ||
		faults.TypedOnly && want == "" || faults.UntypedOnly && want != "" {
		return
	}
	if !isOfTypes(probe, want) || !f.camera.hasScopes(first(scopes, probe)) {
		return
	}
	body := `<d:ProbeMatches><d:ProbeMatch>` + f.camera.description() + `</d:ProbeMatch></d:ProbeMatches>`
	text := discoveryMessage("ProbeMatches", first(messageID, probe), body)
	if faults.Strangers {
		for _, junk := range strangers(first(messageID, probe)) {
			_, _ = f.conn.WriteTo(junk, nil, to) // as below
		}
	}
	times := 1
	if faults.Twice {
		times = 2
	}
	for range times {
		_, _ = f.conn.WriteTo(text, nil, to) // UDP: who asked may be gone
	}
}

// isOfTypes tells whether a camera is of all the types, qualified names, that a
// Probe wants (WS-Discovery 2005/04, section 5.1).
func isOfTypes(probe, want string) bool {
	names := map[string]string{}
	for _, m := range prefixes.FindAllStringSubmatch(probe, -1) {
		names[m[1]] = m[2]
	}
	for _, t := range strings.Fields(want) {
		prefix, local, _ := strings.Cut(t, ":")
		switch names[prefix] + " " + local {
		case "http://www.onvif.org/ver10/network/wsdl NetworkVideoTransmitter", "http://www.onvif.org/ver10/device/wsdl Device":
		default:
			return false
		}
	}
	return true
}

// hasScopes tells whether each scope wanted is one of the camera's, or a parent
// of one: the matching rule of RFC 3986, segment by segment.
func (c *Camera) hasScopes(want string) bool {
	for _, w := range strings.Fields(want) {
		if !slices.ContainsFunc(c.scopes(), func(s string) bool { return s == w || strings.HasPrefix(s, strings.TrimSuffix(w, "/")+"/") }) {
			return false
		}
	}
	return true
}

// strangers are answers as networks have them: nothing, no XML, half an
// envelope, and a printer that tells no address.
func strangers(relatesTo string) [][]byte {
	printer := `<d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:0c0ffee0-0000-4000-8000-000000000001</a:Address></a:EndpointReference>` +
		`<d:Types>wsdp:Device wprt:PrintDeviceType</d:Types><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>`
	whole := discoveryMessage("ProbeMatches", relatesTo, printer)
	return [][]byte{{}, []byte("\x00\xff\xfejunk"), whole[:len(whole)/2], whole}
}

// announce sends Hello or Bye to the group.
func (f *finder) announce(what string) {
	_, _ = f.conn.WriteTo(discoveryMessage(what, "", `<d:`+what+`>`+f.camera.description()+`</d:`+what+`>`), nil, group) // nobody need listen
}

func discoveryMessage(action, relatesTo, body string) []byte {
	to := "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
	relates := ""
	if relatesTo != "" {
		to = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
		relates = `<a:RelatesTo>` + escape(relatesTo) + `</a:RelatesTo>`
	}
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
		` xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><s:Header>` +
		`<a:MessageID>urn:uuid:` + lieciba.NewID[string](time.Now()) + `</a:MessageID>` + relates + `<a:To>` + to + `</a:To>` +
		`<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/` + action + `</a:Action></s:Header><s:Body>` + body + `</s:Body></s:Envelope>`)
}

// description is what Hello, Bye and ProbeMatch tell of the camera.
func (c *Camera) description() string {
	return `<a:EndpointReference><a:Address>` + c.endpoint + `</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types>` +
		`<d:Scopes>` + strings.Join(c.scopes(), " ") + `</d:Scopes><d:XAddrs>` + c.scheme() + c.host() + `/onvif/device_service</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>`
}

func (c *Camera) scopes() []string {
	return []string{"onvif://www.onvif.org/type/video_encoder", "onvif://www.onvif.org/Profile/Streaming", "onvif://www.onvif.org/Profile/T",
		"onvif://www.onvif.org/hardware/Virtual%20camera", "onvif://www.onvif.org/name/" + url.PathEscape(c.Name())}
}
