package alarm_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/alarm"
	"lieciba/storage/postgres"
	"lieciba/storage/sqlite"
	"lieciba/storage/storagetest"
)

// site is a catalogue with a supervised site, a session, and people.
type site struct {
	t       *testing.T
	cat     storage.Catalog
	now     time.Time
	session lieciba.ExamSession
	anna    lieciba.User // reviews, and supervises the site
}

func newSite(t *testing.T, cat storage.Catalog) *site {
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	ctx, now := t.Context(), riga(18, 12, 0).UTC()
	s := &site{t: t, cat: cat, now: now}
	place := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](now), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: now}
	require.NoError(t, cat.PutSite(ctx, place))
	room := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](now), SiteID: place.ID, Code: "r1", Name: "201", State: lieciba.PlaceActive, CreatedAt: now}
	require.NoError(t, cat.PutRoom(ctx, room))
	key := lieciba.SessionKey{Source: "pizis", ExternalID: "S-1"}
	s.session = lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](now), SessionKey: key, SourceVersion: 1, SiteID: place.ID, RoomID: room.ID,
		StartsAt: riga(10, 9, 0), EndsAt: riga(10, 12, 0), State: lieciba.SessionFinished, CreatedAt: now, UpdatedAt: now}
	require.NoError(t, cat.ChangeSession(ctx, key, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &s.session, nil }, nil))
	s.anna = lieciba.User{ID: lieciba.NewID[lieciba.UserID](now), Login: "anna", Name: "Anna", CreatedAt: now,
		Roles: []lieciba.Role{lieciba.RoleReviewer, lieciba.RoleSupervisor}, SiteIDs: []lieciba.SiteID{place.ID}}
	require.NoError(t, cat.PutUser(ctx, s.anna))
	return s
}

func (s *site) audit(e lieciba.AuditEntry) {
	s.t.Helper()
	e.ID, e.At, e.Who, e.WhoID = lieciba.NewID[lieciba.AuditID](e.At), lieciba.Micro(e.At), "anna", string(s.anna.ID)
	if e.Act == "watch_archive" {
		e.SessionID = s.session.ID
		e.CameraID = ""
	}
	e.Object = "exam_session:" + string(s.session.ID)
	require.NoError(s.t, s.cat.AppendAudit(s.t.Context(), e))
}

func (s *site) watch() *alarm.Watch {
	return alarm.New(alarm.Config{Catalog: s.cat, Thresholds: alarm.Defaults(), Clock: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler)})
}

func (s *site) kinds() map[lieciba.AlarmKind]int {
	list, err := s.cat.ListAlarms(s.t.Context(), storage.AlarmFilter{})
	require.NoError(s.t, err)
	out := map[lieciba.AlarmKind]int{}
	for _, a := range list {
		out[a.Kind] += a.Count
	}
	return out
}

// notices publishes and counts those of alarms.
func (s *site) notices() (n int) {
	_, err := s.cat.PublishNotices(s.t.Context(), 1000, s.now)
	require.NoError(s.t, err)
	list, err := s.cat.ListNotices(s.t.Context(), "", 0, 1000)
	require.NoError(s.t, err)
	for _, m := range list {
		if m.Kind == lieciba.NoticeAlarm {
			require.Contains(s.t, string(m.Data), `"alarm_id"`)
			n++
		}
	}
	return n
}

func TestWatch(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
		require.NoError(t, err)
		watches(t, newSite(t, cat))
	})
	t.Run("postgres", func(t *testing.T) {
		cat, err := postgres.Open(t.Context(), storagetest.PostgresFor(t, postgres.Open))
		require.NoError(t, err)
		watches(t, newSite(t, cat))
	})
}

