package storage

import (
	"context"
	"slices"
	"strings"

	"lieciba"
)

// SessionCameras returns the cameras that watch the session's room at some time
// of its recording window, without those taken out of use, by ID.
func SessionCameras(ctx context.Context, c Cameras, s lieciba.ExamSession, m lieciba.Margins) ([]lieciba.Camera, error) {
	window := lieciba.RecordingWindow(s, m)
	list, err := c.Assignments(ctx, s.RoomID, window)
	if err != nil {
		return nil, err
	}
	var out []lieciba.Camera
	for _, a := range list {
		if slices.ContainsFunc(out, func(x lieciba.Camera) bool { return x.ID == a.CameraID }) {
			continue
		}
		cam, err := c.Camera(ctx, a.CameraID)
		if err != nil {
			return nil, err
		}
		if cam.State != lieciba.CameraRetired {
			out = append(out, cam)
		}
	}
	slices.SortFunc(out, func(a, b lieciba.Camera) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}

// ReadyCatalog is what SettleReadiness reads and writes.
type ReadyCatalog interface {
	Cameras
	Sessions
	ReadinessRows
}

// SettleReadiness moves a planned session to ready if all its cameras passed or
// were overridden and it is signed off. Called in the act (Acts.Act) that adds
// the row that may be the last; one that the clock moved meanwhile stays.
func SettleReadiness(ctx context.Context, c ReadyCatalog, id lieciba.SessionID, m lieciba.Margins) (moved bool, err error) {
	s, err := c.Session(ctx, id)
	if err != nil || s.State != lieciba.SessionPlanned {
		return false, err
	}
	rows, err := c.SessionReadiness(ctx, id)
	if err != nil {
		return false, err
	}
	cameras, err := SessionCameras(ctx, c, s, m)
	if err != nil || !lieciba.ReadyToBegin(CameraIDs(cameras), rows) {
		return false, err
	}
	err = c.MoveSession(ctx, id, lieciba.SessionReady)
	if lieciba.CodeOf(err) == lieciba.CodeConflict { // the clock or the source was faster
		return false, nil
	}
	return err == nil, err
}

// CameraIDs lists the IDs of cameras, in their order.
func CameraIDs(cameras []lieciba.Camera) []lieciba.CameraID {
	out := make([]lieciba.CameraID, 0, len(cameras))
	for _, c := range cameras {
		out = append(out, c.ID)
	}
	return out
}

// trialPrefix is where test recordings are for a moment. It lies below the prefix
// of the proofs of object lock, where the server's account may delete, whose
// leftovers each start sweeps away, and where no footage ever is (SegmentKey).
const trialPrefix = "lieciba-proof/trial-"

// TrialKey is the object key of a test recording. What lies there is never locked
// by Media.Put.
func TrialKey(id string) string { return trialPrefix + id + ".mp4" }

// IsTrialKey reports whether a key is one of TrialKey.
func IsTrialKey(key string) bool { return strings.HasPrefix(key, trialPrefix) }

// SpaceTeller is a Media that knows how much it can still hold, in bytes.
type SpaceTeller interface {
	Free(ctx context.Context) (bytes int64, err error)
}
