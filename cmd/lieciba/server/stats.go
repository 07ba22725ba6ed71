package server

import (
	"slices"
	"strings"

	"lieciba/api"
)

// stats gives /metrics what recorder and viewer count.
func (s *Server) stats() api.Stats {
	r, v := s.recorder.Stats(), s.viewer.Stats()
	out := api.Stats{SpoolBytes: r.SpoolBytes, SpoolFree: r.SpoolFreeBytes, SpoolFiles: int(r.UploadWaiting),
		UploadLag: r.UploadLag, Playbacks: v.Playbacks, Evidence: s.evidenceStats(), ReadinessFailed: s.ready.Failed()}
	sessions := map[string]bool{}
	for id, st := range r.Cameras {
		one := api.CameraStats{CameraID: id, Name: string(id), CameraStatus: cameraStatus(st, v.Live[id])}
		out.LiveViewers += v.Live[id]
		if !st.GapSince.IsZero() {
			out.OpenGaps++
		}
		if st.SessionID != "" {
			sessions[string(st.SessionID)] = true
		}
		out.Cameras = append(out.Cameras, one)
	}
	out.NodeSessions = len(sessions)
	slices.SortFunc(out.Cameras, func(a, b api.CameraStats) int { return strings.Compare(string(a.CameraID), string(b.CameraID)) })
	return out
}
