package fsck

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// checkDeletions proves invariant 6: nothing is gone without a decision that the
// rule allowed, and what was certified as gone is.
func (c *checker) checkDeletions(ctx context.Context) error {
	done := 0
	return c.scanRecordings(ctx, func(r lieciba.Recording) error {
		done++
		c.progress("deletions", done)
		id := r.ID
		return c.first(ctx, func(ctx context.Context) ([]Violation, error) { return c.deletion(ctx, id) })
	})
}

func (c *checker) deletion(ctx context.Context, id lieciba.RecordingID) ([]Violation, error) {
	f, err := c.catalog.RetentionFacts(ctx, id)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound { // the session is gone: that was reported
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	segments, err := c.catalog.RecordingSegments(ctx, id, lieciba.Interval{})
	if err != nil {
		return nil, err
	}
	var going []lieciba.Segment
	for _, s := range segments {
		if s.State == lieciba.SegmentDeleting || s.State == lieciba.SegmentDeleted {
			going = append(going, s)
		}
	}
	b := &broken{object: "recording " + string(id)}
	if f.Deletion == nil {
		for _, s := range going {
			b.add(RuleDeletion, "segment %s is %s, and no deletion of the recording was decided", s.ID, s.State)
		}
		if f.Recording.State == lieciba.RecordingExpired || f.Recording.State == lieciba.RecordingDeleted {
			b.add(RuleDeletion, "is %s, and no deletion of it was decided", f.Recording.State)
		}
		return b.list, nil
	}
	c.count(func(n *Checked) { n.Deletions++ })
	b.object = "deletion " + string(f.Deletion.ID)
	if err := c.decided(ctx, b, f); err != nil {
		return nil, err
	}
	c.state(b, f, segments)
	if err := c.objectsGone(ctx, b, going); err != nil {
		return nil, err
	}
	if f.Deletion.State == lieciba.DeletionDone {
		c.certificate(b, f, segments)
	}
	return b.list, nil
}

// decided checks what was known when the deletion was decided.
func (c *checker) decided(ctx context.Context, b *broken, f lieciba.RetentionFacts) error {
	d := f.Deletion
	if d.DueAt.IsZero() || d.DueAt.After(d.DecidedAt) {
		b.add(RuleDeletion, "was decided at %s, before it was due at %s", stamp(d.DecidedAt), stamp(d.DueAt))
	}
	for _, h := range f.Holds {
		if h.PlacedAt.Before(d.DecidedAt) && (h.Active() || h.ReleasedAt.After(d.DecidedAt)) {
			b.add(RuleDeletion, "was decided at %s, while hold %s (%s) forbade it", stamp(d.DecidedAt), h.ID, h.Kind)
		}
	}
	for _, g := range f.Grants {
		if g.RevokedAt.After(d.DecidedAt) {
			g.RevokedAt = time.Time{}
		}
		if g.InForce(d.DecidedAt) && g.Opens(f.Recording.CameraID, lieciba.Interval{}) {
			b.add(RuleDeletion, "was decided at %s, while grant %s of %s was in force", stamp(d.DecidedAt), g.ID, g.Holder)
		}
	}
	if d.PolicyID == "" {
		return c.earlyDecided(ctx, b, *d)
	}
	if c.opt.DueAt == nil {
		return nil
	}
	due := c.opt.DueAt(asOf(f), d.DecidedAt)
	if due.IsZero() || due.After(d.DecidedAt) {
		b.add(RuleDeletion, "was decided at %s; by the policies and events of then it was due %s", stamp(d.DecidedAt), stamp(due))
	}
	return nil
}

// earlyDecided checks a deletion that no policy allowed: two people must have.
func (c *checker) earlyDecided(ctx context.Context, b *broken, d lieciba.Deletion) error {
	r, err := storage.RequestOfDeletion(ctx, c.catalog, d)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		b.add(RuleDeletion, "was decided by no policy, and no approved request asks for it")
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case r.DecidedByID == "" || r.DecidedByID == r.AskedByID:
		b.add(RuleDeletion, "was asked for by %s on request %s, and no other person approved it", r.AskedBy, r.ID)
	case r.Digest != r.DigestOf():
		b.add(RuleDeletion, "came of request %s, whose content is not what was approved", r.ID)
	case !d.DueAt.Equal(r.DecidedAt):
		b.add(RuleDeletion, "was due at %s, and its request %s was approved at %s", stamp(d.DueAt), r.ID, stamp(r.DecidedAt))
	}
	return nil
}

