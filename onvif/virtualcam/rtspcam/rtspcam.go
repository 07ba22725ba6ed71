// Package rtspcam is the RTSP side of a virtual camera: main and sub stream of
// a drawn room with the time code burnt in, a 1 kHz tone, sender reports, and
// faults on demand.
package rtspcam

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"

	"lieciba"
	"lieciba/onvif/virtualcam/rtspcam/hevc"
)

// Config describes a camera's streams. The zero value of a field takes the default.
type Config struct {
	Address            string             // host:port; default 127.0.0.1:0
	UDP                bool               // offer UDP transport too, on a free pair of ports
	Name               string             // drawn into the picture
	Video              lieciba.VideoCodec // of the main stream: H264; H265 is a recorded loop of one size without time code
	Username, Password string             // empty: no sign-in
	SHA256             bool               // Digest with SHA-256 instead of MD5 (RFC 7616)
	Width, Height      int                // of the main stream; 1280 by 720
	SubWidth           int                // of the sub stream; 640, no sub stream if negative
	SubHeight          int                // 360
	FPS                int                // 25
	DeclaredFPS        int                // what the SPS claims; FPS
	GOP                int                // frames; 50
	Bitrate            int                // bits a second that filler brings the main stream to; 0: none
	Audio              lieciba.AudioCodec // AAC, PCMA, PCMU, Opus; empty: no sound
	SenderReports      time.Duration      // period; 5 s; negative: none
}

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.Video == "" {
		c.Video = lieciba.H264
	}
	if c.Video == lieciba.H265 {
		c.Width, c.Height, c.GOP = hevc.Width, hevc.Height, hevc.Room().GOP
	}
	def(&c.Width, 1280)
	def(&c.Height, 720)
	def(&c.SubWidth, 640)
	def(&c.SubHeight, 360)
	def(&c.FPS, 25)
	def(&c.DeclaredFPS, c.FPS)
	def(&c.GOP, 50)
	if c.SenderReports == 0 {
		c.SenderReports = 5 * time.Second
	}
	return c
}

// Server is a running camera. Safe for concurrent use.
type Server struct {
	cfg    Config
	server *gortsplib.Server
	gate   *Gate
	stop   chan struct{}
	done   sync.WaitGroup
	close  sync.Once

	failures atomic.Int64

	mu      sync.Mutex
	streams map[string]*stream // by path, without slash
	faults  faults
}

// Start opens the port and begins to make pictures. Close ends it.
func Start(c Config) (*Server, error) {
	c = c.withDefaults()
	if c.Video != lieciba.H264 && c.Video != lieciba.H265 {
		return nil, lieciba.Invalid("video", "unknown codec %q: use h264 or h265", c.Video)
	}
	s := &Server{cfg: c, stop: make(chan struct{}), streams: map[string]*stream{}}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, err
	}
	s.gate = NewGate(l)
	digest := auth.VerifyMethodDigestMD5 // what cameras have and ffmpeg of Debian 12 understands
	if c.SHA256 {
		digest = auth.VerifyMethodDigestSHA256
	}
	s.server = &gortsplib.Server{Handler: s, RTSPAddress: l.Addr().String(), WriteQueueSize: 1024,
		DisableRTCPSenderReports: true, // v4's own have a wrong NTP fraction
		AuthMethods:              []auth.VerifyMethod{digest},
		Listen:                   func(string, string) (net.Listener, error) { return s.gate, nil }}
	if c.UDP {
		host := l.Addr().(*net.TCPAddr).IP.String()
		if s.server.UDPRTPAddress, s.server.UDPRTCPAddress, err = freePair(host); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	if err := s.server.Start(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.mu.Lock() // the port is open: somebody may ask already
	err = s.open()
	s.mu.Unlock()
	if err != nil {
		s.server.Close()
		return nil, err
	}
	s.done.Add(1)
	go s.run()
	return s, nil
}

// open makes the streams. The lock is held.
func (s *Server) open() error {
	main, err := newStream(s.server, s.cfg, s.cfg.Width, s.cfg.Height, s.cfg.Bitrate)
	if err != nil {
		return err
	}
	s.streams["main"] = main
	if s.cfg.SubWidth < 0 {
		return nil
	}
	small := s.cfg
	small.Video = lieciba.H264 // so that every browser can show one of the two
	sub, err := newStream(s.server, small, small.SubWidth, small.SubHeight, 0)
	if err != nil {
		return err
	}
	s.streams["sub"] = sub
	return nil
}

// freePair finds an even port with its odd neighbour, both free.
func freePair(host string) (rtp, rtcp string, err error) {
	for range 64 {
		a, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return "", "", err
		}
		port := a.LocalAddr().(*net.UDPAddr).Port &^ 1
		_ = a.Close() // only its number was wanted
		at := func(p int) string { return net.JoinHostPort(host, strconv.Itoa(p)) }
		first, err1 := net.ListenPacket("udp", at(port))
		second, err2 := net.ListenPacket("udp", at(port+1))
		for _, c := range []net.PacketConn{first, second} {
			if c != nil {
				_ = c.Close() // only their numbers were wanted
			}
		}
		if err1 == nil && err2 == nil {
			return at(port), at(port + 1), nil
		}
	}
	return "", "", errors.New("no free pair of UDP ports")
}

// Address is host:port of the RTSP server.
func (s *Server) Address() string { return s.gate.Addr().String() }

// URL is the address of a stream, without credentials.
func (s *Server) URL(role lieciba.StreamRole) string {
	return "rtsp://" + s.Address() + "/" + string(role)
}

// Config is what the camera was started with, defaults filled in, and what was
// changed since.
func (s *Server) Config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

// Close ends the camera and waits. Idempotent.
func (s *Server) Close() error {
	s.close.Do(func() {
		close(s.stop)
		s.done.Wait()
		s.mu.Lock()
		for _, st := range s.streams {
			st.out.Close()
		}
		s.mu.Unlock()
		s.server.Close()
		s.gate.finish()
	})
	return nil
}

// run makes every frame at its time. It starts at a random point of the period,
// so that many cameras of one process do not all work in the same instant.
func (s *Server) run() {
	defer s.done.Done()
	period := time.Second / time.Duration(s.cfg.FPS)
	phase := time.NewTimer(rand.N(period))
	defer phase.Stop()
	select {
	case <-phase.C:
	case <-s.stop:
		return
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.frame(now)
		case <-s.stop:
			return
		}
	}
}

func (s *Server) frame(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.frozen {
		return
	}
	for _, st := range s.streams {
		st.frame(now, s.faults)
	}
}
