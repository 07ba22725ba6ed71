package recorder

import (
	"context"
	"errors"
	"syscall"
	"time"

	"lieciba"
	"lieciba/storage/segment"
)

// begin starts a segment with a key frame.
func (s *sink) begin(e entry, p plan) {
	f := e.frame
	s.markRecording()
	if s.gap == nil && f.Time.After(s.covered) {
		cause, detail := s.why.cause, s.why.detail
		if cause == "" {
			cause, detail = lieciba.CauseServerStart, beganInside
		}
		s.lose(s.covered, cause, detail)
	}
	g := &writing{id: lieciba.NewID[lieciba.SegmentID](f.Time), run: e.run, from: f.Time, lost: s.source.meter.lost.Load()}
	g.sound = e.run.format.Audio != nil && s.soundSoon(f.Time, p)
	format := e.run.format
	if !g.sound {
		format.Audio = nil
	}
	offset, quality := s.source.offset.value(s.env.timeline.Offset())
	g.side = sidecar{Recording: s.rec, ClockOffset: offset, ClockQuality: quality,
		Run: lieciba.Run{ID: e.run.id, CameraID: s.rec.CameraID, RecordingID: s.rec.ID, NodeID: s.env.cfg.Node, StartedAt: e.run.startedAt, Format: e.run.format}}
	g.side.Recording.Window = p.window
	// A run row belongs to one recording; another recording of the same run has its own.
	g.side.Run.ID = s.runID(e.run)
	path, err := s.env.spool.prepare(s.rec.CameraID, g.id, g.side)
	if err == nil {
		g.w, err = segment.Create(path, segment.Params{Format: format, FragmentDuration: s.env.cfg.FragmentLength, Disk: s.env.spool.disk,
			IDs: segment.IDs{Recording: s.rec.ID, Camera: s.rec.CameraID, Run: g.side.Run.ID, Segment: g.id, Node: s.env.cfg.Node}})
	}
	if err != nil {
		s.env.log.Error("a segment cannot be made", "camera", s.rec.CameraID, "err", err)
		s.discard(g)
		s.lose(s.covered, diskCause(err), "a file cannot be made in the spool")
		return
	}
	s.seg, s.since = g, time.Time{}
	if s.gap != nil {
		s.resume = f.Time
	}
	s.show(func(v *shown) {
		v.growing = &lieciba.Segment{ID: g.id, RecordingID: s.rec.ID, CameraID: s.rec.CameraID, RunID: g.side.Run.ID, NodeID: s.env.cfg.Node,
			From: f.Time, InitSize: g.w.InitSize(), Video: format.Video.Codec, ClockOffset: offset, ClockQuality: quality}
		if format.Audio != nil {
			v.growing.Audio = format.Audio.Codec
		}
		v.writer = g.w
	})
	s.write(f)
}

// runID is the run's ID for this recording: two recordings that overlap share a
// camera's run, but a row has one recording.
func (s *sink) runID(r *run) lieciba.RunID {
	if s.lastRun != r {
		s.lastRun, s.lastRunID = r, lieciba.NewID[lieciba.RunID](r.startedAt)
	}
	return s.lastRunID
}

// write adds a frame to the segment under way.
func (s *sink) write(f lieciba.Frame) {
	flushed, err := s.seg.w.WriteFrame(f)
	switch {
	case err == nil:
	case lieciba.CodeOf(err) == lieciba.CodeInvalid || lieciba.CodeOf(err) == lieciba.CodeTooLarge:
		s.refused(f, err)
	default:
		s.failed(err)
	}
	if flushed && s.seg != nil {
		s.flushed()
	}
}

// refused accounts for a frame that no segment can hold. What follows a lost
// picture depends on it: the loss lasts until the next key frame. Lost sound is
// counted only; a window is accounted for by its pictures.
func (s *sink) refused(f lieciba.Frame, cause error) {
	s.show(func(v *shown) { v.dropped++ })
	if f.Track != lieciba.TrackVideo {
		return
	}
	s.env.log.Warn("a picture cannot be stored", "camera", s.rec.CameraID, "segment", s.seg.id, "err", cause)
	s.seg.refused = true
	s.closeSegment(time.Time{})
	s.lose(s.covered, lieciba.CauseDecodeError, refusedPicture)
}

const refusedPicture = "the camera sent a picture that cannot be stored"

// flushed takes note that a fragment is durable.
func (s *sink) flushed() {
	span := s.seg.w.Durable()
	frags := s.seg.w.Fragments()
	last := frags[len(frags)-1]
	s.env.spool.grow.Add(last.Offset + last.Size - s.seg.size)
	s.seg.size = last.Offset + last.Size
	s.show(func(v *shown) { v.durable = span.To })
	s.endGap()
}

