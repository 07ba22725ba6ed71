package alarm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"lieciba"
	"lieciba/storage/alarm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// riga is a time of a day in November 2026; 18 is a Wednesday.
func riga(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, lieciba.Riga)
}

func watched(who string, at time.Time, footage time.Duration) lieciba.AuditEntry {
	return lieciba.AuditEntry{At: at, Who: who, WhoID: who, Act: "watch_archive", Outcome: "ok", SessionID: "s", CameraID: "c",
		From: riga(1, 9, 0), To: riga(1, 9, 0).Add(footage)}
}

func with(e lieciba.AuditEntry, change func(*lieciba.AuditEntry)) lieciba.AuditEntry {
	change(&e)
	return e
}

func keys(list []lieciba.Alarm) (out []string) {
	for _, a := range list {
		out = append(out, a.Key)
	}
	return out
}

func TestOutOfHours(t *testing.T) {
	th := alarm.Defaults()
	for name, c := range map[string]struct {
		at    time.Time
		alarm bool
	}{
		"opening":             {riga(18, 7, 0), false},
		"just before":         {riga(18, 6, 59), true},
		"noon":                {riga(18, 12, 0), false},
		"just before the end": {riga(18, 18, 59), false},
		"closing":             {riga(18, 19, 0), true},
		"Saturday noon":       {riga(21, 12, 0), true},
		"Sunday noon":         {riga(22, 12, 0), true},
		"evening in UTC only": {time.Date(2026, 7, 15, 4, 30, 0, 0, time.UTC), false}, // 07:30 in summer
		"winter, the same":    {time.Date(2026, 11, 18, 4, 30, 0, 0, time.UTC), true}, // 06:30
	} {
		require.Equal(t, c.alarm, len(alarm.OutOfHours([]lieciba.AuditEntry{watched("anna", c.at, time.Hour)}, th)) == 1, name)
	}
	th.Weekends = true
	require.Empty(t, alarm.OutOfHours([]lieciba.AuditEntry{watched("anna", riga(21, 12, 0), 0)}, th))

	night := watched("anna", riga(18, 22, 0), 0)
	list := alarm.OutOfHours([]lieciba.AuditEntry{night, night, watched("bruno", riga(18, 23, 0), 0), watched("anna", riga(19, 23, 0), 0),
		with(night, func(e *lieciba.AuditEntry) { e.Act, e.WhoID = "export", "carl" }),
		with(night, func(e *lieciba.AuditEntry) { e.Act = "watch_live" }),    // exams have their own hours
		with(night, func(e *lieciba.AuditEntry) { e.Outcome = "forbidden" }), // nothing was seen
		with(night, func(e *lieciba.AuditEntry) { e.Who, e.WhoID = "system", "system" })}, th)
	require.Equal(t, []string{"user:anna:2026-11-18", "user:bruno:2026-11-18", "user:anna:2026-11-19", "user:carl:2026-11-18"}, keys(list))
	require.Equal(t, 2, list[0].Count)
	require.Equal(t, "anna", list[0].Who)
	require.True(t, list[0].At.Equal(night.At))
	require.Contains(t, list[0].Detail, "2 times on 2026-11-18")
}

func TestVolume(t *testing.T) {
	th := alarm.Defaults()
	usual := alarm.TallyOf([]lieciba.AuditEntry{watched("anna", riga(2, 10, 0), time.Hour), watched("anna", riga(2, 11, 0), time.Hour), watched("anna", riga(3, 9, 0), 2*time.Hour)})
	require.Equal(t, alarm.Tally{"anna": {"2026-11-02": 2 * time.Hour, "2026-11-03": 2 * time.Hour}}, usual)
	for _, c := range []struct {
		who   string
		saw   time.Duration
		alarm bool
	}{
		{"anna", 6 * time.Hour, false}, // three times her mean, and no more
		{"anna", 6*time.Hour + time.Minute, true},
		{"anna", 4 * time.Hour, false},
		{"bruno", 4 * time.Hour, false}, // the floor
		{"bruno", 4*time.Hour + time.Minute, true},
	} {
		half := c.saw / 2
		list := alarm.Volume([]lieciba.AuditEntry{watched(c.who, riga(18, 9, 0), half), watched(c.who, riga(18, 12, 0), c.saw-half)}, usual, th)
		require.Equal(t, c.alarm, len(list) == 1, c)
		if c.alarm {
			require.Equal(t, int(c.saw/time.Minute), list[0].Count)
			require.Equal(t, "user:"+c.who+":2026-11-18", list[0].Key)
		}
	}
	// Two days of each half make no day of both.
	require.Empty(t, alarm.Volume([]lieciba.AuditEntry{watched("bruno", riga(18, 23, 0), 3*time.Hour), watched("bruno", riga(19, 1, 0), 3*time.Hour)}, nil, th))
	// What was refused, or has no range, was not seen.
	require.Empty(t, alarm.Volume([]lieciba.AuditEntry{with(watched("bruno", riga(18, 9, 0), 9*time.Hour), func(e *lieciba.AuditEntry) { e.Outcome = "forbidden" }),
		with(watched("bruno", riga(18, 9, 0), 0), func(e *lieciba.AuditEntry) { e.To = time.Time{} })}, nil, th))
}

