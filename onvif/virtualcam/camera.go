package virtualcam

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"lieciba"
	"lieciba/onvif/virtualcam/picture"
	"lieciba/onvif/virtualcam/rtspcam"
)

// Options of a camera. The zero value of a field takes the default.
type Options struct {
	Streams   rtspcam.Config // name, credentials, sizes, sound
	Address   string         // host:port of the ONVIF services; default 127.0.0.1:0
	Interface string         // WS-Discovery answers here; empty: none
	Digest    bool           // HTTP Digest sign-in instead of WS-Security
	SHA256    bool           // with SHA-256 instead of MD5 (RFC 7616)
	TLS       bool           // services over HTTPS, with a certificate signed by itself
}

// Camera is a running camera. Safe for concurrent use.
type Camera struct {
	options     Options
	streams     *rtspcam.Server
	endpoint    string        // urn:uuid:…
	gate        *rtspcam.Gate // in front of the services
	certificate []byte        // DER; nil without TLS
	http        *http.Server
	finder      *finder // nil: not found by WS-Discovery
	auth        *authority
	events      *events
	done        sync.WaitGroup
	close       sync.Once

	mu     sync.Mutex
	faults Faults
	skew   time.Duration
	scene  *picture.Scene // of snapshots
}

// Start brings a camera up: streams, services, and a Hello on its interface.
func Start(o Options) (*Camera, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Streams.Address == "" {
		host, _, err := net.SplitHostPort(o.Address)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", o.Address, err)
		}
		o.Streams.Address = net.JoinHostPort(host, "0")
	}
	streams, err := rtspcam.Start(o.Streams)
	if err != nil {
		return nil, err
	}
	c := &Camera{options: o, streams: streams, endpoint: "urn:uuid:" + lieciba.NewID[string](time.Now()), events: newEvents()}
	cfg := streams.Config()
	c.auth = newAuthority(cfg.Username, cfg.Password, o)
	if c.scene, err = picture.New(picture.Config{Width: 640, Height: 360, DeclaredRate: cfg.FPS, Name: cfg.Name}); err != nil {
		return nil, errors.Join(err, streams.Close())
	}
	if err := c.serve(); err != nil {
		return nil, errors.Join(err, streams.Close())
	}
	if o.Interface != "" {
		if c.finder, err = startFinder(o.Interface, c); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// serve opens the port of the services.
func (c *Camera) serve() error {
	l, err := net.Listen("tcp", c.options.Address)
	if err != nil {
		return err
	}
	c.gate = rtspcam.NewGate(l)
	c.http = &http.Server{Handler: c, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)} // clients break off here on purpose
	outside := net.Listener(c.gate)
	if c.options.TLS {
		pair, err := selfSigned(c.Name())
		if err != nil {
			return errors.Join(err, l.Close())
		}
		c.certificate = pair.Certificate[0]
		outside = tls.NewListener(outside, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		_ = c.http.Serve(outside) // ends with Close
	}()
	return nil
}

// Close says Bye, ends everything and waits. Idempotent.
func (c *Camera) Close() error {
	var errs []error
	c.close.Do(func() {
		if c.finder != nil {
			errs = append(errs, c.finder.close())
		}
		c.events.close()
		errs = append(errs, c.http.Close(), c.streams.Close())
		c.done.Wait()
	})
	return errors.Join(errs...)
}

// Name, Username and Password are those of Options.Streams.
func (c *Camera) Name() string { return c.streams.Config().Name }

// Username signs in to every service of the camera.
func (c *Camera) Username() string { return c.streams.Config().Username }

// Password: see Username.
func (c *Camera) Password() string { return c.streams.Config().Password }

// Address is host:port of the ONVIF services.
func (c *Camera) Address() string { return c.gate.Addr().String() }

// DeviceURL is the device service's address.
func (c *Camera) DeviceURL() string { return c.scheme() + c.Address() + "/onvif/device_service" }

func (c *Camera) scheme() string {
	if c.options.TLS {
		return "https://"
	}
	return "http://"
}

// Fingerprint is the SHA-256 of the certificate in hex; empty without TLS.
func (c *Camera) Fingerprint() string {
	if c.certificate == nil {
		return ""
	}
	sum := sha256.Sum256(c.certificate)
	return hex.EncodeToString(sum[:])
}

// EndpointRef is the camera's identity in WS-Discovery.
func (c *Camera) EndpointRef() string { return c.endpoint }

// RTSP is the streaming side, with its faults.
func (c *Camera) RTSP() *rtspcam.Server { return c.streams }

// Disconnect takes the camera off the network for d: every connection breaks,
// none is let in, and it is not found.
func (c *Camera) Disconnect(d time.Duration) {
	c.streams.Disconnect(d)
	c.gate.Shut(d)
}

// SetClockSkew sets the camera's clock ahead of real time, in every service.
func (c *Camera) SetClockSkew(d time.Duration) {
	c.mu.Lock()
	c.skew = d
	c.mu.Unlock()
	c.streams.SetClockSkew(d)
}

// SetDark covers the lens, for streams and snapshots; the camera raises no event
// of its own for it (see Raise).
func (c *Camera) SetDark(on bool) {
	c.mu.Lock()
	c.scene.SetDark(on)
	c.mu.Unlock()
	c.streams.SetDark(on)
}

// now is the camera's clock.
func (c *Camera) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.skew).UTC()
}

// snapshot draws the room as it is now.
func (c *Camera) snapshot(w http.ResponseWriter) {
	c.mu.Lock()
	c.scene.Draw(time.Now())
	img := c.scene.Image()
	c.mu.Unlock()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 85}); err != nil {
		http.Error(w, "no picture", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(out.Bytes()) // the client may be gone
}

// StartSite brings up n cameras of an exam site on loopback, found on the
// interface lo, with different names and sound. with may change the options of
// the i-th camera before it starts: another codec, or an address of its own
// (127.0.0.x). On error none is left running.
func StartSite(n int, with ...func(i int, o *Options)) ([]*Camera, error) {
	names := []string{"Priekša", "Aizmugure", "Durvis", "Logs"}
	sounds := []lieciba.AudioCodec{lieciba.PCMA, lieciba.AAC}
	var list []*Camera
	for i := range n {
		name := names[i%len(names)]
		if n > len(names) {
			name = fmt.Sprintf("%s %d", name, i/len(names)+1)
		}
		o := Options{Interface: "lo", Digest: i%2 == 1, Streams: rtspcam.Config{
			Name: name, Username: "lieciba", Password: fmt.Sprintf("izmēģinājums-%d", i), Audio: sounds[i%len(sounds)]}}
		for _, change := range with {
			change(i, &o)
		}
		c, err := Start(o)
		if err != nil {
			errs := []error{err}
			for _, o := range list {
				errs = append(errs, o.Close())
			}
			return nil, errors.Join(errs...)
		}
		list = append(list, c)
	}
	return list, nil
}