// asOf cuts the facts to what was known when the deletion was decided.
func asOf(f lieciba.RetentionFacts) lieciba.RetentionFacts {
	at := f.Deletion.DecidedAt
	out := f
	out.Deletion, out.Exports, out.Grants, out.Requests, out.Events, out.Holds, out.Policies = nil, nil, nil, nil, nil, nil, nil
	out.Recording.State = lieciba.RecordingSealed
	for _, e := range f.Events {
		if !e.ReceivedAt.After(at) {
			out.Events = append(out.Events, e)
		}
	}
	for _, h := range f.Holds {
		if h.PlacedAt.After(at) {
			continue
		}
		if h.ReleasedAt.After(at) {
			h.ReleasedBy, h.ReleasedAt = "", time.Time{}
		}
		out.Holds = append(out.Holds, h)
	}
	for _, p := range f.Policies {
		if p.State != lieciba.PolicyDraft && !p.ApprovedAt.After(at) {
			out.Policies = append(out.Policies, p)
		}
	}
	return out
}

// state checks that recording, deletion and segments agree.
func (c *checker) state(b *broken, f lieciba.RetentionFacts, segments []lieciba.Segment) {
	want := lieciba.RecordingExpired
	if f.Deletion.State == lieciba.DeletionDone {
		want = lieciba.RecordingDeleted
	}
	if f.Recording.State != want {
		b.add(RuleDeletion, "is %s, and its recording is %s", f.Deletion.State, f.Recording.State)
	}
	if want != lieciba.RecordingDeleted {
		return
	}
	for _, s := range segments {
		if s.State != lieciba.SegmentDeleted {
			b.add(RuleDeletion, "is done, and segment %s is %s", s.ID, s.State)
		}
	}
}

// objectsGone looks whether what is deleted is really gone.
func (c *checker) objectsGone(ctx context.Context, b *broken, going []lieciba.Segment) error {
	for _, s := range going {
		if s.State != lieciba.SegmentDeleted {
			continue
		}
		_, err := c.media.Stat(ctx, s.Media)
		switch lieciba.CodeOf(err) {
		case "":
			b.add(RuleDeletion, "segment %s is deleted, and version %q of %q is still there", s.ID, s.Media.Version, s.Media.Key)
		case lieciba.CodeNotFound, lieciba.CodeInvalid:
		default:
			return err
		}
	}
	return nil
}

// certificate checks that it certifies what is gone, no more and no less.
func (c *checker) certificate(b *broken, f lieciba.RetentionFacts, segments []lieciba.Segment) {
	d := f.Deletion
	var cert evidence.Certificate
	if err := evidence.Decode(d.Certificate, &cert); err != nil {
		b.add(RuleDeletion, "its certificate cannot be read: %v", err)
		return
	}
	same := cert.ID == d.ID && cert.RecordingID == d.RecordingID && cert.Session.ID == d.SessionID && cert.PolicyID == d.PolicyID &&
		cert.CameraID == f.Recording.CameraID && cert.DueAt.Equal(d.DueAt) && cert.DecidedAt.Equal(d.DecidedAt) && cert.DoneAt.Equal(d.DoneAt)
	if !same {
		b.add(RuleDeletion, "its certificate is not of it: it names deletion %s of recording %s, due %s, decided %s, done %s", cert.ID, cert.RecordingID,
			stamp(cert.DueAt.Time), stamp(cert.DecidedAt.Time), stamp(cert.DoneAt.Time))
	}
	if f.Seal != nil && cert.Seal != evidence.Hash(f.Seal.SHA256) {
		b.add(RuleDeletion, "its certificate names another sealed manifest")
	}
	listed := map[lieciba.SegmentID]evidence.DeletedObject{}
	for _, o := range cert.Objects {
		listed[o.SegmentID] = o
	}
	for _, s := range segments {
		o, ok := listed[s.ID]
		delete(listed, s.ID)
		is := evidence.DeletedObject{SegmentID: s.ID, Key: s.Media.Key, Version: s.Media.Version, From: evidence.At(s.From), To: evidence.At(s.To),
			Size: s.Size, SHA256: evidence.Hash(s.SHA256)}
		if !ok {
			b.add(RuleDeletion, "its certificate does not name segment %s", s.ID)
		} else if x, y := evidence.Encode(o), evidence.Encode(is); string(x) != string(y) {
			b.add(RuleDeletion, "its certificate says otherwise of segment %s: %s", s.ID, differing(x, y))
		}
	}
	for id := range listed {
		b.add(RuleDeletion, "its certificate names segment %s, which is none of the recording", id)
	}
}

func (c *checker) deletionsLogged(ctx context.Context) error {
	var before lieciba.DeletionID
	for {
		list, err := c.catalog.ListDeletions(ctx, 1000, before)
		if err != nil {
			return err
		}
		var done []lieciba.Deletion
		for _, d := range list {
			if d.State == lieciba.DeletionDone {
				done = append(done, d)
			}
		}
		if err := loggedAll(ctx, c, lieciba.LeafDeletion, done, func(d lieciba.Deletion) string { return string(d.ID) },
			func(d lieciba.Deletion) []byte { return d.Certificate }); err != nil {
			return err
		}
		if len(list) < 1000 {
			return nil
		}
		before = list[len(list)-1].ID
	}
}

// stamp writes an instant for people.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
