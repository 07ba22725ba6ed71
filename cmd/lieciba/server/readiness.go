package server

import (
	"context"
	"path/filepath"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/onvif"
	"lieciba/recorder/readiness"
)

// openReadiness makes the checker of cameras before an exam.
func (s *Server) openReadiness(context.Context) error {
	s.ready = readiness.New(readiness.Config{Catalog: s.catalog, Media: s.media, Live: s.recorder, Node: s.node,
		TrialDir: filepath.Join(s.cfg.Data, "trial"), // on the spool's disk, and outside of what fsck takes for footage
		Cameras:  s.cameraNow, Clock: s.cameraClock, Spool: s.spoolRoom, Margins: s.margins(), Log: s.log})
	s.later(s.ready.Close)
	return nil
}

func (s *Server) cameraNow(id lieciba.CameraID) readiness.CameraNow {
	st, ok := s.recorder.CameraStatus(id)
	return readiness.CameraNow{Mine: ok && s.recorder.Mine(id), Bitrate: int64(st.Bitrate), Complaints: s.events.complaints(id)}
}

func (s *Server) spoolRoom() readiness.Spool {
	free, shut := s.recorder.Room()
	return readiness.Spool{Free: free, Trouble: string(shut)}
}

// clockTimeout bounds the question for a camera's clock.
const clockTimeout = 15 * time.Second

// cameraClock is what sender reports tell; of a camera that sends none, what it
// answers over ONVIF now.
func (s *Server) cameraClock(ctx context.Context, c lieciba.Camera) readiness.ClockFacts {
	if st, ok := s.recorder.CameraStatus(c.ID); ok && st.ClockQuality != lieciba.ClockUnknown {
		return readiness.ClockFacts{Known: true, Offset: st.ClockOffset, Source: "rtcp"}
	}
	if !c.ONVIF {
		return readiness.ClockFacts{}
	}
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	user, pass, err := s.cameraSecret(ctx, c.ID)
	var client *onvif.Client
	if err == nil {
		client, err = s.prober.clients.For(c, onvif.Credentials{Username: user, Password: pass})
	}
	var clock onvif.Clock
	if err == nil {
		clock, err = client.Clock(ctx)
	}
	if err != nil {
		s.log.InfoContext(ctx, "this camera tells no time", "camera", c.ID, "error", err)
		return readiness.ClockFacts{}
	}
	return readiness.ClockFacts{Known: true, Offset: clock.Offset, Source: "onvif"}
}

// readinessChecker gives the API the checker, in its own terms.
type readinessChecker struct{ *readiness.Checker }

func (r readinessChecker) Progress(id lieciba.SessionID) (api.ReadinessProgress, bool) {
	p, ok := r.Checker.Progress(id)
	return api.ReadinessProgress(p), ok
}

var complaintOf = map[onvif.EventKind]readiness.Complaint{
	onvif.EventTamper:      readiness.Tampered,
	onvif.EventSceneChange: readiness.Moved,
	onvif.EventTooDark:     readiness.TooDark,
	onvif.EventTooBright:   readiness.TooBright,
	onvif.EventTooBlurry:   readiness.Blurred,
	onvif.EventSignalLoss:  readiness.NoSignal,
}

// complaints is what the camera says of its picture now.
func (e *events) complaints(id lieciba.CameraID) (out []readiness.Complaint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for kind, c := range e.active[id] {
		if c.active && complaintOf[kind] != "" {
			out = append(out, complaintOf[kind])
		}
	}
	return out
}
