package fsck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/segment"
)

// broken collects the violations of one object.
type broken struct {
	object string
	list   []Violation
}

func (b *broken) add(rule Rule, format string, args ...any) {
	b.list = append(b.list, Violation{Invariant: invariants[rule], Rule: rule, Object: b.object, Message: fmt.Sprintf(format, args...)})
}

var allStates = []lieciba.RecordingState{lieciba.RecordingScheduled, lieciba.RecordingRecording, lieciba.RecordingFinalising,
	lieciba.RecordingComplete, lieciba.RecordingSealed, lieciba.RecordingExpired, lieciba.RecordingDeleted}

func (c *checker) checkRecordings(ctx context.Context) error {
	list, err := c.catalog.ListRecordings(ctx, allStates...)
	if err != nil {
		return err
	}
	for i, r := range list {
		id := r.ID
		if err := c.first(ctx, func(ctx context.Context) ([]Violation, error) { return c.recording(ctx, id) }); err != nil {
			return err
		}
		c.progress("recordings", i+1)
	}
	return nil
}

// recording checks one recording with its rows as they are now.
func (c *checker) recording(ctx context.Context, id lieciba.RecordingID) ([]Violation, error) {
	// The growing file first: when it is closed meanwhile, its row is seen.
	growing, err := c.growing(id)
	if err != nil {
		return nil, err
	}
	r, err := c.catalog.Recording(ctx, id)
	if err != nil {
		return nil, err
	}
	segments, err := c.catalog.RecordingSegments(ctx, id, lieciba.Interval{})
	if err != nil {
		return nil, err
	}
	gaps, err := c.catalog.RecordingGaps(ctx, id)
	if err != nil {
		return nil, err
	}
	b := &broken{object: "recording " + string(id)}
	session, err := c.references(ctx, b, r, segments, gaps)
	if err != nil {
		return nil, err
	}
	c.finished(b, r, segments, gaps)
	c.count(func(n *Checked) { n.Recordings++; n.Gaps += len(gaps) })
	if r.State == lieciba.RecordingScheduled && session.State == lieciba.SessionCancelled {
		return b.list, nil // nothing was expected after all
	}
	c.coverage(b, r, segments, gaps, growing)
	return b.list, nil
}

// coverage checks invariant 1: the whole window once the recorder has settled
// it (finalising), before that the part of it that lies long enough back.
func (c *checker) coverage(b *broken, r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap, growing []grown) {
	window := r.Window
	running := r.State == lieciba.RecordingScheduled || r.State == lieciba.RecordingRecording
	if end := lieciba.Micro(c.opt.Now().Add(-c.opt.Settle)); running && end.Before(window.To) {
		window.To = end
	}
	if window.Empty() {
		return
	}
	var have, lost []lieciba.Interval
	for _, s := range segments {
		have = append(have, s.Span())
	}
	for _, g := range growing {
		if !slices.ContainsFunc(segments, func(s lieciba.Segment) bool { return s.ID == g.id }) {
			have = append(have, g.span)
		}
	}
	for _, g := range gaps {
		lost = append(lost, g.Span(r.Window.To))
	}
	cover := lieciba.Cover(window, have, lost)
	c.count(func(n *Checked) {
		n.Expected += window.Duration().Seconds()
		n.Recorded += cover.Recorded.Seconds()
		n.Missing += cover.Missing.Seconds()
	})
	for _, h := range cover.Holes {
		b.add(RuleCoverage, "nothing accounts for %s", spell(h))
	}
	for _, o := range cover.Overlaps {
		b.add(RuleOverlap, "%s is accounted for twice", spell(o))
	}
}

func spell(i lieciba.Interval) string {
	const layout = "2006-01-02T15:04:05.000000Z"
	return fmt.Sprintf("%s to %s (%s)", i.From.UTC().Format(layout), i.To.UTC().Format(layout), i.Duration())
}

// finished checks what must hold from complete on (what invariant 4 rests on).
func (c *checker) finished(b *broken, r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) {
	if slices.Index(allStates, r.State) < slices.Index(allStates, lieciba.RecordingComplete) {
		return
	}
	for _, g := range gaps {
		if g.Open() {
			b.add(RuleSealed, "is %s, and its gap %s is open", r.State, g.ID)
		}
	}
	for _, s := range segments {
		if s.State == lieciba.SegmentHashed {
			b.add(RuleSealed, "is %s, and its segment %s is not verified", r.State, s.ID)
		}
		if s.State != lieciba.SegmentDeleted && r.State == lieciba.RecordingDeleted {
			b.add(RuleSealed, "is deleted, and its segment %s is %s", s.ID, s.State)
		}
	}
}

