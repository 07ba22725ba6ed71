package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// hookedCatalog calls what a test hangs in between the parts of a request.
type hookedCatalog struct {
	storage.Catalog
	signedIn, acting atomic.Pointer[func()] // after the look-up of a cookie; before an act
}

func once1(p *atomic.Pointer[func()]) {
	if f := p.Swap(nil); f != nil {
		(*f)()
	}
}

func (h *hookedCatalog) SignIn(ctx context.Context, hash [32]byte) (lieciba.SignIn, error) {
	in, err := h.Catalog.SignIn(ctx, hash)
	once1(&h.signedIn)
	return in, err
}

func (h *hookedCatalog) Act(ctx context.Context, e *lieciba.AuditEntry, do func(context.Context) error) error {
	once1(&h.acting)
	return h.Catalog.Act(ctx, e, do)
}

// losses are the ways in which somebody loses a right.
var losses = map[string]struct {
	lose   func(w *world, u lieciba.User)
	status int
	code   lieciba.Code
}{
	"the sign-in ends": {func(w *world, u lieciba.User) {
		require.NoError(w.t, w.catalog.DeleteSignIns(w.t.Context(), u.ID, w.clock.Now()))
	}, 401, lieciba.CodeUnauthenticated},
	"the account is closed": {func(w *world, u lieciba.User) {
		u.Disabled = true
		require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	}, 401, lieciba.CodeUnauthenticated},
	"the role is taken": {func(w *world, u lieciba.User) {
		u.Roles = nil
		require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	}, 403, lieciba.CodeForbidden},
	"one role of two is taken": {func(w *world, u lieciba.User) {
		u.Roles = u.Roles[1:]
		require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	}, 403, lieciba.CodeForbidden},
	"the site is taken": {func(w *world, u lieciba.User) {
		u.SiteIDs = nil
		require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	}, 403, lieciba.CodeForbidden},
}

// Who loses a right after a request was let in and before it changes anything
// changes nothing, whichever act it is; the refusal is in the audit log.
func TestRightLostBeforeTheActIsRefused(t *testing.T) {
	t.Parallel()
	for name, x := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hooks := &hookedCatalog{}
			w := newWorld(t, func(c *Config) { hooks.Catalog, c.Catalog = c.Catalog, hooks })
			w.ticks = true
			session := "/v1/exam-sessions/" + w.own.session.ExternalID
			for _, change := range []struct {
				method, path, act string
				body              any
			}{
				{"POST", "/v1/users", string(lieciba.ActManageUsers), map[string]any{"login": "thief", "name": "Thief", "password": "one password of many"}},
				{"POST", "/v1/client-tokens", string(lieciba.ActManageUsers), map[string]any{"name": "thief", "roles": []string{"monitoring"}}},
				{"POST", session + "/incidents", string(lieciba.ActMarkIncident), map[string]any{"kind": "other", "note": "Of one who has left"}},
				{"POST", session + "/holds", string(lieciba.ActPlaceHold), map[string]any{"kind": "appeal", "reference": "A-1", "reason": "Of one who has left"}},
				{"PUT", "/v1/me/password", "change_password", map[string]any{"current": goodPassword, "password": "another good one"}},
			} {
				u := w.user("anna"+w.clock.Now().Format("150405.000"), goodPassword, []lieciba.SiteID{w.own.site.ID},
					lieciba.RoleAdmin, lieciba.RoleSupervisor, lieciba.RoleReviewer)
				b := w.browser()
				w.signIn(b, u.Login, goodPassword).want(200)
				lose := func() { x.lose(w, u) }
				hooks.acting.Store(&lose)
				w.do(request{method: change.method, path: change.path, body: change.body, client: b}).refused(x.status, x.code, "")
				require.Nil(t, hooks.acting.Load(), "%s %s: the right was lost", change.method, change.path)
				e := w.audited(change.act)[0]
				require.Equal(t, string(x.code), e.Outcome, change.path)
				require.Equal(t, string(u.ID), e.WhoID, change.path)
			}
			for _, list := range []string{"/v1/users", "/v1/client-tokens"} {
				require.NotContains(t, string(w.as("admin", "GET", list, nil).want(200).body), "thief")
			}
		})
	}
}

// A token that is revoked while its request is under way changes nothing.
func TestTokenRevokedBeforeTheActIsRefused(t *testing.T) {
	hooks := &hookedCatalog{}
	w := newWorld(t, func(c *Config) { hooks.Catalog, c.Catalog = c.Catalog, hooks })
	lose := func() {
		w.as("admin", "DELETE", "/v1/client-tokens/"+string(w.ids[lieciba.RoleCitizenship]), nil).want(204)
	}
	hooks.acting.Store(&lose)
	key := lieciba.SessionKey{Source: "token-citizenship", ExternalID: "late-1"}
	w.as("citizenship", "PUT", "/v1/exam-sessions/"+key.ExternalID, map[string]any{"source_version": 1, "room": w.own.room.Code, "parts": []any{},
		"starts_at": start.Add(24 * time.Hour).In(lieciba.Riga).Format(time.RFC3339), "ends_at": start.Add(25 * time.Hour).In(lieciba.Riga).Format(time.RFC3339),
		"seats": 1}).refused(401, lieciba.CodeUnauthenticated, "")
	_, err := w.catalog.SessionByKey(t.Context(), key)
	require.Equal(t, lieciba.CodeNotFound, lieciba.CodeOf(err))
}

// An approval whose body is sent to its last byte only after the approver was
// shut out approves nothing.
func TestSlowBodyDoesNotOutliveTheRight(t *testing.T) {
	f := newFourEyes(t)
	hooks := &hookedCatalog{Catalog: f.cfg.Catalog}
	f.server.cfg.Catalog = hooks
	seen := make(chan struct{})
	signal := func() { close(seen) }
	hooks.signedIn.Store(&signal)
	body, err := json.Marshal(map[string]any{"digest": f.request["digest"]})
	require.NoError(t, err)
	from, to := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", f.http.URL+f.path("/approval"), from)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	status := make(chan int, 1)
	go func() {
		defer close(status)
		resp, err := f.people["berta"].Do(r)
		if err != nil {
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	_, err = to.Write(body[:len(body)-1])
	require.NoError(t, err)
	<-seen // berta was let in
	u, err := f.catalog.UserByLogin(t.Context(), "berta")
	require.NoError(t, err)
	u.Disabled = true
	require.NoError(t, f.catalog.PutUser(t.Context(), u))
	require.NoError(t, f.catalog.DeleteSignIns(t.Context(), u.ID, f.clock.Now()))
	_, err = to.Write(body[len(body)-1:])
	require.NoError(t, err)
	require.NoError(t, to.Close())
	require.Equal(t, http.StatusUnauthorized, <-status)
	require.Equal(t, "requested", f.by("anna", "GET", f.path(""), nil).want(200).json()["state"])
}
