package virtualcam

import (
	"time"

	"lieciba"
)

// Faults are what the camera does wrong on purpose in its ONVIF services. The
// keys are names of operations, such as GetProfiles.
type Faults struct {
	Fault      map[string]int           // HTTP status, with a SOAP fault in the body
	Delay      map[string]time.Duration // before the answer; ends with the request
	Junk       map[string]string        // sent instead of the answer
	XAddrHost  string                   // host:port told in service addresses and discovery
	StreamHost string                   // host:port told in stream and snapshot URIs
	H265Hidden bool                     // Media1 shows H.265 as H264; else it leaves such a profile out
	NoMedia2   bool
	BadHints   bool // bit rate 2147483647, time zone UTC5UTC, odd profiles
	NoRenew    bool // Renew is refused
	HotPull    bool // PullMessages returns at once
	Relative   bool // the subscription's address has no host
	Lockout    int  // refuse everything after so many wrong passwords; 0: never
	Silent     bool // no answer to WS-Discovery
	Twice      bool // every answer of WS-Discovery comes twice

	TypedOnly   bool // a Probe without types is not answered
	UntypedOnly bool // a Probe with types is not answered
	Strangers   bool // junk and a printer without addresses answer first
}

// SetFaults replaces the faults.
func (c *Camera) SetFaults(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = f
	c.auth.lockAfter(f.Lockout)
}

func (c *Camera) fault() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// host is what the camera believes its ONVIF address is.
func (c *Camera) host() string {
	if h := c.fault().XAddrHost; h != "" {
		return h
	}
	return c.Address()
}

func (c *Camera) streamURL(role lieciba.StreamRole) string {
	if h := c.fault().StreamHost; h != "" {
		return "rtsp://" + h + "/" + string(role)
	}
	return c.streams.URL(role)
}
