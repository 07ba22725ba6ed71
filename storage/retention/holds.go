package retention

import (
	"context"
	"fmt"
	"time"

	"lieciba"
)

// releaseHolds releases the holds whose date has come. One whose appeal was
// opened again stays.
func (p *pass) releaseHolds(ctx context.Context) {
	holds, err := p.cfg.Catalog.ActiveHolds(ctx)
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	for _, h := range holds {
		if !overdue(h, p.cfg.Clock()) {
			continue
		}
		if err := lieciba.Guard("the release of hold "+string(h.ID), func() error { return p.release(ctx, h) }); err != nil {
			p.errs = append(p.errs, err)
		}
		if len(p.errs) >= maxErrors {
			return
		}
	}
}

func overdue(h lieciba.Hold, now time.Time) bool {
	return h.Active() && !h.ReleaseDue.IsZero() && !now.Before(h.ReleaseDue)
}

func (p *pass) release(ctx context.Context, h lieciba.Hold) error {
	released := false
	err := p.act(ctx, lieciba.ActReleaseHold, func(ctx context.Context, e *lieciba.AuditEntry) error {
		released = false
		events, err := p.cfg.Catalog.SessionEvents(ctx, h.SessionID)
		if err != nil {
			return err
		}
		for _, a := range appealsOf(events) {
			if a.open && isOf(h, a) {
				return errNothing
			}
		}
		_, err = p.cfg.Catalog.ChangeHold(ctx, h.ID, func(stored lieciba.Hold) (*lieciba.Hold, error) {
			now := p.cfg.Clock()
			if !overdue(stored, now) { // another reaper was first, or its date was put off
				return nil, nil
			}
			stored.ReleasedBy, stored.ReleasedAt = "system", lieciba.Micro(now)
			released = true
			return &stored, nil
		})
		if err == nil && !released {
			return errNothing
		}
		e.Object, e.SessionID = "hold:"+string(h.ID), h.SessionID
		e.Detail = fmt.Sprintf("The hold (%s) ends by itself: its date was %s.", h.Kind, rigaDate(h.ReleaseDue))
		return err
	})
	if err == nil && released {
		p.report.Released++
	}
	return err
}

// carried is what the objects of a recording were last made to say. It is only a
// memory of work done: after a restart everything is looked at again.
type carried struct {
	segments int // that were looked at
	hold     bool
	until    time.Time
}

func (r *Reaper) forget(id lieciba.RecordingID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.carried, id)
}

// carry makes the legal hold and the lock of each stored object what the
// decision asks for. A segment that is claimed for deletion is left alone.
func (p *pass) carry(ctx context.Context, rec lieciba.Recording, d Decision) error {
	totals, err := p.cfg.Catalog.SegmentTotals(ctx, rec.ID)
	if err != nil {
		return err
	}
	want := carried{totals.Count - totals.Unverified, d.Hold, d.LockUntil}
	p.mu.Lock()
	same := p.carried[rec.ID] == want
	p.mu.Unlock()
	if same {
		return nil
	}
	segments, err := p.cfg.Catalog.RecordingSegments(ctx, rec.ID, lieciba.Interval{})
	if err != nil {
		return err
	}
	if !d.Hold { // a hold may have come since the decision
		f, err := p.cfg.Catalog.RetentionFacts(ctx, rec.ID)
		if err != nil {
			return err
		}
		if d = Decide(f, p.cfg.Clock()); d.Hold != want.hold {
			return nil // the next pass carries it
		}
	}
	whole := true
	for _, s := range segments {
		if s.State != lieciba.SegmentVerified {
			continue
		}
		changed, err := p.carryObject(ctx, s.Media, want)
		if lieciba.CodeOf(err) == lieciba.CodeNotFound {
			p.alarm(rec, Alarm{AlarmState, fmt.Sprintf("the object of segment %s is not in the media store: run fsck", s.ID)})
			whole = false
			continue
		}
		if err != nil {
			return err
		}
		p.report.Locked += changed
	}
	if whole {
		p.mu.Lock()
		p.carried[rec.ID] = want
		p.mu.Unlock()
	}
	return nil
}

// carryObject changes what differs; changed is 1 if anything did.
func (p *pass) carryObject(ctx context.Context, ref lieciba.MediaRef, want carried) (changed int, err error) {
	until, held, err := p.cfg.Media.Lock(ctx, ref)
	if err != nil {
		return 0, err
	}
	if held != want.hold {
		changed = 1
		if err := p.cfg.Media.SetHold(ctx, ref, want.hold); err != nil {
			return 0, err
		}
	}
	if until.Before(want.until) {
		changed = 1
		if err := p.cfg.Media.LockUntil(ctx, ref, want.until); err != nil {
			return 0, err
		}
	}
	return changed, nil
}