func watches(t *testing.T, s *site) {
	one, other := s.watch(), s.watch() // of two nodes
	look := func(w *alarm.Watch) int {
		t.Helper()
		n, err := w.Look(t.Context())
		require.NoError(t, err)
		return n
	}
	require.Zero(t, look(one), "nothing happened")
	s.audit(watched("anna", riga(17, 22, 0), 2*time.Hour)) // the evening before: at her own site, without a grant
	s.now = riga(18, 12, 1).UTC()
	require.Equal(t, 3, look(one))
	require.Equal(t, map[lieciba.AlarmKind]int{lieciba.AlarmNoCase: 1, lieciba.AlarmOwnSite: 1, lieciba.AlarmOutOfHours: 1}, s.kinds())
	require.Equal(t, 3, s.notices())
	require.Zero(t, look(one))
	require.Zero(t, look(other), "another node raises none again")
	require.Zero(t, look(s.watch()), "nor does a new start")

	s.audit(watched("anna", riga(17, 22, 30), 3*time.Hour))
	require.Equal(t, 1, look(other), "five hours of footage; the others only count on")
	require.Equal(t, map[lieciba.AlarmKind]int{lieciba.AlarmNoCase: 2, lieciba.AlarmOwnSite: 2, lieciba.AlarmOutOfHours: 2, lieciba.AlarmVolume: 300}, s.kinds())
	require.Equal(t, 4, s.notices(), "one notice for each alarm, whatever its count")

	for i := range 10 {
		s.audit(lieciba.AuditEntry{At: s.now.Add(-time.Duration(i) * time.Minute), Act: "manage_users", Outcome: "forbidden"})
		s.audit(lieciba.AuditEntry{At: s.now.Add(-time.Duration(i) * time.Minute), Act: "sign_in", Outcome: "unauthenticated", Address: "192.0.2.7"})
	}
	require.Equal(t, 2, look(one))
	require.Equal(t, 10, s.kinds()[lieciba.AlarmRefusals])
	require.Equal(t, 10, s.kinds()[lieciba.AlarmWrongPasswords])
	entries, err := s.cat.ListAudit(t.Context(), storage.AuditFilter{Act: "raise_alarm"})
	require.NoError(t, err)
	require.Len(t, entries, 6, "each alarm is raised once, with its entry")
	s.now = riga(20, 12, 0).UTC()
	require.Zero(t, look(one), "two days later nothing is new")
}

// Whoever is refused as fast as they can ask neither fills the memory nor hides
// others without an alarm that says so.
func TestFloodOfRefusals(t *testing.T) {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	s := newSite(t, cat)
	counted := &counting{Catalog: cat}
	w := alarm.New(alarm.Config{Catalog: counted, Thresholds: alarm.Defaults(), MaxRefused: 20, Clock: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler)})
	flood := func(n int) {
		for i := range n {
			s.audit(lieciba.AuditEntry{At: s.now.Add(-time.Duration(i) * time.Second), Act: "sign_in", Outcome: "unauthenticated", Address: "192.0.2.7"})
			s.audit(lieciba.AuditEntry{At: s.now.Add(-time.Duration(i) * time.Second), Act: "manage_sites", Outcome: "ok"})
		}
	}
	flood(20)
	n, err := w.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n, "as many as are looked at")
	require.Equal(t, map[lieciba.AlarmKind]int{lieciba.AlarmWrongPasswords: 20}, s.kinds())
	require.Equal(t, 20, counted.entries, "what was allowed is not even read")

	flood(1)
	n, err = w.Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	list, err := cat.ListAlarms(t.Context(), storage.AlarmFilter{Kinds: []lieciba.AlarmKind{lieciba.AlarmRefusals}})
	require.NoError(t, err)
	require.Equal(t, "all:2026-11-18", list[0].Key)
	require.Contains(t, list[0].Detail, "more than 20 refusals")
	n, err = w.Look(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "once a day")
}

// counting counts the entries that were read.
type counting struct {
	alarm.Catalog
	entries int
}

func (c *counting) ListAudit(ctx context.Context, f storage.AuditFilter) ([]lieciba.AuditEntry, error) {
	list, err := c.Catalog.ListAudit(ctx, f)
	c.entries += len(list)
	return list, err
}

// blind shows no alarm to a node that asks in the instant before another raises it.
type blind struct {
	alarm.Catalog
	between func()
}

func (b *blind) ListAlarms(context.Context, storage.AlarmFilter) ([]lieciba.Alarm, error) {
	b.between()
	return nil, nil
}

// Two nodes that find the same at once raise one alarm with one entry.
func TestAnotherNodeIsFaster(t *testing.T) {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	s := newSite(t, cat)
	for i := range 10 {
		s.audit(lieciba.AuditEntry{At: s.now.Add(-time.Duration(i) * time.Minute), Act: "manage_users", Outcome: "forbidden"})
	}
	slower := alarm.New(alarm.Config{Thresholds: alarm.Defaults(), Clock: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler),
		Catalog: &blind{cat, func() {
			n, err := s.watch().Look(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}}})
	n, err := slower.Look(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	entries, err := cat.ListAudit(t.Context(), storage.AuditFilter{Act: "raise_alarm"})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, 1, s.notices())
}

