package virtualcam

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
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
	Seed      int            // makes serial number and endpoint reference; unique by default
}

// Camera is a running camera. Safe for concurrent use.
type Camera struct {
	options  Options
	streams  *rtspcam.Server
	endpoint string // urn:uuid:…
	listener net.Listener
	http     *http.Server
	finder   *finder // nil: not found by WS-Discovery
	auth     *authority
	events   *events
	done     sync.WaitGroup
	close    sync.Once

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
	streams, err := rtspcam.Start(o.Streams)
	if err != nil {
		return nil, err
	}
	c := &Camera{options: o, streams: streams, endpoint: "urn:uuid:" + lieciba.NewID[string](time.Now()), events: newEvents()}
	cfg := streams.Config()
	c.auth = newAuthority(cfg.Username, cfg.Password, o.Digest)
	if c.scene, err = picture.New(picture.Config{Width: 640, Height: 360, DeclaredRate: cfg.FPS, Name: cfg.Name}); err != nil {
		return nil, errors.Join(err, streams.Close())
	}
	if c.listener, err = net.Listen("tcp", o.Address); err != nil {
		return nil, errors.Join(err, streams.Close())
	}
	c.http = &http.Server{Handler: c, ReadHeaderTimeout: 5 * time.Second}
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		_ = c.http.Serve(c.listener) // ends with Close
	}()
	if o.Interface != "" {
		if c.finder, err = startFinder(o.Interface, c); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
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
func (c *Camera) Address() string { return c.listener.Addr().String() }

// DeviceURL is the device service's address.
func (c *Camera) DeviceURL() string { return "http://" + c.Address() + "/onvif/device_service" }

// EndpointRef is the camera's identity in WS-Discovery.
func (c *Camera) EndpointRef() string { return c.endpoint }

// RTSP is the streaming side, with its faults.
func (c *Camera) RTSP() *rtspcam.Server { return c.streams }

// Disconnect breaks the streams for d; see rtspcam.
func (c *Camera) Disconnect(d time.Duration) { c.streams.Disconnect(d) }

// SetClockSkew sets the camera's clock ahead of real time, in every service.
func (c *Camera) SetClockSkew(d time.Duration) {
	c.mu.Lock()
	c.skew = d
	c.mu.Unlock()
	c.streams.SetClockSkew(d)
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
// interface lo, with different names and sound. On error none is left running.
func StartSite(n int) ([]*Camera, error) {
	names := []string{"Priekša", "Aizmugure", "Durvis", "Logs"}
	sounds := []lieciba.AudioCodec{lieciba.PCMA, lieciba.AAC}
	var list []*Camera
	for i := range n {
		name := names[i%len(names)]
		if n > len(names) {
			name = fmt.Sprintf("%s %d", name, i/len(names)+1)
		}
		c, err := Start(Options{Interface: "lo", Digest: i%2 == 1, Streams: rtspcam.Config{
			Name: name, Username: "lieciba", Password: fmt.Sprintf("izmēģinājums-%d", i), Audio: sounds[i%len(sounds)]}})
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
