package onvif

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/use-go/onvif/device"

	"lieciba"
)

// DiscoverOptions say where to look for cameras.
type DiscoverOptions struct {
	// Interfaces to send probes on, by name; "lo" finds virtual cameras. Empty,
	// with no Addresses either: every interface that is up, loopback apart.
	Interfaces []string
	// Addresses (host or host:port) to ask directly, by WS-Discovery and HTTP.
	Addresses []string
	// Duration of the search; 0 means 4 s, at most 30 s.
	Duration time.Duration
	// Networks that cameras may have addresses in; answers that lead elsewhere
	// are ignored. Empty: none.
	Networks []netip.Prefix
	// OnFound is told of each camera once, when it is first seen. OnProgress is
	// told the share of Duration that has passed, 0 to 1. Both may be nil; they
	// are called one at a time by Discover itself.
	OnFound    func(Found)
	OnProgress func(float64)
}

// Found is a camera that answered.
type Found struct {
	EndpointRef string   // without urn:uuid:, lower case; empty if the camera has none
	Address     string   // host:port of DeviceURL, or the address that was asked
	DeviceURL   string   // the most promising one
	DeviceURLs  []string // all, best first, inside the allowed networks
	Name        string
	Maker       string
	Model       string
	Location    string
	Interface   string // that the answer came in on; empty for Addresses
	// Err is why an address that was asked for is no camera; nil for all others.
	Err error
}

// Target returns the target to probe.
func (f Found) Target() Target { return Target{DeviceURLs: f.DeviceURLs} }

const maxFound = 4096 // devices of one search: a bound against floods

// Discover looks for cameras until Duration has passed or ctx ends, and returns
// them by name and address. Answers that are junk, come from other devices or
// lead out of the allowed networks are ignored. The error is about the options
// or the sockets; ctx's end is not an error: what was found counts.
func Discover(ctx context.Context, o DiscoverOptions) ([]Found, error) {
	if o.Duration <= 0 {
		o.Duration = 4 * time.Second
	}
	o.Duration = min(o.Duration, 30*time.Second)
	s := &search{options: o, events: make(chan event, 64), byKey: map[string]int{}}
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if err := s.listen(ctx, &wg); err != nil {
		return nil, err
	}
	s.askAddresses(ctx, &wg)
	s.run(ctx)
	slices.SortStableFunc(s.found, func(a, b Found) int {
		return strings.Compare(a.Name+"\x00"+a.Address, b.Name+"\x00"+b.Address)
	})
	return s.found, nil
}

// event is what a receiver or an asker tells the search.
type event struct {
	datagram []byte
	source   netip.AddrPort
	iface    networkInterface
	found    *Found // of an asker
}

// search is one run of Discover. Its fields belong to the goroutine in run.
type search struct {
	options DiscoverOptions
	events  chan event
	found   []Found
	byKey   map[string]int // EndpointReference or authority → index in found
}

func (s *search) run(ctx context.Context) {
	start := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	s.progress(0)
	for {
		select {
		case e := <-s.events:
			s.take(e)
		case <-tick.C:
			s.progress(min(1, float64(time.Since(start))/float64(s.options.Duration)))
		case <-ctx.Done():
			s.drain()
			s.progress(1)
			return
		}
	}
}

// drain takes what had arrived before the end.
func (s *search) drain() {
	for {
		select {
		case e := <-s.events:
			s.take(e)
		default:
			return
		}
	}
}

func (s *search) progress(share float64) {
	if s.options.OnProgress != nil {
		s.options.OnProgress(share)
	}
}

func (s *search) take(e event) {
	if e.found != nil {
		s.add(*e.found)
		return
	}
	matches, err := decodeMatches(e.datagram)
	if err != nil {
		return // junk is common on a shared port and no one's to act on
	}
	for _, m := range matches {
		if f, ok := s.judge(m, e.source, e.iface); ok {
			s.add(f)
		}
	}
}

// judge turns a match into a Found; false for what is no camera, names no
// address, or none that is allowed.
func (s *search) judge(m match, source netip.AddrPort, iface networkInterface) (Found, bool) {
	if len(m.xaddrs) == 0 || !m.isCamera() {
		return Found{}, false
	}
	urls := s.candidates(m.xaddrs, source.Addr(), iface.prefixes)
	if len(urls) == 0 {
		return Found{}, false
	}
	f := Found{
		EndpointRef: m.endpointRef, Interface: iface.name,
		Address: joinHostPort(urls[0].Hostname(), effectivePort(urls[0])), DeviceURL: urls[0].String(),
		Name: m.scope("name"), Model: m.scope("hardware", "model"), Location: m.scope("location"),
		Maker: m.scope("manufacturer", "mfr", "vendor"),
	}
	for _, u := range urls {
		f.DeviceURLs = append(f.DeviceURLs, u.String())
	}
	return f, true
}

