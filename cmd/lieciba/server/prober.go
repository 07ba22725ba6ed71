package server

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/cmd/lieciba/config"
	"lieciba/onvif"
)

// prober gives the API the camera client, within the allowed networks.
type prober struct {
	networks   []netip.Prefix
	interfaces []string       // searched when a request names neither interface nor address
	clients    *onvif.Clients // one a camera, so that a refused password is remembered
}

func newProber(c config.Config) prober {
	networks := c.Prefixes()
	return prober{networks, c.Cameras.Interfaces, onvif.NewClients(onvif.Options{Networks: networks})}
}

func (p prober) options() onvif.Options { return onvif.Options{Networks: p.networks} }

// Discover asks who is there, then reads each answerer as far as it lets
// anybody read it.
func (p prober) Discover(ctx context.Context, r api.DiscoverRequest, found func(api.Found)) error {
	if len(r.Interfaces)+len(r.Addresses) == 0 {
		r.Interfaces = p.interfaces
	}
	if len(r.Interfaces)+len(r.Addresses) == 0 {
		return lieciba.Invalid("interfaces", "name the network interfaces or addresses to search, or set cameras.interfaces in the configuration")
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	seen := func(f onvif.Found) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			found(p.read(ctx, f))
		}()
	}
	_, err := onvif.Discover(ctx, onvif.DiscoverOptions{Interfaces: r.Interfaces, Addresses: r.Addresses,
		Duration: r.Duration, Networks: p.networks, OnFound: seen})
	return err
}

func (p prober) read(ctx context.Context, f onvif.Found) api.Found {
	told := lieciba.Camera{Name: f.Name, Address: f.Address, ONVIF: true, DeviceURL: f.DeviceURL,
		EndpointRef: f.EndpointRef, Maker: f.Maker, Model: f.Model}
	if f.Err != nil {
		return api.Found{Camera: told, Err: f.Err}
	}
	res, err := onvif.Probe(ctx, f.Target(), onvif.Credentials{}, p.options())
	if res.NeedsCredentials || errors.Is(err, onvif.ErrNeedsCredentials) {
		err = nil
	}
	out := api.Found{Camera: told, NeedsCredentials: res.NeedsCredentials, Advice: advice(res), Err: err}
	if res.Camera.Address != "" {
		out.Camera = res.Camera
		out.Camera.EndpointRef = firstOf(f.EndpointRef, res.Camera.EndpointRef) // a find by address tells none
		out.Camera.Name = firstOf(out.Camera.Name, f.Name)
		out.Camera.Maker = firstOf(out.Camera.Maker, f.Maker)
		out.Camera.Model = firstOf(out.Camera.Model, f.Model)
	}
	return out
}

func (p prober) Probe(ctx context.Context, r api.ProbeRequest) (api.Probed, error) {
	if !r.ONVIF {
		return p.manual(ctx, r.URL)
	}
	t := onvif.Target{Address: r.Address}
	if r.URL != "" {
		t.DeviceURLs = []string{r.URL}
	}
	res, err := onvif.Probe(ctx, t, onvif.Credentials(r.Credentials), p.options())
	if err != nil {
		return api.Probed{}, err
	}
	return api.Probed{Camera: res.Camera, Advice: advice(res)}, nil
}

// manual makes a camera of one RTSP address; the recorder reads the rest from
// the stream itself. It need not be switched on yet, but it must be one that the
// recorder may dial.
func (p prober) manual(ctx context.Context, raw string) (api.Probed, error) {
	c, cred, err := onvif.Manual(onvif.ManualCamera{MainURL: raw})
	if err != nil {
		return api.Probed{}, err
	}
	if cred != (onvif.Credentials{}) {
		return api.Probed{}, lieciba.Invalid("url", "holds a user name: give username and password as fields of their own")
	}
	if err := p.mayDial(ctx, c.Address); err != nil {
		return api.Probed{}, err
	}
	return api.Probed{Camera: c}, nil
}

// dialTimeout bounds the attempt to reach a camera that is adopted by its stream.
const dialTimeout = 3 * time.Second

// mayDial refuses an address that lies outside of the camera networks after name
// resolution. One that does not answer passes.
func (p prober) mayDial(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := onvif.Dial(p.networks)(ctx, "tcp", address)
	if err == nil {
		return conn.Close()
	}
	if errors.Is(err, onvif.ErrNetwork) {
		return &lieciba.Error{Code: lieciba.CodeInvalid, Field: "url", Cause: err,
			Message: "the camera's address is outside the allowed camera networks: check it, or add its network to cameras.networks in the configuration"}
	}
	return nil
}

func (p prober) Snapshot(ctx context.Context, c lieciba.Camera, cred api.Credentials) ([]byte, error) {
	if !c.ONVIF {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "the camera has no ONVIF service to ask for a snapshot: watch its live picture instead")
	}
	client, err := p.clients.For(c, onvif.Credentials(cred))
	if err != nil {
		return nil, err
	}
	return client.Snapshot(ctx)
}

func (p prober) KeyFrame(ctx context.Context, c lieciba.Camera, cred api.Credentials) error {
	main, ok := c.Stream(lieciba.StreamMain)
	if !ok || !c.ONVIF {
		return lieciba.Errorf(lieciba.CodeUnsupported, "the camera has no ONVIF stream to ask for a key frame")
	}
	client, err := p.clients.For(c, onvif.Credentials(cred))
	if err != nil {
		return err
	}
	return client.KeyFrame(ctx, main.ProfileToken)
}

func advice(r onvif.Result) []string {
	var out []string
	for _, a := range r.Advice {
		out = append(out, a.Text)
	}
	return out
}

func firstOf(list ...string) string {
	for _, s := range list {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}
