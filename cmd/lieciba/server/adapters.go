package server

import (
	"context"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/cmd/lieciba/config"
	"lieciba/recorder"
	"lieciba/viewer"
)

// live and player give the API the viewer, in its own terms.
type live struct{ *viewer.Viewer }

func (l live) Live(ctx context.Context, c lieciba.CameraID, role lieciba.StreamRole, offer string, who lieciba.Principal) (id, answer string, err error) {
	return l.Viewer.Live(ctx, c, role, offer, who.ID)
}

type player struct{ *viewer.Viewer }

func (p player) Playback(ctx context.Context, s lieciba.SessionID, at time.Time, scope api.Scope, offer string, who lieciba.Principal,
	onEnd func([]lieciba.Watched)) (id, answer string, err error) {
	return p.Viewer.Playback(ctx, s, at, viewer.Scope{Cameras: scope.CameraIDs, Span: scope.Span, Until: scope.Until}, offer, who.ID, func(shown []viewer.Watched) {
		var flat []lieciba.Watched
		for _, w := range shown {
			for _, span := range w.Spans {
				flat = append(flat, lieciba.Watched{CameraID: w.Camera, Interval: span})
			}
		}
		onEnd(flat)
	})
}

// monitor joins what recorder and viewer know of a camera.
type monitor struct{ s *Server }

func (m monitor) CameraStatus(id lieciba.CameraID) (lieciba.CameraStatus, bool) {
	st, ok := m.s.recorder.CameraStatus(id)
	if !ok {
		return lieciba.CameraStatus{}, false
	}
	out := cameraStatus(st, m.s.viewer.Stats().Live[id])
	out.Advice = append(out.Advice, m.s.events.advice(id)...)
	return out, true
}

func cameraStatus(st recorder.CameraStatus, viewers int) lieciba.CameraStatus {
	return lieciba.CameraStatus{Connected: st.Connected, Since: st.Since, LastFrameAge: st.LastFrameAge, FPS: st.FPS,
		Bitrate: int64(st.Bitrate), LostPackets: st.LostPackets, Recording: st.Recording, SessionID: st.SessionID,
		LastDurableAge: st.LastDurableAge, GapOpenSince: st.GapSince, GapCause: st.GapCause, Viewers: viewers, Advice: st.Advice}
}

// Discover looks for cameras as the API does, without a server.
func Discover(ctx context.Context, c config.Config, r api.DiscoverRequest, found func(api.Found)) error {
	p := newProber(c)
	defer p.clients.Close()
	return p.Discover(ctx, r, found)
}
