package recorder

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"lieciba"
	"lieciba/recorder/clock"
	"lieciba/recorder/ingest"
)

// assembler turns the units of one connection into frames with times and hands
// them to the hub: it waits for a key frame with parameter sets, starts a run,
// settles its clock, and starts another run when the parameter sets change. It
// runs on the connection's read path and never blocks.
type assembler struct {
	hub    *hub
	now    func() time.Time
	stall  time.Duration // a hole in the stream from which on the run ends
	offset *cameraClock
	meter  *meter
	fail   func(cause lieciba.GapCause, err error) // ends the connection

	format lieciba.StreamFormat
	rates  [2]clock.Rate // by track
	run    *run
	video  videoClock
	audio  audioClock
	held   []lieciba.Frame // until the video clock has settled; Time is not set
	dead   bool

	lastArrival atomic.Int64 // of a video frame, Unix nanoseconds
	usual       atomic.Int64 // smoothed distance of frames, nanoseconds
	started     atomic.Bool
}

// videoClock is the video side of a run.
type videoClock struct {
	track    *clock.Track
	base     clock.Ticks // where the run starts on the track
	extract  dtsExtractor
	lastDTS  int64
	lastPTS  int64
	interval int64 // smoothed distance of frames, ticks
	frames   int
}

// audioClock is the sound side of a run.
type audioClock struct {
	track *clock.Track
	base  int64 // PTS of the track's tick 0
	last  int64
	lastT time.Time
	held  []lieciba.Frame
}

// dtsExtractor is what both of mediacommon's extractors are.
type dtsExtractor interface {
	Extract(au [][]byte, pts int64) (int64, error)
}

func newExtractor(codec lieciba.VideoCodec) dtsExtractor {
	if codec == lieciba.H265 {
		e := &h265.DTSExtractor{}
		e.Initialize()
		return e
	}
	e := &h264.DTSExtractor{}
	e.Initialize()
	return e
}

// Format implements ingest.Handler.
func (a *assembler) Format(f lieciba.StreamFormat) {
	a.format = f
	if f.Audio != nil && a.rates[lieciba.TrackAudio].Hz != f.Audio.SampleRate {
		a.rates[lieciba.TrackAudio] = clock.Rate{Hz: f.Audio.SampleRate}
	}
}

// Unit implements ingest.Handler.
func (a *assembler) Unit(u ingest.Unit) {
	if a.dead {
		return
	}
	if u.Track == lieciba.TrackAudio {
		a.sound(u)
		return
	}
	a.lastArrival.Store(u.Arrival.UnixNano())
	a.picture(u)
}

// Lost implements ingest.Handler.
func (a *assembler) Lost(n uint64) { a.meter.lost.Add(int64(n)) }

// Report implements ingest.Handler: the camera's clock against ours.
func (a *assembler) Report(r ingest.Report) {
	if a.dead || a.run == nil || r.Track != lieciba.TrackVideo || !a.video.track.Settled() {
		return
	}
	n := a.video.track.Ticks(r.RTP)
	at := a.video.track.Time(n)
	if at.Sub(a.now()).Abs() > time.Minute {
		return // an RTP time that has nothing to do with the stream
	}
	a.offset.report(r.NTP, at)
}

func (a *assembler) end(cause lieciba.GapCause, err error) {
	a.dead = true
	a.fail(cause, err)
}

func (a *assembler) picture(u ingest.Unit) {
	if u.Key {
		v, changed := ingest.WithParameters(a.format.Video, u.NALs)
		switch {
		case a.run != nil && changed:
			a.format.Video = v
			a.flush()
			a.start(u) // the same connection and clock, another run
		case changed:
			a.format.Video = v
		}
	}
	if a.run == nil {
		if !u.Key || u.Damaged || !ingest.Complete(a.format.Video) {
			return
		}
		a.start(u)
	}
	ticks, err := a.video.track.Observe(u.RTP, u.Arrival)
	if err != nil {
		a.rates[lieciba.TrackVideo] = a.video.track.NextRate(u.Arrival)
		a.end(lieciba.CauseCameraRestarted, err)
		return
	}
	if a.video.frames == 0 {
		a.video.base = ticks
	}
	pts := int64(ticks - a.video.base)
	if hole := a.video.track.Duration(clock.Ticks(pts - a.video.lastPTS)); a.video.frames > 0 && hole >= a.stallAfter() {
		a.end(lieciba.CauseNetworkLoss, errors.New("the camera sent no frames for "+hole.Round(time.Millisecond).String()))
		return
	}
	f := lieciba.Frame{Track: lieciba.TrackVideo, Key: u.Key, PTS: pts, DTS: a.video.dts(u.NALs, pts), Units: u.NALs}
	a.video.step(f)
	a.usual.Store(int64(a.interval()))
	a.meter.picture(f.Size(), u.Arrival)
	if !a.video.track.Settled() {
		a.held = append(a.held, f)
		return
	}
	a.flushHeld()
	a.emit(f)
}

