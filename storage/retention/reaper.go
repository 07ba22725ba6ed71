package retention

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage"
)

// Catalog is what the reaper needs of a catalogue.
type Catalog interface {
	storage.Acts
	storage.Holds
	storage.Deletions
	storage.Requests
	Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error)
	SessionEvents(ctx context.Context, s lieciba.SessionID) ([]lieciba.SessionEvent, error)
	RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error)
	SegmentTotals(ctx context.Context, rec lieciba.RecordingID) (storage.SegmentTotals, error)
}

// Config says what a Reaper works with. Catalog, Media and Node have no defaults.
type Config struct {
	Catalog  Catalog
	Media    storage.Media // with the account that may delete
	Node     lieciba.NodeID
	Interval time.Duration    // between two passes; 1 h
	Retry    time.Duration    // after a pass that failed; 1 min
	Batch    int              // segments claimed at once; 100
	Timeout  time.Duration    // of the work on one recording in one pass; 10 min
	KeepDue  bool             // nothing is deleted; holds and locks are still carried out
	NoDates  bool             // objects' locks are not extended, only holds are carried to them
	Clock    func() time.Time // time.Now
	Log      *slog.Logger
	Passed   func(Report, error) // called after each pass of Run, on its goroutine; may be nil
}

// RecordingAlarm is an alarm with the recording that it is about.
type RecordingAlarm struct {
	RecordingID lieciba.RecordingID `json:"recording_id"`
	SessionID   lieciba.SessionID   `json:"session_id"`
	Alarm
}

// Report is what one pass did and saw.
type Report struct {
	Scanned  int              `json:"scanned"`  // recordings looked at
	Due      int              `json:"due"`      // that may go, also when KeepDue keeps them
	Deleted  int              `json:"deleted"`  // certificates written
	Segments int              `json:"segments"` // whose objects were destroyed
	Bytes    int64            `json:"bytes"`    // of those
	Released int              `json:"released"` // holds whose time was over
	Locked   int              `json:"locked"`   // objects whose lock or hold was changed
	Alarms   []RecordingAlarm `json:"alarms"`
}

// Reaper acts on the decisions. Many may run on one catalogue and store: each
// step may be repeated, by the same one or another. Its methods are safe for
// concurrent use; Run is called once.
type Reaper struct {
	cfg  Config
	wake chan struct{}

	mu      sync.Mutex
	last    Report
	carried map[lieciba.RecordingID]carried // what the objects' locks were made to say
}