func TestRefusals(t *testing.T) {
	th, now := alarm.Defaults(), riga(18, 12, 0)
	refused := func(who, outcome string, ago time.Duration) lieciba.AuditEntry {
		return lieciba.AuditEntry{At: now.Add(-ago), Who: who, WhoID: who, Act: "watch_archive", Outcome: outcome}
	}
	var list []lieciba.AuditEntry
	for i := range 9 {
		list = append(list, refused("anna", []string{"forbidden", "needs_grant", "not_fresh", "not_found"}[i%4], time.Duration(i)*time.Minute))
		list = append(list, refused("bruno", "invalid", 0), refused("carl", "ok", 0))
	}
	require.Empty(t, alarm.Refusals(list, now, th))
	require.Empty(t, alarm.Refusals(append(list, refused("anna", "forbidden", 61*time.Minute)), now, th), "an hour ago is over")
	found := alarm.Refusals(append(list, refused("anna", "forbidden", 59*time.Minute)), now, th)
	require.Equal(t, []string{"user:anna:2026-11-18"}, keys(found))
	require.Equal(t, 10, found[0].Count)
}

func TestWrongPasswords(t *testing.T) {
	th, now := alarm.Defaults(), riga(18, 12, 0)
	wrong := func(who, address string) lieciba.AuditEntry {
		return lieciba.AuditEntry{At: now.Add(-time.Minute), Who: who, WhoID: who, Act: "sign_in", Outcome: "unauthenticated", Address: address}
	}
	var list []lieciba.AuditEntry
	for i := range 10 {
		list = append(list, wrong("anna", string(rune('a'+i)))) // from ten addresses
		list = append(list, wrong("", "192.0.2.7"), wrong("", "192.0.2.7"), wrong("bruno", "192.0.2.8"))
	}
	require.Equal(t, []string{"user:anna:2026-11-18", "user:bruno:2026-11-18"}, keys(alarm.WrongPasswords(list, now, th)))
	for range 10 {
		list = append(list, wrong("", "192.0.2.7"))
	}
	found := alarm.WrongPasswords(list, now, th)
	require.Len(t, found, 3)
	require.Equal(t, "address:192.0.2.7:2026-11-18", found[2].Key)
	require.Empty(t, found[2].Who, "of nobody in particular")
	require.Contains(t, found[2].Detail, "30 wrong passwords from the address 192.0.2.7 ")
	require.Empty(t, alarm.WrongPasswords(list, now.Add(2*time.Hour), th))
}

// With a stolen cookie a password is guessed where nobody signs in.
func TestWrongPasswordsOfSomebodySignedIn(t *testing.T) {
	th, now := alarm.Defaults(), riga(18, 12, 0)
	var list []lieciba.AuditEntry
	for i := range 10 {
		list = append(list, lieciba.AuditEntry{At: now, Who: "anna", WhoID: "anna", Act: []string{"sign_in", "prove", "change_password"}[i%3], Outcome: "unauthenticated"},
			lieciba.AuditEntry{At: now, Who: "bruno", WhoID: "bruno", Act: "prove", Outcome: "ok"},
			lieciba.AuditEntry{At: now, Who: "carl", WhoID: "carl", Act: "watch_live", Outcome: "unauthenticated"})
	}
	require.Equal(t, []string{"user:anna:2026-11-18"}, keys(alarm.WrongPasswords(list, now, th)))
}

func TestUncollected(t *testing.T) {
	th, now := alarm.Defaults(), riga(18, 12, 0)
	x := lieciba.Export{ID: "x", State: lieciba.ExportSealed, RequestedBy: "anna", RequestedByID: "anna", SealedAt: now.Add(-7 * 24 * time.Hour), SessionID: "s"}
	found := alarm.Uncollected([]lieciba.Export{x}, now, th)
	require.Equal(t, []string{"export:x"}, keys(found))
	require.Equal(t, 7, found[0].Count)
	for _, change := range []func(*lieciba.Export){
		func(x *lieciba.Export) { x.SealedAt = x.SealedAt.Add(time.Second) },
		func(x *lieciba.Export) { x.CollectedAt = now },
		func(x *lieciba.Export) { x.State = lieciba.ExportBuilding },
	} {
		other := x
		change(&other)
		require.Empty(t, alarm.Uncollected([]lieciba.Export{other}, now, th))
	}
}