// candidates are the XAddrs and, for cameras that misstate their own host, each
// path on the host that the answer came from; allowed ones only, best first.
func (s *search) candidates(xaddrs []string, source netip.Addr, subnets []netip.Prefix) []*url.URL {
	var list []*url.URL
	add := func(u *url.URL) {
		a, err := netip.ParseAddr(u.Hostname())
		if err == nil && !allowed(s.options.Networks, a) { // names are checked when dialled
			return
		}
		if !slices.ContainsFunc(list, func(o *url.URL) bool { return o.String() == u.String() }) {
			list = append(list, u)
		}
	}
	for _, x := range xaddrs[:min(len(xaddrs), 8)] {
		u, err := parseURL("xaddr", x, "http", "https")
		if err != nil {
			continue
		}
		add(u)
		if source.IsValid() {
			v := *u
			v.Host = joinHostPort(source.Unmap().WithZone("").String(), u.Port())
			add(&v)
		}
	}
	rankHosts(list, subnets)
	return list
}

// add files a camera under its EndpointReference and its authorities, and joins
// answers of the same camera.
func (s *search) add(f Found) {
	var keys []string
	if f.EndpointRef != "" {
		keys = append(keys, f.EndpointRef)
	}
	for _, u := range f.DeviceURLs {
		if p, err := url.Parse(u); err == nil {
			keys = append(keys, joinHostPort(p.Hostname(), effectivePort(p)))
		}
	}
	if f.Err != nil {
		keys = append(keys, "failed "+f.Address)
	}
	for _, k := range keys {
		i, known := s.byKey[k]
		// Two cameras behind one forwarded address differ by their reference.
		if known && (f.EndpointRef == "" || s.found[i].EndpointRef == "" || s.found[i].EndpointRef == f.EndpointRef) {
			s.join(&s.found[i], f)
			s.file(keys, i)
			return
		}
	}
	if len(s.found) >= maxFound {
		return
	}
	s.found = append(s.found, f)
	s.file(keys, len(s.found)-1)
	if s.options.OnFound != nil {
		s.options.OnFound(f)
	}
}

func (s *search) file(keys []string, i int) {
	for _, k := range keys {
		if _, taken := s.byKey[k]; !taken {
			s.byKey[k] = i
		}
	}
}

func (s *search) join(to *Found, f Found) {
	for _, u := range f.DeviceURLs {
		if !slices.Contains(to.DeviceURLs, u) {
			to.DeviceURLs = append(to.DeviceURLs, u)
		}
	}
	for _, v := range []struct {
		to   *string
		from string
	}{{&to.EndpointRef, f.EndpointRef}, {&to.Name, f.Name}, {&to.Maker, f.Maker}, {&to.Model, f.Model}, {&to.Location, f.Location}} {
		if *v.to == "" {
			*v.to = v.from
		}
	}
}

const maxAskers = 16 // addresses asked over HTTP at a time

// askAddresses tries each address over HTTP, for cameras that multicast does not
// reach.
func (s *search) askAddresses(ctx context.Context, wg *sync.WaitGroup) {
	slots := make(chan struct{}, maxAskers)
	for _, a := range s.options.Addresses {
		wg.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			f := askAddress(ctx, a, s.options)
			select {
			case s.events <- event{found: &f}:
			case <-ctx.Done():
			}
		})
	}
}

func askAddress(ctx context.Context, address string, o DiscoverOptions) Found {
	c, err := NewClient(Target{Address: address}, Credentials{}, Options{Networks: o.Networks, CallTimeout: max(time.Second, o.Duration/4)})
	if err != nil {
		// The address may be a pasted URL with a password: it is not repeated.
		return Found{Err: err}
	}
	defer c.Close()
	if err := c.connect(ctx); err != nil {
		return Found{Address: address, Err: err}
	}
	u := c.deviceURL()
	f := Found{Address: joinHostPort(u.Hostname(), effectivePort(u)), DeviceURL: u.String(), DeviceURLs: []string{u.String()}}
	var ref struct {
		GUID string
	}
	// Optional, and refused by many without a password: the camera counts without.
	if err := c.call(ctx, u.String(), device.GetEndpointReference{}, &ref); lieciba.CodeOf(err) == "" {
		f.EndpointRef = endpointKey(ref.GUID)
	}
	return f
}
