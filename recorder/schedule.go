package recorder

import (
	"cmp"
	"slices"
	"time"

	"lieciba"
)

// world is what the scheduler reads from the catalogue.
type world struct {
	sessions    []lieciba.ExamSession // planned, ready, running
	assignments []lieciba.CameraAssignment
	cameras     map[lieciba.CameraID]lieciba.Camera
	recordings  map[lieciba.SessionID][]lieciba.Recording // of those sessions
	parts       map[lieciba.SessionID][]lieciba.PartEvent // of those that are armed
}

// want is a recording that should exist: one camera in one room for one session.
type want struct {
	key  wantKey
	plan plan
	over bool // the window has passed: only its gaps remain to be declared
}

type wantKey struct {
	session lieciba.SessionID
	camera  lieciba.CameraID
	room    lieciba.RoomID
}

func keyOf(r lieciba.Recording) wantKey { return wantKey{r.SessionID, r.CameraID, r.RoomID} }

// arm is how long before its window a recording is made ready, so that it
// starts with the GOP that reaches over the window's start.
const arm = 10 * time.Second

// decide is the scheduler's pure half: which recordings should exist now, and
// what each should hold. Sorted by camera and session.
func decide(w world, m lieciba.Margins, now time.Time) []want {
	var out []want
	for _, s := range w.sessions {
		window := lieciba.RecordingWindow(s, m)
		if now.Before(window.From.Add(-arm)) || window.Empty() {
			continue
		}
		for camera, spans := range assignedTo(w, s.RoomID, window) {
			key := wantKey{s.ID, camera, s.RoomID}
			at := startOf(w.recordings[s.ID], key, window, now)
			if at.Empty() {
				continue
			}
			out = append(out, want{key: key, over: !now.Before(at.To),
				plan: plan{window: at, assigned: spans, sound: s.SoundWantedAfter(w.parts[s.ID], m)}})
		}
	}
	slices.SortFunc(out, func(a, b want) int {
		return cmp.Or(cmp.Compare(a.key.camera, b.key.camera), cmp.Compare(a.key.session, b.key.session))
	})
	return out
}

// assignedTo lists, for each camera that watches the room during the window,
// when it does.
func assignedTo(w world, room lieciba.RoomID, window lieciba.Interval) map[lieciba.CameraID][]lieciba.Interval {
	out := map[lieciba.CameraID][]lieciba.Interval{}
	for _, a := range w.assignments {
		if a.RoomID != room {
			continue
		}
		if c, ok := w.cameras[a.CameraID]; !ok || c.State == lieciba.CameraRetired {
			continue
		}
		span := lieciba.Interval{From: a.From, To: a.To}
		if a.To.IsZero() {
			span.To = window.To.Add(48 * time.Hour) // until further notice: an extension must not end it
		}
		if span.Overlaps(window) {
			out[a.CameraID] = append(out[a.CameraID], span)
		}
	}
	for c := range out {
		out[c] = lieciba.Merge(out[c])
	}
	return out
}

// startOf decides the recording's window: a recording that has begun keeps its
// start; one that follows a change of room begins where the others ended.
func startOf(have []lieciba.Recording, key wantKey, window lieciba.Interval, now time.Time) lieciba.Interval {
	moved := false
	for _, r := range have {
		begun := r.State != lieciba.RecordingScheduled
		if keyOf(r) == key {
			if begun {
				window.From = r.Window.From
			}
			return window
		}
		moved = moved || begun && r.RoomID != key.room
	}
	if moved && now.After(window.From) {
		window.From = lieciba.Micro(now)
	}
	return window
}

// ended decides the end of a recording that is not wanted any more: its session
// was cancelled, or moved to another room. ok is false while it should go on.
func ended(s lieciba.ExamSession, room lieciba.RoomID, now time.Time) (at time.Time, ok bool) {
	gone := s.State == lieciba.SessionCancelled || s.RoomID != room
	return lieciba.Micro(now), gone
}
