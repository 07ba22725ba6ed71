package server

import (
	"context"
	"time"

	"lieciba"
	"lieciba/api"
	"lieciba/storage"
	"lieciba/storage/fsck"
	"lieciba/storage/pressure"
	"lieciba/storage/retention"
)

// checker and retainer give the API fsck and retention, in its own terms.
type checker struct{ s *Server }

func (c checker) CheckLog(ctx context.Context, progress func(done, total int64)) (api.LogCheck, error) {
	opt, err := checkOptions(c.s.cfg)
	if err != nil {
		return api.LogCheck{}, err
	}
	head, err := c.s.catalog.NewestCheckpoint(ctx)
	if err != nil {
		return api.LogCheck{}, err
	}
	opt.Progress = func(p fsck.Progress) {
		if p.Stage == "log" {
			progress(int64(p.Done), head.Size)
		}
	}
	r, err := fsck.CheckLog(ctx, c.s.catalog, opt)
	out := api.LogCheck{Leaves: r.Size}
	if b := r.FirstBroken; b != nil {
		out.FirstBroken = b.Message
	}
	for _, v := range r.Violations {
		out.Violations = append(out.Violations, api.Violation{Invariant: string(v.Rule), Object: v.Object, Message: v.Message})
	}
	return out, err
}

type retainer struct {
	*retention.Reaper
	catalog storage.Catalog
}

func (r retainer) Plan(ctx context.Context, before time.Time) ([]api.PlannedDeletion, error) {
	rows, err := retention.Plan(ctx, r.catalog, time.Now(), before)
	var out []api.PlannedDeletion
	for _, row := range rows {
		out = append(out, plannedDeletion(row))
	}
	return out, err
}

func (retainer) MayDelete(f lieciba.RetentionFacts, now time.Time) error {
	return retention.MayDelete(f, now)
}

func plannedDeletion(row retention.Row) api.PlannedDeletion {
	p := api.PlannedDeletion{RecordingID: row.RecordingID, SessionID: row.SessionID, ExternalID: row.ExternalID, CameraID: row.CameraID,
		Bytes: row.Bytes, Due: row.Due, DueAt: row.DueAt, Started: row.Started, PolicyID: row.PolicyID, Reason: row.Reason}
	for _, b := range row.Blocked {
		p.BlockedBy = append(p.BlockedBy, b.Text)
	}
	for _, a := range row.Alarms {
		p.Alarms = append(p.Alarms, a.Text)
	}
	return p
}

// logKey is the verifier key that signs checkpoints now, also when another
// process has just changed it.
func (s *Server) logKey() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.keep.sequencer.Refresh(ctx); err != nil {
		s.log.Warn("whether the log's key was changed is not known", "err", err)
	}
	if k := s.keep.sequencer.Key(); k != nil {
		return k.VerifierKey()
	}
	return ""
}

func diskPressure(l pressure.Level) int {
	switch l {
	case pressure.OK:
		return 0
	case pressure.Low:
		return 1
	default:
		return 2
	}
}

// evidenceStats is what /metrics tells of evidence and retention.
func (s *Server) evidenceStats() api.EvidenceStats {
	q, last := s.keep.sequencer.Stats(), s.keep.reaper.Last()
	out := api.EvidenceStats{LogSize: q.Size, StagedLeaves: q.Staged, RetentionDue: last.Due, RetentionAlarms: len(last.Alarms),
		DiskPressure: diskPressure(s.keep.disks.Level())}
	if !q.Oldest.IsZero() {
		out.OldestStaged = time.Since(q.Oldest)
	}
	if !q.FailingAt.IsZero() {
		out.LogFailing = time.Since(q.FailingAt)
	}
	if !q.StampFailingAt.IsZero() {
		out.StampFailing = time.Since(q.StampFailingAt)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	open, err := s.catalog.ListExports(ctx, storage.ExportFilter{NodeID: s.node,
		States: []lieciba.ExportState{lieciba.ExportRequested, lieciba.ExportBuilding, lieciba.ExportFailed}})
	if err != nil {
		s.log.Warn("open exports cannot be counted", "err", err)
	}
	out.ExportsOpen = len(open)
	return out
}
