package api

import (
	"crypto/sha256"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/recorder/schedule"
)

// crew films what the scheduler wants, in rows of the catalogue: a camera that
// never fails in each room. It decides nothing itself (schedule.Decide).
type crew struct {
	rooms       map[string]lieciba.RoomID // by code
	codes       map[lieciba.RoomID]string
	cameras     map[lieciba.CameraID]lieciba.Camera
	assignments []lieciba.CameraAssignment
	on          []lieciba.Recording // under way since the last look, with the window wanted
	edges       []time.Time         // when something begins or ends, as the sessions stand
	runs        map[lieciba.RecordingID]lieciba.RunID
	shot        map[lieciba.RecordingID][]lieciba.Segment
}

func newCrew() *crew {
	return &crew{rooms: map[string]lieciba.RoomID{}, codes: map[lieciba.RoomID]string{}, cameras: map[lieciba.CameraID]lieciba.Camera{},
		runs: map[lieciba.RecordingID]lieciba.RunID{}, shot: map[lieciba.RecordingID][]lieciba.Segment{}}
}

// equip puts a camera into a room.
func (p *player) equip(room lieciba.Room) {
	cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](start), SiteID: room.SiteID, Name: "camera of " + room.Code, Address: room.Code + ".test",
		State: lieciba.CameraReady, CreatedAt: start}
	require.NoError(p.t, p.catalog.PutCamera(p.t.Context(), cam))
	p.crew.rooms[room.Code], p.crew.codes[room.ID], p.crew.cameras[cam.ID] = room.ID, room.Code, cam
	p.crew.assignments = append(p.crew.assignments, lieciba.CameraAssignment{CameraID: cam.ID, RoomID: room.ID, From: p.gen.base.AddDate(0, 0, -2)})
}

// look is what the recorder does at each of its looks (recorder.reconcile).
func (p *player) look() {
	now, w := p.model.now, schedule.World{Cameras: p.crew.cameras, Assignments: p.crew.assignments, Recordings: map[lieciba.SessionID][]lieciba.Recording{}}
	sessions := map[lieciba.SessionID]lieciba.ExamSession{}
	p.crew.on, p.crew.edges = nil, nil
	for _, ext := range p.order {
		s, err := p.catalog.Session(p.t.Context(), lieciba.SessionID(p.ids[ext]))
		require.NoError(p.t, err)
		w.Recordings[s.ID], err = p.catalog.SessionRecordings(p.t.Context(), s.ID)
		require.NoError(p.t, err)
		sessions[s.ID] = s
		switch s.State {
		case lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning:
			w.Sessions = append(w.Sessions, s)
			span := lieciba.RecordingWindow(s, p.cfg.Margins)
			p.crew.edges = append(p.crew.edges, span.From, span.To)
		}
	}
	wanted := map[schedule.Key]lieciba.Interval{}
	for _, want := range schedule.Decide(w, p.cfg.Margins, now) {
		if !now.Before(want.Window.From) {
			wanted[want.Key] = want.Window
			p.pursue(w.Recordings[want.Key.Session], want)
		}
	}
	for id, list := range w.Recordings {
		for _, r := range list {
			window, moved := schedule.Unwanted(sessions[id], r.RoomID, r.Window, p.cfg.Margins, now)
			if _, on := wanted[schedule.KeyOf(r)]; !on && moved && !window.Empty() {
				require.NoError(p.t, p.catalog.SetRecordingWindow(p.t.Context(), r.ID, window))
			}
		}
	}
}

// pursue begins a recording, or gives one that goes on its newest window.
func (p *player) pursue(have []lieciba.Recording, want schedule.Want) {
	for _, r := range have {
		if schedule.KeyOf(r) == want.Key {
			if r.Window != want.Window {
				require.NoError(p.t, p.catalog.SetRecordingWindow(p.t.Context(), r.ID, want.Window))
			}
			r.Window = want.Window
			p.crew.on = append(p.crew.on, r)
			return
		}
	}
	r, err := p.catalog.EnsureRecording(p.t.Context(), lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](p.model.now), SessionID: want.Key.Session,
		CameraID: want.Key.Camera, RoomID: want.Key.Room, NodeID: p.cfg.Node, Window: want.Window, State: lieciba.RecordingRecording, CreatedAt: p.model.now})
	require.NoError(p.t, err)
	p.crew.on = append(p.crew.on, r)
}

