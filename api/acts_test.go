package api

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// unrecorded are the changing routes that run no act, and why.
var unrecorded = map[string]string{
	"POST /v1/cameras/:id/key-frame":      "changes nothing that is kept",
	"POST /v1/cameras/:id/whep":           "a look: its entry is written before the answer, else it is hung up",
	"POST /v1/exam-sessions/:id/playback": "a look, as above",
	"DELETE /v1/whep/:id":                 "ends a look; what was watched is recorded by its end",
	"DELETE /v1/playbacks/:id":            "as above",
	"POST /v1/discoveries":                "its entry is written before it begins (TestJobsBeginRecorded)",
	"POST /v1/log/check":                  "as above",
	"POST /v1/log/cosignatures":           "the signature is its own trace; an entry would make another checkpoint to sign",
}

func errFault(what string) error {
	return lieciba.Errorf(lieciba.CodeUnavailable, "the database failed at %s", what)
}

// noAudit is a real catalogue whose audit log takes no entry: the change has run
// by then.
type noAudit struct{ storage.Catalog }

func (c noAudit) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	return c.Catalog.Act(ctx, e, func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return err
		}
		return errFault("the entry")
	})
}

func (c noAudit) AppendAudit(context.Context, lieciba.AuditEntry) error { return errFault("the entry") }

// noChange is a real catalogue on which the write of this number fails after it
// was made.
type noChange struct {
	storage.Catalog
	n, failAt int
}

func (c *noChange) step(err error) error {
	if err != nil {
		return err
	}
	if c.n++; c.n == c.failAt {
		return errFault(fmt.Sprintf("write %d", c.n))
	}
	return nil
}

func (c *noChange) PutSite(ctx context.Context, x lieciba.Site) error {
	return c.step(c.Catalog.PutSite(ctx, x))
}

func (c *noChange) PutRoom(ctx context.Context, x lieciba.Room) error {
	return c.step(c.Catalog.PutRoom(ctx, x))
}

func (c *noChange) PutCamera(ctx context.Context, x lieciba.Camera) error {
	return c.step(c.Catalog.PutCamera(ctx, x))
}

func (c *noChange) SetCameraSecret(ctx context.Context, id lieciba.CameraID, b []byte) error {
	return c.step(c.Catalog.SetCameraSecret(ctx, id, b))
}

func (c *noChange) AssignCamera(ctx context.Context, a lieciba.CameraAssignment) error {
	return c.step(c.Catalog.AssignCamera(ctx, a))
}

func (c *noChange) PutUser(ctx context.Context, u lieciba.User) error {
	return c.step(c.Catalog.PutUser(ctx, u))
}

func (c *noChange) PutSignIn(ctx context.Context, x lieciba.SignIn) error {
	return c.step(c.Catalog.PutSignIn(ctx, x))
}

func (c *noChange) ChangeSignIn(ctx context.Context, id lieciba.SignInID, decide func(lieciba.SignIn) (*lieciba.SignIn, error)) (lieciba.SignIn, error) {
	in, err := c.Catalog.ChangeSignIn(ctx, id, decide)
	return in, c.step(err)
}

func (c *noChange) EndSignIn(ctx context.Context, id lieciba.SignInID) error {
	return c.step(c.Catalog.EndSignIn(ctx, id))
}

func (c *noChange) DeleteSignIn(ctx context.Context, h [32]byte) error {
	return c.step(c.Catalog.DeleteSignIn(ctx, h))
}

func (c *noChange) DeleteSignIns(ctx context.Context, u lieciba.UserID, now time.Time) error {
	return c.step(c.Catalog.DeleteSignIns(ctx, u, now))
}

func (c *noChange) PutClientToken(ctx context.Context, x lieciba.ClientToken) error {
	return c.step(c.Catalog.PutClientToken(ctx, x))
}

func (c *noChange) ChangeSession(ctx context.Context, k lieciba.SessionKey, decide func(*lieciba.ExamSession) (*lieciba.ExamSession, error), e *lieciba.AuditEntry) error {
	return c.step(c.Catalog.ChangeSession(ctx, k, decide, e))
}

func (c *noChange) PutExport(ctx context.Context, e lieciba.Export) error {
	return c.step(c.Catalog.PutExport(ctx, e))
}

func (c *noChange) AddSessionEvent(ctx context.Context, e lieciba.SessionEvent) (lieciba.SessionEvent, bool, error) {
	stored, repeated, err := c.Catalog.AddSessionEvent(ctx, e)
	return stored, repeated, c.step(err)
}