// start begins a run at this key frame. A second run of a connection keeps the
// clock, so that no time is lost or doubled between the two.
func (a *assembler) start(u ingest.Unit) {
	a.run = &run{id: lieciba.NewID[lieciba.RunID](u.Arrival), format: a.format, startedAt: lieciba.Micro(u.Arrival)}
	track := a.video.track
	if track == nil {
		track = clock.NewTrack(a.rates[lieciba.TrackVideo])
	}
	a.video = videoClock{track: track, extract: newExtractor(a.format.Video.Codec), interval: a.video.interval}
	a.audio = audioClock{}
	a.started.Store(true)
}

// flush hands out what is held, settled or not: the run ends here.
func (a *assembler) flush() {
	if a.run == nil {
		return
	}
	if !a.video.track.Settled() {
		a.video.track.Settle()
	}
	a.flushHeld()
	if a.audio.track != nil {
		a.flushSound()
	}
}

// lastEnd is when the last frame ends; zero if there was none. For the owner of
// the connection, once it is closed.
func (a *assembler) lastEnd() time.Time {
	if a.run == nil {
		return time.Time{}
	}
	return a.video.track.Time(clock.Ticks(a.video.lastPTS) + a.video.base).Add(a.interval())
}

func (a *assembler) flushHeld() {
	for _, f := range a.held {
		a.emit(f)
	}
	a.held = nil
}

func (a *assembler) emit(f lieciba.Frame) {
	f.Time = a.video.track.Time(clock.Ticks(f.PTS) + a.video.base)
	a.hub.frame(f, a.run)
}

// stallAfter is how long without a frame is a loss: cameras with few frames a
// second get more.
func (a *assembler) stallAfter() time.Duration {
	return stallLimit(a.stall, a.interval())
}

func stallLimit(base, interval time.Duration) time.Duration {
	return max(base, min(4*interval, 15*time.Second))
}

// interval is the usual distance of two frames.
func (a *assembler) interval() time.Duration {
	return clock.Duration(clock.Ticks(a.video.interval), lieciba.VideoClockRate)
}

// dts finds the decoding time. The extractor is foreign and may fail on odd
// streams; a frame is never lost for it: then DTS follows PTS, and always rises.
func (v *videoClock) dts(nals [][]byte, pts int64) (dts int64) {
	dts = pts
	func() {
		defer func() {
			if recover() != nil {
				dts = pts
			}
		}()
		if d, err := v.extract.Extract(nals, pts); err == nil {
			dts = d
		}
	}()
	if v.frames > 0 && dts <= v.lastDTS {
		dts = v.lastDTS + 1
	}
	return dts
}

func (v *videoClock) step(f lieciba.Frame) {
	if v.frames > 0 {
		d := f.DTS - v.lastDTS
		if v.interval == 0 {
			v.interval = d
		}
		v.interval += (d - v.interval) / 8
	}
	v.frames++
	v.lastDTS, v.lastPTS = f.DTS, f.PTS
}

// sound takes in a sound frame. Trouble with its clock restarts the sound's
// clock alone: sound must never cost a picture.
func (a *assembler) sound(u ingest.Unit) {
	if a.run == nil || a.format.Audio == nil {
		return
	}
	s := &a.audio
	if s.track == nil {
		s.restart(a.rates[lieciba.TrackAudio], u.Arrival)
	}
	ticks, err := s.track.Observe(u.RTP, u.Arrival)
	if err != nil {
		a.rates[lieciba.TrackAudio] = s.track.NextRate(u.Arrival)
		a.flushSound()
		s.restart(a.rates[lieciba.TrackAudio], u.Arrival)
		if ticks, err = s.track.Observe(u.RTP, u.Arrival); err != nil {
			return
		}
	}
	pts := s.base + int64(ticks)
	if !s.lastT.IsZero() && pts <= s.last {
		return // a repeated frame
	}
	s.last, s.lastT = pts, u.Arrival
	s.held = append(s.held, lieciba.Frame{Track: lieciba.TrackAudio, Key: true, PTS: pts, DTS: pts, Units: u.NALs})
	a.meter.bytes.Add(int64(len(u.NALs[0])))
	if s.track.Settled() && a.video.track.Settled() {
		a.flushSound()
	}
}

// restart begins a new clock that continues the run's PTS by the time passed.
func (s *audioClock) restart(r clock.Rate, now time.Time) {
	if !s.lastT.IsZero() {
		s.base = s.last + max(1, int64(now.Sub(s.lastT).Seconds()*float64(r.Hz)))
	}
	s.track = clock.NewTrack(r)
}

func (a *assembler) flushSound() {
	s := &a.audio
	for _, f := range s.held {
		f.Time = s.track.Time(clock.Ticks(f.PTS - s.base))
		a.hub.frame(f, a.run)
	}
	clear(s.held)
	s.held = s.held[:0]
}
