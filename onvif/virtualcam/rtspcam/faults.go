package rtspcam

import (
	"time"

	"lieciba"
)

// faults is what the streams do wrong on purpose.
type faults struct {
	frozen     bool
	still      bool
	stillSince time.Time
	skew       time.Duration // camera clock minus real time
	loss       float64       // share of RTP packets that are not sent
	reorder    float64       // share of RTP packets that change places with the one before
	dark       bool
	silent     bool
	noReports  bool
	noKeys     bool
	delay      time.Duration // before an answer
	lockout    int           // wrong passwords after which nobody is let in; 0: never
}

func (s *Server) misbehave(change func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

// Disconnect breaks every connection and refuses new ones for d, as a pulled
// cable and a power cut do.
func (s *Server) Disconnect(d time.Duration) { s.gate.Shut(d) }

// Freeze stops or resumes sending while connections stay open.
func (s *Server) Freeze(on bool) { s.misbehave(func(f *faults) { f.frozen = on }) }

// FreezePicture keeps sending, and shows one instant for as long as it is on.
func (s *Server) FreezePicture(on bool) {
	s.misbehave(func(f *faults) { f.still, f.stillSince = on, time.Now() })
}

// SetDark covers the lens: the pictures go on and are black. The recorded H.265
// stays as it is.
func (s *Server) SetDark(on bool) { s.misbehave(func(f *faults) { f.dark = on }) }

// SetSilent mutes the microphone: sound goes on and holds nothing.
func (s *Server) SetSilent(on bool) { s.misbehave(func(f *faults) { f.silent = on }) }

// SetClockSkew sets the camera's clock ahead of real time: sender reports tell
// it, the time code in the picture stays real.
func (s *Server) SetClockSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.skew = d
	for _, st := range s.streams {
		st.report = time.Time{} // told with the next frame
	}
}

// SetLoss drops that share of RTP packets before they are sent, 0 to 1.
func (s *Server) SetLoss(share float64) { s.misbehave(func(f *faults) { f.loss = share }) }

// SetReorder makes that share of RTP packets of a frame, 0 to 1, change places
// with the one before.
func (s *Server) SetReorder(share float64) { s.misbehave(func(f *faults) { f.reorder = share }) }

// SetReports turns sender reports off and on again; they are on at first.
func (s *Server) SetReports(on bool) { s.misbehave(func(f *faults) { f.noReports = !on }) }

// HoldKeyFrames keeps key frames back while it is on, as cameras with a long GOP
// do to whoever joins late: only pictures that need one are sent. Parameter sets
// stay in the session description. The first frame afterwards is a key frame.
func (s *Server) HoldKeyFrames(on bool) {
	s.misbehave(func(f *faults) { f.noKeys = on })
	if !on {
		s.KeyFrame()
	}
}

// SetDelay makes DESCRIBE and SETUP wait for d before they are answered.
func (s *Server) SetDelay(d time.Duration) { s.misbehave(func(f *faults) { f.delay = d }) }

// SetLockout refuses the right password too once n wrong ones came; 0 ends it
// and forgets them.
func (s *Server) SetLockout(n int) {
	s.misbehave(func(f *faults) { f.lockout = n })
	s.failures.Store(0)
}

// SendJunk sends every connection bytes that are neither RTSP nor RTP: a frame
// on a channel nobody asked for, an RTP packet that is none, and noise.
func (s *Server) SendJunk() {
	s.gate.write([]byte("$\x2a\x00\x04junk" + "$\x00\x00\x03\xff\xff\xff" + "\x00\x01\x02\x7f\xff\r\n"))
}

// Restart comes back as cameras do after new settings: other size and so other
// SPS, new SSRC, new timestamps. Zero keeps the size of the main stream.
func (s *Server) Restart(width, height int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.streams
	s.streams = map[string]*stream{}
	if width > 0 {
		s.cfg.Width, s.cfg.Height = width, height
	}
	for _, st := range old {
		st.out.Close()
	}
	return s.open()
}

// ChangeSize goes on in mid-stream with pictures of another size: the next
// frame is a key frame with its own SPS. The recorded H.265 has one size.
func (s *Server) ChangeSize(role lieciba.StreamRole, width, height int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[string(role)]
	if st == nil {
		return lieciba.Invalid("stream", "no stream %q", role)
	}
	w, h, bitrate := &s.cfg.Width, &s.cfg.Height, s.cfg.Bitrate
	if role == lieciba.StreamSub {
		w, h, bitrate = &s.cfg.SubWidth, &s.cfg.SubHeight, 0
	}
	if err := st.resize(width, height, bitrate); err != nil {
		return err
	}
	*w, *h = width, height
	return nil
}

// ChangeSSRC goes on in mid-stream with other SSRC, timestamps and sequence
// numbers, as after a restart of the encoder. Over UDP the SSRC stays, and the
// new one is told as a contributing source.
func (s *Server) ChangeSSRC() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.renumber()
	}
}

// KeyFrame makes the next frame of every stream a key frame.
func (s *Server) KeyFrame() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.index = 0
	}
}