func (c *noChange) PlaceHold(ctx context.Context, h lieciba.Hold) (int, error) {
	gone, err := c.Catalog.PlaceHold(ctx, h)
	return gone, c.step(err)
}

func (c *noChange) ChangeHold(ctx context.Context, id lieciba.HoldID, decide func(lieciba.Hold) (*lieciba.Hold, error)) (lieciba.Hold, error) {
	h, err := c.Catalog.ChangeHold(ctx, id, decide)
	return h, c.step(err)
}

func (c *noChange) PutPolicy(ctx context.Context, p lieciba.RetentionPolicy) error {
	return c.step(c.Catalog.PutPolicy(ctx, p))
}

func (c *noChange) ApprovePolicy(ctx context.Context, id lieciba.PolicyID, by, byID string, at time.Time) (lieciba.RetentionPolicy, error) {
	p, err := c.Catalog.ApprovePolicy(ctx, id, by, byID, at)
	return p, c.step(err)
}

func (c *noChange) PutRequest(ctx context.Context, r lieciba.Request) error {
	return c.step(c.Catalog.PutRequest(ctx, r))
}

func (c *noChange) ChangeRequest(ctx context.Context, id lieciba.RequestID, decide func(lieciba.Request) (*lieciba.Request, error)) (lieciba.Request, error) {
	r, err := c.Catalog.ChangeRequest(ctx, id, decide)
	return r, c.step(err)
}

func (c *noChange) PutGrant(ctx context.Context, g lieciba.Grant) error {
	return c.step(c.Catalog.PutGrant(ctx, g))
}

func (c *noChange) RevokeGrant(ctx context.Context, id lieciba.GrantID, by string, at time.Time) (lieciba.Grant, error) {
	g, err := c.Catalog.RevokeGrant(ctx, id, by, at)
	return g, c.step(err)
}

