package retention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// errNothing rolls an act back that turned out to change nothing: it leaves no
// audit entry.
var errNothing = errors.New("nothing changed")

// act runs do in one transaction with an audit entry by the server. do fills in
// the entry's object, session, camera, range and detail.
func (r *Reaper) act(ctx context.Context, act lieciba.Act, do func(ctx context.Context, e *lieciba.AuditEntry) error) error {
	now := r.cfg.Clock()
	fresh := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: lieciba.Micro(now), Who: "system", WhoID: "system", Act: string(act), Outcome: "ok"}
	e := fresh
	err := r.cfg.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		e = fresh // do may run again
		return do(ctx, &e)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

func about(e *lieciba.AuditEntry, rec lieciba.Recording, format string, args ...any) {
	e.Object, e.SessionID, e.CameraID = "recording:"+string(rec.ID), rec.SessionID, rec.CameraID
	e.From, e.To, e.Detail = rec.Window.From, rec.Window.To, fmt.Sprintf(format, args...)
}

// delete carries a deletion as far as it may go now. Each step may be repeated
// after a crash: the tombstone stays the first one, claimed segments are claimed
// again, a missing object is no error, and one certificate is written.
func (p *pass) delete(ctx context.Context, f lieciba.RetentionFacts, d Decision) error {
	rec := f.Recording
	if !d.Started {
		free, err := p.unlocked(ctx, rec)
		if err != nil || !free {
			return err
		}
		deletion, err := p.begin(ctx, rec.ID)
		if err != nil || deletion == nil { // nil: something came in between
			return err
		}
		f.Deletion = deletion
	}
	for {
		more, err := p.batch(ctx, rec, f.Deletion.ID)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return p.finish(ctx, rec)
}

// unlocked reports whether every object's retention is over. What is locked is
// not even claimed, so that a hold can still come for it: an alarm says until when.
func (p *pass) unlocked(ctx context.Context, rec lieciba.Recording) (bool, error) {
	if !p.cfg.Media.WriteOnce() {
		return true, nil
	}
	segments, err := p.cfg.Catalog.RecordingSegments(ctx, rec.ID, lieciba.Interval{})
	if err != nil {
		return false, err
	}
	var until time.Time
	for _, s := range segments {
		if s.State != lieciba.SegmentVerified {
			continue
		}
		t, _, err := p.cfg.Media.Lock(ctx, s.Media)
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return false, err
		}
		if t.After(until) {
			until = t
		}
	}
	if until.After(p.cfg.Clock()) {
		p.alarm(rec, Alarm{AlarmLocked, fmt.Sprintf("recording %s is due, but the media store locks it until %s: it is deleted then", rec.ID, rigaDate(until))})
		return false, nil
	}
	return true, nil
}

