package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"lieciba"
)

// logChecks runs one check of the log at a time and keeps the newest result.
// Safe for concurrent use.
type logChecks struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	jobs   sync.WaitGroup
	closed bool
	newest *logCheckJob
}

// logCheckJob is one check.
type logCheckJob struct {
	by           string
	began, ended time.Time // ended is zero while it runs
	done, total  int64
	result       LogCheck
	err          error
}

func newLogChecks() logChecks {
	ctx, cancel := context.WithCancel(context.Background())
	return logChecks{ctx: ctx, cancel: cancel}
}

// close ends what runs and waits for it.
func (l *logChecks) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.jobs.Wait()
}

type violationView struct {
	Invariant string `json:"invariant"`
	Object    string `json:"object"`
	Message   string `json:"message"`
}

type logCheckResultView struct {
	Leaves      int64           `json:"leaves"`
	Violations  []violationView `json:"violations"`
	FirstBroken *string         `json:"first_broken"`
}

type logCheckView struct {
	State     string              `json:"state"` // none, running, done, failed
	By        string              `json:"by"`
	StartedAt *stamp              `json:"started_at"`
	EndedAt   *stamp              `json:"ended_at"`
	Progress  float64             `json:"progress"`
	Error     string              `json:"error"`
	Result    *logCheckResultView `json:"result"`
}

func (l *logChecks) view() logCheckView {
	l.mu.Lock()
	defer l.mu.Unlock()
	job := l.newest
	if job == nil {
		return logCheckView{State: "none"}
	}
	v := logCheckView{State: "running", By: job.by, StartedAt: optionalStamp(job.began), EndedAt: optionalStamp(job.ended)}
	switch {
	case job.ended.IsZero():
		if job.total > 0 {
			v.Progress = min(0.99, max(0, float64(job.done)/float64(job.total)))
		}
	case job.err != nil:
		v.State, v.Error = "failed", asError(job.err, "none").Message
	default:
		v.State, v.Progress = "done", 1
		v.Result = &logCheckResultView{Leaves: job.result.Leaves, Violations: []violationView{}, FirstBroken: optional(job.result.FirstBroken)}
		for _, x := range job.result.Violations {
			v.Result.Violations = append(v.Result.Violations, violationView(x))
		}
	}
	return v
}

// start begins a check once admit agrees. It has its place by then, so that what
// admit writes down comes true. then gets the end of it.
func (l *logChecks) start(checker Checker, by string, clock func() time.Time, admit func() error, then func(LogCheck, error)) error {
	l.mu.Lock()
	if l.newest != nil && l.newest.ended.IsZero() {
		l.mu.Unlock()
		return lieciba.Errorf(lieciba.CodeConflict, "a check of the log runs already: see GET /v1/log/check")
	}
	before, job := l.newest, &logCheckJob{by: by, began: clock()}
	l.newest = job
	l.mu.Unlock()
	err := admit()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.closed {
		err = lieciba.Errorf(lieciba.CodeUnavailable, "the server stops")
	}
	if err != nil {
		l.newest = before
		return err
	}
	l.jobs.Go(func() {
		var result LogCheck
		err := lieciba.Guard("the check of the log", func() (err error) {
			result, err = checker.CheckLog(l.ctx, func(done, total int64) {
				l.mu.Lock()
				defer l.mu.Unlock()
				job.done, job.total = done, total
			})
			return err
		})
		then(result, err)
		l.mu.Lock()
		defer l.mu.Unlock()
		job.result, job.err, job.ended = result, err, clock()
	})
	return nil
}

// checkLog starts the check of the chain in the background.
func (s *Server) checkLog(c *call) error {
	if s.cfg.Checker == nil {
		return notHere("the log cannot be checked")
	}
	t := target{what: "log", id: "check"}
	entry := c.entry(string(lieciba.ActCheckEvidence), t)
	begun := entry
	begun.Detail = "check of the log begun"
	if err := s.checks.start(s.cfg.Checker, c.who.Name, s.cfg.Now, func() error { return c.appendAudit(begun) }, func(r LogCheck, err error) {
		s.auditCheck(entry, r, err)
	}); err != nil {
		return err
	}
	c.gin.JSON(http.StatusAccepted, s.checks.view())
	return nil
}

// auditCheck records what a check found: a broken log stays known after the
// process has ended.
func (s *Server) auditCheck(e lieciba.AuditEntry, r LogCheck, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	now := s.cfg.Now()
	e.ID, e.At = lieciba.NewID[lieciba.AuditID](now), lieciba.Micro(now)
	switch {
	case err != nil:
		e.Outcome, e.Detail = string(lieciba.CodeOf(err)), "check of the log failed"
	case r.FirstBroken != "" || len(r.Violations) > 0:
		e.Outcome, e.Detail = string(lieciba.CodeCorrupt), checkDetail(r)
	default:
		e.Detail = "check of the log ended: all entries hold"
	}
	if err := s.cfg.Catalog.AppendAudit(ctx, e); err != nil {
		s.cfg.Log.Error("the result of a check of the log could not be audited", "error", err, "detail", e.Detail)
	}
}

func checkDetail(r LogCheck) string {
	first := r.FirstBroken
	if first == "" {
		first = r.Violations[0].Object + ": " + r.Violations[0].Message
	}
	const room = 800 // bytes
	if len(first) > room {
		first = strings.ToValidUTF8(first[:room], "") + "…"
	}
	return "check of the log: broken first at " + first
}

func (s *Server) getLogCheck(c *call) error { return c.ok(s.checks.view()) }
