package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"lieciba"
	"lieciba/recorder/clock"
)

// Options says which stream to open and how. All fields but User and Password
// are required, Dial may be nil for the net package's.
type Options struct {
	URL      string // rtsp:// or rtsps://, without credentials
	User     string
	Password string
	Sound    bool // set up the sound track, if there is one
	// Dial connects. Its refusal of an address that is not allowed, CodeInvalid with
	// field "address", is the cause not_allowed.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Now     func() time.Time // the time line
	Timeout time.Duration    // of dialling and of each answer
}

// Stream is one connection to a camera that plays. Its Handler is called from
// the connection's own goroutine until Close has returned.
type Stream struct {
	client  *gortsplib.Client
	handler Handler
	now     func() time.Time
	format  lieciba.StreamFormat
	notes   []string
	secrets []string

	failed  atomic.Pointer[Error]
	ended   chan struct{} // closed when the client has ended
	waitErr error         // valid once ended is closed
	stop    func()
	once    sync.Once
}

// Open connects, describes, sets up and plays. ctx bounds the whole life of the
// stream. The error is an *Error with a cause for the gap row.
func Open(ctx context.Context, o Options, h Handler) (*Stream, error) {
	s := &Stream{handler: h, now: o.Now, ended: make(chan struct{}), secrets: []string{o.Password}}
	u, err := base.ParseURL(o.URL)
	if err != nil {
		return nil, &Error{Cause: lieciba.CauseCameraOffline, Err: errors.New("the stream's address is not a valid rtsp URL")}
	}
	if o.User != "" {
		u.User = userInfo(o.User, o.Password)
		s.secrets = append(s.secrets, escaped(u))
	}
	tcp := gortsplib.TransportTCP
	s.client = &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host, Transport: &tcp, UserAgent: "lieciba",
		ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, DialContext: buffered(o.Dial),
		OnPacketsLost:     func(n uint64) { s.guard(func() { h.Lost(n) }) },
		OnDecodeError:     s.decodeError,
		OnTransportSwitch: func(error) {},
	}
	if err := s.client.Start2(); err != nil {
		return nil, s.classify(err, true)
	}
	cancel := context.AfterFunc(ctx, s.client.Close)
	s.stop = func() { cancel() }
	go func() {
		s.waitErr = s.client.Wait()
		close(s.ended)
	}()
	if err := s.play(u, o.Sound); err != nil {
		s.Close()
		if ctx.Err() != nil {
			return nil, &Error{Cause: lieciba.CauseServerDown, Err: ctx.Err()}
		}
		return nil, s.classify(err, true)
	}
	return s, nil
}

// buffered reads connections in larger pieces than the library does: a picture
// takes one system call, not three.
func buffered(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, forbidden(err)
		}
		return &bufferedConn{Conn: c, in: bufio.NewReaderSize(c, 32<<10)}, nil
	}
}

type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

// Read implements net.Conn.
func (c *bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// play does the handshake up to PLAY.
func (s *Stream) play(u *base.URL, sound bool) error {
	desc, _, err := s.client.Describe(u)
	if err != nil {
		return err
	}
	video, audio, err := s.choose(desc, sound)
	if err != nil {
		return err
	}
	if err := s.setup(desc.BaseURL, video, lieciba.TrackVideo, s.videoSink(video)); err != nil {
		return err
	}
	if audio.media != nil {
		sink, err := s.audioSink(audio)
		if err != nil {
			return err
		}
		if err := s.setup(desc.BaseURL, audio, lieciba.TrackAudio, sink); err != nil {
			return err
		}
	}
	s.handler.Format(s.format) // packets may come before the answer to PLAY
	_, err = s.client.Play(nil)
	return err
}

// source is one media of the description with the format that was chosen.
type source struct {
	media *description.Media
	forma format.Format
}

func (s *Stream) setup(baseURL *base.URL, src source, track lieciba.Track, sink func(*rtp.Packet)) error {
	if _, err := s.client.Setup(baseURL, src.media, 0, 0); err != nil {
		return err
	}
	s.client.OnPacketRTP(src.media, src.forma, func(p *rtp.Packet) { s.guard(func() { sink(p) }) })
	s.client.OnPacketRTCP(src.media, func(p rtcp.Packet) {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			s.guard(func() { s.handler.Report(ReportOf(track, sr)) })
		}
	})
	return nil
}

// ReportOf takes the 64 bits of the NTP timestamp as they came.
func ReportOf(track lieciba.Track, sr *rtcp.SenderReport) Report {
	return Report{Track: track, NTP: clock.NTP(sr.NTPTime), RTP: sr.RTPTime}
}

// guard keeps a panic of the handler or a decoder inside this stream.
func (s *Stream) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			s.fail(lieciba.CauseDecodeError, fmt.Errorf("panic while reading the stream: %v", r))
		}
	}()
	f()
}

// fail ends the stream with a reason of our own.
func (s *Stream) fail(cause lieciba.GapCause, err error) {
	if s.failed.CompareAndSwap(nil, &Error{Cause: cause, Err: err}) {
		go s.client.Close() // not from the read path itself: Close waits for it
	}
}

func (s *Stream) decodeError(err error) {
	// gortsplib drops packets of a new SSRC for ever and has no type for it.
	if strings.Contains(err.Error(), "wrong SSRC") {
		s.fail(lieciba.CauseCameraRestarted, errors.New("the camera changed the stream's SSRC"))
	}
}

// Notes says in plain words what of the stream is not used, and why.
func (s *Stream) Notes() []string { return s.notes }

// Ended is closed when the connection is gone, however it came about.
func (s *Stream) Ended() <-chan struct{} { return s.ended }

// Err says why an ended stream ended, as an *Error. Valid once Ended is closed.
func (s *Stream) Err() error {
	if e := s.failed.Load(); e != nil {
		return e
	}
	return s.classify(s.waitErr, false)
}

// Close ends the connection and waits until no handler runs. Idempotent.
func (s *Stream) Close() {
	s.once.Do(func() {
		s.stop()
		s.client.Close()
		<-s.ended
	})
}