// dump is every row of every table of the database.
func (w *world) dump() []string {
	w.t.Helper()
	var tables []string
	list := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if w.catalog.Name() == "postgres" {
		list = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	rows := w.query(list)
	for _, r := range rows {
		tables = append(tables, fmt.Sprint(r[0]))
	}
	var out []string
	for _, t := range tables {
		for _, r := range w.query(`SELECT * FROM "` + t + `"`) {
			out = append(out, fmt.Sprint(t, r))
		}
	}
	sort.Strings(out)
	return out
}

func (w *world) query(q string) (out [][]any) {
	w.t.Helper()
	rows, err := w.db.QueryContext(w.t.Context(), q)
	require.NoError(w.t, err, q)
	defer func() { require.NoError(w.t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(w.t, err)
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		require.NoError(w.t, rows.Scan(to...))
		out = append(out, values)
	}
	require.NoError(w.t, rows.Err())
	return out
}

// changing makes a good request of a changing route, each time on fresh objects.
func (k *walk) changing(name string, r route) request {
	w := k.w
	for _, topic := range topics {
		if topic.changing == nil {
			continue
		}
		if req, ok := topic.changing(k, name, r); ok {
			return req
		}
	}
	switch name {
	case "POST /v1/exam-sessions/:id/events": // the kind that makes two changes
		return request{method: r.method, path: k.ref(r.method+" "+r.path, r.path, w.own, ""), token: w.tokens["citizenship"], body: map[string]any{
			"event_id": lieciba.NewID[string](start), "kind": "appeal_opened", "at": "2026-11-18T08:30:00+02:00", "appeal": "A" + lieciba.NewID[string](start)}}
	case "POST /v1/cameras":
		body := newCameraBody(map[string]any{"username": "root", "password": "camera password", "site": w.own.site.Code})
		return request{method: r.method, path: r.path, token: w.tokens["admin"], body: body}
	case "PATCH /v1/cameras/:id":
		return request{method: r.method, path: k.ref(r.method+" "+r.path, r.path, w.own, ""), token: w.tokens["admin"],
			body: map[string]any{"name": "n" + lieciba.NewID[string](start), "password": lieciba.NewID[string](start)}}
	}
	body, contentType := k.body(name, w.own)
	for i, cell := range strings.Fields(wanted(k.w.t)[name]) {
		if role := lieciba.Roles()[i]; cell != "-" {
			return request{method: r.method, path: k.ref(r.method+" "+r.path, r.path, w.own, role), token: w.tokens[role], body: body, contentType: contentType}
		}
	}
	require.Fail(w.t, "nobody may do this", name)
	return request{}
}

// Change and entry are there together or not at all (storage/DESIGN.md,
// invariant 7): on a catalogue whose audit log fails, nothing of the store has
// changed; on one where any write of the change fails, neither, so that no entry
// tells of what did not happen.
func TestEveryChangeIsOneActWithItsEntry(t *testing.T) {
	worlds := map[string]func(*testing.T) *world{"sqlite": func(t *testing.T) *world { return newWorld(t) }, "postgres": newPostgresWorld}
	if underRace { // one goroutine at a time: the detector finds the same on either
		delete(worlds, "postgres")
	}
	for name, open := range worlds {
		t.Run(name, func(t *testing.T) { everyChangeIsOneAct(t, open(t)) })
	}
}

func everyChangeIsOneAct(t *testing.T, w *world) {
	k := &walk{w: w}
	acts := 0
	for _, r := range w.server.routes() {
		name := r.method + " " + r.path
		if r.method == http.MethodGet || runsNoAct(name) {
			continue
		}
		acts++
		t.Run(name, func(t *testing.T) {
			w.t = t
			req := k.changing(name, r)
			before := w.dump()
			w.server.cfg.Catalog = noAudit{w.catalog}
			w.do(req).want(http.StatusServiceUnavailable)
			w.server.cfg.Catalog = w.catalog
			require.Equal(t, before, w.dump(), "without its entry nothing has changed")

			for failAt := 1; ; failAt++ {
				require.Less(t, failAt, 10)
				req := k.changing(name, r)
				before, faulty := w.dump(), &noChange{Catalog: w.catalog, failAt: failAt}
				w.server.cfg.Catalog = faulty
				a := w.do(req)
				w.server.cfg.Catalog = w.catalog
				if faulty.n < failAt { // it had no such write: now it is done
					require.Less(t, a.status, 300, "%s: %s", name, a.body)
					require.Greater(t, failAt, 1, "%s makes no change", name)
					w.entriesMore(before, entriesOf(name))
					return
				}
				a.want(http.StatusServiceUnavailable)
				require.Equal(t, before, w.dump(), "without write %d nothing has changed", failAt)
			}
		})
	}
	require.GreaterOrEqual(t, acts, 20, "routes that change something")
	for name := range unrecorded {
		require.Contains(t, want, name)
	}
}

func runsNoAct(name string) bool {
	for _, topic := range topics {
		if topic.unrecorded[name] != "" {
			return true
		}
	}
	return unrecorded[name] != ""
}

// entriesOf is how many audit entries a route makes.
func entriesOf(name string) int {
	for _, topic := range topics {
		if n := topic.entries[name]; n > 0 {
			return n
		}
	}
	return 1
}

// entriesMore requires that so many audit entries came, with their leaves.
func (w *world) entriesMore(before []string, n int) {
	w.t.Helper()
	count := func(list []string) (n int) {
		for _, row := range list {
			if strings.HasPrefix(row, "audit") {
				n++
			}
		}
		return n
	}
	require.Equal(w.t, count(before)+n, count(w.dump()))
	list, err := w.catalog.ListAudit(w.t.Context(), storage.AuditFilter{Limit: n})
	require.NoError(w.t, err)
	for _, e := range list {
		_, err = w.catalog.LeafOf(w.t.Context(), lieciba.LeafAudit, string(e.ID))
		require.NoError(w.t, err)
	}
}

// What runs in the background begins only when its entry is written.
func TestJobsBeginRecorded(t *testing.T) {
	w := newWorld(t)
	w.server.cfg.Catalog = noAudit{w.catalog}
	before := w.dump()
	w.as("admin", "POST", "/v1/discoveries", map[string]any{"seconds": 1}).want(503)
	w.as("security", "POST", "/v1/log/check", nil).want(503)
	w.server.cfg.Catalog = w.catalog
	require.Equal(t, before, w.dump())
	require.Empty(t, w.server.discoveries.byID)
	require.Equal(t, "none", w.as("security", "GET", "/v1/log/check", nil).want(200).json()["state"])
	// And one that has no place leaves no entry.
	w.cameras.hold = make(chan struct{})
	for range maxRunning {
		w.as("admin", "POST", "/v1/discoveries", map[string]any{"seconds": 1}).want(201)
	}
	before = w.dump()
	w.as("admin", "POST", "/v1/discoveries", map[string]any{"seconds": 1}).want(429)
	require.Equal(t, before, w.dump())
	close(w.cameras.hold)
}
