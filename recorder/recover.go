package recorder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/recorder/schedule"
	"lieciba/storage/segment"
)

// file puts a closed segment on record: its recording and run if they are not
// there yet, then its own row. The bytes are durable already (invariant 2).
//
// What the catalogue will never take (somebody else has the span or the whole
// recording on record, or it is sealed) is kept aside for a person: the error is
// the refusal.
func (e *env) file(ctx context.Context, side sidecar, row lieciba.Segment) error {
	err := e.ensure(ctx, side.Recording)
	if err == nil {
		err = e.cfg.Catalog.PutRun(ctx, side.Run)
	}
	if err == nil {
		err = e.cfg.Catalog.AddSegment(ctx, row)
	}
	switch {
	case err == nil:
		poke(e.uploads)
		return nil
	case lieciba.CodeOf(err) != lieciba.CodeConflict && lieciba.CodeOf(err) != lieciba.CodeNotFound && lieciba.CodeOf(err) != lieciba.CodeInvalid:
		return err
	}
	if aside := e.spool.setAside(e.spool.path(row.CameraID, row.ID)); aside != nil {
		return aside // the refusal comes again with the next try
	}
	return err
}

// ensure makes the recording's row if this process has not seen it in yet.
func (e *env) ensure(ctx context.Context, rec lieciba.Recording) error {
	if _, ok := e.ensured.Load(rec.ID); ok {
		return nil
	}
	stored, err := e.cfg.Catalog.EnsureRecording(ctx, rec)
	if err != nil {
		return err
	}
	if stored.ID != rec.ID {
		return lieciba.Errorf(lieciba.CodeConflict, "the session has another recording of this camera already")
	}
	e.ensured.Store(rec.ID, true)
	return nil
}

// recoverFile closes what a crash or a failing disk left at path, or takes a
// closed file, and files it. to is how far it reaches, zero if it holds
// nothing. Idempotent.
func (e *env) recoverFile(ctx context.Context, path string) (to time.Time, err error) {
	final, torn := strings.CutSuffix(path, segment.PartSuffix)
	if _, err := os.Stat(path); torn && errors.Is(err, os.ErrNotExist) {
		path = final // an earlier try came that far
	}
	whole := 0
	res, err := segment.RecoverOn(e.spool.disk, path, func(t segment.Tail) error {
		whole = t.Whole
		return e.keepTail(ctx, path, t)
	})
	if whole > 0 {
		e.corrupt.Store(res.Recording, true)
	}
	switch {
	case errors.Is(err, segment.ErrEmpty) && !res.Behind && (res.Recording != "" || res.Size == 0):
		e.log.WarnContext(ctx, "a torn segment held nothing whole", "path", path)
		return to, errors.Join(e.spool.disk.Remove(path), e.spool.disk.Remove(sidecarPath(final)))
	case lieciba.CodeOf(err) == lieciba.CodeCorrupt:
		if side, err := e.spool.sidecar(final); err == nil && res.Recording == "" {
			res.Recording = side.Recording.ID
		}
		e.corrupt.Store(res.Recording, true)
		return to, errors.Join(err, e.spool.setAside(path))
	case err != nil:
		return to, err
	}
	if torn {
		e.log.InfoContext(ctx, "recovered a torn segment", "path", final, "from", res.From, "to", res.To, "cut_bytes", res.Cut)
	}
	side, err := e.spool.sidecar(final)
	if err != nil {
		if side, err = e.rebuild(ctx, res); err != nil {
			return to, err
		}
	}
	row := res.Segment()
	row.ClockOffset, row.ClockQuality = side.ClockOffset, side.ClockQuality
	if row.ClockQuality == "" {
		row.ClockQuality = lieciba.ClockUnknown
	}
	return res.To, e.file(ctx, side, row)
}

// keepTail puts what recovery is about to cut off a torn file aside, so that
// nothing that was once on the disk is thrown away. A full disk must not stop
// recovery: then a file with whole fragments behind its damage is put aside as
// a whole (CodeCorrupt), and a torn end, which nobody can decode, is cut.
func (e *env) keepTail(ctx context.Context, path string, t segment.Tail) error {
	if t.Blank {
		return nil
	}
	if t.Whole > 0 {
		e.log.ErrorContext(ctx, "a spool file is damaged in its middle; what stands behind is kept aside", "path", path,
			"offset", t.Offset, "bytes", t.Size, "whole_fragments", t.Whole)
	}
	err := e.spool.keepTail(path, t)
	switch {
	case lieciba.CodeOf(err) != lieciba.CodeFull:
		return err
	case t.Whole > 0:
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "the file is damaged in its middle, and there is no room to keep its end apart")
	}
	e.log.WarnContext(ctx, "there is no room to keep the torn end of a segment", "path", path, "bytes", t.Size)
	return nil
}

