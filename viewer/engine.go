package viewer

import (
	"errors"
	"net"
	"net/netip"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"golang.org/x/net/netutil"

	"lieciba"
)

const (
	socketBuffer   = 4 << 20 // bytes, UDP send and receive; the kernel may grant less
	tcpWriteBuffer = 4 << 20 // bytes per ICE-TCP connection
	portTries      = 32      // to find a number that is free for both UDP and TCP
	spareTCP       = 64      // connections above one a viewer, for those that have not said who they are
)

// engine holds the sockets that all connections share, one UDP and one TCP
// socket of the same number per listen address, and makes PeerConnections.
type engine struct {
	settings webrtc.SettingEngine
	udp      *ice.MultiUDPMuxDefault
	tcp      tcpMuxes
	port     int
}

// newEngine opens the sockets. CodeUnavailable: an address or the port is not
// free here.
func newEngine(cfg Config) (*engine, error) {
	listen, err := addresses("listen_addresses", cfg.ListenAddresses)
	if err != nil {
		return nil, err
	}
	public, err := addresses("public_ips", cfg.PublicIPs)
	if err != nil {
		return nil, err
	}
	udp, tcp, port, err := openSockets(listen, cfg.Port)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeUnavailable, "the media port %d cannot be opened: free it or set another", cfg.Port)
	}
	e := &engine{port: port, tcp: tcpMuxes{}}
	log := pionLogs{cfg.Log}
	var muxes []ice.UDPMux
	for i, a := range listen {
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: udp[i], Logger: log.NewLogger("udp-mux")}))
		e.tcp[a] = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: netutil.LimitListener(tcp[i], cfg.MaxViewers+spareTCP), ReadBufferSize: 64, WriteBufferSize: tcpWriteBuffer, Logger: log.NewLogger("tcp-mux"),
		})
	}
	e.udp = ice.NewMultiUDPMuxDefault(muxes...)
	if err := e.set(listen, public, log); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// set fills in what every connection shares: ICE lite on the two muxes, host
// candidates of the listen addresses only, no mDNS, no STUN.
func (e *engine) set(listen, public []netip.Addr, log pionLogs) error {
	s := &e.settings
	s.LoggerFactory = log
	s.SetLite(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICEUDPMux(e.udp)
	s.SetICETCPMux(e.tcp)
	s.DisableActiveTCP(true)
	s.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	s.SetIncludeLoopbackCandidate(true) // the filter decides
	s.SetIPFilter(func(ip net.IP) bool {
		a, ok := netip.AddrFromSlice(ip)
		_, mine := e.tcp[a.Unmap()]
		return ok && mine
	})
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	if len(public) == 0 {
		return nil
	}
	rule := webrtc.ICEAddressRewriteRule{AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace}
	for _, a := range public {
		rule.External = append(rule.External, a.String())
	}
	return lieciba.Wrap(s.SetICEAddressRewriteRules(rule), lieciba.CodeInvalid, "public_ips do not fit the listen addresses")
}

// newConnection makes a PeerConnection that may send the given codecs only. No
// interceptors: reports, retransmission and header extensions are ours.
func (e *engine) newConnection(media *webrtc.MediaEngine) (*webrtc.PeerConnection, error) {
	return webrtc.NewAPI(
		webrtc.WithSettingEngine(e.settings),
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}),
	).NewPeerConnection(webrtc.Configuration{})
}

func (e *engine) close() error {
	return errors.Join(e.udp.Close(), e.tcp.Close())
}

// openSockets binds UDP and TCP of one number on each address. Port 0 takes a
// number that is free everywhere.
func openSockets(listen []netip.Addr, port int) (udp []*net.UDPConn, tcp []*net.TCPListener, got int, err error) {
	for range portTries {
		udp, tcp, got, err = bindAll(listen, port)
		if err == nil || port != 0 {
			return udp, tcp, got, err
		}
	}
	return nil, nil, 0, err
}

func bindAll(listen []netip.Addr, port int) (udp []*net.UDPConn, tcp []*net.TCPListener, _ int, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, c := range udp {
			err = errors.Join(err, c.Close())
		}
		for _, l := range tcp {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, a := range listen {
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(port))))
		if err != nil {
			return udp, tcp, 0, err
		}
		udp = append(udp, u)
		port = u.LocalAddr().(*net.UDPAddr).Port
		if err := errors.Join(u.SetReadBuffer(socketBuffer), u.SetWriteBuffer(socketBuffer)); err != nil {
			return udp, tcp, 0, err
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(port))))
		if err != nil {
			return udp, tcp, 0, err
		}
		tcp = append(tcp, l)
	}
	return udp, tcp, port, nil
}

// tcpMuxes picks the TCP mux of a local address. (ice.MultiTCPMuxDefault pairs
// every address with every mux, which offers sockets that listen elsewhere.)
type tcpMuxes map[netip.Addr]ice.TCPMux

func (m tcpMuxes) GetConnByUfrag(ufrag string, isIPv6 bool, local net.IP) (net.PacketConn, error) {
	a, _ := netip.AddrFromSlice(local)
	mux, ok := m[a.Unmap()]
	if !ok {
		return nil, lieciba.Errorf(lieciba.CodeInternal, "no TCP socket on %s", local)
	}
	return mux.GetConnByUfrag(ufrag, isIPv6, local)
}

func (m tcpMuxes) RemoveConnByUfrag(ufrag string) {
	for _, mux := range m {
		mux.RemoveConnByUfrag(ufrag)
	}
}

func (m tcpMuxes) Close() error {
	var errs []error
	for _, mux := range m {
		errs = append(errs, mux.Close())
	}
	return errors.Join(errs...)
}
