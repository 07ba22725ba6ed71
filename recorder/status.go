package recorder

import (
	"maps"
	"time"

	"lieciba"
)

// CameraStatus is how one camera does now. Ages are negative when there is
// nothing to measure from.
type CameraStatus struct {
	Connected      bool
	Since          time.Time // of being connected, or not
	LastFrameAge   time.Duration
	FPS            float64
	Bitrate        float64 // bits a second, both tracks
	LostPackets    int64   // by the network, since start
	Reconnects     int64
	Recording      bool // frames go to disk
	SessionID      lieciba.SessionID
	RecordingID    lieciba.RecordingID
	LastDurableAge time.Duration // how old the newest durable picture is
	GapSince       time.Time     // zero: no gap is open
	GapCause       lieciba.GapCause
	Viewers        int
	ClockOffset    time.Duration // camera minus this server
	ClockQuality   lieciba.ClockQuality
	DroppedFrames  int64    // that a segment could not take
	Trouble        string   // why it is not connected; empty if it is
	Advice         []string // plain sentences for people
}

// CameraStatus returns how a camera does; false for one that is not ours.
func (r *Recorder) CameraStatus(id lieciba.CameraID) (CameraStatus, bool) {
	now := r.env.now()
	r.mu.Lock()
	c := r.cameras[id]
	streams := map[lieciba.StreamRole]*stream{}
	if c != nil {
		maps.Copy(streams, c.streams)
	}
	var sinks []*sink
	for key, s := range r.sinks {
		if key.Camera == id {
			sinks = append(sinks, s)
		}
	}
	r.mu.Unlock()
	if c == nil {
		return CameraStatus{}, false
	}
	st := CameraStatus{LastFrameAge: -1, LastDurableAge: -1}
	st.ClockOffset, st.ClockQuality = c.offset.value(r.env.timeline.Offset())
	for _, s := range streams {
		st.Viewers += s.hub.viewers()
	}
	if s := streams[lieciba.StreamMain]; s != nil {
		st.fromStream(s, now)
	}
	for _, s := range sinks {
		st.fromSink(s, now)
	}
	if st.ClockQuality == lieciba.ClockDrifting || st.ClockQuality == lieciba.ClockUnreliable {
		st.Advice = append(st.Advice, "The camera's clock wanders: set it to a time server.")
	}
	return st, true
}

func (st *CameraStatus) fromStream(s *stream, now time.Time) {
	state, last := s.hub.flowState()
	st.Connected = state == flowing
	st.LastFrameAge = s.meter.age(now)
	st.Bitrate, st.FPS = s.meter.rates()
	st.LostPackets, st.Reconnects = s.meter.lost.Load(), s.meter.reconnects.Load()
	if p := s.current(); p != nil {
		p.mu.Lock()
		st.Since = p.since
		st.Advice = append(st.Advice, p.notes...)
		p.mu.Unlock()
	}
	if state == flowDown {
		st.Trouble = string(last.cause) + ": " + last.detail
		if last.cause == lieciba.CauseAuthFailed {
			st.Advice = append(st.Advice, "The camera refuses the stored user name or password: enter them again. Attempts are rare, so that it does not lock the account.")
		}
	}
}

func (st *CameraStatus) fromSink(s *sink, now time.Time) {
	p, v := s.plan(), s.look()
	if !p.window.Contains(now) {
		return
	}
	st.SessionID, st.RecordingID = s.rec.SessionID, s.rec.ID
	st.Recording = st.Recording || v.growing != nil
	st.DroppedFrames += v.dropped
	if !v.durable.IsZero() {
		st.LastDurableAge = max(0, now.Sub(v.durable))
	}
	if !v.gapSince.IsZero() {
		st.GapSince, st.GapCause = v.gapSince, v.gapCause
	}
}

// Mine reports whether this node has the right to pull the camera.
func (r *Recorder) Mine(id lieciba.CameraID) bool {
	r.mu.Lock()
	_, known := r.cameras[id]
	r.mu.Unlock()
	return known && r.leases.granted(id)
}

// Room tells how many bytes the spool takes before recording stops for want of
// room, and why it takes none now; "" if it does.
func (r *Recorder) Room() (bytes int64, shut lieciba.GapCause) {
	e := r.env
	used := e.spool.usage() - e.spareBytes()
	return max(0, min(e.room.Load()-e.cfg.MinFreeBytes, e.cfg.MaxSpoolBytes-used)), e.shut()
}

// Stats is what a metrics collector asks for.
type Stats struct {
	Cameras        map[lieciba.CameraID]CameraStatus
	SpoolBytes     int64
	SpoolMaxBytes  int64
	SpoolFreeBytes int64 // on the spool's disk
	SpoolShut      lieciba.GapCause
	UploadWaiting  int64 // segments
	UploadLag      time.Duration
	UploadFailing  bool
	Uploaded       int64
	UploadErrors   int64
	RowsWaiting    int           // for the catalogue
	ClockStep      time.Duration // wall clock minus time line
	Recordings     int
}

// Stats returns the recorder's figures.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	ids := make([]lieciba.CameraID, 0, len(r.cameras))
	for id := range r.cameras {
		ids = append(ids, id)
	}
	rows, recordings := 0, len(r.sinks)
	for _, s := range r.sinks {
		rows += s.ledger.backlog()
	}
	r.mu.Unlock()
	st := Stats{Cameras: map[lieciba.CameraID]CameraStatus{}, SpoolBytes: r.env.spool.usage(), SpoolMaxBytes: r.env.cfg.MaxSpoolBytes,
		SpoolFreeBytes: r.env.room.Load(), SpoolShut: r.env.shut(),
		UploadWaiting: r.up.waiting.Load(), UploadLag: r.up.lag(r.env.now()), UploadFailing: r.up.failing.Load(),
		Uploaded: r.up.ups.Load(), UploadErrors: r.up.errs.Load(), RowsWaiting: rows, Recordings: recordings,
		ClockStep: r.env.timeline.Offset()}
	for _, id := range ids {
		if c, ok := r.CameraStatus(id); ok {
			st.Cameras[id] = c
		}
	}
	return st
}
