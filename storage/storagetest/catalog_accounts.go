package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

func newUser(login string) lieciba.User {
	return lieciba.User{ID: newID[lieciba.UserID](), Login: login, Name: "Vārds", PasswordHash: "$argon2id$v=19$…",
		Roles: []lieciba.Role{lieciba.RoleSupervisor, lieciba.RoleReviewer}, SiteIDs: []lieciba.SiteID{newID[lieciba.SiteID]()}, CreatedAt: base}
}

func newAudit(act string, at time.Time) lieciba.AuditEntry {
	return lieciba.AuditEntry{ID: newID[lieciba.AuditID](), At: at, Who: "anna", WhoID: string(newID[lieciba.UserID]()), Act: act,
		Object: "camera:x", Outcome: "ok", Detail: "…", Address: "10.0.0.9"}
}

var accountTests = map[string]func(*testing.T, *world){
	"Users": func(t *testing.T, w *world) {
		u, v := newUser("zane"), newUser("anna")
		v.Roles, v.SiteIDs, v.Disabled = nil, nil, true
		require.NoError(t, w.PutUser(w.ctx, u))
		require.NoError(t, w.PutUser(w.ctx, v))
		got, err := w.User(w.ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, u, got)
		got, err = w.UserByLogin(w.ctx, "anna")
		require.NoError(t, err)
		require.Equal(t, v, got)
		_, err = w.UserByLogin(w.ctx, "nobody")
		requireCode(t, err, lieciba.CodeNotFound, "")
		list, err := w.ListUsers(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.User{v, u}, list)
		requireCode(t, w.PutUser(w.ctx, newUser("anna")), lieciba.CodeConflict, "login")
		u.Roles = u.Roles[:1]
		require.NoError(t, w.PutUser(w.ctx, u))
		got, err = w.User(w.ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, u, got)
	},

	"SignIns": func(t *testing.T, w *world) {
		u := newUser("anna")
		require.NoError(t, w.PutUser(w.ctx, u))
		signIn := func(n byte, until float64) lieciba.SignIn {
			s := newSignIn(u, n)
			s.ExpiresAt = sec(until)
			return s
		}
		a, b, c := signIn(1, 10), signIn(2, 20), signIn(3, 30)
		for _, s := range []lieciba.SignIn{a, b, c} {
			require.NoError(t, w.PutSignIn(w.ctx, s))
		}
		a.SeenAt = sec(5)
		require.NoError(t, w.PutSignIn(w.ctx, a))
		there := func(s lieciba.SignIn, want bool) {
			got, err := w.SignIn(w.ctx, s.TokenHash)
			if !want {
				requireCode(t, err, lieciba.CodeNotFound, "")
				return
			}
			require.NoError(t, err)
			require.Equal(t, s, got)
		}
		there(a, true)
		require.NoError(t, w.DeleteSignIns(w.ctx, "", sec(15)))
		there(a, false)
		there(b, true)
		require.NoError(t, w.DeleteSignIn(w.ctx, b.TokenHash))
		require.NoError(t, w.DeleteSignIn(w.ctx, b.TokenHash), "the same again")
		there(b, false)
		there(c, true)
		require.NoError(t, w.DeleteSignIns(w.ctx, newID[lieciba.UserID](), sec(99)))
		there(c, true)
		require.NoError(t, w.DeleteSignIns(w.ctx, u.ID, base))
		there(c, false)
		c.UserID = newID[lieciba.UserID]()
		requireCode(t, w.PutSignIn(w.ctx, c), lieciba.CodeNotFound, "")
	},

	"ClientTokens": func(t *testing.T, w *world) {
		a := lieciba.ClientToken{ID: newID[lieciba.TokenID](), Name: "pizis", TokenHash: [32]byte{1}, Roles: []lieciba.Role{lieciba.RoleCitizenship},
			CreatedAt: base, ExpiresAt: sec(10)}
		b := a
		b.ID, b.Name, b.TokenHash, b.SiteIDs = newID[lieciba.TokenID](), "grafana", [32]byte{2}, []lieciba.SiteID{w.site.ID}
		require.NoError(t, w.PutClientToken(w.ctx, a))
		require.NoError(t, w.PutClientToken(w.ctx, b))
		a.RevokedAt = sec(3)
		require.NoError(t, w.PutClientToken(w.ctx, a))
		got, err := w.ClientToken(w.ctx, a.TokenHash)
		require.NoError(t, err)
		require.Equal(t, a, got)
		list, err := w.ListClientTokens(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.ClientToken{b, a}, list)
		_, err = w.ClientToken(w.ctx, [32]byte{9})
		requireCode(t, err, lieciba.CodeNotFound, "")
		for _, one := range list {
			got, err = w.ClientTokenByID(w.ctx, one.ID)
			require.NoError(t, err)
			require.Equal(t, one, got, "a revoked one too")
		}
		_, err = w.ClientTokenByID(w.ctx, newID[lieciba.TokenID]())
		requireCode(t, err, lieciba.CodeNotFound, "")
		b.TokenHash = a.TokenHash
		requireCode(t, w.PutClientToken(w.ctx, b), lieciba.CodeConflict, "token_hash")
	},

	"Audit": testAudit,

	"AuditByPage": func(t *testing.T, w *world) {
		for i := range 11 {
			require.NoError(t, w.AppendAudit(w.ctx, newAudit(fmt.Sprint("act", i), sec(float64(i/4)))))
		}
		all, err := w.ListAudit(w.ctx, storage.AuditFilter{})
		require.NoError(t, err)
		require.Len(t, all, 11)
		var paged []lieciba.AuditEntry
		var before lieciba.AuditID
		for {
			page, err := w.ListAudit(w.ctx, storage.AuditFilter{Limit: 3, Before: before})
			require.NoError(t, err)
			paged = append(paged, page...)
			if len(page) < 3 {
				break
			}
			before = page[2].ID
		}
		require.Equal(t, all, paged)
		_, err = w.ListAudit(w.ctx, storage.AuditFilter{Before: newID[lieciba.AuditID]()})
		requireCode(t, err, lieciba.CodeNotFound, "")
	},
}

