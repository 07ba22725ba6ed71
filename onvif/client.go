package onvif

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/use-go/onvif/device"

	"lieciba"
)

// Client talks to one camera. It remembers what the camera refused, its clock,
// its certificate and its services, so keep one per camera. Safe for concurrent
// use. Errors carry a lieciba.Code and never a credential.
type Client struct {
	target     Target
	options    Options
	auth       *auth
	pin        *pin
	transport  *http.Transport
	base       http.RoundTripper
	candidates []*url.URL

	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	setup    chan struct{} // one token: held while connecting or asking for services
	mu       sync.Mutex
	device   *url.URL            // the candidate that answered
	services map[string]*url.URL // by namespace
	buried   map[string]bool     // authorities that cannot be dialled while the device's own can
	own      string              // the device service URL as the camera tells it
}

// NewClient makes a client; nothing is sent yet. CodeInvalid for a bad target.
func NewClient(t Target, cred Credentials, o Options) (*Client, error) {
	candidates, err := deviceURLs(t)
	if err != nil {
		return nil, err
	}
	p := &pin{sum: normalPin(t.TLSPin)}
	if p.sum != "" { // a pinned camera is never asked over a plain connection that anyone can answer
		candidates = onlyTLS(candidates)
	}
	o = o.withDefaults()
	rankHosts(candidates, localSubnets())
	tr := newHTTPTransport(o, p)
	return &Client{
		target: t, options: o, auth: newAuth(cred), pin: p, transport: tr, base: tr, candidates: candidates,
		now: time.Now, sleep: sleep, setup: make(chan struct{}, 1),
		buried: map[string]bool{},
	}, nil
}

func onlyTLS(list []*url.URL) []*url.URL {
	var kept []*url.URL
	for _, u := range list {
		if u.Scheme == "https" {
			kept = append(kept, u)
		}
	}
	if len(kept) == 0 {
		return list
	}
	return kept
}

// Close ends idle connections. Calls under way end with their contexts.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// SetCredentials replaces the credentials and lifts a lock-out, unless they are
// the ones that were refused.
func (c *Client) SetCredentials(cred Credentials) { c.auth.set(cred) }

// deviceURL is the device service that answered, or the best guess before.
func (c *Client) deviceURL() *url.URL {
	if u := c.connected(); u != nil {
		return u
	}
	return c.candidates[0]
}

// connected is the device service that answered; nil before.
func (c *Client) connected() *url.URL {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.device
}

func (c *Client) ownURL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own
}

// keepBase undoes what the library does to URLs: its device service is always
// plain http on a fixed path.
func (c *Client) keepBase(u *url.URL) *url.URL {
	base := c.connected()
	if base == nil || u.Host != base.Host {
		return u
	}
	if u.Path == devicePath {
		return base
	}
	if base.Scheme == "https" && u.Scheme == "http" {
		v := *u
		v.Scheme = "https"
		return &v
	}
	return u
}

// A service on another port than the device service may really be there, or the
// camera may only not know of the port that was forwarded to it. The port it
// told is tried first, then the one that was dialled, and that is remembered.

// otherPort returns u on the dialled authority; nil if it is there already.
func (c *Client) otherPort(u *url.URL) *url.URL {
	base := c.connected()
	if base == nil || u.Host == base.Host {
		return nil
	}
	v := *u
	v.Scheme, v.Host = base.Scheme, base.Host
	return &v
}

// buryPort remembers that nothing answers on u's authority.
func (c *Client) buryPort(u *url.URL) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buried[u.Host] = true
}

// livePort returns u, or u on the dialled authority if its own is buried.
func (c *Client) livePort(u *url.URL) *url.URL {
	c.mu.Lock()
	dead := c.buried[u.Host]
	c.mu.Unlock()
	if other := c.otherPort(u); dead && other != nil {
		return other
	}
	return u
}

// lock takes the set-up token.
func (c *Client) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case c.setup <- struct{}{}:
		return func() { <-c.setup }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// connect finds the candidate that answers as an ONVIF device, once.