// begin writes the tombstone if the recording is due at this moment: the facts
// are read again, and nobody changes them meanwhile.
func (r *Reaper) begin(ctx context.Context, id lieciba.RecordingID) (out *lieciba.Deletion, err error) {
	err = r.act(ctx, lieciba.ActDeleteRecording, func(ctx context.Context, e *lieciba.AuditEntry) error {
		fresh := false
		out, err = r.cfg.Catalog.BeginDeletion(ctx, id, func(f lieciba.RetentionFacts) (*lieciba.Deletion, error) {
			now := r.cfg.Clock()
			d := Decide(f, now)
			if !d.Due || d.Started {
				return nil, nil
			}
			fresh = true
			about(e, f.Recording, "The footage is due and its deletion begins. %s", d.Reason)
			return &lieciba.Deletion{ID: lieciba.NewID[lieciba.DeletionID](now), RecordingID: f.Recording.ID, SessionID: f.Recording.SessionID,
				PolicyID: d.Policy.ID, Reason: d.Reason, DueAt: d.DueAt, DecidedAt: lieciba.Micro(now), State: lieciba.DeletionOpen}, nil
		})
		if err == nil && !fresh {
			return errNothing
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// batch claims some segments and destroys their objects. more is false when
// nothing is claimed any more: the rest is gone, or something holds it.
func (p *pass) batch(ctx context.Context, rec lieciba.Recording, id lieciba.DeletionID) (more bool, err error) {
	// The catalogue refuses a claim under a hold by itself. What it does not know
	// is an appeal whose hold nobody placed: so the rules are asked again.
	f, err := p.cfg.Catalog.RetentionFacts(ctx, rec.ID)
	if err != nil {
		return false, err
	}
	n := p.cfg.Batch
	if d := Decide(f, p.cfg.Clock()); !d.Due {
		n = 0 // what was claimed before goes, whatever comes
	}
	claimed, err := p.cfg.Catalog.ClaimSegments(ctx, id, n)
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	gone, refused, failed := p.destroyAll(ctx, rec, claimed)
	if err := p.recordGone(ctx, rec, id, gone); err != nil {
		return false, errors.Join(failed, err)
	}
	for _, s := range gone {
		p.report.Segments++
		p.report.Bytes += s.Size
	}
	return failed == nil && !refused, failed
}

// destroyAll destroys the objects of claimed segments. refused: the store keeps
// some, which is an alarm and no failure. It ends at the first failure.
func (p *pass) destroyAll(ctx context.Context, rec lieciba.Recording, claimed []lieciba.Segment) (gone []lieciba.Segment, refused bool, err error) {
	for _, s := range claimed {
		err := p.destroy(ctx, s)
		switch {
		case err == nil:
			gone = append(gone, s)
		case lieciba.CodeOf(err) == lieciba.CodeForbidden:
			refused = true
			p.alarm(rec, Alarm{AlarmLocked, fmt.Sprintf("the media store refuses to destroy segment %s, which is due: it is tried again; %s", s.ID, plain(err))})
		default:
			return gone, refused, err
		}
	}
	return gone, refused, nil
}

// destroy removes every version of a claimed segment's object. A legal hold that
// was left behind is lifted, but only while no hold on the session is active.
func (p *pass) destroy(ctx context.Context, s lieciba.Segment) error {
	key := s.Media.Key
	if key == "" {
		key = storage.SegmentKey(s.RecordingID, s.ID)
	}
	err := p.cfg.Media.RemoveAll(ctx, key)
	if lieciba.CodeOf(err) != lieciba.CodeForbidden || !p.cfg.Media.WriteOnce() {
		return err
	}
	_, held, lockErr := p.cfg.Media.Lock(ctx, s.Media)
	if lockErr != nil || !held {
		return err
	}
	f, factsErr := p.cfg.Catalog.RetentionFacts(ctx, s.RecordingID)
	if factsErr != nil {
		return factsErr
	}
	if Decide(f, p.cfg.Clock()).Hold {
		return err
	}
	if err := p.cfg.Media.SetHold(ctx, s.Media, false); err != nil {
		return err
	}
	return p.cfg.Media.RemoveAll(ctx, key)
}

// recordGone records that the objects are gone, with one audit entry for those
// that no other reaper has recorded before.
func (r *Reaper) recordGone(ctx context.Context, rec lieciba.Recording, id lieciba.DeletionID, gone []lieciba.Segment) error {
	if len(gone) == 0 {
		return nil
	}
	ids := make([]lieciba.SegmentID, len(gone))
	mine := map[lieciba.SegmentID]bool{}
	for i, s := range gone {
		ids[i], mine[s.ID] = s.ID, true
	}
	return r.act(ctx, lieciba.ActDeleteRecording, func(ctx context.Context, e *lieciba.AuditEntry) error {
		// Claiming none reads what is still to be recorded, and keeps every other
		// reaper out until this act is over.
		claimed, err := r.cfg.Catalog.ClaimSegments(ctx, id, 0)
		if err != nil {
			return err
		}
		fresh, size := 0, int64(0)
		for _, s := range claimed {
			if mine[s.ID] {
				fresh++
				size += s.Size
			}
		}
		if fresh == 0 {
			return errNothing
		}
		about(e, rec, "%d segments with %d bytes are destroyed.", fresh, size)
		return r.cfg.Catalog.SegmentsDeleted(ctx, id, ids)
	})
}

// finish writes the certificate if nothing of the recording is left.
func (p *pass) finish(ctx context.Context, rec lieciba.Recording) error {
	f, err := p.cfg.Catalog.RetentionFacts(ctx, rec.ID)
	if err != nil || f.Deletion == nil || f.Deletion.State == lieciba.DeletionDone {
		return err
	}
	segments, err := p.cfg.Catalog.RecordingSegments(ctx, rec.ID, lieciba.Interval{})
	if err != nil {
		return err
	}
	for _, s := range segments {
		if s.State != lieciba.SegmentDeleted {
			return nil // held or locked: a later pass goes on
		}
	}
	now := lieciba.Micro(p.cfg.Clock())
	statement := certificateOf(f, segments, p.cfg.Node, now)
	if f.Deletion.PolicyID == "" {
		r, err := storage.RequestOfDeletion(ctx, p.cfg.Catalog, *f.Deletion)
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeNotFound {
			return err
		}
		statement.RequestID = r.ID
	}
	certificate := evidence.Encode(statement)
	done := false
	err = p.act(ctx, lieciba.ActDeleteRecording, func(ctx context.Context, e *lieciba.AuditEntry) error {
		done = false
		before, err := p.cfg.Catalog.Deletion(ctx, f.Deletion.ID)
		if err != nil {
			return err
		}
		if before.State == lieciba.DeletionDone {
			return errNothing
		}
		after, err := p.cfg.Catalog.FinishDeletion(ctx, f.Deletion.ID, now, certificate)
		if err != nil {
			return err
		}
		if !bytes.Equal(after.Certificate, certificate) { // another reaper was first
			return errNothing
		}
		done = true
		about(e, rec, "All %d segments are destroyed and the certificate of deletion %s is written.", len(segments), f.Deletion.ID)
		return nil
	})
	if err == nil && done {
		p.report.Deleted++
	}
	return err
}

// certificateOf states what is gone and under which rule.
func certificateOf(f lieciba.RetentionFacts, segments []lieciba.Segment, node lieciba.NodeID, at time.Time) evidence.Certificate {
	d := f.Deletion
	c := evidence.Certificate{Format: evidence.CertificateFormat, ID: d.ID, RecordingID: d.RecordingID, CameraID: f.Recording.CameraID,
		Session:  evidence.SessionIdentity{ID: f.Session.ID, Source: f.Session.Source, ExternalID: f.Session.ExternalID},
		PolicyID: d.PolicyID, Reason: d.Reason, DueAt: evidence.At(d.DueAt), DecidedAt: evidence.At(d.DecidedAt), DoneAt: evidence.At(at),
		By: "system", NodeID: node, Objects: []evidence.DeletedObject{}}
	for _, p := range f.Policies {
		if p.ID == d.PolicyID {
			c.Policy, c.LegalBasis = fmt.Sprintf("%s version %d", p.Name, p.Version), p.LegalBasis
		}
	}
	if f.Seal != nil {
		c.Seal = evidence.Hash(f.Seal.SHA256)
	}
	for _, s := range segments {
		c.Objects = append(c.Objects, evidence.DeletedObject{SegmentID: s.ID, Key: s.Media.Key, Version: s.Media.Version,
			From: evidence.At(s.From), To: evidence.At(s.To), Size: s.Size, SHA256: s.SHA256})
	}
	return c
}