// rebuild makes a lost sidecar from the file itself and the catalogue.
func (e *env) rebuild(ctx context.Context, res segment.Result) (sidecar, error) {
	rec, err := e.cfg.Catalog.Recording(ctx, res.Recording)
	if err != nil {
		return sidecar{}, err
	}
	return sidecar{Recording: rec, Run: lieciba.Run{ID: res.Run, CameraID: res.Camera, RecordingID: res.Recording,
		NodeID: res.Node, StartedAt: res.From, Format: res.Format}}, nil
}

// recoverSpool brings everything in the spool on record at start, by the same
// code as the normal path. It repeats until the catalogue has taken all of it.
func (e *env) recoverSpool(ctx context.Context) error {
	list, err := e.spool.files()
	if err != nil {
		return err
	}
	for _, f := range list {
		l := newLedger(e, "")
		if !l.repeat(ctx, ledgerOp{name: "recovered segment", do: func(ctx context.Context) error { return e.recoverOne(ctx, f) }}) {
			return ctx.Err()
		}
	}
	return nil
}

func (e *env) recoverOne(ctx context.Context, f spooled) error {
	if f.part {
		_, err := e.recoverFile(ctx, f.path)
		return err
	}
	id := lieciba.SegmentID(strings.TrimSuffix(filepath.Base(f.path), ".mp4"))
	row, err := e.cfg.Catalog.Segment(ctx, id)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		_, err := e.recoverFile(ctx, f.path)
		return err
	case err != nil:
		return err
	case row.State != lieciba.SegmentHashed: // verified, and the crash came before its removal
		e.spare(row)
	}
	return nil
}

// resumed is where a recording stands in the catalogue.
type resumed struct {
	covered time.Time
	gap     *lieciba.Gap // open
	fresh   bool
}

// resumeRecording reads how far a recording has come and declares what is
// missing up to until: holes become server_down, and so does the rest of a loss
// that was open when the process died, from its last sign of life on.
func (e *env) resumeRecording(ctx context.Context, rec lieciba.Recording, window lieciba.Interval, until time.Time, lastLife time.Time) (resumed, error) {
	cat := e.cfg.Catalog
	segs, err := cat.RecordingSegments(ctx, rec.ID, lieciba.Interval{})
	if err != nil {
		return resumed{}, err
	}
	gaps, err := cat.RecordingGaps(ctx, rec.ID)
	if err != nil {
		return resumed{}, err
	}
	if len(segs)+len(gaps) == 0 && rec.State != lieciba.RecordingRecording {
		return resumed{covered: window.From, fresh: true}, nil
	}
	out := resumed{covered: window.From}
	for i := range gaps {
		if gaps[i].Open() {
			if err := e.resumeGap(ctx, &gaps[i], segs, until, lastLife, &out); err != nil {
				return resumed{}, err
			}
		}
	}
	holes := lieciba.Cover(lieciba.Interval{From: window.From, To: until}, spans(segs), gapSpans(gaps, until)).Holes
	out.covered = until
	for _, i := range append(spans(segs), gapSpans(gaps, until)...) { // the clock was set back since
		out.covered = latest(out.covered, i.To)
	}
	if out.gap != nil {
		out.covered = out.gap.From
	}
	lost, err := e.lost(ctx, rec, holes, "no recording process was alive")
	if err != nil {
		return resumed{}, err
	}
	for _, g := range lost {
		if g.To.Equal(until) && out.gap == nil && until.Before(window.To) {
			g.To, out.covered, out.gap = time.Time{}, g.From, &g // goes on until a key frame comes
		}
		if err := cat.PutGap(ctx, g); err != nil {
			return resumed{}, err
		}
	}
	return out, nil
}

// resumeGap handles a loss that was open when the process died.
func (e *env) resumeGap(ctx context.Context, g *lieciba.Gap, segs []lieciba.Segment, until, lastLife time.Time, out *resumed) error {
	for _, s := range segs { // it had ended: frames came after it
		if !s.From.Before(g.From) && (g.To.IsZero() || s.From.Before(g.To)) {
			g.To = s.From
		}
	}
	if g.To.IsZero() && (g.Cause == lieciba.CauseServerDown || g.Cause == lieciba.CauseServerStart) {
		keep := *g
		out.gap = &keep
		return nil
	}
	if g.To.IsZero() {
		g.To = latest(g.From, lieciba.Micro(lastLife))
		if g.To.After(until) {
			g.To = latest(g.From, until)
		}
	}
	return e.cfg.Catalog.CloseGap(ctx, g.ID, g.To)
}

