package onvif

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"

	"github.com/use-go/onvif/device"

	"lieciba"
)

// Result is what a probe learnt.
type Result struct {
	// Camera has everything that the device tells; ID, site, name, purpose and
	// the like are the caller's.
	Camera           lieciba.Camera
	Clock            Clock // zero when the camera tells no time
	Advice           []Advice
	Profiles         []Profile // with video, of every lens
	NeedsCredentials bool
}

// Probe asks a camera what it is and can do, with a Client of its own. On error
// the result holds what was learnt until then. A wrong password is ErrRefused
// (field "password"), a missing one ErrNeedsCredentials (field "username").
func Probe(ctx context.Context, t Target, cred Credentials, o Options) (Result, error) {
	c, err := NewClient(t, cred, o)
	if err != nil {
		return Result{}, err
	}
	defer c.Close()
	return c.Probe(ctx)
}

// Probe asks the camera what it is and can do. One service that fails costs its
// own part of the result, with an Advice that names it, and no more.
func (c *Client) Probe(ctx context.Context) (Result, error) {
	if err := c.connect(ctx); err != nil {
		return Result{}, err
	}
	u := c.deviceURL()
	p := &prober{Client: c}
	cam := &p.result.Camera
	cam.ONVIF, cam.State = true, lieciba.CameraEnrolled
	cam.DeviceURL, cam.Address = u.String(), joinHostPort(u.Hostname(), effectivePort(u))
	clockCtx, stopClock := context.WithCancel(ctx)
	defer stopClock()
	clock := p.clockInBackground(clockCtx)
	err := p.learn(ctx)
	if errors.Is(err, ErrRefused) {
		stopClock() // whoever mistyped a password need not wait for it
	}
	clock()
	cam.TLSPin = c.pin.get()
	p.result.NeedsCredentials = errors.Is(err, ErrNeedsCredentials)
	p.result.Advice = append(p.advice(), p.result.Advice...)
	return p.result, err
}

// prober is one run of Probe.
type prober struct {
	*Client
	result   Result
	clockErr error
}

// clockInBackground measures the clock beside the other calls; the returned
// function waits for it.
func (p *prober) clockInBackground(ctx context.Context) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		p.result.Clock, p.clockErr = p.Clock(ctx)
	})
	return func() {
		wg.Wait()
		p.result.Camera.ClockOffset = p.result.Clock.Offset
	}
}

func (p *prober) learn(ctx context.Context) error {
	if err := p.identity(ctx); err != nil {
		return err
	}
	list, err := p.profiles(ctx)
	if err != nil {
		return err
	}
	p.result.Profiles = list
	return p.streams(ctx, sameLens(list, ""))
}

// identity reads maker, model, firmware, serial and the endpoint reference.
func (p *prober) identity(ctx context.Context) error {
	var info struct {
		Manufacturer, Model, FirmwareVersion, SerialNumber string
	}
	u := p.deviceURL().String()
	if err := p.tolerate("GetDeviceInformation", p.call(ctx, u, device.GetDeviceInformation{}, &info)); err != nil {
		return err
	}
	cam := &p.result.Camera
	cam.Maker, cam.Model = oneLine(info.Manufacturer, 100), oneLine(info.Model, 100)
	cam.Firmware, cam.Serial = oneLine(info.FirmwareVersion, 100), oneLine(info.SerialNumber, 100)
	var ref struct {
		GUID string
	}
	// Optional in ONVIF and often absent: no advice about it.
	if err := p.call(ctx, u, device.GetEndpointReference{}, &ref); signInFailed(err) || ctx.Err() != nil {
		return err
	}
	cam.EndpointRef = endpointKey(ref.GUID)
	return nil
}

// tolerate turns the failure of one service into an advice; only a failed
// sign-in ends the probe.
func (p *prober) tolerate(what string, err error) error {
	if err == nil || signInFailed(err) || errors.Is(err, context.Canceled) {
		return err
	}
	p.advise(AdviceServiceFailed, "the camera failed to answer "+what+": "+userMessage(err))
	return nil
}

// streams picks main and sub stream of one lens. Profiles that fault or name no
// usable URI are skipped.
func (p *prober) streams(ctx context.Context, lens []Profile) error {
	main, ok, err := p.pick(ctx, lieciba.StreamMain, mainOrder(lens))
	if err != nil {
		return err
	}
	if !ok {
		return lieciba.Errorf(lieciba.CodeUnsupported, "the camera names no RTSP stream that can be recorded")
	}
	if _, _, err := p.pick(ctx, lieciba.StreamSub, subOrder(lens, main)); err != nil {
		return err
	}
	told, err := p.askSnapshotURI(ctx, main)
	if err := p.tolerate("GetSnapshotUri", err); err != nil {
		return err
	}
	if u, ok := p.snapshotURL(told); ok {
		p.result.Camera.SnapshotURL = u
	}
	return nil
}

// pick adds the stream of the first candidate whose URI is usable.
func (p *prober) pick(ctx context.Context, role lieciba.StreamRole, candidates []Profile) (Profile, bool, error) {
	host := p.deviceURL().Hostname()
	for _, c := range candidates {
		told, err := p.askStreamURI(ctx, c)
		if signInFailed(err) || ctx.Err() != nil {
			return Profile{}, false, errors.Join(err, ctx.Err())
		}
		var clean string
		ok := false
		if err == nil {
			clean, ok = streamURL(told, host, p.options.StreamHost)
		}
		if !ok || p.hasStream(clean) {
			if !ok {
				p.advise(AdviceProfileSkipped, "profile "+c.Name+" names no usable stream and is skipped")
			}
			continue
		}
		p.result.Camera.Streams = append(p.result.Camera.Streams, lieciba.CameraStream{
			Role: role, URL: clean, ProfileToken: c.Token, Video: c.Video, Audio: c.Audio,
			Width: c.Width, Height: c.Height, FPS: c.FPS,
		})
		return c, true, nil
	}
	return Profile{}, false, nil
}

// hasStream reports whether the URL is taken: some cameras name one URI for all.
func (p *prober) hasStream(u string) bool {
	for _, s := range p.result.Camera.Streams {
		if s.URL == u {
			return true
		}
	}
	return false
}

// snapshotURL puts a snapshot URI on the host that was dialled.
func (c *Client) snapshotURL(told string) (string, bool) {
	base := c.deviceURL()
	u, err := base.Parse(strings.TrimSpace(told))
	if told == "" || err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return "", false
	}
	u.User, u.Fragment = nil, ""
	if base.Scheme == "https" && u.Scheme == "http" { // never down to plain text
		u = &url.URL{Scheme: "https", Host: base.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	}
	return cleanURL(u, base.Hostname(), c.options.StreamHost)
}

func userMessage(err error) string {
	var f *Fault
	if errors.As(err, &f) {
		return f.Reason
	}
	var e *lieciba.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "it does not answer"
}