// endGap closes the loss that the segment under way ends: only once it is
// durable, so that a crash leaves no hole.
func (s *sink) endGap() {
	s.fresh = false
	if s.gap != nil && !s.resume.IsZero() {
		s.closeGap(s.resume)
	}
}

// failed handles a disk that refused: what is durable is kept, the rest is a gap.
func (s *sink) failed(cause error) {
	s.env.log.Error("writing a segment failed", "camera", s.rec.CameraID, "segment", s.seg.id, "err", cause)
	s.closeSegment(time.Time{})
	s.lose(s.covered, diskCause(cause), "writing to the spool failed")
}

// diskCause finds a full disk at any depth: a segment that holds nothing yet
// fails as empty first.
func diskCause(err error) lieciba.GapCause {
	if lieciba.CodeOf(err) == lieciba.CodeFull || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return lieciba.CauseDiskFull
	}
	return lieciba.CauseStoreUnavailable
}

// closeSegment closes the segment under way, if there is one, at end (zero: at
// its last frame's end), sends its row off and moves covered to its end.
func (s *sink) closeSegment(end time.Time) {
	g := s.seg
	if g == nil {
		return
	}
	s.seg, s.closing = nil, g
	s.env.spool.grow.Add(-g.size)
	durable := g.w.Durable()
	res, err := g.w.Close(end)
	if lieciba.CodeOf(err) == lieciba.CodeInvalid {
		res, err = g.w.Close(time.Time{})
	}
	s.show(func(v *shown) { v.growing, v.writer = nil, nil })
	switch {
	case err == nil:
		s.submit(g, res)
		if !end.IsZero() && res.To.Before(end) {
			s.lose(s.covered, lieciba.CauseDiskFull, "the end of a segment could not be written")
		}
	case errors.Is(err, segment.ErrEmpty):
		s.resume = time.Time{}
		s.discard(g)
		if g.refused {
			s.lose(s.covered, lieciba.CauseDecodeError, refusedPicture)
			break
		}
		s.lose(s.covered, diskCause(err), "nothing of a segment could be written")
	default:
		s.env.log.Error("a segment could not be closed; it will be recovered", "camera", s.rec.CameraID, "segment", g.id, "err", err)
		s.abandon(g, durable.To)
		s.lose(s.covered, diskCause(err), "a segment could not be closed")
	}
	s.closing = nil
}

// abandon leaves a segment to salvage: up to durable it is on the disk for sure.
func (s *sink) abandon(g *writing, durable time.Time) {
	s.covered = latest(s.covered, latest(g.from, durable))
	if s.gap != nil {
		s.closeGap(g.from)
	}
	s.env.spool.size.Add(g.size)
	s.salvage(g)
}

// discard removes what is left of a segment that holds nothing.
func (s *sink) discard(g *writing) {
	path := s.env.spool.path(s.rec.CameraID, g.id)
	s.ledger.add("tidy", func(context.Context) error {
		return errors.Join(s.env.spool.disk.Remove(path+segment.PartSuffix), s.env.spool.disk.Remove(sidecarPath(path)))
	})
}

// submit sends a closed segment's row to the catalogue.
func (s *sink) submit(g *writing, res segment.Result) {
	s.covered = latest(s.covered, res.To)
	s.endGap()
	s.resume = time.Time{}
	s.env.spool.size.Add(res.Size)
	s.show(func(v *shown) { v.durable = res.To })
	row := res.Segment()
	row.LostPackets = s.source.meter.lost.Load() - g.lost
	row.ClockOffset, row.ClockQuality = s.source.offset.value(s.env.timeline.Offset())
	side := g.side
	s.ledger.add("segment", func(ctx context.Context) error { return s.env.file(ctx, side, row) })
}

// salvage finishes a segment that could not be closed, as soon as the disk
// allows, by the code that recovers after a crash. What it finds may reach
// further than the disk had said: the gap after it starts where it ends.
func (s *sink) salvage(g *writing) {
	path := s.env.spool.path(s.rec.CameraID, g.id) + segment.PartSuffix
	reach := new(time.Time) // written and read by the ledger's goroutine only
	s.reach = reach
	s.ledger.add("salvage", func(ctx context.Context) error {
		to, err := s.env.recoverFile(ctx, path)
		*reach = latest(*reach, to)
		return err
	})
}

