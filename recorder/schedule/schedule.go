// Package schedule decides what is recorded when: purely, from what the catalogue
// says and the time. The recorder acts on it.
package schedule

import (
	"cmp"
	"slices"
	"time"

	"lieciba"
)

// World is what the scheduler reads from the catalogue.
type World struct {
	Sessions    []lieciba.ExamSession // planned, ready, running
	Assignments []lieciba.CameraAssignment
	Cameras     map[lieciba.CameraID]lieciba.Camera
	Recordings  map[lieciba.SessionID][]lieciba.Recording // of those sessions
	Parts       map[lieciba.SessionID][]lieciba.PartEvent // of those that are armed
}

// Want is a recording that should exist: one camera in one room for one session.
type Want struct {
	Key      Key
	Window   lieciba.Interval
	Assigned []lieciba.Interval // when the camera watches the room
	Sound    []lieciba.Interval // when sound may be kept
	Over     bool               // the window has passed: only its gaps remain to be declared
}

// Key names a recording by what it is of.
type Key struct {
	Session lieciba.SessionID
	Camera  lieciba.CameraID
	Room    lieciba.RoomID
}

// KeyOf is the key of a recording.
func KeyOf(r lieciba.Recording) Key { return Key{r.SessionID, r.CameraID, r.RoomID} }

// Arm is how long before its window a recording is made ready, so that it
// starts with the GOP that reaches over the window's start.
const Arm = 10 * time.Second

// Decide says which recordings should exist now, and
// what each should hold. Sorted by camera and session.
func Decide(w World, m lieciba.Margins, now time.Time) []Want {
	var out []Want
	for _, s := range w.Sessions {
		window := lieciba.RecordingWindow(s, m)
		if now.Before(window.From.Add(-Arm)) || window.Empty() {
			continue
		}
		for camera, spans := range assignedTo(w, s.RoomID, window) {
			key := Key{s.ID, camera, s.RoomID}
			at := startOf(w.Recordings[s.ID], key, window, now)
			if at.Empty() {
				continue
			}
			out = append(out, Want{Key: key, Window: at, Assigned: spans, Sound: s.SoundWantedAfter(w.Parts[s.ID], m), Over: !now.Before(at.To)})
		}
	}
	slices.SortFunc(out, func(a, b Want) int {
		return cmp.Or(cmp.Compare(a.Key.Camera, b.Key.Camera), cmp.Compare(a.Key.Session, b.Key.Session))
	})
	return out
}

// assignedTo lists, for each camera that watches the room during the window,
// when it does.
func assignedTo(w World, room lieciba.RoomID, window lieciba.Interval) map[lieciba.CameraID][]lieciba.Interval {
	out := map[lieciba.CameraID][]lieciba.Interval{}
	for _, a := range w.Assignments {
		if a.RoomID != room {
			continue
		}
		if c, ok := w.Cameras[a.CameraID]; !ok || c.State == lieciba.CameraRetired {
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
func startOf(have []lieciba.Recording, key Key, window lieciba.Interval, now time.Time) lieciba.Interval {
	moved := false
	for _, r := range have {
		begun := r.State != lieciba.RecordingScheduled
		if KeyOf(r) == key {
			if begun {
				window.From = r.Window.From
			}
			return window
		}
		moved = moved || begun && r.RoomID != key.Room
	}
	if moved && now.After(window.From) {
		window.From = lieciba.Micro(now)
	}
	return window
}

// Elsewhere lists when a session was filmed in other rooms than this one.
func Elsewhere(have []lieciba.Recording, room lieciba.RoomID) []lieciba.Interval {
	var out []lieciba.Interval
	for _, r := range have {
		if r.RoomID != room && r.State != lieciba.RecordingScheduled {
			out = append(out, r.Window)
		}
	}
	return lieciba.Merge(out)
}

// MayGoOn reports whether a recording whose window has passed may be taken up
// again: its session is not over and has left the room, whence it can come back,
// or has come back, or was extended.
func MayGoOn(s lieciba.ExamSession, r lieciba.Recording, m lieciba.Margins) bool {
	open := s.State == lieciba.SessionPlanned || s.State == lieciba.SessionReady || s.State == lieciba.SessionRunning
	return open && (s.RoomID != r.RoomID || lieciba.RecordingWindow(s, m).To.After(r.Window.To))
}

// Ended decides the end of a recording that is not wanted any more: its session
// was cancelled, or moved to another room. ok is false while it should go on.
func Ended(s lieciba.ExamSession, room lieciba.RoomID, now time.Time) (at time.Time, ok bool) {
	gone := s.State == lieciba.SessionCancelled || s.RoomID != room
	return lieciba.Micro(now), gone
}

// Unwanted decides the window of a recording that is made ready or under way and
// that Decide does not want now. ok is false when it stays as it is.
func Unwanted(s lieciba.ExamSession, room lieciba.RoomID, window lieciba.Interval, m lieciba.Margins, now time.Time) (_ lieciba.Interval, ok bool) {
	at, gone := Ended(s, room, now)
	later := lieciba.RecordingWindow(s, m)
	switch {
	case !now.Before(window.To): // it ends by itself
		return window, false
	case gone && at.Before(window.From):
		return lieciba.Interval{From: window.From, To: window.From}, true
	case gone:
		return lieciba.Interval{From: window.From, To: at}, true
	case now.Before(window.From) && now.Before(later.From): // made ready, then moved to a later time
		return later, true
	}
	return window, false
}
