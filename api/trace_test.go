package api

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// leaving is a real catalogue on which the caller hangs up at the worst moments:
// after a change, and before its audit entry.
type leaving struct {
	storage.Catalog
	hangUp context.CancelFunc
}

func (l leaving) AppendAudit(ctx context.Context, e lieciba.AuditEntry) error {
	l.hangUp()
	return l.Catalog.AppendAudit(ctx, e)
}

func (l leaving) PutSite(ctx context.Context, s lieciba.Site) error {
	defer l.hangUp()
	return l.Catalog.PutSite(ctx, s)
}

func (l leaving) PutUser(ctx context.Context, u lieciba.User) error {
	defer l.hangUp()
	return l.Catalog.PutUser(ctx, u)
}

// hungUp sends a request whose caller does not wait for the answer.
func (w *world) hungUp(token, method, path, body string) {
	w.t.Helper()
	ctx, hangUp := context.WithCancel(w.t.Context())
	defer hangUp()
	w.server.cfg.Catalog = leaving{w.catalog, hangUp}
	defer func() { w.server.cfg.Catalog = w.catalog }()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w.server.ServeHTTP(httptest.NewRecorder(), r)
	require.Error(w.t, ctx.Err(), "the caller was to leave in mid-request")
}

// Whoever is refused, or changes something, and hangs up at once leaves the same
// trace as who waits for the answer.
func TestHangingUpAvoidsNoTrace(t *testing.T) {
	w := newWorld(t)
	w.ticks = true
	w.hungUp(w.tokens["supervisor"], "GET", "/v1/users", "")
	require.Equal(t, "forbidden", w.audited("manage_users")[0].Outcome)

	w.hungUp(w.tokens["admin"], "PUT", "/v1/sites/quick", `{"name":"Quick"}`)
	require.Equal(t, "site quick is active", w.audited("manage_sites")[0].Detail)

	u := w.user("anna", goodPassword, nil, lieciba.RoleReviewer)
	b := w.browser()
	w.signIn(b, "anna", goodPassword).want(200)
	w.clock.add(1)
	w.hungUp(w.tokens["admin"], "PATCH", "/v1/users/"+string(u.ID), `{"password":"another good password"}`)
	require.Equal(t, "changed: password; taken: roles reviewer", w.audited("manage_users")[0].Detail)
	w.do(request{method: "GET", path: "/v1/me", client: b}).want(401) // no sign-in outlives the old password

	w.hungUp("", "POST", "/v1/sign-in", `{"login":"anna","password":"wrong password!"}`)
	require.Equal(t, "unauthenticated", w.audited("sign_in")[0].Outcome)
}