func testAudit(t *testing.T, w *world) {
	watch, push, sign := newAudit("watch_archive", sec(1)), newAudit("push_session", sec(2)), newAudit("sign_in", sec(3))
	sign.Outcome = "unauthenticated"
	watch.SessionID, watch.CameraID, watch.From, watch.To = w.session.ID, w.camera.ID, sec(10), sec(20)
	push.SessionID, push.WhoID = w.session.ID, watch.WhoID
	for _, e := range []lieciba.AuditEntry{push, watch, sign} {
		require.NoError(t, w.AppendAudit(w.ctx, e))
		require.NoError(t, w.AppendAudit(w.ctx, e), "the same again")
	}
	forged := watch
	forged.Outcome = "forbidden"
	requireCode(t, w.AppendAudit(w.ctx, forged), lieciba.CodeConflict, "id")
	for name, c := range map[string]struct {
		f    storage.AuditFilter
		want []lieciba.AuditEntry
	}{
		"all":     {storage.AuditFilter{}, []lieciba.AuditEntry{sign, push, watch}},
		"who":     {storage.AuditFilter{WhoID: watch.WhoID}, []lieciba.AuditEntry{push, watch}},
		"act":     {storage.AuditFilter{Act: "sign_in"}, []lieciba.AuditEntry{sign}},
		"session": {storage.AuditFilter{SessionID: w.session.ID}, []lieciba.AuditEntry{push, watch}},
		"camera":  {storage.AuditFilter{CameraID: w.camera.ID}, []lieciba.AuditEntry{watch}},
		"outcome": {storage.AuditFilter{Outcomes: []string{"unauthenticated", "forbidden"}}, []lieciba.AuditEntry{sign}},
		"refused": {storage.AuditFilter{Outcomes: []string{"forbidden"}}, nil},
		"span":    {storage.AuditFilter{Span: lieciba.Interval{From: sec(1), To: sec(3)}}, []lieciba.AuditEntry{push, watch}},
		"since":   {storage.AuditFilter{Span: lieciba.Interval{From: sec(2)}}, []lieciba.AuditEntry{sign, push}},
		"limit":   {storage.AuditFilter{SessionID: w.session.ID, Limit: 1, Before: push.ID}, []lieciba.AuditEntry{watch}},
		"none":    {storage.AuditFilter{Act: "sign_in", CameraID: w.camera.ID}, nil},
	} {
		got, err := w.ListAudit(w.ctx, c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}
