package readiness

import (
	"context"
	"time"

	"lieciba"
	"lieciba/storage"
)

// The two times before a session's start at which its cameras are checked.
const (
	early = 60 * time.Minute
	late  = 15 * time.Minute
)

// due decides which cameras are to be checked now, and as which check. What was
// missed, such as over a restart, is made up for until the session begins; the
// later check stands for a missed earlier one. A check counts for the start that
// the session has now: one that was moved is checked again.
func due(s lieciba.ExamSession, cameras []lieciba.Camera, rows []lieciba.Readiness, now time.Time) (when lieciba.ReadinessAt, out []lieciba.Camera) {
	from := s.StartsAt.Add(-early)
	when = lieciba.ReadinessT60
	if at := s.StartsAt.Add(-late); !now.Before(at) {
		when, from = lieciba.ReadinessT15, at
	}
	if now.Before(from) || !now.Before(s.StartsAt) {
		return when, nil
	}
	have := map[lieciba.CameraID]bool{}
	for _, r := range rows {
		if r.When == when && !r.At.Before(from) {
			have[r.CameraID] = true
		}
	}
	for _, c := range cameras {
		if !have[c.ID] {
			out = append(out, c)
		}
	}
	return when, out
}

// Run looks for what is due until ctx ends, then ends the checks under way. It
// returns nil then; faults of the catalogue are logged and made up for.
func (c *Checker) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.cancel)()
	if err := c.sweep(ctx); err != nil {
		c.cfg.Log.WarnContext(ctx, "what is left of test recordings cannot be removed yet", "err", err)
	}
	tick := time.NewTicker(c.cfg.Every)
	defer tick.Stop()
	failing := false
	for {
		err := c.lookForDue(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			c.cfg.Log.WarnContext(ctx, "readiness checks that are due cannot be looked for", "err", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-c.wake:
		case <-ctx.Done():
			return c.Close()
		}
	}
}

// Refresh makes Run look now; it does not block.
func (c *Checker) Refresh() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// lookForDue starts what is due, settles what is complete and counts what failed.
func (c *Checker) lookForDue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	now := c.cfg.Now()
	sessions, err := c.cfg.Catalog.ListSessions(ctx, storage.SessionFilter{Limit: 1000,
		States: []lieciba.SessionState{lieciba.SessionPlanned, lieciba.SessionReady, lieciba.SessionRunning},
		Span:   lieciba.Interval{From: now, To: now.Add(early + time.Minute)}})
	if err != nil {
		return err
	}
	failed := 0
	for _, s := range sessions {
		if !now.Before(s.StartsAt) {
			continue
		}
		n, err := c.tend(ctx, s, now)
		if err != nil {
			return err
		}
		failed += n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = failed
	return nil
}

// tend starts what is due for one session and returns how many of its cameras failed.
func (c *Checker) tend(ctx context.Context, s lieciba.ExamSession, now time.Time) (failed int, err error) {
	rows, err := c.cfg.Catalog.SessionReadiness(ctx, s.ID)
	if err != nil {
		return 0, err
	}
	cameras, err := storage.SessionCameras(ctx, c.cfg.Catalog, s, c.cfg.Margins)
	if err != nil {
		return 0, err
	}
	var mine []lieciba.Camera
	stands, _ := lieciba.ReadinessOf(rows)
	for _, cam := range cameras {
		if c.cfg.Cameras(cam.ID).Mine {
			mine = append(mine, cam)
		}
		if stands[cam.ID].State == lieciba.ReadinessFailed {
			failed++
		}
	}
	if when, list := due(s, mine, rows, now); len(list) > 0 {
		c.begin(s, list, when)
	}
	if s.State == lieciba.SessionPlanned && lieciba.ReadyToBegin(storage.CameraIDs(cameras), rows) {
		err = c.settle(ctx, s)
	}
	return failed, err
}

// stillDue looks again before a check begins: one that ended between the look
// that found it due and now has left its row. A catalogue that is away is tried
// again at the next look.
func (c *Checker) stillDue(s lieciba.ExamSession, cam lieciba.Camera) bool {
	ctx, cancel := context.WithTimeout(c.ctx, catalogTimeout)
	defer cancel()
	rows, err := c.cfg.Catalog.SessionReadiness(ctx, s.ID)
	if err != nil {
		return false
	}
	_, list := due(s, []lieciba.Camera{cam}, rows, c.cfg.Now())
	return len(list) > 0
}

// settle moves a session that two acts at once made ready, neither seeing the other.
func (c *Checker) settle(ctx context.Context, s lieciba.ExamSession) error {
	e := c.entry(s.ID, "exam_session:"+string(s.ID), "ready: every camera passed or was overridden, and the session is signed off")
	return c.cfg.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		_, err := storage.SettleReadiness(ctx, c.cfg.Catalog, s.ID, c.cfg.Margins)
		return err
	})
}