func (c *Client) connect(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if c.connected() != nil {
		return nil
	}
	var errs []error
	for _, u := range c.candidates {
		s, err := c.readClockOnce(ctx, u, unsigned)
		if err == nil {
			var e clockEstimate
			e.add(s)
			c.auth.setOffset(e.offset())
		}
		if err == nil || isDevice(err) {
			c.mu.Lock()
			c.device = u
			c.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, err)
	}
	return worst(errs)
}

// isDevice reports whether an ONVIF device gave this error: a fault, a refusal,
// or an answer without a usable time.
func isDevice(err error) bool {
	var f *Fault
	return errors.As(err, &f) || wantsSignature(err) || lieciba.CodeOf(err) == lieciba.CodeUnsupported
}

// worst picks the error that tells the user most.
func worst(errs []error) error {
	for _, want := range []error{ErrPin, ErrNetwork} {
		for _, err := range errs {
			if errors.Is(err, want) {
				return err
			}
		}
	}
	return errs[0]
}

// service returns the URL of the service with the namespace; false if the
// camera has none.
func (c *Client) service(ctx context.Context, namespace string) (*url.URL, bool, error) {
	if err := c.connect(ctx); err != nil {
		return nil, false, err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	c.mu.Lock()
	services := c.services
	c.mu.Unlock()
	if services == nil {
		if services, err = c.askServices(ctx); err != nil {
			return nil, false, err
		}
		c.mu.Lock()
		c.services = services
		c.mu.Unlock()
	}
	u, ok := services[namespace]
	return u, ok, nil
}

// askServices asks GetServices, else GetCapabilities.
func (c *Client) askServices(ctx context.Context) (map[string]*url.URL, error) {
	var out struct {
		Service []struct {
			Namespace string
			XAddr     string
		}
	}
	dialled := c.deviceURL()
	err := c.call(ctx, dialled.String(), device.GetServices{IncludeCapability: false}, &out)
	if signInFailed(err) || ctx.Err() != nil {
		return nil, err
	}
	own := ""
	for _, s := range out.Service {
		if strings.TrimSpace(s.Namespace) == nsDevice {
			own = s.XAddr
		}
	}
	c.mu.Lock()
	c.own = own
	c.mu.Unlock()
	services := map[string]*url.URL{}
	for _, s := range out.Service {
		if u, ok := redial(dialled, own, s.XAddr); ok {
			services[strings.TrimSpace(s.Namespace)] = u
		}
	}
	if services[nsMedia] != nil || services[nsMedia2] != nil {
		return services, nil
	}
	return c.askCapabilities(ctx, services)
}

// askCapabilities completes the services through GetCapabilities (Core, 8.1.2).
func (c *Client) askCapabilities(ctx context.Context, services map[string]*url.URL) (map[string]*url.URL, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.CallTimeout, errDeadline)
	defer cancel()
	dialled := c.deviceURL()
	rt := &roundTripper{dev: c, ctx: ctx, operation: "GetCapabilities", sign: true}
	told, err := libraryServices(rt, dialled.Host)
	if err != nil {
		return nil, err
	}
	for name, namespace := range map[string]string{"media": nsMedia, "events": nsEvents} {
		if services[namespace] != nil || told[name] == "" {
			continue
		}
		if u, ok := redial(dialled, "", told[name]); ok {
			services[namespace] = u
		}
	}
	return services, nil
}

// signInFailed reports errors after which no other call of the device can help.
func signInFailed(err error) bool {
	return errors.Is(err, ErrRefused) || errors.Is(err, ErrNeedsCredentials) || errors.Is(err, ErrNetwork) || errors.Is(err, ErrPin)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// localSubnets are the networks of this machine's interfaces.
func localSubnets() []netip.Prefix {
	ifaces, err := interfaces(nil)
	if err != nil {
		return nil // only an order depends on it
	}
	var list []netip.Prefix
	for _, i := range ifaces {
		list = append(list, i.prefixes...)
	}
	return list
}