// Looking that a grant with an open appeal allowed, at another's site and in
// office hours, is no alarm; whoever saw as much as every day is none either.
func TestOrdinaryWorkRaisesNothing(t *testing.T) {
	cat, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	require.NoError(t, err)
	s := newSite(t, cat)
	s.anna.Roles, s.anna.SiteIDs = []lieciba.Role{lieciba.RoleReviewer}, nil
	require.NoError(t, cat.PutUser(t.Context(), s.anna))
	_, err = cat.ChangeAppeal(t.Context(), s.session.ID, "A-1", func(*lieciba.Appeal) (*lieciba.Appeal, error) {
		return &lieciba.Appeal{ID: lieciba.NewID[lieciba.AppealID](s.now), SessionID: s.session.ID, Reference: "A-1", Source: "pizis", State: lieciba.AppealOpened,
			OpenedBy: "pizis", OpenedByID: "pizis", OpenedAt: riga(11, 9, 0).UTC()}, nil
	})
	require.NoError(t, err)
	g := lieciba.Grant{ID: lieciba.NewID[lieciba.GrantID](s.now), SessionID: s.session.ID, HolderID: string(s.anna.ID), Holder: "anna", Reason: "the appeal", Appeal: "A-1",
		ApprovedBy: "zane", BeganAt: riga(12, 9, 0).UTC(), ExpiresAt: riga(28, 9, 0).UTC()}
	g.RequestID = s.request(g)
	require.NoError(t, cat.PutGrant(t.Context(), g))
	for day := 12; day <= 18; day++ {
		if day != 14 && day != 15 { // the weekend
			s.audit(watched("anna", riga(day, 10, 0), 5*time.Hour))
		}
	}
	n, err := s.watch().Look(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "%v", s.kinds())

	s.audit(watched("anna", riga(18, 11, 0), 11*time.Hour))
	n, err = s.watch().Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 16*60, s.kinds()[lieciba.AlarmVolume])
	_, err = cat.RevokeGrant(t.Context(), g.ID, "zane", riga(18, 11, 30).UTC())
	require.NoError(t, err)
	s.audit(watched("anna", riga(18, 11, 40), time.Minute))
	n, err = s.watch().Look(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, s.kinds()[lieciba.AlarmNoCase])
}

// request stores one that the grant came of.
func (s *site) request(g lieciba.Grant) lieciba.RequestID {
	who := lieciba.Principal{ID: string(s.anna.ID), Name: "anna"}
	r, err := lieciba.NewRequest(lieciba.RequestGrant, lieciba.Asked{SessionID: g.SessionID, Appeal: g.Appeal, Until: g.ExpiresAt}, g.Reason, who, g.BeganAt)
	require.NoError(s.t, err)
	require.NoError(s.t, s.cat.PutRequest(s.t.Context(), r))
	zane := lieciba.Principal{ID: "zane", Name: "zane", Roles: []lieciba.Role{lieciba.RoleApprover}, SignIn: "of zane"}
	in := lieciba.SignIn{ID: "of zane", UserID: "zane", FreshAt: g.BeganAt, FreshBy: lieciba.SignInPasskey}
	_, err = s.cat.ChangeRequest(s.t.Context(), r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
		approved, err := r.Approve(zane, in, r.Digest, g.BeganAt, lieciba.SignInPasskey)
		return &approved, err
	})
	require.NoError(s.t, err)
	return r.ID
}

// failing is a catalogue whose audit log cannot be read until it can.
type failing struct {
	alarm.Catalog
	fails int
}

func (f *failing) ListAudit(ctx context.Context, q storage.AuditFilter) ([]lieciba.AuditEntry, error) {
	if f.fails > 0 {
		f.fails--
		return nil, lieciba.Errorf(lieciba.CodeUnavailable, "the database went away")
	}
	return nil, nil
}

func (f *failing) ListExports(context.Context, storage.ExportFilter) ([]lieciba.Export, error) {
	return nil, nil
}

// Run goes on after a failed look, a minute later, and ends with its ctx.
func TestRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		var errs []error
		w := alarm.New(alarm.Config{Catalog: &failing{fails: 1}, Thresholds: alarm.Defaults(), Log: slog.New(slog.DiscardHandler), Looked: func(_ int, err error) {
			if errs = append(errs, err); len(errs) == 3 {
				cancel()
			}
		}})
		require.NoError(t, w.Run(ctx))
		require.Error(t, errs[0])
		require.NoError(t, errs[1])
		require.NoError(t, errs[2])
		require.Equal(t, 2*time.Minute, time.Since(begun))
	})
}
