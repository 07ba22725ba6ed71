package rtspcam

import (
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
)

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (s *Server) OnDescribe(c *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return s.serve(c.Conn, c.Request, c.Path)
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (s *Server) OnSetup(c *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return s.serve(c.Conn, c.Request, c.Path)
}

// Failures counts the requests that came with wrong credentials.
func (s *Server) Failures() int { return int(s.failures.Load()) }

func (s *Server) serve(conn *gortsplib.ServerConn, req *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	s.wait()
	if s.lockedOut() {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	if s.cfg.Username != "" && !conn.VerifyCredentials(req, s.cfg.Username, s.cfg.Password) {
		if req.Header["Authorization"] != nil { // else the client has not been asked yet
			s.failures.Add(1)
		}
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[strings.Trim(path, "/")]
	if st == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, st.out, nil
}

// wait does what SetDelay asks for.
func (s *Server) wait() {
	s.mu.Lock()
	d := s.faults.delay
	s.mu.Unlock()
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stop:
	}
}

func (s *Server) lockedOut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.lockout > 0 && s.Failures() >= s.faults.lockout
}

// OnPlay implements gortsplib.ServerHandlerOnPlay. The first reader of a stream
// gets a key frame at once; later ones join where the GOP is.
func (s *Server) OnPlay(c *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[strings.Trim(c.Path, "/")]; st != nil {
		if st.readers.Add(1) == 1 {
			st.index = 0
		}
		c.Session.SetUserData(st)
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (s *Server) OnSessionClose(c *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if st, ok := c.Session.UserData().(*stream); ok {
		st.readers.Add(-1)
	}
}

// OnStreamWriteError implements gortsplib.ServerHandlerOnStreamWriteError: what a
// reader is too slow for is lost to it, as with any camera, and nobody is told.
func (s *Server) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}
