package alarm

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage"
)

// Catalog is what a Watch needs of a catalogue.
type Catalog interface {
	storage.Acts
	storage.Audit
	storage.Alarms
	StageNotice(ctx context.Context, n lieciba.Notice) error
	ListGrants(ctx context.Context, f storage.GrantFilter) ([]lieciba.Grant, error)
	ListAppeals(ctx context.Context, f storage.AppealFilter) ([]lieciba.Appeal, error)
	ListExports(ctx context.Context, f storage.ExportFilter) ([]lieciba.Export, error)
	Session(ctx context.Context, id lieciba.SessionID) (lieciba.ExamSession, error)
	User(ctx context.Context, id lieciba.UserID) (lieciba.User, error)
}

// Raiser raises alarms and stages their notices, for who has found one itself,
// such as the sign-in of a local account.
type Raiser struct {
	Catalog interface {
		RaiseAlarm(ctx context.Context, a lieciba.Alarm) (raised bool, err error)
		StageNotice(ctx context.Context, n lieciba.Notice) error
	}
}

// RaiseAlarm raises a unless there is one of its kind and key, and stages its
// notice. It is called inside of an act, so that both are there or neither.
func (r Raiser) RaiseAlarm(ctx context.Context, a lieciba.Alarm) (raised bool, err error) {
	if raised, err = r.Catalog.RaiseAlarm(ctx, a); err != nil || !raised {
		return raised, err
	}
	return true, r.Catalog.StageNotice(ctx, storage.NoticeOfAlarm(a))
}

// Config says what a Watch works with. Catalog has no default.
type Config struct {
	Catalog    Catalog
	Thresholds Thresholds
	Interval   time.Duration    // between two looks; 1 min
	MaxRefused int              // how many refusals of an hour are looked at; 50,000
	Clock      func() time.Time // time.Now
	Log        *slog.Logger
	Looked     func(raised int, err error) // called after each look of Run, on its goroutine; may be nil
}

// Watch looks for suspicious access. Many may run on one catalogue: each alarm is
// raised once. Not safe for concurrent use, apart from the catalogue.
type Watch struct {
	cfg      Config
	baseline Tally
	before   string           // the day that baseline ends at
	counts   map[alarmKey]int // of alarms that were raised, to write no row twice
	order    []alarmKey       // of counts, oldest first
}

type alarmKey struct {
	kind lieciba.AlarmKind
	key  string
}

// countsKept bounds how many raised alarms a Watch remembers; what it forgets the
// catalogue knows.
const countsKept = 10_000

