package fsck

import (
	"context"
	"strings"

	"lieciba"
	"lieciba/storage"
)

// acts is what the audit log tells of the acts that leave a row of their own,
// so that a row without its entry is found (invariant 7).
type acts struct {
	of map[lieciba.Act]map[string]bool // object IDs by act, successful ones only
}

// rowActs lists the acts whose rows are compared with the audit log. A view of
// live or archived pictures leaves no row but its entry: its leaf is its proof.
var rowActs = map[lieciba.Act]bool{lieciba.ActSealRecording: true, lieciba.ActExport: true, lieciba.ActDeleteRecording: true,
	lieciba.ActPlaceHold: true, lieciba.ActReleaseHold: true, lieciba.ActApprovePolicy: true, lieciba.ActPushEvent: true}

func newActs() acts { return acts{map[lieciba.Act]map[string]bool{}} }

func (a acts) note(e lieciba.AuditEntry) {
	act := lieciba.Act(e.Act)
	if !rowActs[act] || e.Outcome != "ok" {
		return
	}
	if a.of[act] == nil {
		a.of[act] = map[string]bool{}
	}
	_, id, _ := strings.Cut(e.Object, ":")
	a.of[act][id] = true
}

// has reports whether an act on one of the objects is on record.
func (a acts) has(act lieciba.Act, ids ...string) bool {
	for _, id := range ids {
		if a.of[act][id] {
			return true
		}
	}
	return false
}

// checkActs looks for rows whose act has no entry. It runs after auditLogged.
func (c *checker) checkActs(ctx context.Context) error {
	if err := c.scanRecordings(ctx, func(r lieciba.Recording) error {
		if r.State == lieciba.RecordingSealed && !c.acts.has(lieciba.ActSealRecording, string(r.ID)) && c.reallyMissing(ctx, lieciba.ActSealRecording, string(r.ID)) {
			c.violate(RuleAudit, "recording "+string(r.ID), nil, "was sealed, and no audit entry says so")
		}
		return nil
	}); err != nil {
		return err
	}
	f := storage.ExportFilter{Limit: 1000}
	for {
		list, err := c.catalog.ListExports(ctx, f)
		if err != nil {
			return err
		}
		for _, e := range list {
			if ids := []string{string(e.ID), string(e.SessionID)}; !c.acts.has(lieciba.ActExport, ids...) && c.reallyMissing(ctx, lieciba.ActExport, ids...) {
				c.violate(RuleAudit, "export "+string(e.ID), nil, "was asked for by %s, and no audit entry says so", e.RequestedBy)
			}
		}
		if len(list) < f.Limit {
			break
		}
		f.Before = list[len(list)-1].ID
	}
	return c.heldActs(ctx)
}

func (c *checker) heldActs(ctx context.Context) error {
	policies, err := c.catalog.Policies(ctx)
	if err != nil {
		return err
	}
	for _, p := range policies {
		if p.State != lieciba.PolicyDraft && !c.acts.has(lieciba.ActApprovePolicy, string(p.ID)) && c.reallyMissing(ctx, lieciba.ActApprovePolicy, string(p.ID)) {
			c.violate(RuleAudit, "policy "+string(p.ID), nil, "was approved by %s, and no audit entry says so", p.ApprovedBy)
		}
	}
	return c.scanSessions(ctx, func(s lieciba.ExamSession) error {
		holds, err := c.catalog.SessionHolds(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, h := range holds {
			ids := []string{string(h.ID), string(h.SessionID)}
			// An appeal's hold comes with the event that opened it.
			if !c.acts.has(lieciba.ActPlaceHold, ids...) && !c.acts.has(lieciba.ActPushEvent, ids...) &&
				c.reallyMissing(ctx, lieciba.ActPlaceHold, ids...) && c.reallyMissing(ctx, lieciba.ActPushEvent, ids...) {
				c.violate(RuleAudit, "hold "+string(h.ID), nil, "was placed by %s, and no audit entry says so", h.PlacedBy)
			}
			if !h.Active() && !c.acts.has(lieciba.ActReleaseHold, ids...) && c.reallyMissing(ctx, lieciba.ActReleaseHold, ids...) {
				c.violate(RuleAudit, "hold "+string(h.ID), nil, "was released by %s, and no audit entry says so", h.ReleasedBy)
			}
		}
		return nil
	})
}

// reallyMissing looks again among the newest entries: the act may be younger
// than the walk through the audit log.
func (c *checker) reallyMissing(ctx context.Context, act lieciba.Act, ids ...string) bool {
	list, err := c.catalog.ListAudit(ctx, storage.AuditFilter{Act: string(act), Limit: 1000})
	if err != nil {
		return false // the next check will tell
	}
	for _, e := range list {
		c.acts.note(e)
	}
	return !c.acts.has(act, ids...)
}
