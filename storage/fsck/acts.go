package fsck

import (
	"context"
	"strings"

	"lieciba"
	"lieciba/storage"
)

// acts counts what the audit log tells of the acts that leave a row of their
// own, so that a row without its entry is found (invariant 7). Its size is that
// of those rows, not of the log.
type acts map[lieciba.Act]map[string]int // by act and ID of the object

// rowActs lists the acts whose rows are compared with the audit log. A look at
// live or archived pictures leaves no row but its entry: its leaf is its proof.
var rowActs = map[lieciba.Act]bool{lieciba.ActSealRecording: true, lieciba.ActExport: true, lieciba.ActDeleteRecording: true,
	lieciba.ActPlaceHold: true, lieciba.ActReleaseHold: true, lieciba.ActApprovePolicy: true, lieciba.ActPushEvent: true,
	lieciba.ActManageUsers: true, lieciba.AuditBreakGlass: true, actApprove: true, actUse: true}

func (a acts) note(e lieciba.AuditEntry) {
	act := lieciba.Act(e.Act)
	if !rowActs[act] || e.Outcome != "ok" {
		return
	}
	if a[act] == nil {
		a[act] = map[string]int{}
	}
	_, id, _ := strings.Cut(e.Object, ":")
	a[act][id]++
	if act == actApprove || act == actUse { // who did it matters
		a[act][byWhom(id, e.WhoID)]++
	}
	if act == lieciba.ActPushEvent { // its object may be named otherwise
		a[act][string(e.SessionID)]++
	}
}

// entered reports whether an act on an object has n entries at least. It looks
// again among the newest, which may be younger than the walk through the log.
func (c *checker) entered(ctx context.Context, act lieciba.Act, id string, n int) (bool, error) {
	if c.acts[act][id] >= n {
		return true, nil
	}
	list, err := c.catalog.ListAudit(ctx, storage.AuditFilter{Act: string(act), Limit: 1000})
	if err != nil {
		return false, err
	}
	newest := acts{}
	for _, e := range list {
		newest.note(e)
	}
	return newest[act][id] >= n, nil
}

// require reports an object whose act has fewer than n entries.
func (c *checker) require(ctx context.Context, act lieciba.Act, id string, n int, object, format string, args ...any) error {
	ok, err := c.entered(ctx, act, id, n)
	if err == nil && !ok {
		c.violate(RuleAudit, object, nil, format+", and no audit entry says so", args...)
	}
	return err
}

// checkActs looks for rows whose act has no entry. It runs after auditLogged.
func (c *checker) checkActs(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.recordingActs, c.exportActs, c.policyActs, c.holdActs, c.clientActs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) recordingActs(ctx context.Context) error {
	return c.scanRecordings(ctx, func(r lieciba.Recording) error {
		object := "recording " + string(r.ID)
		if r.State == lieciba.RecordingSealed {
			return c.require(ctx, lieciba.ActSealRecording, string(r.ID), 1, object, "was sealed")
		}
		if storage.Sealed(r.State) {
			return c.require(ctx, lieciba.ActDeleteRecording, string(r.ID), 1, object, "is %s", r.State)
		}
		return nil
	})
}

func (c *checker) exportActs(ctx context.Context) error {
	for e, err := range c.allExports(ctx) {
		if err != nil {
			return err
		}
		object := "export " + string(e.ID)
		if err := c.require(ctx, lieciba.ActExport, string(e.ID), 1, object, "was asked for by %s", e.RequestedBy); err != nil {
			return err
		}
		if e.CollectedAt.IsZero() {
			continue
		}
		if err := c.require(ctx, lieciba.ActExport, string(e.ID), 2, object, "was collected at %s", stamp(e.CollectedAt)); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) policyActs(ctx context.Context) error {
	policies, err := c.catalog.Policies(ctx)
	if err != nil {
		return err
	}
	for _, p := range policies {
		if p.State == lieciba.PolicyDraft {
			continue
		}
		if err := c.require(ctx, lieciba.ActApprovePolicy, string(p.ID), 1, "policy "+string(p.ID), "was approved by %s", p.ApprovedBy); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) holdActs(ctx context.Context) error {
	return c.scanSessions(ctx, func(s lieciba.ExamSession) error {
		holds, err := c.catalog.SessionHolds(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, h := range holds {
			object := "hold " + string(h.ID)
			if h.Kind == lieciba.HoldAppeal { // it may come with the event that opened the appeal
				if ok, err := c.entered(ctx, lieciba.ActPushEvent, string(s.ID), 1); err != nil || ok {
					if err != nil {
						return err
					}
					continue
				}
			}
			if err := c.require(ctx, lieciba.ActPlaceHold, string(h.ID), 1, object, "was placed by %s", h.PlacedBy); err != nil {
				return err
			}
		}
		for _, h := range holds {
			if h.Active() {
				continue
			}
			if err := c.require(ctx, lieciba.ActReleaseHold, string(h.ID), 1, "hold "+string(h.ID), "was released by %s", h.ReleasedBy); err != nil {
				return err
			}
		}
		return nil
	})
}