// lost makes the gaps of spans of a recording that nobody recorded. Up to the
// instant at which its session was told to this server nobody could; while the
// session was in another room nobody should.
func (e *env) lost(ctx context.Context, rec lieciba.Recording, holes []lieciba.Interval, detail string) ([]lieciba.Gap, error) {
	if len(holes) == 0 {
		return nil, nil
	}
	session, err := e.cfg.Catalog.Session(ctx, rec.SessionID)
	if err != nil {
		return nil, err
	}
	list, err := e.cfg.Catalog.SessionRecordings(ctx, rec.SessionID)
	if err != nil {
		return nil, err
	}
	elsewhere := schedule.Elsewhere(list, rec.RoomID)
	told := session.CreatedAt
	late := fmt.Sprintf("the session was told at %s, this process runs since %s", told.Format(time.RFC3339), e.began.Format(time.RFC3339))
	var out []lieciba.Gap
	declare := func(spans []lieciba.Interval, cause lieciba.GapCause, detail string) {
		for _, i := range spans {
			out = append(out, e.newGap(rec, i, cause, detail))
		}
	}
	for _, h := range holes {
		before := lieciba.Interval{From: h.From, To: earliest(h.To, told)}
		if !before.Empty() {
			declare([]lieciba.Interval{before}, lieciba.CauseToldLate, late)
			h.From = before.To
		}
		here := lieciba.Cover(h, elsewhere, nil).Holes
		declare(lieciba.Cover(h, here, nil).Holes, lieciba.CauseNotAssigned, "the session was in another room")
		declare(here, e.holeCause(rec.ID), detail)
	}
	slices.SortFunc(out, func(a, b lieciba.Gap) int { return a.From.Compare(b.From) })
	return out, nil
}

func (e *env) holeCause(rec lieciba.RecordingID) lieciba.GapCause {
	if _, bad := e.corrupt.Load(rec); bad {
		return lieciba.CauseSpoolCorrupt
	}
	return lieciba.CauseServerDown
}

func (e *env) newGap(rec lieciba.Recording, i lieciba.Interval, cause lieciba.GapCause, detail string) lieciba.Gap {
	return lieciba.Gap{ID: lieciba.NewID[lieciba.GapID](i.From), RecordingID: rec.ID, CameraID: rec.CameraID, NodeID: e.cfg.Node,
		From: i.From, To: i.To, Cause: cause, Detail: detail}
}

func spans(segs []lieciba.Segment) []lieciba.Interval {
	out := make([]lieciba.Interval, len(segs))
	for i, s := range segs {
		out[i] = s.Span()
	}
	return out
}

func gapSpans(gaps []lieciba.Gap, until time.Time) []lieciba.Interval {
	gaps = slices.Clone(gaps)
	out := make([]lieciba.Interval, len(gaps))
	for i, g := range gaps {
		out[i] = g.Span(until)
	}
	return out
}

// settle makes a recording whose window is over exact and moves it to
// finalising: open gaps end with the window, holes that should not be there are
// declared. One that may be taken up again stays as it is until its session is
// over. Idempotent.
func (e *env) settle(ctx context.Context, id lieciba.RecordingID) error {
	cat := e.cfg.Catalog
	rec, err := cat.Recording(ctx, id)
	if err != nil {
		return err
	}
	if rec.State != lieciba.RecordingScheduled && rec.State != lieciba.RecordingRecording {
		return nil
	}
	segs, err := cat.RecordingSegments(ctx, id, lieciba.Interval{})
	if err != nil {
		return err
	}
	gaps, err := cat.RecordingGaps(ctx, id)
	if err != nil {
		return err
	}
	for i := range gaps {
		if gaps[i].Open() {
			gaps[i].To = latest(gaps[i].From, rec.Window.To)
			if err := cat.CloseGap(ctx, gaps[i].ID, gaps[i].To); err != nil {
				return err
			}
		}
	}
	cover := lieciba.Cover(rec.Window, spans(segs), gapSpans(gaps, rec.Window.To))
	lost, err := e.lost(ctx, rec, cover.Holes, "found when the recording was closed")
	if err != nil {
		return err
	}
	for _, g := range lost {
		e.log.WarnContext(ctx, "declaring a hole", "recording", id, "from", g.From, "to", g.To, "cause", g.Cause)
		if err := cat.PutGap(ctx, g); err != nil {
			return err
		}
	}
	session, err := cat.Session(ctx, rec.SessionID)
	if err != nil || schedule.MayGoOn(session, rec, e.cfg.Margins) {
		return err
	}
	return cat.MoveRecording(ctx, id, lieciba.RecordingFinalising, e.cfg.Node)
}
