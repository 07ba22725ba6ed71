package onvif

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"

	"lieciba"
)

// The library's wsdiscovery.SendProbe is not used. It works on lo, but it hands
// back answers without the sender's address, which is the cure for a wrong XAddr
// and the proof of an allowed network; it stops listening after one second,
// while cameras may answer later; it cannot be cancelled; it lets one read error
// throw away every answer; and it sends with a TTL that leaves the link.

const wsDiscoveryPort = 3702

var wsDiscoveryGroup = netip.AddrFrom4([4]byte{239, 255, 255, 250})

// networkInterface is one to send probes on.
type networkInterface struct {
	net.Interface
	name     string
	address  netip.Addr     // the first IPv4 address
	prefixes []netip.Prefix // the IPv4 subnets
}

// interfaces returns those with the names, or all that are up, have IPv4 and are
// not loopback. A name that does not exist or has no IPv4 is CodeInvalid.
func interfaces(names []string) ([]networkInterface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the network interfaces cannot be listed")
	}
	var list []networkInterface
	for _, i := range all {
		n := networkInterface{Interface: i, name: i.Name}
		wanted := slices.Contains(names, i.Name)
		if !wanted && (len(names) > 0 || i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, lieciba.Wrap(err, lieciba.CodeInternal, "the addresses of interface %s cannot be listed", i.Name)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				n.prefixes = append(n.prefixes, p.Masked())
				if !n.address.IsValid() {
					n.address = p.Addr()
				}
			}
		}
		if n.address.IsValid() {
			list = append(list, n)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(list, func(n networkInterface) bool { return n.name == name }) {
			return nil, lieciba.Invalid("interfaces", "there is no interface %q with an IPv4 address", oneLine(name, 40))
		}
	}
	return list, nil
}

// listen opens a socket per interface, starts its receiver and sends the probes.
// Receivers end with ctx and are counted in wg.
func (s *search) listen(ctx context.Context, wg *sync.WaitGroup) error {
	var list []networkInterface
	if len(s.options.Interfaces) > 0 || len(s.options.Addresses) == 0 {
		var err error
		if list, err = interfaces(s.options.Interfaces); err != nil {
			return err
		}
	}
	group := []netip.AddrPort{netip.AddrPortFrom(wsDiscoveryGroup, wsDiscoveryPort)}
	for _, i := range list {
		conn, err := openMulticast(i)
		if err != nil {
			return err
		}
		s.serve(ctx, wg, conn, i, func(context.Context) []netip.AddrPort { return group })
	}
	if len(s.options.Addresses) == 0 {
		return nil
	}
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeInternal, "no UDP socket can be opened")
	}
	s.serve(ctx, wg, conn, networkInterface{}, s.resolve)
	return nil
}

func openMulticast(i networkInterface) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(i.address, 0)))
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInternal, "no UDP socket can be opened on %s", i.name)
	}
	p := ipv4.NewPacketConn(conn)
	for _, set := range []func() error{
		func() error { return p.SetMulticastInterface(&i.Interface) },
		func() error { return p.SetMulticastTTL(1) },
		func() error { return p.SetMulticastLoopback(true) }, // virtual cameras on this machine
	} {
		if err := set(); err != nil {
			return nil, lieciba.Wrap(errors.Join(err, conn.Close()), lieciba.CodeInternal, "interface %s does not do multicast", i.name)
		}
	}
	return conn, nil
}

// serve runs sender and receiver of one socket until ctx ends.
func (s *search) serve(ctx context.Context, wg *sync.WaitGroup, conn *net.UDPConn, i networkInterface, to func(context.Context) []netip.AddrPort) {
	context.AfterFunc(ctx, func() { closeQuietly(conn) }) // unblocks the receiver
	wg.Go(func() {
		defer closeQuietly(conn)
		s.receive(ctx, conn, i)
	})
	wg.Go(func() { s.send(ctx, conn, to(ctx)) })
}

// closeQuietly closes a socket that is only read from: nothing can be lost.
func closeQuietly(conn *net.UDPConn) { _ = conn.Close() }

func (s *search) receive(ctx context.Context, conn *net.UDPConn, i networkInterface) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			// An ICMP error of one asked address must not end the others.
			if sleep(ctx, 10*time.Millisecond) != nil {
				return
			}
			continue
		}
		e := event{datagram: slices.Clone(buf[:n]), source: from, iface: i}
		select {
		case s.events <- e:
		case <-ctx.Done():
			return
		}
	}
}

// send sends every kind of probe at once, after a quarter and after half of the
// time: UDP loses, and some cameras answer one kind only.
func (s *search) send(ctx context.Context, conn *net.UDPConn, to []netip.AddrPort) {
	for round := range 3 {
		if round > 0 && sleep(ctx, s.options.Duration/4) != nil {
			return
		}
		for _, types := range probeTypes {
			message := probeMessage(types)
			for _, a := range to {
				if _, err := conn.WriteToUDPAddrPort(message, a); err != nil && ctx.Err() != nil {
					return
				}
				// A lost probe is repeated: an unreachable host is no reason to stop.
			}
		}
	}
}

// resolve looks the asked addresses up and keeps the allowed ones.
func (s *search) resolve(ctx context.Context) []netip.AddrPort {
	var list []netip.AddrPort
	for _, a := range s.options.Addresses {
		host := a
		if h, _, err := net.SplitHostPort(a); err == nil {
			host = h
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			continue // the HTTP attempt reports it
		}
		for _, ip := range ips {
			if allowed(s.options.Networks, ip) {
				list = append(list, netip.AddrPortFrom(ip.Unmap(), wsDiscoveryPort))
			}
		}
	}
	return list
}

// probeTypes are the kinds of probe: with the type of a transmitter, of any
// ONVIF device, and without any.
var probeTypes = []string{
	`<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>`,
	`<d:Types xmlns:tds="` + nsDevice + `">tds:Device</d:Types>`,
	``,
}

// probeMessage is a Probe with a fresh MessageID (WS-Discovery 2005/04, 5.2).
func probeMessage(types string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
		` xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header>` +
		`<w:MessageID>uuid:` + lieciba.NewID[string](time.Now()) + `</w:MessageID>` +
		`<w:ReplyTo><w:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</w:Address></w:ReplyTo>` +
		`<w:To e:mustUnderstand="true">urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>` +
		`<w:Action e:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action>` +
		`</e:Header><e:Body><d:Probe>` + types + `</d:Probe></e:Body></e:Envelope>`)
}