// film lets time pass to an instant while the crew films.
func (p *player) film(to time.Time) {
	for to = lieciba.Micro(to); p.model.now.Before(to); {
		p.look()
		next := to
		for _, edge := range p.crew.edges {
			if edge.After(p.model.now) && edge.Before(next) {
				next = edge
			}
		}
		for _, r := range p.crew.on {
			p.shoot(r, lieciba.Interval{From: p.model.now, To: next})
		}
		p.model.film(next)
		p.setClock(next)
	}
	p.look()
	p.model.look()
}

// shoot puts a segment on record: what of the span is in the recording's window.
func (p *player) shoot(r lieciba.Recording, span lieciba.Interval) {
	span = lieciba.Interval{From: latest(span.From, r.Window.From), To: earliest(span.To, r.Window.To)}
	if span.Empty() {
		return
	}
	id := lieciba.NewID[lieciba.SegmentID](span.From)
	if p.crew.runs[r.ID] == "" {
		p.crew.runs[r.ID] = lieciba.NewID[lieciba.RunID](span.From)
		require.NoError(p.t, p.catalog.PutRun(p.t.Context(), lieciba.Run{ID: p.crew.runs[r.ID], CameraID: r.CameraID, RecordingID: r.ID, NodeID: r.NodeID, StartedAt: span.From,
			Format: lieciba.StreamFormat{Video: lieciba.VideoFormat{Codec: lieciba.H264, Width: 1920, Height: 1080, SPS: []byte{0x67, 1}, PPS: []byte{0x68, 1}}}}))
	}
	seg := lieciba.Segment{ID: id, RecordingID: r.ID, CameraID: r.CameraID, RunID: p.crew.runs[r.ID], NodeID: r.NodeID, From: span.From, To: span.To,
		Size: 1000, SHA256: sha256.Sum256([]byte(id)), InitSize: 10, Video: lieciba.H264, Frames: 1, ClockQuality: lieciba.ClockGood, State: lieciba.SegmentHashed,
		Fragments: []lieciba.Fragment{{From: span.From, Offset: 10, Size: 990, Frames: 1, Key: true}}}
	require.NoError(p.t, p.catalog.AddSegment(p.t.Context(), seg))
	p.crew.shot[r.ID] = append(p.crew.shot[r.ID], seg)
}

// filmed compares a session's recordings and footage with the model's: each room
// was filmed when the session was there, all of it is on record, byte for byte as
// it was shot, and nothing else is.
func (p *player) filmed(ext string, x *modelSession) {
	p.t.Helper()
	list, err := p.catalog.SessionRecordings(p.t.Context(), lieciba.SessionID(p.ids[ext]))
	require.NoError(p.t, err)
	require.Len(p.t, list, len(x.recs), "recordings of %s", ext)
	for _, r := range list {
		room := p.crew.codes[r.RoomID]
		want := x.recs[room]
		require.NotNil(p.t, want, "%s was never in %s", ext, room)
		if want.to.After(want.from) { // else it left in the very instant in which it began
			require.Equal(p.t, utc(want.from)+utc(want.to), utc(r.Window.From)+utc(r.Window.To), "window of %s in %s", ext, room)
		}
		segs, err := p.catalog.RecordingSegments(p.t.Context(), r.ID, lieciba.Interval{})
		require.NoError(p.t, err)
		var spans, shot string
		var on []lieciba.Interval
		for _, s := range segs {
			spans += utc(s.From) + utc(s.To) + string(s.SHA256[:])
			on = append(on, s.Span())
		}
		for _, s := range p.crew.shot[r.ID] {
			shot += utc(s.From) + utc(s.To) + string(s.SHA256[:])
		}
		require.Equal(p.t, shot, spans, "footage of %s in %s", ext, room)
		var is, should string
		for _, i := range lieciba.Merge(on) {
			is += utc(i.From) + "to" + utc(i.To)
		}
		for _, i := range want.film {
			should += utc(i[0]) + "to" + utc(i[1])
		}
		require.Equal(p.t, should, is, "%s in %s was filmed", ext, room)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