// New makes a Reaper; nothing runs before Run or Once.
func New(cfg Config) *Reaper {
	if cfg.Interval == 0 {
		cfg.Interval = time.Hour
	}
	if cfg.Retry == 0 {
		cfg.Retry = time.Minute
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Minute
	}
	if cfg.Batch == 0 {
		cfg.Batch = 100
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Reaper{cfg: cfg, wake: make(chan struct{}, 1), carried: map[lieciba.RecordingID]carried{}}
}

// Poke makes Run begin a pass at once, after a hold was placed for example. It
// does not wait.
func (r *Reaper) Poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Last returns the report of the last pass. Alarms is shared: do not change it.
func (r *Reaper) Last() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Run makes a pass at once and then one each Interval until ctx ends, and
// returns nil. A pass that failed is logged and repeated after Retry.
func (r *Reaper) Run(ctx context.Context) error {
	for {
		report, err := r.Once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := r.cfg.Interval
		if err != nil {
			wait = min(wait, r.cfg.Retry)
			r.cfg.Log.WarnContext(ctx, "a pass of retention failed and is repeated", "err", err, "after", wait)
		}
		r.tell(ctx, report)
		if r.cfg.Passed != nil {
			r.cfg.Passed(report, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// tell logs what an operator should know.
func (r *Reaper) tell(ctx context.Context, report Report) {
	if report.Deleted+report.Segments+report.Released > 0 {
		r.cfg.Log.InfoContext(ctx, "retention acted", "deleted", report.Deleted, "segments", report.Segments,
			"bytes", report.Bytes, "holds_released", report.Released)
	}
	for _, a := range report.Alarms {
		r.cfg.Log.WarnContext(ctx, "retention alarm", "kind", a.Kind, "recording", a.RecordingID, "session", a.SessionID, "alarm", a.Text)
	}
}

// Once makes one pass over all recordings. What fails for one recording does not
// keep the others; an error says that some step must be repeated, which the next
// pass does. The report is valid beside an error.
func (r *Reaper) Once(ctx context.Context) (Report, error) {
	p := &pass{Reaper: r, report: Report{Alarms: []RecordingAlarm{}}}
	err := p.run(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = p.report
	return p.report, err
}

// maxErrors ends a pass that meets so many failures: more would say nothing new.
const maxErrors = 10

// pass is one pass in progress.
type pass struct {
	*Reaper
	report   Report
	errs     []error
	policies []lieciba.RetentionPolicy
}

func (p *pass) run(ctx context.Context) error {
	p.releaseHolds(ctx)
	var err error
	if p.policies, err = p.cfg.Catalog.Policies(ctx); err != nil {
		return errors.Join(append(p.errs, err)...)
	}
	err = p.cfg.Catalog.ScanRecordings(ctx, "", func(rec lieciba.Recording) error {
		p.report.Scanned++
		if err := lieciba.Guard("retention of recording "+string(rec.ID), func() error { return p.recording(ctx, rec) }); err != nil {
			p.errs = append(p.errs, err)
			p.alarm(rec, Alarm{AlarmFailed, "a step of retention failed for recording " + string(rec.ID) + ": it is repeated; " + plain(err)})
		}
		if len(p.errs) >= maxErrors {
			return lieciba.Errorf(lieciba.CodeUnavailable, "the pass ends early: too many steps failed")
		}
		return ctx.Err()
	})
	return errors.Join(append(p.errs, err)...)
}

func (p *pass) alarm(rec lieciba.Recording, list ...Alarm) {
	for _, a := range list {
		p.report.Alarms = append(p.report.Alarms, RecordingAlarm{rec.ID, rec.SessionID, a})
	}
}

// plain is an error's message for people, without its cause.
func plain(err error) string {
	var e *lieciba.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// recording decides about one recording and acts.
func (p *pass) recording(ctx context.Context, rec lieciba.Recording) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	locks := p.cfg.Media.WriteOnce()
	if rec.State == lieciba.RecordingDeleted {
		p.forget(rec.ID)
		return nil
	}
	if !locks && p.quiet(rec) {
		return nil
	}
	facts, err := p.cfg.Catalog.RetentionFacts(ctx, rec.ID)
	if err != nil {
		return err
	}
	d := Decide(facts, p.cfg.Clock())
	p.alarm(rec, d.Alarms...)
	if p.cfg.NoDates {
		d.LockUntil = time.Time{}
	}
	if locks {
		if err := p.carry(ctx, facts.Recording, d); err != nil {
			return err
		}
	}
	if !d.Due && !d.Started {
		return nil
	}
	if d.Due {
		p.report.Due++
	}
	if p.cfg.KeepDue {
		return nil
	}
	return p.delete(ctx, facts, d)
}

// quiet reports whether nothing can be due or alarming for the recording yet, so
// that its facts need not be read: no period starts before its window.
func (p *pass) quiet(rec lieciba.Recording) bool {
	now := p.cfg.Clock()
	if rec.State == lieciba.RecordingExpired {
		return false
	}
	if rec.State != lieciba.RecordingSealed {
		return now.Before(sealWithin.After(rec.Window.From))
	}
	for _, pol := range p.policies {
		if !now.Before(pol.Keep.After(rec.Window.From)) || !now.Before(pol.WarnBefore.Before(pol.Unanchored.After(rec.Window.From))) {
			return false
		}
	}
	return len(p.policies) > 0
}