// New makes a Watch.
func New(cfg Config) *Watch {
	if cfg.Interval == 0 {
		cfg.Interval = time.Minute
	}
	if cfg.MaxRefused == 0 {
		cfg.MaxRefused = 50_000
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Watch{cfg: cfg, counts: map[alarmKey]int{}}
}

// Run looks every Interval until ctx ends, and returns nil then. A look that
// failed is told and made again at the next one.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		n, err := w.Look(ctx)
		if err != nil && ctx.Err() == nil {
			w.cfg.Log.ErrorContext(ctx, "suspicious access cannot be looked for", "error", err)
		}
		if w.cfg.Looked != nil {
			w.cfg.Looked(n, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look runs every rule once and returns how many alarms are new. Entries of
// yesterday and today are looked at, so that a night without this server hides nothing.
func (w *Watch) Look(ctx context.Context) (raised int, err error) {
	now := lieciba.Micro(w.cfg.Clock())
	found, err := w.find(ctx, now)
	if err != nil {
		return 0, err
	}
	for _, a := range found {
		fresh, err := w.raise(ctx, a, now)
		if err != nil {
			return raised, err
		}
		if fresh {
			raised++
		}
	}
	return raised, nil
}

// find runs the rules.
func (w *Watch) find(ctx context.Context, now time.Time) ([]lieciba.Alarm, error) {
	th, yesterday, end := w.cfg.Thresholds, midnight(now, -1), now.Add(time.Microsecond)
	watched, err := all(w.entries(ctx, lieciba.ActWatchArchive, yesterday, end))
	if err != nil {
		return nil, err
	}
	asked, err := all(w.entries(ctx, lieciba.ActExport, yesterday, end))
	if err != nil {
		return nil, err
	}
	refused, flood, err := w.refused(ctx, now)
	if err != nil {
		return nil, err
	}
	exports, err := w.sealed(ctx)
	if err != nil {
		return nil, err
	}
	looks, err := w.looks(ctx, watched)
	if err != nil {
		return nil, err
	}
	if err := w.learn(ctx, now); err != nil {
		return nil, err
	}
	return slices.Concat(NoCase(looks), OwnSite(looks), OutOfHours(append(asked, watched...), th), Volume(watched, w.baseline, th),
		Refusals(refused, now, th), WrongPasswords(refused, now, th), flood, Uncollected(exports, now, th)), nil
}

// midnight is the start of the Riga day so many days from now.
func midnight(now time.Time, days int) time.Time {
	y, m, d := now.In(lieciba.Riga).Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, lieciba.Riga)
}

// learn sums up the days before yesterday, once a day.
func (w *Watch) learn(ctx context.Context, now time.Time) error {
	to := midnight(now, -1)
	if w.before == day(to) {
		return nil
	}
	t := Tally{}
	for e, err := range w.entries(ctx, lieciba.ActWatchArchive, midnight(now, -1-w.cfg.Thresholds.BaselineDays), to) {
		if err != nil {
			return err
		}
		t.add(e)
	}
	w.baseline, w.before = t, day(to)
	return nil
}

// entries reads those of an act from the audit log, newest first.
func (w *Watch) entries(ctx context.Context, act lieciba.Act, from, to time.Time) iter.Seq2[lieciba.AuditEntry, error] {
	return w.audit(ctx, storage.AuditFilter{Act: string(act), Span: lieciba.Interval{From: from, To: to}})
}

func (w *Watch) audit(ctx context.Context, f storage.AuditFilter) iter.Seq2[lieciba.AuditEntry, error] {
	f.Limit = storage.MaxPage
	return storage.Pages(func(before lieciba.AuditID) ([]lieciba.AuditEntry, error) {
		f.Before = before
		return w.cfg.Catalog.ListAudit(ctx, f)
	}, func(e lieciba.AuditEntry) lieciba.AuditID { return e.ID })
}

// refused reads what was refused within the last hour, newest first, and no more
// than MaxRefused of it: whoever is refused must not be able to fill the memory
// or keep the watch busy. A flood is an alarm itself.
func (w *Watch) refused(ctx context.Context, now time.Time) (out []lieciba.AuditEntry, flood []lieciba.Alarm, err error) {
	f := storage.AuditFilter{Outcomes: append(slices.Clone(refusals), string(lieciba.CodeUnauthenticated)),
		Span: lieciba.Interval{From: now.Add(-time.Hour), To: now.Add(time.Microsecond)}}
	for e, err := range w.audit(ctx, f) {
		if err != nil {
			return nil, nil, err
		}
		if len(out) == w.cfg.MaxRefused {
			return out, []lieciba.Alarm{Flooded(len(out), now)}, nil
		}
		out = append(out, e)
	}
	return out, nil, nil
}

func (w *Watch) sealed(ctx context.Context) ([]lieciba.Export, error) {
	return all(storage.Pages(func(before lieciba.ExportID) ([]lieciba.Export, error) {
		return w.cfg.Catalog.ListExports(ctx, storage.ExportFilter{States: []lieciba.ExportState{lieciba.ExportSealed}, Limit: storage.MaxPage, Before: before})
	}, func(x lieciba.Export) lieciba.ExportID { return x.ID }))
}

// all reads rows into a list.
func all[T any](rows iter.Seq2[T, error]) (out []T, err error) {
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// looks adds to each look what justifies it; each person and session is read once.
func (w *Watch) looks(ctx context.Context, entries []lieciba.AuditEntry) (out []Look, err error) {
	type pair struct {
		who     string
		session lieciba.SessionID
	}
	known := map[pair]Look{}
	for _, e := range entries {
		if !looked(e) || e.SessionID == "" {
			continue
		}
		p := pair{e.WhoID, e.SessionID}
		l, ok := known[p]
		if !ok {
			if l, err = w.facts(ctx, e.WhoID, e.SessionID); err != nil {
				return nil, err
			}
			known[p] = l
		}
		l.Entry = e
		out = append(out, l)
	}
	return out, nil
}

func (w *Watch) facts(ctx context.Context, who string, id lieciba.SessionID) (l Look, err error) {
	x, err := w.cfg.Catalog.Session(ctx, id)
	if err != nil {
		return l, err
	}
	l.Site = x.SiteID
	u, err := w.cfg.Catalog.User(ctx, lieciba.UserID(who))
	switch {
	case lieciba.CodeOf(err) == lieciba.CodeNotFound || lieciba.CodeOf(err) == lieciba.CodeInvalid: // a machine
	case err != nil:
		return l, err
	case slices.Contains(u.Roles, lieciba.RoleSupervisor):
		l.Own = u.SiteIDs
	}
	if l.Grants, err = w.cfg.Catalog.ListGrants(ctx, storage.GrantFilter{HolderID: who, SessionID: id, Limit: 1000}); err != nil {
		return l, err
	}
	l.Appeals, err = w.cfg.Catalog.ListAppeals(ctx, storage.AppealFilter{SessionID: id, Limit: 1000})
	return l, err
}

// raise writes what is new: the alarm, its notice and an audit entry in one
// transaction, or a higher count of one that is there.
func (w *Watch) raise(ctx context.Context, a lieciba.Alarm, now time.Time) (fresh bool, err error) {
	key := alarmKey{a.Kind, a.Key}
	if count, known := w.counts[key]; known && count >= a.Count {
		return false, nil
	}
	a.ID, a.At = lieciba.NewID[lieciba.AlarmID](now), lieciba.Micro(a.At)
	there, err := w.cfg.Catalog.ListAlarms(ctx, storage.AlarmFilter{Kinds: []lieciba.AlarmKind{a.Kind}, Key: a.Key, Limit: 1})
	if err != nil {
		return false, err
	}
	if fresh = len(there) == 0; fresh {
		err = w.raiseNew(ctx, a, now)
	} else {
		_, err = w.cfg.Catalog.RaiseAlarm(ctx, a) // sets the count
	}
	if lieciba.CodeOf(err) == lieciba.CodeConflict { // another node was faster: the next look counts on
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.remember(key, a.Count)
	return fresh, nil
}

// raiseNew raises an alarm with its entry; CodeConflict when there is one by now.
func (w *Watch) raiseNew(ctx context.Context, a lieciba.Alarm, now time.Time) error {
	e := lieciba.AuditEntry{ID: lieciba.NewID[lieciba.AuditID](now), At: now, Who: "system", WhoID: "system", Act: lieciba.AuditRaiseAlarm,
		Object: "alarm:" + string(a.ID), SessionID: a.SessionID, Outcome: ok, Detail: string(a.Kind)}
	return w.cfg.Catalog.Act(ctx, &e, func(ctx context.Context) error {
		raised, err := Raiser{w.cfg.Catalog}.RaiseAlarm(ctx, a)
		if err == nil && !raised {
			err = lieciba.Errorf(lieciba.CodeConflict, "the alarm %s %s was raised meanwhile", a.Kind, a.Key)
		}
		return err
	})
}

func (w *Watch) remember(key alarmKey, count int) {
	if _, known := w.counts[key]; !known {
		if w.order = append(w.order, key); len(w.order) > countsKept {
			delete(w.counts, w.order[0])
			w.order = w.order[1:]
		}
	}
	w.counts[key] = count
}
