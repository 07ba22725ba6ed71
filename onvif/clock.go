package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/use-go/onvif/device"

	"lieciba"
)

// Clock is a measured camera clock. The camera tells whole seconds only, so the
// truth lies in Offset ± Uncertainty, given that the camera cuts and does not
// round. Time zone and daylight saving are ignored: cameras misstate them.
type Clock struct {
	Offset      time.Duration // camera clock minus ours
	Uncertainty time.Duration // half-width
	RoundTrip   time.Duration // the shortest seen
	Samples     int
	Steady      bool // the samples agree with one another
	At          time.Time
}

const maxClockSamples = 8

// clockSample is one reading: the camera said `camera` (whole seconds) at some
// moment between sent and received.
type clockSample struct{ sent, received, camera time.Time }

// clockEstimate narrows the offset sample by sample. Pure.
type clockEstimate struct {
	lo, hi    time.Duration
	roundTrip time.Duration
	samples   int
	jumps     int // samples that contradicted the ones before
}

func (e *clockEstimate) add(s clockSample) {
	lo, hi := s.camera.Sub(s.received), s.camera.Add(time.Second).Sub(s.sent)
	rt := s.received.Sub(s.sent)
	if e.samples == 0 || rt < e.roundTrip {
		e.roundTrip = rt
	}
	if e.samples > 0 && max(lo, e.lo) <= min(hi, e.hi) {
		lo, hi = max(lo, e.lo), min(hi, e.hi)
	} else if e.samples > 0 {
		e.jumps++
	}
	e.lo, e.hi = lo, hi
	e.samples++
}

func (e *clockEstimate) offset() time.Duration      { return e.lo + (e.hi-e.lo)/2 }
func (e *clockEstimate) uncertainty() time.Duration { return (e.hi - e.lo) / 2 }

// done reports whether more samples are not worth their while.
func (e *clockEstimate) done(precision time.Duration) bool {
	return e.samples >= maxClockSamples || e.samples > 0 && e.uncertainty() <= max(precision, e.roundTrip)
}

// wait is how long to wait from now so that the next reading halves what is
// unknown: until the camera's second turns, if its offset is the middle one.
func (e *clockEstimate) wait(now time.Time) time.Duration {
	turn := now.Add(e.offset() + e.roundTrip/2)
	next := turn.Truncate(time.Second)
	if next.Before(turn) {
		next = next.Add(time.Second)
	}
	return next.Sub(turn)
}

// Clock measures the camera's clock; it takes up to about four seconds. It also
// corrects the time that later calls are signed in. CodeUnsupported when the
// camera tells no time.
func (c *Client) Clock(ctx context.Context) (Clock, error) {
	if err := c.connect(ctx); err != nil {
		return Clock{}, err
	}
	var e clockEstimate
	for !e.done(c.options.ClockPrecision) {
		if e.samples > 0 {
			if err := c.sleep(ctx, e.wait(c.now())); err != nil {
				return Clock{}, err
			}
		}
		s, err := c.readClock(ctx, c.deviceURL())
		if err != nil {
			return Clock{}, err
		}
		e.add(s)
	}
	c.auth.setOffset(e.offset())
	return Clock{Offset: e.offset(), Uncertainty: e.uncertainty(), RoundTrip: e.roundTrip,
		Samples: e.samples, Steady: e.jumps == 0, At: lieciba.Micro(c.now())}, nil
}

// readClock asks without a signature first, as ONVIF wants it (Core, 8.1: access
// class PRE_AUTH); cameras that refuse that are asked again, signed.
func (c *Client) readClock(ctx context.Context, u *url.URL) (clockSample, error) {
	s, err := c.readClockOnce(ctx, u, unsigned)
	if err != nil && wantsSignature(err) && c.auth.hasCredentials() {
		s, err = c.readClockOnce(ctx, u, func(*callOptions) {})
	}
	return s, err
}

// wantsSignature reports whether err is the refusal of a call without credentials.
func wantsSignature(err error) bool {
	var f *Fault
	var s *statusError
	switch {
	case errors.As(err, &f):
		return f.notAuthorized()
	case errors.As(err, &s):
		return s.status == http.StatusUnauthorized || s.status == http.StatusForbidden
	}
	return errors.Is(err, ErrNeedsCredentials)
}

type xmlDateTime struct {
	Year   int `xml:"Date>Year"`
	Month  int `xml:"Date>Month"`
	Day    int `xml:"Date>Day"`
	Hour   int `xml:"Time>Hour"`
	Minute int `xml:"Time>Minute"`
	Second int `xml:"Time>Second"`
}

func (c *Client) readClockOnce(ctx context.Context, u *url.URL, o callOption) (clockSample, error) {
	var out struct {
		UTC *xmlDateTime `xml:"SystemDateAndTime>UTCDateTime"`
	}
	sent := c.now()
	if err := c.call(ctx, u.String(), device.GetSystemDateAndTime{}, &out, o); err != nil {
		return clockSample{}, err
	}
	s := clockSample{sent: sent, received: c.now()}
	if out.UTC == nil || out.UTC.Year < 1970 || out.UTC.Month < 1 || out.UTC.Month > 12 || out.UTC.Day < 1 {
		return clockSample{}, errNoClock()
	}
	t := out.UTC
	s.camera = time.Date(t.Year, time.Month(t.Month), t.Day, t.Hour, t.Minute, t.Second, 0, time.UTC)
	return s, nil
}

func errNoClock() error {
	return lieciba.Errorf(lieciba.CodeUnsupported, "the camera does not tell its time in UTC")
}

// refreshOffset reads the clock once, without a signature, and returns the
// offset to half a second: enough to sign with.
func (c *Client) refreshOffset(ctx context.Context) (time.Duration, error) {
	s, err := c.readClockOnce(ctx, c.deviceURL(), unsigned)
	if err != nil {
		return 0, err
	}
	var e clockEstimate
	e.add(s)
	c.auth.setOffset(e.offset())
	return e.offset(), nil
}

// SetClock sets the camera's clock by hand to the current time in UTC. Only for
// an administrator who asked for it.
func (c *Client) SetClock(ctx context.Context) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	t := c.now().UTC().Add(500 * time.Millisecond) // the camera takes whole seconds
	request := rawXML(fmt.Sprintf(`<tds:SetSystemDateAndTime><tds:DateTimeType>Manual</tds:DateTimeType>`+
		`<tds:DaylightSavings>false</tds:DaylightSavings><tds:TimeZone><onvif:TZ>UTC0</onvif:TZ></tds:TimeZone><tds:UTCDateTime>`+
		`<onvif:Time><onvif:Hour>%d</onvif:Hour><onvif:Minute>%d</onvif:Minute><onvif:Second>%d</onvif:Second></onvif:Time>`+
		`<onvif:Date><onvif:Year>%d</onvif:Year><onvif:Month>%d</onvif:Month><onvif:Day>%d</onvif:Day></onvif:Date>`+
		`</tds:UTCDateTime></tds:SetSystemDateAndTime>`,
		t.Hour(), t.Minute(), t.Second(), t.Year(), t.Month(), t.Day()))
	if err := c.call(ctx, c.deviceURL().String(), request, nil); err != nil {
		return err
	}
	_, err := c.refreshOffset(ctx)
	return err
}
