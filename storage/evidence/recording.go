package evidence

import (
	"cmp"
	"slices"
	"time"

	"lieciba"
)

// BuildRecording makes the manifest that a seal closes. It is pure; neither list
// need be sorted, neither is changed.
//
// It names no other recording of the session: that is for Among.
//
// CodeConflict says why the recording cannot be sealed: a segment that is not
// verified, an open gap, an instant that nothing or that two accounts for
// (invariant 1). CodeCorrupt: the rows are not all of this recording.
func BuildRecording(rec lieciba.Recording, session lieciba.ExamSession, camera lieciba.Camera, segments []lieciba.Segment, gaps []lieciba.Gap) (RecordingManifest, error) {
	if rec.SessionID != session.ID || rec.CameraID != camera.ID {
		return RecordingManifest{}, lieciba.Errorf(lieciba.CodeCorrupt, "recording %s is of another session or camera", rec.ID)
	}
	m := RecordingManifest{Format: RecordingFormat, ID: rec.ID,
		Session: SessionIdentity{session.ID, session.Source, session.ExternalID},
		Camera:  CameraIdentity{camera.ID, camera.Name, camera.Maker, camera.Model, camera.Serial, camera.Firmware},
		RoomID:  rec.RoomID, From: At(rec.Window.From), To: At(rec.Window.To),
		Segments: make([]SegmentDetail, 0, len(segments)), Gaps: make([]GapDetail, 0, len(gaps)),
		SessionRecordings: []RecordingRef{{rec.ID, rec.CameraID}}}
	var have, lost []lieciba.Interval
	for _, s := range segments {
		if s.RecordingID != rec.ID || s.CameraID != rec.CameraID {
			return RecordingManifest{}, lieciba.Errorf(lieciba.CodeCorrupt, "segment %s is of another recording or camera", s.ID)
		}
		if s.State != lieciba.SegmentVerified {
			return RecordingManifest{}, notSealable("segment %s is %s: all must be stored and verified", s.ID, s.State)
		}
		m.Segments = append(m.Segments, DetailOfSegment(s))
		have = append(have, microInterval(s.Span()))
	}
	for _, g := range gaps {
		if g.RecordingID != rec.ID || g.CameraID != rec.CameraID {
			return RecordingManifest{}, lieciba.Errorf(lieciba.CodeCorrupt, "gap %s is of another recording or camera", g.ID)
		}
		if g.Open() {
			return RecordingManifest{}, notSealable("gap %s is open", g.ID)
		}
		m.Gaps = append(m.Gaps, DetailOfGap(g))
		lost = append(lost, microInterval(g.Span(g.To)))
	}
	slices.SortFunc(m.Segments, func(a, b SegmentDetail) int { return cmp.Or(a.From.Compare(b.From.Time), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(m.Gaps, func(a, b GapDetail) int { return cmp.Or(a.From.Compare(b.From.Time), cmp.Compare(a.ID, b.ID)) })
	cover := lieciba.Cover(microInterval(rec.Window), have, lost)
	if len(cover.Holes) > 0 {
		return RecordingManifest{}, notSealable("nothing accounts for %s", spell(cover.Holes[0]))
	}
	if len(cover.Overlaps) > 0 {
		return RecordingManifest{}, notSealable("%s is accounted for twice", spell(cover.Overlaps[0]))
	}
	m.RecordedU, m.MissingU = cover.Recorded.Microseconds(), cover.Missing.Microseconds()
	return m, nil
}

// Among notes all recordings of the session, in any order. CodeCorrupt: this
// one is not among them, or one is of another session.
func (m *RecordingManifest) Among(all []lieciba.Recording) error {
	list := make([]RecordingRef, 0, len(all))
	for _, r := range all {
		if r.SessionID != m.Session.ID {
			return lieciba.Errorf(lieciba.CodeCorrupt, "recording %s is of another session", r.ID)
		}
		list = append(list, RecordingRef{r.ID, r.CameraID})
	}
	slices.SortFunc(list, func(a, b RecordingRef) int { return cmp.Compare(a.ID, b.ID) })
	if !slices.Contains(list, RecordingRef{m.ID, m.Camera.ID}) {
		return lieciba.Errorf(lieciba.CodeCorrupt, "recording %s is not among its session's", m.ID)
	}
	m.SessionRecordings = list
	return nil
}

func notSealable(format string, args ...any) error {
	return lieciba.Errorf(lieciba.CodeConflict, format, args...)
}

func microInterval(i lieciba.Interval) lieciba.Interval {
	return lieciba.Interval{From: lieciba.Micro(i.From), To: lieciba.Micro(i.To)}
}

// spell writes an interval for people.
func spell(i lieciba.Interval) string {
	return i.From.UTC().Format(timeLayout) + " to " + i.To.UTC().Format(timeLayout) + " (" + i.Duration().Round(time.Microsecond).String() + ")"
}