// references checks that the rows around a recording exist and agree. It
// returns the session, zero if there is none.
func (c *checker) references(ctx context.Context, b *broken, r lieciba.Recording, segments []lieciba.Segment, gaps []lieciba.Gap) (lieciba.ExamSession, error) {
	session, err := c.catalog.Session(ctx, r.SessionID)
	if err = b.missing(err, "session %s", r.SessionID); err != nil {
		return session, err
	}
	_, err = c.catalog.Camera(ctx, r.CameraID)
	if err = b.missing(err, "camera %s", r.CameraID); err != nil {
		return session, err
	}
	_, err = c.catalog.Room(ctx, r.RoomID)
	if err = b.missing(err, "room %s", r.RoomID); err != nil {
		return session, err
	}
	runs, err := c.catalog.Runs(ctx, r.ID)
	if err != nil {
		return session, err
	}
	known := map[lieciba.RunID]bool{}
	for _, run := range runs {
		known[run.ID] = true
		if run.CameraID != r.CameraID {
			b.add(RuleReference, "run %s is of camera %s, the recording of %s", run.ID, run.CameraID, r.CameraID)
		}
	}
	for _, s := range segments {
		if !known[s.RunID] {
			b.add(RuleReference, "segment %s refers to run %s, which is not one of the recording", s.ID, s.RunID)
		}
		if s.CameraID != r.CameraID {
			b.add(RuleReference, "segment %s is of camera %s, the recording of %s", s.ID, s.CameraID, r.CameraID)
		}
	}
	for _, g := range gaps {
		if g.CameraID != r.CameraID {
			b.add(RuleReference, "gap %s is of camera %s, the recording of %s", g.ID, g.CameraID, r.CameraID)
		}
		if !slices.Contains(lieciba.GapCauses(), g.Cause) {
			b.add(RuleReference, "gap %s has the cause %q, which is none", g.ID, g.Cause)
		}
	}
	return session, nil
}

// missing turns CodeNotFound into a violation and passes other errors on.
func (b *broken) missing(err error, format string, args ...any) error {
	if lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return err
	}
	b.add(RuleReference, "refers to "+format+", which does not exist", args...)
	return nil
}

// grown is what a growing spool file holds durably so far.
type grown struct {
	id   lieciba.SegmentID
	span lieciba.Interval
}

// growing reads the recording's growing files. One that nobody writes any more
// is no coverage: the spool check names it.
func (c *checker) growing(id lieciba.RecordingID) (list []grown, err error) {
	for _, f := range c.spool {
		if !f.growing || f.recording != id || c.stale(f) {
			continue
		}
		x, err := scanFile(f.path)
		switch lieciba.CodeOf(err) {
		case "":
			if !x.Until.IsZero() {
				list = append(list, grown{f.id, lieciba.Interval{From: x.From, To: lieciba.Micro(x.Until)}})
			}
		case lieciba.CodeNotFound, lieciba.CodeCorrupt, lieciba.CodeUnsupported: // closed since, or not one fragment yet
		default:
			return nil, err
		}
	}
	return list, nil
}

// stale reports whether a growing file has not grown for so long that its
// writer must be dead.
func (c *checker) stale(f spoolFile) bool {
	return c.opt.Now().Sub(f.modified) > c.opt.Settle+time.Minute
}

func scanFile(path string) (segment.Index, error) {
	var x segment.Index
	err := withFile(path, func(r readerAtSize) (err error) {
		x, err = segment.Scan(r, r.size)
		return err
	})
	return x, err
}

// parseKey takes segments/RECORDING/SEGMENT.mp4 apart.
func parseKey(key string) (rec lieciba.RecordingID, seg lieciba.SegmentID, ok bool) {
	folder, name, _ := strings.Cut(strings.TrimPrefix(key, "segments/"), "/")
	rec, errRec := lieciba.ParseID[lieciba.RecordingID]("recording", folder)
	seg, errSeg := lieciba.ParseID[lieciba.SegmentID]("segment", strings.TrimSuffix(name, ".mp4"))
	ok = errRec == nil && errSeg == nil && key == storage.SegmentKey(rec, seg)
	return rec, seg, ok
}
