package api

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/api/password"
	"lieciba/storage"
	"lieciba/storage/postgres"
	"lieciba/storage/storagetest"
)

// between is one node's catalogue with a moment of its own: what is in at runs
// once, at its named step, as if another node had been faster.
type between struct {
	storage.Catalog
	mu sync.Mutex
	at map[string]func()
}

func (b *between) set(step string, do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = map[string]func(){step: do}
}

func (b *between) now(step string) {
	b.mu.Lock()
	do := b.at[step]
	delete(b.at, step)
	b.mu.Unlock()
	if do != nil {
		do()
	}
}

func (b *between) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	b.now("Act")
	return b.Catalog.Act(ctx, e, do)
}

func (b *between) ListSessions(ctx context.Context, f storage.SessionFilter) ([]lieciba.ExamSession, error) {
	list, err := b.Catalog.ListSessions(ctx, f)
	b.now("ListSessions")
	return list, err
}

func (b *between) ListSites(ctx context.Context) ([]lieciba.Site, error) {
	list, err := b.Catalog.ListSites(ctx)
	b.now("ListSites")
	return list, err
}

func (b *between) RoomByCode(ctx context.Context, code string) (lieciba.Room, error) {
	r, err := b.Catalog.RoomByCode(ctx, code)
	b.now("RoomByCode")
	return r, err
}

func (b *between) Policies(ctx context.Context) ([]lieciba.RetentionPolicy, error) {
	list, err := b.Catalog.Policies(ctx)
	b.now("Policies")
	return list, err
}

// twoNodes are two servers on one PostgreSQL database; the first has moments.
func twoNodes(t *testing.T) (one, two *world, moments *between) {
	t.Helper()
	url := storagetest.PostgresFor(t, postgres.Open)
	open := func() storage.Catalog {
		cat, err := postgres.Open(t.Context(), url)
		require.NoError(t, err)
		return cat
	}
	moments = &between{Catalog: open()}
	one = newWorldOn(t, moments, openSQL(t, "pgx", url))
	other := *one
	two = &other
	two.catalog = open()
	t.Cleanup(func() { require.NoError(t, two.catalog.Close()) })
	two.cfg.Catalog, two.cfg.Node = two.catalog, lieciba.NewID[lieciba.NodeID](start)
	var err error
	two.server, err = New(two.cfg)
	require.NoError(t, err)
	two.http = httptest.NewUnstartedServer(nil)
	two.http.Config = HTTPServer(two.server)
	two.http.Start()
	t.Cleanup(func() {
		two.http.Close()
		require.NoError(t, two.server.Close())
	})
	return one, two, moments
}

// waits returns when another session of the database waits for a lock.
func (w *world) waits() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		var n int
		err := w.db.QueryRowContext(w.t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		return err == nil && n > 0
	}, time.Minute, 10*time.Millisecond, "nobody waits for the room")
}

// The button is pressed on two nodes at a time: one session is started, and the
// other node tells of it.
func TestTwoNodesStartOneSession(t *testing.T) {
	one, two, moments := twoNodes(t)
	room := one.room(one.own.site.ID, "free")
	press := func(w *world) answer {
		return w.as("supervisor", "POST", "/v1/exam-sessions", map[string]any{"room": room.Code, "minutes": 30, "parts": []any{}})
	}
	late := make(chan answer, 1)
	moments.set("ListSessions", func() { // the first has looked and starts nothing yet
		go func() { late <- press(two) }()
		one.waits()
	})
	started := press(one).want(201).json()
	message := (<-late).refused(409, lieciba.CodeConflict, "room")
	require.Contains(t, message, started["external_id"])
	list, err := one.catalog.ListSessions(t.Context(), storage.SessionFilter{RoomID: room.ID})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Len(t, one.audited(string(lieciba.ActStartSession)), 1)

	room = one.room(one.own.site.ID, "ahead")
	two.server.cfg.Now = func() time.Time { return one.clock.Now().Add(5 * time.Second) } // its clock goes before
	press(two).want(201)
	press(one).refused(409, lieciba.CodeConflict, "room")
}

// A password that was right is worth nothing when the account was closed or got
// another password on another node before the sign-in began.
func TestSignInOfAnAccountThatChanges(t *testing.T) {
	one, two, moments := twoNodes(t)
	changed, err := password.Hash("cita parole 12345")
	require.NoError(t, err)
	for name, change := range map[string]func(u lieciba.User) lieciba.User{
		"closed":       func(u lieciba.User) lieciba.User { u.Disabled = true; return u },
		"new password": func(u lieciba.User) lieciba.User { u.PasswordHash = changed; return u },
	} {
		t.Run(name, func(t *testing.T) {
			login := "u" + lieciba.NewID[string](start)[24:]
			u := one.user(login, goodPassword, nil, lieciba.RoleReviewer)
			moments.set("Act", func() {
				require.NoError(t, two.catalog.PutUser(t.Context(), change(u)))
				require.NoError(t, two.catalog.DeleteSignIns(t.Context(), u.ID, start))
			})
			b := one.browser()
			a := one.signIn(b, login, goodPassword)
			a.refused(401, lieciba.CodeUnauthenticated, "")
			require.Empty(t, a.header.Values("Set-Cookie"))
			require.Empty(t, one.query(`SELECT 1 FROM sign_ins WHERE user_id = '`+string(u.ID)+`'`))
			var outcomes []string
			for _, e := range one.audited("sign_in") {
				if e.Object == "user:"+string(u.ID) {
					outcomes = append(outcomes, e.Outcome)
				}
			}
			require.Equal(t, []string{"unauthenticated"}, outcomes)
		})
	}
}

// Two nodes make the same site, room or policy version: the slower one finds it
// and goes on from there.
func TestTwoNodesMakeTheSame(t *testing.T) {
	one, two, moments := twoNodes(t)
	policy := map[string]any{"purpose": "exam", "legal_basis": "MK 973", "keep": map[string]any{"months": 6, "days": 0},
		"unanchored": map[string]any{"months": 12, "days": 0}, "warn_before": map[string]any{"months": 1, "days": 0},
		"after_appeal": map[string]any{"months": 1, "days": 0}}
	for _, c := range []struct {
		step, method, path string
		body               map[string]any
		status             int
	}{
		{"RoomByCode", "PUT", "/v1/rooms/both", map[string]any{"site": "riga", "name": "Both"}, 200},
		{"Policies", "POST", "/v1/retention/policies", policy, 201},
	} {
		moments.set(c.step, func() { two.as("admin", c.method, c.path, c.body).want(201) })
		a := one.as("admin", c.method, c.path, c.body).want(c.status).json()
		if c.step == "Policies" {
			require.EqualValues(t, 2, a["version"])
		}
	}
	put := func(w *world) answer { return w.as("admin", "PUT", "/v1/sites/both", map[string]any{"name": "Both"}) }
	late := make(chan answer, 1)
	moments.set("ListSites", func() { // which holds the sites that there are
		go func() { late <- put(two) }()
		one.waits()
	})
	put(one).want(201)
	(<-late).want(200)
	require.Len(t, one.audited(string(lieciba.ActManageSites)), 4, "each of the four has its entry, and no try has one of its own")
	one.as("admin", "PUT", "/v1/rooms/both", map[string]any{"site": "liepaja", "name": "Both"}).refused(409, lieciba.CodeConflict, "site")
}