// lose opens a loss at `at`, or notes that the one that lasts has another cause
// now, if that matters.
func (s *sink) lose(at time.Time, cause lieciba.GapCause, detail string) {
	p := s.plan()
	if s.gap != nil {
		now := lieciba.Micro(s.env.now())
		if !splits(s.gap.Cause, cause) || !now.Before(p.window.To) {
			return
		}
		at = latest(s.turned(cause, now), s.gap.From)
		s.closeGap(at)
	} else if to := s.unknown(at, cause, p); to.After(at) {
		s.lose(at, lieciba.CauseServerStart, beganInside)
		s.closeGap(to)
		at = to
	}
	if !at.Before(p.window.To) {
		return
	}
	s.markRecording()
	s.fresh = s.fresh && at.Equal(p.window.From)
	g := lieciba.Gap{ID: lieciba.NewID[lieciba.GapID](at), RecordingID: s.rec.ID, CameraID: s.rec.CameraID, NodeID: s.env.cfg.Node,
		From: at, Cause: cause, Detail: detail}
	open := g
	s.gap, s.resume = &open, time.Time{}
	s.show(func(v *shown) { v.gapSince, v.gapCause = at, cause })
	reach := s.reach
	s.ledger.addGap("gap", s.rec, gapRow{Gap: &open}, func(ctx context.Context) error {
		if reach != nil {
			g.From = latest(g.From, *reach)
		}
		return s.env.cfg.Catalog.PutGap(ctx, g)
	})
	s.env.log.Warn("gap", "camera", s.rec.CameraID, "recording", s.rec.ID, "from", at, "cause", cause, "detail", detail)
}

const beganInside = "recording began inside the window"

// unknown is up to when no recorder could know of a recording whose window is
// lost from at on: that part is not the fault of cause. Zero if there is none.
func (s *sink) unknown(at time.Time, cause lieciba.GapCause, p plan) time.Time {
	switch {
	case !s.fresh || cause == lieciba.CauseServerStart:
		return time.Time{}
	case cause == lieciba.CauseNotAssigned && !within(p.assigned, at): // true whoever was there to see it
		return time.Time{}
	case s.since.After(p.window.To):
		return p.window.To
	}
	return s.since
}

// turned is when the open loss, which is this server's, became one of cause: the
// first attempt to connect takes its time, and tells of all of it.
func (s *sink) turned(cause lieciba.GapCause, now time.Time) time.Time {
	absent := s.gap.Cause == lieciba.CauseServerStart || s.gap.Cause == lieciba.CauseServerDown
	if !absent || ours[cause] && cause != lieciba.CauseNotAllowed || !s.gap.From.Before(s.since) || s.since.After(now) {
		return now
	}
	return s.since
}

func (s *sink) closeGap(to time.Time) {
	g := *s.gap
	s.gap, s.resume = nil, time.Time{}
	s.covered = latest(s.covered, to)
	s.show(func(v *shown) { v.gapSince, v.gapCause = time.Time{}, "" })
	s.ledger.addGap("gap's end", s.rec, gapRow{Close: g.ID, To: to}, func(ctx context.Context) error { return s.env.cfg.Catalog.CloseGap(ctx, g.ID, to) })
	s.env.log.Info("gap closed", "camera", s.rec.CameraID, "recording", s.rec.ID, "from", g.From, "to", to, "cause", g.Cause)
}

// ours lists the causes that lie with this server or its orders.
var ours = map[lieciba.GapCause]bool{
	lieciba.CauseServerDown: true, lieciba.CauseServerStart: true, lieciba.CauseNotAssigned: true, lieciba.CauseLeaseHeld: true,
	lieciba.CauseDiskFull: true, lieciba.CauseStoreUnavailable: true, lieciba.CauseOverload: true, lieciba.CauseSpoolCorrupt: true,
	lieciba.CauseNotAllowed: true,
}

// splits decides whether a loss that goes on for another reason becomes a row
// of its own: when the fault moves between this server and the camera, and when
// somebody must act on it (refused credentials). A camera that is first lost
// and then does not answer is one loss.
func splits(old, now lieciba.GapCause) bool {
	if old == now || now == lieciba.CauseServerStart { // not connected yet says less than any other
		return false
	}
	return ours[old] || ours[now] || now == lieciba.CauseAuthFailed
}

// markRecording puts the recording on record when its window begins: one that
// is cancelled or moved before leaves no trace.
func (s *sink) markRecording() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		return
	}
	s.begun = true
	s.rec.Window = s.want.window
	s.recordNow()
}

// recordNow queues the recording's row and state. s.mu is held, or run has not begun.
func (s *sink) recordNow() {
	rec := s.rec
	s.ledger.add("recording", func(ctx context.Context) error {
		if err := s.env.ensure(ctx, rec); err != nil {
			return err
		}
		return s.env.cfg.Catalog.MoveRecording(ctx, rec.ID, lieciba.RecordingRecording, s.env.cfg.Node)
	})
}

func (s *sink) show(change func(*shown)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.shown)
}

func (s *sink) look() shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}
