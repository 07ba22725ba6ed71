package viewer

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"lieciba"
	"lieciba/storage"
)

// LiveSource gives the frames of cameras as they come. Safe for concurrent use.
type LiveSource interface {
	// Join returns a feed that the caller closes. CodeNotFound: no such camera or
	// stream; CodeUnavailable: it does not answer now.
	Join(ctx context.Context, camera lieciba.CameraID, role lieciba.StreamRole) (lieciba.LiveFeed, error)
}

// Catalog is what playback asks of the database of facts.
type Catalog interface {
	Camera(ctx context.Context, id lieciba.CameraID) (lieciba.Camera, error)
	SessionRecordings(ctx context.Context, s lieciba.SessionID) ([]lieciba.Recording, error)
	SegmentAt(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error)
	SegmentBefore(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error)
	RecordingGaps(ctx context.Context, rec lieciba.RecordingID) ([]lieciba.Gap, error)
}

// Config is what a Viewer needs. Live or Catalog with Source may be nil: then
// that kind of viewing answers CodeUnsupported.
type Config struct {
	Live    LiveSource
	Catalog Catalog
	Source  storage.Source

	ListenAddresses []string // IP addresses of this machine, one socket pair each; default 127.0.0.1; never unspecified
	Port            int      // UDP and TCP; 0: one that is free
	PublicIPs       []string // told to browsers instead of the listen addresses (NAT, containers)

	MaxViewers  int           // connections at once; default 200
	MaxPerOwner int           // of one owner; default 40
	ReadAhead   int           // bytes of media that one playback keeps in memory; default 32 MiB
	BurstRate   int           // bits a second at which a burst is sent, per track; default 20,000,000
	SetUp       time.Duration // from answer to connected; default 20 s
	LiveJoin    time.Duration // how long a camera may take to give its first frame; default 8 s
	Linger      time.Duration // a camera without viewers stays joined so long; default 3 s
	Log         *slog.Logger  // default: slog.Default()
}

func (c Config) withDefaults() Config {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.MaxViewers, 200)
	set(&c.MaxPerOwner, 40)
	set(&c.ReadAhead, 32<<20)
	set(&c.BurstRate, 20_000_000)
	wait(&c.SetUp, 20*time.Second)
	wait(&c.LiveJoin, 8*time.Second)
	wait(&c.Linger, 3*time.Second)
	if len(c.ListenAddresses) == 0 {
		c.ListenAddresses = []string{"127.0.0.1"}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// addresses parses a list of IP addresses; field names it in the error.
func addresses(field string, list []string) ([]netip.Addr, error) {
	out := make([]netip.Addr, 0, len(list))
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, lieciba.Invalid(field, "%q is not an IP address: name addresses of this machine such as 192.0.2.10", s)
		}
		if a = a.Unmap(); a.IsUnspecified() {
			return nil, lieciba.Invalid(field, "%q means every interface: name the addresses one by one, so that answers leave where requests came in", s)
		}
		out = append(out, a)
	}
	return out, nil
}
