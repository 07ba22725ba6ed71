package onvif

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var sourceForTest = netip.MustParseAddrPort("10.0.0.9:3702")

// responder answers probes on lo as several devices would: with the datagrams
// that answer returns for a probe.
func responder(t *testing.T, answer func(probe string) []string) {
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	conn, err := net.ListenMulticastUDP("udp4", lo, &net.UDPAddr{IP: wsDiscoveryGroup.AsSlice(), Port: wsDiscoveryPort})
	require.NoError(t, err)
	out, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			for _, a := range answer(string(buf[:n])) {
				if _, err := out.WriteToUDP([]byte(a), from); err != nil {
					return
				}
			}
		}
	})
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		require.NoError(t, out.Close())
		wg.Wait()
	})
}

// discoverOnLo searches on lo; it ends as soon as a camera is found whose
// reference starts with until, if that is not empty.
func discoverOnLo(t *testing.T, o DiscoverOptions, until string) []Found {
	o.Interfaces = []string{"lo"}
	if o.Networks == nil {
		o.Networks = loopback
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tell := o.OnFound
	o.OnFound = func(f Found) {
		if tell != nil {
			tell(f)
		}
		if until != "" && strings.HasPrefix(f.EndpointRef, until) {
			cancel()
		}
	}
	list, err := Discover(ctx, o)
	require.NoError(t, err)
	return list
}

// mine keeps what this test's responder answered: others may share lo.
func mine(list []Found, prefix string) []Found {
	var kept []Found
	for _, f := range list {
		if strings.HasPrefix(f.EndpointRef, prefix) {
			kept = append(kept, f)
		}
	}
	return kept
}

// Junk and printers among the answers cost nothing; a camera that answers one
// kind of probe only is found; each is told of once.
func TestRobust05DuplicatesAndJunkAnswers(t *testing.T) {
	camera := func(ref, types, xaddrs string) string {
		return probeMatches(probeMatch("urn:uuid:robust05-"+ref, types, cameraScopes, xaddrs))
	}
	responder(t, func(probe string) []string {
		var list []string
		for _, j := range junk {
			list = append(list, j)
		}
		list = append(list, probeMatches(probeMatch("urn:uuid:robust05-printer", "wsdp:Device wprt:PrintDeviceType", "", "http://127.0.0.1:5357/x")),
			probeMatches(probeMatch("urn:uuid:robust05-pc", "pub:Computer", "", "")),
			camera("noxaddr", cameraTypes, ""))
		switch {
		case strings.Contains(probe, "NetworkVideoTransmitter"):
			list = append(list, camera("a", cameraTypes, "http://127.0.0.1:8001/onvif/device_service"),
				camera("a", cameraTypes, "http://127.0.0.1:8001/onvif/device_service http://127.0.0.1:9001/onvif/device_service"))
		case strings.Contains(probe, "tds:Device"):
			list = append(list, camera("b", "tds:Device", "http://127.0.0.1:8002/onvif/device_service"))
		default:
			list = append(list, camera("c", "", "http://127.0.0.1:8003/onvif/device_service"),
				camera("A", cameraTypes, "http://127.0.0.1:8001/onvif/device_service"))
		}
		return list
	})
	told := map[string]int{}
	list := mine(discoverOnLo(t, DiscoverOptions{Duration: time.Second, OnFound: func(f Found) { told[f.EndpointRef]++ }}, ""), "robust05")
	require.Len(t, list, 3)
	for _, f := range list {
		require.Equal(t, 1, told[f.EndpointRef], f.EndpointRef)
		require.Equal(t, "Room 101", f.Name)
		require.Equal(t, "X-1", f.Model)
		require.Equal(t, "Riga", f.Location)
		require.Equal(t, "lo", f.Interface)
	}
}

func TestDiscoverTellsProgressToTheEnd(t *testing.T) {
	var seen []float64
	discoverOnLo(t, DiscoverOptions{Duration: 300 * time.Millisecond, OnProgress: func(p float64) { seen = append(seen, p) }}, "")
	require.Equal(t, 0.0, seen[0])
	require.Equal(t, 1.0, seen[len(seen)-1])
	require.IsIncreasing(t, seen[:len(seen)-1])
}

// The host that the answer came from cures a wrong XAddr.
func TestRobust04XAddrWithAWrongHost(t *testing.T) {
	f := newFake(t).locked(true, false)
	port := f.srv.URL[strings.LastIndexByte(f.srv.URL, ':')+1:]
	responder(t, func(string) []string {
		return []string{probeMatches(probeMatch("robust04-x", cameraTypes, cameraScopes,
			"http://192.168.1.88:"+port+"/onvif/device_service http://0.0.0.0:"+port+"/onvif/device_service http://169.254.9.9/onvif/device_service"))}
	})
	list := mine(discoverOnLo(t, DiscoverOptions{Duration: 2 * time.Second}, "robust04"), "robust04")
	require.Len(t, list, 1)
	require.Equal(t, f.address(), list[0].Address)
	r, err := Probe(context.Background(), list[0].Target(), testCredentials, Options{Networks: loopback, ClockPrecision: time.Second})
	require.NoError(t, err)
	require.Len(t, r.Camera.Streams, 2)
}

func TestRobust13AnswersThatLeadOutAreIgnored(t *testing.T) {
	s := &search{options: DiscoverOptions{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, byKey: map[string]int{}}
	m := match{endpointRef: "x", types: []string{cameraTypes}, xaddrs: []string{"http://169.254.169.254/latest/meta-data", "http://user:pw@127.0.0.1:2375/", "ftp://10.0.0.1/", "gopher:x"}}
	_, ok := s.judge(m, netip.MustParseAddrPort("192.0.2.66:3702"), networkInterface{})
	require.False(t, ok)
	f, ok := s.judge(m, sourceForTest, networkInterface{})
	require.True(t, ok, "the sender itself is allowed")
	for _, u := range f.DeviceURLs {
		require.True(t, strings.HasPrefix(u, "http://10.0.0.9"), u)
	}
}

func TestDiscoverByAddress(t *testing.T) {
	f := newFake(t).locked(true, true)
	open := newFake(t)
	gone := newFake(t)
	gone.srv.Close()
	list, err := Discover(context.Background(), DiscoverOptions{
		Addresses: []string{f.address(), open.address(), gone.address(), "10.255.0.1:80", "rtsp://admin:hunter2@10.0.0.1/"}, Networks: loopback, Duration: time.Second})
	require.NoError(t, err)
	byAddress := map[string]Found{}
	for _, x := range list {
		byAddress[x.Address] = x
		if x.Err != nil {
			require.NotContains(t, x.Err.Error(), "hunter2")
		}
	}
	require.Equal(t, "abcdef00-0000-4000-8000-000000000001", byAddress[open.address()].EndpointRef)
	require.NoError(t, byAddress[f.address()].Err)
	require.Equal(t, "http://"+f.address()+devicePath, byAddress[f.address()].DeviceURL)
	require.Equal(t, lieciba.CodeUnavailable, lieciba.CodeOf(byAddress[gone.address()].Err))
	require.ErrorIs(t, byAddress["10.255.0.1:80"].Err, ErrNetwork)
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(byAddress[""].Err))
}

func TestDiscoverNamesAnUnknownInterface(t *testing.T) {
	_, err := Discover(context.Background(), DiscoverOptions{Interfaces: []string{"nosuch0"}})
	require.Equal(t, lieciba.CodeInvalid, lieciba.CodeOf(err))
	require.Contains(t, err.Error(), "nosuch0")
}

// A flood of invented cameras ends at the bound.
func TestDiscoverBoundsAFlood(t *testing.T) {
	s := &search{byKey: map[string]int{}}
	for i := range maxFound + 10 {
		s.add(Found{EndpointRef: lieciba.NewID[string](time.UnixMilli(int64(i)))})
	}
	require.Len(t, s.found, maxFound)
}