func TestNoCase(t *testing.T) {
	at := riga(18, 12, 0)
	grant := lieciba.Grant{HolderID: "anna", SessionID: "s", CameraIDs: []lieciba.CameraID{"c"}, Appeal: "A-1", BeganAt: riga(18, 9, 0), ExpiresAt: riga(19, 9, 0)}
	appeal := lieciba.Appeal{Reference: "A-1", State: lieciba.AppealOpened, OpenedAt: riga(10, 9, 0)}
	good := alarm.Look{Entry: watched("anna", at, time.Hour), Grants: []lieciba.Grant{grant}, Appeals: []lieciba.Appeal{appeal}}
	require.Empty(t, alarm.NoCase([]alarm.Look{good}))
	for name, change := range map[string]func(g *lieciba.Grant, a *lieciba.Appeal){
		"no case named":   func(g *lieciba.Grant, _ *lieciba.Appeal) { g.Appeal = "" },
		"another appeal":  func(g *lieciba.Grant, _ *lieciba.Appeal) { g.Appeal = "A-2" },
		"decided":         func(_ *lieciba.Grant, a *lieciba.Appeal) { a.State, a.FinalAt = lieciba.AppealFinal, riga(17, 9, 0) },
		"closed":          func(_ *lieciba.Grant, a *lieciba.Appeal) { a.State, a.ClosedAt = lieciba.AppealClosed, riga(17, 9, 0) },
		"not opened then": func(_ *lieciba.Grant, a *lieciba.Appeal) { a.OpenedAt = riga(18, 13, 0) },
		"before it began": func(g *lieciba.Grant, _ *lieciba.Appeal) { g.BeganAt = riga(18, 13, 0) },
		"expired":         func(g *lieciba.Grant, _ *lieciba.Appeal) { g.ExpiresAt = riga(18, 11, 0) },
		"revoked":         func(g *lieciba.Grant, _ *lieciba.Appeal) { g.RevokedAt = riga(18, 11, 0) },
		"another camera":  func(g *lieciba.Grant, _ *lieciba.Appeal) { g.CameraIDs = []lieciba.CameraID{"d"} },
		"more footage":    func(g *lieciba.Grant, _ *lieciba.Appeal) { g.From, g.To = riga(1, 9, 0), riga(1, 9, 30) },
	} {
		l, g, a := good, grant, appeal
		change(&g, &a)
		l.Grants, l.Appeals = []lieciba.Grant{g}, []lieciba.Appeal{a}
		found := alarm.NoCase([]alarm.Look{l, l})
		require.Equal(t, []string{"user:anna:session:s"}, keys(found), name)
		require.Equal(t, 2, found[0].Count)
		require.Equal(t, lieciba.SessionID("s"), found[0].SessionID)
		l.Grants = append(l.Grants, grant)
		l.Appeals = append(l.Appeals, appeal)
		require.Empty(t, alarm.NoCase([]alarm.Look{l}), "%s, but another grant is good", name)
	}
	for name, change := range map[string]func(g *lieciba.Grant, a *lieciba.Appeal){
		"an incident":       func(g *lieciba.Grant, _ *lieciba.Appeal) { g.Appeal, g.IncidentID = "", "i" },
		"the court":         func(_ *lieciba.Grant, a *lieciba.Appeal) { a.State, a.FinalAt = lieciba.AppealCourt, riga(17, 9, 0) },
		"decided since":     func(_ *lieciba.Grant, a *lieciba.Appeal) { a.State, a.FinalAt = lieciba.AppealFinal, riga(18, 13, 0) },
		"ended by revoking": func(g *lieciba.Grant, _ *lieciba.Appeal) { g.RevokedAt = at.Add(-time.Second) },
	} {
		l, g, a := good, grant, appeal
		change(&g, &a)
		l.Grants, l.Appeals = []lieciba.Grant{g}, []lieciba.Appeal{a}
		require.Empty(t, alarm.NoCase([]alarm.Look{l}), name)
	}
	require.Len(t, alarm.NoCase([]alarm.Look{{Entry: watched("anna", at, 0)}}), 1, "no grant at all")
}

func TestOwnSite(t *testing.T) {
	l := alarm.Look{Entry: watched("anna", riga(18, 12, 0), time.Hour), Site: "riga", Own: []lieciba.SiteID{"liepaja"}}
	require.Empty(t, alarm.OwnSite([]alarm.Look{l, {Entry: l.Entry}}))
	l.Own = append(l.Own, "riga")
	require.Equal(t, []string{"user:anna:session:s"}, keys(alarm.OwnSite([]alarm.Look{l, l})))
}
