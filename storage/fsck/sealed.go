package fsck

import (
	"context"
	"crypto/sha256"
	"slices"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// sealedRecording checks what was sealed against the rows as they are now
// (invariant 4). The bytes are compared with the rows where they are read.
func (c *checker) sealedRecording(ctx context.Context, r lieciba.Recording) error {
	b := &broken{object: "recording " + string(r.ID)}
	s, err := c.catalog.Seal(ctx, r.ID)
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound:
		if storage.Sealed(r.State) && (r.State == lieciba.RecordingSealed || !c.unsealedDeletion(ctx, r)) {
			b.add(RuleSealed, "is %s, and its seal is gone", r.State)
		}
		c.found(b)
		return nil
	case err != nil:
		return err
	}
	if r, err = c.catalog.Recording(ctx, r.ID); err != nil { // as it is since then
		return err
	}
	if err := c.logged(ctx, lieciba.LeafSeal, []string{string(r.ID)}, func(int) []byte { return evidence.Encode(evidence.DetailOfSeal(s)) }); err != nil {
		return err
	}
	if !storage.Sealed(r.State) {
		b.add(RuleSealed, "was sealed, and is %s now", r.State)
	}
	var m evidence.RecordingManifest
	switch {
	case sha256.Sum256(s.Manifest) != s.SHA256:
		b.add(RuleSealed, "its sealed manifest was changed: it does not have its SHA-256")
	case evidence.Decode(s.Manifest, &m) != nil:
		b.add(RuleSealed, "its sealed manifest cannot be read")
	default:
		if err := c.manifest(ctx, b, r, m); err != nil {
			return err
		}
	}
	c.found(b)
	return nil
}

// unsealedDeletion reports whether a recording without a seal has a deletion
// that says so; what the deletion itself lacks is another check's.
func (c *checker) unsealedDeletion(ctx context.Context, r lieciba.Recording) bool {
	f, err := c.catalog.RetentionFacts(ctx, r.ID)
	return err == nil && f.Deletion != nil
}

// manifest compares a sealed manifest with the rows.
func (c *checker) manifest(ctx context.Context, b *broken, r lieciba.Recording, m evidence.RecordingManifest) error {
	segments, err := c.catalog.RecordingSegments(ctx, r.ID, lieciba.Interval{})
	if err != nil {
		return err
	}
	gaps, err := c.catalog.RecordingGaps(ctx, r.ID)
	if err != nil {
		return err
	}
	session, err := c.catalog.Session(ctx, r.SessionID)
	if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
		return err
	}
	switch {
	case m.ID != r.ID || m.Camera.ID != r.CameraID || m.RoomID != r.RoomID || m.Session.ID != r.SessionID:
		b.add(RuleSealed, "was sealed as recording %s of session %s, camera %s, room %s", m.ID, m.Session.ID, m.Camera.ID, m.RoomID)
	case m.Session.Source != session.Source || m.Session.ExternalID != session.ExternalID:
		b.add(RuleSealed, "was sealed for session %s of %s, its session is %s of %s", m.Session.ExternalID, m.Session.Source, session.ExternalID, session.Source)
	case !m.From.Equal(r.Window.From) || !m.To.Equal(r.Window.To):
		b.add(RuleSealed, "its window is %s, sealed was %s", spell(r.Window), spell(lieciba.Interval{From: m.From.Time, To: m.To.Time}))
	}
	compareSealed(b, "segment", m.Segments, segments, evidence.DetailOfSegment,
		func(d evidence.SegmentDetail) string { return string(d.ID) })
	compareSealed(b, "gap", m.Gaps, gaps, evidence.DetailOfGap, func(d evidence.GapDetail) string { return string(d.ID) })
	return nil
}

// compareSealed names each row that is not as it was sealed, is gone or is new.
func compareSealed[R, D any](b *broken, what string, sealed []D, rows []R, detail func(R) D, id func(D) string) {
	was := map[string]D{}
	for _, d := range sealed {
		was[id(d)] = d
	}
	for _, row := range rows {
		is := detail(row)
		d, ok := was[id(is)]
		delete(was, id(is))
		if !ok {
			b.add(RuleSealed, "%s %s was added after it was sealed", what, id(is))
		} else if x, y := evidence.Encode(d), evidence.Encode(is); !slices.Equal(x, y) {
			b.add(RuleSealed, "%s %s is not as it was sealed: %s", what, id(is), differing(x, y))
		}
	}
	for _, d := range sealed {
		if _, left := was[id(d)]; left {
			b.add(RuleSealed, "%s %s was sealed, and its row is gone", what, id(d))
		}
	}
}
